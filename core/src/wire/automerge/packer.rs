//! Writing the operations of a change, runs of typing and of deletions together.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DELETE, DELETE_ELEMENT, DELETE_RUN, EXPECTED, GENERAL, INCREMENT, INCREMENT_ELEMENT, INSERT,
    INSERT_MAKE, LAST, MAKE, OTHER_WAY, PUT, PUT_ELEMENT, SAME_OBJECT, TYPE,
    chunk::{ActorBytes, Key, Op, OpId, Scalar, action},
    tables::{Cursor, Tables},
    walk::{VALUE_LONG, VALUE_TIME},
};
use crate::wire::bytes::{put_bytes, put_number, zigzag};

/// Writes operations against what both ends know; what [`Walk`](super::walk::Walk) reads.
pub(super) struct Packer<'a> {
    pub(super) out: Vec<u8>,
    pub(super) tables: &'a Tables,
    pub(super) author: ActorBytes,
    pub(super) time: &'a [u8],
    pub(super) next: u64,
    pub(super) cursor: Cursor,
    pub(super) actors: Vec<ActorBytes>,
    pub(super) objects: Vec<OpId>,
    pub(super) keys: Vec<&'a str>,
}

impl<'a> Packer<'a> {
    pub(super) fn all(mut self, mut ops: &[Op<'a>]) -> Option<Vec<u8>> {
        while let Some(op) = ops.first() {
            let typed = self.run(ops, Packer::types_on);
            let (count, rest) = if plain_text(op) {
                self.typing(ops.get(..typed)?, typed == ops.len())?;
                (typed, ops.get(typed..)?)
            } else if deletes_itself(op) {
                let (count, other_way) = self.deletion_run(ops);
                self.deleting(op, count, other_way)?;
                (count, ops.get(count..)?)
            } else {
                self.single(op, ops.len() == 1)?;
                (1, ops.get(1..)?)
            };
            for op in ops.get(..count)? {
                let id = OpId {
                    counter: self.next,
                    actor: self.author,
                };
                self.cursor.pass(op, id);
                self.next = self.next.checked_add(1)?;
            }
            ops = rest;
        }
        Some(self.out)
    }

    /// How many operations from the first on belong together.
    fn run(&self, ops: &[Op<'_>], joins: fn(&Self, &Op<'_>, &Op<'_>, u64) -> bool) -> usize {
        let mut count = 1usize;
        for pair in ops.windows(2) {
            let [before, op] = pair else { break };
            let before_id = self.next.saturating_add(count as u64).saturating_sub(1);
            if !joins(self, before, op, before_id) {
                break;
            }
            count = count.saturating_add(1);
        }
        count
    }

    fn types_on(&self, before: &Op<'_>, op: &Op<'_>, before_id: u64) -> bool {
        let id = OpId {
            counter: before_id,
            actor: self.author,
        };
        plain_text(before) && plain_text(op) && op.obj == before.obj && op.key == Key::Element(id)
    }

    fn deletion_run(&self, ops: &[Op<'_>]) -> (usize, bool) {
        let ascending = self.run(ops, |_, before, op, _| steps(before, op, 1));
        let descending = self.run(ops, |_, before, op, _| steps(before, op, -1));
        if descending > ascending {
            (descending, true)
        } else {
            (ascending, false)
        }
    }

    fn typing(&mut self, ops: &[Op<'a>], last: bool) -> Option<()> {
        let op = ops.first()?;
        let expected = op.key == self.cursor.element.map_or(Key::Head, Key::Element);
        self.begin(TYPE, op, expected, last);
        if !expected {
            self.element(op.key)?;
        }
        if !last {
            let len = ops.iter().map(|op| op.value.bytes.len() as u64).sum();
            put_number(&mut self.out, len);
        }
        for op in ops {
            self.out.extend_from_slice(op.value.bytes);
        }
        Some(())
    }

    fn deleting(&mut self, op: &Op<'a>, count: usize, other_way: bool) -> Option<()> {
        let element = match op.key {
            Key::Element(id) => Some(id),
            Key::Head | Key::Map(_) => return None,
        };
        let (kind, expected, other_way) = if count > 1 {
            (DELETE_RUN, element == self.cursor.element, other_way)
        } else if element == self.cursor.element {
            (DELETE_ELEMENT, true, false)
        } else {
            let ahead = element == self.cursor.ahead;
            (DELETE_ELEMENT, ahead, ahead)
        };
        let kind = kind | if other_way { OTHER_WAY } else { 0 };
        self.begin(kind, op, expected, false);
        if !expected {
            self.element(op.key)?;
        }
        if count > 1 {
            put_number(&mut self.out, count as u64);
        }
        Some(())
    }

    fn single(&mut self, op: &Op<'a>, last: bool) -> Option<()> {
        let makes = action::makes(op.action) && op.value == Scalar::NULL;
        let plain = !op.expand && op.mark.is_none();
        let kind = match (op.key, op.insert, op.action) {
            _ if !plain => GENERAL,
            (Key::Map(_), false, action::SET) => PUT,
            (Key::Map(_), false, action::DELETE) if op.value == Scalar::NULL => DELETE,
            (Key::Map(_), false, action::INCREMENT) => INCREMENT,
            (Key::Map(_), false, _) if makes => MAKE,
            (Key::Head | Key::Element(_), true, action::SET) if op.preds.is_empty() => INSERT,
            (Key::Head | Key::Element(_), true, _) if makes && op.preds.is_empty() => INSERT_MAKE,
            (Key::Element(_), false, action::SET) => PUT_ELEMENT,
            (Key::Element(_), false, action::INCREMENT) => INCREMENT_ELEMENT,
            _ => GENERAL,
        };
        match kind {
            PUT | MAKE | DELETE | INCREMENT => {
                let Key::Map(name) = op.key else { return None };
                let valued = kind == PUT || kind == INCREMENT;
                let expected = op
                    .preds
                    .iter()
                    .copied()
                    .eq(self.tables.expected(op.obj, name));
                self.begin(kind, op, expected, last && valued);
                self.key(name);
                if !expected {
                    self.preds(op);
                }
                if kind == MAKE {
                    put_number(&mut self.out, op.action);
                } else if valued {
                    self.value(op.value, last);
                }
            }
            INSERT | INSERT_MAKE => {
                let expected = op.key == self.cursor.element.map_or(Key::Head, Key::Element);
                self.begin(kind, op, expected, last && kind == INSERT);
                if !expected {
                    self.element(op.key)?;
                }
                if kind == INSERT {
                    self.value(op.value, last);
                } else {
                    put_number(&mut self.out, op.action);
                }
            }
            PUT_ELEMENT | INCREMENT_ELEMENT => {
                let Key::Element(id) = op.key else {
                    return None;
                };
                let expected = op.preds.as_slice() == [id];
                self.begin(kind, op, expected, last);
                self.element(op.key)?;
                if !expected {
                    self.preds(op);
                }
                self.value(op.value, last);
            }
            _ => self.general(op)?,
        }
        Some(())
    }

    fn general(&mut self, op: &Op<'a>) -> Option<()> {
        self.out.push(GENERAL);
        let mapped = matches!(op.key, Key::Map(_));
        self.out.push(
            u8::from(op.insert)
                | u8::from(op.expand) << 1
                | u8::from(op.mark.is_some()) << 2
                | u8::from(!mapped) << 3,
        );
        put_number(&mut self.out, op.action);
        self.object(op.obj);
        match op.key {
            Key::Map(name) => self.key(name),
            Key::Head | Key::Element(_) => self.element(op.key)?,
        }
        self.preds(op);
        self.value(op.value, false);
        if let Some(mark) = op.mark {
            put_bytes(&mut self.out, mark.as_bytes());
        }
        Some(())
    }

    /// The operation's byte and object.
    fn begin(&mut self, kind: u8, op: &Op<'_>, expected: bool, last: bool) {
        let same = op.obj == self.cursor.object;
        let mut byte = kind;
        for (flag, set) in [(SAME_OBJECT, same), (EXPECTED, expected), (LAST, last)] {
            byte |= if set { flag } else { 0 };
        }
        self.out.push(byte);
        if !same {
            self.object(op.obj);
        }
    }

    fn object(&mut self, object: Option<OpId>) {
        let Some(id) = object else {
            self.out.push(0);
            return;
        };
        if self.cursor.made == Some(id) {
            self.out.push(2);
        } else if let Some(place) = place(&self.tables.objects, &self.objects, &id) {
            put_number(&mut self.out, place.saturating_add(3));
        } else {
            self.out.push(1);
            self.id(id);
            self.objects.push(id);
        }
    }

    fn key(&mut self, key: &'a str) {
        let known = self.tables.keys.len();
        let at = self.tables.keys.iter().position(|k| k == key).or_else(|| {
            let fresh = self.keys.iter().position(|k| *k == key)?;
            known.checked_add(fresh)
        });
        match at {
            Some(at) => put_number(&mut self.out, (at as u64).saturating_add(1)),
            None => {
                self.out.push(0);
                put_bytes(&mut self.out, key.as_bytes());
                self.keys.push(key);
            }
        }
    }

    fn element(&mut self, key: Key<'_>) -> Option<()> {
        match key {
            Key::Map(_) => return None,
            Key::Head => self.out.push(0),
            Key::Element(id) => {
                let base = self.cursor.element.map_or(self.next, |id| id.counter);
                let coded = self.coded(id, base).checked_add(1)?;
                put_number(&mut self.out, coded);
                self.actor(id);
            }
        }
        Some(())
    }

    fn preds(&mut self, op: &Op<'_>) {
        put_number(&mut self.out, op.preds.len() as u64);
        for pred in &op.preds {
            self.id(*pred);
        }
    }

    fn id(&mut self, id: OpId) {
        let coded = self.coded(id, self.next);
        put_number(&mut self.out, coded);
        self.actor(id);
    }

    fn coded(&self, id: OpId, base: u64) -> u64 {
        let step = id.counter.wrapping_sub(base) as i64;
        zigzag(step).wrapping_shl(1) | u64::from(id.actor != self.author)
    }

    fn actor(&mut self, id: OpId) {
        if id.actor == self.author {
            return;
        }
        match place(&self.tables.actors, &self.actors, &id.actor) {
            Some(place) => put_number(&mut self.out, place.saturating_add(1)),
            None => {
                self.out.push(0);
                self.out.extend_from_slice(&id.actor);
                self.actors.push(id.actor);
            }
        }
    }

    fn value(&mut self, value: Scalar<'_>, last: bool) {
        let len = value.bytes.len();
        if value.kind == Scalar::INT && value.bytes == self.time {
            self.out.push(VALUE_TIME << 4);
        } else if last {
            self.out.push(value.kind << 4);
            self.out.extend_from_slice(value.bytes);
        } else if let Some(more) = len.checked_sub(usize::from(VALUE_LONG)) {
            self.out.push(value.kind << 4 | VALUE_LONG);
            put_number(&mut self.out, more as u64);
            self.out.extend_from_slice(value.bytes);
        } else {
            self.out.push(value.kind << 4 | (len & 0xf) as u8);
            self.out.extend_from_slice(value.bytes);
        }
    }
}

/// The place of an entry, those of this change behind those of the stream.
fn place<T: PartialEq>(known: &[T], fresh: &[T], entry: &T) -> Option<u64> {
    let at = known.iter().position(|k| k == entry).or_else(|| {
        let fresh = fresh.iter().position(|k| k == entry)?;
        known.len().checked_add(fresh)
    })?;
    Some(at as u64)
}

/// A character inserted into a text.
fn plain_text(op: &Op<'_>) -> bool {
    let one = std::str::from_utf8(op.value.bytes).is_ok_and(|text| text.chars().count() == 1);
    op.insert
        && op.action == action::SET
        && op.value.kind == Scalar::TEXT
        && one
        && op.preds.is_empty()
        && !op.expand
        && op.mark.is_none()
}

/// A deletion of an element that names that element alone.
fn deletes_itself(op: &Op<'_>) -> bool {
    matches!(op.key, Key::Element(id) if op.preds.as_slice() == [id])
        && op.action == action::DELETE
        && !op.insert
        && op.value == Scalar::NULL
        && !op.expand
        && op.mark.is_none()
}

/// Whether `op` deletes the element `by` counters from the one that `before` deletes.
fn steps(before: &Op<'_>, op: &Op<'_>, by: i64) -> bool {
    match (before.key, op.key) {
        (Key::Element(from), Key::Element(to)) => {
            deletes_itself(op)
                && op.obj == before.obj
                && from.actor == to.actor
                && from.counter.checked_add_signed(by) == Some(to.counter)
        }
        _ => false,
    }
}
