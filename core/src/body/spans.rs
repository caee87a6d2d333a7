//! The units of a sequence in order, in runs, in chunks of runs: what the ruler counts with.

#![deny(clippy::arithmetic_side_effects)]

use super::{BodyGate, ContainerIdx, chains::Unit, index::Seat, scan::Item};
use crate::id::ChainIdx;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use yrs::{ReadTxn, TransactionMut};

/// Runs in a chunk; a longer one is halved.
const CHUNK_SPANS_MAX: usize = 256;
/// Scans for a unit by its name that the edits made here without walking have earned.
const CREDIT_MAX: u32 = 64;

/// What a splice is to the engine: a place between two units, and the units deleted.
pub(super) struct Spliced {
    pub(super) left: Option<Unit>,
    pub(super) right: Option<Unit>,
    pub(super) deleted: SmallVec<[(Unit, u32); 2]>,
}

/// Every unit of a sequence in order.
pub(super) struct Spans {
    chunks: Vec<Chunk>,
    /// Units that live.
    live: u32,
    /// The chunk in which a unit was last found by its name.
    near: usize,
    credit: u32,
}

#[derive(Default)]
struct Chunk {
    spans: Vec<Span>,
    live: u32,
}

/// Units of one chain side by side, all alive or all deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: Unit,
    len: u32,
    lives: bool,
}

/// Before unit `within` of a span; before the end, where there is no such span.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    chunk: usize,
    span: usize,
    within: u32,
}

impl Spans {
    /// How many units live.
    pub(super) fn live(&self) -> u32 {
        self.live
    }

    /// Measures a text: the order is the gate's, what is deleted the engine knows.
    pub(super) fn read(txn: &TransactionMut<'_>, gate: &BodyGate) -> Spans {
        let deleted = txn.snapshot().delete_set;
        let deleted: BTreeMap<u64, Vec<(u32, u32)>> = deleted
            .iter()
            .map(|(client, ranges)| {
                let ranges = ranges.iter().map(|range| (range.start, range.end));
                (client.get(), ranges.collect())
            })
            .collect();
        let mut spans = Spans {
            chunks: vec![Chunk::default()],
            live: 0,
            near: 0,
            credit: CREDIT_MAX,
        };
        for run in gate.runs(ContainerIdx::ROOT) {
            let ranges = deleted.get(&run.client).map_or(&[][..], Vec::as_slice);
            let from = ranges.partition_point(|(_, end)| *end <= run.clock);
            let mut at = run.clock;
            let end = run.clock.saturating_add(run.len);
            let mut push = |to: u32, lives| {
                let first = Unit {
                    chain: run.chain,
                    clock: at,
                };
                let len = to.saturating_sub(at);
                spans.push(Span { first, len, lives });
                at = to;
            };
            let here = ranges.get(from..).unwrap_or_default().iter();
            for (start, stop) in here.take_while(|(start, _)| *start < end) {
                push((*start).max(run.clock), true);
                push((*stop).min(end), false);
            }
            push(end, true);
        }
        spans
    }

    fn push(&mut self, span: Span) {
        if span.len == 0 {
            return;
        }
        let full = |chunk: &Chunk| chunk.spans.len() >= CHUNK_SPANS_MAX / 2;
        if self.chunks.last().is_none_or(full) {
            self.chunks.push(Chunk::default());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.spans.push(span);
            chunk.live = chunk.live.saturating_add(span.live());
            self.live = self.live.saturating_add(span.live());
        }
    }

    /// Deletes units and puts new ones there.
    pub(super) fn splice(&mut self, at: u32, delete: u32, unit: Unit, len: u32) -> Spliced {
        self.credit = self.credit.saturating_add(1).min(CREDIT_MAX);
        let mut deleted = SmallVec::new();
        let mut left = delete;
        while left > 0
            && let Some((unit, len)) = self.kill(self.spot(at), left)
        {
            deleted.push((unit, len));
            left = left.saturating_sub(len);
        }
        let spot = self.spot(at);
        let spliced = Spliced {
            left: self.left_of(spot),
            right: self.right_of(spot),
            deleted,
        };
        let lives = true;
        self.put(
            spot,
            Span {
                first: unit,
                len,
                lives,
            },
        );
        spliced
    }

