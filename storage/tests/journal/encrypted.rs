//! An encrypted store keeps the contract, shows nothing of what is in it, and opens with its key alone.

use crate::{all, disk::Disk};
use anabranch_core::{
    fault::Fault,
    store::{
        Position, Store, StoreError,
        conformance::{Ground, check},
    },
};
use anabranch_storage::{
    Key,
    blobs::BlobError,
    journal::{CreateError, NotOpened, RedbStore, Whereabouts},
    whole::WriteError,
};
use std::{collections::BTreeMap, fs, io::Read, path::Path};

const SECRET: &[u8] = b"the weir is mended on Thursday, before anyone is up";

fn key(byte: u8) -> Key {
    Key(std::array::from_fn(|at| at as u8 ^ byte))
}

/// Every file with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => files.extend(self::files(&entry.path())),
            false => {
                let name = entry.file_name().into_string().unwrap();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

/// With a secret in every place that can hold one.
fn filled(folder: &Path) -> BlobNamed {
    RedbStore::create_encrypted(folder, &key(1)).unwrap();
    let (store, whereabouts) = RedbStore::open_encrypted(folder, &key(1)).unwrap();
    assert_eq!(whereabouts, Whereabouts::Home);
    let rows: Vec<Vec<u8>> = (0..50).map(|_| SECRET.repeat(3)).collect();
    store.append(Position(0), &rows).unwrap();
    let change = (SECRET.to_vec(), Some(SECRET.to_vec()));
    store.derive(Position(50), &[change]).unwrap();
    let blobs = store.blobs().unwrap();
    BlobNamed(blobs.put(&mut &*SECRET.repeat(50), u64::MAX).unwrap())
}

struct BlobNamed(anabranch_storage::blobs::BlobId);

#[test]
fn nothing_that_is_in_it_can_be_read_in_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let BlobNamed(blob) = filled(folder.path());
    let files = files(folder.path());
    assert!(files.len() >= 6, "{:?}", files.keys());
    for (name, bytes) in &files {
        for plain in [&SECRET[..9], &blob.0[..], b"redb\x1A\x0A", &key(1).0[..16]] {
            let shows = bytes.windows(plain.len()).any(|bytes| bytes == plain);
            assert!(!shows, "{name} shows {plain:?}");
        }
        assert!(
            !name.contains(&blob.to_string()),
            "the name tells the content"
        );
    }
    let (store, _) = RedbStore::open_encrypted(folder.path(), &key(1)).unwrap();
    assert_eq!(all(&store).unwrap(), vec![SECRET.repeat(3); 50]);
    assert_eq!(store.derived(SECRET), Ok(Some(SECRET.to_vec())));
    let blobs = store.blobs().unwrap();
    assert_eq!(blobs.list().unwrap().0, [blob]);
    let mut content = Vec::new();
    blobs.open(blob).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, SECRET.repeat(50));
}

#[test]
fn another_key_or_none_is_told_before_a_byte_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let BlobNamed(blob) = filled(folder.path());
    let before = files(folder.path());
    let wrong = RedbStore::open_encrypted(folder.path(), &key(2)).unwrap_err();
    assert!(matches!(wrong.reason, NotOpened::WrongKey), "{wrong}");
    let none = RedbStore::open(folder.path()).unwrap_err();
    assert!(matches!(none.reason, NotOpened::Encrypted), "{none}");
    assert_eq!(
        (wrong.fault(), none.fault()),
        (Fault::Caller, Fault::Caller)
    );
    let again = RedbStore::create_encrypted(folder.path(), &key(2)).unwrap_err();
    assert!(
        matches!(again, CreateError::File(WriteError::Exists { .. })),
        "{again}"
    );
    assert_eq!(files(folder.path()), before);
    // Without what tells the keys apart it is still no store to another key.
    fs::remove_file(folder.path().join("key")).unwrap();
    let wrong = RedbStore::open_encrypted(folder.path(), &key(2)).unwrap_err();
    assert!(matches!(wrong.reason, NotOpened::NotAStore), "{wrong}");
    let none = RedbStore::open(folder.path()).unwrap_err();
    assert!(matches!(none.reason, NotOpened::NotAStore), "{none}");
    let (store, _) = RedbStore::open_encrypted(folder.path(), &key(1)).unwrap();
    assert_eq!(store.end(), Ok(Position(50)));
    let plain = anabranch_storage::blobs::Blobs::in_folder(&folder.path().join("blobs"));
    assert!(matches!(plain.open(blob), Err(BlobError::Missing { .. })));
    assert_eq!(plain.list().unwrap().1.len(), 1);
}

#[test]
fn a_store_that_is_not_encrypted_is_not_opened_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let before = files(folder.path());
    let error = RedbStore::open_encrypted(folder.path(), &key(1)).unwrap_err();
    assert!(matches!(error.reason, NotOpened::NotEncrypted), "{error}");
    let mut after = files(folder.path());
    after.remove("lock");
    assert_eq!(after, before);
}

struct Encrypted(Disk);

impl Ground for Encrypted {
    type Store = RedbStore;

    fn open(&mut self) -> Result<RedbStore, StoreError> {
        Ok(self.0.open().unwrap())
    }

    fn damage_derived(&mut self) -> bool {
        let mut state = self.0.state();
        for page in 1..state.image.derived.len() / 4_096 {
            let mut byte = [0];
            state.image.derived.read(page * 4_096 + 300, &mut byte);
            state.image.derived.write(page * 4_096 + 300, &[!byte[0]]);
        }
        true
    }
}

#[test]
fn an_encrypted_store_keeps_the_contract() {
    let disk = Disk::default().with(Some(key(1)));
    let held = check(&mut Encrypted(disk)).unwrap();
    assert!(held > 2_000, "{held} clauses");
}
