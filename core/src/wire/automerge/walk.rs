//! Reading compact operations one by one, expanded as the engine has them. Faces hostile bytes:
//! nothing is kept per operation, and every operation is paid for from a budget.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DELETE, DELETE_ELEMENT, DELETE_RUN, EXPECTED, GENERAL, INCREMENT, INCREMENT_ELEMENT, INSERT,
    INSERT_MAKE, LAST, MAKE, OTHER_WAY, PUT, PUT_ELEMENT, SAME_OBJECT, TYPE,
    chunk::{ActorBytes, Key, Op, OpId, Scalar, action},
    tables::{Cursor, Tables},
};
use crate::{
    limits,
    wire::bytes::{FormError, Reader, unzigzag},
};
use smallvec::SmallVec;

/// The value nibble that stands for an integer equal to the change's time.
pub(super) const VALUE_TIME: u8 = 15;
/// The length nibble behind which the rest of the length follows.
pub(super) const VALUE_LONG: u8 = 15;

/// Reads operations against what both ends know.
pub(super) struct Walk<'a> {
    pub(super) r: Reader<'a>,
    pub(super) tables: &'a Tables,
    pub(super) author: ActorBytes,
    /// The change's time as the engine writes an integer.
    pub(super) time: &'a [u8],
    /// The counter of the next operation.
    pub(super) next: u64,
    pub(super) cursor: Cursor,
    pub(super) actors: Vec<ActorBytes>,
    pub(super) objects: Vec<OpId>,
    pub(super) keys: Vec<&'a str>,
}

/// Receives each operation with its id.
pub(super) trait Sink<'a> {
    fn take(&mut self, op: &Op<'a>, id: OpId) -> Result<(), FormError>;
}

