//! What is made from the journal, in a file of its own: damage to it, and a crash while it is written,
//! cannot harm the journal, and appending waits for none of it.

use super::{
    RedbStore,
    backend::Backend,
    error::Trouble,
    file::Found,
    migrate::passed_on,
    tables::{self, DERIVED, DERIVED_FORMAT, META, META_FORMAT, META_TIE, META_UPTO},
};
use anabranch_core::store::{Change, Entry, Position, StoreError};
use redb::{Database, ReadableDatabase, TableError};

/// Finds the tables of derived entries, or makes them. Of another version they are as good as damaged:
/// they are made again from the journal, never migrated.
pub(super) fn recognise(
    database: &Database,
    found: Found,
    backend: &Backend,
) -> Result<(), Trouble> {
    if found == Found::Damaged {
        return Err(Trouble::Damaged);
    }
    let tables = database.begin_read()?;
    match tables.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) if found == Found::New => {
            let change = database.begin_write()?;
            change
                .open_table(META)?
                .insert(META_FORMAT, DERIVED_FORMAT)?;
            change.open_table(DERIVED)?;
            change.commit()?;
        }
        meta => {
            let format = meta?.get(META_FORMAT)?.map(|format| format.value());
            if format != Some(DERIVED_FORMAT) {
                return Err(Trouble::Damaged);
            }
            tables.open_table(DERIVED)?;
        }
    }
    passed_on(backend)
}

impl RedbStore {
    pub(super) fn put_derived(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        let tie = match self.tie(upto) {
            Ok(Some(tie)) => tie,
            Ok(None) => {
                let end = self.extent().map_err(|trouble| trouble.at(upto))?.sure;
                return Err(Trouble::Moved { end }.at(upto));
            }
            Err(trouble) => return Err(trouble.at(upto)),
        };
        let put = self.derived.with(|database| {
            let mut change = database.begin_write()?;
            // What is in it must not be read whole after a crash, and it is seldom written.
            change.set_quick_repair(true);
            {
                let mut derived = change.open_table(DERIVED)?;
                for (key, entry) in changes {
                    match entry {
                        Some(entry) => {
                            let value = tables::sealed_entry(key, entry);
                            derived.insert(key.as_slice(), value.as_slice())?;
                        }
                        None => {
                            derived.remove(key.as_slice())?;
                        }
                    }
                }
                let mut meta = change.open_table(META)?;
                meta.insert(META_UPTO, upto.0)?;
                meta.insert(META_TIE, tie)?;
            }
            Ok(change.commit()?)
        });
        put.map_err(Trouble::of_what_is_derived)
    }

    /// Up to where the derived entries take account of the journal, if it is this journal.
    pub(super) fn upto(&self) -> Result<Position, StoreError> {
        let told = self.derived.with(|database| {
            let tables = database.begin_read()?;
            let meta = tables.open_table(META)?;
            let told = |name| Ok::<_, Trouble>(meta.get(name)?.map(|value| value.value()));
            Ok((told(META_UPTO)?, told(META_TIE)?))
        });
        let (upto, tie) = match told.map_err(Trouble::of_what_is_derived)? {
            (None, None) => return Ok(Position(0)),
            (upto, tie) => (Position(upto.unwrap_or(u64::MAX)), tie),
        };
        match self.tie(upto) {
            Ok(Some(there)) if Some(there) == tie => Ok(upto),
            // Another journal's, or one that was put back from a copy.
            Ok(_) => Err(StoreError::Derived),
            Err(trouble) => Err(trouble.at(upto)),
        }
    }

    pub(super) fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let entry = self.derived.with(|database| {
            let derived = database.begin_read()?.open_table(DERIVED)?;
            let Some(value) = derived.get(key)? else {
                return Ok(None);
            };
            let entry = tables::unsealed_entry(key, value.value()).ok_or(Trouble::Damaged)?;
            Ok(Some(entry.to_vec()))
        });
        entry.map_err(Trouble::of_what_is_derived)
    }

    pub(super) fn entries(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        if from >= until {
            return Ok(Vec::new());
        }
        let entries = self.derived.with(|database| {
            let derived = database.begin_read()?.open_table(DERIVED)?;
            let mut entries: Vec<Entry> = Vec::new();
            let mut bytes = 0usize;
            for entry in derived.range(from..until)? {
                let (key, value) = entry?;
                let key = key.value();
                let entry = tables::unsealed_entry(key, value.value()).ok_or(Trouble::Damaged)?;
                // A tree that is damaged may lead anywhere.
                let follows = entries.last().is_none_or(|last| last.0.as_slice() < key);
                if !follows || key < from || key >= until {
                    return Err(Trouble::Damaged);
                }
                bytes = bytes.saturating_add(key.len()).saturating_add(entry.len());
                entries.push((key.to_vec(), entry.to_vec()));
                if bytes >= bytes_max {
                    break;
                }
            }
            Ok(entries)
        });
        entries.map_err(Trouble::of_what_is_derived)
    }

    pub(super) fn clear_derived(&self) -> Result<(), StoreError> {
        self.derived.clear().map_err(Trouble::of_what_is_derived)
    }

    /// What names the journal up to a place; none where it ends before.
    fn tie(&self, upto: Position) -> Result<Option<u64>, Trouble> {
        match upto.0.checked_sub(1) {
            None => Ok(Some(0)),
            Some(last) => self.value(last, |value| {
                tables::unsealed(last, value).and_then(|_| tables::tie(value))
            }),
        }
    }
}
