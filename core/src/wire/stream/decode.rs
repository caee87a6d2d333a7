//! The receiving end. Everything here faces hostile bytes.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DEP_BACK, DEP_FULL, DEP_HERE, DEPS_CODED, DEPS_NONE, FIELDS, HUSK, JUMP, ROUTE, SAME, STEP,
    context::{Context, DocumentKey, Pen},
    encode::{Encoder, Marks, given},
    fields::{Changes, flag, narrow},
    flush::{self, Group},
    frame::{Body, Cause, FrameError, Press},
    pool::Pools,
    routes::{self, Route},
};
use crate::{
    changeset::{
        ChangeSet, Dep, EngineKind, EnvelopeRule, FlushCache, Header, Payload, SIGNED_BYTES_MAX,
        Signed, Verified,
    },
    hlc::Hlc,
    id::{Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId, UserId, WorkspaceId},
    limits,
    wire::{
        automerge::{self, Mark},
        bytes::{FormError, Reader, unzigzag},
        yrs,
    },
};

/// Reads the frames of one direction of a stream.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    context: Option<Context>,
}

/// What a frame held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Change sets rebuilt from the context, each proven to be what its origin signed.
    Rebuilt(Vec<Verified>),
    /// Change sets as sent, yet to be verified; where one breaks a rule of the envelope, the rule.
    Explicit(Vec<Result<Signed, EnvelopeRule>>),
}

impl Decoder {
    /// The receiving end of a new stream.
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Reads exactly one frame (see [`frame_len`](super::frame_len)). `back` is the sending end of
    /// the same stream here, if there is one: the frame may name what it has sent. After an error
    /// the context is gone, and only explicit frames or one that begins a context are read.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(
        &mut self,
        press: &mut Press,
        flushes: &mut FlushCache,
        frame: &[u8],
        back: Option<&Encoder>,
    ) -> Result<Received, FrameError> {
        let context = self.context.take();
        let body = press.body(frame)?;
        if body.explicit {
            let received = explicit(&body.bytes)?;
            self.context = context;
            return Ok(Received::Explicit(received));
        }
        let fresh = body.reset.then(Context::default);
        let ask = |cause| FrameError::SendExplicitly { cause };
        let mut context = fresh.or(context).ok_or_else(|| ask(Cause::NoContext))?;
        let back = back.map(Encoder::context);
        let verified = frame_body(&mut context, &body, back, flushes).map_err(ask)?;
        self.context = Some(context);
        Ok(Received::Rebuilt(verified))
    }

    pub(super) fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }
}

fn explicit(body: &[u8]) -> Result<Vec<Result<Signed, EnvelopeRule>>, FrameError> {
    let mut r = Reader::new(body);
    let mut received = Vec::new();
    while !r.is_empty() {
        if received.len() >= limits::FRAME_CHANGE_SETS_MAX {
            return Err(FrameError::Malformed(FormError::TooMany {
                what: "change sets",
                count: received.len() as u64,
                max: limits::FRAME_CHANGE_SETS_MAX as u64,
            }));
        }
        received.push(Signed::decode(r.bytes(SIGNED_BYTES_MAX, "change set")?));
    }
    Ok(received)
}

fn frame_body(
    context: &mut Context,
    body: &Body,
    back: Option<&Context>,
    flushes: &mut FlushCache,
) -> Result<Vec<Verified>, Cause> {
    let columns = Columns::read(context, body)?;
    let mut builder = Builder {
        context,
        back,
        ops_left: limits::FRAME_OPS_MAX,
        deps_left: limits::FRAME_DEPS_MAX,
        rebuilt_left: limits::FRAME_REBUILT_BYTES_MAX,
    };
    let mut changes = Vec::new();
    for record in columns.records {
        changes.push(builder.change(record)?);
    }
    let mut changes = changes.into_iter();
    let mut verified = Vec::new();
    for group in columns.groups {
        verified.extend(
            group
                .verify(&mut changes, flushes)
                .map_err(Cause::Rebuilt)?,
        );
    }
    Ok(verified)
}

/// A frame's body, taken apart but not yet understood.
struct Columns<'a> {
    records: Vec<Record<'a>>,
    groups: Vec<Group>,
}

#[derive(Default)]
struct Record<'a> {
    flags: u8,
    /// None: the writer of the record before.
    writer: Option<usize>,
    stamp: u64,
    definition: Option<Definition>,
    jump: Option<(u64, Option<ChangeSetId>)>,
    deps: Vec<DepRef>,
    fields: Changes,
    routes: Vec<Route>,
    husk: Option<(Payload, u32, [u8; 32])>,
    /// First byte and the others.
    payload: Option<(Option<u8>, &'a [u8])>,
}

