//! Change chunks of Automerge (<https://automerge.org/automerge-binary-format-spec>).

use crate::bytes::{put_number, take, take_number};
use sha2::{Digest, Sha256};

/// The kind of an uncompressed change.
pub(crate) const CHANGE: u8 = 1;

/// The specification of the column of actions.
const ACTIONS: u64 = 0x42;

/// A change taken apart as far as its columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) deps: Vec<[u8; 32]>,
    pub(crate) actor: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    /// Signed LEB128, as it stands.
    pub(crate) time: Vec<u8>,
    pub(crate) message: Vec<u8>,
    pub(crate) others: Vec<Vec<u8>>,
    /// Specification and bytes.
    pub(crate) columns: Vec<(u64, Vec<u8>)>,
    pub(crate) extra: Vec<u8>,
}

/// Puts length and checksum before a chunk's body.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    put_number(&mut hashed, body.len() as u64);
    hashed.extend_from_slice(body);
    let checksum = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &hashed].concat()
}

/// What stands behind magic, checksum, kind and length.
pub(crate) fn body(chunk: &[u8]) -> Option<&[u8]> {
    let mut rest = chunk.get(9..)?;
    take_number(&mut rest)?;
    Some(rest)
}

/// The same chunk with length and checksum put right and, where it can be taken apart, as an honest
/// change's author would write it at the same place; none where nothing stands behind its head.
pub(crate) fn dressed(bytes: &[u8], honest: &Chunk) -> Option<Vec<u8>> {
    let body = body(bytes)?;
    let dressed = Chunk::parse(body).map(|mut chunk| {
        chunk.dress(honest);
        chunk.body()
    });
    Some(frame(CHANGE, &dressed.unwrap_or_else(|| body.to_vec())))
}

impl Chunk {
    /// Takes a body apart; none where it is not that of a change.
    pub(crate) fn parse(body: &[u8]) -> Option<Chunk> {
        let mut rest = body;
        let rest = &mut rest;
        let count = take_number(rest)?;
        let mut deps = Vec::new();
        for _ in 0..count {
            deps.push(take(rest, 32)?.try_into().ok()?);
        }
        let sized = |rest: &mut &[u8]| {
            let len = take_number(rest)?;
            Some(take(rest, len)?.to_vec())
        };
        let actor = sized(rest)?;
        let (seq, start_op) = (take_number(rest)?, take_number(rest)?);
        let before = *rest;
        take_number(rest)?;
        let time = before[..before.len() - rest.len()].to_vec();
        let message = sized(rest)?;
        let count = take_number(rest)?;
        let mut others = Vec::new();
        for _ in 0..count {
            others.push(sized(rest)?);
        }
        let count = take_number(rest)?;
        let mut sizes = Vec::new();
        for _ in 0..count {
            sizes.push((take_number(rest)?, take_number(rest)?));
        }
        let mut columns = Vec::new();
        for (spec, len) in sizes {
            columns.push((spec, take(rest, len)?.to_vec()));
        }
        Some(Chunk {
            deps,
            actor,
            seq,
            start_op,
            time,
            message,
            others,
            columns,
            extra: rest.to_vec(),
        })
    }

    /// The body again.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, self.deps.len() as u64);
        self.deps.iter().for_each(|dep| out.extend_from_slice(dep));
        let sized = |out: &mut Vec<u8>, bytes: &[u8]| {
            put_number(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        };
        sized(&mut out, &self.actor);
        put_number(&mut out, self.seq);
        put_number(&mut out, self.start_op);
        out.extend_from_slice(&self.time);
        sized(&mut out, &self.message);
        put_number(&mut out, self.others.len() as u64);
        self.others.iter().for_each(|actor| sized(&mut out, actor));
        put_number(&mut out, self.columns.len() as u64);
        for (spec, bytes) in &self.columns {
            put_number(&mut out, *spec);
            put_number(&mut out, bytes.len() as u64);
        }
        self.columns
            .iter()
            .for_each(|(_, bytes)| out.extend_from_slice(bytes));
        out.extend_from_slice(&self.extra);
        out
    }

    /// How many operations the column of actions claims: a run of any length takes a few bytes.
    pub(crate) fn operations(&self) -> u64 {
        let column = self.columns.iter().find(|(spec, _)| *spec == ACTIONS);
        let (mut rest, mut count) = (column.map_or(&[][..], |(_, bytes)| bytes), 0u64);
        while let Some(run) = take_number(&mut rest) {
            // A literal run's negative length reads as a small number; its values count as runs.
            count = count.saturating_add(run);
            if take_number(&mut rest).is_none() {
                break;
            }
        }
        count
    }

    /// Says who, when and after what like an honest change at the same place.
    pub(crate) fn dress(&mut self, honest: &Chunk) {
        self.deps = honest.deps.clone();
        self.actor = honest.actor.clone();
        (self.seq, self.start_op) = (honest.seq, honest.start_op);
        self.time = honest.time.clone();
    }
}
