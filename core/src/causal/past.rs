//! The causal past of a change set, as counts per chain.

use crate::id::ChainIdx;

/// How many change sets of each chain a causal past contains. Chains are dense and causally
/// closed, so the count says exactly which: those with `seq` from 1 to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    seqs: Vec<u64>,
}

impl Past {
    /// The empty past: nothing but the document's genesis.
    pub const EMPTY: Past = Past { seqs: Vec::new() };

    /// The last `seq` of a chain in this past; 0 where it holds none of it.
    #[inline]
    pub fn seq(&self, chain: ChainIdx) -> u64 {
        self.seqs.get(chain.at()).copied().unwrap_or(0)
    }

    /// Whether change set `seq` of a chain belongs to this past.
    #[inline]
    pub fn contains(&self, chain: ChainIdx, seq: u64) -> bool {
        seq <= self.seq(chain)
    }

    /// Raises one chain's count to at least `seq`.
    pub fn raise(&mut self, chain: ChainIdx, seq: u64) {
        if self.seqs.len() <= chain.at() {
            self.seqs.resize(chain.at().saturating_add(1), 0);
        }
        if let Some(count) = self.seqs.get_mut(chain.at()) {
            *count = (*count).max(seq);
        }
    }

    /// Becomes the union of both pasts.
    pub fn join(&mut self, other: &Past) {
        if self.seqs.len() < other.seqs.len() {
            self.seqs.resize(other.seqs.len(), 0);
        }
        for (mine, theirs) in self.seqs.iter_mut().zip(&other.seqs) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Every chain this past holds something of, with its count, by index.
    pub fn iter(&self) -> impl Iterator<Item = (ChainIdx, u64)> + '_ {
        self.seqs
            .iter()
            .enumerate()
            .filter(|(_, seq)| **seq > 0)
            .map(|(at, seq)| (ChainIdx(at as u32), *seq))
    }

    /// Whether everything in `other` is here too.
    pub fn covers(&self, other: &Past) -> bool {
        other.iter().all(|(chain, seq)| self.contains(chain, seq))
    }
}
