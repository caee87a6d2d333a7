//! Judging: from bytes to a verdict.

mod candidate;
mod grounds;
mod rule;
mod verdict;
pub use candidate::{Candidate, Place, Writer};
pub use grounds::{Cleared, Grounds, Stop};
pub use rule::ChainRule;
pub use verdict::{Hold, Rule, Stuck, Verdict};
