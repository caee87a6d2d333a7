//! Large payloads, such as attachments: files that are named by their content. Their bytes:
//! `storage/docs/tables.md`, section 7.
//!
//! ```
//! use anabranch_storage::blobs::Blobs;
//! use std::io::Read;
//!
//! # let folder = tempfile::tempdir()?;
//! let blobs = Blobs::in_folder(folder.path());
//! let id = blobs.put(&mut &b"a picture"[..], 1 << 30)?; // durable from here on
//! let mut content = Vec::new();
//! blobs.open(id)?.read_to_end(&mut content)?; // checked before it is handed out
//! assert_eq!(content, b"a picture");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `read` | reading one, checked |
//! | `seal` | what makes a piece of a file the one that was written there |
//! | `error` | why one was not put, or not read |

mod error;
mod read;
mod seal;

pub use error::{BlobError, PutError};
pub use read::Blob;

use crate::{leftover, whole};
use seal::{Master, Piece};
use std::{
    fmt, fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// What the first bytes of every blob's file are.
const MAGIC: &[u8; 17] = b"anabranch blob 1\n";

type Salt = [u8; 32];

/// The head without the seal of the id.
const HEAD_BYTES: u64 = (MAGIC.len() + size_of::<Salt>() + blake3::OUT_LEN) as u64;

/// What is checked at once, and so held in memory.
const CHUNK_BYTES: usize = 1 << 20;

/// The name of a blob: blake3 of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// A folder of blobs. It is made when the first is put. Any number of threads and processes may use it.
#[derive(Clone)]
pub struct Blobs {
    folder: PathBuf,
    master: Master,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs")
            .field("folder", &self.folder)
            .finish()
    }
}

impl Blobs {
    /// The blobs in a folder.
    pub fn in_folder(folder: &Path) -> Blobs {
        Blobs {
            folder: folder.to_owned(),
            master: Master::Plain,
        }
    }

    /// The blobs in a folder, which nobody can read without the key, not even of which content they are.
    #[cfg(feature = "encryption")]
    pub fn encrypted(folder: &Path, key: &crate::Key) -> Blobs {
        let master = blake3::derive_key("anabranch store v2 blobs", &key.0);
        Blobs {
            folder: folder.to_owned(),
            master: Master::Encrypted(master),
        }
    }

    /// Puts what can be read, of at most `bytes_max` bytes, in memory for one chunk of a megabyte at a
    /// time. When this returns it is durable. What is there already is put in place anew.
    ///
    /// # Errors
    /// Why it was not put.
    pub fn put(&self, content: &mut impl Read, bytes_max: u64) -> Result<BlobId, PutError> {
        let failed = |source: io::Error| self.put_failed(source);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        whole::flush_folder(&self.folder).map_err(failed)?;
        let beside = self.folder.join("blob");
        let made = whole::make_temporary(&beside, whole::Readers::Anyone);
        let (mut file, temporary) = made.map_err(|error| match error {
            whole::WriteError::Io { source, .. } => failed(source),
            other => failed(io::Error::other(other)),
        })?;
        let put = self.fill(&mut file, content, bytes_max).and_then(|id| {
            file.sync_all().map_err(failed)?;
            let path = self.path(id);
            fs::rename(&temporary, &path).map_err(failed)?;
            whole::flush_folder(&path).map_err(failed)?;
            Ok(id)
        });
        if put.is_err() {
            let _gone_or_left_to_the_sweep = fs::remove_file(&temporary);
        }
        put
    }

