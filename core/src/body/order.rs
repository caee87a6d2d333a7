//! The order of every unit in every sequence, deleted ones included: a list of runs with right
//! neighbours, kept beside the engine so that judging never asks it. Blocks are integrated as
//! `Item::integrate` of yrs 0.28.1 does, which is YATA (Nicolaescu et al., "Near Real-Time
//! Peer-to-Peer Shared Editing on Extensible Data Types", GROUP 2016) with Yjs's tie-breaks.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    chains::{Chains, Unit},
    index::ContainerIdx,
    scan::Item,
};
use crate::id::ChainIdx;
use std::{collections::BTreeMap, num::NonZeroU32};

/// A run in the arena, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeIdx(NonZeroU32);

impl NodeIdx {
    #[inline]
    fn at(self) -> usize {
        (self.0.get() as usize).saturating_sub(1)
    }
}

/// Consecutive units of one chain that stand side by side. Each unit after the first has the one
/// before it as left origin; all share the right origin.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) first: Unit,
    pub(super) len: u32,
    pub(super) left: Option<Unit>,
    pub(super) right: Option<Unit>,
    pub(super) next: Option<NodeIdx>,
    /// The last conflict scan that passed it, and the last group of conflicts it belonged to.
    passed: u32,
    conflict: u32,
}

impl Node {
    #[inline]
    fn last_clock(&self) -> u32 {
        // Runs are never empty and end at most at the largest clock.
        self.first.clock.saturating_add(self.len.saturating_sub(1))
    }

    #[inline]
    fn last(&self) -> Unit {
        Unit {
            chain: self.first.chain,
            clock: self.last_clock(),
        }
    }
}

/// The runs of one chain by the clock they start at.
#[derive(Clone, Debug, Default)]
struct Starts {
    by_clock: BTreeMap<u32, NodeIdx>,
    /// The run with the highest clocks, where typing goes on.
    tail: Option<NodeIdx>,
}

/// The sequences of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderList {
    nodes: Vec<Node>,
    /// First run of each container.
    heads: Vec<Option<NodeIdx>>,
    starts: Vec<Starts>,
    /// Number of the last conflict scan, and of the last group of conflicts within all scans.
    scans: u32,
    groups: u32,
}

impl OrderList {
    #[inline]
    pub(super) fn node(&self, at: NodeIdx) -> Option<&Node> {
        self.nodes.get(at.at())
    }

    #[inline]
    fn node_mut(&mut self, at: NodeIdx) -> Option<&mut Node> {
        self.nodes.get_mut(at.at())
    }

    /// The first run of a container.
    #[inline]
    pub(super) fn head(&self, container: ContainerIdx) -> Option<NodeIdx> {
        self.heads.get(container.at()).copied().flatten()
    }

    /// The run that holds a unit.
    #[inline]
    pub(super) fn find(&self, unit: Unit) -> Option<NodeIdx> {
        let starts = self.starts.get(unit.chain.at())?;
        if let Some(tail) = starts.tail
            && self.node(tail)?.first.clock <= unit.clock
        {
            return Some(tail);
        }
        let (_, found) = starts.by_clock.range(..=unit.clock).next_back()?;
        Some(*found)
    }

    /// How many runs there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Puts a block where the engine puts it. It was judged: its neighbours are here, and it
    /// continues its chain's clock.
    pub(super) fn integrate(
        &mut self,
        chains: &Chains,
        chain: ChainIdx,
        item: &Item<ContainerIdx>,
    ) -> Option<()> {
        let left = match item.left {
            Some(unit) => Some(self.ending_at(unit)?),
            None => None,
        };
        let next = match left {
            Some(left) => self.node(left)?.next,
            None => self.head(item.seat),
        };
        let left = if self.starts_at(next, item.right) {
            left
        } else {
            let right = match item.right {
                Some(unit) => Some(self.starting_at(unit)?),
                None => None,
            };
            self.after_conflicts(chains, chain, item, left, next, right)?
        };
        self.insert(chain, item, left)
    }

