//! Hybrid logical clocks: 48 bits of milliseconds and a 16-bit counter in one `u64`, compared as a
//! number. After Kulkarni et al., "Logical Physical Clocks" (2014).

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A stamp: milliseconds since the Unix epoch in the upper 48 bits, a counter in the lower 16.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The largest stamp: 47 bits of milliseconds, since Automerge keeps time in an `i64`.
    pub const MAX: Hlc = Hlc(i64::MAX as u64);

    /// A stamp from its halves; milliseconds past the range are cut to the largest.
    pub fn new(millis: u64, counter: u16) -> Self {
        let millis = millis.min(Hlc::MAX.millis());
        Hlc((millis << 16) | u64::from(counter))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The counter within a millisecond.
    pub fn counter(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The stamp as Automerge carries it.
    pub fn as_time(self) -> i64 {
        self.0.min(Hlc::MAX.0) as i64
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.millis(), self.counter())
    }
}

/// One replica's clock. It never goes back, and a stamp from elsewhere raises it by at most
/// [`limits::CLOCK_RAISE_MS_MAX`] above the wall clock, so one device in 2099 drags nobody along.
#[derive(Clone, Copy, Debug, Default)]
pub struct HlcClock {
    last: Hlc,
}

impl HlcClock {
    /// A clock that continues after `last`.
    pub fn resume(last: Hlc) -> Self {
        HlcClock { last }
    }

    /// The stamp of a local edit at wall-clock time `now_ms`: above every stamp given before.
    pub fn tick(&mut self, now_ms: u64) -> Hlc {
        let wall = Hlc::new(now_ms, 0);
        self.last = if wall > self.last {
            wall
        } else {
            Hlc(self.last.0.saturating_add(1)).min(Hlc::MAX)
        };
        self.last
    }

    /// Takes note of a received stamp, to at most the wall clock plus the bound.
    pub fn observe(&mut self, seen: Hlc, now_ms: u64) {
        let cap = Hlc::new(now_ms.saturating_add(limits::CLOCK_RAISE_MS_MAX), 0);
        self.last = self.last.max(seen);
    }

    /// The last stamp given or noted.
    pub fn last(&self) -> Hlc {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_rise_while_the_wall_clock_stands_or_falls() {
        let mut clock = HlcClock::default();
        let first = clock.tick(1_000);
        let second = clock.tick(1_000);
        let third = clock.tick(10);
        assert!(first < second && second < third);
        assert_eq!(third.millis(), 1_000);
    }

    #[test]
    fn a_stamp_from_2099_raises_the_clock_by_at_most_the_bound() {
        let mut clock = HlcClock::default();
        clock.observe(Hlc::new(4_070_908_800_000, 0), 1_000);
        assert_eq!(
            clock.tick(1_000).millis(),
            1_000 + limits::CLOCK_RAISE_MS_MAX
        );
    }
}
