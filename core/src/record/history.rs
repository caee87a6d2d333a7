//! What a record remembers of every change that its engine holds: who, when, which fields. The
//! rules pick by it, since the engine's own winner ignores time.
#![deny(clippy::arithmetic_side_effects)]

use super::FieldPath;
use crate::{
    causal::Past,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, OriginId, UserId},
    judge::Writer,
};
use automerge::ChangeHash;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who wrote something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Written {
    /// The stamp of the change.
    pub hlc: Hlc,
    /// The device.
    pub origin: OriginId,
    /// The user.
    pub author: UserId,
}

/// The place of a write in the one order by which the rules decide: stamp, then origin, and for
/// two writes of one origin under one stamp their chain, number and operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub hlc: Hlc,
    pub chain: Chain,
    pub seq: u64,
    pub op: u64,
    pub author: UserId,
    pub line: ChainIdx,
}

impl Stamp {
    pub(crate) fn written(&self) -> Written {
        Written {
            hlc: self.hlc,
            origin: self.chain.origin,
            author: self.author,
        }
    }
}

/// One change, as remembered.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub hlc: Hlc,
    /// The counter of its last operation.
    pub max_op: u64,
    pub hash: ChangeHash,
    /// The fields it touches, as numbers of [`History::fields`].
    pub fields: SmallVec<[u32; 4]>,
    /// What its author had seen of other chains. Shared with the note before where nothing new was
    /// seen in between, so its count of the own chain may lag.
    pub past: Arc<Past>,
}

/// One chain's changes.
#[derive(Clone, Debug)]
struct Line {
    writer: Writer,
    notes: Vec<Note>,
}

/// The changes of one record by chain and number.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    lines: BTreeMap<ChainIdx, Line>,
    actors: BTreeMap<[u8; 16], ChainIdx>,
    numbers: BTreeMap<FieldPath, u32>,
    last: BTreeMap<u32, Stamp>,
    newest: Option<Stamp>,
    count: u64,
    max_op: u64,
}

