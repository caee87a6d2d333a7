//! Making own work again after a control record took it away. A replica keeps its edits as they
//! were asked for until they are final; a rebase plays these intents again, not bytes, and nothing
//! is made again without a record in hand that names what is excluded.

use super::{Pen, Replica, WriteError};
use crate::{
    body::IdMap,
    control::{ControlId, Excluded},
    document::{Document, Draft, Event, Noted, State},
    hlc::Hlc,
    id::{Chain, ChangeSetId, DocumentId, EntityId, ViewId},
    judge::Rule,
    log::Entry,
    record::RecordOp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One own edit as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The change set it became.
    pub id: ChangeSetId,
    /// Its chain.
    pub chain: Chain,
    /// Its stamp.
    pub hlc: Hlc,
    /// The entity's kind.
    pub kind: String,
    /// The entity.
    pub entity: EntityId,
    /// The part.
    pub part: String,
    /// The view that asked.
    pub view: ViewId,
    /// What was asked.
    pub asked: Asked,
}

/// What was asked, in a form that outlives the state it was asked in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// Of a record.
    Record(Vec<RecordOp>),
    /// Of a body: places are anchors.
    Body(Noted),
    /// Of a log.
    Entry(Entry),
    /// That something be taken back. It is not made again: what there was to take back has changed.
    Step,
}

impl Intent {
    /// Where it is kept.
    pub(super) fn key(&self) -> (Hlc, ChangeSetId) {
        (self.hlc, self.id)
    }
}

impl Asked {
    /// What a draft asked; none where a body's engine noted nothing.
    pub(super) fn of(draft: &Draft<'_>, noted: Option<Noted>) -> Option<Asked> {
        match draft {
            Draft::Record(ops) => Some(Asked::Record(ops.to_vec())),
            Draft::Entry(entry) => Some(Asked::Entry((*entry).clone())),
            Draft::Body(_) | Draft::Replay(..) => noted.map(Asked::Body),
            Draft::Undo | Draft::Redo | Draft::TakeBack(_) => Some(Asked::Step),
        }
    }
}

/// Why an own change set does not count for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A record says so.
    Record(Excluded),
    /// The rules refuse it.
    Rule(Rule),
}

/// An own edit that comes back with its reason and is not made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The change set.
    pub id: ChangeSetId,
    /// The reason.
    pub why: Why,
}

/// An own edit to be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The change set it was.
    pub id: ChangeSetId,
    /// The record in hand.
    pub record: ControlId,
}

/// What a rebase does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be made again, in the order of their stamps.
    pub again: Vec<Step>,
    /// Not to be made again.
    pub returned: Vec<Returned>,
    /// Without effect now, but no record says so: they are kept, and sent as they are.
    pub waiting: Vec<ChangeSetId>,
}

/// Plans a rebase: a pure function of own intents and the documents. What was refused itself comes
/// back with its reason; what only stood on something excluded, or lost a ruled fork, is made again;
/// without a record nothing is, and nothing twice.
pub fn plan<'a>(
    intents: impl Iterator<Item = &'a Intent>,
    documents: &BTreeMap<DocumentId, Document>,
) -> Plan {
    let mut plan = Plan::default();
    let mut sorted: Vec<&Intent> = intents.collect();
    sorted.sort_by_key(|intent| (intent.hlc, intent.id));
    let mut replaced: BTreeMap<DocumentId, BTreeSet<ChangeSetId>> = BTreeMap::new();
    for intent in sorted {
        let id = DocumentId::of(&intent.entity, &intent.part);
        let Some(document) = documents.get(&id) else {
            continue;
        };
        let replaced = replaced.entry(id).or_insert_with(|| document.replaced());
        if replaced.contains(&intent.id) {
            continue;
        }
        match root(document, &intent.id) {
            Some(State::Effective) | None => {}
            Some(State::Refused(rule)) => {
                plan.returned.push(Returned {
                    id: intent.id,
                    why: Why::Rule(rule),
                });
            }
            Some(State::Excluded(excluded)) => {
                let own = matches!(document.state_of(&intent.id), Some(State::Excluded(_)));
                match excluded {
                    Excluded::Refused(_) if own => {
                        plan.returned.push(Returned {
                            id: intent.id,
                            why: Why::Record(excluded),
                        });
                    }
                    Excluded::Revoked(_) if own => {
                        plan.returned.push(Returned {
                            id: intent.id,
                            why: Why::Record(excluded),
                        });
                    }
                    Excluded::Refused(record)
                    | Excluded::Revoked(record)
                    | Excluded::Fork(record) => {
                        plan.again.push(Step {
                            id: intent.id,
                            record,
                        });
                    }
                }
            }
            Some(State::Held(_) | State::Forked { .. } | State::Orphaned { .. } | State::Stuck) => {
                plan.waiting.push(intent.id);
            }
        }
    }
    plan
}

