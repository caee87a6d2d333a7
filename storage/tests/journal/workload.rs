//! Workloads on a disk that remembers, the images that a power cut may leave of them, and what a store
//! that is opened on one of those must show.

use crate::{
    disk::{Disk, Failing, Image, Step, torn},
    pages::Pages,
    rows,
};
use anabranch_core::{
    sim::Rng,
    store::{Change, Position, Store, StoreError},
};
use anabranch_storage::{
    Key,
    journal::{FORMAT, Part, RedbStore},
};
use std::{collections::BTreeMap, io};

/// What of a store can be seen: where its journal ends, up to where it has derived, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub end: usize,
    pub upto: u64,
    pub derived: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What was asked of a store, and what it may show at each moment: the steps on its disk come with the
/// states between which they lead.
pub struct Workload {
    pub first: Image,
    pub steps: Vec<Step>,
    pub states: Vec<Shown>,
    pub rows: Vec<Vec<u8>>,
    pub migrated: bool,
    /// Of a store that is encrypted.
    pub key: Option<Key>,
    pub failures: usize,
}

/// A store that is written for so many calls. Of four, one is encrypted and one of the oldest format.
pub fn recorded(number: u64, rng: &mut Rng, calls: usize) -> Workload {
    let key = (number % 4 == 1).then(|| Key(rng.bytes()));
    let disk = Disk::default().with(key.clone());
    let store = disk.open().unwrap();
    let mut shown = Shown::default();
    let mut rows_all = Vec::new();
    if rng.one_in(2) {
        // Something to go on from, closed in order.
        let rows = rows(rng);
        store.append(Position(0), &rows).unwrap();
        shown.end = rows.len();
        rows_all.extend(rows);
    }
    drop(store);
    let migrated = number % 4 == 3;
    if migrated {
        of_the_oldest_format(&disk);
    }
    let first = disk.state().image.clone();
    disk.state().log = Some(vec![Step::Acknowledged(0)]);
    let mut states = vec![shown.clone()];
    let mut failures = 0;
    let mut store = disk.open().unwrap();
    for call in 0..calls {
        if rng.one_in(7) {
            drop(store);
            store = disk.open().unwrap();
        }
        let mut next = shown.clone();
        let change = changes(rng);
        let rows = rows(rng);
        let what = rng.below(10);
        match what {
            0..6 => next.end += rows.len(),
            6..9 => {
                next.upto = rng.below(shown.end + 1) as u64;
                for (key, value) in &change {
                    match value {
                        Some(value) => next.derived.insert(key.clone(), value.clone()),
                        None => next.derived.remove(key),
                    };
                }
            }
            _ => (next.upto, next.derived) = (0, BTreeMap::new()),
        }
        states.push(next.clone());
        disk.note(Step::Begun(call + 1));
        if rng.one_in(6) {
            disk.state().failing = Failing::Once(rng.below(6), io::ErrorKind::Other);
        }
        loop {
            let done = match what {
                0..6 => store.append(Position(shown.end as u64), &rows),
                6..9 => store.derive(Position(next.upto), &change),
                _ => store.forget_derived(),
            };
            match done {
                Ok(()) => break,
                Err(StoreError::Io(_)) => failures += 1,
                Err(other) => panic!("{other}"),
            }
        }
        disk.state().failing = Failing::Never;
        disk.note(Step::Acknowledged(call + 1));
        if what < 6 {
            rows_all.extend(rows);
        }
        shown = next;
    }
    drop(store);
    let steps = disk.state().log.take().unwrap();
    Workload {
        first,
        steps,
        states,
        rows: rows_all,
        migrated,
        key,
        failures,
    }
}

