//! What happens in a run, step by step. A step says everything about itself, so that a run of fewer
//! steps is a run as well: that is how a story is shortened.

use super::{Action, Fate};

/// Which of its change sets a device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it has not sent to this peer yet.
    News,
    /// Some of what it has, in any order.
    Some,
    /// All it has.
    All,
}

/// What a hostile member sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Craft {
    /// Under the signature of another change set.
    Forged,
    /// With a header that says something else.
    Bent,
    /// With other bytes than an engine would write.
    Mutated,
    /// In a place where it has another one.
    Fork,
    /// Stamped 1970.
    BackDated,
}

/// One step. Devices are numbered from 0, messages by the step that sent them.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub enum Step {
    /// Somebody does something.
    Edit { device: usize, action: Action },
    /// A device saves what it has not saved yet.
    Commit {
        device: usize,
        fate: Fate,
        seed: u64,
    },
    /// A device sends a message.
    Send {
        from: usize,
        to: usize,
        form: Form,
        mail: u64,
        seed: u64,
    },
    /// A message arrives, and may come again.
    Deliver { mail: u64, again: bool },
    /// A message is lost.
    Lose { mail: u64 },
    /// A message is held back.
    Hold { mail: u64 },
    /// A message is damaged.
    Damage { mail: u64, seed: u64 },
    /// A process dies and is started again.
    Crash {
        device: usize,
        unreadable: bool,
        seed: u64,
    },
    /// A bit of a store turns.
    Rot { device: usize, seed: u64 },
    /// A clock jumps.
    Clock { device: usize, by_ms: i64 },
    /// A store is copied, and the copy used.
    Copy { of: usize, noticed: bool },
    /// A hostile member sends what no engine would.
    Attack {
        device: usize,
        to: usize,
        craft: Craft,
        mail: u64,
        seed: u64,
    },
    /// The orderer admits a device.
    Admit { device: usize },
    /// The orderer shuts a device out.
    Revoke { device: usize },
    /// The orderer refuses a change set.
    Refuse { seed: u64 },
    /// The orderer rules a fork.
    Rule { seed: u64 },
    /// Time passes.
    Wait { ms: u64 },
}

impl Step {
    /// It in words. `name` tells a device's.
    pub(super) fn tell(&self, name: impl Fn(usize) -> String) -> String {
        match self {
            Step::Edit { device, action } => format!("{} {}", name(*device), action.tell()),
            Step::Commit { device, fate, .. } => {
                let how = match fate {
                    Fate::Done => "saves",
                    Fate::Full => "cannot save: the disk is full",
                    Fate::WriteFails => "cannot save: the write fails",
                    Fate::SyncFails => "cannot save: the sync fails",
                    Fate::AnswerLost => "saves, and is told that it failed",
                    Fate::SyncLies => "saves on a disk that lies",
                    Fate::DiesBefore => "dies before saving, and starts again",
                    Fate::DiesWithin => "loses power while saving, and starts again",
                    Fate::DiesAfter => "dies when it has saved, and starts again",
                };
                format!("{} {how}", name(*device))
            }
            Step::Send {
                from,
                to,
                form,
                mail,
                ..
            } => {
                let what = match form {
                    Form::News => "news",
                    Form::Some => "some of it",
                    Form::All => "everything",
                };
                format!(
                    "{} sends {} {what} (message {mail})",
                    name(*from),
                    name(*to)
                )
            }
            Step::Deliver { mail, again } => {
                let again = if *again { ", and will again" } else { "" };
                format!("message {mail} arrives{again}")
            }
            Step::Lose { mail } => format!("message {mail} is lost"),
            Step::Hold { mail } => format!("message {mail} is held back"),
            Step::Damage { mail, .. } => format!("message {mail} is damaged on its way"),
            Step::Crash {
                device, unreadable, ..
            } => {
                let how = match unreadable {
                    true => "dies, and its store cannot be read at first",
                    false => "dies, and starts again",
                };
                format!("{} {how}", name(*device))
            }
            Step::Rot { device, .. } => format!("a bit of {}'s store turns", name(*device)),
            Step::Clock { device, by_ms } => {
                let years = by_ms / YEAR_MS;
                format!("{}'s clock jumps by {years:+} years", name(*device))
            }
            Step::Copy { of, noticed } => {
                let how = if *noticed {
                    "the copy sees it"
                } else {
                    "nobody sees it"
                };
                format!("{}'s store is copied, and {how}", name(*of))
            }
            Step::Attack {
                device,
                to,
                craft,
                mail,
                ..
            } => {
                let what = match craft {
                    Craft::Forged => "a forged signature",
                    Craft::Bent => "a bent header",
                    Craft::Mutated => "a mutated payload",
                    Craft::Fork => "another change set in a place that it used",
                    Craft::BackDated => "a change set from 1970",
                };
                format!(
                    "{} sends {} {what} (message {mail})",
                    name(*device),
                    name(*to)
                )
            }
            Step::Admit { device } => format!("{} admits {}", name(0), name(*device)),
            Step::Revoke { device } => format!("{} shuts {} out", name(0), name(*device)),
            Step::Refuse { .. } => format!("{} refuses a change set", name(0)),
            Step::Rule { .. } => format!("{} rules a fork", name(0)),
            Step::Wait { ms } => format!("{ms} ms pass"),
        }
    }
}

/// A year, in milliseconds.
pub(super) const YEAR_MS: i64 = 365 * 24 * 3_600_000;
