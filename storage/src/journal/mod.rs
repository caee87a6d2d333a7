//! A journal in a file of redb: the store port of core, on disk. What its bytes are and why no crash
//! loses what was acknowledged: `storage/docs/tables.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | `tables` | the tables, and the seal of a row |
//! | `backend` | what stands between redb and the file |
//! | `folder` | a store as a folder: made, opened, told from its copy |
//! | `place` | the marker |
//! | `verify` | reading everything once |
//! | `error` | why a store was not opened, and what redb's errors mean |

mod backend;
mod error;
mod folder;
mod place;
mod tables;
mod verify;

pub use error::{CreateError, NotOpened, OpenError};
pub use place::{Place, Whereabouts};
pub use redb::StorageBackend;
pub use tables::FORMAT;
pub use verify::Verification;

use anabranch_core::store::{Position, Store, StoreError};
use backend::{Backend, Unsynced};
use error::Trouble;
use redb::{Database, ReadableDatabase, ReadableTable, TableError};
use std::{
    cell::Cell,
    fmt,
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tables::{Extent, JOURNAL, META, META_END, META_FORMAT};

/// What redb may keep of the file in memory. Its own default is a gigabyte; a journal is read once,
/// from its start, and then appended to.
const CACHE_BYTES: usize = 32 << 20;

/// What the first bytes of every redb file are.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

type Ground = dyn Fn() -> Result<Box<dyn StorageBackend>, NotOpened> + Send + Sync;

/// A journal in a file of redb. One process at a time has it open.
///
/// After an error the file is closed, and opened again by the next call: what was acknowledged is still
/// there, and a retry finds what the failed call had carried out.
pub struct RedbStore {
    database: Mutex<Option<Database>>,
    ground: Box<Ground>,
    unsynced: Arc<Mutex<Unsynced>>,
    /// A store that is a folder: where, and the lock on it.
    folder: Option<(PathBuf, File)>,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.as_ref().map(|folder| &folder.0);
        f.debug_struct("RedbStore")
            .field("folder", &folder)
            .finish()
    }
}

impl RedbStore {
    /// A store on whatever `ground` opens, such as an encrypted file or a disk that fails on purpose.
    /// It is asked again after each error. Where it is empty, a store is made on it: not in one step,
    /// so nobody may rely on it before this returns. Two stores on one ground are the caller's to
    /// prevent, unless the backend locks.
    ///
    /// # Errors
    /// Why there is no store on it.
    pub fn on(
        ground: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync + 'static,
    ) -> Result<RedbStore, NotOpened> {
        RedbStore::opened(Box::new(move || Ok(ground()?)), None)
    }

    fn opened(ground: Box<Ground>, folder: Option<(PathBuf, File)>) -> Result<Self, NotOpened> {
        let unsynced = Arc::default();
        let database = open(&*ground, &unsynced)?;
        Ok(RedbStore {
            database: Mutex::new(Some(database)),
            ground,
            unsynced,
            folder,
        })
    }

    /// Does something with the database, which is opened first if an error had closed it.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match database.take() {
            Some(open) => open,
            None => open(&*self.ground, &self.unsynced).map_err(Trouble::Closed)?,
        };
        let done = caught(|| work(&open));
        match &done {
            Err(trouble) if !trouble.leaves_it_open() => close(open),
            Ok(_) | Err(_) => *database = Some(open),
        }
        done
    }

    /// One row, if the journal has it.
    fn row(&self, at: u64) -> Result<Option<Vec<u8>>, Trouble> {
        self.with(|database| {
            let journal = database.begin_read()?.open_table(JOURNAL)?;
            let Some(value) = journal.get(at)? else {
                return Ok(None);
            };
            let row = tables::unsealed(at, value.value()).ok_or(Trouble::Damaged)?;
            Ok(Some(row.to_vec()))
        })
    }

    fn extent(&self) -> Result<Extent, Trouble> {
        self.with(|database| {
            let tables = database.begin_read()?;
            let meta = tables.open_table(META)?;
            Ok(tables::extent(&tables.open_table(JOURNAL)?, &meta)?)
        })
    }

    /// Whether the journal's last rows, from `at` on, are these.
    fn ends_with(&self, at: u64, rows: &[Vec<u8>]) -> Result<bool, Trouble> {
        for (at, row) in (at..).zip(rows) {
            if self.row(at)?.as_ref() != Some(row) {
                return Ok(false);
            }
        }
        Ok(!rows.is_empty())
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        let database = self.database.get_mut();
        if let Some(open) = database.unwrap_or_else(PoisonError::into_inner).take() {
            close(open);
        }
    }
}

