//! What happened to an entity.

use super::Desk;
use anabranch::core::{
    body,
    control::{ControlBody, Excluded, RefuseReason},
    document::{Document, EngineDoc, State},
    hlc::Hlc,
    id::{ChainIdx, ChangeSetId, EntityId, OriginId, UserId},
    log,
    record::{Life, unnumbered},
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// One change set of an entity, for people.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its id.
    pub id: ChangeSetId,
    /// The part it is of.
    pub part: String,
    /// Its stamp.
    pub hlc: Hlc,
    /// The device that wrote it.
    pub origin: OriginId,
    /// The user behind it.
    pub author: UserId,
    /// Its number in its chain.
    pub seq: u64,
    /// Whether it counts, and if not, why.
    pub state: State,
    /// The change sets that its author had seen last.
    pub after: Vec<ChangeSetId>,
    /// What it did.
    pub did: Vec<Did>,
}

/// One thing that a change set did.
#[derive(Clone, Debug)]
pub enum Did {
    /// A field went from one value to another.
    Field {
        /// The field.
        field: String,
        /// What it was.
        was: Value,
        /// What it is.
        is: Value,
    },
    /// The entity's life.
    Life(Life),
    /// A body was written to.
    Body(body::Wrote),
    /// An entry was appended.
    Entry(Value),
}

/// A change set with its document and, where it counts, its place there.
type Found<'d> = (Change, &'d Document, Option<(ChainIdx, u64)>);

impl Desk {
    /// The change sets of an entity, or of one part of it, newest first; those that do not count
    /// too. What they did is worked out for the first `told`.
    pub fn changes(&self, entity: &EntityId, part: Option<&str>, told: usize) -> Vec<Change> {
        let all = self.look_at(entity, |replica| {
            let documents = replica.documents().filter(|one| one.entity() == entity);
            let wanted = documents.filter(|one| part.is_none_or(|part| one.part() == part));
            let mut all: Vec<Found<'_>> = wanted.flat_map(changes_of).collect();
            all.sort_by_key(|(change, ..)| std::cmp::Reverse((change.hlc, change.id)));
            for (change, document, at) in all.iter_mut().take(told) {
                if let Some((chain, seq)) = at {
                    change.did = did(document, *chain, *seq);
                }
            }
            all.into_iter().map(|(change, ..)| change).collect()
        });
        all.unwrap_or_default()
    }

    /// The newest change sets of the whole workspace, and how many there are.
    pub fn newest(&self, count: usize) -> (Vec<(EntityId, Change)>, usize) {
        let newest = self.look_everywhere(|replica| {
            let mut all: Vec<_> = replica
                .documents()
                .flat_map(|one| changes_of(one).into_iter().map(move |found| (one, found)))
                .collect();
            all.sort_by_key(|(_, (change, ..))| std::cmp::Reverse((change.hlc, change.id)));
            let found = all.len();
            let told = all
                .into_iter()
                .take(count)
                .map(|(document, (mut change, _, at))| {
                    change.did = at.map_or_else(Vec::new, |(chain, seq)| did(document, chain, seq));
                    (*document.entity(), change)
                });
            (told.collect(), found)
        });
        newest.unwrap_or_default()
    }

    /// The change sets of the whole workspace whose id begins so.
    pub fn named(&self, beginning: &str) -> Vec<(EntityId, Change)> {
        let all = self.look_everywhere(|replica| {
            let all = replica
                .documents()
                .flat_map(|one| changes_of(one).into_iter().map(move |found| (one, found)));
            let named =
                all.filter(|(_, (change, ..))| change.id.to_string().starts_with(beginning));
            let told = named.map(|(document, (mut change, _, at))| {
                change.did = at.map_or_else(Vec::new, |(chain, seq)| did(document, chain, seq));
                (*document.entity(), change)
            });
            told.collect()
        });
        all.unwrap_or_default()
    }

