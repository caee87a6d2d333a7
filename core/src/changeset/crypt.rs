//! Payloads sealed under a workspace key: the relay then sees headers only.
//!
//! In the manner of SIV (Rogaway and Shrimpton, 2006): a keyed hash over header and plaintext, the
//! *synthetic value*, stands in front of the ciphertext, and the cipher's key is derived from it.
//! There is no nonce to repeat, on a copied store either: equal keys mean equal plaintexts.
//!
//! ```text
//! packed    = pack(payload)                                          module `pack`
//! bound     = blake3(SEALED_HEADER ‖ canonical header, its payload_len 0 and payload_hash zero)
//! synthetic = blake3_keyed(derive_key(SYNTHETIC_CONTEXT, workspace key), bound ‖ blake3(packed))
//! key       = derive_key(CIPHER_CONTEXT, workspace key ‖ synthetic)
//! sealed    = synthetic (32 B) ‖ AES-256-GCM(key, nonce = 12 zero bytes, aad = bound, packed) ‖ tag (16 B)
//! ```
//! The hash is over the packed bytes, since those are what the cipher sees: two builds of zstd may
//! pack one payload differently, and must then use different keys.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{ChangeSet, EnvelopeRule, Header, Payload, pack, pack::PackFault, tags},
    limits,
};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag, aead::AeadInPlace};
use serde::{Deserialize, Serialize};
use std::fmt;

const SYNTHETIC_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// A workspace's payload key of one key epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkspaceKey {
    epoch: u32,
    bytes: [u8; 32],
}

impl WorkspaceKey {
    /// The key of an epoch: 32 random bytes.
    pub fn new(epoch: u32, bytes: [u8; 32]) -> Self {
        WorkspaceKey { epoch, bytes }
    }

    /// Its key epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// A public name of the key. The control record of a key epoch carries it, so that a replica
    /// that was handed a wrong key notices that, instead of refusing honest change sets.
    pub fn fingerprint(&self) -> [u8; 32] {
        tags::hash(tags::KEY_FINGERPRINT, &[&self.bytes])
    }

    fn synthetic(&self, bound: &[u8; 32], packed: &[u8]) -> blake3::Hash {
        let mut hasher =
            blake3::Hasher::new_keyed(&blake3::derive_key(tags::SYNTHETIC_CONTEXT, &self.bytes));
        hasher.update(bound);
        hasher.update(blake3::hash(packed).as_bytes());
        hasher.finalize()
    }

    fn cipher(&self, synthetic: &[u8; SYNTHETIC_BYTES]) -> Aes256Gcm {
        let mut derive = blake3::Hasher::new_derive_key(tags::CIPHER_CONTEXT);
        derive.update(&self.bytes);
        derive.update(synthetic);
        Aes256Gcm::new(derive.finalize().as_bytes().into())
    }
}

impl fmt::Debug for WorkspaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkspaceKey(epoch {}, secret)", self.epoch)
    }
}

/// Why a sealed payload cannot be opened by anyone who holds the right key. It lies in the change
/// set: the payload is the one its header names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SealedFault {
    /// Shorter than a synthetic value, a tag and one byte.
    #[error(
        "the sealed payload has {had} bytes, at least {wanted} are needed; its author must seal it again"
    )]
    TooShort {
        /// The least length.
        wanted: u64,
        /// Its length.
        had: u64,
    },
    /// The cipher's tag does not hold: other key, other header or other bytes.
    #[error(
        "the sealed payload does not open under its key epoch's key and its header; its author must seal it again"
    )]
    Tag,
    /// It opens, but its synthetic value is not the one of its plaintext: its key could be the key
    /// of another plaintext too.
    #[error(
        "the sealed payload's synthetic value is not its plaintext's; its author must seal it again"
    )]
    Synthetic,
}

impl SealedFault {
    /// The stable machine code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            SealedFault::TooShort { .. } => "sealed-too-short",
            SealedFault::Tag => "sealed-tag",
            SealedFault::Synthetic => "sealed-synthetic",
        }
    }
}