/// The state of the change set that decides over `id`: its own, or that of the nearest one in its
/// past that does not count for a reason of its own.
fn root(document: &Document, id: &ChangeSetId) -> Option<State> {
    let mut at = *id;
    let mut steps = document.asides().count();
    loop {
        match document.state_of(&at)? {
            State::Orphaned { ancestor } if steps > 0 => {
                at = ancestor;
                steps = steps.saturating_sub(1);
            }
            state => return Some(state),
        }
    }
}

/// What a rebase came to.
#[derive(Clone, Debug, Default)]
pub struct Rebased {
    /// Old and new ids.
    pub again: Vec<(ChangeSetId, ChangeSetId)>,
    /// What comes back with its reason.
    pub returned: Vec<Returned>,
    /// What could not be made again, and why: it comes back too.
    pub failed: Vec<(ChangeSetId, WriteError)>,
    /// What happened to the documents.
    pub events: Vec<(DocumentId, Event)>,
}

impl Replica {
    /// Makes own work again under a new epoch, where a record in hand took it away. New epoch and
    /// new change sets are one step: the caller commits both or neither.
    ///
    /// # Errors
    /// Where nobody writes here.
    pub fn rebase(&mut self, now_ms: u64) -> Result<Rebased, WriteError> {
        let plan = plan(self.intents(), &self.documents);
        let keys: BTreeMap<ChangeSetId, (DocumentId, (Hlc, ChangeSetId))> = self
            .intents
            .iter()
            .flat_map(|(document, intents)| intents.keys().map(|key| (key.1, (*document, *key))))
            .collect();
        let mut rebased = Rebased {
            returned: plan.returned.clone(),
            ..Rebased::default()
        };
        for returned in &plan.returned {
            self.forget_intent(keys.get(&returned.id));
        }
        if plan.again.is_empty() {
            return Ok(rebased);
        }
        let pen = self.pen.ok_or(WriteError::NoPen)?;
        self.take_pen(Pen {
            epoch: crate::id::Epoch(pen.epoch.0.saturating_add(1)),
            ..pen
        });
        let mut maps: BTreeMap<DocumentId, IdMap> = BTreeMap::new();
        for step in plan.again {
            let Some(intent) = self.forget_intent(keys.get(&step.id)) else {
                continue;
            };
            match self.again(now_ms, &intent, &mut maps) {
                Ok((document, new, event)) => {
                    self.open.retain(|open| open.id != step.id);
                    rebased.again.push((step.id, new));
                    rebased.events.extend(event.map(|event| (document, event)));
                }
                Err(error) => rebased.failed.push((step.id, error)),
            }
        }
        Ok(rebased)
    }

    /// Whether own work on a document that is open does not count for good.
    pub fn has_lost_work(&self, document: &DocumentId) -> bool {
        let plan = plan(self.intents_of(document), &self.documents);
        !plan.again.is_empty() || !plan.returned.is_empty()
    }

    fn forget_intent(
        &mut self,
        place: Option<&(DocumentId, (Hlc, ChangeSetId))>,
    ) -> Option<Box<Intent>> {
        let (document, key) = place?;
        self.intents.get_mut(document)?.remove(key)
    }

    /// Makes one edit again.
    fn again(
        &mut self,
        now_ms: u64,
        intent: &Intent,
        maps: &mut BTreeMap<DocumentId, IdMap>,
    ) -> Result<(DocumentId, ChangeSetId, Option<Event>), WriteError> {
        let id = DocumentId::of(&intent.entity, &intent.part);
        let map = maps.entry(id).or_default();
        let draft = match &intent.asked {
            Asked::Record(ops) => Draft::Record(ops),
            Asked::Entry(entry) => Draft::Entry(entry),
            Asked::Body(noted) => Draft::Replay(&noted.intents, map),
            Asked::Step => return Err(WriteError::StepNotRepeated),
        };
        let (document, edited) = self.write_again(
            now_ms,
            &intent.kind,
            intent.entity,
            &intent.part,
            intent.view,
            &draft,
            Some(intent.id),
        )?;
        // Stamps rise, so the newest intent is the one just noted.
        let new = self.newest_intent(&id);
        let new = new.filter(|new| new.id == edited.id).map(|new| &new.asked);
        if let (Asked::Body(old), Some(Asked::Body(new))) = (&intent.asked, new) {
            map.pair(&old.update, &new.update);
        }
        Ok((document, edited.id, edited.event))
    }
}
