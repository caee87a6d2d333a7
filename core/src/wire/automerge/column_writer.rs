//! The columns of an Automerge change, written as `automerge` 0.12 does (`src/columnar/encoding`):
//! where two ways say the same, its way.
#![deny(clippy::arithmetic_side_effects)]

use super::column::{Cell, put_sleb};
use crate::wire::bytes::{FormError, put_number};

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
