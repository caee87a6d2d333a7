//! Making a foreign update straight. When Yjs takes back the deletion of a block, it makes what
//! stood in it again beside neighbours that need not be next to each other, nor two (`redoItem` of
//! yjs 13.6.33): of 100 undos and redos in ProseMirror not quite one. Such origins are refused (F14):
//! engines would place them by the order of arrival. So a door writes, before it seals, the
//! neighbours between which the author's engine has put the block: what all others then see, where
//! the author sees it.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    BodyDoc,
    adjacent::{Overlay, successor},
    chains::Unit,
    gate::BodyGate,
    index::Seat,
    loose::Block,
    order::OrderList,
    read::Reader,
    rule::BodyRule,
    scan::{Item, Scan},
    view::View,
};
use crate::judge::Place;
use std::collections::BTreeMap;

/// Most runs that are passed for one update while its blocks are placed.
const STEPS_MAX: u32 = 1 << 16;

impl BodyDoc {
    /// The update with which a foreign client follows what it had seen, every block between
    /// neighbours that were next to each other for it; see [`BodyGate::straighten`].
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn straighten(&self, place: &Place, payload: &[u8]) -> Result<Vec<u8>, BodyRule> {
        self.gate.straighten(place, payload)
    }
}

impl BodyGate {
    /// Gives each block of an update that names neighbours which were not next to each other for
    /// its author those between which the author's engine put it. The writing chain must be
    /// registered. An update of which all is straight comes back as it is.
    ///
    /// # Errors
    /// Any other rule that it breaks; [`BodyRule::Order`] where the place is too far to find.
    pub fn straighten(&self, place: &Place, payload: &[u8]) -> Result<Vec<u8>, BodyRule> {
        let view = self.view(place.chain, &place.past)?;
        let mut scan = Scan::default();
        scan.read(&view, payload)?;
        let mut walk = Walk {
            view: &view,
            order: self.order(),
            overlay: Overlay::default(),
            placed: Vec::with_capacity(scan.items.len()),
            steps: 0,
        };
        let mut crooked = BTreeMap::new();
        for item in &scan.items {
            let mut item = *item;
            let order = BodyRule::Order { clock: item.clock };
            if walk.next(item.seat, item.left) != Some(item.right) {
                let (left, right) = walk.placed_between(&item).ok_or(order)?;
                (item.left, item.right) = (left, right);
                crooked.insert(item.clock, (left, right));
            }
            walk.overlay.put(&item, view.author);
            walk.placed.push(item);
        }
        if crooked.is_empty() {
            return Ok(payload.to_vec());
        }
        rewritten(payload, &crooked, &|unit| {
            (view.client_of(unit), unit.clock)
        })
    }
}

/// The author's view of the sequences, the update's own blocks among them.
struct Walk<'a> {
    view: &'a View<'a>,
    order: &'a OrderList,
    overlay: Overlay,
    /// The update's blocks so far, by clock.
    placed: Vec<Item<Seat>>,
    steps: u32,
}

/// Units that stand side by side, each with the one before it as its left origin.
struct Run {
    first: Unit,
    last: Unit,
    left: Option<Unit>,
    right: Option<Unit>,
}

impl Walk<'_> {
    /// What stands right of a unit, or first in a container.
    fn next(&self, seat: Seat, left: Option<Unit>) -> Option<Option<Unit>> {
        match self.overlay.successors.get(&(seat, left)) {
            Some(known) => Some(*known),
            None => successor(seat, left, self.view, self.order),
        }
    }

    /// The run from a unit on, as far as nothing of the update was put into it.
    fn run(&mut self, seat: Seat, first: Unit) -> Option<Run> {
        self.steps = self
            .steps
            .checked_add(1)
            .filter(|steps| *steps < STEPS_MAX)?;
        let (start, left, right, end) = if self.view.is_own(first) {
            let after = self
                .placed
                .partition_point(|item| item.clock <= first.clock);
            let item = self.placed.get(after.checked_sub(1)?)?;
            let end = item.clock.checked_add(item.len)?;
            (item.clock, item.left, item.right, end)
        } else {
            let node = self.order.node(self.order.find(first)?)?;
            let seen = self.view.chains.seen(first.chain, self.view.past);
            let end = node.first.clock.checked_add(node.len)?.min(seen);
            (node.first.clock, node.left, node.right, end)
        };
        let chain = first.chain;
        let unit = |clock| Unit { chain, clock };
        let mut last = unit(end.checked_sub(1)?);
        let within = (seat, Some(first))..=(seat, Some(last));
        if let Some(((_, Some(cut)), _)) = self.overlay.successors.range(within).next() {
            last = *cut;
        }
        let left = match first.clock.checked_sub(1) {
            Some(before) if start < first.clock => Some(unit(before)),
            _ => left,
        };
        Some(Run {
            first,
            last,
            left,
            right,
        })
    }

    /// Where the author's engine has put a block: YATA's conflict resolution, as in
    /// `Item.integrate` of yjs, which reads on to the end where the right neighbour does not come.
    fn placed_between(&mut self, item: &Item<Seat>) -> Option<(Option<Unit>, Option<Unit>)> {
        let client = self.view.client;
        let mut left = item.left;
        let mut at = self.next(item.seat, left)?;
        // Runs passed by, each with its group; the last group holds the conflicts.
        let mut passed: BTreeMap<Unit, (Unit, u32)> = BTreeMap::new();
        let mut group = 0u32;
        while let Some(first) = at
            && at != item.right
        {
            let mut run = self.run(item.seat, first)?;
            if let Some(right) = item.right
                && right.chain == first.chain
                && (first.clock..=run.last.clock).contains(&right.clock)
            {
                run.last.clock = right.clock.checked_sub(1)?;
            }
            passed.insert(run.first, (run.last, group));
            let moves = if run.left == item.left {
                let before = self.view.chains.client(first.chain)? < client;
                if !before && run.right == item.right {
                    break;
                }
                before
            } else {
                let origin = run.left.and_then(|origin| holding(&passed, origin));
                let Some(of) = origin else { break };
                of != group
            };
            if moves {
                left = Some(run.last);
                group = group.saturating_add(1);
            }
            at = self.next(item.seat, Some(run.last))?;
        }
        let right = self.next(item.seat, left)?;
        Some((left, right))
    }
}

/// The group of the passed run that holds a unit.
fn holding(passed: &BTreeMap<Unit, (Unit, u32)>, unit: Unit) -> Option<u32> {
    let (first, (last, group)) = passed.range(..=unit).next_back()?;
    (first.chain == unit.chain && unit.clock <= last.clock).then_some(*group)
}

/// The update with other neighbours for some of its blocks.
fn rewritten(
    payload: &[u8],
    crooked: &BTreeMap<u32, (Option<Unit>, Option<Unit>)>,
    id: &dyn Fn(Unit) -> (u64, u32),
) -> Result<Vec<u8>, BodyRule> {
    let mut reader = Reader::new(payload);
    let start = reader.clone();
    let (_, count) = (reader.var()?, reader.var()?);
    reader.client()?;
    let mut clock = reader.clock()?;
    let mut out = start.until(&reader).to_vec();
    for _ in 0..count {
        let mut block = Block::read(&mut reader, clock)?;
        if let Some((left, right)) = crooked.get(&clock) {
            block.stand_between(left.map(id), right.map(id));
        }
        block.write(&mut out);
        clock = clock.saturating_add(block.len);
    }
    out.extend_from_slice(reader.rest());
    Ok(out)
}