    /// Whether the run at `at` begins with `unit`; both may be the end of the sequence.
    #[inline]
    fn starts_at(&self, at: Option<NodeIdx>, unit: Option<Unit>) -> bool {
        match (at, unit) {
            (None, None) => true,
            (Some(at), Some(unit)) => self.node(at).is_some_and(|node| node.first == unit),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// YATA's conflict resolution: the run after which a block goes that has concurrent blocks
    /// between its origins. The engine keeps two sets of passed blocks; here each run remembers
    /// the scan that passed it and its group, so that emptying the second set is counting on.
    fn after_conflicts(
        &mut self,
        chains: &Chains,
        chain: ChainIdx,
        item: &Item<ContainerIdx>,
        mut left: Option<NodeIdx>,
        mut other: Option<NodeIdx>,
        right: Option<NodeIdx>,
    ) -> Option<Option<NodeIdx>> {
        let client = chains.client(chain)?;
        self.begin_scan();
        let scan = self.scans;
        while let Some(at) = other
            && other != right
        {
            let group = self.groups;
            let node = self.node_mut(at)?;
            node.passed = scan;
            node.conflict = group;
            let (first, origin, right_origin, next) =
                (node.first, node.left, node.right, node.next);
            if origin == item.left {
                if chains.client(first.chain)? < client {
                    left = Some(at);
                    self.groups = self.groups.saturating_add(1);
                } else if right_origin == item.right {
                    break;
                }
            } else {
                let Some(origin) = origin else { break };
                let origin = self.find(origin).and_then(|at| self.node(at))?;
                if origin.passed != scan {
                    break;
                }
                if origin.conflict != group {
                    left = Some(at);
                    self.groups = self.groups.saturating_add(1);
                }
            }
            other = next;
        }
        Some(left)
    }

    /// Starts a conflict scan under numbers that no run remembers. A scan opens at most one group
    /// per run, so there are enough for it; when they run out, all runs forget theirs.
    fn begin_scan(&mut self) {
        let most = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if self.groups.checked_add(most).is_none() || self.scans == u32::MAX {
            for node in &mut self.nodes {
                (node.passed, node.conflict) = (0, 0);
            }
            (self.scans, self.groups) = (0, 0);
        }
        self.scans = self.scans.saturating_add(1);
        self.groups = self.groups.saturating_add(1);
    }

    /// Links a block in after `left`, or grows `left` by it.
    fn insert(
        &mut self,
        chain: ChainIdx,
        item: &Item<ContainerIdx>,
        left: Option<NodeIdx>,
    ) -> Option<()> {
        let first = Unit {
            chain,
            clock: item.clock,
        };
        if let Some(left) = left {
            let node = self.node_mut(left)?;
            let last = node.last();
            if last.chain == chain
                && last.clock.checked_add(1) == Some(item.clock)
                && item.left == Some(last)
                && item.right == node.right
            {
                node.len = node.len.saturating_add(item.len);
                return Some(());
            }
        }
        let next = match left {
            Some(left) => self.node(left)?.next,
            None => self.head(item.seat),
        };
        let at = self.push(Node {
            first,
            len: item.len,
            left: item.left,
            right: item.right,
            next,
            passed: 0,
            conflict: 0,
        })?;
        match left {
            Some(left) => self.node_mut(left)?.next = Some(at),
            None => *self.head_mut(item.seat)? = Some(at),
        }
        self.starts_mut(chain)?.tail = Some(at);
        Some(())
    }

    /// The run that ends with a unit, cut there if it goes on.
    #[inline]
    fn ending_at(&mut self, unit: Unit) -> Option<NodeIdx> {
        let at = self.find(unit)?;
        if unit.clock < self.node(at)?.last_clock() {
            self.cut(at, unit.clock.checked_add(1)?)?;
        }
        Some(at)
    }

    /// The run that begins with a unit, cut there if it begins earlier.
    fn starting_at(&mut self, unit: Unit) -> Option<NodeIdx> {
        let at = self.find(unit)?;
        if self.node(at)?.first.clock < unit.clock {
            return self.cut(at, unit.clock);
        }
        Some(at)
    }

    /// Cuts a run in two; answers the second part, which begins at `clock`.
    fn cut(&mut self, at: NodeIdx, clock: u32) -> Option<NodeIdx> {
        let node = self.node_mut(at)?;
        let kept = clock.checked_sub(node.first.clock)?;
        let mut second = node.clone();
        second.len = node.len.checked_sub(kept)?;
        second.first.clock = clock;
        node.len = kept;
        second.left = Some(node.last());
        let chain = node.first.chain;
        let second = self.push(second)?;
        self.node_mut(at)?.next = Some(second);
        let starts = self.starts_mut(chain)?;
        if starts.tail == Some(at) {
            starts.tail = Some(second);
        }
        Some(second)
    }

    fn push(&mut self, node: Node) -> Option<NodeIdx> {
        let number = u32::try_from(self.nodes.len()).ok()?.checked_add(1)?;
        let at = NodeIdx(NonZeroU32::new(number)?);
        let first = node.first;
        self.nodes.push(node);
        self.starts_mut(first.chain)?
            .by_clock
            .insert(first.clock, at);
        Some(at)
    }

    fn head_mut(&mut self, container: ContainerIdx) -> Option<&mut Option<NodeIdx>> {
        if self.heads.len() <= container.at() {
            self.heads.resize(container.at().checked_add(1)?, None);
        }
        self.heads.get_mut(container.at())
    }

    fn starts_mut(&mut self, chain: ChainIdx) -> Option<&mut Starts> {
        if self.starts.len() <= chain.at() {
            let count = chain.at().checked_add(1)?;
            self.starts.resize_with(count, Starts::default);
        }
        self.starts.get_mut(chain.at())
    }
}
