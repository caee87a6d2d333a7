//! The sending end.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DEP_BACK, DEP_FULL, DEP_HERE, DEPS_CODED, DEPS_NONE, FIELDS, HUSK, JUMP, ROUTE, SAME, STEP,
    columns::Columns,
    context::{Context, Document, DocumentKey, Pen},
    decode::Decoder,
    frame::{Body, Press},
    routes,
};
use crate::{
    changeset::{Dep, EngineKind, Header, Payload, Verified},
    hlc::Hlc,
    limits,
    wire::{
        automerge::{self, Given, Mark},
        bytes::{put_bytes, put_number, put_signed, put_span, zigzag},
        yrs,
    },
};
use std::borrow::Borrow;

/// Writes the frames of one direction of a stream.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    context: Context,
    /// Whether the other end already holds the context.
    begun: bool,
}

impl Encoder {
    /// The sending end of a new stream.
    pub fn new() -> Self {
        Encoder::default()
    }

    /// Drops the context: the next frame begins a new one at both ends. Called when the other end
    /// asked for explicit frames.
    pub fn reset(&mut self) {
        *self = Encoder::default();
    }

    /// Frames of change sets in the order given, most often one. Whole flushes in their own order
    /// cost least. `back` is the receiving end of the same stream here, if there is one: what it
    /// has received may then be named.
    pub fn encode<V: Borrow<Verified>>(
        &mut self,
        press: &mut Press,
        changes: &[V],
        back: Option<&Decoder>,
    ) -> Vec<Vec<u8>> {
        let back = back.and_then(Decoder::context);
        let mut frames = Vec::new();
        let mut changes = changes.iter().map(Borrow::borrow).peekable();
        while changes.peek().is_some() {
            if !self.context.has_room() {
                self.reset();
            }
            let mut columns = Columns::default();
            while let Some(verified) = changes.peek()
                && columns.takes(verified.change())
                && self.context.has_room()
            {
                self.record(&mut columns, verified, back);
                changes.next();
            }
            let mut body = columns.finish();
            body.reset = !self.begun;
            frames.push(press.frame(&body));
            self.begun = true;
        }
        frames
    }

    /// Frames that need no context: every change set in its canonical bytes. The contexts of both
    /// ends stay as they are.
    pub fn explicit<V: Borrow<Verified>>(press: &mut Press, changes: &[V]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut body = Body {
            explicit: true,
            ..Body::default()
        };
        let mut count = 0usize;
        for verified in changes.iter().map(Borrow::borrow) {
            let bytes = verified.signed().encode();
            let after = body
                .bytes
                .len()
                .saturating_add(bytes.len())
                .saturating_add(4);
            if after > limits::FRAME_BYTES_MAX || count >= limits::FRAME_CHANGE_SETS_MAX {
                frames.push(press.frame(&body));
                body.bytes.to_mut().clear();
                count = 0;
            }
            put_bytes(body.bytes.to_mut(), &bytes);
            count = count.saturating_add(1);
        }
        if !body.bytes.is_empty() {
            frames.push(press.frame(&body));
        }
        frames
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Writes one change set's record and moves the context on.
    fn record<'a>(
        &mut self,
        columns: &mut Columns<'a>,
        verified: &'a Verified,
        back: Option<&Context>,
    ) {
        let change = verified.change();
        let header = change.header();
        let mut rare = std::mem::take(&mut columns.rare);
        let Some(writer) = self.writer(header, columns, &mut rare) else {
            columns.rare = rare;
            return;
        };
        let same = self.context.last == Some(writer);
        let mut flags = if same { SAME } else { 0 };
        if !put_stamp(&mut columns.stamps, header.hlc, self.context.hlc, same) {
            flags |= STEP;
        }
        let prev = self.jump(writer, header, &mut flags, &mut rare);
        let marks = Marks {
            prev,
            deps: self.deps(writer, header, back, &mut flags, &mut rare),
        };
        let Context { writers, pools, .. } = &mut self.context;
        if writers
            .get(writer)
            .is_some_and(|writer| writer.standing.put(header, pools, &mut rare))
        {
            flags |= FIELDS;
        }
        if !header.route.is_empty() {
            flags |= ROUTE;
            let clear = header.engine == EngineKind::Automerge && header.key_epoch.is_none();
            let chunk = change.payload().bytes().filter(|_| clear);
            let pools = &mut self.context.pools;
            routes::put(
                &mut rare,
                pools,
                &header.route,
                chunk,
                &mut columns.ops_left,
            );
        }
        let mut mark = None;
        match change.payload() {
            Payload::Present(payload) => {
                let ops = &mut columns.ops_left;
                let (bytes, engine_mark) = self.payload(writer, header, payload, &marks, ops);
                mark = engine_mark;
                columns.bytes = columns.bytes.saturating_add(bytes.len());
                columns.payloads.push(bytes);
            }
            husk @ (Payload::Erased | Payload::Absent) => {
                flags |= HUSK;
                rare.push(u8::from(*husk == Payload::Absent));
                put_number(&mut rare, u64::from(header.payload_len));
                rare.extend_from_slice(&header.payload_hash);
            }
        }
        columns.rare = rare;
        columns.flags.push(flags);
        columns.proofs.push((verified.proof(), change.id()));
        columns.charge(header);
        self.context.carried(writer, header, change.id(), mark);
    }

