//! An Automerge change chunk, written without the engine, byte for byte as the engine does.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    chunk::{
        ACTION, ActorBytes, CHUNK_CHANGE, EXPAND, Head, INSERT, KEY_ACTOR, KEY_COUNTER, KEY_TEXT,
        Key, MAGIC, MARK_NAME, OBJ_ACTOR, OBJ_COUNTER, Op, OpId, PRED_ACTOR, PRED_COUNT,
        PRED_COUNTER, VALUE, VALUE_META, hash_of,
    },
    column::put_sleb,
    column_writer::{BoolWriter, DeltaWriter, RunWriter},
};
use crate::{
    limits,
    wire::bytes::{FormError, put_bytes, put_number},
};
use std::collections::BTreeSet;

/// Writes a chunk: first told of every actor, then of every operation.
pub(super) struct ChunkWriter<'a> {
    others: Vec<ActorBytes>,
    author: ActorBytes,
    obj_actor: RunWriter<u64>,
    obj_counter: RunWriter<u64>,
    key_actor: RunWriter<u64>,
    key_counter: DeltaWriter,
    key_text: RunWriter<&'a str>,
    insert: BoolWriter,
    action: RunWriter<u64>,
    value_meta: RunWriter<u64>,
    value: Vec<u8>,
    pred_count: RunWriter<u64>,
    pred_actor: RunWriter<u64>,
    pred_counter: DeltaWriter,
    expand: BoolWriter,
    mark_name: RunWriter<&'a str>,
}

impl<'a> ChunkWriter<'a> {
    /// A writer for a change of `author` whose operations name `actors`.
    pub(super) fn new(author: ActorBytes, actors: &BTreeSet<ActorBytes>) -> Self {
        ChunkWriter {
            others: actors.iter().filter(|a| **a != author).copied().collect(),
            author,
            obj_actor: RunWriter::new(),
            obj_counter: RunWriter::new(),
            key_actor: RunWriter::new(),
            key_counter: DeltaWriter::new(),
            key_text: RunWriter::new(),
            insert: BoolWriter::new(),
            action: RunWriter::new(),
            value_meta: RunWriter::new(),
            value: Vec::new(),
            pred_count: RunWriter::new(),
            pred_actor: RunWriter::new(),
            pred_counter: DeltaWriter::new(),
            expand: BoolWriter::new(),
            mark_name: RunWriter::new(),
        }
    }

    /// Appends an operation. Refuses once the columns outgrow what a payload may hold.
    pub(super) fn push(&mut self, op: &Op<'a>) -> Result<(), FormError> {
        self.obj_actor.push(op.obj.map(|id| self.place(id)));
        self.obj_counter.push(op.obj.map(|id| id.counter));
        let (actor, counter, text) = match op.key {
            Key::Map(name) => (None, None, Some(name)),
            Key::Head => (None, Some(0), None),
            Key::Element(id) => (Some(self.place(id)), Some(id.counter), None),
        };
        self.key_actor.push(actor);
        self.key_counter.push(counter)?;
        self.key_text.push(text);
        self.insert.push(op.insert);
        self.action.push(Some(op.action));
        let len = (op.value.bytes.len() as u64).wrapping_shl(4);
        self.value_meta.push(Some(len | u64::from(op.value.kind)));
        self.value.extend_from_slice(op.value.bytes);
        self.pred_count.push(Some(op.preds.len() as u64));
        for pred in &op.preds {
            self.pred_actor.push(Some(self.place(*pred)));
            self.pred_counter.push(Some(pred.counter))?;
        }
        self.expand.push(op.expand);
        self.mark_name.push(op.mark);
        let bytes = self.bytes();
        if bytes > limits::PAYLOAD_BYTES_MAX {
            return Err(FormError::TooMany {
                what: "change bytes",
                count: bytes as u64,
                max: limits::PAYLOAD_BYTES_MAX as u64,
            });
        }
        Ok(())
    }

    /// The chunk and its hash.
    pub(super) fn finish(self, head: &Head<'_>) -> (Vec<u8>, [u8; 32]) {
        let mut body = Vec::with_capacity(128);
        put_number(&mut body, head.deps.len() as u64);
        for dep in &head.deps {
            body.extend_from_slice(dep);
        }
        put_bytes(&mut body, &head.actor);
        put_number(&mut body, head.seq);
        put_number(&mut body, head.start_op);
        put_sleb(&mut body, head.time);
        put_bytes(&mut body, head.message);
        put_number(&mut body, self.others.len() as u64);
        for actor in &self.others {
            put_bytes(&mut body, actor);
        }
        let columns = [
            (OBJ_ACTOR, self.obj_actor.finish()),
            (OBJ_COUNTER, self.obj_counter.finish()),
            (KEY_ACTOR, self.key_actor.finish()),
            (KEY_COUNTER, self.key_counter.finish()),
            (KEY_TEXT, self.key_text.finish()),
            (INSERT, self.insert.finish()),
            (ACTION, self.action.finish()),
            (VALUE_META, self.value_meta.finish()),
            (VALUE, self.value),
            (PRED_COUNT, self.pred_count.finish()),
            (PRED_ACTOR, self.pred_actor.finish()),
            (PRED_COUNTER, self.pred_counter.finish()),
            (EXPAND, self.expand.finish_if_any()),
            (MARK_NAME, self.mark_name.finish()),
        ];
        let present = columns.iter().filter(|(_, bytes)| !bytes.is_empty());
        put_number(&mut body, present.clone().count() as u64);
        for (spec, bytes) in present.clone() {
            put_number(&mut body, *spec);
            put_number(&mut body, bytes.len() as u64);
        }
        for (_, bytes) in present {
            body.extend_from_slice(bytes);
        }
        body.extend_from_slice(head.extra);
        let mut chunk = Vec::with_capacity(body.len().saturating_add(16));
        chunk.extend_from_slice(&MAGIC);
        chunk.extend_from_slice(&[0; 4]);
        chunk.push(CHUNK_CHANGE);
        put_bytes(&mut chunk, &body);
        let hash = hash_of(&chunk);
        for (to, from) in chunk.iter_mut().skip(4).zip(hash.iter().take(4)) {
            *to = *from;
        }
        (chunk, hash)
    }

    fn place(&self, id: OpId) -> u64 {
        if id.actor == self.author {
            return 0;
        }
        let at = self.others.partition_point(|actor| *actor < id.actor);
        (at as u64).saturating_add(1)
    }

    fn bytes(&self) -> usize {
        [
            self.obj_actor.len(),
            self.obj_counter.len(),
            self.key_actor.len(),
            self.key_counter.len(),
            self.key_text.len(),
            self.action.len(),
            self.value_meta.len(),
            self.value.len(),
            self.pred_count.len(),
            self.pred_actor.len(),
            self.pred_counter.len(),
            self.mark_name.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}
