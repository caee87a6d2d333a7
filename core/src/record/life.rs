//! Whether the entity lives: deletes and restores, and what an edit made apart from a delete does
//! to it, as the schema's `on_delete_edit` says.
#![deny(clippy::arithmetic_side_effects)]

use super::history::{History, Stamp};
use super::layout::LIFE_KEY;
use super::rules::Candidate;
use crate::{causal::Past, schema::OnDeleteEdit};
use serde::{Deserialize, Serialize};

/// Whether the entity is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    /// It is.
    #[default]
    Alive,
    /// It was deleted, and work that the deleter had not seen brought it back.
    Recovered,
    /// It is deleted.
    Deleted,
}

impl Life {
    /// Whether it is shown.
    pub fn is_alive(self) -> bool {
        match self {
            Life::Alive | Life::Recovered => true,
            Life::Deleted => false,
        }
    }

    /// The word for people and patches.
    pub fn name(self) -> &'static str {
        match self {
            Life::Alive => "alive",
            Life::Recovered => "recovered",
            Life::Deleted => "deleted",
        }
    }
}

/// Decides from the deletes (`false`) and restores (`true`) that nothing has replaced.
///
/// An edit counts against a delete if neither author had seen the other's work; with several
/// deletes it must be apart from all of them, since one deleter who saw it meant it. A restore
/// counts as an edit. What was written after a delete, in full knowledge of it and without a
/// restore, brings nothing back.
pub(crate) fn decide(
    marks: &[Candidate<bool>],
    history: &History,
    at: Option<&Past>,
    policy: OnDeleteEdit,
) -> Life {
    let newest = |alive| {
        let of_kind = marks.iter().filter(|mark| mark.value == alive);
        of_kind.map(|mark| mark.stamp).max()
    };
    let Some(deleted) = newest(false) else {
        return Life::Alive;
    };
    let restored = newest(true);
    let edited = || {
        let deletes: Vec<Stamp> = marks
            .iter()
            .filter(|mark| !mark.value)
            .map(|mark| mark.stamp)
            .collect();
        history.newest_apart(&deletes, LIFE_KEY, at)
    };
    match policy {
        OnDeleteEdit::DeleteWins => Life::Deleted,
        OnDeleteEdit::Recover => {
            if restored.is_some() || edited().is_some() {
                Life::Recovered
            } else {
                Life::Deleted
            }
        }
        OnDeleteEdit::Hlc => {
            let kept = restored.max(edited());
            if kept > Some(deleted) {
                Life::Recovered
            } else {
                Life::Deleted
            }
        }
    }
}
