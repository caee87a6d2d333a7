//! Verifying reads every byte that a store keeps, and says what is damaged and where.

use anabranch_core::store::{Change, Position, Store};
use anabranch_storage::{
    Key,
    blobs::BlobId,
    journal::{RedbStore, Verification},
};
use std::{fs, path::Path};

/// A store with rows, derived entries and blobs, encrypted or not; and its blobs.
fn store(folder: &Path, key: Option<&Key>) -> Vec<BlobId> {
    match key {
        None => RedbStore::create(folder).unwrap(),
        Some(key) => RedbStore::create_encrypted(folder, key).unwrap(),
    }
    let store = open(folder, key);
    let rows: Vec<Vec<u8>> = (0..60u8).map(|row| vec![row; 1_000]).collect();
    store.append(Position(0), &rows).unwrap();
    let entry = |at: u8| -> Change { (vec![at], Some(vec![at; 1_000])) };
    let changes: Vec<Change> = (0..40).map(entry).collect();
    store.derive(Position(60), &changes).unwrap();
    let blobs = store.blobs().unwrap();
    let content = |byte: u8| vec![byte; 1_500_000];
    let put = |byte| blobs.put(&mut content(byte).as_slice(), u64::MAX).unwrap();
    (0..3).map(put).collect()
}

fn open(folder: &Path, key: Option<&Key>) -> RedbStore {
    match key {
        None => RedbStore::open(folder).unwrap().0,
        Some(key) => RedbStore::open_encrypted(folder, key).unwrap().0,
    }
}

fn verified(folder: &Path, key: Option<&Key>) -> Verification {
    let mut told = Vec::new();
    let found = open(folder, key).verify(|done, of| told.push((done, of)));
    let of = told.len() as u64;
    assert!(told.iter().copied().eq((1..=of).map(|done| (done, of))));
    found.unwrap()
}

/// Flips a bit in the middle of these bytes, or of the whole file.
fn damage(file: &Path, around: Option<&[u8]>) {
    let mut bytes = fs::read(file).unwrap();
    let at = match around {
        None => bytes.len() / 2,
        Some(part) => {
            let found = bytes.windows(part.len()).position(|bytes| bytes == part);
            found.unwrap() + part.len() / 2
        }
    };
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn damage_is_told_wherever_it_is() {
    let key = Key([7; 64]);
    for key in [None, Some(&key)] {
        let folder = tempfile::tempdir().unwrap();
        let blobs = store(folder.path(), key);
        let sound = verified(folder.path(), key);
        assert!(sound.is_sound() && sound.leftovers.is_empty());
        assert_eq!((sound.rows, sound.bytes, sound.entries), (60, 60_000, 40));
        assert_eq!((sound.blobs, sound.blob_bytes), (3, 4_500_000));
        let leftover = folder.path().join("blobs/.blob.1-2.partial");
        fs::write(&leftover, b"half").unwrap();
        let found = verified(folder.path(), key);
        assert!(found.is_sound());
        assert_eq!(found.leftovers, [leftover]);
        let files = fs::read_dir(folder.path().join("blobs")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| !file.to_string_lossy().ends_with("partial"));
        damage(&files[1], None);
        let found = verified(folder.path(), key);
        assert!(!found.is_sound());
        assert_eq!((found.blobs, found.damaged_blobs), (2, 1));
        let (path, at) = &found.first_damaged_blobs[0];
        assert_eq!((path, *at < 800_000), (&files[1], true));
        if key.is_none() {
            assert!(blobs.iter().any(|id| path.ends_with(id.to_string())));
            damage(&folder.path().join("derived.redb"), Some(&[17; 900]));
            let found = verified(folder.path(), key);
            assert!(found.derived_damaged && found.damaged == 0);
            damage(&folder.path().join("store.redb"), Some(&[33; 900]));
            let found = verified(folder.path(), key);
            assert_eq!((found.rows, found.damaged), (59, 1));
            assert_eq!(found.first_damaged, [Position(33)]);
        }
    }
}

#[test]
fn a_store_without_anything_derived_or_attached_stays_without_it() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    assert!(verified(folder.path(), None).is_sound());
    assert!(!folder.path().join("derived.redb").exists());
    assert!(!folder.path().join("blobs").exists());
}
