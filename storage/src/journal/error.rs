//! Why a store was not made or opened, and what redb's errors mean to the store port.

use crate::{Fault, whole::WriteError};
use anabranch_core::store::{Position, StoreError};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a store was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its folder could not be made.
    #[error("the folder {path} cannot be made: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Its file could not be made, or there is one.
    #[error(transparent)]
    File(#[from] WriteError),
}

impl CreateError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            CreateError::Folder { .. } => Fault::Environment,
            CreateError::File(error) => error.fault(),
        }
    }
}

/// Why a store was not opened. No byte of it was changed; at most its `lock` is new.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct OpenError {
    /// The store's file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: NotOpened,
}

/// What is wrong with a store that was not opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// There is no store.
    #[error("there is no store here: check the path, or create one")]
    Missing,
    /// There is something else.
    #[error("this is not a store of Anabranch: check the path")]
    NotAStore,
    /// It is of another version of the program.
    #[error("the store has format {had}, this build reads formats up to {reads}: use the build that made it, or a newer one", reads = super::FORMAT)]
    Format {
        /// Its format.
        had: u64,
    },
    /// It is encrypted.
    #[error("the store is encrypted: open it with its key")]
    Encrypted,
    /// It is not encrypted.
    #[error("the store is not encrypted: open it without a key")]
    NotEncrypted,
    /// It is encrypted with another key.
    #[error("this is not the key of the store: give the one that it was made with")]
    WrongKey,
    /// Someone has it open.
    #[error("the store is open already, in this process or another: close it there first")]
    InUse,
    /// It cannot be written.
    #[error(
        "the store cannot be written ({0}): give this user the right to, or make the disk writable"
    )]
    ReadOnly(io::Error),
    /// It is cut short or overwritten.
    #[error(
        "the store is cut short or damaged: restore it from a copy, or create a new one and fetch \
         from a peer"
    )]
    Damaged,
    /// The operating system refused.
    #[error("the store cannot be opened: {0}")]
    Io(io::Error),
}

impl OpenError {
    pub(super) fn at(path: &Path) -> impl Fn(NotOpened) -> OpenError {
        move |reason| OpenError {
            path: path.to_owned(),
            reason,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self.reason {
            NotOpened::Missing
            | NotOpened::NotAStore
            | NotOpened::Format { .. }
            | NotOpened::Encrypted
            | NotOpened::NotEncrypted
            | NotOpened::WrongKey
            | NotOpened::InUse => Fault::Caller,
            NotOpened::ReadOnly(_) | NotOpened::Io(_) => Fault::Environment,
            NotOpened::Damaged => Fault::Corruption,
        }
    }
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NotOpened::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                NotOpened::ReadOnly(error)
            }
            // It ends before something that it names.
            io::ErrorKind::UnexpectedEof => NotOpened::Damaged,
            _ => NotOpened::Io(error),
        }
    }
}

impl From<Trouble> for NotOpened {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Io(error) => error.into(),
            Trouble::InUse => NotOpened::InUse,
            Trouble::Damaged | Trouble::Panicked | Trouble::Moved { .. } => NotOpened::Damaged,
            Trouble::Closed(reason) => reason,
        }
    }
}

/// Why the file did not do what it was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The operating system refused.
    Io(io::Error),
    /// Someone else has it.
    InUse,
    /// What was read is not what was written.
    Damaged,
    /// The same, found by accident.
    Panicked,
    /// The journal does not end where the caller believes.
    Moved {
        /// Where it ends.
        end: u64,
    },
    /// It was closed after an error, and could not be opened again.
    Closed(NotOpened),
}

impl Trouble {
    /// Whether redb can still be asked.
    pub(super) fn leaves_it_open(&self) -> bool {
        match self {
            Trouble::Damaged | Trouble::Moved { .. } => true,
            Trouble::Io(_) | Trouble::InUse | Trouble::Panicked | Trouble::Closed(_) => false,
        }
    }

    /// What the operating system refused.
    pub(super) fn io(error: io::Error) -> Self {
        redb::Error::Io(error).into()
    }

    /// As the store port says it, of what happened in the file of derived entries.
    pub(super) fn of_what_is_derived(self) -> StoreError {
        match self {
            Trouble::Damaged
            | Trouble::Panicked
            | Trouble::Moved { .. }
            | Trouble::Closed(
                NotOpened::Damaged | NotOpened::NotAStore | NotOpened::Format { .. },
            ) => StoreError::Derived,
            other => other.at(Position(0)),
        }
    }

    /// As the store port says it, of what happened at this row.
    pub(super) fn at(self, at: Position) -> StoreError {
        let io = |error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            kind => StoreError::Io(kind),
        };
        match self {
            Trouble::Io(error) => io(error),
            Trouble::InUse | Trouble::Closed(NotOpened::InUse) => {
                StoreError::Io(io::ErrorKind::ResourceBusy)
            }
            Trouble::Damaged | Trouble::Panicked | Trouble::Closed(NotOpened::Damaged) => {
                StoreError::Corrupt { at }
            }
            Trouble::Moved { end } => StoreError::Moved {
                end: Position(end),
                wanted: at,
            },
            Trouble::Closed(NotOpened::ReadOnly(error) | NotOpened::Io(error)) => io(error),
            Trouble::Closed(NotOpened::Missing) => StoreError::Io(io::ErrorKind::NotFound),
            Trouble::Closed(
                NotOpened::NotAStore
                | NotOpened::Format { .. }
                | NotOpened::Encrypted
                | NotOpened::NotEncrypted
                | NotOpened::WrongKey,
            ) => StoreError::Io(io::ErrorKind::InvalidData),
        }
    }
}

/// Whatever redb answers becomes its umbrella error first.
impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.into() {
            // A page number that points behind the file's end.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Trouble::Damaged
            }
            redb::Error::Io(error) => Trouble::Io(error),
            redb::Error::DatabaseAlreadyOpen => Trouble::InUse,
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_) => Trouble::Damaged,
            // An earlier error, of the disk or a panic, shut it; or a call that is never made.
            other => Trouble::Io(io::Error::other(other)),
        }
    }
}
