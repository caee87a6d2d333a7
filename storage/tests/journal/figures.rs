//! What a durable append costs, against redb without anything of ours.
//!
//! `cargo test --release -p anabranch-storage --test journal -- --ignored --nocapture --test-threads 1`

use crate::disk::{Disk, Step};
use anabranch_core::{
    sim::Rng,
    store::{Position, Store},
};
use anabranch_storage::journal::RedbStore;
use redb::TableDefinition;
use std::{path::Path, time::Instant};

/// Change sets of this size, with header and proof, are what typing makes.
const ROW_BYTES: usize = 420;

fn random_rows(rng: &mut Rng, many: usize) -> Vec<Vec<u8>> {
    (0..many)
        .map(|_| rng.bytes::<ROW_BYTES>().to_vec())
        .collect()
}

#[test]
fn a_commit_of_100_change_sets_writes_at_most_six_times_its_payload() {
    let mut rng = Rng::new(7);
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for (many, times_max) in [(1, usize::MAX), (100, 6)] {
        disk.state().log = Some(Vec::new());
        for _ in 0..50 {
            let rows = random_rows(&mut rng, many);
            let end = store.end().unwrap();
            store.append(end, &rows).unwrap();
        }
        let log = disk.state().log.take().unwrap();
        let written: usize = log
            .iter()
            .map(|step| match step {
                Step::Write { bytes, .. } => bytes.len(),
                _ => 0,
            })
            .sum();
        let syncs = log
            .iter()
            .filter(|step| matches!(step, Step::Sync(_)))
            .count();
        let payload = 50 * many * ROW_BYTES;
        println!(
            "{many} rows of {ROW_BYTES} bytes: {} bytes written for each commit, {:.1} times the \
             payload, {} fsyncs in 50 commits",
            written / 50,
            written as f64 / payload as f64,
            syncs
        );
        assert!(written <= payload.saturating_mul(times_max));
        let grown = log
            .iter()
            .filter(|step| matches!(step, Step::SetLen(..)))
            .count();
        // One for each commit, and now and then one where the file grows.
        assert!((50..=50 + grown).contains(&syncs));
    }
}

fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: Vec<f64> = after_name
        .split(' ')
        .filter_map(|field| field.parse().ok())
        .collect();
    // utime and stime, in hundredths of a second; the state is no number.
    ticks.get(10..12).unwrap_or_default().iter().sum::<f64>() * 10.0
}

fn timed(name: &str, many: usize, appends: usize, mut append: impl FnMut(usize, &[Vec<u8>])) {
    let mut rng = Rng::new(7);
    let all: Vec<Vec<Vec<u8>>> = (0..appends).map(|_| random_rows(&mut rng, many)).collect();
    let (cpu, started) = (cpu_ms(), Instant::now());
    for (at, rows) in all.iter().enumerate() {
        append(at * many, rows);
    }
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_ms() - cpu);
    println!(
        "{name}, {many} rows each: {:.0} appends/s, {:.2} ms each, {:.3} ms CPU each",
        appends as f64 / seconds,
        seconds * 1e3 / appends as f64,
        cpu / appends as f64
    );
}

/// A disk to measure: `/tmp` may be none.
fn base() -> String {
    std::env::var("ANABRANCH_FIGURES_FOLDER").unwrap_or_else(|_| ".".to_owned())
}

#[test]
#[ignore = "a measurement"]
fn figures_of_durable_appends() {
    for (many, appends) in [(1, 600), (100, 300)] {
        let folder = tempfile::tempdir_in(base()).unwrap();
        RedbStore::create(folder.path()).unwrap();
        let (store, _) = RedbStore::open(folder.path()).unwrap();
        timed("RedbStore", many, appends, |at, rows| {
            store.append(Position(at as u64), rows).unwrap();
        });
        bare(folder.path(), many, appends);
    }
}

#[test]
#[ignore = "a measurement"]
fn figures_of_opening_after_a_crash() {
    let folder = tempfile::tempdir_in(base()).unwrap();
    let crashed = tempfile::tempdir_in(base()).unwrap();
    RedbStore::create(folder.path()).unwrap();
    let (store, _) = RedbStore::open(folder.path()).unwrap();
    let mut rng = Rng::new(7);
    for append in 0..240 {
        let rows = random_rows(&mut rng, 1_000);
        store.append(Position(append * 1_000), &rows).unwrap();
    }
    // As a crash leaves it: nothing was closed.
    let [from, to] = [&folder, &crashed].map(|folder| folder.path().join("store.redb"));
    let bytes = std::fs::copy(from, to).unwrap();
    for state in ["after a crash", "closed in order"] {
        let started = Instant::now();
        let (store, _) = RedbStore::open(crashed.path()).unwrap();
        let opened = started.elapsed();
        let report = store.verify(|_, _| {}).unwrap();
        assert_eq!((report.rows, report.damaged), (240_000, 0));
        let verified = started.elapsed() - opened;
        println!(
            "{} MB {state}: opened in {opened:.0?}, verified in {verified:.0?}",
            bytes >> 20
        );
        let started = Instant::now();
        let read = store.read(Position(0), usize::MAX).unwrap().len();
        println!("{read} rows read in {:.0?}", started.elapsed());
    }
}

/// What is derived is opened by quick repair: none of it is read. It is asked for as soon as a store is
/// opened.
#[test]
#[ignore = "a measurement"]
fn figures_of_opening_what_is_derived_after_a_crash() {
    let folder = tempfile::tempdir_in(base()).unwrap();
    let crashed = tempfile::tempdir_in(base()).unwrap();
    RedbStore::create(folder.path()).unwrap();
    let (store, _) = RedbStore::open(folder.path()).unwrap();
    let mut rng = Rng::new(7);
    for call in 0..120u32 {
        let changes: Vec<_> = (0..1_000u32)
            .map(|at| {
                let key = [call.to_be_bytes(), at.to_be_bytes()].concat();
                (key, Some(rng.bytes::<1_000>().to_vec()))
            })
            .collect();
        store.derive(Position(0), &changes).unwrap();
    }
    for file in ["store.redb", "derived.redb"] {
        let [from, to] = [&folder, &crashed].map(|folder| folder.path().join(file));
        std::fs::copy(from, to).unwrap();
    }
    for state in ["after a crash", "closed in order"] {
        let (store, _) = RedbStore::open(crashed.path()).unwrap();
        let started = Instant::now();
        store.derived_upto().unwrap();
        let entry = store.derived(&[0, 0, 0, 7, 0, 0, 0, 7]).unwrap();
        assert_eq!(entry.map(|entry| entry.len()), Some(1_000));
        println!(
            "120 MB derived, {state}: asked in {:.1?}",
            started.elapsed()
        );
    }
    let started = Instant::now();
    for _ in 0..100_000 {
        store.end().unwrap();
    }
    println!(
        "where the journal ends: {:.2?} each",
        started.elapsed() / 100_000
    );
}

/// The same values in the same table.
fn bare(folder: &Path, many: usize, appends: usize) {
    let journal = TableDefinition::<u64, &[u8]>::new("journal");
    let database = redb::Database::create(folder.join("bare")).unwrap();
    timed("bare redb", many, appends, |at, rows| {
        let change = database.begin_write().unwrap();
        {
            let mut journal = change.open_table(journal).unwrap();
            for (at, row) in (at as u64..).zip(rows) {
                let value = [&[7; 32], row.as_slice()].concat();
                journal.insert(at, value.as_slice()).unwrap();
            }
        }
        change.commit().unwrap();
    });
}
