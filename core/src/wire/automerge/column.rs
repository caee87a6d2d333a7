//! The columns of an Automerge change, read: run-length, delta and boolean coding as `automerge`
//! 0.12 does it (`src/columnar/encoding`).
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    limits,
    wire::bytes::{FormError, Reader, put_bytes, put_number},
};

/// What a run-length column holds.
pub(super) trait Cell<'a>: Clone + PartialEq {
    fn read(r: &mut Reader<'a>) -> Result<Self, FormError>;
    fn write(&self, out: &mut Vec<u8>);
}

impl<'a> Cell<'a> for u64 {
    fn read(r: &mut Reader<'a>) -> Result<Self, FormError> {
        r.number("column value")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_number(out, *self);
    }
}

impl<'a> Cell<'a> for i64 {
    fn read(r: &mut Reader<'a>) -> Result<Self, FormError> {
        read_sleb(r)
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_sleb(out, *self);
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(r: &mut Reader<'a>) -> Result<Self, FormError> {
        r.text(limits::PAYLOAD_BYTES_MAX, "column text")
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }
}

/// Reads a run-length column. An absent column, like an ended one, is nulls for ever.
pub(super) struct RunReader<'a, T> {
    r: Reader<'a>,
    value: Option<T>,
    left: u64,
    literal: bool,
}

impl<'a, T: Cell<'a>> RunReader<'a, T> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        RunReader {
            r: Reader::new(column),
            value: None,
            left: 0,
            literal: false,
        }
    }

    pub(super) fn done(&self) -> bool {
        self.left == 0 && self.r.is_empty()
    }

    pub(super) fn next(&mut self) -> Result<Option<T>, FormError> {
        while self.left == 0 {
            if self.r.is_empty() {
                return Ok(None);
            }
            let run = read_sleb(&mut self.r)?;
            self.left = run.unsigned_abs();
            self.literal = run < 0;
            self.value = None;
            match run {
                0 => self.left = self.r.number("null run")?,
                1.. => self.value = Some(T::read(&mut self.r)?),
                i64::MIN..=-1 => {}
            }
        }
        self.left = self.left.saturating_sub(1);
        if self.literal {
            T::read(&mut self.r).map(Some)
        } else {
            Ok(self.value.clone())
        }
    }
}

/// Reads a column of differences.
pub(super) struct DeltaReader<'a> {
    runs: RunReader<'a, i64>,
    at: i64,
}

impl<'a> DeltaReader<'a> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        DeltaReader {
            runs: RunReader::new(column),
            at: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<u64>, FormError> {
        let Some(step) = self.runs.next()? else {
            return Ok(None);
        };
        let range = FormError::Range { what: "delta" };
        self.at = self.at.checked_add(step).ok_or_else(|| range.clone())?;
        u64::try_from(self.at).map(Some).map_err(|_| range)
    }
}

/// Reads a column of booleans; an ended one is false for ever.
pub(super) struct BoolReader<'a> {
    r: Reader<'a>,
    value: bool,
    left: u64,
}

impl<'a> BoolReader<'a> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        BoolReader {
            r: Reader::new(column),
            value: true,
            left: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<bool, FormError> {
        while self.left == 0 {
            if self.r.is_empty() {
                return Ok(false);
            }
            self.left = self.r.number("boolean run")?;
            self.value = !self.value;
        }
        self.left = self.left.saturating_sub(1);
        Ok(self.value)
    }
}

/// Reads a signed LEB128 number of at most 64 bits. Longer forms need no refusal here: what does
/// not come back equal travels raw.
pub(super) fn read_sleb(r: &mut Reader<'_>) -> Result<i64, FormError> {
    let at = r.at();
    let mut value = 0i64;
    let mut shift = 0u32;
    loop {
        let byte = r.byte("signed number")?;
        value |= i64::from(byte & 0x7f).wrapping_shl(shift);
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            if shift < 64 && byte & 0x40 != 0 {
                value |= (-1i64).wrapping_shl(shift);
            }
            return Ok(value);
        }
        if shift > 63 {
            return Err(FormError::Number {
                what: "signed number",
                at,
            });
        }
    }
}

/// Writes a signed LEB128 number in its shortest form.
pub(super) fn put_sleb(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}
