//! The records of a workspace's control log and their canonical bytes.

use crate::{
    changeset::ControlPosition,
    hlc::Hlc,
    id::{ActorSalt, Chain, ChangeSetId, DocumentId, OriginId, SchemaId, UserId, WorkspaceId},
    limits,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// The blake3 of a control record, and with it of every record before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ControlId(pub [u8; 32]);

/// What an origin or a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// May read.
    Reader,
    /// May write parts whose authority is `member`.
    Member,
    /// May write everything but `server` parts.
    Owner,
    /// A server's origin: may write `server` parts.
    Server,
    /// A door's origin: writes on behalf of users, under their foreign actors.
    Gateway,
}

/// The place of one change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// The document.
    pub document: DocumentId,
    /// The chain in it.
    pub chain: Chain,
    /// The number in the chain.
    pub seq: u64,
}

/// How far a revoked origin's chain stays: everything up to `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cut {
    /// The last change set that stays.
    pub last: Slot,
}

/// Why an orderer refused a change set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefuseReason {
    /// Row-level security or another policy of the cloud said no.
    Policy(String),
    /// A quota was used up.
    Quota,
    /// The writer was no member any more when it was first ordered.
    NotMember,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlBody {
    /// The first record: who owns the workspace, who numbers, and the key that can always name
    /// another orderer.
    Found {
        /// The owner.
        owner: UserId,
        /// The owner's first device.
        device: OriginId,
        /// Its salt.
        salt: ActorSalt,
        /// The first orderer.
        orderer: OriginId,
        /// The recovery key.
        recovery: OriginId,
    },
    /// A hand-over: the first record of an order epoch.
    Orderer {
        /// Who numbers from here on.
        next: OriginId,
    },
    /// A device is admitted.
    Member {
        /// The user behind it.
        user: UserId,
        /// The device.
        origin: OriginId,
        /// What it may do.
        role: Role,
        /// Fixed for ever, so that no actor can be ground.
        salt: ActorSalt,
    },
    /// A user's devices may do something else from here on.
    Role {
        /// The user.
        user: UserId,
        /// What they may do.
        role: Role,
    },
    /// A device is shut out: what stands above the cut is excluded, for everyone. A chain that the
    /// cut does not name is excluded whole.
    Revoke {
        /// The device.
        origin: OriginId,
        /// What stays, by slot, strictly ascending.
        cut: Vec<Cut>,
    },
    /// A schema may be written from here on.
    ActivateSchema {
        /// Its content address.
        schema: SchemaId,
        /// Its kind.
        kind: String,
        /// Its version.
        version: u32,
    },
    /// Rules of this version may be named from here on.
    ActivateRules {
        /// The version.
        version: u16,
    },
    /// A change set that was not final is excluded.
    Refuse {
        /// Where it stands.
        slot: Slot,
        /// Which it is.
        id: ChangeSetId,
        /// Why.
        reason: RefuseReason,
    },
    /// Of several change sets in one slot this one counts.
    Fork {
        /// The slot.
        slot: Slot,
        /// The one that counts.
        winner: ChangeSetId,
    },
    /// The workspace key of this epoch is in use from here on.
    KeyEpoch {
        /// The epoch.
        epoch: u32,
        /// A public name of the key.
        fingerprint: [u8; 32],
    },
    /// Entries of a log below these slots may be dropped.
    PruneBefore {
        /// The log.
        document: DocumentId,
        /// The first entry that stays, by stamp.
        before: Hlc,
    },
    /// The payload of a change set is to be erased everywhere; its header stays.
    Erase {
        /// Where it stands.
        slot: Slot,
        /// Which it is.
        id: ChangeSetId,
    },
}

/// What a record can change of what documents show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing but what may be written, or read, from here on.
    Rights,
    /// Which change sets count.
    History,
    /// A schema comes into force.
    Schema(SchemaId),
    /// What a document holds of payloads.
    Erasure(DocumentId),
}