    fn fill(
        &self,
        file: &mut fs::File,
        content: &mut impl Read,
        bytes_max: u64,
    ) -> Result<BlobId, PutError> {
        let failed = |source: io::Error| self.put_failed(source);
        let mut salt: Salt = [0; size_of::<Salt>()];
        getrandom::fill(&mut salt).map_err(|_| failed(io::ErrorKind::Unsupported.into()))?;
        let sealer = self.master.sealer(&salt);
        let id_bytes = blake3::OUT_LEN.saturating_add(sealer.seal_bytes());
        file.write_all(MAGIC).map_err(failed)?;
        file.write_all(&salt).map_err(failed)?;
        // Its content names it, so its name is written when that is known.
        file.write_all(&vec![0; id_bytes]).map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let (mut at, mut len) = (0u64, 0u64);
        let mut chunk = next_chunk(content)?;
        loop {
            hasher.update(&chunk);
            len = len.saturating_add(chunk.len() as u64);
            if len > bytes_max {
                return Err(PutError::TooLarge { bytes_max });
            }
            let next = match chunk.len() {
                CHUNK_BYTES => next_chunk(content)?,
                _ => Vec::new(),
            };
            let last = next.is_empty();
            let sealed = sealer.seal(Piece::Chunk { at, last }, &mut chunk);
            sealed
                .and_then(|()| file.write_all(&chunk))
                .map_err(failed)?;
            if last {
                break;
            }
            (chunk, at) = (next, at.saturating_add(1));
        }
        let id = BlobId(hasher.finalize().into());
        let mut named = id.0.to_vec();
        let place = (MAGIC.len() + size_of::<Salt>()) as u64;
        sealer
            .seal(Piece::Id, &mut named)
            .and_then(|()| file.seek(SeekFrom::Start(place)))
            .and_then(|_| file.write_all(&named))
            .map_err(failed)?;
        Ok(id)
    }

    fn put_failed(&self, source: io::Error) -> PutError {
        let path = self.folder.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PutError::Full { path },
            _ => PutError::Io { path, source },
        }
    }

    /// Opens a blob to read it.
    ///
    /// # Errors
    /// Why it cannot be read. What follows its first piece is checked as it is read.
    pub fn open(&self, id: BlobId) -> Result<Blob, BlobError> {
        Blob::open(self.path(id), &self.master, Some(id))
    }

    /// Whether a file of this blob is there.
    pub fn exists(&self, id: BlobId) -> bool {
        self.path(id).is_file()
    }

    /// Every blob, in the order of their ids, and what of the folder is none or cannot be read.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn list(&self) -> Result<(Vec<BlobId>, Vec<BlobError>), BlobError> {
        let failed = |source| BlobError::Io {
            path: self.folder.clone(),
            source,
        };
        let (mut blobs, mut others) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((blobs, others)),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if leftover::is_temporary(&path) {
                continue;
            }
            match Blob::open(path.clone(), &self.master, None) {
                Ok(blob) if path == self.path(blob.id()) => blobs.push(blob.id()),
                Ok(_) => others.push(BlobError::NotABlob { path }),
                Err(error) => others.push(error),
            }
        }
        blobs.sort_unstable();
        Ok((blobs, others))
    }

    /// Reads all of a blob and holds it against its name; answers how many bytes its content has.
    ///
    /// # Errors
    /// Why it cannot be read, or is not what was put.
    pub fn verify(&self, id: BlobId) -> Result<u64, BlobError> {
        let mut blob = self.open(id)?;
        let mut hasher = blake3::Hasher::new();
        let path = self.path(id);
        let read = io::copy(&mut blob, &mut hasher).map_err(|error| {
            let kind = error.kind();
            match error.downcast::<BlobError>() {
                Ok(error) => error,
                Err(source) => BlobError::Io {
                    path: path.clone(),
                    source: io::Error::new(kind, source),
                },
            }
        })?;
        match *hasher.finalize().as_bytes() == id.0 {
            true => Ok(read),
            false => Err(BlobError::Altered { id, path, at: 0 }),
        }
    }

    /// Removes a blob; answers whether it was there.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove(&self, id: BlobId) -> Result<bool, BlobError> {
        let path = self.path(id);
        let removed = fs::remove_file(&path).and_then(|()| whole::flush_folder(&path));
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(BlobError::Io { path, source }),
        }
    }

    /// Removes what killed writers left, as [`leftover::sweep`] does; answers how many.
    ///
    /// # Errors
    /// Where one cannot be removed.
    pub fn sweep(&self, idle: Duration) -> Result<usize, BlobError> {
        match self.folder.is_dir() {
            true => Ok(leftover::sweep(&self.folder, idle)?),
            false => Ok(0),
        }
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder.join(self.master.name(&id.0))
    }
}

/// As much as is checked at once, or what is left.
fn next_chunk(content: &mut impl Read) -> Result<Vec<u8>, PutError> {
    let mut chunk = Vec::new();
    let read = content.take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
    read.map_err(PutError::Content)?;
    Ok(chunk)
}
