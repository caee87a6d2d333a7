//! Holding devices to what has to be true: while everything goes wrong, and when it has stopped.

use super::{
    truth::invariant,
    world::{Held, World, broken},
};
use crate::{
    control::Excluded,
    document::{Document, EngineDoc, State},
    id::ChangeSetId,
    limits,
    record::unnumbered,
    replica::Replica,
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a replica says of each change set that it has.
type Labels = BTreeMap<ChangeSetId, State>;
/// What a device shows.
#[derive(Clone)]
pub(super) struct Picture {
    digest: [u8; 32],
    labels: Labels,
}

impl Picture {
    fn difference(&self, other: &Picture) -> Option<String> {
        let contents = || "they show different contents".to_owned();
        let differ = self.digest != other.digest;
        difference(&self.labels, &other.labels).or_else(|| differ.then(contents))
    }
}

pub(super) fn labels(replica: &Replica) -> Labels {
    let mut labels = Labels::new();
    for document in replica.documents() {
        for (_, line) in document.graph().lines() {
            let nodes = line.nodes().iter();
            labels.extend(nodes.map(|node| (node.id, State::Effective)));
        }
        let asides = document.asides();
        labels.extend(asides.map(|aside| (aside.kept.change.id(), aside.state.clone())));
    }
    labels
}

/// The first change set that two say different things of.
fn difference(one: &Labels, two: &Labels) -> Option<String> {
    let both: BTreeSet<&ChangeSetId> = one.keys().chain(two.keys()).collect();
    both.into_iter().find_map(|id| {
        let (one, two) = (one.get(id), two.get(id));
        (one != two).then(|| format!("of {id} one says {one:?}, the other {two:?}"))
    })
}

impl World<'_, '_> {
    /// Own edits that are saved and kept as asked.
    pub(super) fn kept_intents(&self, at: usize) -> BTreeSet<ChangeSetId> {
        let (Some(device), Some(replica)) = (self.devices.get(at), self.replica(at)) else {
            return BTreeSet::new();
        };
        let kept = replica.intents().map(|intent| intent.id);
        kept.filter(|id| device.saved_ids.contains(id)).collect()
    }

    pub(super) fn hold_to_intents(&mut self, at: usize, had: &BTreeSet<ChangeSetId>) -> Held {
        let now = self.kept_intents(at);
        self.count(invariant::INTENTS);
        match had.iter().find(|id| !now.contains(id)) {
            None => Ok(()),
            Some(id) => {
                let found = format!("{} no longer knows what {id} was meant as", self.name(at));
                Err(broken(invariant::INTENTS, found))
            }
        }
    }

    /// What a device shows, where all of it is saved.
    pub(super) fn picture_if_saved(&self, at: usize) -> Option<Picture> {
        let saved = self
            .devices
            .get(at)
            .is_some_and(|device| !device.is_unsaved());
        let replica = self.replica(at).filter(|_| saved)?;
        Some(Picture {
            digest: replica.digest(),
            labels: labels(replica),
        })
    }

    pub(super) fn hold_to_picture(&mut self, at: usize, before: Option<Picture>) -> Held {
        let Some(before) = before else {
            return Ok(());
        };
        self.count(invariant::OPENED_AGAIN);
        let Some(replica) = self.replica(at) else {
            let found = format!("{} lost its workspace", self.name(at));
            return Err(broken(invariant::OPENED_AGAIN, found));
        };
        let now = Picture {
            digest: replica.digest(),
            labels: labels(replica),
        };
        match before.difference(&now) {
            None => Ok(()),
            Some(found) => {
                let found = format!("{} opened again: {found}", self.name(at));
                Err(broken(invariant::OPENED_AGAIN, found))
            }
        }
    }

    pub(super) fn hold_to_bounds(&mut self) -> Held {
        for at in 0..self.devices.len() {
            let Some(replica) = self.replica(at) else {
                continue;
            };
            let waiting = |document: &Document| {
                let held = |state: &State| matches!(state, State::Held(_));
                document.asides().filter(|aside| held(&aside.state)).count()
            };
            let most = replica.documents().map(waiting).max().unwrap_or(0);
            self.count(invariant::BOUNDED);
            if most > limits::PARKED_MAX {
                let found = format!("{} holds {most} that wait", self.name(at));
                return Err(broken(invariant::BOUNDED, found));
            }
        }
        Ok(())
    }

    /// Whoever has the same, now or at any time before, shows the same.
    pub(super) fn hold_to_equal_states(&mut self) -> Held {
        for at in 0..self.devices.len() {
            let Some(replica) = self.replica(at) else {
                continue;
            };
            let labels = labels(replica);
            let mut hasher = blake3::Hasher::new();
            hasher.update(&replica.standing().tip().number.to_le_bytes());
            for id in labels.keys() {
                hasher.update(&id.0);
            }
            let set = *hasher.finalize().as_bytes();
            let shown = Picture {
                digest: replica.digest(),
                labels,
            };
            let first = self
                .truth
                .states
                .entry(set)
                .or_insert_with(|| shown.clone());
            let found = first.difference(&shown);
            self.count(invariant::SAME_STATE);
            if let Some(found) = found {
                let found = format!(
                    "{} and another device with the same: {found}",
                    self.name(at)
                );
                return Err(broken(invariant::SAME_STATE, found));
            }
        }
        Ok(())
    }

    /// What has to be true when everybody has everything.
    pub(super) fn hold_to_the_end(&mut self) -> Held {
        let Some(first) = self.replica(0) else {
            return Ok(());
        };
        let (all, digest) = (labels(first), first.digest());
        let tip = first.standing().tip();
        for at in 1..self.devices.len() {
            let Some(replica) = self.replica(at) else {
                continue;
            };
            let (name, other) = (self.name(at), labels(replica));
            let missing = all
                .keys()
                .chain(other.keys())
                .find(|id| all.contains_key(*id) != other.contains_key(*id));
            if let Some(id) = missing.filter(|id| !self.is_unsealed(id)) {
                let found = format!("{name} and {} do not both have {id}", self.name(0));
                return Err(broken(invariant::CALM, found));
            }
            if replica.standing().tip() != tip {
                let found = format!("{name} has another control log than {}", self.name(0));
                return Err(broken(invariant::CALM, found));
            }
            let differ = difference(&all, &other).filter(|_| missing.is_none());
            if let Some(found) = differ {
                let found = format!("{name} and {}: {found}", self.name(0));
                return Err(broken(invariant::SAME_LABELS, found));
            }
            if replica.digest() != digest {
                let found = format!("{name} and {} show different contents", self.name(0));
                return Err(broken(invariant::SAME_STATE, found));
            }
            for invariant in [
                invariant::CALM,
                invariant::SAME_LABELS,
                invariant::SAME_STATE,
            ] {
                self.count(invariant);
            }
        }
        self.hold_to_promises(&all)?;
        self.hold_to_documents()
    }

    /// Whether it is an own edit that was never sealed, since it did not count: it stays where it is.
    fn is_unsealed(&self, id: &ChangeSetId) -> bool {
        !self.is_anywhere(id)
    }

    /// What was acknowledged is there, and counts, unless there is a reason that is not its author's.
    fn hold_to_promises(&mut self, all: &Labels) -> Held {
        let excluded = all
            .values()
            .any(|state| matches!(state, State::Excluded(_) | State::Forked { .. }));
        let acknowledged = std::mem::take(&mut self.truth.acknowledged);
        for (id, at) in &acknowledged {
            let device = self.devices.get(*at);
            let origin = device.map(super::Device::origin);
            let name = self.name(*at);
            let gone = self.truth.gone.contains(id);
            let Some(state) = all.get(id) else {
                if gone {
                    continue;
                }
                let found = format!("{id}, which {name} was told is saved, is nowhere");
                return Err(broken(invariant::KEPT, found));
            };
            self.count(invariant::KEPT);
            if origin.is_some_and(|origin| self.truth.twins.contains(&origin)) {
                continue;
            }
            let harmless = match state {
                State::Effective | State::Excluded(Excluded::Refused(_) | Excluded::Revoked(_)) => {
                    true
                }
                State::Orphaned { .. } => excluded,
                State::Held(_) => !self.truth.gone.is_empty(),
                State::Excluded(Excluded::Fork(_))
                | State::Refused(_)
                | State::Forked { .. }
                | State::Stuck => false,
            };
            self.count(invariant::UNHARMED);
            if !harmless {
                let found = format!("{id} of {name} is {state:?}");
                return Err(broken(invariant::UNHARMED, found));
            }
        }
        self.truth.acknowledged = acknowledged;
        Ok(())
    }

    /// Chains, logs and registers, on one device: all show the same.
    fn hold_to_documents(&mut self) -> Held {
        let Some(replica) = self.replica(0) else {
            return Ok(());
        };
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut add = |name| *counts.entry(name).or_default() += 1;
        for document in replica.documents() {
            whole(document).map_err(|found| broken(invariant::WHOLE, found))?;
            add(invariant::WHOLE);
            match document.engine() {
                EngineDoc::Log(log) => {
                    let shown: BTreeSet<ChangeSetId> = log.entries().map(|one| one.1).collect();
                    let lines = document.graph().lines();
                    let nodes = lines.flat_map(|(_, line)| line.nodes());
                    let counted: BTreeSet<ChangeSetId> = nodes.map(|node| node.id).collect();
                    if shown != counted || log.len() != counted.len() {
                        let found = format!("{} entries of {}", shown.len(), counted.len());
                        return Err(broken(invariant::APPEND_ONLY, found));
                    }
                    add(invariant::APPEND_ONLY);
                }
                EngineDoc::Record(record) => {
                    let view = record.project(&unnumbered);
                    let wanted = self.truth.register.latest(document);
                    for (path, value) in wanted.into_iter().flatten() {
                        let names: Vec<&str> = path.iter().map(String::as_str).collect();
                        let shown = view.get(&names).cloned().unwrap_or(Value::Null);
                        add(invariant::LATEST);
                        if shown != value {
                            let found =
                                format!("{} shows {shown:?}, not {value:?}", path.join("."));
                            return Err(broken(invariant::LATEST, found));
                        }
                    }
                }
                EngineDoc::Body(_) => {}
            }
        }
        for (name, count) in counts {
            for _ in 0..count {
                self.count(name);
            }
        }
        Ok(())
    }
}

/// Each effective change set stands on the one before it, and on all it names.
fn whole(document: &Document) -> Result<(), String> {
    let graph = document.graph();
    for (chain, line) in graph.lines() {
        let mut before = None;
        for seq in 1..=graph.len_of(chain) {
            let Some(kept) = document.kept(chain, seq) else {
                return Err(format!(
                    "number {seq} of {:?} is missing",
                    line.writer.chain
                ));
            };
            let header = kept.change.header();
            if header.seq != seq || header.prev != before {
                return Err(format!("{} does not stand on {before:?}", kept.change.id()));
            }
            let missing = header.deps.iter().find(|dep| {
                let node = graph
                    .chain(&dep.chain)
                    .and_then(|chain| graph.node(chain, dep.seq));
                node.is_none_or(|node| node.id != dep.id)
            });
            if let Some(dep) = missing {
                return Err(format!("{} counts without {}", kept.change.id(), dep.id));
            }
            before = Some(kept.change.id());
        }
    }
    Ok(())
}
