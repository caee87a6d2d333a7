//! Everything that is wrong with a schema text, and where.

use crate::{limits, schema::SchemaFault};
use std::fmt;

/// Everything that is wrong with a schema text, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaErrors {
    errors: Vec<SchemaError>,
    unreported: usize,
}

impl SchemaErrors {
    /// Sorts by place and keeps the first [`limits::SCHEMA_ERRORS_MAX`].
    pub(crate) fn new(mut errors: Vec<SchemaError>) -> Self {
        errors.sort_by(|a, b| {
            (a.line, a.column, &a.path)
                .cmp(&(b.line, b.column, &b.path))
                .then_with(|| a.fault.code().cmp(b.fault.code()))
        });
        errors.dedup();
        let unreported = errors.len().saturating_sub(limits::SCHEMA_ERRORS_MAX);
        errors.truncate(limits::SCHEMA_ERRORS_MAX);
        SchemaErrors { errors, unreported }
    }

    /// The errors, by place.
    pub fn iter(&self) -> impl Iterator<Item = &SchemaError> {
        self.errors.iter()
    }

    /// How many more there are than [`SchemaErrors::iter`] gives.
    pub fn unreported(&self) -> usize {
        self.unreported
    }
}

impl std::error::Error for SchemaErrors {}

impl fmt::Display for SchemaErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        match self.unreported {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// One mistake in a schema text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{}{path}: {fault}", if path.is_empty() { "" } else { ", " })]
pub struct SchemaError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The place in the schema: `record.fields.title.max`. Empty: the text as a whole.
    pub path: String,
    /// What is wrong there.
    pub fault: SchemaFault,
}