/// A new writer: its document, by place or itself, and its chain.
struct Definition {
    document: Result<usize, DocumentKey>,
    chain: Chain,
}

enum DepRef {
    Full(Dep),
    Here(usize, i64),
    Back(usize, u64),
}

impl<'a> Columns<'a> {
    fn read(context: &mut Context, body: &'a Body) -> Result<Self, FormError> {
        let mut r = Reader::new(&body.bytes);
        let count = if body.single {
            1
        } else {
            r.count(limits::FRAME_CHANGE_SETS_MAX, "change sets")?
        };
        let mut records = Vec::new();
        for flags in r.take(count, "flags")? {
            records.push(Record {
                flags: *flags,
                ..Record::default()
            });
        }
        let mut next = context.writers.len();
        let mut new = Vec::new();
        for record in &mut records {
            if record.flags & SAME == 0 {
                let writer = r.count(next, "writer")?;
                new.push(writer == next);
                next = next.saturating_add(usize::from(writer == next));
                record.writer = Some(writer);
            } else {
                new.push(false);
            }
        }
        for record in &mut records {
            record.stamp = r.number("stamp")?;
        }
        for (record, new) in records.iter_mut().zip(new) {
            record.read_rare(&mut r, &mut context.pools, new)?;
        }
        let groups = flush::read(&mut r, count, body.single)?;
        read_payloads(&mut r, &mut records)?;
        r.end("the frame's body")?;
        Ok(Columns { records, groups })
    }
}

fn read_payloads<'a>(r: &mut Reader<'a>, records: &mut [Record<'a>]) -> Result<(), FormError> {
    let mut present: Vec<&mut Record<'a>> = records
        .iter_mut()
        .filter(|record| record.husk.is_none())
        .collect();
    let mut lens = Vec::new();
    for _ in 1..present.len() {
        lens.push(r.count(r.left(), "payload length")?);
    }
    if !present.is_empty() {
        let others = lens
            .iter()
            .fold(0, |sum: usize, len| sum.saturating_add(*len));
        lens.push(r.left().checked_sub(others).ok_or(FormError::Range {
            what: "payload lengths",
        })?);
    }
    let firsts = r.take(lens.iter().filter(|len| **len > 0).count(), "payloads")?;
    let mut firsts = firsts.iter().copied();
    for (record, len) in present.iter_mut().zip(lens) {
        let first = (len > 0).then(|| firsts.next()).flatten();
        let rest = r.take(len.saturating_sub(1), "payloads")?;
        record.payload = Some((first, rest));
    }
    Ok(())
}

impl Record<'_> {
    fn read_rare(
        &mut self,
        r: &mut Reader<'_>,
        pools: &mut Pools,
        new: bool,
    ) -> Result<(), FormError> {
        if new {
            self.definition = Some(read_definition(r, pools)?);
        }
        if self.flags & JUMP != 0 {
            let seq = r.number("seq")?;
            let prev = flag(r, "prev")?.then(|| r.array("prev")).transpose()?;
            self.jump = Some((seq, prev.map(ChangeSetId)));
        }
        if self.flags & DEPS_CODED != 0 {
            for _ in 0..r.count(limits::DEPS_MAX, "dependencies")? {
                self.deps.push(read_dep(r, pools)?);
            }
        }
        if self.flags & FIELDS != 0 {
            self.fields = Changes::read(r, pools)?;
        }
        if self.flags & ROUTE != 0 {
            self.routes = routes::read(r, pools)?;
        }
        if self.flags & HUSK != 0 {
            let state = match flag(r, "payload state")? {
                false => Payload::Erased,
                true => Payload::Absent,
            };
            let len = narrow(r, "payload length")?;
            self.husk = Some((state, len, r.array("payload hash")?));
        }
        Ok(())
    }
}

