//! The container index: of every unit, which container it stands in, whether as an attribute, and
//! whether it is itself a container. A fold over the admitted updates; runs merge while an author
//! stays in one place, so a text of 200,000 characters by four authors needs four.

#![deny(clippy::arithmetic_side_effects)]

use super::{chains::Unit, places::ContainerKind};
use crate::id::ChainIdx;

/// A container of a body. Local to one gate: never stored, sent or hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerIdx(pub(super) u32);

impl ContainerIdx {
    /// The body's root.
    pub const ROOT: ContainerIdx = ContainerIdx(0);

    /// Where units stand whose place is gone: no container. What names them is refused.
    pub(super) const NOWHERE: ContainerIdx = ContainerIdx(u32::MAX);

    /// The index as a `usize`.
    #[inline]
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A container as a block names it while it is judged: one that was there, or one that the same
/// update makes, by its number in the update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seat {
    Held(ContainerIdx),
    Made(u32),
}

/// What a container is and how deep it lies; the root lies at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) kind: ContainerKind,
    pub(super) depth: u16,
    /// The unit that is the container; none for the root.
    pub(super) unit: Option<Unit>,
}

/// Consecutive units of one client that stand in one place. It reaches to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run<S> {
    pub(super) start: u32,
    pub(super) seat: S,
    pub(super) attribute: bool,
    /// The container that the run's one unit is.
    pub(super) own: Option<S>,
}

impl<S: PartialEq> Run<S> {
    /// Whether `next` only goes on where this run is.
    pub(super) fn goes_on(&self, next: &Self) -> bool {
        self.own.is_none()
            && next.own.is_none()
            && self.attribute == next.attribute
            && self.seat == next.seat
    }
}

/// The run that holds a clock, of runs sorted by start.
#[inline]
pub(super) fn holding<S>(runs: &[Run<S>], clock: u32) -> Option<&Run<S>> {
    let after = runs.partition_point(|run| run.start <= clock);
    runs.get(after.checked_sub(1)?)
}

/// Every container and every place of one document.
#[derive(Clone, Debug)]
pub(super) struct Index {
    containers: Vec<Container>,
    runs: Vec<Vec<Run<ContainerIdx>>>,
}

impl Index {
    /// Nothing but the root.
    pub(super) fn new(root: ContainerKind) -> Self {
        Index {
            containers: vec![Container {
                kind: root,
                depth: 0,
                unit: None,
            }],
            runs: Vec::new(),
        }
    }

    /// A container.
    #[inline]
    pub(super) fn container(&self, at: ContainerIdx) -> Option<&Container> {
        self.containers.get(at.at())
    }

    /// Where a unit stands. Only for units that were admitted.
    #[inline]
    pub(super) fn locate(&self, unit: Unit) -> Option<&Run<ContainerIdx>> {
        holding(self.runs.get(unit.chain.at())?, unit.clock)
    }

    /// The container that a unit is.
    #[inline]
    pub(super) fn made_by(&self, unit: Unit) -> Option<ContainerIdx> {
        let run = self.locate(unit)?;
        run.own.filter(|_| run.start == unit.clock)
    }

    /// Adds a container.
    pub(super) fn push_container(&mut self, container: Container) -> ContainerIdx {
        let at = ContainerIdx(u32::try_from(self.containers.len()).unwrap_or(u32::MAX));
        self.containers.push(container);
        at
    }

    /// Adds the next run of a chain.
    pub(super) fn push_run(&mut self, chain: ChainIdx, run: Run<ContainerIdx>) {
        if self.runs.len() <= chain.at() {
            self.runs
                .resize_with(chain.at().saturating_add(1), Vec::new);
        }
        if let Some(runs) = self.runs.get_mut(chain.at())
            && !runs.last().is_some_and(|last| last.goes_on(&run))
        {
            runs.push(run);
        }
    }

    /// How many runs there are, of all chains.
    pub(super) fn run_count(&self) -> usize {
        self.runs.iter().map(Vec::len).sum()
    }

    /// How many containers there are.
    pub(super) fn container_count(&self) -> usize {
        self.containers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_on_is_one_run_and_containers_are_found() {
        let mut index = Index::new(ContainerKind::Fragment);
        let chain = ChainIdx(2);
        let own = index.push_container(Container {
            kind: ContainerKind::XmlText,
            depth: 1,
            unit: Some(Unit { chain, clock: 0 }),
        });
        let run = |start, seat, own| Run {
            start,
            seat,
            attribute: false,
            own,
        };
        index.push_run(chain, run(0, ContainerIdx::ROOT, Some(own)));
        for clock in 1..100 {
            index.push_run(chain, run(clock, own, None));
        }
        assert_eq!(index.run_count(), 2);
        let unit = |clock| Unit { chain, clock };
        assert_eq!(index.made_by(unit(0)), Some(own));
        assert_eq!(index.made_by(unit(1)), None);
        assert_eq!(index.locate(unit(70)).map(|run| run.seat), Some(own));
    }
}
