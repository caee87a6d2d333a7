//! A frame's body taken apart: its columns read, record by record, nothing yet looked up.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    DEP_BACK, DEP_FULL, DEP_HERE, DEPS_CODED, FIELDS, HUSK, JUMP, ROUTE, SAME,
    context::{Context, DocumentKey},
    fields::{Changes, flag, narrow},
    flush::{self, Group},
    frame::Body,
    pool::Pools,
    routes::{self, Route},
};
use crate::{
    changeset::{Dep, EngineKind, Payload},
    id::{Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId, UserId, WorkspaceId},
    limits,
    wire::bytes::{FormError, Reader},
};
use smallvec::SmallVec;

/// A frame's body, taken apart but not yet understood. A keystroke's needs no memory of its own.
pub(super) struct Columns<'a> {
    pub(super) records: SmallVec<[Record<'a>; 1]>,
    pub(super) groups: SmallVec<[Group; 1]>,
}

#[derive(Default)]
pub(super) struct Record<'a> {
    pub(super) flags: u8,
    /// None: the writer of the record before.
    pub(super) writer: Option<usize>,
    /// Whether it defines its writer.
    new: bool,
    pub(super) stamp: u64,
    /// First byte and the others; none of a husk.
    pub(super) payload: Option<(Option<u8>, &'a [u8])>,
    /// How many they are together.
    payload_len: usize,
    /// What few records have.
    pub(super) rare: Option<Box<Rare>>,
}

#[derive(Default)]
pub(super) struct Rare {
    pub(super) definition: Option<Definition>,
    pub(super) jump: Option<(u64, Option<ChangeSetId>)>,
    pub(super) deps: Vec<DepRef>,
    pub(super) fields: Changes,
    pub(super) routes: Vec<Route>,
    pub(super) husk: Option<(Payload, u32, [u8; 32])>,
}

/// A new writer: its document, by place or itself, and its chain.
pub(super) struct Definition {
    pub(super) document: Result<usize, DocumentKey>,
    pub(super) chain: Chain,
}

pub(super) enum DepRef {
    Full(Dep),
    Here(usize, i64),
    Back(usize, u64),
}

impl<'a> Columns<'a> {
    /// Takes a body apart, learning what it adds to the interning tables.
    pub(super) fn read(context: &mut Context, body: &'a Body<'_>) -> Result<Self, FormError> {
        let mut r = Reader::new(&body.bytes);
        let count = if body.single {
            1
        } else {
            r.count(limits::FRAME_CHANGE_SETS_MAX, "change sets")?
        };
        let flags = r.take(count, "flags")?.iter();
        let mut records: SmallVec<[Record<'_>; 1]> = flags
            .map(|flags| Record {
                flags: *flags,
                ..Record::default()
            })
            .collect();
        let mut next = context.writers.len();
        for record in &mut records {
            if record.flags & SAME == 0 {
                let writer = r.count(next, "writer")?;
                record.new = writer == next;
                next = next.saturating_add(usize::from(record.new));
                record.writer = Some(writer);
            }
        }
        for record in &mut records {
            record.stamp = r.span("stamp")?;
        }
        for record in &mut records {
            if record.new || record.flags & RARE != 0 {
                let rare = Rare::read(&mut r, &mut context.pools, record.flags, record.new)?;
                record.rare = Some(Box::new(rare));
            }
        }
        let groups = flush::read(&mut r, count, body.single)?;
        read_payloads(&mut r, &mut records)?;
        r.end("the frame's body")?;
        Ok(Columns { records, groups })
    }
}

fn read_payloads<'a>(r: &mut Reader<'a>, records: &mut [Record<'a>]) -> Result<(), FormError> {
    let present = |record: &&mut Record<'a>| record.flags & HUSK == 0;
    let Some(last) = records.iter().rposition(|record| record.flags & HUSK == 0) else {
        return Ok(());
    };
    let (mut others, mut firsts) = (0usize, 0usize);
    for record in records.iter_mut().take(last).filter(present) {
        record.payload_len = r.count(r.left(), "payload length")?;
        others = others.saturating_add(record.payload_len);
        firsts = firsts.saturating_add(usize::from(record.payload_len > 0));
    }
    // The last payload reaches to the end.
    let left = r.left().checked_sub(others).ok_or(FormError::Range {
        what: "payload lengths",
    })?;
    if let Some(record) = records.get_mut(last) {
        record.payload_len = left;
    }
    let firsts = r.take(firsts.saturating_add(usize::from(left > 0)), "payloads")?;
    let mut firsts = firsts.iter().copied();
    for record in records.iter_mut().filter(present) {
        let len = record.payload_len;
        let first = if len > 0 { firsts.next() } else { None };
        let rest = r.take(len.saturating_sub(1), "payloads")?;
        record.payload = Some((first, rest));
    }
    Ok(())
}

/// The flags that have something in the rare column.
const RARE: u8 = JUMP | DEPS_CODED | FIELDS | ROUTE | HUSK;

impl Rare {
    fn read(
        r: &mut Reader<'_>,
        pools: &mut Pools,
        flags: u8,
        new: bool,
    ) -> Result<Self, FormError> {
        let mut rare = Rare::default();
        if new {
            rare.definition = Some(read_definition(r, pools)?);
        }
        if flags & JUMP != 0 {
            let seq = r.number("seq")?;
            let prev = flag(r, "prev")?.then(|| r.array("prev")).transpose()?;
            rare.jump = Some((seq, prev.map(ChangeSetId)));
        }
        if flags & DEPS_CODED != 0 {
            for _ in 0..r.count(limits::DEPS_MAX, "dependencies")? {
                rare.deps.push(read_dep(r, pools)?);
            }
        }
        if flags & FIELDS != 0 {
            rare.fields = Changes::read(r, pools)?;
        }
        if flags & ROUTE != 0 {
            rare.routes = routes::read(r, pools)?;
        }
        if flags & HUSK != 0 {
            let state = match flag(r, "payload state")? {
                false => Payload::Erased,
                true => Payload::Absent,
            };
            let len = narrow(r, "payload length")?;
            rare.husk = Some((state, len, r.array("payload hash")?));
        }
        Ok(rare)
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
