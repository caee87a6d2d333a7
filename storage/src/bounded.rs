//! Reading a whole file that someone else may have made: never more than the caller allows, never
//! a device or pipe that would not end.

use crate::Fault;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no file of that name.
    #[error("{path} does not exist: check the path")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// It is a folder, a device, a pipe.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It is larger than allowed. Nothing of it is handed out.
    #[error("{path} is larger than the {bytes_max} bytes that may be read of it")]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// What was allowed.
        bytes_max: usize,
    },
    /// The operating system refused.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ReadError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ReadError::Missing { .. } | ReadError::NotAFile { .. } => Fault::Caller,
            ReadError::TooLarge { .. } => Fault::Peer,
            ReadError::Io { .. } => Fault::Environment,
        }
    }
}

/// Reads a regular file of at most `bytes_max` bytes. A file that grows while it is read is cut off
/// by the same bound. Memory grows with what arrives, not with what the file system claims.
pub fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, ReadError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::Missing {
            path: path.to_owned(),
        },
        _ => ReadError::Io {
            path: path.to_owned(),
            source,
        },
    };
    // Asked by name first: merely opening a pipe can wait for ever.
    let by_name = std::fs::metadata(path).map_err(failed)?;
    if !by_name.is_file() {
        return Err(ReadError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap(), [7; 100]);
        assert_eq!(read(&path, usize::MAX).unwrap(), [7; 100]);
        let error = read(&path, 99).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge { bytes_max: 99, .. }));
        assert_eq!(error.fault(), Fault::Peer);
    }

    #[test]
    fn a_missing_file_and_a_folder_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(&folder.path().join("absent"), 1).unwrap_err(),
            ReadError::Missing { .. }
        ));
        assert!(matches!(
            read(folder.path(), 1).unwrap_err(),
            ReadError::NotAFile { .. }
        ));
    }

    #[cfg(unix)]
    #[test]
    fn an_endless_device_is_not_read() {
        let error = read(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert!(matches!(error, ReadError::NotAFile { .. }));
    }
}