impl<'a> Walk<'a> {
    /// Walks to the end of the payload.
    pub(super) fn all(
        &mut self,
        budget: &mut usize,
        sink: &mut dyn Sink<'a>,
    ) -> Result<(), FormError> {
        let mut left = limits::CHANGE_OPS_MAX;
        while !self.r.is_empty() {
            self.item(&mut |walk, op| {
                for allowance in [&mut left, &mut *budget] {
                    *allowance = allowance.checked_sub(1).ok_or(FormError::TooMany {
                        what: "operations",
                        count: limits::CHANGE_OPS_MAX as u64,
                        max: limits::CHANGE_OPS_MAX as u64,
                    })?;
                }
                let id = walk.own(walk.next);
                sink.take(op, id)?;
                walk.cursor.pass(op, id);
                walk.next = walk
                    .next
                    .checked_add(1)
                    .ok_or(FormError::Range { what: "counter" })?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn own(&self, counter: u64) -> OpId {
        OpId {
            counter,
            actor: self.author,
        }
    }

    /// One item: an operation, or a run of typing or of deletions.
    fn item(
        &mut self,
        emit: &mut dyn FnMut(&mut Self, &Op<'a>) -> Result<(), FormError>,
    ) -> Result<(), FormError> {
        let byte = self.r.byte("operation")?;
        let kind = byte & 0xf;
        if kind == GENERAL {
            let op = self.general()?;
            return emit(self, &op);
        }
        let expected = byte & EXPECTED != 0;
        let obj = if byte & SAME_OBJECT != 0 {
            self.cursor.object
        } else {
            self.object()?
        };
        let mut op = Op {
            obj,
            key: Key::Head,
            insert: false,
            action: action::SET,
            value: Scalar::NULL,
            preds: SmallVec::new(),
            expand: false,
            mark: None,
        };
        match kind {
            PUT | MAKE | DELETE | INCREMENT => {
                let name = self.key()?;
                op.key = Key::Map(name);
                if expected {
                    op.preds.extend(self.tables.expected(obj, name));
                } else {
                    op.preds = self.preds()?;
                }
                match kind {
                    MAKE => op.action = self.r.number("object type")?,
                    DELETE => op.action = action::DELETE,
                    INCREMENT => {
                        op.action = action::INCREMENT;
                        op.value = self.value(byte & LAST != 0)?;
                    }
                    _ => op.value = self.value(byte & LAST != 0)?,
                }
                emit(self, &op)
            }
            TYPE | INSERT | INSERT_MAKE => {
                op.insert = true;
                op.key = if expected {
                    self.cursor.element.map_or(Key::Head, Key::Element)
                } else {
                    self.element()?
                };
                match kind {
                    TYPE => return self.typing(op, byte & LAST != 0, emit),
                    INSERT => op.value = self.value(byte & LAST != 0)?,
                    _ => op.action = self.r.number("object type")?,
                }
                emit(self, &op)
            }
            PUT_ELEMENT | INCREMENT_ELEMENT => {
                op.key = self.element()?;
                op.preds = match op.key {
                    Key::Element(id) if expected => SmallVec::from_slice(&[id]),
                    Key::Element(_) | Key::Head | Key::Map(_) => self.preds()?,
                };
                if kind == INCREMENT_ELEMENT {
                    op.action = action::INCREMENT;
                }
                op.value = self.value(byte & LAST != 0)?;
                emit(self, &op)
            }
            DELETE_ELEMENT | DELETE_RUN => self.deleting(op, byte, emit),
            value => Err(FormError::Unknown {
                what: "operation",
                value: u64::from(value),
            }),
        }
    }

    /// A run of characters, each an operation behind the one before.
    fn typing(
        &mut self,
        mut op: Op<'a>,
        last: bool,
        emit: &mut dyn FnMut(&mut Self, &Op<'a>) -> Result<(), FormError>,
    ) -> Result<(), FormError> {
        let at = self.r.at();
        let bytes = if last {
            self.r.rest()
        } else {
            self.r.bytes(limits::PAYLOAD_BYTES_MAX, "typed text")?
        };
        let mut text = std::str::from_utf8(bytes).map_err(|_| FormError::Text {
            what: "typed text",
            at,
        })?;
        while let Some(char) = text.chars().next() {
            let (one, rest) = text.split_at(char.len_utf8());
            op.value = Scalar {
                kind: Scalar::TEXT,
                bytes: one.as_bytes(),
            };
            emit(self, &op)?;
            text = rest;
            op.key = self.cursor.element.map_or(Key::Head, Key::Element);
        }
        Ok(())
    }

    /// Deletions of one element or of a run of successive ones, each naming the element itself.
    fn deleting(
        &mut self,
        mut op: Op<'a>,
        byte: u8,
        emit: &mut dyn FnMut(&mut Self, &Op<'a>) -> Result<(), FormError>,
    ) -> Result<(), FormError> {
        let (run, other_way) = (byte & 0xf == DELETE_RUN, byte & OTHER_WAY != 0);
        let mut element = if byte & EXPECTED == 0 {
            match self.element()? {
                Key::Element(id) => Some(id),
                Key::Head | Key::Map(_) => None,
            }
        } else if other_way && !run {
            self.cursor.ahead
        } else {
            self.cursor.element
        };
        let count = if run {
            self.r.count(limits::CHANGE_OPS_MAX, "deleted elements")?
        } else {
            1
        };
        op.action = action::DELETE;
        for _ in 0..count {
            let id = element.ok_or(FormError::Context {
                what: "a deleted element",
            })?;
            op.key = Key::Element(id);
            op.preds = SmallVec::from_slice(&[id]);
            emit(self, &op)?;
            let counter = if other_way {
                id.counter.checked_sub(1)
            } else {
                id.counter.checked_add(1)
            };
            element = counter.map(|counter| OpId {
                counter,
                actor: id.actor,
            });
        }
        Ok(())
    }

    /// An operation written out in full.
    fn general(&mut self) -> Result<Op<'a>, FormError> {
        let flags = self.r.byte("operation")?;
        let action = self.r.number("action")?;
        let obj = self.object()?;
        let key = match flags >> 3 {
            0 => Key::Map(self.key()?),
            1 => self.element()?,
            value => {
                return Err(FormError::Unknown {
                    what: "key kind",
                    value: u64::from(value),
                });
            }
        };
        let preds = self.preds()?;
        let value = self.value(false)?;
        let mark = (flags & 4 != 0)
            .then(|| self.r.text(limits::PAYLOAD_BYTES_MAX, "mark name"))
            .transpose()?;
        Ok(Op {
            obj,
            key,
            insert: flags & 1 != 0,
            action,
            value,
            preds,
            expand: flags & 2 != 0,
            mark,
        })
    }

    fn object(&mut self) -> Result<Option<OpId>, FormError> {
        let lost = FormError::Context { what: "an object" };
        match self.r.number("object")? {
            0 => Ok(None),
            1 => {
                let id = self.id(self.next)?;
                self.objects.push(id);
                Ok(Some(id))
            }
            2 => self.cursor.made.map(Some).ok_or(lost),
            place => nth(&self.tables.objects, &self.objects, place.saturating_sub(3))
                .map(|id| Some(*id))
                .ok_or(lost),
        }
    }

    fn key(&mut self) -> Result<&'a str, FormError> {
        let Some(place) = self.r.number("key")?.checked_sub(1) else {
            let key = self.r.text(limits::PAYLOAD_BYTES_MAX, "key")?;
            self.keys.push(key);
            return Ok(key);
        };
        let lost = FormError::Context { what: "a key" };
        let place = usize::try_from(place).map_err(|_| lost.clone())?;
        match self.tables.keys.get(place) {
            Some(key) => Ok(key),
            None => place
                .checked_sub(self.tables.keys.len())
                .and_then(|place| self.keys.get(place))
                .copied()
                .ok_or(lost),
        }
    }

    fn element(&mut self) -> Result<Key<'a>, FormError> {
        match self.r.number("element")?.checked_sub(1) {
            None => Ok(Key::Head),
            Some(coded) => {
                let base = self.cursor.element.map_or(self.next, |id| id.counter);
                self.coded_id(coded, base).map(Key::Element)
            }
        }
    }

    fn preds(&mut self) -> Result<SmallVec<[OpId; 2]>, FormError> {
        let count = self.r.count(self.r.left(), "predecessors")?;
        (0..count).map(|_| self.id(self.next)).collect()
    }

    fn id(&mut self, base: u64) -> Result<OpId, FormError> {
        let coded = self.r.number("operation id")?;
        self.coded_id(coded, base)
    }

    /// An id: its counter's distance from `base`; the lowest bit says that an actor follows.
    fn coded_id(&mut self, coded: u64, base: u64) -> Result<OpId, FormError> {
        let counter = base
            .checked_add_signed(unzigzag(coded >> 1))
            .ok_or(FormError::Range { what: "counter" })?;
        let actor = if coded & 1 == 0 {
            self.author
        } else {
            match self.r.number("actor")?.checked_sub(1) {
                None => {
                    let actor = self.r.array("actor")?;
                    self.actors.push(actor);
                    actor
                }
                Some(place) => *nth(&self.tables.actors, &self.actors, place)
                    .ok_or(FormError::Context { what: "an actor" })?,
            }
        };
        Ok(OpId { counter, actor })
    }

    fn value(&mut self, last: bool) -> Result<Scalar<'a>, FormError> {
        let byte = self.r.byte("value")?;
        let (kind, len) = (byte >> 4, byte & 0xf);
        if kind == VALUE_TIME {
            return Ok(Scalar {
                kind: Scalar::INT,
                bytes: self.time,
            });
        }
        let bytes = if last {
            self.r.rest()
        } else if len == VALUE_LONG {
            let more = self.r.count(limits::PAYLOAD_BYTES_MAX, "value length")?;
            self.r
                .take(more.saturating_add(usize::from(VALUE_LONG)), "value")?
        } else {
            self.r.take(usize::from(len), "value")?
        };
        Ok(Scalar { kind, bytes })
    }
}

/// Entry `place` of a table, those of this change behind those of the stream.
fn nth<'t, T>(known: &'t [T], fresh: &'t [T], place: u64) -> Option<&'t T> {
    let place = usize::try_from(place).ok()?;
    known.get(place).or_else(|| {
        place
            .checked_sub(known.len())
            .and_then(|place| fresh.get(place))
    })
}
