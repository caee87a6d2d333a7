//! A file whose content is checked on every read. What stands inside is the caller's.
//!
//! ```text
//! 0   "anabranch bundle"     16 bytes
//! 16  version                u8, 1
//! 17  length of the content  u64, little-endian
//! 25  blake3 of the content  32 bytes
//! 57  the content
//! ```
//! The file ends where the content ends.

use crate::{
    Fault,
    bounded::{self, ReadError},
    whole::{self, WriteError},
};
use std::path::{Path, PathBuf};

/// The first bytes of every bundle.
pub const MAGIC: &[u8; 16] = b"anabranch bundle";
/// The version that this build writes, and the newest it reads.
pub const VERSION: u8 = 1;
/// Bytes before the content.
pub const HEAD_BYTES: usize = 57;

/// Why a bundle was not read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file itself.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What the file holds.
    #[error("{path}: {rule}")]
    Content {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        rule: BundleRule,
    },
}

/// What is wrong with a bundle's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleRule {
    /// It does not begin as a bundle does.
    #[error("this is not an Anabranch bundle: it does not begin with \"anabranch bundle\"")]
    NotABundle,
    /// A later build wrote it.
    #[error("it is a bundle of version {found}; this build reads up to {VERSION}: upgrade")]
    Version {
        /// The version it names.
        found: u8,
    },
    /// It ends within its head.
    #[error("it ends after {had} bytes, within its head of {HEAD_BYTES}: fetch or copy it again")]
    Cut {
        /// The file's length.
        had: usize,
    },
    /// Its content ends too early, or goes on after its end.
    #[error("its content is {had} bytes where its head says {wanted}: fetch or copy it again")]
    Length {
        /// The content's length as the head says.
        wanted: u64,
        /// The bytes that follow the head.
        had: u64,
    },
    /// Its content is not what was written.
    #[error("its content is not what was written: its blake3 differs; fetch or copy it again")]
    Hash,
}

impl BundleError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            BundleError::Read(error) => error.fault(),
            BundleError::Content { rule, .. } => match rule {
                BundleRule::NotABundle | BundleRule::Version { .. } => Fault::Caller,
                BundleRule::Cut { .. } | BundleRule::Length { .. } | BundleRule::Hash => {
                    Fault::Corruption
                }
            },
        }
    }
}

/// Writes a bundle in place of any file of that name, atomically ([`whole::replace_with`]).
pub fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    whole::replace_with(path, |file| {
        file.write_all(&head(content))?;
        file.write_all(content)
    })
}

/// Reads a bundle of at most `bytes_max` bytes of content, and checks it.
pub fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, BundleError> {
    let mut file = bounded::read(path, bytes_max.saturating_add(HEAD_BYTES))?;
    check(&file).map_err(|rule| BundleError::Content {
        path: path.to_owned(),
        rule,
    })?;
    file.drain(..HEAD_BYTES);
    Ok(file)
}

/// The content of a bundle's bytes, if they are whole.
pub fn check(file: &[u8]) -> Result<&[u8], BundleRule> {
    let rest = file.strip_prefix(MAGIC).ok_or(BundleRule::NotABundle)?;
    let (version, rest) = rest
        .split_first()
        .ok_or(BundleRule::Cut { had: file.len() })?;
    if *version != VERSION {
        return Err(BundleRule::Version { found: *version });
    }
    let cut = BundleRule::Cut { had: file.len() };
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(cut)?;
    let (hash, content) = rest.split_first_chunk::<32>().ok_or(cut)?;
    let (wanted, had) = (u64::from_le_bytes(*length), content.len() as u64);
    if wanted != had {
        return Err(BundleRule::Length { wanted, had });
    }
    if blake3::hash(content) != *hash {
        return Err(BundleRule::Hash);
    }
    Ok(content)
}

fn head(content: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(MAGIC);
    head.push(VERSION);
    head.extend_from_slice(&(content.len() as u64).to_le_bytes());
    head.extend_from_slice(blake3::hash(content).as_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(content: &[u8]) -> Vec<u8> {
        [head(content).as_slice(), content].concat()
    }

    #[test]
    fn the_bytes_of_version_1_stay_what_they_are() {
        let hex: String = bytes(b"river").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "616e616272616e63682062756e646c65", // "anabranch bundle"
                "01",
                "0500000000000000",
                "7aa0965259785b7f5133dbb69419893d0d80127168f5d753ec487a74787bcbf1",
                "7269766572"
            )
        );
    }

    #[test]
    fn a_later_version_asks_for_an_upgrade() {
        let mut file = bytes(b"river");
        file[16] = 2;
        assert_eq!(check(&file), Err(BundleRule::Version { found: 2 }));
    }

    #[test]
    fn the_callers_bound_counts_the_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        replace(&path, &[9; 1_000]).unwrap();
        assert_eq!(read(&path, 1_000).unwrap(), [9; 1_000]);
        assert!(matches!(
            read(&path, 999).unwrap_err(),
            BundleError::Read(ReadError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn every_single_flipped_bit_and_every_cut_is_found(
            content in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let whole = bytes(&content);
            prop_assert_eq!(check(&whole), Ok(content.as_slice()));
            let at = at.index(whole.len());
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(check(&flipped).is_err());
            prop_assert!(check(&whole[..at]).is_err());
            let longer = [whole.as_slice(), &[0]].concat();
            prop_assert!(check(&longer).is_err());
        }
    }
}
