//! Reading everything once, to know that it is still what was written.

use super::{
    RedbStore,
    error::Trouble,
    tables::{self, Extent},
};
use anabranch_core::store::{Position, StoreError};

/// Damaged rows that are named, at most. More say no more: the store is to be restored.
const NAMED_MAX: usize = 32;

/// What was found by reading every row.
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
}

impl RedbStore {
    /// Reads every row and checks it against its seal. `progress` is told after each how many were
    /// read, and of how many.
    ///
    /// # Errors
    /// Where the file cannot be read at all. Damage is no error here: it is what was asked for.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Verification, StoreError> {
        let Extent { sure, agreed } = self.extent().map_err(|trouble| trouble.at(Position(0)))?;
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
            progress(at.saturating_add(1), sure);
        }
        if !agreed {
            found.damaged_at(sure);
        }
        Ok(found)
    }
}

impl Verification {
    fn damaged_at(&mut self, at: u64) {
        self.damaged = self.damaged.saturating_add(1);
        if self.first_damaged.len() < NAMED_MAX {
            self.first_damaged.push(Position(at));
        }
    }
}
