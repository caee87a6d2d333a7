//! A store as a folder: made in one step, opened by one process, told from its copy.

use super::{
    CreateError, Home, NotOpened, OpenError, Part, RedbStore,
    file::MAGIC,
    place::{self, Marker, Place, Whereabouts},
    tables::FORMAT,
};
use crate::{
    blobs::Blobs,
    bounded::{self, ReadError},
    key::Cover,
    whole::{self, Readers, WriteError},
};
use anabranch_core::store::{Position, Store};
use redb::{StorageBackend, backends::FileBackend};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};

const FILE: &str = "store.redb";
pub(super) const DERIVED: &str = "derived.redb";
const MARKER: &str = "marker";
const LOCK: &str = "lock";
/// The folder of large payloads, in a store's own.
pub const BLOBS: &str = "blobs";
/// What tells the right key from others. A store that is not encrypted has none.
const KEY: &str = "key";
const KEY_HEADING: &str = "anabranch key 1\n";
const KEY_BYTES_MAX: usize = 256;
/// How often and how long a lock is waited for.
const WAITS_MAX: u32 = 10;
const WAIT: Duration = Duration::from_millis(10);

impl RedbStore {
    /// Makes an empty store in a folder, which is made if it is not there. When this returns, the
    /// store is there whatever happens; if it does not return, there is none, or a whole one.
    ///
    /// # Errors
    /// Where there is a store already, or the disk refuses.
    pub fn create(folder: &Path) -> Result<(), CreateError> {
        create(folder, &Cover::None)
    }

    /// The same, with everything but its marker encrypted: whoever has no key learns when it was written
    /// and how much.
    ///
    /// # Errors
    /// Where there is a store already, or the disk refuses.
    #[cfg(feature = "encryption")]
    pub fn create_encrypted(folder: &Path, key: &crate::Key) -> Result<(), CreateError> {
        create(folder, &Cover::Key(key.clone()))
    }

    /// Opens the store in a folder, and tells whether it is where it was. A store that moved may be a
    /// copy: do not write in its name before that is settled.
    ///
    /// # Errors
    /// Why it was not opened. Nothing in it was changed.
    pub fn open(folder: &Path) -> Result<(RedbStore, Whereabouts), OpenError> {
        open(folder, &Cover::None)
    }

