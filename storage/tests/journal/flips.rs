//! A bit that flips on the disk is found, or does no harm; it never brings a panic or other rows.
//!
//! Once it did: a bit in redb's tree of tables makes the journal an empty table, whose own length is 0.
//! That is why the journal's end stands in `meta` too, and why the header and that tree are flipped bit
//! by bit, and the rest here and there.
//!
//! `ANABRANCH_FLIPS_EVERY=1` flips every bit of the live bytes.

use crate::{
    all,
    disk::{Disk, Image},
    setting,
};
use anabranch_core::store::{Position, Store};
use anabranch_storage::journal::NotOpened;

const PAGE: usize = 4_096;

/// A store whose rows fill some pages, closed in order; and its rows.
fn small() -> (Vec<u8>, Vec<Vec<u8>>) {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for append in 0..6u8 {
        let rows: Vec<Vec<u8>> = (0..20u8)
            .map(|row| vec![append ^ row.rotate_left(3); 90 + usize::from(row) * 4])
            .collect();
        store
            .append(Position(expected.len() as u64), &rows)
            .unwrap();
        expected.extend(rows);
    }
    drop(store);
    let bytes = disk.state().image.journal.clone();
    (bytes, expected)
}

fn on(journal: Vec<u8>) -> Disk {
    Disk::of(Image {
        journal,
        ..Image::default()
    })
}

/// The pages that hold anything.
fn live(bytes: &[u8]) -> Vec<usize> {
    let pages = bytes.chunks(PAGE).enumerate();
    pages
        .filter(|(_, page)| page.iter().any(|byte| *byte != 0))
        .map(|(at, _)| at * PAGE)
        .collect()
}

fn names_a_table(page: &[u8]) -> bool {
    page.windows(7).any(|bytes| bytes == b"journal")
}

#[derive(Debug, Default)]
struct Found {
    harmless: usize,
    refused: usize,
    by_a_read: usize,
    by_verifying: usize,
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let every = setting("ANABRANCH_FLIPS_EVERY", 211);
    let (sound, rows) = small();
    let pages = live(&sound);
    let mut found = Found::default();
    quiet_about_redb();
    let here_and_there = pages.iter().flat_map(|page| page * 8..(page + PAGE) * 8);
    let header = 0..512 * 8;
    let tables = pages
        .iter()
        .filter(|page| names_a_table(&sound[**page..*page + PAGE]));
    let tables: Vec<usize> = tables.flat_map(|page| page * 8..(page + 320) * 8).collect();
    assert!(!tables.is_empty());
    let bits = here_and_there.step_by(every).chain(header).chain(tables);
    for bit in bits {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        flip(bytes, &rows, bit, &mut found);
    }
    println!(
        "{} pages, every bit of the header and the tree of tables, every {every}th of \
         the rest: {found:?}",
        pages.len()
    );
    assert!(found.harmless > 0 && found.by_a_read > 0 && found.refused > 0);
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

fn flip(bytes: Vec<u8>, rows: &[Vec<u8>], bit: usize, found: &mut Found) {
    match on(bytes).open() {
        Err(NotOpened::Damaged | NotOpened::NotAStore | NotOpened::Format { .. }) => {
            found.refused += 1;
        }
        Err(other) => panic!("byte {}: {other}", bit / 8),
        Ok(store) => match all(&store) {
            Ok(had) => {
                assert_eq!(
                    had.len(),
                    rows.len(),
                    "byte {}: rows lost silently",
                    bit / 8
                );
                assert_eq!(had, rows, "byte {}: other rows", bit / 8);
                let report = store.verify(|_, _| {}).unwrap();
                assert_eq!(report.rows + report.damaged, rows.len() as u64);
                // It goes on, or says why not.
                let after = vec![b"after".to_vec()];
                if store.append(Position(rows.len() as u64), &after).is_ok() {
                    assert_eq!(all(&store).unwrap().len(), rows.len() + 1);
                }
                match report.damaged {
                    0 => found.harmless += 1,
                    // A scan finds its way through the tree and a single look-up does not.
                    _ => found.by_verifying += 1,
                }
            }
            Err(error) => {
                let at = store.verify(|_, _| {});
                if let Ok(report) = at {
                    assert!(report.damaged > 0, "byte {}: {error}, {report:?}", bit / 8);
                }
                found.by_a_read += 1;
            }
        },
    }
}

/// Each row that is still whole can be read, and those that are not are named.
#[test]
fn verifying_names_the_damaged_rows_and_counts_the_others() {
    let (sound, rows) = small();
    let marked = &rows[77];
    let at = sound
        .windows(marked.len())
        .position(|bytes| bytes == marked.as_slice());
    let mut bytes = sound.clone();
    bytes[at.unwrap() + 5] ^= 1;
    let store = on(bytes).open().unwrap();
    let mut told = 0;
    let report = store.verify(|done, of| {
        assert_eq!((done, of), (told + 1, rows.len() as u64));
        told = done;
    });
    let report = report.unwrap();
    assert_eq!(told, 120);
    assert_eq!((report.rows, report.damaged), (119, 1));
    assert_eq!(report.first_damaged, [Position(77)]);
    let whole: usize = rows.iter().map(Vec::len).sum::<usize>() - marked.len();
    assert_eq!(report.bytes, whole as u64);
    let error = all(&store).unwrap_err();
    assert!(
        error.to_string().starts_with("row 77 of the journal"),
        "{error}"
    );
    assert_eq!(store.read(Position(78), usize::MAX).unwrap(), rows[78..]);
}
