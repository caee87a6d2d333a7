//! An Automerge change chunk (type 1), read without the engine.
//!
//! After the storage format of `automerge` 0.12: `src/storage/change.rs` for the frame,
//! `src/storage/change/change_op_columns.rs` for the columns.
#![deny(clippy::arithmetic_side_effects)]

use super::column::{BoolReader, DeltaReader, RunReader, read_sleb};
use crate::{
    limits,
    wire::bytes::{FormError, Reader},
};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

pub(super) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(super) const CHUNK_CHANGE: u8 = 1;

// Column specifications: id << 4 | kind.
pub(super) const OBJ_ACTOR: u64 = 0x01;
pub(super) const OBJ_COUNTER: u64 = 0x02;
pub(super) const KEY_ACTOR: u64 = 0x11;
pub(super) const KEY_COUNTER: u64 = 0x13;
pub(super) const KEY_TEXT: u64 = 0x15;
pub(super) const INSERT: u64 = 0x34;
pub(super) const ACTION: u64 = 0x42;
pub(super) const VALUE_META: u64 = 0x56;
pub(super) const VALUE: u64 = 0x57;
pub(super) const PRED_COUNT: u64 = 0x70;
pub(super) const PRED_ACTOR: u64 = 0x71;
pub(super) const PRED_COUNTER: u64 = 0x73;
pub(super) const EXPAND: u64 = 0x94;
pub(super) const MARK_NAME: u64 = 0xa5;

/// An actor id of 16 bytes, the only length we write.
pub(super) type ActorBytes = [u8; 16];

/// An operation's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpId {
    pub(super) counter: u64,
    pub(super) actor: ActorBytes,
}

/// Where in its object an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Map(&'a str),
    Head,
    Element(OpId),
}

/// A value as the engine keeps it: its kind's number and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar<'a> {
    pub(super) kind: u8,
    pub(super) bytes: &'a [u8],
}

impl Scalar<'_> {
    pub(super) const NULL: Scalar<'static> = Scalar {
        kind: 0,
        bytes: &[],
    };
    pub(super) const INT: u8 = 4;
    pub(super) const TEXT: u8 = 6;
}

/// Operations by the engine's numbers.
pub(super) mod action {
    pub(in super::super) const SET: u64 = 1;
    pub(in super::super) const DELETE: u64 = 3;
    pub(in super::super) const INCREMENT: u64 = 5;
    pub(in super::super) fn makes(action: u64) -> bool {
        matches!(action, 0 | 2 | 4 | 6)
    }
}

/// One operation; its own id is the change's actor and `start_op` plus its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Op<'a> {
    /// The object; none: the root.
    pub(super) obj: Option<OpId>,
    pub(super) key: Key<'a>,
    pub(super) insert: bool,
    pub(super) action: u64,
    pub(super) value: Scalar<'a>,
    pub(super) preds: SmallVec<[OpId; 2]>,
    pub(super) expand: bool,
    pub(super) mark: Option<&'a str>,
}

/// A change without its operations.
#[derive(Clone, Debug)]
pub(super) struct Head<'a> {
    pub(super) deps: Vec<[u8; 32]>,
    pub(super) actor: ActorBytes,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) time: i64,
    pub(super) message: &'a [u8],
    pub(super) extra: &'a [u8],
}

/// A chunk that was read: the head and, operation by operation, what it does.
pub(super) struct Chunk<'a> {
    pub(super) head: Head<'a>,
    pub(super) ops: Ops<'a>,
}

/// The operations of a chunk, read column by column in step.
pub(super) struct Ops<'a> {
    actors: Vec<ActorBytes>,
    left: usize,
    obj_actor: RunReader<'a, u64>,
    obj_counter: RunReader<'a, u64>,
    key_actor: RunReader<'a, u64>,
    key_counter: DeltaReader<'a>,
    key_text: RunReader<'a, &'a str>,
    insert: BoolReader<'a>,
    action: RunReader<'a, u64>,
    value_meta: RunReader<'a, u64>,
    value: Reader<'a>,
    pred_count: RunReader<'a, u64>,
    pred_actor: RunReader<'a, u64>,
    pred_counter: DeltaReader<'a>,
    expand: BoolReader<'a>,
    mark_name: RunReader<'a, &'a str>,
}

