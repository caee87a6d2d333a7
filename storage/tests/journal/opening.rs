//! Opening: each wrong file has its own answer, and none of them is changed.

use crate::all;
use anabranch_core::{
    fault::Fault,
    store::{Position, Store},
};
use anabranch_storage::{
    journal::{CreateError, FORMAT, NotOpened, RedbStore, Whereabouts},
    whole::WriteError,
};
use std::{collections::BTreeMap, fs, path::Path};
use tempfile::TempDir;

/// A store with three rows.
fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let (store, whereabouts) = RedbStore::open(folder.path()).unwrap();
    assert_eq!(whereabouts, Whereabouts::Home);
    store.append(Position(0), &rows()).unwrap();
    folder
}

fn rows() -> Vec<Vec<u8>> {
    vec![b"one".to_vec(), Vec::new(), vec![3; 70_000]]
}

/// Every file in a folder with its bytes, but the lock.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| name != "lock")
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

/// Opens it, expecting to be refused; nothing changes.
fn refused(folder: &Path) -> (NotOpened, Fault) {
    let before = files(folder);
    let error = RedbStore::open(folder).unwrap_err();
    assert!(error.to_string().contains("store.redb: "), "{error}");
    assert_eq!(files(folder), before, "{error}");
    let fault = error.fault();
    (error.reason, fault)
}

#[test]
fn a_missing_store_and_another_file_are_told_apart_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let error = RedbStore::open(&absent).unwrap_err();
    assert!(matches!(error.reason, NotOpened::Missing));
    assert!(!absent.exists());
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::Missing, Fault::Caller)
    ));
    let file = folder.path().join("store.redb");
    for other in [&b""[..], b"SQLite format 3\0", &[0; 9_000], &[0xff; 4_096]] {
        fs::write(&file, other).unwrap();
        let reason = refused(folder.path());
        match other {
            [] => assert!(matches!(reason, (NotOpened::Damaged, Fault::Corruption))),
            _ => assert!(matches!(reason, (NotOpened::NotAStore, Fault::Caller))),
        }
    }
    fs::remove_file(&file).unwrap();
    let foreign = redb::Database::create(&file).unwrap();
    drop(foreign);
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::NotAStore, Fault::Caller)
    ));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let error = RedbStore::open(folder.path()).unwrap_err();
    assert!(matches!(error.reason, NotOpened::NotAStore));
}

#[test]
fn a_store_of_another_format_is_refused_by_its_marker_and_by_its_file() {
    let folder = store();
    let marker = folder.path().join("marker");
    let original = fs::read_to_string(&marker).unwrap();
    fs::write(
        &marker,
        original.replace("store 2\n", "store 3\nand more\n"),
    )
    .unwrap();
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::Format { had: 3 }, Fault::Caller)
    ));
    fs::write(&marker, original).unwrap();
    let file = redb::Database::create(folder.path().join("store.redb")).unwrap();
    let change = file.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    change
        .open_table(meta)
        .unwrap()
        .insert("format", FORMAT + 8)
        .unwrap();
    change.commit().unwrap();
    drop(file);
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::Format { had: 10 }, Fault::Caller)
    ));
    fs::remove_file(&marker).unwrap();
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::Format { had: 10 }, Fault::Caller)
    ));
}

#[test]
fn a_store_is_opened_by_one_at_a_time() {
    let folder = store();
    let (first, _) = RedbStore::open(folder.path()).unwrap();
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::InUse, Fault::Caller)
    ));
    // Without our lock file redb's own lock still holds.
    fs::remove_file(folder.path().join("lock")).unwrap();
    assert!(matches!(
        refused(folder.path()),
        (NotOpened::InUse, Fault::Caller)
    ));
    drop(first);
    assert_eq!(
        all(&RedbStore::open(folder.path()).unwrap().0).unwrap(),
        rows()
    );
}

