//! The columns of an Automerge change: run-length, delta and boolean coding, read and written as
//! `automerge` 0.12 does (`src/columnar/encoding`, and the storage format's "column" chapter).
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

/// Writes a run-length column. A literal run is kept as its bytes and count until it ends.
pub(super) struct RunWriter<T> {
    out: Vec<u8>,
    state: Run<T>,
}

enum Run<T> {
    Empty,
    Nulls {
        count: u64,
        first: bool,
    },
    Same {
        value: T,
        count: u64,
    },
    /// Different values; the last one is apart, since it may begin a run.
    Literal {
        bytes: Vec<u8>,
        count: u64,
        last: T,
    },
}

impl<'a, T: Cell<'a>> RunWriter<T> {
    pub(super) fn new() -> Self {
        RunWriter {
            out: Vec::new(),
            state: Run::Empty,
        }
    }

    pub(super) fn len(&self) -> usize {
        let open = match &self.state {
            Run::Literal { bytes, .. } => bytes.len(),
            Run::Empty | Run::Nulls { .. } | Run::Same { .. } => 0,
        };
        self.out.len().saturating_add(open)
    }

    pub(super) fn push(&mut self, value: Option<T>) {
        let state = std::mem::replace(&mut self.state, Run::Empty);
        self.state = match (state, value) {
            (Run::Empty, None) => Run::Nulls {
                count: 1,
                first: true,
            },
            (Run::Nulls { count, first }, None) => Run::Nulls {
                count: count.saturating_add(1),
                first,
            },
            (Run::Same { value, count }, Some(next)) if value == next => Run::Same {
                value,
                count: count.saturating_add(1),
            },
            (Run::Same { value, count: 1 }, Some(next)) => {
                let mut bytes = Vec::new();
                value.write(&mut bytes);
                Run::Literal {
                    bytes,
                    count: 1,
                    last: next,
                }
            }
            (Run::Literal { bytes, count, last }, Some(next)) if last == next => {
                self.literal(count, &bytes);
                Run::Same {
                    value: next,
                    count: 2,
                }
            }
            (
                Run::Literal {
                    mut bytes,
                    count,
                    last,
                },
                Some(next),
            ) => {
                last.write(&mut bytes);
                Run::Literal {
                    bytes,
                    count: count.saturating_add(1),
                    last: next,
                }
            }
            (state, Some(value)) => {
                self.flush(state);
                Run::Same { value, count: 1 }
            }
            (state, None) => {
                self.flush(state);
                Run::Nulls {
                    count: 1,
                    first: false,
                }
            }
        };
    }

    /// The column; one that is null throughout is empty.
    pub(super) fn finish(mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.state, Run::Empty) {
            Run::Empty | Run::Nulls { first: true, .. } => {}
            state @ (Run::Nulls { .. } | Run::Same { .. } | Run::Literal { .. }) => {
                self.flush(state)
            }
        }
        self.out
    }

    fn flush(&mut self, state: Run<T>) {
        match state {
            Run::Empty => {}
            Run::Nulls { count, .. } => {
                self.out.push(0);
                put_number(&mut self.out, count);
            }
            Run::Same { value, count: 1 } => {
                let mut bytes = Vec::new();
                value.write(&mut bytes);
                self.literal(1, &bytes);
            }
            Run::Same { value, count } => {
                put_sleb(&mut self.out, i64::try_from(count).unwrap_or(i64::MAX));
                value.write(&mut self.out);
            }
            Run::Literal {
                mut bytes,
                count,
                last,
            } => {
                last.write(&mut bytes);
                self.literal(count.saturating_add(1), &bytes);
            }
        }
    }

    fn literal(&mut self, count: u64, bytes: &[u8]) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        put_sleb(&mut self.out, count.wrapping_neg());
        self.out.extend_from_slice(bytes);
    }
}

/// Writes a column of differences.
pub(super) struct DeltaWriter {
    runs: RunWriter<i64>,
    at: i64,
}

impl DeltaWriter {
    pub(super) fn new() -> Self {
        DeltaWriter {
            runs: RunWriter::new(),
            at: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn push(&mut self, value: Option<u64>) -> Result<(), FormError> {
        let Some(value) = value else {
            self.runs.push(None);
            return Ok(());
        };
        let value = i64::try_from(value).map_err(|_| FormError::Range { what: "counter" })?;
        self.runs.push(Some(value.wrapping_sub(self.at)));
        self.at = value;
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.runs.finish()
    }
}

/// Writes a column of booleans.
pub(super) struct BoolWriter {
    out: Vec<u8>,
    value: bool,
    count: u64,
    any: bool,
}

impl BoolWriter {
    pub(super) fn new() -> Self {
        BoolWriter {
            out: Vec::new(),
            value: false,
            count: 0,
            any: false,
        }
    }

    pub(super) fn push(&mut self, value: bool) {
        self.any |= value;
        if value != self.value {
            put_number(&mut self.out, self.count);
            self.value = value;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            put_number(&mut self.out, self.count);
        }
        self.out
    }

    /// As [`BoolWriter::finish`], but empty where nothing is true.
    pub(super) fn finish_if_any(self) -> Vec<u8> {
        if self.any { self.finish() } else { Vec::new() }
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
