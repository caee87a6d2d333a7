//! Bodies.
mod op;
pub use op::{BlockPath, BodyOp, Marks};
use serde::{Deserialize, Serialize};
/// Refusals by the body gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum BodyRule {
    /// see the body room
    #[error("body")]
    Todo,
}
