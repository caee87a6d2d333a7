//! Records.
mod op;
pub use op::{FieldPath, RecordOp};
use serde::{Deserialize, Serialize};
/// Refusals by the record gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RecordRule {
    /// see the record room
    #[error("record")]
    Todo,
}
