//! Writing a whole file, atomically: it is there completely or not at all.
//!
//! The bytes go to a temporary name in the same folder, are fsynced, and only then take their
//! name, after which the folder is fsynced too. A crash before the name is taken leaves the old
//! file, or none, and a temporary file that [`crate::leftover::sweep`] removes. A crash after it
//! leaves the new file; whether its name survives is certain only once the call has returned.

use crate::{Fault, leftover};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Temporary names tried before giving up. Each is taken only by a killed process that had this
/// one's id, so the second is nearly always free.
const NAMES_TRIED_MAX: u32 = 64;

/// Why a file was not written. The file of that name is as it was, but after [`WriteError::Unsure`].
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The path has no file name, such as `/` or `..`.
    #[error("{path} names no file: give a path that ends in a file name")]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// There is a file of that name already.
    #[error("{path} exists already: choose another name, or replace it")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused a step.
    #[error("{path} was not written: {doing} failed: {source}; mend that and write it again")]
    Io {
        /// The path.
        path: PathBuf,
        /// The step.
        doing: Step,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file has its name and its content, but the folder could not be fsynced: after a power
    /// failure the old file may be back.
    #[error("{path} is written, but may be lost in a power failure: {source}; write it again")]
    Unsure {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl WriteError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            WriteError::NoName { .. } | WriteError::Exists { .. } => Fault::Caller,
            WriteError::Io { .. } | WriteError::Unsure { .. } => Fault::Environment,
        }
    }
}

/// A step of writing a file, for [`WriteError::Io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Making the temporary file.
    MakeTemporary,
    /// Writing the content.
    WriteContent,
    /// Flushing the content to the disk.
    FlushContent,
    /// Giving the file its name.
    TakeName,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Step::MakeTemporary => "making a temporary file beside it",
            Step::WriteContent => "writing its content",
            Step::FlushContent => "flushing its content to the disk",
            Step::TakeName => "giving it its name",
        })
    }
}

/// Writes a file, in place of one of that name. A reader sees the old content or the new, never a
/// mixture; of two writers the later to finish stands.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    replace_with(path, |file| file.write_all(content))
}

/// Writes a file whose content is produced as it is written. If `content` fails, nothing changes.
pub fn replace_with(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    write(
        path,
        Readers::Anyone,
        |file| content(file),
        |temporary, path| {
            fs::rename(temporary, path).map_err(|source| io_error(path, Step::TakeName, source))
        },
    )
}

/// Writes a file where none of that name is. Of two writers exactly one succeeds; the other is
/// answered [`WriteError::Exists`].
pub fn create(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    create_with(path, Readers::Anyone, |file| file.write_all(content))
}

/// The same, for a secret: at no moment can another user of the machine read it, where the system
/// knows users.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    create_with(path, Readers::Owner, |file| file.write_all(content))
}

/// Writes a file where none of that name is, as [`create`] does, by whatever needs the file itself.
pub(crate) fn create_with(
    path: &Path,
    readers: Readers,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), WriteError> {
    write(
        path,
        readers,
        content,
        // A rename would replace a file made in the meantime; a link is refused.
        |temporary, path| match fs::hard_link(temporary, path) {
            Ok(()) => {
                let _gone_or_left_to_the_sweep = fs::remove_file(temporary);
                Ok(())
            }
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                Err(WriteError::Exists {
                    path: path.to_owned(),
                })
            }
            Err(source) => Err(io_error(path, Step::TakeName, source)),
        },
    )
}

/// Who may read a file, as far as its folder lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    Anyone,
    Owner,
}

fn write(
    path: &Path,
    readers: Readers,
    content: impl FnOnce(&mut File) -> io::Result<()>,
    take_name: impl FnOnce(&Path, &Path) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let (mut file, temporary) = make_temporary(path, readers)?;
    let written = content(&mut file)
        .map_err(|source| io_error(path, Step::WriteContent, source))
        .and_then(|()| {
            file.sync_all()
                .map_err(|source| io_error(path, Step::FlushContent, source))
        });
    // Closed before it is renamed or removed: an open file can be neither on some systems.
    drop(file);
    if let Err(error) = written.and_then(|()| take_name(&temporary, path)) {
        let _gone_or_left_to_the_sweep = fs::remove_file(&temporary);
        return Err(error);
    }
    flush_folder(path).map_err(|source| WriteError::Unsure {
        path: path.to_owned(),
        source,
    })
}

