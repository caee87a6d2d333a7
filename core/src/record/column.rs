//! Cursors over a change's columns. Each yields one row at a time and holds no more than that, so
//! a run that claims a million rows in three bytes costs nothing until its rows are asked for.
//!
//! Only the engine's own spelling passes: runs of two or more equal values, single values gathered
//! in one literal, no two runs that could be one, no column of nothing but nulls.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    rule::{RecordRule, Region},
    scan::Bytes,
};
use crate::limits::OP_COUNTER_MAX;

/// A value that a run-length column can hold.
pub(super) trait Item<'a>: Copy + PartialEq {
    fn read(bytes: &mut Bytes<'a>, place: Region) -> Result<Self, RecordRule>;
}

impl<'a> Item<'a> for u64 {
    fn read(bytes: &mut Bytes<'a>, place: Region) -> Result<Self, RecordRule> {
        bytes.unsigned(place)
    }
}

impl<'a> Item<'a> for i64 {
    fn read(bytes: &mut Bytes<'a>, place: Region) -> Result<Self, RecordRule> {
        bytes.signed(place)
    }
}

impl<'a> Item<'a> for &'a str {
    fn read(bytes: &mut Bytes<'a>, place: Region) -> Result<Self, RecordRule> {
        let length = bytes.unsigned(place)?;
        let text = bytes.take(length, place)?;
        std::str::from_utf8(text).map_err(|_| RecordRule::Utf8 { place })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Start,
    Run,
    Literal,
    Nulls,
}

/// A run-length column of values and nulls. An absent column reads as nulls for ever.
#[derive(Clone, Debug)]
pub(super) struct Runs<'a, T> {
    bytes: Bytes<'a>,
    place: Region,
    absent: bool,
    segment: Segment,
    left: u64,
    last: Option<T>,
    any_value: bool,
}

impl<'a, T: Item<'a>> Runs<'a, T> {
    pub(super) fn new(column: &'a [u8], place: Region) -> Self {
        Runs {
            bytes: Bytes::new(column),
            place,
            absent: column.is_empty(),
            segment: Segment::Start,
            left: 0,
            last: None,
            any_value: false,
        }
    }

    /// Whether all rows were read.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.bytes.is_empty()
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<T>, RecordRule> {
        if self.absent {
            return Ok(None);
        }
        if self.left == 0 {
            self.open()?;
        } else if self.segment == Segment::Literal {
            let value = T::read(&mut self.bytes, self.place)?;
            if self.last == Some(value) {
                return Err(self.not_canonical());
            }
            self.last = Some(value);
        }
        self.left = self.left.saturating_sub(1);
        Ok(match self.segment {
            Segment::Run | Segment::Literal => self.last,
            Segment::Nulls | Segment::Start => None,
        })
    }

    /// The next row of a column that has no nulls.
    pub(super) fn next_value(&mut self) -> Result<T, RecordRule> {
        self.next()?.ok_or(RecordRule::Rows { place: self.place })
    }

    /// Checks that every row was read.
    pub(super) fn finish(&self) -> Result<(), RecordRule> {
        if !self.is_done() {
            return Err(RecordRule::Rows { place: self.place });
        }
        if !self.absent && !self.any_value {
            return Err(self.not_canonical());
        }
        Ok(())
    }

    /// Reads the head of the next segment and, but for nulls, its first value.
    fn open(&mut self) -> Result<(), RecordRule> {
        if self.bytes.is_empty() {
            return Err(RecordRule::Rows { place: self.place });
        }
        let head = self.bytes.signed(self.place)?;
        let before = self.segment;
        if head == 0 {
            self.left = self.bytes.unsigned(self.place)?;
            if before == Segment::Nulls || self.left == 0 {
                return Err(self.not_canonical());
            }
            self.segment = Segment::Nulls;
            self.last = None;
            return Ok(());
        }
        self.left = head.unsigned_abs();
        self.segment = if head > 0 {
            Segment::Run
        } else {
            Segment::Literal
        };
        let joins = before == Segment::Literal && self.segment == Segment::Literal;
        if head == 1 || joins {
            return Err(self.not_canonical());
        }
        let value = T::read(&mut self.bytes, self.place)?;
        // `last` is none after nulls, so a value may come again behind them.
        if self.last == Some(value) {
            return Err(self.not_canonical());
        }
        self.last = Some(value);
        self.any_value = true;
        Ok(())
    }

    fn not_canonical(&self) -> RecordRule {
        RecordRule::Runs { place: self.place }
    }
}