    /// Follows blocks and deletions that came otherwise; none where it cannot.
    pub(super) fn follow(
        &mut self,
        chain: ChainIdx,
        items: &[Item<Seat>],
        deleted: impl Iterator<Item = (Unit, u32)>,
    ) -> Option<()> {
        for item in items {
            let spot = match item.left {
                Some(left) => {
                    let mut spot = self.find(left)?;
                    spot.within = spot.within.checked_add(1)?;
                    self.on_border(spot)
                }
                None => self.on_border(Spot {
                    chunk: 0,
                    span: 0,
                    within: 0,
                }),
            };
            // With others between its neighbours, the engine chooses among them.
            if self.right_of(spot) != item.right {
                return None;
            }
            self.near = spot.chunk;
            let clock = item.clock;
            self.put(
                spot,
                Span {
                    first: Unit { chain, clock },
                    len: item.len,
                    lives: true,
                },
            );
        }
        for (mut unit, mut len) in deleted {
            while len > 0 {
                let spot = self.find(unit)?;
                let span = *self.span(spot)?;
                let dead = span.len.checked_sub(spot.within)?.min(len);
                if span.lives {
                    self.kill(spot, dead)?;
                }
                unit.clock = unit.clock.checked_add(dead)?;
                len = len.checked_sub(dead)?;
            }
        }
        Some(())
    }

    fn span(&self, spot: Spot) -> Option<&Span> {
        self.chunks.get(spot.chunk)?.spans.get(spot.span)
    }

    /// The place right before a living unit; the end, behind the last of them.
    pub(super) fn spot(&self, at: u32) -> Spot {
        let mut within = at;
        for (chunk, held) in self.chunks.iter().enumerate() {
            if within >= held.live {
                within = within.saturating_sub(held.live);
                continue;
            }
            for (span, here) in held.spans.iter().enumerate() {
                if within < here.live() {
                    return Spot {
                        chunk,
                        span,
                        within,
                    };
                }
                within = within.saturating_sub(here.live());
            }
        }
        self.end()
    }

    fn end(&self) -> Spot {
        Spot {
            chunk: self.chunks.len().saturating_sub(1),
            span: self.chunks.last().map_or(0, |chunk| chunk.spans.len()),
            within: 0,
        }
    }

    /// The same place, before the next span where it is behind the last unit of one.
    fn on_border(&self, mut spot: Spot) -> Spot {
        if self.span(spot).is_some_and(|span| spot.within >= span.len) {
            (spot.span, spot.within) = (spot.span.saturating_add(1), 0);
        }
        if self.span(spot).is_some() {
            return spot;
        }
        let behind = (spot.chunk.saturating_add(1)..self.chunks.len()).map(|chunk| Spot {
            chunk,
            span: 0,
            within: 0,
        });
        behind
            .into_iter()
            .find(|spot| self.span(*spot).is_some())
            .unwrap_or(self.end())
    }

    /// The unit right behind a place.
    pub(super) fn right_of(&self, spot: Spot) -> Option<Unit> {
        let span = self.span(spot)?;
        Some(span.first.plus(spot.within))
    }

    fn left_of(&self, spot: Spot) -> Option<Unit> {
        if let Some(before) = spot.within.checked_sub(1) {
            return Some(self.span(spot)?.first.plus(before));
        }
        let held = self.chunks.get(spot.chunk)?;
        let before = held.spans.get(..spot.span).and_then(<[Span]>::last);
        let above = || {
            let chunks = self.chunks.get(..spot.chunk)?;
            chunks.iter().rev().find_map(|chunk| chunk.spans.last())
        };
        let span = before.or_else(above)?;
        Some(span.first.plus(span.len.saturating_sub(1)))
    }

