//! Judging: from bytes to a verdict.

mod candidate;
mod verdict;
pub use candidate::{Candidate, Place, Writer};
pub use verdict::{Hold, Rule, Stuck, Verdict};

use serde::{Deserialize, Serialize};
/// Refusals of chain, dependencies and rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ChainRule {
    /// placeholder replaced by the judge room
    #[error("chain")]
    Todo,
}