    /// What a control record says that keeps a change set from counting.
    pub fn ruling(&self, excluded: &Excluded) -> Option<(u64, String)> {
        let id = excluded.record();
        let ruling = self.look(|replica| {
            let mut line = replica.control().line();
            let signed = line.find(|signed| signed.record.id() == id)?;
            let said = match &signed.record.body {
                ControlBody::Refuse { reason, .. } => match reason {
                    RefuseReason::Policy(policy) => format!("a policy said no: {policy}"),
                    RefuseReason::Quota => "a quota was used up".to_owned(),
                    RefuseReason::NotMember => "its writer was no member any more".to_owned(),
                },
                ControlBody::Fork { winner, .. } => {
                    format!("of two change sets in one place {winner} counts")
                }
                ControlBody::Revoke { origin, .. } => format!("device {origin} was shut out"),
                _ => return None,
            };
            Some((signed.record.position.number, said))
        });
        ruling.flatten()
    }
}

fn changes_of(document: &Document) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for (chain, line) in document.graph().lines() {
        for (seq, node) in (1u64..).zip(line.nodes()) {
            let kept = document.kept(chain, seq);
            let header = kept.map(|kept| kept.change.header());
            let deps = header
                .map(|header| header.deps.iter().map(|dep| dep.id))
                .into_iter()
                .flatten();
            let change = Change {
                id: node.id,
                part: document.part().to_owned(),
                hlc: node.hlc,
                origin: line.writer.chain.origin,
                author: line.writer.author,
                seq,
                state: State::Effective,
                after: deps.chain(header.and_then(|header| header.prev)).collect(),
                did: Vec::new(),
            };
            all.push((change, document, Some((chain, seq))));
        }
    }
    for aside in document.asides() {
        let header = aside.kept.change.header();
        let change = Change {
            id: aside.kept.change.id(),
            part: document.part().to_owned(),
            hlc: header.hlc,
            origin: header.chain.origin,
            author: header.on_behalf_of.unwrap_or(header.author),
            seq: header.seq,
            state: aside.state.clone(),
            after: header
                .deps
                .iter()
                .map(|dep| dep.id)
                .chain(header.prev)
                .collect(),
            did: Vec::new(),
        };
        all.push((change, document, None));
    }
    all
}

/// What an effective change set did, against what its author had seen.
fn did(document: &Document, chain: ChainIdx, seq: u64) -> Vec<Did> {
    let Some(node) = document.graph().node(chain, seq) else {
        return Vec::new();
    };
    let kept = document.kept(chain, seq);
    let in_clear = kept.filter(|kept| kept.change.header().key_epoch.is_none());
    let payload = in_clear.and_then(|kept| kept.change.payload().bytes());
    match document.engine() {
        EngineDoc::Record(record) => {
            let was = record.project_at(&node.past, &unnumbered);
            let is = record.project_at(&node.past.with(chain, seq), &unnumbered);
            let mut did = Vec::new();
            if was.life != is.life {
                did.push(Did::Life(is.life));
            }
            let names: BTreeSet<&String> = was.fields.keys().chain(is.fields.keys()).collect();
            for name in names {
                differ(name, (was.fields.get(name), is.fields.get(name)), &mut did);
            }
            did
        }
        EngineDoc::Body(_) => payload
            .map(|payload| Did::Body(body::wrote(payload)))
            .into_iter()
            .collect(),
        EngineDoc::Log(_) => {
            let entry = payload.and_then(|payload| log::decode(payload).ok());
            let value = entry.map(|entry| {
                Value::Map(
                    entry
                        .into_iter()
                        .map(|(name, value)| (name, value.into()))
                        .collect(),
                )
            });
            value.map(Did::Entry).into_iter().collect()
        }
    }
}

fn differ(field: &str, (was, is): (Option<&Value>, Option<&Value>), did: &mut Vec<Did>) {
    if was == is {
        return;
    }
    let none = BTreeMap::new();
    let map = |value: Option<&'_ Value>| match value {
        Some(Value::Map(map)) => Some(map.clone()),
        None | Some(Value::Null) => Some(none.clone()),
        Some(_) => None,
    };
    let either = matches!(was, Some(Value::Map(_))) || matches!(is, Some(Value::Map(_)));
    if let (true, Some(was), Some(is)) = (either, map(was), map(is)) {
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            differ(
                &format!("{field}.{name}"),
                (was.get(name), is.get(name)),
                did,
            );
        }
        return;
    }
    let value = |value: Option<&Value>| value.cloned().unwrap_or(Value::Null);
    did.push(Did::Field {
        field: field.to_owned(),
        was: value(was),
        is: value(is),
    });
}
