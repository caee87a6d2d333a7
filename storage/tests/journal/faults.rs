//! A disk that fails: what was acknowledged stays, and the same append succeeds once the disk does.

use crate::{
    all,
    disk::{Disk, Failing},
    rows,
};
use anabranch_core::{
    sim::Rng,
    store::{Position, Store, StoreError},
};
use std::io;

/// Appends until it succeeds; how often it failed.
fn insist(store: &impl Store, at: Position, rows: &[Vec<u8>]) -> usize {
    for failures in 0..20 {
        match store.append(at, rows) {
            Ok(()) => return failures,
            Err(StoreError::Io(_) | StoreError::Full) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it never succeeds");
}

#[test]
fn whichever_step_fails_the_same_append_succeeds_afterwards_and_once() {
    let mut rng = Rng::new(7);
    let mut failures = 0;
    for failing in 0..60 {
        let kind = [io::ErrorKind::Other, io::ErrorKind::StorageFull][failing % 2];
        let disk = Disk::default();
        let store = disk.open().unwrap();
        let mut expected = Vec::new();
        disk.state().failing = Failing::Once(failing, kind);
        for _ in 0..8 {
            let rows = rows(&mut rng);
            failures += insist(&store, Position(expected.len() as u64), &rows);
            expected.extend(rows);
            assert_eq!(all(&store).unwrap(), expected, "step {failing}");
        }
        drop(store);
        assert_eq!(
            all(&disk.open().unwrap()).unwrap(),
            expected,
            "step {failing}"
        );
        assert_eq!(disk.state().failed, 1, "step {failing} was never reached");
    }
    println!("{failures} appends failed and were made again");
    assert!(failures > 30);
}

/// Failures in any step of anything, also of opening again; and a power cut after each success.
#[test]
fn in_a_storm_of_failures_whatever_succeeds_survives_a_power_cut() {
    let mut rng = Rng::new(7);
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let bytes = disk.state().image.clone();
    disk.state().lasting = Some(bytes);
    let mut expected = Vec::new();
    let mut failures = 0;
    for _ in 0..300 {
        let rows = rows(&mut rng);
        let at = Position(expected.len() as u64);
        loop {
            let kind = [io::ErrorKind::Other, io::ErrorKind::StorageFull][rng.below(2)];
            disk.state().failing = Failing::Once(rng.below(60), kind);
            match store.append(at, &rows) {
                Ok(()) => break,
                Err(StoreError::Io(_) | StoreError::Full) => failures += 1,
                Err(other) => panic!("{other}"),
            }
        }
        expected.extend(rows);
        let lasting = disk.state().lasting.clone().unwrap();
        let after_the_cut = Disk::of(lasting).open().unwrap();
        assert_eq!(all(&after_the_cut).unwrap(), expected);
    }
    println!("{failures} failures in 300 appends");
    assert!(failures > 100);
}

#[test]
fn a_read_that_fails_while_it_opens_again_is_an_error_once() {
    let mut rng = Rng::new(7);
    let disk = Disk::default();
    let rows = rows(&mut rng);
    let store = disk.open().unwrap();
    for failing in [Failing::Syncs, Failing::Read] {
        disk.state().failing = failing;
        let error = store.append(Position(0), &rows);
        assert_eq!(error, Err(StoreError::Io(io::ErrorKind::Other)));
    }
    assert_eq!(disk.state().failing, Failing::Never);
    assert_eq!(all(&store).unwrap(), rows);
    assert_eq!(all(&disk.open().unwrap()).unwrap(), rows);
    store.append(Position(0), &rows).unwrap();
}

/// Linux marks pages clean when an fsync fails: the next fsync succeeds without them, and they can be
/// read until the power goes.
#[test]
fn after_an_fsync_that_failed_a_retry_is_durable_and_not_just_readable() {
    let mut rng = Rng::new(7);
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let bytes = disk.state().image.clone();
    disk.state().lasting = Some(bytes);
    let mut expected = Vec::new();
    for _ in 0..30 {
        let rows = rows(&mut rng);
        let at = Position(expected.len() as u64);
        disk.state().failing = Failing::Syncs;
        for _ in 0..2 {
            assert_eq!(
                store.append(at, &rows),
                Err(StoreError::Io(io::ErrorKind::Other))
            );
        }
        disk.state().failing = Failing::Never;
        store.append(at, &rows).unwrap();
        expected.extend(rows);
        let lasting = disk.state().lasting.clone().unwrap();
        let after_the_cut = Disk::of(lasting).open().unwrap();
        assert_eq!(all(&after_the_cut).unwrap(), expected);
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_and_what_is_there_can_be_read() {
    let mut rng = Rng::new(7);
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let len = disk.state().image.journal.len() as u64;
    disk.state().failing = Failing::FullAt(len);
    let mut expected = Vec::new();
    let refused = loop {
        let rows = rows(&mut rng);
        let at = Position(expected.len() as u64);
        match store.append(at, &rows) {
            Ok(()) => expected.extend(rows),
            Err(StoreError::Full) => break rows,
            Err(other) => panic!("{other}"),
        }
    };
    let at = Position(expected.len() as u64);
    for _ in 0..5 {
        assert_eq!(store.append(at, &refused), Err(StoreError::Full));
        assert_eq!(all(&store).unwrap(), expected);
    }
    disk.state().failing = Failing::Never;
    store.append(at, &refused).unwrap();
    expected.extend(refused);
    assert_eq!(all(&store).unwrap(), expected);
}

/// A file system of one megabyte, in a namespace of this user's own.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_really_full_is_said_to_be_full() {
    use anabranch_storage::journal::RedbStore;
    use std::{env, path::Path, process::Command};
    const CHILD: &str = "ANABRANCH_TEST_FULL_DISK";
    const NAME: &str = "faults::a_disk_that_is_really_full_is_said_to_be_full";
    if let Ok(folder) = env::var(CHILD) {
        let folder = Path::new(&folder);
        let ballast = folder.join("ballast");
        std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
        let store = folder.join("store");
        RedbStore::create(&store).unwrap();
        let (store, _) = RedbStore::open(&store).unwrap();
        let rows = vec![vec![7; 9_000]; 20];
        let mut end = Position(0);
        let refused = loop {
            match store.append(end, &rows) {
                Ok(()) => end = end.after(rows.len()),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, StoreError::Full);
        assert_eq!(store.append(end, &rows), Err(StoreError::Full));
        assert_eq!(
            all(&store).unwrap(),
            vec![rows[0].clone(); usize::try_from(end.0).unwrap()]
        );
        std::fs::remove_file(&ballast).unwrap();
        store.append(end, &rows).unwrap();
        println!("full after {} rows", end.0);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4m none \"$0\" || exit 99; exec \"$@\"";
    let inside = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, folder.path())
        .output();
    match inside {
        Ok(inside) if inside.status.success() => {
            let said = String::from_utf8_lossy(&inside.stdout).into_owned();
            assert!(said.contains("full after"), "{said}");
        }
        Ok(inside) if inside.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&inside.stdout))
        }
        _ => println!("NOT RUN: a really full disk, since this user may not mount a file system"),
    }
}