impl Store for RedbStore {
    fn append(&mut self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let appended = self.with(|database| {
            let change = database.begin_write()?;
            {
                let mut journal = change.open_table(JOURNAL)?;
                let mut meta = change.open_table(META)?;
                let end = end_of(&journal, &meta)?;
                if end != at.0 {
                    return Err(Trouble::Moved { end });
                }
                for (at, row) in (at.0..).zip(rows) {
                    journal.insert(at, tables::sealed(at, row).as_slice())?;
                }
                meta.insert(META_END, at.after(rows.len()).0)?;
                // In a tree that is damaged a row may have gone anywhere.
                end_of(&journal, &meta)?;
            }
            match rows.is_empty() {
                true => Ok(change.abort()?),
                false => Ok(change.commit()?),
            }
        });
        match appended {
            Err(Trouble::Moved { end })
                if at.after(rows.len()).0 == end
                    && self.ends_with(at.0, rows).map_err(|error| error.at(at))? =>
            {
                Ok(())
            }
            other => other.map_err(|trouble| trouble.at(at)),
        }
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let next = Cell::new(from.0);
        let read = self.with(|database| {
            let tables = database.begin_read()?;
            let journal = tables.open_table(JOURNAL)?;
            let end = end_of(&journal, &tables.open_table(META)?)?;
            let mut rows = Vec::new();
            let mut bytes = 0usize;
            for entry in journal.range(from.0..)? {
                let (key, value) = entry?;
                let row = tables::unsealed(next.get(), value.value());
                let row = row.filter(|_| key.value() == next.get());
                rows.push(row.ok_or(Trouble::Damaged)?.to_vec());
                next.set(next.get().saturating_add(1));
                bytes = bytes.saturating_add(rows.last().map_or(0, Vec::len));
                if bytes >= bytes_max {
                    return Ok(rows);
                }
            }
            match next.get() < end {
                true => Err(Trouble::Damaged),
                false => Ok(rows),
            }
        });
        read.map_err(|trouble| trouble.at(Position(next.get())))
    }

    fn end(&self) -> Result<Position, StoreError> {
        let extent = self.extent().map_err(|trouble| trouble.at(Position(0)))?;
        let end = Position(extent.sure);
        match extent.agreed {
            true => Ok(end),
            false => Err(StoreError::Corrupt { at: end }),
        }
    }
}

/// The journal's end, if all that tells it agrees.
fn end_of(
    journal: &impl ReadableTable<u64, &'static [u8]>,
    meta: &impl ReadableTable<&'static str, u64>,
) -> Result<u64, Trouble> {
    let extent = tables::extent(journal, meta)?;
    extent.agreed.then_some(extent.sure).ok_or(Trouble::Damaged)
}

/// Opens what is on the ground. Nothing on it is changed before it is known to be a store of this
/// build's format.
fn open(ground: &Ground, unsynced: &Arc<Mutex<Unsynced>>) -> Result<Database, NotOpened> {
    let backend = Backend::new(ground()?, unsynced);
    let len = backend.len()?;
    let mut magic = vec![0; MAGIC.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
    backend.read(0, &mut magic)?;
    if !MAGIC.starts_with(&magic) {
        return Err(NotOpened::NotAStore);
    }
    if len > 0 && magic.len() < MAGIC.len() {
        return Err(NotOpened::Damaged);
    }
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    let database = caught(|| Ok(builder.create_with_backend(backend.clone())?))?;
    let recognised = caught(|| recognise(&database, len == 0, &backend));
    match recognised {
        Ok(Ok(())) => Ok(database),
        Ok(Err(reason)) => {
            close(database);
            Err(reason)
        }
        Err(trouble) => {
            close(database);
            Err(trouble.into())
        }
    }
}

/// Finds the tables and their version, or makes them where nothing was.
fn recognise(
    database: &Database,
    new: bool,
    backend: &Backend,
) -> Result<Result<(), NotOpened>, Trouble> {
    if new {
        let change = database.begin_write()?;
        {
            let mut meta = change.open_table(META)?;
            meta.insert(META_FORMAT, FORMAT)?;
            meta.insert(META_END, 0)?;
            change.open_table(JOURNAL)?;
        }
        change.commit()?;
    } else {
        let tables = database.begin_read()?;
        let meta = match tables.open_table(META) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Err(NotOpened::NotAStore)),
            meta => meta?,
        };
        let format = meta.get(META_FORMAT)?.map(|format| format.value());
        match format {
            Some(FORMAT) => {}
            Some(had) => return Ok(Err(NotOpened::Format { had })),
            None => return Ok(Err(NotOpened::NotAStore)),
        }
        tables.open_table(JOURNAL)?;
    }
    Ok(backend.pass_on().map_err(NotOpened::from))
}

/// redb panics on some damaged pages. That ends here.
fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    // Whatever it left half done is dropped with the database.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Trouble::Panicked))
}

/// redb writes when it closes, and may panic.
fn close(database: Database) {
    let _closed_or_repaired_when_it_opens = caught(|| {
        drop(database);
        Ok(())
    });
}
