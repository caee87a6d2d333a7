//! A bit that flips on the disk is found, or does no harm; it never brings a panic or other rows.
//!
//! Once it did: a bit in redb's tree of tables makes the journal an empty table, whose own length is 0.
//! That is why the journal's end stands in `meta` too.
//!
//! Every bit of every live page is flipped, of the journal and of what is derived.
//! `ANABRANCH_FLIPS_EVERY=100` flips every hundredth.

use crate::{
    all,
    disk::{Disk, Image},
    pages::PAGE,
    setting,
};
use anabranch_core::store::{Change, Position, Store, StoreError};
use anabranch_storage::journal::{NotOpened, Part, RedbStore};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What can be read, and what keeps more from being read.
const LIVE_BYTES_MIN: usize = 64 << 10;

/// A store whose rows and entries fill some pages, closed in order.
struct Small {
    sound: Image,
    rows: Vec<Vec<u8>>,
    derived: Vec<(Vec<u8>, Vec<u8>)>,
}

fn small() -> Small {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for append in 0..3u8 {
        let more: Vec<Vec<u8>> = (0..4u8)
            .map(|row| vec![append ^ row.rotate_left(3); 600 + usize::from(row) * 9])
            .collect();
        store.append(Position(rows.len() as u64), &more).unwrap();
        rows.extend(more);
    }
    let entry = |at: u8| (vec![b'k', at], vec![at ^ 0x5a; 500 + usize::from(at) * 7]);
    let derived: Vec<_> = (0..8u8).map(entry).collect();
    let changes: Vec<Change> = derived.iter().cloned().map(|(k, v)| (k, Some(v))).collect();
    store.derive(Position(9), &changes).unwrap();
    drop(store);
    let sound = disk.state().image.clone();
    Small {
        sound,
        rows,
        derived,
    }
}

/// The pages that a store reads which reads everything.
fn live(small: &Small) -> BTreeSet<(Part, usize)> {
    let disk = Disk::of(small.sound.clone());
    let store = disk.open().unwrap();
    assert_eq!(all(&store).as_ref(), Ok(&small.rows));
    let derived = store.derived_range(b"", b"l", usize::MAX);
    assert_eq!(derived.as_ref(), Ok(&small.derived));
    disk.state().read.clone()
}

#[derive(Debug, Default)]
struct Found {
    harmless: AtomicUsize,
    refused: AtomicUsize,
    by_a_read: AtomicUsize,
    by_verifying: AtomicUsize,
    derived_again: AtomicUsize,
    entries_missing: AtomicUsize,
}

fn count(what: &AtomicUsize) {
    what.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let every = setting("ANABRANCH_FLIPS_EVERY", 1);
    let small = small();
    quiet_about_redb();
    let mut bits: Vec<(Part, usize)> = Vec::new();
    let mut live_bytes = 0;
    for (part, page) in live(&small) {
        // Of the file's first page redb reads 320 bytes.
        let (begin, len) = (page * PAGE, if page == 0 { 512 } else { PAGE });
        live_bytes += len;
        bits.extend((begin * 8..(begin + len) * 8).map(|bit| (part, bit)));
    }
    assert!(live_bytes >= LIVE_BYTES_MIN, "{live_bytes} bytes");
    let (found, next) = (Found::default(), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(bit) = bits.get(next.fetch_add(every, Ordering::Relaxed)) {
                    small.flip(*bit, &found);
                }
            });
        }
    });
    println!("{live_bytes} live bytes, every {every}th bit: {found:?}");
    let harmless = found.harmless.into_inner();
    assert!(harmless > 0 && found.by_a_read.into_inner() > harmless / 4);
    assert!(found.refused.into_inner() > 0 && found.derived_again.into_inner() > 0);
}

/// redb's panics are expected here, and would fill the page.
fn quiet_about_redb() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let redb = |place: &std::panic::Location<'_>| place.file().contains("redb-");
        if !panic.location().is_some_and(redb) {
            loud(panic);
        }
    }));
}

impl Small {
    fn flip(&self, (part, bit): (Part, usize), found: &Found) {
        let mut image = self.sound.clone();
        let mut byte = [0];
        image.of(part).read(bit / 8, &mut byte);
        image.of(part).write(bit / 8, &[byte[0] ^ (1 << (bit % 8))]);
        let what = format!("{part:?}, byte {}, bit {}", bit / 8, bit % 8);
        let disk = Disk::of(image);
        match (part, disk.open()) {
            (
                Part::Journal,
                Err(NotOpened::Damaged | NotOpened::NotAStore | NotOpened::Format { .. }),
            ) => count(&found.refused),
            (_, Err(other)) => panic!("{what}: {other}"),
            (Part::Journal, Ok(store)) => self.journal(&store, &what, found),
            (Part::Derived, Ok(store)) => self.derived(&store, &what, bit, found),
        }
    }