    /// The writer's place, written unless it is the last one's; a new one is defined.
    fn writer(
        &mut self,
        header: &Header,
        columns: &mut Columns<'_>,
        rare: &mut Vec<u8>,
    ) -> Option<usize> {
        let context = &mut self.context;
        if let Some(last) = context.last
            && let Some(writer) = context.writers.get(last)
            && writer.chain == header.chain
            && let Some(document) = context.documents.get(writer.document)
            && document.is_of(header)
        {
            return Some(last);
        }
        let key = DocumentKey::of(header);
        let document = context.document(&key);
        if let Some(writer) = document.and_then(|at| context.writer(at, &header.chain)) {
            put_number(&mut columns.writers, writer as u64);
            return Some(writer);
        }
        put_number(&mut columns.writers, context.writers.len() as u64);
        let document = match document {
            Some(at) => {
                put_number(rare, (at as u64).saturating_add(1));
                at
            }
            None => {
                rare.push(0);
                context.pools.put_short(rare, key.workspace.0);
                context.pools.put_short(rare, key.entity.creator.0);
                rare.extend_from_slice(&key.entity.nonce);
                context.pools.put_name(rare, &key.part);
                rare.push(match key.engine {
                    EngineKind::Automerge => 0,
                    EngineKind::Yrs => 1,
                    EngineKind::Log => 2,
                });
                context.add_document(key)
            }
        };
        context.pools.put_long(rare, header.chain.origin.0);
        put_number(rare, u64::from(header.chain.epoch.0));
        put_number(rare, u64::from(header.chain.lane.0));
        context.add_writer(document, header.chain)
    }

    /// Number and `prev`, written where they do not go on from the writer's last change set. The
    /// engine mark of `prev`, where the stream knows it.
    fn jump(
        &self,
        writer: usize,
        header: &Header,
        flags: &mut u8,
        rare: &mut Vec<u8>,
    ) -> Option<Mark> {
        let known = self.context.writers.get(writer)?;
        if known.seq.checked_add(1) != Some(header.seq) || known.id != header.prev {
            *flags |= JUMP;
            put_number(rare, header.seq);
            rare.push(u8::from(header.prev.is_some()));
            if let Some(prev) = header.prev {
                rare.extend_from_slice(&prev.0);
            }
        }
        let (dep, mark) = self.context.dep(writer, header.seq.checked_sub(1)?)?;
        mark.filter(|_| header.prev == Some(dep.id))
    }