#[test]
fn a_store_that_is_cut_short_is_refused_at_every_length_or_holds_everything() {
    let folder = store();
    let file = folder.path().join("store.redb");
    let sound = fs::read(&file).unwrap();
    let lengths = (1..5_000)
        .step_by(97)
        .chain((5_000..sound.len()).step_by(70_001));
    let mut cut = 0;
    for len in lengths.chain([8, 9, 512, sound.len() - 1]) {
        fs::write(&file, &sound[..len]).unwrap();
        assert!(
            matches!(
                refused(folder.path()),
                (NotOpened::Damaged, Fault::Corruption)
            ),
            "{len}"
        );
        cut += 1;
    }
    fs::write(&file, &sound).unwrap();
    assert_eq!(
        all(&RedbStore::open(folder.path()).unwrap().0).unwrap(),
        rows()
    );
    println!("cut at {cut} lengths");
}

#[test]
fn a_store_is_made_once_and_nothing_else_is_left_in_its_folder() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("of/several/levels");
    RedbStore::create(&folder).unwrap();
    assert_eq!(
        files(&folder).keys().collect::<Vec<_>>(),
        ["marker", "store.redb"]
    );
    let before = files(&folder);
    let error = RedbStore::create(&folder).unwrap_err();
    assert!(
        matches!(error, CreateError::File(WriteError::Exists { .. })),
        "{error}"
    );
    assert_eq!(error.fault(), Fault::Caller);
    assert_eq!(files(&folder), before);
    let file = above.path().join("file");
    fs::write(&file, b"x").unwrap();
    let error = RedbStore::create(&file.join("below")).unwrap_err();
    assert!(matches!(error, CreateError::Folder { .. }), "{error}");
}

#[test]
fn a_copied_store_is_told_from_its_original_until_it_is_settled() {
    let original = store();
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(original.path()) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    let (_, at_home) = RedbStore::open(original.path()).unwrap();
    assert_eq!(at_home, Whereabouts::Home);
    for _ in 0..2 {
        let (store, moved) = RedbStore::open(copy.path()).unwrap();
        let Whereabouts::Moved { was: Some(was), is } = moved else {
            panic!("{moved:?}");
        };
        assert_ne!(was, is);
        assert_eq!(all(&store).unwrap(), rows());
    }
    let (store, _) = RedbStore::open(copy.path()).unwrap();
    store.settle().unwrap();
    drop(store);
    assert_eq!(RedbStore::open(copy.path()).unwrap().1, Whereabouts::Home);
    // A folder that is renamed stays what it is.
    let renamed = original.path().with_extension("renamed");
    fs::rename(original.path(), &renamed).unwrap();
    assert_eq!(RedbStore::open(&renamed).unwrap().1, Whereabouts::Home);
    fs::remove_dir_all(renamed).unwrap();
}

#[test]
fn a_lost_or_damaged_marker_counts_as_moved_unless_nothing_was_written_yet() {
    let folder = store();
    for damaged in [None, Some("anabranch store 1\nnonsense\n")] {
        let marker = folder.path().join("marker");
        match damaged {
            None => fs::remove_file(&marker).unwrap(),
            Some(text) => fs::write(&marker, text).unwrap(),
        }
        let (_, moved) = RedbStore::open(folder.path()).unwrap();
        assert!(
            matches!(moved, Whereabouts::Moved { was: None, .. }),
            "{moved:?}"
        );
    }
    let new = tempfile::tempdir().unwrap();
    RedbStore::create(new.path()).unwrap();
    fs::remove_file(new.path().join("marker")).unwrap();
    for _ in 0..2 {
        assert_eq!(RedbStore::open(new.path()).unwrap().1, Whereabouts::Home);
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_may_not_be_written_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = store();
    let lock = folder.path().join("lock");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o400)).unwrap();
    match fs::OpenOptions::new().write(true).open(&lock) {
        Ok(_) => println!("NOT RUN: a store without rights, since this user may write everything"),
        Err(_) => assert!(matches!(
            refused(folder.path()),
            (NotOpened::ReadOnly(_), Fault::Environment)
        )),
    }
}
