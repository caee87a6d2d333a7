//! A store as a folder: made in one step, opened by one process, told from its copy.

use super::{
    CreateError, NotOpened, OpenError, Part, RedbStore,
    place::{self, Marker, Place, Whereabouts},
    tables::FORMAT,
};
use crate::whole::{self, Readers, WriteError};
use anabranch_core::store::{Position, Store};
use redb::{StorageBackend, backends::FileBackend};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
};

const FILE: &str = "store.redb";
const DERIVED: &str = "derived.redb";
const MARKER: &str = "marker";
const LOCK: &str = "lock";

impl RedbStore {
    /// Makes an empty store in a folder, which is made if it is not there. When this returns, the
    /// store is there whatever happens; if it does not return, there is none, or a whole one.
    ///
    /// # Errors
    /// Where there is a store already, or the disk refuses.
    pub fn create(folder: &Path) -> Result<(), CreateError> {
        make_folder(folder).map_err(|source| CreateError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let path = folder.join(FILE);
        whole::create_with(&path, Readers::Anyone, |file| {
            let file = file.try_clone()?;
            // What is derived is not asked for, and made when it is.
            let store = RedbStore::on(move |_| backend(file.try_clone()?));
            drop(store.map_err(io::Error::other)?);
            Ok(())
        })?;
        write_marker(folder)?;
        Ok(())
    }

    /// Opens the store in a folder, and tells whether it is where it was. A store that moved may be a
    /// copy: do not write in its name before that is settled.
    ///
    /// # Errors
    /// Why it was not opened. Nothing in it was changed.
    pub fn open(folder: &Path) -> Result<(RedbStore, Whereabouts), OpenError> {
        let path = folder.join(FILE);
        let refused = OpenError::at(&path);
        let marker = place::read(&folder.join(MARKER)).map_err(|error| refused(error.into()))?;
        if let Marker::Format(had) = marker {
            return Err(refused(NotOpened::Format { had }));
        }
        // Asked by name first: merely opening a pipe can wait for ever.
        let about = fs::metadata(&path).map_err(|error| refused(error.into()))?;
        if !about.is_file() {
            return Err(refused(NotOpened::NotAStore));
        }
        let is = Place::of(&about);
        let lock = lock(&folder.join(LOCK)).map_err(&refused)?;
        let (name, derived) = (path.clone(), folder.join(DERIVED));
        let ground = move |part| match part {
            Part::Journal => journal(&name, is),
            Part::Derived => Ok(backend(open_or_make(&derived)?)?),
        };
        let folder_and_lock = Some((folder.to_owned(), lock));
        let store = RedbStore::opened(Arc::new(ground), folder_and_lock).map_err(&refused)?;
        if let Marker::Place(..FORMAT, was) = marker {
            // It says of another format than the file until it can be written.
            let _now_or_when_it_opens_next = place::write(&folder.join(MARKER), was);
        }
        let whereabouts = match marker {
            Marker::Place(_, was) if was == is => Whereabouts::Home,
            // A crash between its two steps left it; there is nothing in it to be copied.
            Marker::None if store.end().is_ok_and(|end| end == Position(0)) => {
                match store.settle() {
                    Ok(()) => Whereabouts::Home,
                    Err(_) => Whereabouts::Moved { was: None, is },
                }
            }
            Marker::Place(_, was) => Whereabouts::Moved { was: Some(was), is },
            Marker::None | Marker::Format(_) => Whereabouts::Moved { was: None, is },
        };
        Ok((store, whereabouts))
    }

    /// Whether a folder holds a store, or what passes for one.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// From now on the store in a folder is at home there, whoever has it open.
    ///
    /// # Errors
    /// Where the marker cannot be written.
    pub fn settle_in(folder: &Path) -> Result<(), WriteError> {
        write_marker(folder)
    }

    /// From now on the store is at home where it is. A store without a folder has no home.
    ///
    /// # Errors
    /// Where the marker cannot be written.
    pub fn settle(&self) -> Result<(), WriteError> {
        match &self.folder {
            Some((folder, _)) => write_marker(folder),
            None => Ok(()),
        }
    }
}

fn write_marker(folder: &Path) -> Result<(), WriteError> {
    let marker = folder.join(MARKER);
    let about = fs::metadata(folder.join(FILE)).map_err(|source| WriteError::Io {
        path: marker.clone(),
        doing: whole::Step::WriteContent,
        source,
    })?;
    place::write(&marker, Place::of(&about))
}

fn journal(path: &Path, is: Place) -> Result<Box<dyn StorageBackend>, NotOpened> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let about = file.metadata()?;
    if about.len() == 0 {
        return Err(NotOpened::Damaged);
    }
    // Opened again after an error, it must still be the same.
    match Place::of(&about) == is {
        true => Ok(backend(file)?),
        false => Err(io::Error::from(io::ErrorKind::StaleNetworkFileHandle).into()),
    }
}

/// What is derived may be missing: whoever copies a store may leave it out.
fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = options.create_new(true).open(path)?;
            whole::flush_folder(path)?;
            Ok(file)
        }
        file => file,
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    let backend = FileBackend::new(file).map_err(io::Error::other)?;
    Ok(Box::new(backend))
}

/// Held until the store is dropped, also while its file is closed after an error.
fn lock(path: &Path) -> Result<File, NotOpened> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(NotOpened::InUse),
        // Some file systems have no locks; redb goes on without there, too.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes a folder and those above it, each of them so that it lasts.
fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder.parent().ok_or(error)?)?;
            make_folder(folder)
        }
        Err(error) => Err(error),
        Ok(()) => whole::flush_folder(folder),
    }
}
