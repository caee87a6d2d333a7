//! Every store keeps the contract of the store port, and the suite that says so finds each way to break
//! it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::store::{
    Change, Entry, MemoryStore, Position, Store, StoreError,
    conformance::{Broken, Ground, check},
};
use anabranch_storage::journal::{RedbStore, Whereabouts};
use std::{cell::RefCell, fs, path::PathBuf, rc::Rc};

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
    GivesRowsInTheirOwnOrder,
    LeavesOutMissingRows,
    ForgetsEntriesWhenClosed,
    DerivesHalf,
    KeepsWhatIsRemoved,
    DerivesAheadOfTheJournal,
    LosesCountWhenItForgets,
    ForgetsNothing,
    AltersAnEntry,
    RangesTooMuch,
    RangesInclusively,
    HandsOutDamage,
    DamageHidesTheJournal,
    DamageIsForGood,
}

struct Faulty {
    rows: Rc<RefCell<MemoryStore>>,
    fault: Fault,
    unsynced: RefCell<Vec<Vec<u8>>>,
    /// What is derived is damaged, and was not made again.
    damaged: Rc<RefCell<bool>>,
}

impl Faulty {
    /// With what it did not sync.
    fn all(&self) -> Result<MemoryStore, StoreError> {
        let mut rows = self.rows.borrow().read(Position(0), usize::MAX)?;
        rows.extend(self.unsynced.borrow().iter().cloned());
        let all = MemoryStore::default();
        all.append(Position(0), &rows)?;
        Ok(all)
    }

    fn damage(&self, answer: Fault) -> bool {
        self.fault == answer && *self.damaged.borrow()
    }
}

impl Store for Faulty {
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let store = self.rows.borrow();
        let end = store.end()?;
        match self.fault {
            Fault::ForgetsWhatItDidNotSync => {
                // The last append is kept in memory only.
                let unsynced = self.unsynced.take();
                store.append(end, &unsynced)?;
                if at == store.end()? {
                    *self.unsynced.borrow_mut() = rows.to_vec();
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
        if self.damage(Fault::DamageHidesTheJournal) {
            return Err(StoreError::Corrupt { at: from });
        }
        match self.fault {
            Fault::ReadsTooMuch => store.read(from, usize::MAX),
            Fault::ReadsNothingIntoLittleRoom if bytes_max == 0 => Ok(Vec::new()),
            Fault::ReadsBeyondTheEnd if from > store.end()? => Ok(vec![Vec::new()]),
            Fault::ForgetsWhatItDidNotSync => self.all()?.read(from, bytes_max),
            _ => store.read(from, bytes_max),
        }
    }

    fn end(&self) -> Result<Position, StoreError> {
        let end = self.rows.borrow().end()?;
        Ok(match self.fault {
            Fault::EndsEarly => Position(end.0.saturating_sub(1)),
            Fault::ForgetsWhatItDidNotSync => end.after(self.unsynced.borrow().len()),
            _ => end,
        })
    }

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        let store = self.rows.borrow();
        let mut at = at.to_vec();
        match self.fault {
            Fault::ForgetsWhatItDidNotSync => return self.all()?.rows(&at),
            Fault::GivesRowsInTheirOwnOrder => at.sort(),
            Fault::LeavesOutMissingRows => {
                let end = store.end()?;
                at.retain(|at| *at < end);
            }
            _ => {}
        }
        store.rows(&at)
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        let store = self.rows.borrow();
        if self.damage(Fault::DamageIsForGood) {
            return Err(StoreError::Derived);
        }
        let mut changes = changes.to_vec();
        match self.fault {
            Fault::DerivesHalf => changes.truncate(changes.len().div_ceil(2)),
            Fault::KeepsWhatIsRemoved => changes.retain(|change| change.1.is_some()),
            Fault::AltersAnEntry => {
                let values = changes.iter_mut().filter_map(|change| change.1.as_mut());
                values.for_each(|value| value.push(7));
            }
            Fault::DerivesAheadOfTheJournal => {
                return store.derive(upto.min(store.end()?), &changes);
            }
            _ => {}
        }
        store.derive(upto, &changes)
    }

    fn derived_upto(&self) -> Result<Position, StoreError> {
        self.rows.borrow().derived_upto()
    }

    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let store = self.rows.borrow();
        match *self.damaged.borrow() && key == [7] {
            true if self.fault == Fault::HandsOutDamage => Ok(Some(b"damaged".to_vec())),
            true => Err(StoreError::Derived),
            false => store.derived(key),
        }
    }