fn changes(rng: &mut Rng) -> Vec<Change> {
    let change = |rng: &mut Rng| {
        let key = format!("key {}", rng.below(60)).into_bytes();
        let len = [0, 30, 700, 5_000][rng.below(4)];
        let seed: [u8; 8] = rng.bytes();
        let value: Vec<u8> = seed.iter().copied().cycle().take(len).collect();
        (key, (!rng.one_in(4)).then_some(value))
    };
    (0..[0, 1, 4, 40][rng.below(4)])
        .map(|_| change(rng))
        .collect()
}

/// Format 2 changes no byte of the journal: what makes a store one of format 1 is its number.
fn of_the_oldest_format(disk: &Disk) {
    assert_eq!(FORMAT, 2, "a step was added: have it migrated here");
    let mut builder = redb::Database::builder();
    builder.set_cache_size(1 << 20);
    let file = builder
        .create_with_backend(disk.part(Part::Journal))
        .unwrap();
    let change = file.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    change
        .open_table(meta)
        .unwrap()
        .insert("format", 1)
        .unwrap();
    change.commit().unwrap();
    drop(file);
    disk.state().image.derived = Pages::default();
}

/// A power cut: what is on the disk for sure, what may be, and between which states the store was.
#[derive(Clone)]
pub struct Cut {
    pub sure: Image,
    pub maybe: Vec<Step>,
    pub from: usize,
    pub to: usize,
}

impl Cut {
    pub fn new(first: &Image) -> Self {
        Cut {
            sure: first.clone(),
            maybe: Vec::new(),
            from: 0,
            to: 0,
        }
    }

    /// One step later.
    pub fn after(&mut self, step: &Step) {
        match step {
            Step::Write { .. } | Step::SetLen(..) => self.maybe.push(step.clone()),
            Step::Sync(part) => {
                let synced = self.maybe.extract_if(.., |step| step.part() == Some(*part));
                synced.for_each(|step| self.sure.apply(&step));
            }
            Step::Begun(state) => self.to = *state,
            Step::Acknowledged(state) => (self.from, self.to) = (*state, *state),
        }
    }

    /// What it may leave.
    pub fn image(&self, rng: &mut Rng) -> Image {
        let mut image = self.sure.clone();
        match rng.below(6) {
            0 => {}
            1 => self.maybe.iter().for_each(|step| image.apply(step)),
            _ => torn(self.maybe.clone(), &mut image, rng),
        }
        image
    }
}

/// Opens a store on an image. It must show one of these states, and hold the rows that were appended.
/// What is left is the disk after the opening, with what that asked for.
pub fn judge(image: Image, of: &Workload, may: &[Shown], what: &str) -> (Disk, Shown) {
    let (rows, disk) = (&of.rows, Disk::of(image).with(of.key.clone()));
    disk.state().log = Some(Vec::new());
    let store = disk.open();
    let store = store.unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    let shown = shown(&store, rows, what);
    assert!(
        may.contains(&shown),
        "{what}: {} rows, derived up to {} in {} entries; not one of {:?}",
        shown.end,
        shown.upto,
        shown.derived.len(),
        may.iter()
            .map(|one| (one.end, one.upto, one.derived.len()))
            .collect::<Vec<_>>()
    );
    // A power cut closes nothing: what closing writes is not on the disk that is left.
    let left = Disk::of(disk.state().image.clone());
    left.state().log = disk.state().log.take();
    drop(store);
    (left, shown)
}

fn shown(store: &RedbStore, rows: &[Vec<u8>], what: &str) -> Shown {
    let failed = |error: StoreError| panic!("{what}: {error}");
    let had = store.read(Position(0), usize::MAX).unwrap_or_else(failed);
    assert!(rows.starts_with(&had), "{what}: other rows");
    let upto = store.derived_upto();
    let derived = store.derived_range(b"", b"z", usize::MAX);
    Shown {
        end: had.len(),
        upto: upto.unwrap_or_else(|error| panic!("{what}: {error}")).0,
        derived: derived
            .unwrap_or_else(|error| panic!("{what}: {error}"))
            .into_iter()
            .collect(),
    }
}
