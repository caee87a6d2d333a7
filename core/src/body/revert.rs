//! What takes a step back: which of its units to delete, which to make again, and where. Units
//! made again stand right after the ones they replace, whose place among later work of others is
//! still known.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    BodyDoc,
    compose::{Composer, Spot},
    gate::UnitRun,
    ids::{IdRuns, ItemId},
    index::ContainerIdx,
    state::{Parent, Seat, State, Stored},
    undo::Step,
};
use std::collections::BTreeMap;

/// An update that takes a step back.
pub(super) struct Reverted {
    pub(super) payload: Vec<u8>,
    pub(super) client: u64,
    /// How many delete ranges it has.
    pub(super) ranges: usize,
    /// What was made again: old, new, how many.
    pub(super) again: Vec<(ItemId, ItemId, u32)>,
}

/// Units to be made again, by the container and slot they stood in.
#[derive(Default)]
struct Wanted {
    units: IdRuns,
    /// Containers among them.
    containers: IdRuns,
    attributes: BTreeMap<Seat, Vec<ItemId>>,
    /// Containers whose sequences hold some.
    parents: Vec<Parent>,
}

struct Revert<'a> {
    doc: &'a BodyDoc,
    state: State,
    step: &'a Step,
    composer: Composer<'a>,
    again: Vec<(ItemId, ItemId, u32)>,
}

impl BodyDoc {
    /// Composes what takes a step back; none when nothing is left to take back.
    pub(super) fn revert(&self, step: &Step, client: u64, start: u32) -> Option<Reverted> {
        let state = State::read(&self.engine.state())?;
        let mut revert = Revert {
            doc: self,
            state,
            step,
            composer: Composer::new(&self.shape.root, client, start),
            again: Vec::new(),
        };
        let doomed = revert.doomed();
        let wanted = revert.wanted();
        revert.restore_sequences(&wanted);
        revert.restore_attributes(&wanted, &doomed);
        revert.composer.deleted = doomed;
        if revert.composer.is_empty() {
            return None;
        }
        debug_assert!(
            revert.again.iter().map(|(_, _, len)| len).sum::<u32>() == revert.composer.made()
        );
        Some(Reverted {
            client,
            ranges: revert.composer.deleted.runs(),
            again: revert.again,
            payload: revert.composer.finish(),
        })
    }
}

