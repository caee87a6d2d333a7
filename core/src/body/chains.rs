//! Chains and their clients: which client writes a chain, and how far its clock had come after
//! each change set. From these tables any declared past becomes a Yrs state vector.

#![deny(clippy::arithmetic_side_effects)]

use super::surrogate::SecondHalves;
use crate::{causal::Past, id::ChainIdx};
use std::collections::BTreeMap;

/// One unit of a Yrs document: a UTF-16 unit of text, an embed, a format border, a container or
/// one attribute value. Named by its writer's chain and the clock of the chain's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    pub(super) chain: ChainIdx,
    pub(super) clock: u32,
}

/// What is known of one chain.
#[derive(Clone, Debug, Default)]
struct Line {
    client: Option<u64>,
    /// The clock after each change set, from `seq` 1; pure deletes repeat the one before.
    ends: Vec<u32>,
    halves: SecondHalves,
}

/// The tables of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct Chains {
    lines: Vec<Line>,
    by_client: BTreeMap<u64, ChainIdx>,
}

impl Chains {
    /// Binds a client to a chain; answers whether the two are bound to each other now. Until a
    /// change set of the chain was admitted another client may take the place of its first: what
    /// was judged and refused leaves no trace.
    pub(super) fn bind(&mut self, chain: ChainIdx, client: u64) -> bool {
        let owner = self.by_client.get(&client).copied();
        if owner.is_some_and(|owner| owner != chain) {
            return false;
        }
        if let Some(bound) = self.client(chain).filter(|bound| *bound != client) {
            if self.admitted(chain) > 0 {
                return false;
            }
            self.by_client.remove(&bound);
        }
        let Some(line) = self.line(chain) else {
            return false;
        };
        line.client = Some(client);
        self.by_client.insert(client, chain);
        true
    }

    /// The client of a chain.
    #[inline]
    pub(super) fn client(&self, chain: ChainIdx) -> Option<u64> {
        self.lines.get(chain.at())?.client
    }

    /// The chain of a client.
    #[inline]
    pub(super) fn chain(&self, client: u64) -> Option<ChainIdx> {
        self.by_client.get(&client).copied()
    }

    /// The clock after change set `seq`; 0 before the first; none where it was not admitted.
    #[inline]
    pub(super) fn end(&self, chain: ChainIdx, seq: u64) -> Option<u32> {
        let Some(before) = seq.checked_sub(1) else {
            return Some(0);
        };
        let ends = &self.lines.get(chain.at())?.ends;
        ends.get(usize::try_from(before).ok()?).copied()
    }

    /// The clock of a chain in a past: units below it were seen. A past holds admitted change
    /// sets only; were one missing, nothing of its chain would count as seen.
    #[inline]
    pub(super) fn seen(&self, chain: ChainIdx, past: &Past) -> u32 {
        self.end(chain, past.seq(chain)).unwrap_or(0)
    }

    /// The change set of a chain that wrote a unit.
    pub(super) fn seq_of(&self, unit: Unit) -> Option<u64> {
        let ends = &self.lines.get(unit.chain.at())?.ends;
        let before = ends.partition_point(|end| *end <= unit.clock);
        ends.get(before)?;
        u64::try_from(before).ok()?.checked_add(1)
    }

    /// How many change sets of a chain were admitted.
    pub(super) fn admitted(&self, chain: ChainIdx) -> u64 {
        let ends = self.lines.get(chain.at()).map(|line| line.ends.len());
        ends.unwrap_or(0) as u64
    }

    /// Whether a unit is the second half of a character.
    #[inline]
    pub(super) fn is_second_half(&self, unit: Unit) -> bool {
        let line = self.lines.get(unit.chain.at());
        line.is_some_and(|line| line.halves.holds(unit.clock))
    }

    /// Whether there are any second halves.
    pub(super) fn has_second_halves(&self) -> bool {
        self.lines
            .iter()
            .any(|line| !line.halves.as_slice().is_empty())
    }

    /// Takes note of the next admitted change set of a chain.
    pub(super) fn push(&mut self, chain: ChainIdx, end: u32, halves: &[u32]) {
        if let Some(line) = self.line(chain) {
            line.ends.push(end);
            line.halves.extend(halves);
        }
    }

    /// The chain's line; the document interns chains densely, so the gap is small.
    fn line(&mut self, chain: ChainIdx) -> Option<&mut Line> {
        if self.lines.len() <= chain.at() {
            let count = chain.at().checked_add(1)?;
            self.lines.resize_with(count, Line::default);
        }
        self.lines.get_mut(chain.at())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ChainIdx = ChainIdx(0);
    const B: ChainIdx = ChainIdx(3);

    #[test]
    fn a_client_belongs_to_one_chain_once_a_change_set_of_it_was_admitted() {
        let mut chains = Chains::default();
        assert!(chains.bind(A, 7) && chains.bind(A, 7));
        assert!(!chains.bind(B, 7));
        // What was judged under A and refused leaves no trace: another client may have it.
        assert!(chains.bind(A, 8) && chains.bind(B, 7));
        chains.push(A, 3, &[]);
        assert!(!chains.bind(A, 9));
        assert_eq!(chains.chain(8), Some(A));
        assert_eq!(chains.client(B), Some(7));
    }

    #[test]
    fn a_past_becomes_clocks_and_clocks_become_change_sets() {
        let mut chains = Chains::default();
        chains.bind(B, 8);
        for end in [5, 5, 9] {
            chains.push(B, end, &[]);
        }
        let mut past = Past::default();
        assert_eq!(chains.seen(B, &past), 0);
        past.raise(B, 2);
        assert_eq!(chains.seen(B, &past), 5);
        assert_eq!(chains.end(B, 3), Some(9));
        assert_eq!(chains.end(B, 4), None);
        let seq = |clock| chains.seq_of(Unit { chain: B, clock });
        assert_eq!(
            (seq(0), seq(4), seq(5), seq(9)),
            (Some(1), Some(1), Some(3), None)
        );
    }
}