/// Why a payload was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The payload is in clear: read it as it is.
    #[error("the payload is not sealed; read it as it is")]
    InClear,
    /// There is no payload here.
    #[error("the change set is a husk; fetch its payload first")]
    Husk,
    /// The key belongs to another key epoch.
    #[error(
        "the payload is sealed under key epoch {wanted}, the key is of epoch {had}; ask for the other one"
    )]
    KeyEpoch {
        /// The epoch in the header.
        wanted: u32,
        /// The key's.
        had: u32,
    },
    /// It is at fault for every holder of the key.
    #[error("{0}")]
    Refused(EnvelopeRule),
}

/// Seals a payload and makes the change set of it. Key epoch, payload length and payload hash of
/// the header are set here; everything else in it is bound.
///
/// # Errors
/// A payload over the bound, and every header rule.
pub fn encrypt(
    mut header: Header,
    payload: &[u8],
    key: &WorkspaceKey,
) -> Result<ChangeSet, EnvelopeRule> {
    if payload.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(EnvelopeRule::PayloadTooLong {
            had: payload.len() as u64,
            max: limits::PAYLOAD_BYTES_MAX as u64,
        });
    }
    header.key_epoch = Some(key.epoch);
    let bound = bound(&header);
    let packed = pack::compress(payload);
    let synthetic = key.synthetic(&bound, &packed);
    let mut sealed =
        Vec::with_capacity(payload.len().saturating_add(limits::SEALED_BYTES_ADDED_MAX));
    sealed.extend_from_slice(synthetic.as_bytes());
    sealed.extend_from_slice(&packed);
    let (_, text) = sealed.split_at_mut(SYNTHETIC_BYTES);
    let tag = key
        .cipher(synthetic.as_bytes())
        .encrypt_in_place_detached(&Nonce::default(), &bound, text)
        // AES-GCM refuses 64 GiB and more; the payload is bounded above.
        .map_err(|_| EnvelopeRule::Sealed(SealedFault::Tag))?;
    sealed.extend_from_slice(&tag);
    ChangeSet::new(header.describe(&sealed), Payload::Present(sealed))
}

/// Opens a sealed payload and gives the engine's bytes.
///
/// # Errors
/// `Refused` where no holder of the key could open it, the rest where this caller cannot.
pub fn decrypt(change: &ChangeSet, key: &WorkspaceKey) -> Result<Vec<u8>, OpenError> {
    let header = change.header();
    let wanted = header.key_epoch.ok_or(OpenError::InClear)?;
    let sealed = change.payload().bytes().ok_or(OpenError::Husk)?;
    if key.epoch != wanted {
        return Err(OpenError::KeyEpoch {
            wanted,
            had: key.epoch,
        });
    }
    open(&bound(header), sealed, key).map_err(OpenError::Refused)
}

fn open(bound: &[u8; 32], sealed: &[u8], key: &WorkspaceKey) -> Result<Vec<u8>, EnvelopeRule> {
    let short = || {
        EnvelopeRule::Sealed(SealedFault::TooShort {
            wanted: (SYNTHETIC_BYTES as u64)
                .saturating_add(TAG_BYTES as u64)
                .saturating_add(1),
            had: sealed.len() as u64,
        })
    };
    let (synthetic, rest) = sealed
        .split_first_chunk::<SYNTHETIC_BYTES>()
        .ok_or_else(short)?;
    let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(short)?;
    if text.is_empty() {
        return Err(short());
    }
    let mut packed = text.to_vec();
    key.cipher(synthetic)
        .decrypt_in_place_detached(&Nonce::default(), bound, &mut packed, &Tag::from(*tag))
        .map_err(|_| EnvelopeRule::Sealed(SealedFault::Tag))?;
    // `blake3::Hash` compares in constant time.
    if key.synthetic(bound, &packed) != *synthetic {
        return Err(EnvelopeRule::Sealed(SealedFault::Synthetic));
    }
    pack::decompress(&packed, limits::PAYLOAD_BYTES_MAX)
        .map_err(|fault: PackFault| EnvelopeRule::Pack(fault))
}

/// What the cipher binds: the header without the fields that depend on the ciphertext.
fn bound(header: &Header) -> [u8; 32] {
    let without = Header {
        payload_len: 0,
        payload_hash: [0; 32],
        ..header.clone()
    };
    tags::hash(tags::SEALED_HEADER, &[&without.canonical()])
}