    /// The same, of an encrypted store.
    ///
    /// # Errors
    /// Why it was not opened. Nothing in it was changed.
    #[cfg(feature = "encryption")]
    pub fn open_encrypted(
        folder: &Path,
        key: &crate::Key,
    ) -> Result<(RedbStore, Whereabouts), OpenError> {
        open(folder, &Cover::Key(key.clone()))
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

    /// The store's large payloads; none of a store without a folder. Its key is theirs.
    pub fn blobs(&self) -> Option<Blobs> {
        let home = self.folder.as_ref()?;
        Some(home.cover.blobs(&home.folder.join(BLOBS)))
    }

    /// From now on the store is at home where it is. A store without a folder has no home.
    ///
    /// # Errors
    /// Where the marker cannot be written.
    pub fn settle(&self) -> Result<(), WriteError> {
        match &self.folder {
            Some(home) => write_marker(&home.folder),
            None => Ok(()),
        }
    }
}

fn create(folder: &Path, cover: &Cover) -> Result<(), CreateError> {
    make_folder(folder).map_err(|source| CreateError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let path = folder.join(FILE);
    match cover.check() {
        // Without the store that it is of, a key's check may be replaced.
        Some(check) if !path.exists() => {
            let key = format!("{KEY_HEADING}{check}\n");
            whole::replace(&folder.join(KEY), key.as_bytes())?;
        }
        Some(_) | None => {}
    }
    whole::create_with(&path, Readers::Anyone, |file| {
        let file = file.try_clone()?;
        // What is derived is not asked for, and made when it is.
        let cover = cover.clone();
        let store = RedbStore::on(move |part| Ok(cover.over(backend(file.try_clone()?)?, part)));
        drop(store.map_err(io::Error::other)?);
        Ok(())
    })?;
    write_marker(folder)?;
    Ok(())
}

/// A process that another thread starts holds every lock of this one, until it becomes what it is to be.
fn open(folder: &Path, cover: &Cover) -> Result<(RedbStore, Whereabouts), OpenError> {
    let mut waits = 0;
    loop {
        match open_once(folder, cover.clone()) {
            Err(error) if matches!(error.reason, NotOpened::InUse) && waits < WAITS_MAX => {
                waits = waits.saturating_add(1);
                std::thread::sleep(WAIT);
            }
            opened => return opened,
        }
    }
}

fn open_once(folder: &Path, cover: Cover) -> Result<(RedbStore, Whereabouts), OpenError> {
    let path = folder.join(FILE);
    let refused = OpenError::at(&path);
    let marker = place::read(&folder.join(MARKER)).map_err(|error| refused(error.into()))?;
    if let Marker::Format(had) = marker {
        return Err(refused(NotOpened::Format { had }));
    }
    let keyed = keyed(&folder.join(KEY)).map_err(|error| refused(error.into()))?;
    match (keyed, cover.check()) {
        (Some(_), None) => return Err(refused(NotOpened::Encrypted)),
        (Some(keyed), Some(check)) if keyed != check => {
            return Err(refused(NotOpened::WrongKey));
        }
        (Some(_), Some(_)) | (None, Some(_) | None) => {}
    }
    // Asked by name first: merely opening a pipe can wait for ever.
    let about = fs::metadata(&path).map_err(|error| refused(error.into()))?;
    if !about.is_file() {
        return Err(refused(NotOpened::NotAStore));
    }
    let is = Place::of(&about);
    let lock = lock(&folder.join(LOCK)).map_err(&refused)?;
    let (name, derived) = (path.clone(), folder.join(DERIVED));
    let covering = cover.clone();
    let ground = move |part| match part {
        Part::Journal => {
            let file = journal(&name, is)?;
            match may_lie_over(&covering, &*file)? {
                true => Ok(covering.over(file, part)),
                false => Err(NotOpened::NotEncrypted),
            }
        }
        Part::Derived => Ok(covering.over(backend(open_or_make(&derived)?)?, part)),
    };
    let home = Home {
        folder: folder.to_owned(),
        cover,
        _lock: lock,
    };
    let store = RedbStore::opened(Arc::new(ground), Some(home)).map_err(&refused)?;
    if let Marker::Place(..FORMAT, was) = marker {
        // It says of another format than the file until it can be written.
        let _now_or_when_it_opens_next = place::write(&folder.join(MARKER), was);
    }
    let whereabouts = match marker {
        Marker::Place(_, was) if was == is => Whereabouts::Home,
        // A crash between its two steps left it; there is nothing in it to be copied.
        Marker::None if store.end().is_ok_and(|end| end == Position(0)) => match store.settle() {
            Ok(()) => Whereabouts::Home,
            Err(_) => Whereabouts::Moved { was: None, is },
        },
        Marker::Place(_, was) => Whereabouts::Moved { was: Some(was), is },
        Marker::None | Marker::Format(_) => Whereabouts::Moved { was: None, is },
    };
    Ok((store, whereabouts))
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

/// The check of the key of an encrypted store.
fn keyed(path: &Path) -> io::Result<Option<String>> {
    match bounded::read(path, KEY_BYTES_MAX) {
        // One that is damaged is no key's.
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let check = text.strip_prefix(KEY_HEADING).unwrap_or_default();
            Ok(Some(check.trim_end().to_owned()))
        }
        Err(ReadError::Io { source, .. }) => Err(source),
        Err(ReadError::Missing { .. }) => Ok(None),
        Err(ReadError::TooLarge { .. } | ReadError::NotAFile { .. }) => Ok(Some(String::new())),
    }
}

/// Whether a cover may lie over this file: what is encrypted does not begin as redb's files do.
fn may_lie_over(cover: &Cover, file: &dyn StorageBackend) -> io::Result<bool> {
    let mut first = vec![0; MAGIC.len()];
    Ok(cover.check().is_none()
        || file.len()? < MAGIC.len() as u64
        || file.read(0, &mut first).map(|()| first != MAGIC)?)
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
