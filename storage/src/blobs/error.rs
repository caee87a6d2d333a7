//! Why a blob was not put, or not read.

use super::BlobId;
use crate::{Fault, leftover::SweepError};
use std::{io, path::PathBuf};

/// Why a blob was not put. Nothing is there but perhaps a temporary file, which the sweep removes.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Its content cannot be read.
    #[error("the content cannot be read: {0}")]
    Content(io::Error),
    /// It is larger than allowed.
    #[error("the content is larger than the {bytes_max} bytes that a blob may have here")]
    TooLarge {
        /// What was allowed.
        bytes_max: u64,
    },
    /// No room on the disk.
    #[error("{path}: the disk is full: free some space and attach it again")]
    Full {
        /// The folder.
        path: PathBuf,
    },
    /// The disk or the operating system failed.
    #[error("{path}: the blob was not written: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl PutError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            PutError::TooLarge { .. } => Fault::Caller,
            PutError::Content(_) | PutError::Full { .. } | PutError::Io { .. } => {
                Fault::Environment
            }
        }
    }
}

/// Why a blob cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not here.
    #[error("the blob {id} is not here: fetch it from a peer")]
    Missing {
        /// The blob.
        id: BlobId,
    },
    /// It is not what was put.
    #[error("the blob {id} is damaged at byte {at} of {path}: remove it, and fetch it from a peer")]
    Altered {
        /// The blob.
        id: BlobId,
        /// Its file.
        path: PathBuf,
        /// Where in its file the piece begins that is not what was written.
        at: u64,
    },
    /// The file is something else, or encrypted with another key.
    #[error("{path} is not a blob of this store")]
    NotABlob {
        /// The file.
        path: PathBuf,
    },
    /// The disk or the operating system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl BlobError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            BlobError::Missing { .. } => Fault::Caller,
            BlobError::Altered { .. } | BlobError::NotABlob { .. } => Fault::Corruption,
            BlobError::Io { .. } => Fault::Environment,
        }
    }
}

impl From<SweepError> for BlobError {
    fn from(SweepError { path, source }: SweepError) -> Self {
        BlobError::Io { path, source }
    }
}

/// A reader of a blob speaks of its errors through the standard library's.
impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        let kind = match &error {
            BlobError::Missing { .. } => io::ErrorKind::NotFound,
            BlobError::Altered { .. } | BlobError::NotABlob { .. } => io::ErrorKind::InvalidData,
            BlobError::Io { source, .. } => source.kind(),
        };
        io::Error::new(kind, error)
    }
}
