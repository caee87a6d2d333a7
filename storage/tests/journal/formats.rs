//! A store of every format that was released is opened, and nothing in it is lost.

use crate::all;
use anabranch_core::store::{Position, Row, Store};
use anabranch_storage::journal::{FORMAT, RedbStore, Whereabouts};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// What a kept store holds: its rows, and what names them all.
const KEPT: [(u64, usize, &str); 1] = [(1, 47, "17dd482284b7c4dc")];

fn kept(format: u64) -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    kept.join(format.to_string())
}

/// A kept store, as if it had been made where it is now.
fn unpacked(format: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let packed = fs::read(kept(format).join("store.redb.zst")).unwrap();
    let file = folder.path().join("store.redb");
    fs::write(&file, zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    fs::copy(kept(format).join("marker"), folder.path().join("marker")).unwrap();
    folder
}

fn digest(rows: &[Vec<u8>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(&(row.len() as u64).to_le_bytes()).update(row);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[test]
fn every_format_but_this_builds_has_a_kept_store() {
    let formats: Vec<u64> = KEPT.iter().map(|kept| kept.0).collect();
    assert_eq!(formats, (1..FORMAT).collect::<Vec<_>>());
    for format in formats {
        let marker = fs::read_to_string(kept(format).join("marker")).unwrap();
        assert!(marker.starts_with(&format!("anabranch store {format}\n")));
    }
}

#[test]
fn a_store_of_an_older_format_is_opened_migrated_and_goes_on() {
    for (format, rows, named) in KEPT {
        let folder = unpacked(format);
        let (store, moved) = RedbStore::open(folder.path()).unwrap();
        // It says still where it was: that it was migrated settles nothing.
        assert!(
            matches!(moved, Whereabouts::Moved { was: Some(_), .. }),
            "{moved:?}"
        );
        let had = all(&store).unwrap();
        assert_eq!((had.len(), digest(&had).as_str()), (rows, named));
        for row in &had {
            Row::decode(row).unwrap();
        }
        let end = store.end().unwrap();
        store
            .derive(end, &[(b"key".to_vec(), Some(b"entry".to_vec()))])
            .unwrap();
        store.append(end, &[b"after".to_vec()]).unwrap();
        store.settle().unwrap();
        drop(store);
        let marker = fs::read_to_string(folder.path().join("marker")).unwrap();
        assert!(
            marker.starts_with(&format!("anabranch store {FORMAT}\n")),
            "{marker}"
        );
        let (store, at_home) = RedbStore::open(folder.path()).unwrap();
        assert_eq!(at_home, Whereabouts::Home);
        assert_eq!(store.end(), Ok(end.after(1)));
        assert_eq!(store.derived_upto(), Ok(end));
        assert_eq!(store.verify(|_, _| {}).unwrap().damaged, 0);
    }
}

/// The marker is written after the file: between the two a marker of the older format stands beside a
/// file of the newer one.
#[test]
fn a_marker_of_an_older_format_beside_a_migrated_file_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let marker = folder.path().join("marker");
    let now = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, now.replace("store 2\n", "store 1\n")).unwrap();
    let (store, at_home) = RedbStore::open(folder.path()).unwrap();
    assert_eq!(at_home, Whereabouts::Home);
    assert_eq!(store.end(), Ok(Position(0)));
    assert_eq!(fs::read_to_string(&marker).unwrap(), now);
}
