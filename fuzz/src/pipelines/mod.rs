//! From bytes to a document: judged, applied, saved, loaded, edited, saved.

pub mod body;
pub mod change_set;
pub mod record;

pub(crate) mod bend;
pub(crate) mod twist;

use crate::{Reached, harmless, world::Judging};
use anabranch_core::judge::Rule;

/// A rule's stable name.
pub(crate) fn code(rule: &Rule) -> &'static str {
    match rule {
        Rule::Envelope(rule) => rule.code(),
        Rule::Chain(rule) => rule.code(),
        Rule::Schema(rule) => rule.code(),
        Rule::Record(rule) => rule.code(),
        Rule::Body(rule) => rule.code(),
        Rule::Log(rule) => rule.code(),
    }
}

/// Judges a payload and, where it passes, lets everything happen that can happen then.
fn pass(judging: &mut Judging, payload: &[u8]) -> Reached {
    match judging.judge(payload) {
        Err(rule) => Reached::Rejected(code(&rule)),
        Ok(()) => {
            harmless::accepted(judging, payload);
            Reached::Applied
        }
    }
}