/// A column of counters, each stored as the difference from the one before.
#[derive(Clone, Debug)]
pub(super) struct Counters<'a> {
    runs: Runs<'a, i64>,
    last: i64,
}

impl<'a> Counters<'a> {
    pub(super) fn new(column: &'a [u8], place: Region) -> Self {
        Counters {
            runs: Runs::new(column, place),
            last: 0,
        }
    }

    /// The next row: 0 to [`OP_COUNTER_MAX`].
    pub(super) fn next(&mut self) -> Result<Option<u64>, RecordRule> {
        let Some(step) = self.runs.next()? else {
            return Ok(None);
        };
        let place = self.runs.place;
        self.last = self
            .last
            .checked_add(step)
            .ok_or(RecordRule::Number { place })?;
        match u64::try_from(self.last) {
            Ok(counter) if counter <= OP_COUNTER_MAX => Ok(Some(counter)),
            _ => Err(RecordRule::Number { place }),
        }
    }

    pub(super) fn finish(&self) -> Result<(), RecordRule> {
        self.runs.finish()
    }
}

/// A column of flags: lengths of runs that alternate, no first.
#[derive(Clone, Debug)]
pub(super) struct Flags<'a> {
    bytes: Bytes<'a>,
    place: Region,
    flag: bool,
    left: u64,
    first: bool,
}

impl<'a> Flags<'a> {
    pub(super) fn new(column: &'a [u8], place: Region) -> Self {
        Flags {
            bytes: Bytes::new(column),
            place,
            flag: true,
            left: 0,
            first: true,
        }
    }

    pub(super) fn next(&mut self) -> Result<bool, RecordRule> {
        while self.left == 0 {
            if self.bytes.is_empty() {
                return Err(RecordRule::Rows { place: self.place });
            }
            self.left = self.bytes.unsigned(self.place)?;
            // Only the run of noes in front may be empty.
            if self.left == 0 && !self.first {
                return Err(RecordRule::Runs { place: self.place });
            }
            self.flag = !self.flag;
            self.first = false;
        }
        self.left = self.left.saturating_sub(1);
        Ok(self.flag)
    }

    pub(super) fn finish(&self) -> Result<(), RecordRule> {
        if self.left == 0 && self.bytes.is_empty() {
            Ok(())
        } else {
            Err(RecordRule::Rows { place: self.place })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(column: &[u8], count: usize) -> Result<Vec<Option<u64>>, RecordRule> {
        let mut runs: Runs<'_, u64> = Runs::new(column, Region::Action);
        let rows = (0..count).map(|_| runs.next()).collect();
        runs.finish()?;
        rows
    }

    #[test]
    fn runs_literals_and_nulls_are_read() {
        let column = [3, 7, 0x7e, 1, 2, 0, 2, 0x7f, 2];
        assert_eq!(
            rows(&column, 8).expect("canonical"),
            [
                Some(7),
                Some(7),
                Some(7),
                Some(1),
                Some(2),
                None,
                None,
                Some(2)
            ]
        );
    }

    #[test]
    fn every_second_spelling_is_refused() {
        for (column, count, why) in [
            (&[1, 7][..], 1, "run of one"),
            (&[2, 7, 2, 7], 4, "two runs that are one"),
            (&[2, 7, 0x7f, 7], 3, "literal that continues the run"),
            (&[0x7f, 7, 2, 7], 3, "run that continues the literal"),
            (&[0x7e, 7, 7], 2, "literal that is a run"),
            (&[0x7f, 7, 0x7f, 8], 2, "two literals"),
            (&[0, 1, 0, 1, 0x7f, 1], 3, "two runs of nulls"),
            (&[0, 0, 0x7f, 1], 1, "no nulls"),
            (&[0, 3], 3, "nothing but nulls"),
            (&[3, 7], 2, "a row too many"),
            (&[3, 7], 4, "a row too few"),
        ] {
            assert!(rows(column, count).is_err(), "{why}");
        }
    }

    #[test]
    fn a_run_of_millions_costs_no_memory_until_read() {
        let column = [0xff, 0xff, 0xff, 0xff, 0x0f, 7];
        let mut runs: Runs<'_, u64> = Runs::new(&column, Region::Action);
        assert_eq!(runs.next(), Ok(Some(7)));
        assert!(runs.finish().is_err());
    }
}
