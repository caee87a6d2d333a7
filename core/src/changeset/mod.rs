//! Change sets.
mod header;
pub use header::{ControlPosition, Dep, EngineKind, Header, RULES_VERSION};
use serde::{Deserialize, Serialize};
/// Refusals by the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EnvelopeRule {
    /// see the change set room
    #[error("envelope")]
    Todo,
}
