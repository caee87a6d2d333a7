//! Logs.
use serde::{Deserialize, Serialize};
/// Refusals of log entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LogRule {
    /// see the log room
    #[error("log")]
    Todo,
}