impl History {
    pub(crate) fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        let Actor::Automerge(actor) = writer.actor else {
            return; // a Yrs client writes no records: nothing of it will be admitted here
        };
        // Until a change of the chain is held another writer may take its place: what was judged
        // and refused leaves no trace.
        if self.held(chain) > 0 {
            return;
        }
        self.actors.retain(|_, bound| *bound != chain);
        self.actors.entry(actor).or_insert(chain);
        let line = Line {
            writer: writer.clone(),
            notes: Vec::new(),
        };
        self.lines.insert(chain, line);
    }

    pub(crate) fn writer(&self, chain: ChainIdx) -> Option<&Writer> {
        self.lines.get(&chain).map(|line| &line.writer)
    }

    /// How many changes of a chain are held.
    pub(crate) fn held(&self, chain: ChainIdx) -> u64 {
        self.lines
            .get(&chain)
            .map_or(0, |line| line.notes.len() as u64)
    }

    /// How many changes are held.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The highest counter of an operation; 0 before the first.
    pub(crate) fn max_op(&self) -> u64 {
        self.max_op
    }

    /// The fields of some numbers.
    pub(crate) fn fields(&self, numbers: &BTreeSet<u32>) -> BTreeSet<FieldPath> {
        let known = self.numbers.iter();
        let wanted = known.filter(|(_, number)| numbers.contains(number));
        wanted.map(|(path, _)| path.clone()).collect()
    }

    /// Whether any change touches a field.
    pub(crate) fn touches(&self, field: &str) -> bool {
        self.numbers.contains_key([field.to_owned()].as_slice())
    }

    /// Everything that is held.
    pub(crate) fn past(&self) -> Past {
        let mut past = Past::default();
        for (chain, line) in &self.lines {
            past.raise(*chain, line.notes.len() as u64);
        }
        past
    }

    pub(crate) fn note(&self, chain: ChainIdx, seq: u64) -> Option<&Note> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.lines.get(&chain)?.notes.get(at)
    }

    /// Takes note of the next change of a chain.
    pub(crate) fn push(
        &mut self,
        chain: ChainIdx,
        (hlc, max_op, hash): (Hlc, u64, ChangeHash),
        touched: &BTreeSet<FieldPath>,
        past: &Arc<Past>,
    ) {
        let mut fields = SmallVec::new();
        for path in touched {
            fields.push(match self.numbers.get(path) {
                Some(number) => *number,
                None => {
                    let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
                    self.numbers.insert(path.clone(), next);
                    next
                }
            });
        }
        let Some(line) = self.lines.get_mut(&chain) else {
            return;
        };
        let stamp = Stamp {
            hlc,
            chain: line.writer.chain,
            seq: (line.notes.len() as u64).saturating_add(1),
            op: max_op,
            author: line.writer.author,
            line: chain,
        };
        for field in &fields {
            let last = self.last.entry(*field).or_insert(stamp);
            *last = stamp.max(*last);
        }
        self.newest = self.newest.max(Some(stamp));
        self.count = self.count.saturating_add(1);
        self.max_op = self.max_op.max(max_op);
        let past = match line.notes.last() {
            Some(before) if before.past.same_others(past, chain) => before.past.clone(),
            _ => past.clone(),
        };
        line.notes.push(Note {
            hlc,
            max_op,
            hash,
            fields,
            past,
        });
    }

    fn stamp(&self, chain: ChainIdx, seq: u64, op: u64) -> Option<Stamp> {
        let line = self.lines.get(&chain)?;
        Some(Stamp {
            hlc: self.note(chain, seq)?.hlc,
            chain: line.writer.chain,
            seq,
            op,
            author: line.writer.author,
            line: chain,
        })
    }

    /// The stamp of the change that holds an operation; none for those of the genesis and for those
    /// not yet noted.
    pub(crate) fn of_op(&self, counter: u64, actor: &[u8]) -> Option<Stamp> {
        let actor: [u8; 16] = actor.try_into().ok()?;
        let chain = *self.actors.get(&actor)?;
        let notes = &self.lines.get(&chain)?.notes;
        // Counters rise along a chain, so the first change that reaches so far holds the operation.
        let before = notes.partition_point(|note| note.max_op < counter);
        self.stamp(chain, (before as u64).saturating_add(1), counter)
    }

    /// The newest change by stamp, of all or of an earlier past.
    pub(crate) fn newest(&self, at: Option<&Past>) -> Option<Stamp> {
        let Some(past) = at else {
            return self.newest;
        };
        // Stamps rise within a chain, so the last of each is its newest.
        past.iter()
            .filter_map(|(chain, seq)| {
                let seq = seq.min(self.held(chain));
                self.stamp(chain, seq, self.note(chain, seq)?.max_op)
            })
            .max()
    }

    /// The newest change that touches a field or anything inside it.
    pub(crate) fn newest_of(&self, field: &[String], at: Option<&Past>) -> Option<Stamp> {
        let inside = |path: &FieldPath| path.starts_with(field);
        let numbers: SmallVec<[u32; 8]> = self
            .numbers
            .range(field.to_vec()..)
            .take_while(|(path, _)| inside(path))
            .map(|(_, number)| *number)
            .collect();
        let Some(past) = at else {
            return numbers
                .iter()
                .filter_map(|n| self.last.get(n))
                .copied()
                .max();
        };
        past.iter()
            .filter_map(|(chain, seq)| {
                let mut seq = seq.min(self.held(chain));
                while let Some(note) = self.note(chain, seq) {
                    if note.fields.iter().any(|field| numbers.contains(field)) {
                        return self.stamp(chain, seq, note.max_op);
                    }
                    seq = seq.saturating_sub(1);
                }
                None
            })
            .max()
    }

    /// The newest change that writes a field and that neither had seen any of some changes nor was
    /// seen by one of them. All of a chain is seen up to some number, so each chain is walked only
    /// down to there.
    pub(crate) fn newest_apart(
        &self,
        from: &[Stamp],
        life: &str,
        at: Option<&Past>,
    ) -> Option<Stamp> {
        let life = self.numbers.get([life.to_owned()].as_slice()).copied();
        let newest_in = |chain: ChainIdx, line: &Line| {
            let held = line.notes.len() as u64;
            let mut seq = at.map_or(held, |past| past.seq(chain).min(held));
            while let Some(note) = self.note(chain, seq) {
                let stamp = self.stamp(chain, seq, note.max_op)?;
                if from.iter().any(|other| self.saw(other, &stamp)) {
                    return None;
                }
                let same = |other: &Stamp| (other.line, other.seq) == (chain, seq);
                let apart = !from
                    .iter()
                    .any(|other| same(other) || self.saw(&stamp, other));
                if apart && note.fields.iter().any(|field| Some(*field) != life) {
                    return Some(stamp);
                }
                seq = seq.saturating_sub(1);
            }
            None
        };
        let lines = self.lines.iter();
        lines
            .filter_map(|(chain, line)| newest_in(*chain, line))
            .max()
    }

    /// Whether the change of `newer` had seen that of `older`, or is it and wrote later in it.
    pub(crate) fn saw(&self, newer: &Stamp, older: &Stamp) -> bool {
        if newer.line == older.line {
            return (newer.seq, newer.op) > (older.seq, older.op);
        }
        self.note(newer.line, newer.seq)
            .is_some_and(|note| note.past.contains(older.line, older.seq))
    }
}
