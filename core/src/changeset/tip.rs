//! The end of a chain: what may follow it, and how the next epoch begins.
//!
//! Within a chain every change set names the one before it. The first of a later epoch may name
//! the last one of the epoch before, in the same lane: that says where the store came from, and
//! nothing depends on it, since the author of a copied store cannot know what the other copy wrote.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{ChangeSet, Header},
    hlc::Hlc,
    id::{Chain, ChangeSetId, Epoch},
};

/// The last change set known of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The chain.
    pub chain: Chain,
    /// The number of its last change set.
    pub seq: u64,
    /// The id of its last change set.
    pub id: ChangeSetId,
    /// The stamp of its last change set.
    pub hlc: Hlc,
}

/// Where an author's next change set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its chain.
    pub chain: Chain,
    /// Its number.
    pub seq: u64,
    /// The id it names as the one before.
    pub prev: Option<ChangeSetId>,
}

/// How a header relates to a chain's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// It is the next one.
    Next,
    /// Its number is taken: a duplicate if the ids are the same, a fork otherwise.
    Taken,
    /// Change sets from this number on are missing before it.
    Missing {
        /// The first missing number.
        from: u64,
    },
    /// It has the next number but names another one before it: the chain forked there or below.
    Elsewhere {
        /// The id at the chain's end here.
        wanted: ChangeSetId,
    },
    /// It is the next one, but its stamp does not rise.
    ClockBack {
        /// The stamp at the chain's end; it must be above.
        floor: Hlc,
    },
}

impl Tip {
    /// The end of a chain whose last change set this is.
    pub fn of(change: &ChangeSet) -> Self {
        let header = change.header();
        Tip {
            chain: header.chain,
            seq: header.seq,
            id: change.id(),
            hlc: header.hlc,
        }
    }

    /// Where the chain goes on; none after 2^64 - 1.
    pub fn next(&self) -> Option<Link> {
        Some(Link {
            chain: self.chain,
            seq: self.seq.checked_add(1)?,
            prev: Some(self.id),
        })
    }

    /// Where a later epoch of the same lane begins; none where `epoch` is not later.
    pub fn begin(&self, epoch: Epoch) -> Option<Link> {
        let chain = Chain {
            epoch,
            ..self.chain
        };
        (epoch > self.chain.epoch).then_some(Link {
            chain,
            seq: 1,
            prev: Some(self.id),
        })
    }
}

impl Link {
    /// Where a chain with nothing before it begins.
    pub fn first(chain: Chain) -> Self {
        Link {
            chain,
            seq: 1,
            prev: None,
        }
    }
}

impl Header {
    /// The same header, standing there.
    pub fn at(mut self, link: Link) -> Self {
        self.chain = link.chain;
        self.seq = link.seq;
        self.prev = link.prev;
        self
    }

    /// The last change set of the epoch before, where this begins a later one and names it.
    pub fn provenance(&self) -> Option<ChangeSetId> {
        self.prev.filter(|_| self.seq == 1)
    }

    /// How it relates to the end of its chain; none: nothing is known of the chain.
    pub fn follows(&self, tip: Option<&Tip>) -> Follows {
        let Some(tip) = tip else {
            return match self.seq {
                1 => Follows::Next,
                _ => Follows::Missing { from: 1 },
            };
        };
        if self.seq <= tip.seq {
            return Follows::Taken;
        }
        match tip.next() {
            Some(next) if next.seq == self.seq => {
                if self.prev != next.prev {
                    Follows::Elsewhere { wanted: tip.id }
                } else if self.hlc <= tip.hlc {
                    Follows::ClockBack { floor: tip.hlc }
                } else {
                    Follows::Next
                }
            }
            Some(next) => Follows::Missing { from: next.seq },
            None => Follows::Taken,
        }
    }
}
