//! Writing a change in the compact form.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    ACTOR, EXTRA, Given, MESSAGE, MORE_DEPS, Mark, PREV_COVERED, RAW, START_CODED,
    chunk::{Chunk, Head},
    column::put_sleb,
    packer::Packer,
    tables::{Geneses, Pen, Tables},
    unpack::{floor, mark_of, rebuild},
};
use crate::wire::bytes::{put_bytes, put_number, put_signed};

/// Writes `chunk` relative to what both ends know, and moves that knowledge on. The result always
/// rebuilds to the same bytes: where the compact form would not, or is longer, the chunk is carried
/// raw, which is one byte more than itself. `budget` is lowered by the operations that rebuilding it expands to.
pub fn pack(
    chunk: &[u8],
    given: Given<'_>,
    pen: &mut Pen,
    tables: &mut Tables,
    geneses: &mut Geneses,
    budget: &mut usize,
) -> (Vec<u8>, Option<Mark>) {
    if let Some(compact) = compact(chunk, given, pen, tables, geneses) {
        let mut left = *budget;
        if let Ok(rebuilt) = rebuild(&compact, given, pen, tables, geneses, &mut left)
            && rebuilt.chunk == chunk
            && compact.len() <= chunk.len().saturating_add(1)
        {
            *budget = left;
            let mark = rebuilt.mark;
            rebuilt.learn(pen, tables, geneses);
            return (compact, Some(mark));
        }
    }
    let mut raw = Vec::with_capacity(chunk.len().saturating_add(1));
    raw.push(RAW);
    raw.extend_from_slice(chunk);
    (raw, mark_of(chunk, budget))
}

fn compact(
    chunk: &[u8],
    given: Given<'_>,
    pen: &Pen,
    tables: &Tables,
    geneses: &Geneses,
) -> Option<Vec<u8>> {
    let parsed = Chunk::parse(chunk).ok()?;
    let (head, mut reader) = (parsed.head, parsed.ops);
    if head.seq != given.seq || head.time != given.time {
        return None;
    }
    let mut ops = Vec::new();
    while let Some(op) = reader.next().ok()? {
        ops.push(op);
    }
    let mut out = Vec::with_capacity(16);
    write_head(&mut out, &head, given, pen, geneses)?;
    let mut time = Vec::new();
    put_sleb(&mut time, given.time);
    Packer {
        out,
        tables,
        author: head.actor,
        time: &time,
        next: head.start_op,
        cursor: pen.cursor,
        actors: Vec::new(),
        objects: Vec::new(),
        keys: Vec::new(),
    }
    .all(&ops)
}

fn write_head(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    given: Given<'_>,
    pen: &Pen,
    geneses: &Geneses,
) -> Option<()> {
    let further: Vec<&[u8; 32]> = head
        .deps
        .iter()
        .filter(|dep| {
            !given
                .prev
                .iter()
                .chain(given.deps)
                .any(|mark| mark.hash == **dep)
        })
        .collect();
    let mut floor = floor(given, pen);
    let mut coded = Vec::new();
    put_number(&mut coded, further.len() as u64);
    for dep in &further {
        match geneses.marks.iter().position(|mark| mark.hash == **dep) {
            Some(place) => {
                put_number(&mut coded, (place as u64).saturating_add(2));
                floor = floor.max(geneses.marks.get(place)?.max_op);
            }
            None => {
                // What is missing where `prev` is known, or there is none, is a genesis: it comes
                // again in other documents and is worth a place.
                coded.push(u8::from(given.first || given.prev.is_some()));
                coded.extend_from_slice(*dep);
            }
        }
    }
    let expected = floor.checked_add(1)?;
    let covered = given
        .prev
        .is_some_and(|prev| !head.deps.contains(&prev.hash));
    let mut flags = 0;
    for (flag, set) in [
        (ACTOR, pen.actor != Some(head.actor)),
        (MORE_DEPS, !further.is_empty()),
        (START_CODED, expected != head.start_op),
        (MESSAGE, !head.message.is_empty()),
        (EXTRA, !head.extra.is_empty()),
        (PREV_COVERED, covered),
    ] {
        flags |= if set { flag } else { 0 };
    }
    out.push(flags);
    if flags & ACTOR != 0 {
        out.extend_from_slice(&head.actor);
    }
    if flags & MORE_DEPS != 0 {
        out.extend_from_slice(&coded);
    }
    if flags & START_CODED != 0 {
        let (start, expected) = (
            i64::try_from(head.start_op).ok()?,
            i64::try_from(expected).ok()?,
        );
        put_signed(out, start.checked_sub(expected)?);
    }
    if flags & MESSAGE != 0 {
        put_bytes(out, head.message);
    }
    if flags & EXTRA != 0 {
        put_bytes(out, head.extra);
    }
    Some(())
}