fn read_definition(r: &mut Reader<'_>, pools: &mut Pools) -> Result<Definition, FormError> {
    let document = match r
        .count(limits::STREAM_DOCUMENTS_MAX, "document")?
        .checked_sub(1)
    {
        Some(place) => Ok(place),
        None => Err(DocumentKey {
            workspace: WorkspaceId(pools.short(r, "workspace")?),
            entity: EntityId {
                creator: UserId(pools.short(r, "entity")?),
                nonce: r.array("entity")?,
            },
            part: pools.name(r, "part")?,
            engine: match r.byte("engine")? {
                0 => EngineKind::Automerge,
                1 => EngineKind::Yrs,
                2 => EngineKind::Log,
                value => {
                    return Err(FormError::Unknown {
                        what: "engine",
                        value: u64::from(value),
                    });
                }
            },
        }),
    };
    Ok(Definition {
        document,
        chain: read_chain(r, pools)?,
    })
}

fn read_chain(r: &mut Reader<'_>, pools: &mut Pools) -> Result<Chain, FormError> {
    Ok(Chain {
        origin: OriginId(pools.long(r, "origin")?),
        epoch: Epoch(narrow(r, "epoch")?),
        lane: Lane(narrow(r, "lane")?),
    })
}

fn read_dep(r: &mut Reader<'_>, pools: &mut Pools) -> Result<DepRef, FormError> {
    let coded = r.number("dependency")?;
    let place = usize::try_from(coded >> 2).map_err(|_| FormError::Range { what: "dependency" })?;
    match coded & 3 {
        DEP_FULL => Ok(DepRef::Full(Dep {
            chain: read_chain(r, pools)?,
            seq: r.number("dependency")?,
            id: ChangeSetId(r.array("dependency")?),
        })),
        DEP_HERE => Ok(DepRef::Here(place, r.signed("dependency")?)),
        DEP_BACK => Ok(DepRef::Back(place, r.number("dependency")?)),
        value => Err(FormError::Unknown {
            what: "dependency",
            value,
        }),
    }
}

/// Rebuilds a frame's change sets one after another, moving the context on.
struct Builder<'a> {
    context: &'a mut Context,
    back: Option<&'a Context>,
    ops_left: usize,
    deps_left: usize,
    rebuilt_left: usize,
}

