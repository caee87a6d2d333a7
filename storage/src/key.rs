//! What keeps a store's files from being read by others: nothing, or a key that the app supplies.

#[cfg(feature = "encryption")]
use crate::crypt::Encrypted;
use crate::journal::{Part, StorageBackend};

/// The key of an encrypted store: 64 random bytes. Whoever loses it loses the store.
#[cfg(feature = "encryption")]
#[derive(Clone)]
pub struct Key(pub [u8; 64]);

#[cfg(feature = "encryption")]
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// How a store's files are covered.
#[derive(Clone)]
pub(crate) enum Cover {
    None,
    #[cfg(feature = "encryption")]
    Key(Key),
}

impl Cover {
    /// A file as redb is to see it.
    pub(crate) fn over(
        &self,
        file: Box<dyn StorageBackend>,
        #[cfg_attr(not(feature = "encryption"), allow(unused_variables))] part: Part,
    ) -> Box<dyn StorageBackend> {
        match self {
            Cover::None => file,
            #[cfg(feature = "encryption")]
            Cover::Key(key) => {
                let context = match part {
                    Part::Journal => "anabranch store v2 journal",
                    Part::Derived => "anabranch store v2 derived",
                };
                let mut pages = [0; 64];
                let mut hasher = blake3::Hasher::new_derive_key(context);
                hasher.update(&key.0).finalize_xof().fill(&mut pages);
                Box::new(Encrypted::new(file, &pages))
            }
        }
    }

    /// What tells this key from others, and nothing else about it.
    pub(crate) fn check(&self) -> Option<String> {
        match self {
            Cover::None => None,
            #[cfg(feature = "encryption")]
            Cover::Key(key) => {
                let check = blake3::derive_key("anabranch store v2 check", &key.0);
                Some(blake3::Hash::from_bytes(check).to_hex().to_string())
            }
        }
    }

    /// What blobs are sealed by.
    pub(crate) fn blobs(&self, folder: &std::path::Path) -> crate::blobs::Blobs {
        match self {
            Cover::None => crate::blobs::Blobs::in_folder(folder),
            #[cfg(feature = "encryption")]
            Cover::Key(key) => crate::blobs::Blobs::encrypted(folder, key),
        }
    }
}
