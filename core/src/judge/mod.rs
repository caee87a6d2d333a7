//! Judging: from bytes to a verdict.

mod candidate;
mod rule;
mod verdict;
pub use candidate::{Candidate, Place, Writer};
pub use rule::ChainRule;
pub use verdict::{Hold, Rule, Stuck, Verdict};