impl ControlBody {
    /// What it can change of what documents show.
    pub fn effect(&self) -> Effect {
        match self {
            ControlBody::Revoke { .. } | ControlBody::Refuse { .. } | ControlBody::Fork { .. } => {
                Effect::History
            }
            ControlBody::ActivateSchema { schema, .. } => Effect::Schema(*schema),
            ControlBody::Erase { slot, .. } => Effect::Erasure(slot.document),
            ControlBody::PruneBefore { document, .. } => Effect::Erasure(*document),
            ControlBody::Found { .. }
            | ControlBody::Orderer { .. }
            | ControlBody::Member { .. }
            | ControlBody::Role { .. }
            | ControlBody::ActivateRules { .. }
            | ControlBody::KeyEpoch { .. } => Effect::Rights,
        }
    }
}

/// One record: hash-chained by `prev`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its place: number from 1, dense; the epoch rises with each hand-over.
    pub position: ControlPosition,
    /// The record before it; none for the first.
    pub prev: Option<ControlId>,
    /// When it was written.
    pub hlc: Hlc,
    /// Whose signature it bears.
    pub signer: OriginId,
    /// What it says.
    pub body: ControlBody,
}

/// A record with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedControl {
    /// The record.
    pub record: ControlRecord,
    /// R and s of the Ed25519 signature over the tagged id.
    pub signature: (/* R */ [u8; 32], /* s */ [u8; 32]),
}

/// Why bytes are no control record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlDecodeError {
    /// Larger than any record.
    #[error("a control record of {had} bytes exceeds the bound of {max}")]
    Size {
        /// Its length.
        had: usize,
        /// The bound.
        max: usize,
    },
    /// Not the canonical bytes of a record.
    #[error("these {had} bytes are not the canonical form of a control record")]
    Form {
        /// Their length.
        had: usize,
    },
}

/// The tag under which ids of control records are hashed.
const ID_TAG: &[u8] = b"anabranch control id v1\0";
/// The tag under which control records are signed.
const SIGN_TAG: &[u8] = b"anabranch control v1\0";

impl ControlRecord {
    /// The record's canonical bytes: postcard.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Its id: blake3 over the tag and the canonical bytes.
    pub fn id(&self) -> ControlId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(ID_TAG);
        hasher.update(&self.encode());
        ControlId(*hasher.finalize().as_bytes())
    }

    /// Signs it. The key's public half becomes the signer.
    pub fn sign(mut self, key: &SigningKey) -> SignedControl {
        self.signer = OriginId(key.verifying_key().to_bytes());
        let signature = key.sign(&signed_bytes(&self.id()));
        SignedControl {
            record: self,
            signature: (*signature.r_bytes(), *signature.s_bytes()),
        }
    }
}

impl SignedControl {
    /// Whether the signer it names signed it.
    pub fn signature_holds(&self) -> bool {
        let (r, s) = self.signature;
        VerifyingKey::from_bytes(&self.record.signer.0).is_ok_and(|key| {
            key.verify_strict(
                &signed_bytes(&self.record.id()),
                &Signature::from_components(r, s),
            )
            .is_ok()
        })
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// Where they are too long, do not parse, or parse but are not what [`Self::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlDecodeError> {
        if bytes.len() > limits::CONTROL_BYTES_MAX {
            return Err(ControlDecodeError::Size {
                had: bytes.len(),
                max: limits::CONTROL_BYTES_MAX,
            });
        }
        let form = ControlDecodeError::Form { had: bytes.len() };
        let signed: SignedControl = postcard::from_bytes(bytes).map_err(|_| form)?;
        if signed.encode() == bytes {
            Ok(signed)
        } else {
            Err(form)
        }
    }
}

fn signed_bytes(id: &ControlId) -> Vec<u8> {
    [SIGN_TAG, &id.0].concat()
}
