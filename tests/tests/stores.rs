//! Every store keeps the contract of the store port, and the suite that says so finds each way to break
//! it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::store::{
    MemoryStore, Position, Store, StoreError,
    conformance::{Broken, Ground, check},
};
use anabranch_storage::journal::{RedbStore, Whereabouts};
use std::{cell::RefCell, path::PathBuf, rc::Rc};

/// A journal in memory that outlives its stores.
#[derive(Default)]
struct Shared(Rc<RefCell<MemoryStore>>);

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ForgetsWhatItDidNotSync,
    AppendsTwice,
    RefusesARetry,
    TakesAnyPlace,
    TakesNothingAnywhere,
    TurnsTheOrder,
    DropsEmptyRows,
    ReadsTooMuch,
    ReadsNothingIntoLittleRoom,
    AltersAByte,
    EndsEarly,
    ReadsBeyondTheEnd,
}

struct Faulty {
    rows: Rc<RefCell<MemoryStore>>,
    fault: Fault,
    unsynced: Vec<Vec<u8>>,
}

impl Store for Faulty {
    fn append(&mut self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut store = self.rows.borrow_mut();
        let end = store.end()?;
        match self.fault {
            Fault::ForgetsWhatItDidNotSync => {
                // The last append is kept in memory only.
                let unsynced = std::mem::take(&mut self.unsynced);
                store.append(end, &unsynced)?;
                if at == store.end()? {
                    self.unsynced = rows.to_vec();
                    return Ok(());
                }
                store.append(at, rows)
            }
            Fault::AppendsTwice => store.append(end, rows),
            Fault::RefusesARetry if at != end => Err(StoreError::Moved { end, wanted: at }),
            Fault::TakesAnyPlace if at > end => store.append(end, rows),
            Fault::TakesNothingAnywhere if rows.is_empty() => Ok(()),
            Fault::TurnsTheOrder => {
                let turned: Vec<Vec<u8>> = rows.iter().rev().cloned().collect();
                store.append(at, &turned)
            }
            Fault::DropsEmptyRows => {
                let full: Vec<Vec<u8>> = rows.iter().filter(|r| !r.is_empty()).cloned().collect();
                store.append(at.min(end), &full).or(Ok(()))
            }
            Fault::AltersAByte => {
                let mut altered = rows.to_vec();
                if let Some(byte) = altered.last_mut().and_then(|row| row.last_mut()) {
                    *byte ^= 1;
                }
                store.append(at, &altered)
            }
            _ => store.append(at, rows),
        }
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let store = self.rows.borrow();
        match self.fault {
            Fault::ReadsTooMuch => store.read(from, usize::MAX),
            Fault::ReadsNothingIntoLittleRoom if bytes_max == 0 => Ok(Vec::new()),
            Fault::ReadsBeyondTheEnd if from > store.end()? => Ok(vec![Vec::new()]),
            Fault::ForgetsWhatItDidNotSync => {
                let mut rows = store.read(Position(0), usize::MAX)?;
                rows.extend(self.unsynced.iter().cloned());
                let mut all = MemoryStore::default();
                all.append(Position(0), &rows)?;
                all.read(from, bytes_max)
            }
            _ => store.read(from, bytes_max),
        }
    }

    fn end(&self) -> Result<Position, StoreError> {
        let end = self.rows.borrow().end()?;
        Ok(match self.fault {
            Fault::EndsEarly => Position(end.0.saturating_sub(1)),
            Fault::ForgetsWhatItDidNotSync => end.after(self.unsynced.len()),
            _ => end,
        })
    }
}

struct FaultyGround(Shared, Fault);

impl Ground for FaultyGround {
    type Store = Faulty;

    fn open(&mut self) -> Result<Faulty, StoreError> {
        Ok(Faulty {
            rows: Rc::clone(&self.0.0),
            fault: self.1,
            unsynced: Vec::new(),
        })
    }
}

#[test]
fn a_journal_in_memory_keeps_the_contract() {
    let held = check(&mut FaultyGround(Shared::default(), Fault::None)).unwrap();
    assert!(held > 200, "{held} clauses");
}

/// A folder with a store in it.
struct Folder(PathBuf);

impl Ground for Folder {
    type Store = RedbStore;

    fn open(&mut self) -> Result<RedbStore, StoreError> {
        let (store, whereabouts) = RedbStore::open(&self.0).unwrap();
        assert_eq!(whereabouts, Whereabouts::Home);
        Ok(store)
    }
}

#[test]
fn a_journal_on_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let held = check(&mut Folder(folder.path().to_owned())).unwrap();
    assert!(held > 200, "{held} clauses");
}

#[test]
fn the_suite_finds_every_way_to_break_the_contract() {
    for fault in [
        Fault::ForgetsWhatItDidNotSync,
        Fault::AppendsTwice,
        Fault::RefusesARetry,
        Fault::TakesAnyPlace,
        Fault::TakesNothingAnywhere,
        Fault::TurnsTheOrder,
        Fault::DropsEmptyRows,
        Fault::ReadsTooMuch,
        Fault::ReadsNothingIntoLittleRoom,
        Fault::AltersAByte,
        Fault::EndsEarly,
        Fault::ReadsBeyondTheEnd,
    ] {
        let broken = check(&mut FaultyGround(Shared::default(), fault));
        assert!(broken.is_err(), "{fault:?} passes");
        println!("{fault:?}: {}", broken.unwrap_err());
    }
    let failing = Broken::Failed(StoreError::Full);
    assert!(failing.to_string().contains("disk is full"));
}