    /// The dependencies, written where they are not the implied ones. The engine marks of those
    /// that the stream knows.
    fn deps(
        &mut self,
        writer: usize,
        header: &Header,
        back: Option<&Context>,
        flags: &mut u8,
        rare: &mut Vec<u8>,
    ) -> Vec<Mark> {
        let implied = self.context.implied(writer);
        if let Some(implied) = implied
            && implied.iter().map(|(dep, _)| dep).eq(&header.deps)
        {
            return implied.into_iter().filter_map(|(_, mark)| mark).collect();
        }
        if header.deps.is_empty() {
            *flags |= DEPS_NONE;
            return Vec::new();
        }
        *flags |= DEPS_CODED;
        put_number(rare, header.deps.len() as u64);
        let key = DocumentKey::of(header);
        let marks = header.deps.iter().filter_map(|dep| {
            let here = self.context.find(&key, dep);
            if let Some((writer, mark)) = here {
                let last = self.context.writers.get(writer).map_or(0, |w| w.seq);
                put_number(rare, (writer as u64).wrapping_shl(2) | DEP_HERE);
                put_signed(rare, last.wrapping_sub(dep.seq) as i64);
                return mark;
            }
            if let Some((writer, mark)) = back.and_then(|back| back.find(&key, dep)) {
                put_number(rare, (writer as u64).wrapping_shl(2) | DEP_BACK);
                put_number(rare, dep.seq);
                return mark;
            }
            put_full(rare, &mut self.context.pools, dep);
            None
        });
        marks.collect()
    }

    /// The payload in its engine's compact form; sealed ones and entries of logs as they are.
    fn payload(
        &mut self,
        writer: usize,
        header: &Header,
        payload: &[u8],
        marks: &Marks,
        ops_left: &mut usize,
    ) -> (Vec<u8>, Option<Mark>) {
        let packed = self.context.engine(writer, |parts| match parts.pen {
            Pen::Yrs(pen) if header.key_epoch.is_none() => {
                Some((yrs::pack(payload, pen, &mut parts.document.crowd), None))
            }
            Pen::Automerge(pen) if header.key_epoch.is_none() => {
                let (given, tables) = (given(header, marks), &mut parts.document.tables);
                let geneses = parts.geneses;
                Some(automerge::pack(
                    payload, given, pen, tables, geneses, ops_left,
                ))
            }
            Pen::Yrs(_) | Pen::Automerge(_) | Pen::Log => None,
        });
        packed.flatten().unwrap_or_else(|| (payload.to_vec(), None))
    }
}

/// The engine marks that the stream knows of what a change set follows.
pub(super) struct Marks {
    pub(super) prev: Option<Mark>,
    pub(super) deps: Vec<Mark>,
}

/// What a header and the stream say of a change.
pub(super) fn given<'a>(header: &Header, marks: &'a Marks) -> Given<'a> {
    Given {
        seq: header.seq,
        time: header.hlc.as_time(),
        prev: marks.prev,
        deps: &marks.deps,
        first: header.prev.is_none() && header.deps.is_empty(),
    }
}

/// Writes a stamp relative to the stream's last one. True: as milliseconds, the counter being 0.
fn put_stamp(out: &mut Vec<u8>, hlc: Hlc, last: Hlc, same: bool) -> bool {
    let millis = hlc.millis().wrapping_sub(last.millis()) as i64;
    if hlc.counter() == 0 && (!same || millis >= 0) {
        // A chain's stamps rise: those of one writer need no sign.
        put_span(out, if same { millis as u64 } else { zigzag(millis) });
        return true;
    }
    let step = hlc.0.wrapping_sub(last.0).wrapping_sub(1) as i64;
    put_span(out, zigzag(step));
    false
}

fn put_full(rare: &mut Vec<u8>, pools: &mut super::pool::Pools, dep: &Dep) {
    put_number(rare, DEP_FULL);
    pools.put_long(rare, dep.chain.origin.0);
    put_number(rare, u64::from(dep.chain.epoch.0));
    put_number(rare, u64::from(dep.chain.lane.0));
    put_number(rare, dep.seq);
    rare.extend_from_slice(&dep.id.0);
}

impl DocumentKey {
    pub(super) fn of(header: &Header) -> Self {
        DocumentKey {
            workspace: header.workspace,
            entity: header.entity,
            part: header.part.clone(),
            engine: header.engine,
        }
    }
}

impl Document {
    fn is_of(&self, header: &Header) -> bool {
        let DocumentKey {
            workspace,
            entity,
            part,
            engine,
        } = &self.key;
        (workspace, entity, part, engine)
            == (
                &header.workspace,
                &header.entity,
                &header.part,
                &header.engine,
            )
    }
}
