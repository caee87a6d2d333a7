//! Why a log entry is refused.

use serde::{Deserialize, Serialize};

/// A refusal of a log entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LogRule {
    /// The bytes are no entry.
    #[error("the payload of {len} bytes is not the canonical form of a log entry")]
    Form {
        /// Their length.
        len: u64,
    },
    /// The schema has no such field.
    #[error("the log's schema has no field `{field}`")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// A required field is missing.
    #[error("the log entry lacks the field `{field}`, which the schema requires")]
    Missing {
        /// The field.
        field: String,
    },
}

impl LogRule {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            LogRule::Form { .. } => "log-form",
            LogRule::UnknownField { .. } => "log-unknown-field",
            LogRule::Missing { .. } => "log-missing-field",
        }
    }
}