impl<'a> Chunk<'a> {
    /// Reads a chunk. An error means no more than that it travels in the raw form.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormError> {
        let mut r = Reader::new(bytes);
        let (magic, _checksum) = (r.array::<4>("magic")?, r.array::<4>("checksum")?);
        let kind = r.byte("chunk type")?;
        if magic != MAGIC || kind != CHUNK_CHANGE {
            return Err(FormError::Unknown {
                what: "chunk type",
                value: u64::from(kind),
            });
        }
        let body = r.bytes(limits::PAYLOAD_BYTES_MAX, "chunk")?;
        r.end("the chunk")?;
        let mut r = Reader::new(body);
        let mut deps = Vec::new();
        for _ in 0..r.count(limits::DEPS_MAX.saturating_add(2), "dependencies")? {
            deps.push(r.array("dependency")?);
        }
        let actor = read_actor(&mut r)?;
        let (seq, start_op) = (r.number("seq")?, r.number("start op")?);
        let time = read_sleb(&mut r)?;
        let message = r.bytes(limits::PAYLOAD_BYTES_MAX, "message")?;
        let mut actors = vec![actor];
        for _ in 0..r.count(r.left(), "other actors")? {
            actors.push(read_actor(&mut r)?);
        }
        let mut columns = SmallVec::<[(u64, usize); 14]>::new();
        for _ in 0..r.count(14, "columns")? {
            columns.push((r.number("column")?, r.count(body.len(), "column length")?));
        }
        let mut found = SmallVec::<[(u64, &'a [u8]); 14]>::new();
        for (spec, len) in columns {
            found.push((spec, r.take(len, "column")?));
        }
        let column = |spec| {
            found
                .iter()
                .find(|(have, _)| *have == spec)
                .map_or(&[][..], |(_, bytes)| *bytes)
        };
        let ops = Ops {
            actors,
            left: limits::CHANGE_OPS_MAX,
            obj_actor: RunReader::new(column(OBJ_ACTOR)),
            obj_counter: RunReader::new(column(OBJ_COUNTER)),
            key_actor: RunReader::new(column(KEY_ACTOR)),
            key_counter: DeltaReader::new(column(KEY_COUNTER)),
            key_text: RunReader::new(column(KEY_TEXT)),
            insert: BoolReader::new(column(INSERT)),
            action: RunReader::new(column(ACTION)),
            value_meta: RunReader::new(column(VALUE_META)),
            value: Reader::new(column(VALUE)),
            pred_count: RunReader::new(column(PRED_COUNT)),
            pred_actor: RunReader::new(column(PRED_ACTOR)),
            pred_counter: DeltaReader::new(column(PRED_COUNTER)),
            expand: BoolReader::new(column(EXPAND)),
            mark_name: RunReader::new(column(MARK_NAME)),
        };
        let head = Head {
            deps,
            actor,
            seq,
            start_op,
            time,
            message,
            extra: r.rest(),
        };
        Ok(Chunk { head, ops })
    }
}

impl<'a> Ops<'a> {
    /// The next operation; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<Op<'a>>, FormError> {
        if self.action.done() {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(FormError::TooMany {
            what: "operations",
            count: limits::CHANGE_OPS_MAX as u64,
            max: limits::CHANGE_OPS_MAX as u64,
        })?;
        let range = |what| FormError::Range { what };
        let obj = match (self.obj_actor.next()?, self.obj_counter.next()?) {
            (None, None) => None,
            (Some(actor), Some(counter)) => Some(self.id(actor, counter)?),
            _ => return Err(range("object")),
        };
        let key = (
            self.key_actor.next()?,
            self.key_counter.next()?,
            self.key_text.next()?,
        );
        let key = match key {
            (None, None, Some(name)) => Key::Map(name),
            (None, Some(0), None) => Key::Head,
            (Some(actor), Some(counter), None) => Key::Element(self.id(actor, counter)?),
            _ => return Err(range("key")),
        };
        let insert = self.insert.next()?;
        let action = self.action.next()?.ok_or(range("action"))?;
        let meta = self.value_meta.next()?.ok_or(range("value"))?;
        let len = usize::try_from(meta >> 4).map_err(|_| range("value"))?;
        let value = Scalar {
            kind: (meta & 0xf) as u8,
            bytes: self.value.take(len, "value")?,
        };
        let mut preds = SmallVec::new();
        for _ in 0..self.pred_count.next()?.unwrap_or(0) {
            match (self.pred_actor.next()?, self.pred_counter.next()?) {
                (Some(actor), Some(counter)) => preds.push(self.id(actor, counter)?),
                _ => return Err(range("predecessor")),
            }
        }
        Ok(Some(Op {
            obj,
            key,
            insert,
            action,
            value,
            preds,
            expand: self.expand.next()?,
            mark: self.mark_name.next()?,
        }))
    }

    fn id(&self, actor: u64, counter: u64) -> Result<OpId, FormError> {
        usize::try_from(actor)
            .ok()
            .and_then(|at| self.actors.get(at))
            .map(|actor| OpId {
                counter,
                actor: *actor,
            })
            .ok_or(FormError::Range { what: "actor" })
    }
}

/// A chunk's hash: SHA-256 over everything behind the checksum.
pub(super) fn hash_of(chunk: &[u8]) -> [u8; 32] {
    Sha256::digest(chunk.get(8..).unwrap_or_default()).into()
}

fn read_actor(r: &mut Reader<'_>) -> Result<ActorBytes, FormError> {
    let bytes = r.bytes(64, "actor")?;
    ActorBytes::try_from(bytes).map_err(|_| FormError::Range { what: "actor" })
}