    fn journal(&self, store: &RedbStore, what: &str, found: &Found) {
        let had = all(store);
        let Ok(had) = had else {
            if let Ok(report) = store.verify(|_, _| {}) {
                assert!(report.damaged > 0, "{what}: {had:?}, {report:?}");
            }
            return count(&found.by_a_read);
        };
        assert_eq!(had.len(), self.rows.len(), "{what}: rows lost silently");
        assert!(had == self.rows, "{what}: other rows");
        let report = store.verify(|_, _| {}).unwrap();
        assert_eq!(report.rows + report.damaged, self.rows.len() as u64);
        // It goes on, or says why not.
        let end = Position(self.rows.len() as u64);
        if store.append(end, &[b"after".to_vec()]).is_ok() {
            assert_eq!(all(store).unwrap().len(), self.rows.len() + 1, "{what}");
        }
        count(match report.damaged {
            0 => &found.harmless,
            // A scan finds its way through the tree and a single look-up does not.
            _ => &found.by_verifying,
        });
    }

    fn derived(&self, store: &RedbStore, what: &str, bit: usize, found: &Found) {
        let upto = store.derived_upto();
        match (&upto, store.derived_range(b"", b"l", usize::MAX)) {
            (Ok(upto), Ok(had)) => {
                let one_of_ours = |entry| self.derived.contains(entry);
                assert!(had.iter().all(one_of_ours), "{what}: other entries");
                assert!(
                    [Position(9), Position(0)].contains(upto),
                    "{what}: {upto:?}"
                );
                count(match had.len() == self.derived.len() {
                    true => &found.harmless,
                    false => &found.entries_missing,
                });
            }
            (upto, had) => {
                let told = |error| matches!(error, Some(StoreError::Derived));
                let upto = upto.as_ref().err().cloned();
                assert!(told(upto) || told(had.err()), "{what}");
                count(&found.by_a_read);
            }
        }
        if bit.is_multiple_of(61) {
            assert!(all(store).as_ref() == Ok(&self.rows), "{what}");
            store.forget_derived().unwrap();
            let (key, value) = &self.derived[7];
            let change = (key.clone(), Some(value.clone()));
            store.derive(Position(9), &[change]).unwrap();
            assert_eq!(store.derived(key).as_ref(), Ok(&Some(value.clone())));
            count(&found.derived_again);
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_found_or_holds_everything() {
    let mut small = small();
    quiet_about_redb();
    for part in [Part::Journal, Part::Derived] {
        let len = small.sound.of(part).len();
        for cut in (0..len).step_by(512).chain([1, 8, 9, 319, len - 1]) {
            let mut image = small.sound.clone();
            image.of(part).set_len(cut);
            let disk = Disk::of(image);
            match (part, disk.open()) {
                (Part::Journal, Err(NotOpened::Damaged)) => {}
                // An empty file is one in which no store was made yet.
                (Part::Journal, opened) => assert!(cut == 0 && opened.is_ok(), "{cut}"),
                (Part::Derived, opened) => {
                    let store = opened.unwrap();
                    assert_eq!(all(&store).as_ref(), Ok(&small.rows), "{cut}");
                    let upto = store.derived_upto();
                    let none = [Ok(Position(0)), Err(StoreError::Derived)];
                    assert!(none.contains(&upto), "{cut}: {upto:?}");
                    store.forget_derived().unwrap();
                    store.derive(Position(1), &[]).unwrap();
                }
            }
        }
    }
}

/// Each row that is still whole can be read, and those that are not are named.
#[test]
fn verifying_names_the_damaged_rows_and_counts_the_others() {
    let Small { sound, rows, .. } = small();
    let mut bytes = sound.journal.to_vec();
    let marked = &rows[7];
    let at = bytes
        .windows(marked.len())
        .position(|bytes| bytes == marked.as_slice());
    bytes[at.unwrap() + 5] ^= 1;
    let journal = bytes.into();
    let store = Disk::of(Image { journal, ..sound }).open().unwrap();
    let mut told = 0;
    let report = store.verify(|done, of| {
        assert_eq!((done, of), (told + 1, rows.len() as u64));
        told = done;
    });
    let report = report.unwrap();
    assert_eq!(told, 12);
    assert_eq!((report.rows, report.damaged), (11, 1));
    assert_eq!(report.first_damaged, [Position(7)]);
    let whole: usize = rows.iter().map(Vec::len).sum::<usize>() - marked.len();
    assert_eq!(report.bytes, whole as u64);
    let error = all(&store).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("row 7 of the journal"), "{said}");
    assert_eq!(store.read(Position(8), usize::MAX).unwrap(), rows[8..]);
}
