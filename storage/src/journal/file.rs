//! One of a store's files: closed after an error, and opened again by the next call.

use super::{
    backend::{Backend, Unsynced},
    error::{NotOpened, Trouble},
};
use redb::{Database, StorageBackend};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard},
};

/// What redb may keep of a file in memory. Its own default is a gigabyte. A journal is read here and there,
/// which the system's own cache serves; lists read all of what is derived, again and again.
fn cache_bytes(part: Part) -> usize {
    match part {
        Part::Journal => 2 << 20,
        Part::Derived => 8 << 20,
    }
}

/// What the first bytes of every redb file are.
pub(super) const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Files up to this size are checked whole when they are opened: some tens of milliseconds.
const CHECKED_BYTES_MAX: u64 = 64 << 20;

/// One of a store's two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The truth. It is never lost.
    Journal,
    /// What is made from it, and can be made again.
    Derived,
}

/// What opens a store's files.
pub(super) type Ground = dyn Fn(Part) -> Result<Box<dyn StorageBackend>, NotOpened> + Send + Sync;

/// Finds a file's tables and their version, or makes them where they were never made, and passes on what
/// was held back; but not of a file that is damaged.
pub(super) type Recognise = fn(&Database, Found, &Backend) -> Result<(), Trouble>;

/// What a file was found to be before it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There were no tables in it yet, or there may not have been.
    New,
    Sound,
    /// A page of it is not what was written. redb still reads what it can, and refuses to write: in what
    /// is damaged it may keep which pages are free.
    Damaged,
}

/// A file of redb. Whoever reads or writes in it holds the lock for reading: redb lets readers go on
/// beside one writer. Whoever opens or closes it holds it for writing.
pub(super) struct Reopening {
    held: RwLock<Held>,
    unsynced: Arc<Mutex<Unsynced>>,
    part: Part,
    recognise: Recognise,
    ground: Arc<Ground>,
}

struct Held {
    database: Option<Database>,
    /// Nothing was ever found in it: what is missing was not lost.
    new: bool,
}

impl Reopening {
    /// It is opened by the first call that needs it.
    pub(super) fn new(ground: &Arc<Ground>, part: Part, recognise: Recognise) -> Self {
        Reopening {
            held: RwLock::new(Held {
                database: None,
                new: true,
            }),
            unsynced: Arc::default(),
            part,
            recognise,
            ground: Arc::clone(ground),
        }
    }

    /// Does something with the database.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let done = loop {
            let open = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(database) = &open.database {
                break caught(|| work(database));
            }
            drop(open);
            let mut held = self.alone();
            if held.database.is_none() {
                held.database = Some(self.open(held.new).map_err(Trouble::Closed)?);
                held.new = false;
            }
        };
        if done
            .as_ref()
            .is_err_and(|trouble| !trouble.leaves_it_open())
        {
            close(&mut self.alone().database);
        }
        done
    }

    /// Makes the file an empty one, whatever it was.
    pub(super) fn clear(&self) -> Result<(), Trouble> {
        let mut held = self.alone();
        close(&mut held.database);
        let file = (self.ground)(self.part).map_err(Trouble::Closed)?;
        // What an error left to be written again belongs to what goes.
        *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner) = Unsynced::default();
        // Nothing that was written before may reach the disk after it was cut.
        let emptied = file
            .sync_data()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.sync_data());
        held.new = emptied.is_ok();
        emptied.and_then(|()| file.close()).map_err(Trouble::io)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing on the ground is changed before it is known to be a file of this build's format.
    fn open(&self, new: bool) -> Result<Database, NotOpened> {
        let file = (self.ground)(self.part)?;
        let backend = Backend::new(file, &self.unsynced);
        let len = backend.len()?;
        let mut magic = vec![0; MAGIC.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
        backend.read(0, &mut magic)?;
        // redb writes its first bytes last: before that there was nothing.
        let unborn = self.part == Part::Derived && new && magic.iter().all(|byte| *byte == 0);
        if unborn {
            backend.set_len(0)?;
        } else if !MAGIC.starts_with(&magic) {
            return Err(NotOpened::NotAStore);
        } else if magic.len() < MAGIC.len() && (len > 0 || !new) {
            return Err(NotOpened::Damaged);
        }
        let new = match self.part {
            Part::Journal => len == 0,
            Part::Derived => new,
        };
        let checked = len > 0 && !unborn && len <= CHECKED_BYTES_MAX;
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes(self.part));
        let mut database = caught(|| Ok(builder.create_with_backend(backend.clone())?))?;
        let found = match checked.then(|| caught(|| Ok(database.check_integrity()?))) {
            Some(Err(Trouble::Damaged)) => Found::Damaged,
            Some(Err(trouble)) => {
                close(&mut Some(database));
                return Err(trouble.into());
            }
            None | Some(Ok(_)) if new => Found::New,
            None | Some(Ok(_)) => Found::Sound,
        };
        match caught(|| (self.recognise)(&database, found, &backend)) {
            Ok(()) => Ok(database),
            Err(trouble) => {
                close(&mut Some(database));
                Err(trouble.into())
            }
        }
    }
}

impl Drop for Reopening {
    fn drop(&mut self) {
        close(&mut self.alone().database);
    }
}

/// redb panics on some damaged pages. That ends here.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    // Whatever it left half done is dropped with the database.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Trouble::Panicked))
}

/// redb writes when it closes, and may panic.
fn close(database: &mut Option<Database>) {
    let _closed_or_repaired_when_it_opens = caught(|| {
        drop(database.take());
        Ok(())
    });
}
