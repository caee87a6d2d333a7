//! What makes a piece of a blob's file the one that was written there: a keyed hash, or encryption that
//! is authenticated. Each file has its own key, made from a salt in its head, and no two pieces of it
//! share a nonce: so a piece of another file, or in another place, is found too.

use super::Salt;
#[cfg(feature = "encryption")]
use aes_gcm::{AeadInPlace, Aes256Gcm, KeyInit};

/// The name of a piece within its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The blob's id.
    Id,
    /// A part of its content.
    Chunk {
        /// Which, from 0.
        at: u64,
        /// Whether it is the last.
        last: bool,
    },
}

impl Piece {
    fn nonce(self) -> [u8; 12] {
        let (kind, at) = match self {
            Piece::Id => (0, 0),
            Piece::Chunk { at, last } => (1 + u8::from(last), at),
        };
        let mut nonce = [kind; 12];
        nonce[..8].copy_from_slice(&at.to_le_bytes());
        nonce
    }
}

/// Seals the pieces of one file.
pub(super) enum Sealer {
    /// They can be read by anyone.
    Plain([u8; 32]),
    #[cfg(feature = "encryption")]
    Encrypted(Box<Aes256Gcm>),
}

/// What all files of a folder are sealed by.
#[derive(Clone)]
pub(super) enum Master {
    Plain,
    #[cfg(feature = "encryption")]
    Encrypted([u8; 32]),
}

impl Master {
    pub(super) fn sealer(&self, salt: &Salt) -> Sealer {
        match self {
            Master::Plain => Sealer::Plain(blake3::derive_key("anabranch blob v1 seal", salt)),
            #[cfg(feature = "encryption")]
            Master::Encrypted(master) => {
                let material = [master.as_slice(), salt].concat();
                let key = blake3::derive_key("anabranch blob v1 encryption", &material);
                Sealer::Encrypted(Box::new(Aes256Gcm::new(&key.into())))
            }
        }
    }

    /// The name of a blob's file. Where blobs are encrypted it does not tell which content it is of.
    pub(super) fn name(&self, id: &[u8; 32]) -> String {
        let name = match self {
            Master::Plain => blake3::Hash::from_bytes(*id),
            #[cfg(feature = "encryption")]
            Master::Encrypted(master) => {
                let key = blake3::derive_key("anabranch blob v1 name", master);
                blake3::keyed_hash(&key, id)
            }
        };
        name.to_hex().to_string()
    }
}

impl Sealer {
    /// How many bytes a seal adds to a piece.
    pub(super) fn seal_bytes(&self) -> usize {
        match self {
            Sealer::Plain(_) => blake3::OUT_LEN,
            #[cfg(feature = "encryption")]
            Sealer::Encrypted(_) => 16,
        }
    }

    /// Seals a piece in its place.
    pub(super) fn seal(&self, piece: Piece, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Sealer::Plain(key) => bytes.extend(hash(key, piece, bytes).as_bytes()),
            #[cfg(feature = "encryption")]
            Sealer::Encrypted(cipher) => cipher
                .encrypt_in_place(&piece.nonce().into(), b"", bytes)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?,
        }
        Ok(())
    }

    /// Takes a piece's seal off; `false` where it is not this piece.
    pub(super) fn unseal(&self, piece: Piece, bytes: &mut Vec<u8>) -> bool {
        match self {
            Sealer::Plain(key) => {
                let Some((content, seal)) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>() else {
                    return false;
                };
                let whole = hash(key, piece, content) == *seal;
                bytes.truncate(bytes.len().saturating_sub(blake3::OUT_LEN));
                whole
            }
            #[cfg(feature = "encryption")]
            Sealer::Encrypted(cipher) => cipher
                .decrypt_in_place(&piece.nonce().into(), b"", bytes)
                .is_ok(),
        }
    }
}

fn hash(key: &[u8; 32], piece: Piece, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&piece.nonce());
    hasher.update(bytes);
    hasher.finalize()
}
