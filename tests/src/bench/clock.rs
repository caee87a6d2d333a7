//! CPU time, and ratios of it.

use cpu_time::ThreadTime;
use std::{hint::black_box, time::Duration};

/// CPU time spent on one thing, bit by bit. What reading the clock costs is taken off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    time: Duration,
    readings: u32,
}

impl Spent {
    /// Does some work and counts its time.
    #[inline]
    pub fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = ThreadTime::now();
        let result = black_box(work());
        self.time += begun.elapsed();
        self.readings += 1;
        result
    }

    /// Nanoseconds, without those of the clock itself.
    pub fn nanos(&self, clock: &Clock) -> f64 {
        (self.time.as_nanos() as f64 - f64::from(self.readings) * clock.reading_nanos).max(0.0)
    }
}

/// What reading the clock costs here.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds between two readings with nothing in between.
    pub reading_nanos: f64,
}

impl Clock {
    /// Measures the clock.
    pub fn measure() -> Self {
        let mut readings: Vec<f64> = (0..2_000)
            .map(|_| ThreadTime::now().elapsed().as_nanos() as f64)
            .collect();
        Clock {
            reading_nanos: median(&mut readings),
        }
    }
}

/// What one and the same work cost on both sides, in nanoseconds per edit, round by round.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    bare: Vec<f64>,
    ours: Vec<f64>,
}

impl Rounds {
    /// Notes a round.
    pub fn push(&mut self, bare: f64, ours: f64) {
        self.bare.push(bare);
        self.ours.push(ours);
    }

    /// The bare side's median, in microseconds.
    pub fn bare_us(&self) -> f64 {
        median(&mut self.bare.clone()) / 1e3
    }

    /// Our median, in microseconds.
    pub fn ours_us(&self) -> f64 {
        median(&mut self.ours.clone()) / 1e3
    }

    /// The median of the rounds' ratios.
    pub fn ratio(&self) -> f64 {
        median(&mut self.ratios())
    }

    /// The lowest and the highest ratio of a round.
    pub fn spread(&self) -> (f64, f64) {
        let ratios = self.ratios();
        let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        (low, ratios.iter().copied().fold(0.0, f64::max))
    }

    fn ratios(&self) -> Vec<f64> {
        self.bare
            .iter()
            .zip(&self.ours)
            .map(|(bare, ours)| ours / bare)
            .collect()
    }
}

/// The middle one; 0 of none.
pub fn median(values: &mut [f64]) -> f64 {
    at_share(values, 0.5)
}

/// The value below which this share of all lies (nearest rank); 0 of none.
pub fn at_share(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    values
        .get((last * share).round() as usize)
        .copied()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_its_rounds() {
        let mut rounds = Rounds::default();
        for (bare, ours) in [(1_000.0, 2_000.0), (1_000.0, 9_000.0), (2_000.0, 2_000.0)] {
            rounds.push(bare, ours);
        }
        assert_eq!((rounds.ratio(), rounds.spread()), (2.0, (1.0, 9.0)));
        assert_eq!((rounds.bare_us(), rounds.ours_us()), (1.0, 2.0));
        assert_eq!(at_share(&mut [3.0, 1.0, 2.0, 5.0, 4.0], 0.99), 5.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
