//! Why a record change is refused.

use serde::{Deserialize, Serialize};

/// A rule of the record gate that a change broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RecordRule {
    /// The bytes are no change chunk in canonical form.
    #[error("the bytes are no Automerge change in canonical form: write it with automerge 0.12")]
    NotCanonical,
}

impl RecordRule {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RecordRule::NotCanonical => "not-canonical",
        }
    }
}