    fn derived_range(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let store = self.rows.borrow();
        let until = match self.fault {
            Fault::RangesInclusively => [until, &[0]].concat(),
            _ => until.to_vec(),
        };
        match self.fault {
            Fault::RangesTooMuch => store.derived_range(from, &until, usize::MAX),
            _ => store.derived_range(from, &until, bytes_max),
        }
    }

    fn forget_derived(&self) -> Result<(), StoreError> {
        let store = self.rows.borrow();
        if self.fault != Fault::DamageIsForGood {
            self.damaged.replace(false);
        }
        match self.fault {
            Fault::ForgetsNothing => Ok(()),
            Fault::LosesCountWhenItForgets => {
                let upto = store.derived_upto()?;
                store.forget_derived()?;
                store.derive(upto, &[])
            }
            _ => store.forget_derived(),
        }
    }
}

struct FaultyGround(Shared, Fault, Rc<RefCell<bool>>);

impl Ground for FaultyGround {
    type Store = Faulty;

    fn open(&mut self) -> Result<Faulty, StoreError> {
        if self.1 == Fault::ForgetsEntriesWhenClosed {
            self.0.0.borrow().forget_derived()?;
        }
        Ok(Faulty {
            rows: Rc::clone(&self.0.0),
            fault: self.1,
            unsynced: RefCell::default(),
            damaged: Rc::clone(&self.2),
        })
    }

    fn damage_derived(&mut self) -> bool {
        self.2.replace(true);
        true
    }
}

fn ground(fault: Fault) -> FaultyGround {
    FaultyGround(Shared::default(), fault, Rc::default())
}

#[test]
fn a_journal_in_memory_keeps_the_contract() {
    let held = check(&mut ground(Fault::None)).unwrap();
    assert!(held > 2_000, "{held} clauses");
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

    fn damage_derived(&mut self) -> bool {
        let path = self.0.join("derived.redb");
        let mut bytes = fs::read(&path).unwrap();
        for page in bytes.chunks_mut(4_096).skip(1) {
            page[200..300].fill(0xee);
        }
        fs::write(&path, bytes).unwrap();
        true
    }
}

#[test]
fn a_journal_on_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let held = check(&mut Folder(folder.path().to_owned())).unwrap();
    assert!(held > 2_000, "{held} clauses");
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
        Fault::GivesRowsInTheirOwnOrder,
        Fault::LeavesOutMissingRows,
        Fault::ForgetsEntriesWhenClosed,
        Fault::DerivesHalf,
        Fault::KeepsWhatIsRemoved,
        Fault::DerivesAheadOfTheJournal,
        Fault::LosesCountWhenItForgets,
        Fault::ForgetsNothing,
        Fault::AltersAnEntry,
        Fault::RangesTooMuch,
        Fault::RangesInclusively,
        Fault::HandsOutDamage,
        Fault::DamageHidesTheJournal,
        Fault::DamageIsForGood,
    ] {
        let broken = check(&mut ground(fault));
        assert!(broken.is_err(), "{fault:?} passes");
        println!("{fault:?}: {}", broken.unwrap_err());
    }
    let failing = Broken::Failed(StoreError::Full);
    assert!(failing.to_string().contains("disk is full"));
}
