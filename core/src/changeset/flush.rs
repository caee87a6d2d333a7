//! Flushes: sealing many change sets with one signature, and checking them together again.

use crate::{
    changeset::{
        ChangeSet, EnvelopeRule, FlushCache, Proof, Signed, Verified,
        merkle::Tree,
        proof,
        tags::{self, Purpose, Signature},
    },
    id::{OriginId, WorkspaceId},
    limits,
};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

/// Why change sets cannot be sealed together. Always the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Nothing to sign.
    #[error("a flush of no change sets; seal when there is one")]
    Empty,
    /// More than one signature covers.
    #[error(
        "a flush of {had} change sets, at most {max} are allowed: seal them in several flushes"
    )]
    TooMany {
        /// How many were given.
        had: usize,
        /// The bound.
        max: usize,
    },
    /// A change set of another origin than the key's.
    #[error(
        "change set {at} of the flush is of origin {had}, the key is of {wanted}: seal with the key of its own origin"
    )]
    Origin {
        /// Its place in the flush, from 0.
        at: usize,
        /// Its origin.
        had: OriginId,
        /// The key's.
        wanted: OriginId,
    },
    /// A change set of another workspace than the first.
    #[error(
        "change set {at} of the flush is of workspace {had}, the first of {wanted}: seal each workspace by itself"
    )]
    Workspace {
        /// Its place in the flush, from 0.
        at: usize,
        /// Its workspace.
        had: WorkspaceId,
        /// The first one's.
        wanted: WorkspaceId,
    },
}

/// Signs change sets of one origin, one workspace and one residency, in the order given, with one
/// signature. Residency stands in no header: the caller groups by it.
///
/// # Errors
/// None or too many, another origin than the key's, more than one workspace.
pub fn seal(key: &SigningKey, changes: Vec<ChangeSet>) -> Result<Vec<Signed>, SealError> {
    let sealed = seal_verified(key, changes)?;
    Ok(sealed.into_iter().map(Verified::into_signed).collect())
}

/// As [`seal`], for the author's own use: what it has just signed needs no verifying.
///
/// # Errors
/// As [`seal`].
pub fn seal_verified(
    key: &SigningKey,
    changes: Vec<ChangeSet>,
) -> Result<Vec<Verified>, SealError> {
    let origin = tags::origin(key);
    let Some(first) = changes.first() else {
        return Err(SealError::Empty);
    };
    let workspace = first.header().workspace;
    if changes.len() > limits::FLUSH_CHANGE_SETS_MAX {
        return Err(SealError::TooMany {
            had: changes.len(),
            max: limits::FLUSH_CHANGE_SETS_MAX,
        });
    }
    for (at, change) in changes.iter().enumerate() {
        let header = change.header();
        if header.chain.origin != origin {
            return Err(SealError::Origin {
                at,
                had: header.chain.origin,
                wanted: origin,
            });
        }
        if header.workspace != workspace {
            return Err(SealError::Workspace {
                at,
                had: header.workspace,
                wanted: workspace,
            });
        }
    }
    let tree = Tree::new(changes.iter().map(ChangeSet::id)).ok_or(SealError::Empty)?;
    let signature = Signature::sign(Purpose::Flush, key, &tree.root());
    Ok(prove(changes, &tree, signature))
}

/// The proof of a flush that is sent whole: with all leaves at hand no path is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlushProof {
    /// The signature over the flush's root.
    pub signature: Signature,
    /// How many change sets the flush has.
    pub count: u16,
}

impl From<&Proof> for FlushProof {
    fn from(proof: &Proof) -> Self {
        FlushProof {
            signature: proof.signature,
            count: proof.count,
        }
    }
}

impl FlushProof {
    /// Checks a whole flush, in its order, and gives every change set the proof of its own. The
    /// answer does not depend on the cache.
    ///
    /// # Errors
    /// Another number than was signed, another origin or workspace in between, a key that is
    /// none, a signature that does not hold.
    pub fn verify(
        &self,
        changes: Vec<ChangeSet>,
        flushes: &mut FlushCache,
    ) -> Result<Vec<Verified>, EnvelopeRule> {
        proof::check_count(self.count)?;
        let incomplete = || EnvelopeRule::FlushIncomplete {
            wanted: u64::from(self.count),
            had: changes.len() as u64,
        };
        if changes.len() != usize::from(self.count) {
            return Err(incomplete());
        }
        let (origin, workspace) = match changes.first().map(ChangeSet::header) {
            Some(first) => (first.chain.origin, first.workspace),
            None => return Err(incomplete()),
        };
        for (at, change) in (0u64..).zip(&changes) {
            let header = change.header();
            if header.chain.origin != origin || header.workspace != workspace {
                return Err(EnvelopeRule::FlushMixed { at });
            }
        }
        let tree = Tree::new(changes.iter().map(ChangeSet::id)).ok_or_else(incomplete)?;
        flushes.check(origin, tree.root(), self.signature)?;
        Ok(prove(changes, &tree, self.signature))
    }
}

/// Gives every change set of a signed tree its proof.
fn prove(changes: Vec<ChangeSet>, tree: &Tree, signature: Signature) -> Vec<Verified> {
    // A tree exists, so the count fits.
    let count = changes.len() as u16;
    (0u16..)
        .zip(changes)
        .map(|(index, change)| {
            let proof = Proof {
                signature,
                index,
                count,
                path: tree.path(index),
            };
            Verified::proven(change, proof)
        })
        .collect()
}