impl Revert<'_> {
    /// The step's own units that still live, but for blocks in which others have written.
    fn doomed(&self) -> IdRuns {
        let mut doomed = IdRuns::default();
        for (id, len) in self.step.made.iter() {
            for (_, id, len) in self.doc.redone.pieces(id, len) {
                for (id, len) in self.state.deleted.gaps(id, len) {
                    doomed.insert(id, len);
                }
            }
        }
        let containers: Vec<ItemId> = self
            .state
            .blocks()
            .filter(|block| block.is_container() && doomed.contains(block.id))
            .map(|block| block.id)
            .collect();
        if containers.is_empty() {
            return doomed;
        }
        let mut held: BTreeMap<Parent, Vec<&Stored>> = BTreeMap::new();
        for block in self.state.blocks() {
            if let Some(Seat { parent, key: None }) = self.seat(block) {
                held.entry(parent).or_default().push(block);
            }
        }
        let kept: Vec<ItemId> = containers
            .into_iter()
            .filter(|id| self.holds_others_work(*id, &doomed, &held))
            .collect();
        for id in kept {
            doomed.remove(id);
        }
        doomed
    }

    /// Where a block stands. The gate's index knows it at once; only an attribute's name has to be
    /// looked for along the few values it had.
    fn seat(&self, block: &Stored) -> Option<Seat> {
        let id = block.id;
        let (parent, attribute) = self.doc.gate.stands_in(id.client, id.clock)?;
        if attribute {
            return self.state.seat(block);
        }
        let parent = parent.map(|(client, clock)| ItemId { client, clock });
        Some(Seat { parent, key: None })
    }

    /// Whether something lives in a container that is not to be deleted. Nesting is bounded.
    fn holds_others_work(
        &self,
        container: ItemId,
        doomed: &IdRuns,
        held: &BTreeMap<Parent, Vec<&Stored>>,
    ) -> bool {
        held.get(&Some(container))
            .into_iter()
            .flatten()
            .any(|block| {
                let alive = self.state.deleted.gaps(block.id, block.len);
                let lives = alive
                    .into_iter()
                    .any(|(id, len)| !doomed.gaps(id, len).is_empty());
                // A border of a format alone is nothing to keep a block for.
                (lives && block.counts())
                    || (block.is_container() && self.holds_others_work(block.id, doomed, held))
            })
    }

    /// The units that the step deleted and that nobody brought back. What the step itself had made
    /// before is not missed.
    fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for (id, len) in self.step.deleted.iter() {
            for (old, id, len) in self.doc.redone.pieces(id, len) {
                let mut by = 0_u32;
                while by < len {
                    let at = id.plus(by);
                    let Some(block) = self.state.block(at) else {
                        break;
                    };
                    let within = block
                        .end()
                        .saturating_sub(at.clock)
                        .min(len.saturating_sub(by));
                    self.want(block, old.plus(by), at, within, &mut wanted);
                    by = by.saturating_add(within);
                }
            }
        }
        wanted.parents.sort();
        wanted.parents.dedup();
        wanted
    }

    /// Wants units `at..at + len` of a block, which were `old` when the step deleted them.
    fn want(&self, block: &Stored, old: ItemId, at: ItemId, len: u32, wanted: &mut Wanted) {
        let Some(seat) = self.seat(block) else {
            return;
        };
        for (kept, len) in self.step.made.gaps(old, len) {
            let at = at.plus(kept.clock.saturating_sub(old.clock));
            for (id, len) in self.state.deleted.parts(at, len) {
                if seat.key.is_some() {
                    let values = wanted.attributes.entry(seat.clone()).or_default();
                    values.extend((0..len).map(|by| id.plus(by)));
                } else {
                    wanted.units.insert(id, len);
                }
                if block.is_container() {
                    wanted.containers.insert(id, len);
                }
            }
        }
        if seat.key.is_none() {
            wanted.parents.push(seat.parent);
        }
    }

    /// Makes sequences whole again, outer containers first.
    fn restore_sequences(&mut self, wanted: &Wanted) {
        // A container made again is found by its image, so what stood in it follows it there.
        let mut waiting = wanted.parents.clone();
        loop {
            let before = waiting.len();
            waiting.retain(|parent| {
                let made_again = parent.and_then(|id| self.image(id));
                if parent.is_some_and(|id| wanted.containers.contains(id)) && made_again.is_none() {
                    return true;
                }
                self.restore_sequence(*parent, wanted);
                false
            });
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
    }

    /// What a unit was made again as: by this update, or before.
    fn image(&self, id: ItemId) -> Option<ItemId> {
        let fresh = self.again.iter().find_map(|(old, new, len)| {
            let by = id.clock.checked_sub(old.clock)?;
            (old.client == id.client && by < *len).then(|| new.plus(by))
        });
        fresh.or_else(|| {
            let now = self.doc.now(id);
            (now != id).then_some(now)
        })
    }

    fn restore_sequence(&mut self, parent: Parent, wanted: &Wanted) {
        let runs = self.runs(parent);
        let here = match parent {
            None => true,
            Some(id) => self.state.lives(id),
        };
        if here {
            self.restore_beside(parent, &runs, wanted);
            return;
        }
        // The container is gone, but was made again: what is missed goes there.
        let Some(image) = parent.and_then(|id| self.image(id)) else {
            return;
        };
        self.restore_elsewhere(image, &runs, wanted);
    }

    /// Makes units again right after the ones they replace.
    fn restore_beside(&mut self, parent: Parent, runs: &[UnitRun], wanted: &Wanted) {
        for (at, run) in runs.iter().enumerate() {
            let next = runs.get(at.saturating_add(1)).map(first_of);
            for (id, len) in self.wanted_pieces(run, wanted) {
                let end = id.plus(len);
                let right = if end.clock < run.clock.saturating_add(run.len) {
                    Some(end)
                } else {
                    next
                };
                let left = Some(id.plus(len.saturating_sub(1)));
                let spot = Spot {
                    parent,
                    left,
                    right,
                    key: None,
                };
                self.put(&spot, id, len);
            }
        }
    }

    /// Makes units again in a container that replaces the one they stood in: after the last unit
    /// before them that was made again there, too.
    fn restore_elsewhere(&mut self, image: ItemId, runs: &[UnitRun], wanted: &Wanted) {
        let there = self.runs(Some(image));
        let mut left: Option<ItemId> = None;
        let mut right = there.first().map(first_of);
        for run in runs {
            let pieces: BTreeMap<ItemId, u32> =
                self.wanted_pieces(run, wanted).into_iter().collect();
            for id in (0..run.len).map(|by| first_of(run).plus(by)) {
                if let Some(len) = pieces.get(&id) {
                    let spot = Spot {
                        parent: Some(image),
                        left,
                        right,
                        key: None,
                    };
                    if let Some(new) = self.put(&spot, id, *len) {
                        left = Some(new.plus(len.saturating_sub(1)));
                    }
                } else if !wanted.units.contains(id)
                    && let Some(now) = self.image(id)
                    && let Some(next) = successor(&there, now)
                {
                    left = Some(now);
                    right = next;
                }
            }
        }
    }

    /// The pieces of a run that are wanted, each within one block.
    fn wanted_pieces(&self, run: &UnitRun, wanted: &Wanted) -> Vec<(ItemId, u32)> {
        let mut pieces = Vec::new();
        for (id, len) in wanted.units.parts(first_of(run), run.len) {
            let mut by = 0_u32;
            while by < len {
                let at = id.plus(by);
                let Some(block) = self.state.block(at) else {
                    break;
                };
                let within = block
                    .end()
                    .saturating_sub(at.clock)
                    .min(len.saturating_sub(by));
                pieces.push((at, within));
                by = by.saturating_add(within);
            }
        }
        pieces
    }

    /// Makes units of one block again.
    fn put(&mut self, spot: &Spot, id: ItemId, len: u32) -> Option<ItemId> {
        let block = self.state.block(id)?;
        let from = id.clock.checked_sub(block.id.clock)?;
        let new = self.composer.put(spot, &block.content, from, len);
        self.again.push((id, new, len));
        Some(new)
    }

    /// Gives attributes their values back where nobody has set them since.
    fn restore_attributes(&mut self, wanted: &Wanted, doomed: &IdRuns) {
        let mut made = IdRuns::default();
        for (id, len) in self.step.made.iter() {
            for (_, id, len) in self.doc.redone.pieces(id, len) {
                made.insert(id, len);
            }
        }
        for (seat, candidates) in &wanted.attributes {
            let order = self.state.attribute_order(seat);
            let Some(value) = order
                .iter()
                .rev()
                .find(|id| candidates.contains(id))
                .copied()
            else {
                continue;
            };
            let parent = match seat.parent {
                // The block is gone; if it was made again, its attribute is meant.
                Some(id) if !self.state.lives(id) => match self.image(id) {
                    Some(image) => Some(image),
                    None => continue,
                },
                here => here,
            };
            let now = Seat {
                parent,
                key: seat.key.clone(),
            };
            let last = if now == *seat {
                order.last().copied()
            } else {
                self.state.attribute_order(&now).last().copied()
            };
            // Others set it since, or removed what the step had set.
            let by_others = last.is_some_and(|last| match self.state.lives(last) {
                true => !doomed.contains(last),
                false => made.contains(last),
            });
            if by_others {
                continue;
            }
            let spot = Spot {
                parent,
                left: last,
                right: None,
                key: now.key,
            };
            self.put(&spot, value, 1);
        }
    }

    fn runs(&self, parent: Parent) -> Vec<UnitRun> {
        let gate = &self.doc.gate;
        let container = match parent {
            None => Some(ContainerIdx::ROOT),
            Some(id) => gate.container(id.client, id.clock),
        };
        container.map_or_else(Vec::new, |container| gate.runs(container).collect())
    }
}

fn first_of(run: &UnitRun) -> ItemId {
    ItemId {
        client: run.client,
        clock: run.clock,
    }
}

/// What follows a unit among runs; none if it does not stand there.
fn successor(runs: &[UnitRun], id: ItemId) -> Option<Option<ItemId>> {
    let at = runs.iter().position(|run| {
        run.client == id.client
            && run.clock <= id.clock
            && id.clock < run.clock.saturating_add(run.len)
    })?;
    let run = runs.get(at)?;
    let next = id.clock.saturating_add(1);
    Some(if next < run.clock.saturating_add(run.len) {
        Some(ItemId {
            client: id.client,
            clock: next,
        })
    } else {
        runs.get(at.saturating_add(1)).map(first_of)
    })
}
