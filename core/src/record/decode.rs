//! Reads a change's operations one at a time from its columns, without the engine and without
//! ever holding more than one.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    column::{Counters, Flags, Runs},
    rule::{RecordRule, Region},
    scan::{Bytes, Header},
};
use smallvec::{SmallVec, smallvec};

/// An operation's id as a change writes it: the actor is a place in the change's table, in which
/// the author stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) counter: u64,
    pub(super) actor: usize,
}

/// Where in an object an operation works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key<'a> {
    /// A key of a map.
    Text(&'a str),
    /// In front of a sequence's first element.
    Head,
    /// An element of a sequence.
    Element(Id),
}

/// What an operation does. Tables and marks never get here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    MakeMap,
    MakeList,
    MakeText,
    Put,
    Delete,
    Increment,
}

/// A scalar. Unsigned numbers and types unknown to the engine never get here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Counter(i64),
    Time(i64),
}

impl Scalar<'_> {
    /// Automerge's number for its type.
    pub(super) fn code(&self) -> u8 {
        match self {
            Scalar::Null => 0,
            Scalar::Bool(false) => 1,
            Scalar::Bool(true) => 2,
            Scalar::Int(_) => 4,
            Scalar::Float(_) => 5,
            Scalar::Text(_) => 6,
            Scalar::Bytes(_) => 7,
            Scalar::Counter(_) => 8,
            Scalar::Time(_) => 9,
        }
    }
}

/// One operation, but for the ids it overwrites, which are read one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawOp<'a> {
    /// The object; none: the root.
    pub(super) object: Option<Id>,
    pub(super) key: Key<'a>,
    pub(super) insert: bool,
    pub(super) action: Action,
    pub(super) value: Scalar<'a>,
    /// How many ids it overwrites.
    pub(super) preds: u64,
}

/// The operations of a change.
#[derive(Debug)]
pub(super) struct Ops<'a> {
    object_actor: Runs<'a, u64>,
    object_counter: Runs<'a, u64>,
    key_actor: Runs<'a, u64>,
    key_counter: Counters<'a>,
    key_text: Runs<'a, &'a str>,
    insert: Flags<'a>,
    action: Runs<'a, u64>,
    value_meta: Runs<'a, u64>,
    value: Bytes<'a>,
    pred_count: Runs<'a, u64>,
    pred_actor: Runs<'a, u64>,
    pred_counter: Counters<'a>,
    /// Which actors of the table were named; the author counts as named.
    named: SmallVec<[bool; 8]>,
    /// The counter of the next operation.
    counter: u64,
}

impl<'a> Ops<'a> {
    pub(super) fn new(header: &Header<'a>) -> Self {
        let columns = &header.columns;
        let mut named: SmallVec<[bool; 8]> = smallvec![false; header.others.len()];
        named.insert(0, true);
        Ops {
            object_actor: Runs::new(columns.object_actor, Region::ObjectActor),
            object_counter: Runs::new(columns.object_counter, Region::ObjectCounter),
            key_actor: Runs::new(columns.key_actor, Region::KeyActor),
            key_counter: Counters::new(columns.key_counter, Region::KeyCounter),
            key_text: Runs::new(columns.key_text, Region::KeyText),
            insert: Flags::new(columns.insert, Region::Insert),
            action: Runs::new(columns.action, Region::Action),
            value_meta: Runs::new(columns.value_meta, Region::ValueMeta),
            value: Bytes::new(columns.value),
            pred_count: Runs::new(columns.pred_count, Region::PredCount),
            pred_actor: Runs::new(columns.pred_actor, Region::PredActor),
            pred_counter: Counters::new(columns.pred_counter, Region::PredCounter),
            named,
            counter: header.start_op,
        }
    }

