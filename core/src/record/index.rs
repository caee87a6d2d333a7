//! The op index: what every admitted operation did and overwrote, so that what was visible at any
//! causal past is answered without the engine.
//!
//! Invariants: operations are only ever added, in causal order, so a reference stays good; nothing
//! asked with a [`View`] depends on what lies outside it; an operation's successors lie in the
//! pasts that hold them (a past is closed), so walking from a slot's newest operations backwards
//! and stopping at the first ones inside the view finds all that is visible in it.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath,
    genesis::Container,
    rows::{
        ChangeRow, END, GENESIS, KeyRow, Kind, Line, LineRef, Link, ObjRef, Object, OpKey, OpRef,
        OpRow, Stamp, View, line_of,
    },
};
use crate::{
    causal::Past,
    id::{Actor, ChainIdx, OriginId, UserId},
    judge::Writer,
};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Everything judged so far, in the order it was admitted.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) lines: Vec<Line>,
    pub(super) actors: BTreeMap<[u8; 16], LineRef>,
    pub(super) changes: Vec<ChangeRow>,
    pub(super) ops: Vec<OpRow>,
    pub(super) links: Vec<Link>,
    pub(super) objects: Vec<Object>,
    /// The operations that made containers.
    pub(super) made: BTreeMap<OpRef, ObjRef>,
    pub(super) paths: BTreeMap<FieldPath, (OpRef, ObjRef)>,
    pub(super) known: Past,
}

impl Index {
    pub(super) fn new(genesis_actor: [u8; 16]) -> Self {
        Index {
            lines: vec![Line {
                actor: genesis_actor,
                writer: None,
                changes: Vec::new(),
            }],
            actors: BTreeMap::from([(genesis_actor, GENESIS)]),
            changes: Vec::new(),
            ops: Vec::new(),
            links: Vec::new(),
            objects: vec![Object::new(FieldPath::new(), Container::Map)],
            made: BTreeMap::new(),
            paths: BTreeMap::new(),
            known: Past::default(),
        }
    }

