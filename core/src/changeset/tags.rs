//! Every domain tag of this crate's signatures, and the hashes and keys of this room.
//!
//! A tag ends in a zero byte and holds no other, so none is the beginning of another: bytes signed
//! or hashed for one purpose never stand for another. A signature covers its tag and 32 bytes, a
//! hash or root of what is signed, never the thing itself.

use crate::id::{OriginId, blake3_of};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Before a header's canonical bytes: a change set's id.
pub const HEADER: &[u8] = b"anabranch change set v1\0";
/// Before a change set's id: a leaf of a flush.
pub const LEAF: &[u8] = b"anabranch leaf v1\0";
/// Before two hashes: an inner node of a flush.
pub const NODE: &[u8] = b"anabranch node v1\0";
/// Before count and top node: the root of a flush.
pub const ROOT: &[u8] = b"anabranch root v1\0";
/// Before the canonical bytes of a header without its payload fields: what encryption binds.
pub const SEALED_HEADER: &[u8] = b"anabranch sealed header v1\0";
/// Before a workspace key: the fingerprint by which its holders know it.
pub const KEY_FINGERPRINT: &[u8] = b"anabranch key fingerprint v1\0";
/// Before everything that a bundle's trailer covers.
pub const BUNDLE: &[u8] = b"anabranch bundle v1\0";

/// The context in which the key of the synthetic value is derived (blake3 `derive_key`).
pub const SYNTHETIC_CONTEXT: &str = "anabranch 2026-11 payload synthetic value v1";
/// The context in which a payload's cipher key is derived (blake3 `derive_key`).
pub const CIPHER_CONTEXT: &str = "anabranch 2026-11 payload cipher key v1";

/// What a signature is for. Each has its own tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A peer's proof, in the handshake, that it holds its origin's key.
    Hello,
    /// A certificate: who may do what as whom.
    Certificate,
    /// A record of the control log.
    Control,
    /// A snapshot.
    Snapshot,
    /// A flush of change sets.
    Flush,
    /// A relay's word that everything up to a cursor is durable.
    Receipt,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Purpose; 6] = [
        Purpose::Hello,
        Purpose::Certificate,
        Purpose::Control,
        Purpose::Snapshot,
        Purpose::Flush,
        Purpose::Receipt,
    ];

    /// The bytes that stand before what is signed.
    pub fn tag(self) -> &'static [u8] {
        match self {
            Purpose::Hello => b"anabranch sign hello v1\0",
            Purpose::Certificate => b"anabranch sign certificate v1\0",
            Purpose::Control => b"anabranch sign control v1\0",
            Purpose::Snapshot => b"anabranch sign snapshot v1\0",
            Purpose::Flush => b"anabranch sign flush v1\0",
            Purpose::Receipt => b"anabranch sign receipt v1\0",
        }
    }
}

/// blake3 of a tag and the parts after it, one after another.
pub fn hash(tag: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    blake3_of(tag, parts)
}

/// The origin whose key this is.
pub fn origin(key: &SigningKey) -> OriginId {
    OriginId(key.verifying_key().to_bytes())
}

/// An Ed25519 signature, 64 bytes: R, then s. Verified by [`Signature::check`] alone, so every
/// replica applies the same strict rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature(pub [u8; 64]);

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SignatureFault {
    /// The origin is no point of the curve, or one of small order, for which anyone can sign.
    #[error(
        "the origin's key is not a valid Ed25519 public key; nothing signed by it can be taken"
    )]
    Key,
    /// The signature does not hold under the strict rules.
    #[error("the signature does not hold; fetch the bytes again or from someone else")]
    Signature,
}

impl Signature {
    /// Signs 32 bytes for one purpose.
    pub fn sign(purpose: Purpose, key: &SigningKey, digest: &[u8; 32]) -> Self {
        Signature(key.sign(&message(purpose, digest)).to_bytes())
    }

    /// Checks it alone and strictly (`verify_strict`: canonical s, R and key not of small order,
    /// no multiplication by the cofactor). Checking many at once accepts signatures that this
    /// refuses, depending on the rest of the batch.
    ///
    /// # Errors
    /// The key or the signature, whichever is at fault.
    pub fn check(
        &self,
        purpose: Purpose,
        origin: &OriginId,
        digest: &[u8; 32],
    ) -> Result<(), SignatureFault> {
        let key = VerifyingKey::from_bytes(&origin.0).map_err(|_| SignatureFault::Key)?;
        if key.is_weak() {
            return Err(SignatureFault::Key);
        }
        let signature = ed25519_dalek::Signature::from_bytes(&self.0);
        key.verify_strict(&message(purpose, digest), &signature)
            .map_err(|_| SignatureFault::Signature)
    }
}

fn message(purpose: Purpose, digest: &[u8; 32]) -> Vec<u8> {
    [purpose.tag(), digest.as_slice()].concat()
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        crate::id::hex(self.0.get(..4).unwrap_or_default(), f)?;
        f.write_str("..)")
    }
}

// serde knows arrays of up to 32 items; two of them have the same canonical bytes as one of 64.
impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (r, s) = self.0.split_at(32);
        let half = |bytes: &[u8]| -> [u8; 32] { bytes.try_into().unwrap_or_default() };
        (half(r), half(s)).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let halves = <([u8; 32], [u8; 32])>::deserialize(from)?;
        let mut bytes = [0u8; 64];
        bytes
            .iter_mut()
            .zip(halves.0.iter().chain(&halves.1))
            .for_each(|(to, from)| *to = *from);
        Ok(Signature(bytes))
    }
}
