//! Stores of older formats become stores of this one, step by step.
//!
//! Each step is one transaction: a crash leaves the format before it or the one after it, and the next
//! opening goes on from there. A step stays as it is for ever, since `tests/formats/` keeps a store of
//! every format that was released.

use super::{
    backend::Backend,
    error::{NotOpened, Trouble},
    file::Found,
    tables::{FORMAT, JOURNAL, META, META_END, META_FORMAT},
};
use redb::{Database, ReadableDatabase, TableError, WriteTransaction};

/// The oldest format that this build reads.
const OLDEST: u64 = 1;

type MigrationStep = fn(&WriteTransaction) -> Result<(), Trouble>;

/// The n-th of them leads away from the n-th format that this build reads.
const STEPS: [MigrationStep; 1] = [name_the_folder];

const _: () = assert!(OLDEST + STEPS.len() as u64 == FORMAT);

/// Format 2 adds the file of derived entries and the folder of blobs beside the journal, which is as it
/// was. A build that knows the journal alone must not say of such a folder that it verified it.
fn name_the_folder(_: &WriteTransaction) -> Result<(), Trouble> {
    Ok(())
}

/// Whether this build reads a store of this format.
pub(super) fn reads(format: u64) -> bool {
    (OLDEST..=FORMAT).contains(&format)
}

/// Finds the journal's tables, or makes them, and brings them to this build's format.
pub(super) fn recognise(
    database: &Database,
    found: Found,
    backend: &Backend,
) -> Result<(), Trouble> {
    if found == Found::New {
        let change = database.begin_write()?;
        {
            let mut meta = change.open_table(META)?;
            meta.insert(META_FORMAT, FORMAT)?;
            meta.insert(META_END, 0)?;
            change.open_table(JOURNAL)?;
        }
        change.commit()?;
        return passed_on(backend);
    }
    let mut format = format(database)?;
    if found == Found::Damaged {
        return Ok(());
    }
    // From here on it is a store that this build may change.
    passed_on(backend)?;
    while let Some(step) = step_from(format) {
        let change = database.begin_write()?;
        step(&change)?;
        format = format.saturating_add(1);
        change.open_table(META)?.insert(META_FORMAT, format)?;
        change.commit()?;
    }
    Ok(())
}

fn step_from(format: u64) -> Option<MigrationStep> {
    let done = usize::try_from(format.checked_sub(OLDEST)?).ok()?;
    STEPS.get(done).copied()
}

fn format(database: &Database) -> Result<u64, Trouble> {
    let refused = |reason| Err(Trouble::Closed(reason));
    let tables = database.begin_read()?;
    let meta = match tables.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return refused(NotOpened::NotAStore),
        meta => meta?,
    };
    match meta.get(META_FORMAT)?.map(|format| format.value()) {
        Some(format) if reads(format) => {
            tables.open_table(JOURNAL)?;
            Ok(format)
        }
        Some(had) => refused(NotOpened::Format { had }),
        None => refused(NotOpened::NotAStore),
    }
}

pub(super) fn passed_on(backend: &Backend) -> Result<(), Trouble> {
    let passed = backend.pass_on();
    passed.map_err(|error| Trouble::Closed(NotOpened::from(error)))
}