/// Makes a temporary file beside `path` that no one else has open.
pub(crate) fn make_temporary(path: &Path, readers: Readers) -> Result<(File, PathBuf), WriteError> {
    let mut tries = 0;
    loop {
        let Some(temporary) = leftover::temporary_beside(path) else {
            return Err(WriteError::NoName {
                path: path.to_owned(),
            });
        };
        tries += 1;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        restrict(&mut options, readers);
        match options.open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(source)
                if source.kind() == io::ErrorKind::AlreadyExists && tries < NAMES_TRIED_MAX => {}
            Err(source) => return Err(io_error(path, Step::MakeTemporary, source)),
        }
    }
}

/// Has a new file readable by its owner alone from its first moment.
#[cfg(unix)]
fn restrict(options: &mut OpenOptions, readers: Readers) {
    use std::os::unix::fs::OpenOptionsExt;
    match readers {
        Readers::Anyone => {}
        Readers::Owner => {
            options.mode(0o600);
        }
    }
}

/// Elsewhere a file has the rights of its folder.
#[cfg(not(unix))]
fn restrict(_options: &mut OpenOptions, _readers: Readers) {}

/// Makes a name in the file's folder durable.
#[cfg(unix)]
pub(crate) fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Elsewhere a folder cannot be opened to be flushed; the file system orders names by itself.
#[cfg(not(unix))]
pub(crate) fn flush_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn io_error(path: &Path, doing: Step, source: io::Error) -> WriteError {
    WriteError::Io {
        path: path.to_owned(),
        doing,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// A disk that is full after so many bytes.
    struct FullAfter<'a> {
        left: usize,
        file: &'a mut dyn Write,
    }

    impl Write for FullAfter<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let fits = bytes.len().min(self.left);
            self.left -= fits;
            self.file.write(&bytes[..fits])
        }
        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        replace(&path, b"old").unwrap();
        for left in 0..9 {
            let error = replace_with(&path, |file| {
                FullAfter { left, file }.write_all(b"newcontent")
            })
            .unwrap_err();
            assert!(matches!(
                &error,
                WriteError::Io { doing: Step::WriteContent, source, .. }
                    if source.kind() == io::ErrorKind::StorageFull
            ));
            assert_eq!(error.fault(), Fault::Environment);
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(names(folder.path()), ["store"]);
        }
    }

    #[test]
    fn create_refuses_an_existing_name_and_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        create(&path, b"first").unwrap();
        let error = create(&path, b"second").unwrap_err();
        assert!(matches!(error, WriteError::Exists { .. }));
        assert_eq!(error.fault(), Fault::Caller);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["store"]);
    }

    #[test]
    fn of_two_creators_exactly_one_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(format!("store{round}"));
            let start = Barrier::new(2);
            let won: Vec<bool> = std::thread::scope(|scope| {
                let writers: Vec<_> = [b'a', b'b']
                    .into_iter()
                    .map(|byte| {
                        let (path, start) = (&path, &start);
                        scope.spawn(move || {
                            start.wait();
                            create(path, &[byte; 100_000]).is_ok()
                        })
                    })
                    .collect();
                writers.into_iter().map(|w| w.join().unwrap()).collect()
            });
            assert_eq!(won.iter().filter(|won| **won).count(), 1);
            let winner = if won[0] { b'a' } else { b'b' };
            assert_eq!(fs::read(&path).unwrap(), vec![winner; 100_000]);
        }
    }

    #[test]
    fn a_reader_of_two_replacing_writers_always_sees_one_whole_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        replace(&path, &[b'a'; 50_000]).unwrap();
        std::thread::scope(|scope| {
            for byte in [b'a', b'b'] {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..25 {
                        replace(path, &[byte; 50_000]).unwrap();
                    }
                });
            }
            for _ in 0..200 {
                let content = fs::read(&path).unwrap();
                assert_eq!(content.len(), 50_000);
                assert!(content.iter().all(|byte| *byte == content[0]));
            }
        });
        assert_eq!(names(folder.path()), ["store"]);
    }

    #[test]
    fn a_path_without_a_file_name_or_a_folder_is_a_typed_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            replace(Path::new("/"), b"x").unwrap_err(),
            WriteError::NoName { .. }
        ));
        assert!(matches!(
            replace(&folder.path().join("absent/store"), b"x").unwrap_err(),
            WriteError::Io {
                doing: Step::MakeTemporary,
                ..
            }
        ));
    }
}
