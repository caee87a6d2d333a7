//! Which own edits can be taken back. What a process remembers of steps ends with it, so steps are read
//! off the own edits that the journal keeps: a command that takes something back does so in a view of
//! its own, which names the stamp of the edit it takes back.

use super::Desk;
use crate::cmd::at::DeskError;
use anabranch::core::{
    causal::Since,
    document,
    engine::EditError,
    hlc::Hlc,
    id::{Chain, ChangeSetId, EntityId, ViewId},
    replica::{Intent, WriteError},
};
use std::collections::BTreeSet;

/// Stamps have 63 bits, so this one marks views that take back.
const TAKES_BACK: u64 = 1 << 63;

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The last edit is taken back.
    Undo,
    /// What was taken back last is done again.
    Redo,
}

/// A step that was made.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// The edit that was taken back.
    pub of: ChangeSetId,
    /// The entity that changed.
    pub entity: EntityId,
    /// Its kind.
    pub kind: String,
}

/// Own edits by what can be done with them, the last one last.
#[derive(Debug, Default)]
struct Steps {
    done: Vec<Intent>,
    undone: Vec<Intent>,
}

impl Steps {
    fn take(&mut self, intent: Intent) {
        let ViewId(view) = intent.view;
        if view & TAKES_BACK == 0 {
            self.undone.retain(|one| !is_beside(one, &intent));
            self.done.push(intent);
            return;
        }
        let of = Hlc(view & !TAKES_BACK);
        if take_out(&mut self.done, of, &intent) {
            self.undone.push(intent);
        } else if take_out(&mut self.undone, of, &intent) {
            self.done.push(intent);
        }
    }
}

/// Takes out the edit of this stamp, and those above it in its document: nothing was left of them.
fn take_out(steps: &mut Vec<Intent>, of: Hlc, intent: &Intent) -> bool {
    let is_there = steps.iter().any(|one| one.hlc == of);
    if is_there {
        steps.retain(|one| one.hlc < of || !is_beside(one, intent));
    }
    is_there
}

fn is_beside(one: &Intent, other: &Intent) -> bool {
    (one.entity, &one.part) == (other.entity, &other.part)
}

impl Desk {
    /// Takes back this device's last edit, in the whole workspace or of one entity; or does again what
    /// was taken back last. None where there is none.
    pub fn step(&self, way: Way, entity: Option<&EntityId>) -> Result<Option<Stepped>, DeskError> {
        let device = self.device();
        let steps = self.look_everywhere(|replica| {
            let mut steps = Steps::default();
            let own = || replica.intents().filter(|one| one.chain.origin == device);
            // The device's chains, but those of a copied store.
            let chains: BTreeSet<Chain> = own().map(|one| one.chain).collect();
            let wanted = own().filter(|one| entity.is_none_or(|entity| one.entity == *entity));
            wanted.cloned().for_each(|one| steps.take(one));
            (steps, chains)
        });
        let (steps, chains) = steps.unwrap_or_default();
        let mut from = match way {
            Way::Undo => steps.done,
            Way::Redo => steps.undone,
        };
        while let Some(intent) = from.pop() {
            // Own edits of this document after it have been taken back themselves, so together they
            // are this one.
            let past = self.part(&intent.entity, &intent.part, |document| {
                let graph = document.graph();
                let mut nodes = graph.line(graph.chain(&intent.chain)?)?.nodes().iter();
                let node = nodes.find(|node| node.id == intent.id)?;
                Some(node.past.clone())
            });
            // It does not count any more.
            let Some(past) = past else { continue };
            let by = Some(chains.clone());
            let since = Since { past, by };
            let place = (intent.kind.as_str(), intent.entity, intent.part.as_str());
            let view = ViewId(intent.hlc.0 | TAKES_BACK);
            match self.take_back(place, view, &since) {
                Ok(()) => {
                    return Ok(Some(Stepped {
                        of: intent.id,
                        entity: intent.entity,
                        kind: intent.kind,
                    }));
                }
                Err(DeskError::Edit(EditError::Write(WriteError::Edit(
                    document::EditError::NoStep(_),
                )))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
