//! Rebuilding change sets from their records and the context.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DEPS_CODED, DEPS_NONE, STEP,
    context::{Context, DocumentKey, Pen},
    encode::{Marks, given},
    frame::Cause,
    record::{DepRef, Rare, Record},
    routes,
};
use crate::{
    changeset::{ChangeSet, Dep, EngineKind, Header, Payload},
    hlc::Hlc,
    id::ChangeSetId,
    limits,
    wire::{
        automerge::{self, Mark},
        bytes::{FormError, unzigzag},
        yrs,
    },
};
use smallvec::SmallVec;

/// Rebuilds a frame's change sets one after another, moving the context on.
pub(super) struct Builder<'a> {
    context: &'a mut Context,
    back: Option<&'a Context>,
    ops_left: usize,
    deps_left: usize,
    rebuilt_left: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(context: &'a mut Context, back: Option<&'a Context>) -> Self {
        Builder {
            context,
            back,
            ops_left: limits::FRAME_OPS_MAX,
            deps_left: limits::FRAME_DEPS_MAX,
            rebuilt_left: limits::FRAME_REBUILT_BYTES_MAX,
        }
    }

    /// The record's change set: its header checked, its id computed, its signature not yet.
    pub(super) fn change(&mut self, mut record: Record<'_>) -> Result<ChangeSet, Cause> {
        let mut rare = record.rare.take().map(|rare| *rare).unwrap_or_default();
        if !self.context.has_room() {
            return Err(FormError::TooMany {
                what: "entries of the context",
                count: self.context.writers.len() as u64,
                max: limits::STREAM_WRITERS_MAX as u64,
            }
            .into());
        }
        let place = self.writer(&record, &mut rare)?;
        let lost = FormError::Context { what: "a writer" };
        let same = record.writer.is_none();
        let hlc = stamp(&record, self.context.hlc, same)?;
        let replaces = rare.fields.replaces;
        let writer = self.context.writers.get_mut(place).ok_or(lost.clone())?;
        writer.standing.apply(std::mem::take(&mut rare.fields));
        let (seq, prev) = match rare.jump {
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
            prev: match engine {
                EngineKind::Automerge => self.prev_mark(place, seq, prev),
                EngineKind::Yrs | EngineKind::Log => None,
            },
            deps: Vec::new(),
        };
        let deps = self.deps(place, record.flags, &rare.deps, &mut marks.deps)?;
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
        let (payload, mark) =
            self.payload(place, &mut header, rare.husk, record.payload, &marks)?;
        let clear = engine == EngineKind::Automerge && header.key_epoch.is_none();
        let chunk = payload.bytes().filter(|_| clear);
        header.route = routes::resolve(rare.routes, chunk, &mut self.ops_left)?;
        let change = match payload {
            Payload::Present(payload) => ChangeSet::describing(header, payload),
            husk @ (Payload::Erased | Payload::Absent) => ChangeSet::new(header, husk),
        };
        let change = change.map_err(Cause::Rebuilt)?;
        self.context
            .carried(place, change.header(), change.id(), mark);
        Ok(change)
    }

    fn writer(&mut self, record: &Record<'_>, rare: &mut Rare) -> Result<usize, FormError> {
        let lost = FormError::Context { what: "a writer" };
        let Some(definition) = rare.definition.take() else {
            return record.writer.or(self.context.last).ok_or(lost);
        };
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
        flags: u8,
        coded: &[DepRef],
        marks: &mut Vec<Mark>,
    ) -> Result<Vec<Dep>, FormError> {
        let lost = FormError::Context {
            what: "a dependency",
        };
        let deps = if flags & DEPS_NONE != 0 {
            Vec::new()
        } else if flags & DEPS_CODED == 0 {
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
            let deps: Option<Vec<_>> = coded.iter().map(resolve).collect();
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
        husk: Option<(Payload, u32, [u8; 32])>,
        compact: Option<(Option<u8>, &[u8])>,
        marks: &Marks,
    ) -> Result<(Payload, Option<Mark>), FormError> {
        if let Some((state, len, hash)) = husk {
            header.payload_len = len;
            header.payload_hash = hash;
            return Ok((state, None));
        }
        let (first, rest) = compact.unwrap_or_default();
        let mut compact: SmallVec<[u8; 128]> = first.into_iter().collect();
        compact.extend_from_slice(rest);
        let ops_left = &mut self.ops_left;
        let unpacked = self.context.engine(place, |parts| match parts.pen {
            Pen::Yrs(pen) if header.key_epoch.is_none() => {
                let update = yrs::unpack(&compact, pen, &mut parts.document.crowd);
                Some(update.map(|update| (update, None)))
            }
            Pen::Automerge(pen) if header.key_epoch.is_none() => {
                let (given, tables) = (given(header, marks), &mut parts.document.tables);
                let geneses = parts.geneses;
                Some(automerge::unpack(
                    &compact, given, pen, tables, geneses, ops_left,
                ))
            }
            Pen::Yrs(_) | Pen::Automerge(_) | Pen::Log => None,
        });
        let (payload, mark) = match unpacked.flatten() {
            Some(unpacked) => unpacked?,
            None => (compact.into_vec(), None),
        };
        self.rebuilt_left =
            self.rebuilt_left
                .checked_sub(payload.len())
                .ok_or(FormError::TooMany {
                    what: "payload bytes of a frame",
                    count: payload.len() as u64,
                    max: limits::FRAME_REBUILT_BYTES_MAX as u64,
                })?;
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
