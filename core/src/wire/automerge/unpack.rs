//! Rebuilding a change from the compact form.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    ACTOR, CHANGE_FLAGS, EXTRA, Given, MESSAGE, MORE_DEPS, Mark, PREV_COVERED, RAW, START_CODED,
    chunk::{ActorBytes, Chunk, Head, Key, Op, OpId, hash_of},
    chunk_writer::ChunkWriter,
    column::put_sleb,
    tables::{Cursor, Geneses, Lesson, Pen, Tables},
    walk::{Sink, Walk},
};
use crate::{
    limits,
    wire::bytes::{FormError, Reader},
};
use std::collections::BTreeSet;

/// Rebuilds a change and moves on what both ends know. `budget` is the number of operations that
/// the frame may still expand to. The mark is none only for raw bytes that are no change.
pub fn unpack(
    compact: &[u8],
    given: Given<'_>,
    pen: &mut Pen,
    tables: &mut Tables,
    geneses: &mut Geneses,
    budget: &mut usize,
) -> Result<(Vec<u8>, Option<Mark>), FormError> {
    if compact.first() == Some(&RAW) {
        let chunk = compact.get(1..).unwrap_or_default();
        if chunk.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(FormError::TooMany {
                what: "change bytes",
                count: chunk.len() as u64,
                max: limits::PAYLOAD_BYTES_MAX as u64,
            });
        }
        return Ok((chunk.to_vec(), mark_of(chunk, budget)));
    }
    let rebuilt = rebuild(compact, given, pen, tables, geneses, budget)?;
    let Rebuilt { chunk, mark, .. } = rebuilt.learn(pen, tables, geneses);
    Ok((chunk, Some(mark)))
}

/// The mark of a chunk that travelled raw.
pub(super) fn mark_of(chunk: &[u8], budget: &mut usize) -> Option<Mark> {
    let parsed = Chunk::parse(chunk).ok()?;
    let mut ops = parsed.ops;
    let mut max_op = parsed.head.start_op.checked_sub(1)?;
    while ops.next().ok()?.is_some() {
        max_op = max_op.checked_add(1)?;
        *budget = budget.checked_sub(1)?;
    }
    Some(Mark {
        hash: hash_of(chunk),
        max_op,
    })
}

/// A rebuilt change, and what it will teach.
pub(super) struct Rebuilt {
    pub(super) chunk: Vec<u8>,
    pub(super) mark: Mark,
    actor: ActorBytes,
    cursor: Cursor,
    lesson: Lesson,
    geneses: Vec<Mark>,
}

impl Rebuilt {
    pub(super) fn learn(self, pen: &mut Pen, tables: &mut Tables, geneses: &mut Geneses) -> Self {
        pen.actor = Some(self.actor);
        pen.max_op = self.mark.max_op;
        pen.cursor = self.cursor;
        tables.learn(&self.lesson);
        geneses.learn(&self.geneses);
        self
    }
}

