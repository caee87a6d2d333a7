//! Names of things: every identifier is a newtype, so none can stand where another belongs.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

/// Reads exactly `N` bytes of hexadecimal (either case), or says nothing fits.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).ok()?;
        if !pair.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(bytes)
}

/// What is hashed in one piece: most headers, every node of a flush's tree, every derived name.
const JOINED_BYTES_MAX: usize = 512;

/// blake3 of a tag and the parts after it, one after another.
pub(crate) fn blake3_of(tag: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let len = parts
        .iter()
        .fold(tag.len(), |sum, part| sum.saturating_add(part.len()));
    if len > JOINED_BYTES_MAX {
        let mut hasher = blake3::Hasher::new();
        hasher.update(tag);
        for part in parts {
            hasher.update(part);
        }
        return *hasher.finalize().as_bytes();
    }
    // One call over joined bytes costs half of what a hasher does that is fed piece by piece.
    let mut joined: SmallVec<[u8; JOINED_BYTES_MAX]> = SmallVec::new();
    joined.extend_from_slice(tag);
    for part in parts {
        joined.extend_from_slice(part);
    }
    *blake3::hash(&joined).as_bytes()
}

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The id as bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads the hexadecimal form that `Display` writes.
            pub fn parse(text: &str) -> Option<Self> {
                unhex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                hex(self.0.get(..4).unwrap_or_default(), f)?;
                f.write_str("..)")
            }
        }
    };
}

bytes_id!(
    /// A workspace: the unit of membership and of the relay's cursor. 16 random bytes.
    WorkspaceId,
    16
);
bytes_id!(
    /// The user behind an origin. 16 bytes, assigned by whoever keeps the accounts.
    UserId,
    16
);
bytes_id!(
    /// A document or log: blake3 of its entity and part name ([`DocumentId::of`]).
    DocumentId,
    32
);
bytes_id!(
    /// A writing device, named by its Ed25519 public key.
    OriginId,
    32
);
bytes_id!(
    /// The blake3 of a change set's header, and with it of its whole causal past.
    ChangeSetId,
    32
);
bytes_id!(
    /// The content address of a schema: blake3 of its canonical form.
    SchemaId,
    32
);
bytes_id!(
    /// Fixed when a device is admitted, so that nobody can grind derived actors.
    ActorSalt,
    16
);

/// An application object. Its id names the user who created it and the kind it is of, so that who
/// may write its creator-owned parts, and under which schemas, can be judged from an envelope alone:
/// nobody can give an entity another creator or a second kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityId {
    /// The user who created the entity.
    pub creator: UserId,
    /// 4 bytes of the kind's tag ([`EntityId::of_kind`]), then 12 random bytes.
    pub nonce: [u8; 16],
}

impl EntityId {
    /// A new entity of a kind.
    pub fn new(creator: UserId, kind: &str, random: [u8; 12]) -> Self {
        let mut nonce = [0u8; 16];
        let bytes = KindTag::of(kind).0.into_iter().chain(random);
        nonce
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        EntityId { creator, nonce }
    }

    /// Whether it is of this kind.
    pub fn of_kind(&self, kind: &str) -> bool {
        self.nonce.starts_with(&KindTag::of(kind).0)
    }

    /// Reads the form that `Display` writes: 64 hexadecimal digits, creator then nonce.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = unhex(text)?;
        let (creator, nonce) = bytes.split_at(16);
        Some(EntityId {
            creator: UserId(creator.try_into().ok()?),
            nonce: nonce.try_into().ok()?,
        })
    }
}

/// A kind in the ids of its entities: the first 4 bytes of blake3 over a domain tag and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KindTag(pub(crate) [u8; 4]);

impl KindTag {
    pub(crate) fn of(kind: &str) -> Self {
        let hash = blake3_of(b"anabranch kind v1\0", &[kind.as_bytes()]);
        let mut tag = [0u8; 4];
        tag.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        KindTag(tag)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.creator.0, f)?;
        hex(&self.nonce, f)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntityId(")?;
        hex(self.nonce.get(..4).unwrap_or_default(), f)?;
        f.write_str("..)")
    }
}

impl DocumentId {
    /// The id of an entity's part: blake3 of the domain tag, the entity and the part's name.
    pub fn of(entity: &EntityId, part: &str) -> Self {
        let parts: [&[u8]; 3] = [&entity.creator.0, &entity.nonce, part.as_bytes()];
        DocumentId(blake3_of(b"anabranch document v1\0", &parts))
    }
}

/// An origin's incarnation. Epochs count 0, 1, 2…; a restored or copied store begins the next one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u32);

/// One attached writer of an origin: a second window, a foreign editor.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Lane(pub u16);

/// One writer's line of change sets in one document. Within it `seq` is dense from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chain {
    /// The writing device.
    pub origin: OriginId,
    /// Its incarnation.
    pub epoch: Epoch,
    /// Its attached writer.
    pub lane: Lane,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.origin.0.get(..4).unwrap_or_default(), f)?;
        write!(f, "/{}/{}", self.epoch.0, self.lane.0)
    }
}

/// A place of a [`Chain`] in the tables of one open document. Local to that document and this
/// process: it is never stored, sent or hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainIdx(pub u32);

impl ChainIdx {
    /// The index as a `usize`.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// The engine's name for a chain's writer in one document. Derived from the chain, the document
/// and the salt, so that an id cannot be chosen; origins certified as gateways carry the foreign
/// client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// An Automerge actor id.
    Automerge([u8; 16]),
    /// A Yrs client id below 2^53.
    Yrs(u64),
}

/// blake3 of everything that a derived actor depends on.
fn actor_hash(chain: &Chain, document: &DocumentId, salt: &ActorSalt) -> [u8; 32] {
    let (epoch, lane) = (chain.epoch.0.to_le_bytes(), chain.lane.0.to_le_bytes());
    let parts: [&[u8]; 5] = [&chain.origin.0, &document.0, &epoch, &lane, &salt.0];
    blake3_of(b"anabranch actor v1\0", &parts)
}

/// The derived Automerge actor of a chain: the first 16 bytes of the hash.
pub fn automerge_actor(chain: &Chain, document: &DocumentId, salt: &ActorSalt) -> [u8; 16] {
    let hash = actor_hash(chain, document, salt);
    let mut actor = [0u8; 16];
    actor.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    actor
}

/// The derived Yrs client id of a chain: 53 bits of the hash, little-endian; never 0.
pub fn yrs_client(chain: &Chain, document: &DocumentId, salt: &ActorSalt) -> u64 {
    let hash = actor_hash(chain, document, salt);
    let mut low = [0u8; 8];
    low.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    (u64::from_le_bytes(low) & ((1 << 53) - 1)).max(1)
}

/// A view of a document: an editor's pane, a window. Undo belongs to it. Chosen by the
/// application; local to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewId(pub u64);