    /// Makes a chain's writer known. Until a change of the chain was admitted another writer may
    /// take its place: what was judged and refused leaves no trace.
    pub(super) fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        let Actor::Automerge(actor) = writer.actor else {
            return;
        };
        let line = line_of(chain);
        while self.lines.len() <= line as usize {
            self.lines.push(Line {
                actor: [0; 16],
                writer: None,
                changes: Vec::new(),
            });
        }
        let row = self.lines.get_mut(line as usize);
        if let Some(row) = row.filter(|row| row.changes.is_empty()) {
            if self.actors.get(&row.actor) == Some(&line) {
                self.actors.remove(&row.actor);
            }
            row.actor = actor;
            row.writer = Some(writer.clone());
            self.actors.entry(actor).or_insert(line);
        }
    }

    /// The line that writes under an actor.
    pub(super) fn line(&self, actor: &[u8; 16]) -> Option<LineRef> {
        self.actors.get(actor).copied()
    }

    /// The actor of a line that has a writer.
    pub(super) fn actor(&self, line: LineRef) -> Option<[u8; 16]> {
        let row = self.lines.get(line as usize)?;
        row.writer.is_some().then_some(row.actor)
    }

    /// A change by its line and number.
    pub(super) fn change(&self, line: LineRef, seq: u64) -> Option<&ChangeRow> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        let change = *self.lines.get(line as usize)?.changes.get(place)?;
        self.changes.get(change as usize)
    }

    /// A past together with the genesis it stands on.
    pub(super) fn view<'p>(&self, past: &'p Past, genesis: u64) -> View<'p> {
        let all_genesis = self.lines.first().map_or(0, |line| line.changes.len()) as u64;
        View {
            past,
            genesis,
            whole: genesis >= all_genesis && past.covers(&self.known),
        }
    }

    /// Everything admitted.
    pub(super) fn now(&self) -> View<'_> {
        View {
            past: &self.known,
            genesis: u64::MAX,
            whole: true,
        }
    }

    /// The operation of a line with a counter, if it lies in the view.
    pub(super) fn find(&self, line: LineRef, counter: u64, view: &View<'_>) -> Option<OpRef> {
        let changes = &self.lines.get(line as usize)?.changes;
        let starts_at_or_below = |change: &u32| {
            self.changes
                .get(*change as usize)
                .is_some_and(|row| row.start <= counter)
        };
        let place = changes.partition_point(starts_at_or_below).checked_sub(1)?;
        let row = self.changes.get(*changes.get(place)? as usize)?;
        if counter > row.max_op || !view.holds(line, row.seq) {
            return None;
        }
        let offset = u32::try_from(counter.checked_sub(row.start)?).ok()?;
        row.first.checked_add(offset)
    }

    /// What an operation did, and where.
    pub(super) fn op(&self, op: OpRef) -> Option<(Kind, ObjRef, u8)> {
        let row = self.ops.get(op as usize)?;
        Some((row.kind, row.object, row.units))
    }

    /// An operation's id and line.
    pub(super) fn id(&self, op: OpRef) -> Option<(OpKey, LineRef)> {
        let change = self.change_of(op)?;
        let offset = u64::from(op.checked_sub(change.first)?);
        let key = OpKey {
            counter: change.start.checked_add(offset)?,
            actor: self.lines.get(change.line as usize)?.actor,
        };
        Some((key, change.line))
    }

    /// The operation with an id, whatever the past.
    pub(super) fn by_key(&self, key: &OpKey) -> Option<OpRef> {
        self.find(self.line(&key.actor)?, key.counter, &self.now())
    }

    /// The container that an operation made.
    pub(super) fn container(&self, op: OpRef) -> Option<ObjRef> {
        self.made.get(&op).copied()
    }

    /// The container of a field, and the operation that made it.
    pub(super) fn at_path(&self, field: &[String]) -> Option<(OpRef, ObjRef)> {
        self.paths.get(field).copied()
    }

    /// A container's field and shape.
    pub(super) fn object(&self, object: ObjRef) -> Option<(&FieldPath, Container)> {
        let row = self.objects.get(object as usize)?;
        Some((&row.field, row.container))
    }

    /// The value operations visible at a key, by counter, then actor.
    pub(super) fn visible_at_key(
        &self,
        object: ObjRef,
        key: &str,
        view: &View<'_>,
    ) -> SmallVec<[OpRef; 2]> {
        self.key_row(object, key)
            .map(|row| self.visible(&row.heads, view))
            .unwrap_or_default()
    }

    /// Whether an element was inserted and not deleted in the view.
    pub(super) fn is_element_visible(&self, element: OpRef, view: &View<'_>) -> bool {
        self.holds(element, view) && !self.succs(element).any(|op| self.holds(op, view))
    }

    /// How many keys of a map have a value in the view.
    pub(super) fn live_keys(&self, object: ObjRef, view: &View<'_>) -> u64 {
        let Some(object) = self.objects.get(object as usize) else {
            return 0;
        };
        if view.whole {
            return object.live;
        }
        let is_live = |row: &&KeyRow| !self.visible(&row.heads, view).is_empty();
        object.keys.values().filter(is_live).count() as u64
    }

    /// How many keys of a map were ever written in the view.
    pub(super) fn written_keys(&self, object: ObjRef, view: &View<'_>) -> u64 {
        let Some(object) = self.objects.get(object as usize) else {
            return 0;
        };
        if view.whole {
            return object.keys.len() as u64;
        }
        let is_written = |row: &&KeyRow| row.roots.iter().any(|op| self.holds(*op, view));
        object.keys.values().filter(is_written).count() as u64
    }

    /// The size of a sequence in the view: what was inserted less what was deleted. An element
    /// deleted by two people at once counts twice, so this never says more than there is.
    pub(super) fn size(&self, object: ObjRef, view: &View<'_>) -> u64 {
        self.objects
            .get(object as usize)
            .map(|row| row.size.sum(|line| view.seq(line), view.whole))
            .map_or(0, |(plus, minus)| plus.saturating_sub(minus))
    }

    /// What the steps of a counter add up to in the view, signs left out.
    pub(super) fn steps(&self, object: ObjRef, key: &str, view: &View<'_>) -> u64 {
        self.key_row(object, key)
            .map(|row| row.steps.sum(|line| view.seq(line), view.whole))
            .map_or(0, |(plus, _)| plus)
    }

    /// Whose change holds an operation.
    pub(super) fn stamp(&self, op: OpRef) -> Option<Stamp> {
        let change = self.change_of(op)?;
        let writer = self.lines.get(change.line as usize)?.writer.as_ref();
        Some(Stamp {
            hlc: change.hlc,
            chain: change.line.checked_sub(1).map(ChainIdx),
            seq: change.seq,
            origin: writer.map_or(OriginId([0; 32]), |writer| writer.chain.origin),
            author: writer.map_or(UserId([0; 16]), |writer| writer.author),
        })
    }

    /// The newest operations at a slot, whatever the view: where [`Index::visible`] begins.
    pub(super) fn element_heads(&self, element: OpRef) -> SmallVec<[OpRef; 2]> {
        let succs: SmallVec<[OpRef; 2]> = self.succs(element).collect();
        if succs.is_empty() {
            SmallVec::from_slice(&[element])
        } else {
            succs
        }
    }

    /// The value operations visible in the view among `heads` and what they overwrite.
    pub(super) fn visible(&self, heads: &[OpRef], view: &View<'_>) -> SmallVec<[OpRef; 2]> {
        let mut found: SmallVec<[OpRef; 2]> = SmallVec::new();
        let mut passed = BTreeSet::new();
        let mut next: SmallVec<[OpRef; 8]> = SmallVec::from_slice(heads);
        while let Some(op) = next.pop() {
            if !self.holds(op, view) {
                // Concurrent writers overwrite each other's values crosswise: each is passed once.
                if passed.insert(op) {
                    next.extend(self.preds(op));
                }
            } else if self
                .ops
                .get(op as usize)
                .is_some_and(|row| row.kind.is_value())
                && (view.whole || !self.succs(op).any(|succ| self.holds(succ, view)))
                && !found.contains(&op)
            {
                found.push(op);
            }
        }
        found.sort_by_key(|op| self.id(*op).map(|(key, _)| key));
        found
    }

    fn key_row(&self, object: ObjRef, key: &str) -> Option<&KeyRow> {
        self.objects.get(object as usize)?.keys.get(key)
    }

    fn change_of(&self, op: OpRef) -> Option<&ChangeRow> {
        let row = self.ops.get(op as usize)?;
        self.changes.get(row.change as usize)
    }

    fn holds(&self, op: OpRef, view: &View<'_>) -> bool {
        view.whole
            || self
                .change_of(op)
                .is_some_and(|change| view.holds(change.line, change.seq))
    }

    fn succs(&self, op: OpRef) -> impl Iterator<Item = OpRef> + '_ {
        self.linked(self.ops.get(op as usize).map_or(END, |row| row.succs))
    }

    fn preds(&self, op: OpRef) -> impl Iterator<Item = OpRef> + '_ {
        self.linked(self.ops.get(op as usize).map_or(END, |row| row.preds))
    }

    fn linked(&self, first: u32) -> impl Iterator<Item = OpRef> + '_ {
        let mut next = first;
        std::iter::from_fn(move || {
            let link = self.links.get(next as usize)?;
            next = link.next;
            Some(link.op)
        })
    }
}
