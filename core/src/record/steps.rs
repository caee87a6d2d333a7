//! One step of a view's undo: what it takes to go back, told in places that others' edits do not
//! move. Registers by the value that stood before, entries of texts and lists by the ids of the
//! operations that made them.
#![deny(clippy::arithmetic_side_effects)]

use super::{FieldPath, OpKey, anchor::place_of};
use crate::value::Value;
use automerge::{ObjId, ReadDoc};
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
    /// What it took out, in the order of the document.
    pub removed: Vec<Removed>,
}

/// An entry or character that was taken out.
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    pub id: OpKey,
    /// The entry, or the character as a text.
    pub value: Value,
    /// How many entries that the step before (if this one continues it) took out stand before it.
    /// Neighbours that are gone have no places by which to order them later.
    after: usize,
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

    /// Notes an entry that stands at `place` and is about to go.
    pub(crate) fn removed<D: ReadDoc>(
        &mut self,
        before: Option<&Step>,
        (engine, object): (&D, &ObjId),
        path: &FieldPath,
        (id, place, value): (OpKey, usize, Value),
    ) {
        let stands_before = |other: &Removed| {
            // What is gone stands before the next entry that is there.
            place_of(engine, object, &other.id).is_some_and(|at| at <= place)
        };
        let sequence = self.sequences.entry(path.clone()).or_default();
        if sequence.inserted.remove(&id) {
            return;
        }
        let after = match before.and_then(|step| step.sequences.get(path)) {
            Some(before) => count_before(&before.removed, stands_before),
            None => 0,
        };
        let at = count_before(&sequence.removed, stands_before);
        sequence.removed.insert(at, Removed { id, value, after });
    }

    /// Takes in a step that continues this one and was recorded against it.
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
    fn merge(&mut self, later: Sequence) {
        self.inserted.extend(later.inserted);
        let mut old = std::mem::take(&mut self.removed).into_iter();
        let mut taken = 0usize;
        for removed in later.removed {
            if self.inserted.remove(&removed.id) {
                continue;
            }
            let more = removed.after.saturating_sub(taken);
            self.removed.extend(old.by_ref().take(more));
            taken = taken.max(removed.after);
            self.removed.push(removed);
        }
        self.removed.extend(old);
    }
}

/// How many of some ordered entries stand before a place. Entries mostly go from front to back, so
/// the last is asked first.
fn count_before(removed: &[Removed], stands_before: impl Fn(&Removed) -> bool) -> usize {
    if removed.last().is_none_or(&stands_before) {
        return removed.len();
    }
    removed.partition_point(stands_before)
}
