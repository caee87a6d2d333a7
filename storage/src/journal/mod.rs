//! A journal in a file of redb: the store port of core, on disk. What its bytes are and why no crash
//! loses what was acknowledged: `storage/docs/tables.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | `tables` | the tables, and the seals of rows and entries |
//! | `derived` | what is made from the journal |
//! | `migrate` | stores of older formats |
//! | `file` | a file of redb, closed and opened again after an error |
//! | `backend` | what stands between redb and the file |
//! | `folder` | a store as a folder: made, opened, told from its copy |
//! | `place` | the marker |
//! | `verify` | reading everything once |
//! | `error` | why a store was not opened, and what redb's errors mean |

mod backend;
mod derived;
mod error;
mod file;
mod folder;
mod migrate;
mod place;
mod tables;
mod verify;

pub use error::{CreateError, NotOpened, OpenError};
pub use file::Part;
pub use folder::BLOBS;
pub use place::{Place, Whereabouts};
pub use redb::StorageBackend;
pub use tables::FORMAT;
pub use verify::Verification;

use crate::key::Cover;
use anabranch_core::store::{Change, Entry, Position, Store, StoreError};
use error::Trouble;
use file::{Ground, Reopening};
use redb::{ReadableDatabase, ReadableTable};
use std::{cell::Cell, fmt, fs::File, io, path::PathBuf, sync::Arc};
use tables::{Extent, JOURNAL, META, META_END};

/// A journal in a file of redb, and what is derived from it in another. One process at a time has it
/// open.
///
/// After an error the file is closed, and opened again by the next call: what was acknowledged is still
/// there, and a retry finds what the failed call had carried out.
pub struct RedbStore {
    journal: Reopening,
    derived: Reopening,
    /// Of a store that is a folder.
    folder: Option<Home>,
}

/// Where a store is, and what keeps others from it.
struct Home {
    folder: PathBuf,
    cover: Cover,
    _lock: File,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.as_ref().map(|home| &home.folder);
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
        ground: impl Fn(Part) -> io::Result<Box<dyn StorageBackend>> + Send + Sync + 'static,
    ) -> Result<RedbStore, NotOpened> {
        RedbStore::opened(Arc::new(move |part| Ok(ground(part)?)), None)
    }

    /// The same, with what is on the ground encrypted.
    ///
    /// # Errors
    /// Why there is no store on it. With another key than its own it is none.
    #[cfg(feature = "encryption")]
    pub fn on_encrypted(
        ground: impl Fn(Part) -> io::Result<Box<dyn StorageBackend>> + Send + Sync + 'static,
        key: &crate::Key,
    ) -> Result<RedbStore, NotOpened> {
        let cover = Cover::Key(key.clone());
        RedbStore::on(move |part| Ok(cover.over(ground(part)?, part)))
    }

    fn opened(ground: Arc<Ground>, folder: Option<Home>) -> Result<Self, NotOpened> {
        let store = RedbStore {
            journal: Reopening::new(&ground, Part::Journal, migrate::recognise),
            derived: Reopening::new(&ground, Part::Derived, derived::recognise),
            folder,
        };
        store.journal.with(|_| Ok(()))?;
        Ok(store)
    }

    /// What is made of one row's value, if the journal has the row. None of it means damage.
    fn value<T>(
        &self,
        at: u64,
        made: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Trouble> {
        self.journal.with(|database| {
            let journal = database.begin_read()?.open_table(JOURNAL)?;
            let Some(value) = journal.get(at)? else {
                return Ok(None);
            };
            Ok(Some(made(value.value()).ok_or(Trouble::Damaged)?))
        })
    }

    fn extent(&self) -> Result<Extent, Trouble> {
        self.journal.with(|database| {
            let tables = database.begin_read()?;
            let meta = tables.open_table(META)?;
            Ok(tables::extent(&tables.open_table(JOURNAL)?, &meta)?)
        })
    }

    /// Whether the journal's last rows, from `at` on, are these.
    fn ends_with(&self, at: Position, rows: &[Vec<u8>]) -> Result<bool, StoreError> {
        let places: Vec<Position> = (0..rows.len()).map(|row| at.after(row)).collect();
        Ok(!rows.is_empty() && self.rows(&places)? == rows)
    }
}

impl Store for RedbStore {
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let appended = self.journal.with(|database| {
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
                if at.after(rows.len()).0 == end && self.ends_with(at, rows)? =>
            {
                Ok(())
            }
            other => other.map_err(|trouble| trouble.at(at)),
        }
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let next = Cell::new(from.0);
        let read = self.journal.with(|database| {
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

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        let next = Cell::new(Position(0));
        let rows = self.journal.with(|database| {
            let journal = database.begin_read()?.open_table(JOURNAL)?;
            let row = |at: &Position| {
                next.set(*at);
                let value = journal.get(at.0)?.ok_or(Trouble::Damaged)?;
                let row = tables::unsealed(at.0, value.value());
                Ok(row.ok_or(Trouble::Damaged)?.to_vec())
            };
            at.iter().map(row).collect()
        });
        rows.map_err(|trouble: Trouble| trouble.at(next.get()))
    }

    fn end(&self) -> Result<Position, StoreError> {
        let extent = self.extent().map_err(|trouble| trouble.at(Position(0)))?;
        let end = Position(extent.sure);
        match extent.agreed {
            true => Ok(end),
            false => Err(StoreError::Corrupt { at: end }),
        }
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        self.put_derived(upto, changes)
    }

    fn derived_upto(&self) -> Result<Position, StoreError> {
        self.upto()
    }

    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.entry(key)
    }

    fn derived_range(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.entries(from, until, bytes_max)
    }

    fn forget_derived(&self) -> Result<(), StoreError> {
        self.clear_derived()
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
