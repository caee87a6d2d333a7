//! What is derived: it follows the journal, and whatever becomes of it the journal is unharmed.

use crate::{
    all,
    disk::{Disk, Failing},
    rows,
};
use anabranch_core::{
    sim::Rng,
    store::{Change, Position, Store, StoreError},
};
use anabranch_storage::journal::{RedbStore, StorageBackend};
use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

fn change(at: usize) -> Change {
    let key = format!("key {at:05}").into_bytes();
    (key, Some(vec![at as u8; 40 + at % 300]))
}

/// A store of 120 rows, and 300 entries derived from 100 of them.
fn derived() -> Disk {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let rows: Vec<Vec<u8>> = (0..120u8).map(|row| vec![row; 50]).collect();
    store.append(Position(0), &rows).unwrap();
    let changes: Vec<Change> = (0..300).map(change).collect();
    store.derive(Position(100), &changes).unwrap();
    drop(store);
    disk
}

fn sound(store: &RedbStore) {
    assert_eq!(store.derived_upto(), Ok(Position(100)));
    let entries = store.derived_range(b"", b"l", usize::MAX).unwrap();
    let wanted: Vec<Change> = (0..300).map(change).collect();
    let had: Vec<Change> = entries.into_iter().map(|(k, v)| (k, Some(v))).collect();
    assert_eq!(had, wanted);
}

/// Forgets and derives again; the journal was there all the time.
fn made_again(store: &RedbStore) {
    assert_eq!(all(store).unwrap().len(), 120);
    store.append(Position(120), &[b"more".to_vec()]).unwrap();
    store.forget_derived().unwrap();
    assert_eq!(store.derived_upto(), Ok(Position(0)));
    assert_eq!(store.derived_range(b"", b"l", usize::MAX), Ok(Vec::new()));
    let changes: Vec<Change> = (0..300).map(change).collect();
    store.derive(Position(100), &changes).unwrap();
    sound(store);
}

#[test]
fn however_the_file_of_derived_entries_is_damaged_the_journal_is_read_and_they_are_made_again() {
    let sound_image = derived().state().image.clone();
    let len = sound_image.derived.len();
    let mut told = 0;
    for damage in 0..40 {
        let mut image = sound_image.clone();
        let mut bytes = image.derived.to_vec();
        match damage {
            0 => bytes.truncate(len / 2),
            1 => bytes.truncate(3),
            2 => bytes.fill(0xff),
            3 => bytes[9..].fill(0),
            4 => bytes[..9].fill(7),
            5 => bytes[64..200].fill(0xee),
            _ => {
                let page = (damage - 5) * 4_096 % len;
                bytes[page..page + 4_096].fill(damage as u8);
            }
        }
        image.derived = bytes.into();
        let disk = Disk::of(image);
        let store = disk.open().unwrap();
        let range = store.derived_range(b"", b"l", usize::MAX);
        let upto = store.derived_upto();
        told += usize::from(range == Err(StoreError::Derived) || upto == Err(StoreError::Derived));
        made_again(&store);
        drop(store);
        sound(&disk.open().unwrap());
    }
    assert!(told > 10, "{told} told");
}

/// A store restored from a copy has another history after the place up to which it was derived.
#[test]
fn entries_of_another_journal_are_told_from_ones_own() {
    let [one, two] = [derived(), Disk::default()];
    let store = two.open().unwrap();
    let rows: Vec<Vec<u8>> = (0..120u8).map(|row| vec![!row; 50]).collect();
    store.append(Position(0), &rows).unwrap();
    drop(store);
    two.state().image.derived = one.state().image.derived.clone();
    assert_eq!(two.open().unwrap().derived_upto(), Err(StoreError::Derived));
    // Nor may they be ahead of the journal.
    let short = Disk::default();
    let store = short.open().unwrap();
    store.append(Position(0), &rows[..7]).unwrap();
    drop(store);
    short.state().image.derived = one.state().image.derived.clone();
    let store = short.open().unwrap();
    assert_eq!(store.derived_upto(), Err(StoreError::Derived));
    assert_eq!(all(&store).unwrap(), rows[..7]);
    let ahead = store.derive(Position(8), &[]);
    let (end, wanted) = (Position(7), Position(8));
    assert_eq!(ahead, Err(StoreError::Moved { end, wanted }));
}

/// How many there are; asked twice where the first call meets a failing disk.
fn entries(store: &RedbStore) -> usize {
    let entries = || store.derived_range(b"", b"l", usize::MAX);
    entries().or_else(|_| entries()).unwrap().len()
}

