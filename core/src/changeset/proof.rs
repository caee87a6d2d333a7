//! The proof that an origin signed a change set, and its checking.

use crate::{
    changeset::{
        ChangeSet, EnvelopeRule, merkle,
        tags::{Purpose, Signature, SignatureFault},
    },
    id::OriginId,
    limits,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An origin's signature over a flush, and the place of one change set in it. Any copy of the
/// change set can be checked with it by anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The signature over the flush's root.
    pub signature: Signature,
    /// The change set's place in the flush, from 0.
    pub index: u16,
    /// How many change sets the flush has.
    pub count: u16,
    /// The neighbours on the way from its leaf to the top, lowest first.
    #[serde(deserialize_with = "crate::changeset::codec::sequence")]
    pub path: Vec<[u8; 32]>,
}

impl Proof {
    /// Checks count, place and the path's length.
    ///
    /// # Errors
    /// `FlushCount`, `ProofIndex` or `ProofPath`.
    pub fn check(&self) -> Result<(), EnvelopeRule> {
        check_count(self.count)?;
        if self.index >= self.count {
            return Err(EnvelopeRule::ProofIndex {
                index: u64::from(self.index),
                count: u64::from(self.count),
            });
        }
        let wanted = merkle::path_len(self.index, self.count);
        if self.path.len() != wanted {
            return Err(EnvelopeRule::ProofPath {
                wanted: wanted as u64,
                had: self.path.len() as u64,
            });
        }
        Ok(())
    }
}

/// A change set with its proof: as stored, sent and bundled. Not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The change set.
    pub change: ChangeSet,
    /// Its origin's signature and its place under it.
    pub proof: Proof,
}

impl Signed {
    /// Checks that the change set's origin signed it. The answer does not depend on the cache.
    ///
    /// # Errors
    /// A proof that is out of shape, a key that is none, a signature that does not hold.
    pub fn verify(self, flushes: &mut FlushCache) -> Result<Verified, EnvelopeRule> {
        self.proof.check()?;
        let Proof {
            signature,
            index,
            count,
            path,
        } = &self.proof;
        let root = merkle::climb(&self.change.id(), *index, *count, path)
            .ok_or(EnvelopeRule::Signature(SignatureFault::Signature))?;
        flushes.check(self.change.header().chain.origin, root, *signature)?;
        Ok(Verified(self))
    }
}

/// A change set that its origin has signed: made by verifying or by sealing, and in no other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(Signed);

impl Verified {
    /// For sealing and whole flushes, which prove every change set of theirs at once.
    pub(crate) fn proven(change: ChangeSet, proof: Proof) -> Self {
        Verified(Signed { change, proof })
    }

    /// The change set.
    pub fn change(&self) -> &ChangeSet {
        &self.0.change
    }

    /// The proof that holds.
    pub fn proof(&self) -> &Proof {
        &self.0.proof
    }

    /// Change set and proof.
    pub fn signed(&self) -> &Signed {
        &self.0
    }

    /// Change set and proof, to be stored or sent.
    pub fn into_signed(self) -> Signed {
        self.0
    }

    /// Takes the payload that was absent. The proof covers the header and so its hash.
    ///
    /// # Errors
    /// As [`ChangeSet::fill`].
    pub fn fill(&mut self, payload: Vec<u8>) -> Result<(), EnvelopeRule> {
        self.0.change.fill(payload)
    }

    /// Erases the payload. The proof still holds.
    pub fn erase(&mut self) {
        self.0.change.erase();
    }
}

/// The flushes whose signature was found to hold, so that 512 change sets of one cost one check.
///
/// It remembers origin, root *and signature*: a root alone would lend its standing to a copy that
/// carries another, broken signature, which would then be stored, and what is accepted would
/// depend on what came before.
#[derive(Clone, Debug, Default)]
pub struct FlushCache {
    held: VecDeque<(OriginId, [u8; 32], Signature)>,
    checks: u64,
}

impl FlushCache {
    /// An empty cache of at most [`limits::FLUSHES_REMEMBERED_MAX`] flushes.
    pub fn new() -> Self {
        FlushCache::default()
    }

    /// How many signatures it has really checked, good and bad, for metrics.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    pub(crate) fn check(
        &mut self,
        origin: OriginId,
        root: [u8; 32],
        signature: Signature,
    ) -> Result<(), EnvelopeRule> {
        let flush = (origin, root, signature);
        if self.held.contains(&flush) {
            return Ok(());
        }
        self.checks = self.checks.saturating_add(1);
        signature
            .check(Purpose::Flush, &origin, &root)
            .map_err(EnvelopeRule::Signature)?;
        // Newest first: what was just verified is what the next change set belongs to.
        self.held
            .truncate(limits::FLUSHES_REMEMBERED_MAX.saturating_sub(1));
        self.held.push_front(flush);
        Ok(())
    }
}

pub(crate) fn check_count(count: u16) -> Result<(), EnvelopeRule> {
    if (1..=limits::FLUSH_CHANGE_SETS_MAX).contains(&usize::from(count)) {
        Ok(())
    } else {
        Err(EnvelopeRule::FlushCount {
            had: u64::from(count),
            max: limits::FLUSH_CHANGE_SETS_MAX as u64,
        })
    }
}