    /// The next operation; none behind the last. All ids that the one before overwrites must have
    /// been read.
    pub(super) fn next(&mut self) -> Result<Option<RawOp<'a>>, RecordRule> {
        if self.action.is_done() {
            return Ok(None);
        }
        let op = self.counter;
        let action = self.action.next_value()?;
        let action = match action {
            0 => Action::MakeMap,
            1 => Action::Put,
            2 => Action::MakeList,
            3 => Action::Delete,
            4 => Action::MakeText,
            5 => Action::Increment,
            7 => return Err(RecordRule::Marks),
            action => return Err(RecordRule::Action { op, action }),
        };
        let object = self.object()?;
        let key = self.key(op)?;
        let insert = self.insert.next()?;
        let value = self.value(op, action)?;
        let preds = self.pred_count.next_value()?;
        self.counter = op.saturating_add(1);
        Ok(Some(RawOp {
            object,
            key,
            insert,
            action,
            value,
            preds,
        }))
    }

    /// The next id that the current operation overwrites.
    pub(super) fn pred(&mut self) -> Result<Id, RecordRule> {
        let place = Region::PredCounter;
        let actor = self.pred_actor.next_value()?;
        let counter = self
            .pred_counter
            .next()?
            .ok_or(RecordRule::Rows { place })?;
        self.id(counter, actor, Region::PredActor)
    }

    /// Checks that every column was read to its end and every actor of the table named.
    pub(super) fn finish(&self) -> Result<(), RecordRule> {
        self.object_actor.finish()?;
        self.object_counter.finish()?;
        self.key_actor.finish()?;
        self.key_counter.finish()?;
        self.key_text.finish()?;
        self.insert.finish()?;
        self.action.finish()?;
        self.value_meta.finish()?;
        self.pred_count.finish()?;
        self.pred_actor.finish()?;
        self.pred_counter.finish()?;
        if !self.value.is_empty() {
            return Err(RecordRule::Rows {
                place: Region::Value,
            });
        }
        if !self.named.iter().all(|named| *named) {
            return Err(RecordRule::ActorTable);
        }
        Ok(())
    }

    fn id(&mut self, counter: u64, actor: u64, place: Region) -> Result<Id, RecordRule> {
        let actor = usize::try_from(actor).map_err(|_| RecordRule::ActorIndex { place })?;
        let named = self
            .named
            .get_mut(actor)
            .ok_or(RecordRule::ActorIndex { place })?;
        *named = true;
        // Counters begin at 1: 0 stands for the root and for the head of a sequence, which have
        // spellings of their own.
        if counter == 0 {
            return Err(RecordRule::Number { place });
        }
        Ok(Id { counter, actor })
    }

    fn object(&mut self) -> Result<Option<Id>, RecordRule> {
        let place = Region::ObjectCounter;
        match (self.object_actor.next()?, self.object_counter.next()?) {
            (None, None) => Ok(None),
            (Some(actor), Some(counter)) => self.id(counter, actor, Region::ObjectActor).map(Some),
            (Some(_), None) | (None, Some(_)) => Err(RecordRule::Rows { place }),
        }
    }

    fn key(&mut self, op: u64) -> Result<Key<'a>, RecordRule> {
        let actor = self.key_actor.next()?;
        let counter = self.key_counter.next()?;
        match (self.key_text.next()?, actor, counter) {
            (Some(text), None, None) => Ok(Key::Text(text)),
            (None, None, Some(0)) => Ok(Key::Head),
            (None, Some(actor), Some(counter)) => {
                self.id(counter, actor, Region::KeyActor).map(Key::Element)
            }
            _ => Err(RecordRule::Key { op }),
        }
    }

    /// The value, which only a put and an increment have.
    fn value(&mut self, op: u64, action: Action) -> Result<Scalar<'a>, RecordRule> {
        let place = Region::Value;
        let meta = self.value_meta.next_value()?;
        let code = (meta & 0x0f) as u8;
        let mut bytes = Bytes::new(self.value.take(meta >> 4, place)?);
        let refused = RecordRule::Scalar { op, code };
        let value = match code {
            0 => Scalar::Null,
            1 => Scalar::Bool(false),
            2 => Scalar::Bool(true),
            4 => Scalar::Int(bytes.signed(place)?),
            5 => {
                let mut number = [0; 8];
                number.copy_from_slice(bytes.take(8, place)?);
                Scalar::Float(f64::from_le_bytes(number))
            }
            6 => {
                let text = bytes.take(bytes.len() as u64, place)?;
                let text = std::str::from_utf8(text).map_err(|_| RecordRule::Utf8 { place })?;
                Scalar::Text(text)
            }
            7 => Scalar::Bytes(bytes.take(bytes.len() as u64, place)?),
            8 => Scalar::Counter(bytes.signed(place)?),
            9 => Scalar::Time(bytes.signed(place)?),
            _ => return Err(refused),
        };
        if !bytes.is_empty() {
            return Err(RecordRule::Number { place });
        }
        let fits = match action {
            Action::Put => true,
            Action::Increment => matches!(value, Scalar::Int(_)),
            Action::MakeMap | Action::MakeList | Action::MakeText | Action::Delete => {
                value == Scalar::Null
            }
        };
        fits.then_some(value).ok_or(refused)
    }
}
