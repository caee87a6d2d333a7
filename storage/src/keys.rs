//! Where a device keeps its secret key: a file for its owner alone, or whatever the application has, such
//! as the system's key ring.

use crate::{
    Fault, bounded,
    whole::{self, WriteError},
};
use std::path::{Path, PathBuf};

/// Keeps a device's secret.
pub trait KeyStore {
    /// The device's secret key; none where none was kept.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    fn device(&self) -> Result<Option<[u8; 32]>, KeyError>;

    /// Keeps the device's secret key. Where one is kept already it stays.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn keep_device(&self, key: &[u8; 32]) -> Result<(), KeyError>;

    /// Where it is kept, for people.
    fn place(&self) -> String;
}

/// Why a key was not read or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] bounded::ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file holds no key.
    #[error("{path} holds {had} bytes, a device's key has 32: put the right file back")]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        had: usize,
    },
    /// The application's own key store failed.
    #[error("the device's key in {place}: {what}")]
    Other {
        /// Where it is kept.
        place: String,
        /// What it said.
        what: String,
    },
}

impl KeyError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            KeyError::Read(error) => error.fault(),
            KeyError::Write(error) => error.fault(),
            KeyError::Length { .. } => Fault::Corruption,
            KeyError::Other { .. } => Fault::Environment,
        }
    }
}

/// A key in a file that its owner alone may read.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The key in this file.
    pub fn new(path: impl AsRef<Path>) -> Self {
        KeyFile(path.as_ref().to_owned())
    }
}

impl KeyStore for KeyFile {
    fn device(&self) -> Result<Option<[u8; 32]>, KeyError> {
        if !self.0.exists() {
            return Ok(None);
        }
        let bytes = bounded::read(&self.0, 64)?;
        let had = bytes.len();
        let path = self.0.clone();
        let key = bytes.try_into();
        key.map(Some).map_err(|_| KeyError::Length { path, had })
    }

    fn keep_device(&self, key: &[u8; 32]) -> Result<(), KeyError> {
        Ok(whole::create_private(&self.0, key)?)
    }

    fn place(&self) -> String {
        self.0.display().to_string()
    }
}