    /// Where a unit is, by its name.
    fn find(&mut self, unit: Unit) -> Option<Spot> {
        if let Some(spot) = self.find_in(self.near, unit) {
            return Some(spot);
        }
        // Looking everywhere takes as long as a walk; more of them than the ruler spares would
        // make it a loss.
        self.credit = self.credit.checked_sub(1)?;
        let spot = (0..self.chunks.len()).find_map(|chunk| self.find_in(chunk, unit))?;
        self.near = spot.chunk;
        Some(spot)
    }

    fn find_in(&self, chunk: usize, unit: Unit) -> Option<Spot> {
        let spans = &self.chunks.get(chunk)?.spans;
        let mut found = spans.iter().enumerate();
        found.find_map(|(span, here)| {
            let within = unit.clock.checked_sub(here.first.clock)?;
            let here = here.first.chain == unit.chain && within < here.len;
            here.then_some(Spot {
                chunk,
                span,
                within,
            })
        })
    }

    /// Deletes living units from a place on, at most `most` and of one span.
    fn kill(&mut self, spot: Spot, most: u32) -> Option<(Unit, u32)> {
        let span = *self.span(spot)?;
        let (before, rest) = span.cut(spot.within);
        let (mut dead, after) = rest.cut(most);
        dead.lives = false;
        self.replace(spot, 1, [before, dead, after]);
        Some((dead.first, dead.len))
    }

    fn put(&mut self, spot: Spot, new: Span) {
        match self.span(spot).copied() {
            Some(span) => {
                let (before, after) = span.cut(spot.within);
                self.replace(spot, 1, [before, new, after]);
            }
            None => self.replace(spot, 0, [new, new.cut(0).0, new.cut(0).0]),
        }
    }

    /// Puts up to three spans in the place of one or none, joins what belongs together, and halves
    /// a chunk that has become too long.
    fn replace(&mut self, spot: Spot, count: usize, by: [Span; 3]) {
        let Some(chunk) = self.chunks.get_mut(spot.chunk) else {
            return;
        };
        let end = spot.span.saturating_add(count).min(chunk.spans.len());
        let gone = chunk
            .spans
            .splice(spot.span..end, by.into_iter().filter(|span| span.len > 0));
        let gone: u32 = gone.map(|span| span.live()).sum();
        let come = by.iter().map(Span::live).sum();
        chunk.live = chunk.live.saturating_sub(gone).saturating_add(come);
        self.live = self.live.saturating_sub(gone).saturating_add(come);
        for at in (spot.span.saturating_sub(1)..spot.span.saturating_add(3)).rev() {
            if let Some([one, next]) = chunk.spans.get(at..at.saturating_add(2))
                && one.joins(next)
            {
                let len = one.len.saturating_add(next.len);
                let next = chunk.spans.remove(at.saturating_add(1));
                debug_assert!(next.len < len);
                if let Some(one) = chunk.spans.get_mut(at) {
                    one.len = len;
                }
            }
        }
        if chunk.spans.len() > CHUNK_SPANS_MAX {
            let spans = chunk.spans.split_off(CHUNK_SPANS_MAX / 2);
            let live = spans.iter().map(Span::live).sum();
            chunk.live = chunk.live.saturating_sub(live);
            let after = spot.chunk.saturating_add(1);
            self.chunks.insert(after, Chunk { spans, live });
        }
    }
}

impl Span {
    fn live(&self) -> u32 {
        if self.lives { self.len } else { 0 }
    }

    /// Its first units, and the others.
    fn cut(self, at: u32) -> (Span, Span) {
        let len = at.min(self.len);
        let rest = Span {
            first: self.first.plus(len),
            len: self.len.saturating_sub(len),
            ..self
        };
        (Span { len, ..self }, rest)
    }

    fn joins(&self, next: &Span) -> bool {
        self.lives == next.lives && self.first.plus(self.len) == next.first
    }
}

impl Unit {
    fn plus(self, by: u32) -> Unit {
        Unit {
            clock: self.clock.saturating_add(by),
            ..self
        }
    }
}
