//! The causal past of a change set, as counts per chain.

use crate::id::{Chain, ChainIdx};
use std::{collections::BTreeSet, sync::Arc};

/// How many change sets of each chain a causal past contains. Chains are dense and causally
/// closed, so the count says exactly which: those with `seq` from 1 to it.
///
/// A run of typing changes its own chain's count alone. That count stands apart from the shared
/// rest, so the next change set of a run has its past without copying anything.
#[derive(Clone, Debug)]
pub struct Past {
    shared: Arc<Vec<u64>>,
    own: (ChainIdx, u64),
}

impl Default for Past {
    fn default() -> Self {
        Past {
            shared: Arc::default(),
            own: (ChainIdx(u32::MAX), 0),
        }
    }
}

impl Past {
    /// The last `seq` of a chain in this past; 0 where it holds none of it.
    #[inline]
    pub fn seq(&self, chain: ChainIdx) -> u64 {
        if chain == self.own.0 {
            self.own.1
        } else {
            self.shared.get(chain.at()).copied().unwrap_or(0)
        }
    }

    /// Whether change set `seq` of a chain belongs to this past.
    #[inline]
    pub fn contains(&self, chain: ChainIdx, seq: u64) -> bool {
        seq <= self.seq(chain)
    }

    /// This past with `chain`'s count raised to at least `seq`. Costs nothing while `chain` is the
    /// one that was raised last.
    pub fn with(&self, chain: ChainIdx, seq: u64) -> Past {
        if seq <= self.seq(chain) {
            return self.clone();
        }
        if chain == self.own.0 || self.own.1 == 0 {
            return Past {
                shared: Arc::clone(&self.shared),
                own: (chain, seq),
            };
        }
        Past {
            shared: Arc::new(self.flat()),
            own: (chain, seq),
        }
    }

    /// Raises one chain's count to at least `seq`.
    pub fn raise(&mut self, chain: ChainIdx, seq: u64) {
        *self = self.with(chain, seq);
    }

    /// Becomes the union of both pasts.
    pub fn join(&mut self, other: &Past) {
        let mut flat = self.flat();
        let theirs = other.flat();
        if flat.len() < theirs.len() {
            flat.resize(theirs.len(), 0);
        }
        for (mine, theirs) in flat.iter_mut().zip(theirs) {
            *mine = (*mine).max(theirs);
        }
        *self = Past {
            shared: Arc::new(flat),
            own: (ChainIdx(u32::MAX), 0),
        };
    }

    /// Every chain this past holds something of, with its count, by index.
    pub fn iter(&self) -> impl Iterator<Item = (ChainIdx, u64)> + use<> {
        self.flat()
            .into_iter()
            .enumerate()
            .filter(|(_, seq)| *seq > 0)
            .map(|(at, seq)| (ChainIdx(u32::try_from(at).unwrap_or(u32::MAX)), seq))
    }

    /// How many change sets it contains. What lies in a past contains fewer.
    pub fn count(&self) -> u64 {
        let (chain, seq) = self.own;
        let beside = self.shared.get(chain.at()).copied().unwrap_or(0);
        let shared = self.shared.iter().copied().fold(0, u64::saturating_add);
        shared.saturating_sub(beside).saturating_add(seq)
    }

    /// Whether everything in `other` is here too.
    pub fn covers(&self, other: &Past) -> bool {
        if Arc::ptr_eq(&self.shared, &other.shared) {
            return self.contains(other.own.0, other.own.1)
                && (self.own.1 == 0 || self.seq(self.own.0) >= other.seq(self.own.0));
        }
        other.iter().all(|(chain, seq)| self.contains(chain, seq))
    }

    /// Whether both hold the same of every chain but `own`. Costs nothing within a run of `own`.
    pub(crate) fn same_others(&self, other: &Past, own: ChainIdx) -> bool {
        let others = |past: &Past| past.iter().filter(move |(chain, _)| *chain != own);
        let run = (self.own.0, other.own.0) == (own, own);
        run && Arc::ptr_eq(&self.shared, &other.shared) || others(self).eq(others(other))
    }

    /// All counts in one list, the own one included.
    fn flat(&self) -> Vec<u64> {
        let mut flat = self.shared.as_ref().clone();
        let (chain, seq) = self.own;
        if seq > 0 {
            if flat.len() <= chain.at() {
                flat.resize(chain.at().saturating_add(1), 0);
            }
            if let Some(count) = flat.get_mut(chain.at()) {
                *count = seq;
            }
        }
        flat
    }
}

/// What happened since an earlier point: by anyone, or in some chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The point. It holds the past of everything in it.
    pub past: Past,
    /// The chains that are meant; none: all. Not a device: its copied store writes under its name, too.
    pub by: Option<BTreeSet<Chain>>,
}

impl Since {
    /// Whether a chain is meant.
    pub fn is_by(&self, chain: &Chain) -> bool {
        self.by.as_ref().is_none_or(|by| by.contains(chain))
    }

    /// Whether a change set of this chain, at this place, is meant.
    pub fn covers(&self, chain: &Chain, at: ChainIdx, seq: u64) -> bool {
        self.is_by(chain) && !self.past.contains(at, seq)
    }
}

impl PartialEq for Past {
    fn eq(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }
}
impl Eq for Past {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_and_joining_keep_the_highest_count_of_every_chain() {
        let (a, b) = (ChainIdx(0), ChainIdx(2));
        let mut left = Past::default().with(a, 3).with(b, 1);
        let right = Past::default().with(b, 4);
        assert!(!left.covers(&right) && !right.covers(&left));
        left.join(&right);
        assert_eq!((left.seq(a), left.seq(ChainIdx(1)), left.seq(b)), (3, 0, 4));
        assert!(left.covers(&right));
        assert_eq!(
            (left.count(), right.count(), left.with(a, 9).count()),
            (7, 4, 13)
        );
        assert_eq!(left.with(a, 2), left);
        assert_eq!(left.iter().collect::<Vec<_>>(), vec![(a, 3), (b, 4)]);
    }

    #[test]
    fn a_run_of_one_chain_shares_the_rest() {
        let base = Past::default().with(ChainIdx(1), 9).with(ChainIdx(0), 1);
        let next = base.with(ChainIdx(0), 2);
        assert!(Arc::ptr_eq(&base.shared, &next.shared));
        assert!(next.covers(&base) && !base.covers(&next));
    }
}
