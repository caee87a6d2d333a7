//! Reading everything once, to know that it is still what was written.

use super::{
    RedbStore,
    error::Trouble,
    tables::{self, DERIVED, Extent},
};
use crate::{blobs::BlobError, leftover};
use anabranch_core::store::{Position, StoreError};
use redb::{ReadableDatabase, ReadableTable};
use std::path::{Path, PathBuf};

/// Damaged rows and blobs that are named, at most. More say no more: the store is to be restored.
const NAMED_MAX: usize = 32;

/// What was found by reading every byte that a store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Rows that are what was written.
    pub rows: u64,
    /// The bytes in them.
    pub bytes: u64,
    /// Rows that are not. All that may follow where the journal does not know its own end count as
    /// one.
    pub damaged: u64,
    /// The first of those, at most 32.
    pub first_damaged: Vec<Position>,
    /// Derived entries that are what was put.
    pub entries: u64,
    /// Whether others are not, or are another journal's: they are to be made again.
    pub derived_damaged: bool,
    /// Blobs that are what was put.
    pub blobs: u64,
    /// The bytes in them.
    pub blob_bytes: u64,
    /// Files among the blobs that are not.
    pub damaged_blobs: u64,
    /// The first of those, at most 32, and where in each the damage begins.
    pub first_damaged_blobs: Vec<(PathBuf, u64)>,
    /// What killed writers left. It does no harm, and is removed by a sweep.
    pub leftovers: Vec<PathBuf>,
}

impl Verification {
    /// Whether everything is what was written.
    pub fn is_sound(&self) -> bool {
        self.damaged == 0 && !self.derived_damaged && self.damaged_blobs == 0
    }
}

impl RedbStore {
    /// Reads every row, every derived entry and every blob, and checks it against its seal. `progress`
    /// is told after each row and each blob how many were read, and of how many.
    ///
    /// # Errors
    /// Where a file cannot be read at all. Damage is no error here: it is what was asked for.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Verification, StoreError> {
        let Extent { sure, agreed } = self.extent().map_err(|trouble| trouble.at(Position(0)))?;
        let blobs = self.blobs();
        let listed = blobs.as_ref().map(|blobs| blobs.list()).transpose();
        let (ids, others) = listed.map_err(refused)?.unwrap_or_default();
        let of = sure.saturating_add(ids.len() as u64);
        let mut found = Verification::default();
        for at in 0..sure {
            match self.value(at, |value| tables::unsealed(at, value).map(<[u8]>::len)) {
                Ok(Some(len)) => {
                    found.rows = found.rows.saturating_add(1);
                    found.bytes = found.bytes.saturating_add(len as u64);
                }
                Ok(None) | Err(Trouble::Damaged | Trouble::Panicked) => found.damaged_at(at),
                Err(trouble) => return Err(trouble.at(Position(at))),
            }
            progress(at.saturating_add(1), of);
        }
        if !agreed {
            found.damaged_at(sure);
        }
        self.verify_derived(&mut found)?;
        for other in others {
            found.damaged_blob(other)?;
        }
        for (done, id) in (sure.saturating_add(1)..).zip(ids) {
            match blobs.as_ref().map(|blobs| blobs.verify(id)).transpose() {
                Ok(len) => {
                    found.blobs = found.blobs.saturating_add(1);
                    found.blob_bytes = found.blob_bytes.saturating_add(len.unwrap_or(0));
                }
                Err(error) => found.damaged_blob(error)?,
            }
            progress(done, of);
        }
        if let Some(home) = &self.folder {
            for folder in [&home.folder, &home.folder.join(super::folder::BLOBS)] {
                found.leftovers.extend(leftovers(folder));
            }
        }
        Ok(found)
    }

    fn verify_derived(&self, found: &mut Verification) -> Result<(), StoreError> {
        if let Some(home) = &self.folder
            && !home.folder.join(super::folder::DERIVED).exists()
        {
            return Ok(());
        }
        let mut entries = 0u64;
        let read = self.derived.with(|database| {
            let derived = database.begin_read()?.open_table(DERIVED)?;
            for entry in derived.iter()? {
                let (key, value) = entry?;
                tables::unsealed_entry(key.value(), value.value()).ok_or(Trouble::Damaged)?;
                entries = entries.saturating_add(1);
            }
            Ok(())
        });
        found.entries = entries;
        let read = read.map_err(Trouble::of_what_is_derived);
        found.derived_damaged = match read.and_then(|()| self.upto()) {
            Ok(_) => false,
            Err(StoreError::Derived) => true,
            // The row that ties them to the journal is damaged, and was counted.
            Err(StoreError::Corrupt { .. }) => false,
            Err(other) => return Err(other),
        };
        Ok(())
    }
}

impl Verification {
    fn damaged_at(&mut self, at: u64) {
        self.damaged = self.damaged.saturating_add(1);
        if self.first_damaged.len() < NAMED_MAX {
            self.first_damaged.push(Position(at));
        }
    }

    fn damaged_blob(&mut self, error: BlobError) -> Result<(), StoreError> {
        let place = match error {
            BlobError::Altered { path, at, .. } => (path, at),
            BlobError::NotABlob { path } => (path, 0),
            // Removed since it was listed.
            BlobError::Missing { .. } => return Ok(()),
            io @ BlobError::Io { .. } => return Err(refused(io)),
        };
        self.damaged_blobs = self.damaged_blobs.saturating_add(1);
        if self.first_damaged_blobs.len() < NAMED_MAX {
            self.first_damaged_blobs.push(place);
        }
        Ok(())
    }
}

fn refused(error: BlobError) -> StoreError {
    StoreError::Io(std::io::Error::from(error).kind())
}

fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut leftovers: Vec<PathBuf> = paths.filter(|path| leftover::is_temporary(path)).collect();
    leftovers.sort();
    leftovers
}