#[test]
fn whichever_step_of_deriving_fails_the_same_call_succeeds_afterwards() {
    let mut failures = 0;
    for failing in 0..50 {
        let kind = [io::ErrorKind::Other, io::ErrorKind::StorageFull][failing % 2];
        let disk = derived();
        let store = disk.open().unwrap();
        sound(&store);
        let first = disk.state().image.clone();
        disk.state().lasting = Some(first);
        disk.state().failing = Failing::Once(failing, kind);
        let changes: Vec<Change> = (200..400)
            .map(change)
            .chain([(b"a".to_vec(), None)])
            .collect();
        for call in [Some(&changes), None, Some(&changes)] {
            let done = || match call {
                Some(changes) => store.derive(Position(110), changes),
                None => store.forget_derived(),
            };
            while let Err(error) = done() {
                assert!(
                    matches!(error, StoreError::Io(_) | StoreError::Full),
                    "{error}"
                );
                failures += 1;
            }
            // The step that fails may be one of these, where the file opens again.
            let (many, upto) = (entries(&store), store.derived_upto());
            assert_eq!(all(&store).unwrap().len(), 120);
            let lasting = Disk::of(disk.state().lasting.clone().unwrap());
            let after_the_cut = lasting.open().unwrap();
            assert_eq!(entries(&after_the_cut), many, "step {failing}");
            assert_eq!(after_the_cut.derived_upto(), upto);
        }
    }
    assert!(failures > 20, "{failures} failed");
}

/// A file whose fsync takes long.
#[derive(Debug)]
struct Slow<B>(B, Arc<AtomicBool>);

const SLOW: Duration = Duration::from_millis(400);

impl<B: StorageBackend> StorageBackend for Slow<B> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.1.load(Ordering::SeqCst) {
            std::thread::sleep(SLOW);
        }
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

#[test]
fn reading_does_not_wait_for_an_append_nor_appending_for_what_is_derived() {
    let slow = [Arc::new(AtomicBool::new(false)), Arc::default()];
    let flags = slow.clone();
    let disk = derived();
    let on = disk.clone();
    let store = RedbStore::on(move |part| {
        let slow = Arc::clone(&flags[part as usize]);
        Ok(Box::new(Slow(on.part(part), slow)))
    });
    let store = store.unwrap();
    sound(&store);
    // Where a file grows, redb has readers wait for its fsync. These two do.
    store.append(Position(120), &[b"grows".to_vec()]).unwrap();
    store.derive(Position(100), &[change(7)]).unwrap();
    for (at, busy) in slow.iter().enumerate() {
        busy.store(true, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| match at {
                0 => store.append(Position(121), &[b"slowly".to_vec()]),
                _ => store.derive(Position(100), &[change(7)]),
            });
            std::thread::sleep(SLOW / 8);
            let started = Instant::now();
            assert_eq!(store.read(Position(0), usize::MAX).unwrap().len(), 121 + at);
            assert_eq!(store.rows(&[Position(7)]).unwrap(), [vec![7; 50]]);
            sound(&store);
            if at == 1 {
                let end = store.end().unwrap();
                store.append(end, &[b"at once".to_vec()]).unwrap();
            }
            let took = started.elapsed();
            assert!(!writing.is_finished(), "nothing was being written");
            writing.join().unwrap().unwrap();
            assert!(took < SLOW / 2, "{took:?}");
        });
        busy.store(false, Ordering::SeqCst);
    }
}

#[test]
fn many_threads_append_read_and_derive_at_once() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let rows = all(&store).unwrap();
                    assert!(
                        rows.iter()
                            .zip(0u64..)
                            .all(|(row, at)| row == &at.to_le_bytes())
                    );
                    let upto = store.derived_upto().unwrap();
                    let told = store.derived(b"end").unwrap();
                    assert!(told.is_some() || upto == Position(0));
                }
            });
        }
        for end in 0..200u64 {
            let row = end.to_le_bytes().to_vec();
            store
                .append(Position(end), std::slice::from_ref(&row))
                .unwrap();
            if end % 5 == 0 {
                store
                    .derive(Position(end + 1), &[(b"end".to_vec(), Some(row))])
                    .unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(store.end(), Ok(Position(200)));
}

#[test]
fn a_store_without_its_derived_file_derives_again() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let mut rng = Rng::new(7);
    let rows = rows(&mut rng);
    let (store, _) = RedbStore::open(folder.path()).unwrap();
    store.append(Position(0), &rows).unwrap();
    let upto = Position(rows.len() as u64);
    store.derive(upto, &[change(1)]).unwrap();
    drop(store);
    let file = folder.path().join("derived.redb");
    for damaged in [true, false] {
        match damaged {
            true => fs::write(&file, b"not what it was").unwrap(),
            false => fs::remove_file(&file).unwrap(),
        }
        let (store, _) = RedbStore::open(folder.path()).unwrap();
        assert_eq!(all(&store).unwrap(), rows);
        let wanted = [Ok(Position(0)), Err(StoreError::Derived)][usize::from(damaged)].clone();
        assert_eq!(store.derived_upto(), wanted);
        store.forget_derived().unwrap();
        store.derive(upto, &[change(1)]).unwrap();
        assert_eq!(store.derived_upto(), Ok(upto));
        assert_eq!(store.derived(b"key 00001").unwrap(), change(1).1);
    }
}