pub(super) fn rebuild(
    compact: &[u8],
    given: Given<'_>,
    pen: &Pen,
    tables: &Tables,
    geneses: &Geneses,
    budget: &mut usize,
) -> Result<Rebuilt, FormError> {
    let mut r = Reader::new(compact);
    let flags = r.byte("change")?;
    if flags & !CHANGE_FLAGS != 0 || flags & RAW != 0 {
        return Err(FormError::Unknown {
            what: "change flags",
            value: u64::from(flags),
        });
    }
    let actor = if flags & ACTOR != 0 {
        r.array("actor")?
    } else {
        pen.actor.ok_or(FormError::Context {
            what: "the author's actor",
        })?
    };
    let prev = given.prev.filter(|_| flags & PREV_COVERED == 0);
    let mut deps: Vec<[u8; 32]> = prev
        .iter()
        .chain(given.deps)
        .map(|mark| mark.hash)
        .collect();
    let mut kept = Vec::new();
    let mut floor = floor(given, pen);
    if flags & MORE_DEPS != 0 {
        for _ in 0..r.count(limits::DEPS_MAX, "further dependencies")? {
            match r.number("dependency")? {
                0 => deps.push(r.array("dependency")?),
                1 => {
                    let hash = r.array("dependency")?;
                    deps.push(hash);
                    kept.push(hash);
                }
                place => {
                    let mark = usize::try_from(place.saturating_sub(2))
                        .ok()
                        .and_then(|place| geneses.marks.get(place))
                        .ok_or(FormError::Context { what: "a genesis" })?;
                    deps.push(mark.hash);
                    floor = floor.max(mark.max_op);
                }
            }
        }
    }
    deps.sort_unstable();
    let range = FormError::Range { what: "counter" };
    let mut start_op = floor.checked_add(1).ok_or_else(|| range.clone())?;
    if flags & START_CODED != 0 {
        start_op = start_op
            .checked_add_signed(r.signed("start of the counters")?)
            .ok_or_else(|| range.clone())?;
    }
    let message = if flags & MESSAGE != 0 {
        r.bytes(limits::PAYLOAD_BYTES_MAX, "message")?
    } else {
        &[]
    };
    let extra = if flags & EXTRA != 0 {
        r.bytes(limits::PAYLOAD_BYTES_MAX, "extra bytes")?
    } else {
        &[]
    };
    let mut time = Vec::new();
    put_sleb(&mut time, given.time);
    let walk = || Walk {
        r: r.clone(),
        tables,
        author: actor,
        time: &time,
        next: start_op,
        cursor: pen.cursor,
        actors: Vec::new(),
        objects: Vec::new(),
        keys: Vec::new(),
    };
    let mut named = Named::default();
    walk().all(budget, &mut named)?;
    let mut build = Build {
        writer: ChunkWriter::new(actor, &named.actors),
        lesson: Lesson::default(),
    };
    let mut second = walk();
    second.all(&mut limits::CHANGE_OPS_MAX.clone(), &mut build)?;
    let Build { writer, mut lesson } = build;
    lesson.actors = second.actors;
    lesson.objects = second.objects;
    lesson.keys = second.keys.into_iter().map(str::to_owned).collect();
    let max_op = second.next.checked_sub(1).ok_or(range)?;
    let (chunk, hash) = writer.finish(&Head {
        deps,
        actor,
        seq: given.seq,
        start_op,
        time: given.time,
        message,
        extra,
    });
    // What else the document's first change has seen is its genesis alone.
    let genesis = if given.first {
        start_op.saturating_sub(1)
    } else {
        0
    };
    Ok(Rebuilt {
        chunk,
        mark: Mark { hash, max_op },
        actor,
        cursor: second.cursor,
        lesson,
        geneses: kept
            .into_iter()
            .map(|hash| Mark {
                hash,
                max_op: genesis,
            })
            .collect(),
    })
}

/// The highest counter that the change is known to have seen.
pub(super) fn floor(given: Given<'_>, pen: &Pen) -> u64 {
    let seen = given.prev.iter().chain(given.deps);
    let seen = seen.map(|mark| mark.max_op).max();
    seen.unwrap_or(if given.first { 0 } else { pen.max_op })
}

/// The first walk: which actors the operations name.
#[derive(Default)]
struct Named {
    actors: BTreeSet<ActorBytes>,
}

impl<'a> Sink<'a> for Named {
    fn take(&mut self, op: &Op<'a>, _: OpId) -> Result<(), FormError> {
        self.actors.extend(op.obj.map(|id| id.actor));
        if let Key::Element(id) = op.key {
            self.actors.insert(id.actor);
        }
        self.actors.extend(op.preds.iter().map(|id| id.actor));
        Ok(())
    }
}

/// The second walk: the columns.
struct Build<'a> {
    writer: ChunkWriter<'a>,
    lesson: Lesson,
}

impl<'a> Sink<'a> for Build<'a> {
    fn take(&mut self, op: &Op<'a>, id: OpId) -> Result<(), FormError> {
        self.lesson.note(op, id);
        self.writer.push(op)
    }
}