impl Builder<'_> {
    fn change(&mut self, mut record: Record<'_>) -> Result<ChangeSet, Cause> {
        let place = self.writer(&mut record)?;
        let lost = FormError::Context { what: "a writer" };
        let same = record.writer.is_none();
        let hlc = stamp(&record, self.context.hlc, same)?;
        let replaces = record.fields.replaces;
        let writer = self.context.writers.get_mut(place).ok_or(lost.clone())?;
        writer.standing.apply(std::mem::take(&mut record.fields));
        let (seq, prev) = match record.jump {
            Some(jump) => jump,
            None => (
                writer.next().ok_or(FormError::Range { what: "seq" })?,
                writer.id,
            ),
        };
        let (chain, standing) = (writer.chain, writer.standing.clone());
        let document = self.context.documents.get(writer.document).ok_or(lost)?;
        let DocumentKey {
            workspace,
            entity,
            part,
            engine,
        } = document.key.clone();
        let mut marks = Marks {
            prev: self.prev_mark(place, seq, prev),
            deps: Vec::new(),
        };
        let deps = self.deps(place, &record, &mut marks.deps)?;
        let mut header = Header {
            workspace,
            entity,
            part,
            chain,
            author: standing.author,
            on_behalf_of: standing.on_behalf_of,
            seq,
            prev,
            deps,
            hlc,
            schema: standing.schema,
            schema_version: standing.schema_version,
            rules: standing.rules,
            control: standing.control,
            engine,
            actor: standing.actor,
            key_epoch: standing.key_epoch,
            route: Vec::new(),
            payload_len: 0,
            payload_hash: [0; 32],
            replaces,
            extension: standing.extension,
        };
        let (payload, mark) = self.payload(place, &mut header, &mut record, &marks)?;
        let clear = engine == EngineKind::Automerge && header.key_epoch.is_none();
        let chunk = payload.bytes().filter(|_| clear);
        header.route = routes::resolve(record.routes, chunk, &mut self.ops_left)?;
        let change = ChangeSet::new(header, payload).map_err(Cause::Rebuilt)?;
        self.context
            .carried(place, change.header(), change.id(), mark);
        Ok(change)
    }

    fn writer(&mut self, record: &mut Record<'_>) -> Result<usize, FormError> {
        let lost = FormError::Context { what: "a writer" };
        let Some(definition) = record.definition.take() else {
            return record.writer.or(self.context.last).ok_or(lost);
        };
        if !self.context.has_room() {
            return Err(FormError::TooMany {
                what: "writers",
                count: self.context.writers.len() as u64,
                max: limits::STREAM_WRITERS_MAX as u64,
            });
        }
        let document = match definition.document {
            Ok(place) => place,
            Err(key) => self.context.add_document(key),
        };
        self.context
            .add_writer(document, definition.chain)
            .ok_or(lost)
    }

    fn prev_mark(&self, writer: usize, seq: u64, prev: Option<ChangeSetId>) -> Option<Mark> {
        let (dep, mark) = self.context.dep(writer, seq.checked_sub(1)?)?;
        mark.filter(|_| prev == Some(dep.id))
    }

    fn deps(
        &mut self,
        writer: usize,
        record: &Record<'_>,
        marks: &mut Vec<Mark>,
    ) -> Result<Vec<Dep>, FormError> {
        let lost = FormError::Context {
            what: "a dependency",
        };
        let deps = if record.flags & DEPS_NONE != 0 {
            Vec::new()
        } else if record.flags & DEPS_CODED == 0 {
            self.context.implied(writer).ok_or(lost)?
        } else {
            let resolve = |dep: &DepRef| match dep {
                DepRef::Full(dep) => Some((*dep, None)),
                DepRef::Here(writer, back) => {
                    let last = self.context.writers.get(*writer)?.seq;
                    let seq = last.checked_add_signed(back.checked_neg()?)?;
                    self.context.dep(*writer, seq)
                }
                DepRef::Back(writer, seq) => self.back?.dep(*writer, *seq),
            };
            let deps: Option<Vec<_>> = record.deps.iter().map(resolve).collect();
            deps.ok_or(lost)?
        };
        self.deps_left = self
            .deps_left
            .checked_sub(deps.len())
            .ok_or(FormError::TooMany {
                what: "dependencies of a frame",
                count: deps.len() as u64,
                max: limits::FRAME_DEPS_MAX as u64,
            })?;
        marks.extend(deps.iter().filter_map(|(_, mark)| *mark));
        Ok(deps.into_iter().map(|(dep, _)| dep).collect())
    }

    /// The payload, and the header made to speak of it.
    fn payload(
        &mut self,
        place: usize,
        header: &mut Header,
        record: &mut Record<'_>,
        marks: &Marks,
    ) -> Result<(Payload, Option<Mark>), FormError> {
        if let Some((state, len, hash)) = record.husk.take() {
            header.payload_len = len;
            header.payload_hash = hash;
            return Ok((state, None));
        }
        let (first, rest) = record.payload.unwrap_or_default();
        let mut compact = Vec::with_capacity(rest.len().saturating_add(1));
        compact.extend(first);
        compact.extend_from_slice(rest);
        let Context {
            writers,
            documents,
            geneses,
            ..
        } = &mut *self.context;
        let parts = writers.get_mut(place).and_then(|writer| {
            let document = documents.get_mut(writer.document)?;
            Some((&mut writer.pen, document))
        });
        let (payload, mark) = match parts {
            Some((Pen::Yrs(pen), document)) if header.key_epoch.is_none() => {
                (yrs::unpack(&compact, pen, &mut document.crowd)?, None)
            }
            Some((Pen::Automerge(pen), document)) if header.key_epoch.is_none() => {
                let (given, ops) = (given(header, marks), &mut self.ops_left);
                automerge::unpack(&compact, given, pen, &mut document.tables, geneses, ops)?
            }
            Some((Pen::Yrs(_) | Pen::Automerge(_) | Pen::Log, _)) | None => (compact, None),
        };
        self.rebuilt_left =
            self.rebuilt_left
                .checked_sub(payload.len())
                .ok_or(FormError::TooMany {
                    what: "payload bytes of a frame",
                    count: payload.len() as u64,
                    max: limits::FRAME_REBUILT_BYTES_MAX as u64,
                })?;
        *header = header.clone().describe(&payload);
        Ok((Payload::Present(payload), mark))
    }
}

/// Reads what `put_stamp` wrote.
fn stamp(record: &Record<'_>, last: Hlc, same: bool) -> Result<Hlc, FormError> {
    if record.flags & STEP != 0 {
        let step = unzigzag(record.stamp);
        return Ok(Hlc(last.0.wrapping_add(1).wrapping_add_signed(step)));
    }
    let millis = if same {
        last.millis().checked_add(record.stamp)
    } else {
        last.millis().checked_add_signed(unzigzag(record.stamp))
    };
    millis
        .filter(|millis| *millis <= Hlc::MAX.millis())
        .map(|millis| Hlc::new(millis, 0))
        .ok_or(FormError::Range { what: "stamp" })
}
