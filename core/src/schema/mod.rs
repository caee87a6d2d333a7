//! Schemas.
mod types;
use serde::{Deserialize, Serialize};
pub use types::*;
/// Refusals by schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SchemaRule {
    /// see the schema room
    #[error("schema")]
    Todo,
}
