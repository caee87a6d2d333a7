//! One step of a view's undo: what it takes to go back, told in places that others' edits do not
//! move. Registers by the value that stood before, entries of texts and lists by the ids of the
//! operations that made them.
#![deny(clippy::arithmetic_side_effects)]

use super::{FieldPath, OpKey};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What one step changed. Paths are in the newest names at the time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// Registers and groups, each with the value before.
    pub registers: BTreeMap<FieldPath, Value>,
    /// Counters, each with the sum of what was added.
    pub counters: BTreeMap<FieldPath, i64>,
    /// Elements of sets, each with whether the set held it before.
    pub elements: BTreeMap<(FieldPath, Value), bool>,
    /// Texts and lists.
    pub sequences: BTreeMap<FieldPath, Sequence>,
    /// Whether the entity lived before.
    pub life: Option<bool>,
}

/// What one step changed in a text or list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// What it put in and did not take out again.
    pub inserted: BTreeSet<OpKey>,
    /// What it took out, as it went.
    pub removed: Vec<Removed>,
}

/// An entry or character that was taken out, and what stood beside it then: of neighbours that are
/// all gone, this tells the order.
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    pub id: OpKey,
    /// The entry, or the character as a text; none if the same step had put it in, so that it
    /// only tells the order of its neighbours.
    pub value: Option<Value>,
    pub left: Option<OpKey>,
    pub right: Option<OpKey>,
}

impl Step {
    pub(crate) fn is_empty(&self) -> bool {
        self.registers.is_empty()
            && self.counters.is_empty()
            && self.elements.is_empty()
            && self.sequences.is_empty()
            && self.life.is_none()
    }

    pub(crate) fn register(&mut self, path: &FieldPath, before: Value) {
        self.registers.entry(path.clone()).or_insert(before);
    }

    pub(crate) fn counter(&mut self, path: &FieldPath, by: i64) {
        let sum = self.counters.entry(path.clone()).or_insert(0);
        *sum = sum.saturating_add(by);
    }

    pub(crate) fn element(&mut self, path: &FieldPath, value: Value, held: bool) {
        self.elements.entry((path.clone(), value)).or_insert(held);
    }

    pub(crate) fn life(&mut self, alive: bool) {
        self.life.get_or_insert(alive);
    }

    pub(crate) fn inserted(&mut self, path: &FieldPath, ids: impl IntoIterator<Item = OpKey>) {
        let sequence = self.sequences.entry(path.clone()).or_default();
        sequence.inserted.extend(ids);
    }

    /// Notes neighbouring entries that are about to go, and what stands on both sides of them.
    pub(crate) fn removed(
        &mut self,
        path: &FieldPath,
        (left, right): (Option<OpKey>, Option<OpKey>),
        entries: Vec<(OpKey, Value)>,
    ) {
        let sequence = self.sequences.entry(path.clone()).or_default();
        let lefts = std::iter::once(left).chain(entries.iter().map(|(id, _)| Some(*id)));
        let rights = entries.iter().skip(1).map(|(id, _)| Some(*id));
        let rights: Vec<Option<OpKey>> = rights.chain([right]).collect();
        let lefts: Vec<Option<OpKey>> = lefts.collect();
        for (((id, value), left), right) in entries.into_iter().zip(lefts).zip(rights) {
            let value = Some(value);
            sequence.take_out(Removed {
                id,
                value,
                left,
                right,
            });
        }
    }

    /// Takes in a step that continues this one.
    pub(crate) fn merge(&mut self, later: Step) {
        for (path, before) in later.registers {
            self.register(&path, before);
        }
        for (path, by) in later.counters {
            self.counter(&path, by);
        }
        for ((path, value), held) in later.elements {
            self.element(&path, value, held);
        }
        for (path, later) in later.sequences {
            self.sequences.entry(path).or_default().merge(later);
        }
        if let Some(alive) = later.life {
            self.life(alive);
        }
    }
}

impl Sequence {
    fn take_out(&mut self, mut removed: Removed) {
        if self.inserted.remove(&removed.id) {
            removed.value = None;
        }
        self.removed.push(removed);
    }

    fn merge(&mut self, later: Sequence) {
        self.inserted.extend(later.inserted);
        for removed in later.removed {
            self.take_out(removed);
        }
    }
}

/// Puts entries that are gone, and between which nothing stands, into the order of the document.
/// Each knows its neighbours of when it went, so one of two entries names the other or something
/// between them. What someone else took out between them may be named by none: such go by id.
pub(crate) fn in_order(mut removed: Vec<&Removed>) -> Vec<&Removed> {
    removed.sort_by_key(|one| one.id);
    let places: BTreeMap<OpKey, usize> = removed.iter().map(|one| one.id).zip(0..).collect();
    let mut waits = vec![0usize; removed.len()];
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); removed.len()];
    for (at, one) in removed.iter().enumerate() {
        let left = one
            .left
            .and_then(|id| places.get(&id))
            .map(|left| (*left, at));
        let right = one
            .right
            .and_then(|id| places.get(&id))
            .map(|right| (at, *right));
        for (first, second) in left.into_iter().chain(right) {
            if let (Some(list), Some(count)) = (before.get_mut(first), waits.get_mut(second)) {
                list.push(second);
                *count = count.saturating_add(1);
            }
        }
    }
    // Kahn's topological sort (1962).
    let ready = waits.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BTreeSet<usize> = ready.map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(removed.len());
    while let Some(at) = ready.pop_first() {
        order.extend(removed.get(at));
        for next in before.get(at).into_iter().flatten() {
            if let Some(count) = waits.get_mut(*next) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(*next);
                }
            }
        }
    }
    order
}
