//! What both ends of a stream know of a document's record, and the expectations drawn from it.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Mark,
    chunk::{ActorBytes, Key, Op, OpId, action},
};
use std::collections::BTreeMap;

/// Most actors, objects and keys that one document's tables hold, and most registers whose last
/// write is remembered: a few KB per document on a stream, whatever its writers do.
pub const ACTORS_MAX: usize = 256;
/// See [`ACTORS_MAX`].
pub const OBJECTS_MAX: usize = 64;
/// See [`ACTORS_MAX`].
pub const KEYS_MAX: usize = 128;
/// See [`ACTORS_MAX`].
pub const REGISTERS_MAX: usize = 256;
/// Longest key that the table holds, in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// Most genesis hashes that one stream holds.
pub const GENESES_MAX: usize = 64;

/// Where the author of one chain last wrote, as far as the stream has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    pub(super) actor: Option<ActorBytes>,
    pub(super) max_op: u64,
    pub(super) cursor: Cursor,
}

/// The places that the next operation of a change most likely uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The object of the last operation.
    pub(super) object: Option<OpId>,
    /// The element behind which the author would type on; none: the head.
    pub(super) element: Option<OpId>,
    /// The element that a forward deletion would take next.
    pub(super) ahead: Option<OpId>,
    /// The object made last.
    pub(super) made: Option<OpId>,
}

impl Cursor {
    /// Moves on over an operation whose own id is `id`.
    pub(super) fn pass(&mut self, op: &Op<'_>, id: OpId) {
        self.object = op.obj;
        if action::makes(op.action) {
            self.made = Some(id);
        }
        if op.insert {
            self.element = Some(id);
        } else if let Key::Element(element) = op.key {
            let step = |counter: Option<u64>| {
                counter.map(|counter| OpId {
                    counter,
                    actor: element.actor,
                })
            };
            if op.action == action::DELETE {
                self.element = step(element.counter.checked_sub(1));
                self.ahead = step(element.counter.checked_add(1));
            }
        }
    }
}

/// What the stream has shown of one document's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub(super) actors: Vec<ActorBytes>,
    pub(super) objects: Vec<OpId>,
    pub(super) keys: Vec<String>,
    /// By object (none: the root) and the key's place: the last write.
    registers: BTreeMap<(Option<OpId>, usize), OpId>,
}

impl Tables {
    /// How many things it holds.
    pub fn entries(&self) -> usize {
        [
            self.actors.len(),
            self.objects.len(),
            self.keys.len(),
            self.registers.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// The predecessor that a write to a key is expected to name.
    pub(super) fn expected(&self, object: Option<OpId>, key: &str) -> Option<OpId> {
        let place = self.keys.iter().position(|known| known == key)?;
        self.registers.get(&(object, place)).copied()
    }

    /// Takes what a whole change taught.
    pub(super) fn learn(&mut self, lesson: &Lesson) {
        for actor in &lesson.actors {
            if self.actors.len() < ACTORS_MAX {
                self.actors.push(*actor);
            }
        }
        for object in &lesson.objects {
            if self.objects.len() < OBJECTS_MAX {
                self.objects.push(*object);
            }
        }
        for key in &lesson.keys {
            if self.keys.len() < KEYS_MAX && key.len() <= KEY_BYTES_MAX {
                self.keys.push(key.clone());
            }
        }
        for (object, key, write) in &lesson.writes {
            let Some(place) = self.keys.iter().position(|known| known == key) else {
                continue;
            };
            let register = (*object, place);
            match write {
                None => {
                    self.registers.remove(&register);
                }
                Some(id) => {
                    if self.registers.len() < REGISTERS_MAX
                        || self.registers.contains_key(&register)
                    {
                        self.registers.insert(register, *id);
                    }
                }
            }
        }
    }
}

/// What one change taught: the same on both ends, since both walk the same operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lesson {
    pub(super) actors: Vec<ActorBytes>,
    pub(super) objects: Vec<OpId>,
    pub(super) keys: Vec<String>,
    /// Object, key and the write that stands there now; none: deleted.
    pub(super) writes: Vec<(Option<OpId>, String, Option<OpId>)>,
}

impl Lesson {
    /// Notes a write to a key, the first [`REGISTERS_MAX`] of a change.
    pub(super) fn note(&mut self, op: &Op<'_>, id: OpId) {
        let Key::Map(name) = op.key else { return };
        if self.writes.len() >= REGISTERS_MAX || name.len() > KEY_BYTES_MAX {
            return;
        }
        let write = match op.action {
            action::DELETE => None,
            // An increment leaves the counter's own put standing.
            action::INCREMENT => op.preds.first().copied(),
            _ => Some(id),
        };
        self.writes.push((op.obj, name.to_owned(), write));
    }
}

/// The genesis hashes that a stream has carried: dependencies that no change set is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Geneses {
    pub(super) marks: Vec<Mark>,
}

impl Geneses {
    pub(super) fn learn(&mut self, fresh: &[Mark]) {
        for mark in fresh {
            if self.marks.len() < GENESES_MAX && !self.marks.iter().any(|m| m.hash == mark.hash) {
                self.marks.push(*mark);
            }
        }
    }
}
