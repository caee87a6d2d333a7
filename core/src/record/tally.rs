//! Sums that can be asked for at any causal past: per line, running totals by change.
#![deny(clippy::arithmetic_side_effects)]

use super::rows::LineRef;
use std::collections::BTreeMap;

/// What was added to and taken from something, by whom and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    plus: u64,
    minus: u64,
    /// By line: the change's number and the line's totals up to it.
    lines: BTreeMap<LineRef, Vec<(u64, u64, u64)>>,
}

impl Tally {
    /// Counts a change's part. Within a line the numbers rise.
    pub(super) fn add(&mut self, line: LineRef, seq: u64, plus: u64, minus: u64) {
        self.plus = self.plus.saturating_add(plus);
        self.minus = self.minus.saturating_add(minus);
        let totals = self.lines.entry(line).or_default();
        let (_, before_plus, before_minus) = totals.last().copied().unwrap_or_default();
        totals.push((
            seq,
            before_plus.saturating_add(plus),
            before_minus.saturating_add(minus),
        ));
    }

    /// What was added and taken by the changes of each line up to the number `upto` gives for it;
    /// by all of them where `whole`, which is the same if `upto` covers all.
    pub(super) fn sum(&self, upto: impl Fn(LineRef) -> u64, whole: bool) -> (u64, u64) {
        if whole {
            return (self.plus, self.minus);
        }
        self.lines
            .iter()
            .fold((0, 0), |(plus, minus), (line, totals)| {
                let last = upto(*line);
                let within = totals.partition_point(|(seq, ..)| *seq <= last);
                let (_, more, less) = within
                    .checked_sub(1)
                    .and_then(|at| totals.get(at))
                    .copied()
                    .unwrap_or_default();
                (
                    u64::saturating_add(plus, more),
                    u64::saturating_add(minus, less),
                )
            })
    }
}
