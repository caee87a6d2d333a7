//! Blobs: what was put is what is read, or nothing is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items
)]

use anabranch_storage::{
    Fault,
    blobs::{BlobError, BlobId, Blobs, PutError},
};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

const CHUNK: usize = 1 << 20;

fn content(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at % 251) as u8 ^ (at >> 12) as u8)
        .collect()
}

fn put(blobs: &Blobs, content: &[u8]) -> BlobId {
    blobs.put(&mut &*content, u64::MAX).unwrap()
}

fn read(blobs: &Blobs, id: BlobId) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    blobs.open(id)?.read_to_end(&mut content)?;
    Ok(content)
}

/// The only file in a folder.
fn file(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn what_was_put_is_read_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(&folder.path().join("blobs"));
    assert!(blobs.list().unwrap().0.is_empty());
    assert_eq!(blobs.sweep(Duration::ZERO).unwrap(), 0);
    let mut ids = Vec::new();
    for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 77] {
        let content = content(len);
        let id = put(&blobs, &content);
        assert_eq!(id.0, *blake3::hash(&content).as_bytes());
        assert!(blobs.exists(id));
        let blob = blobs.open(id).unwrap();
        assert_eq!((blob.id(), blob.len()), (id, len as u64));
        assert_eq!(blob.is_empty(), len == 0);
        assert_eq!(read(&blobs, id).unwrap(), content);
        assert_eq!(blobs.verify(id).unwrap(), len as u64);
        ids.push(id);
    }
    ids.sort();
    let (listed, others) = blobs.list().unwrap();
    assert!(listed == ids && others.is_empty());
    assert_eq!(
        put(&blobs, &content(1)),
        *ids.iter()
            .find(|id| id.0 == *blake3::hash(&content(1)).as_bytes())
            .unwrap()
    );
    assert_eq!(
        blobs.list().unwrap().0.len(),
        ids.len(),
        "once, however often it is put"
    );
    assert!(blobs.remove(ids[0]).unwrap());
    assert!(!blobs.remove(ids[0]).unwrap());
    let error = blobs.open(ids[0]).unwrap_err();
    assert!(
        matches!(error, BlobError::Missing { id } if id == ids[0]),
        "{error}"
    );
    assert_eq!(error.fault(), Fault::Caller);
}

#[test]
fn an_altered_byte_is_found_before_anything_of_its_chunk_is_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(folder.path());
    let id = put(&blobs, &content(300));
    let path = file(folder.path());
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut altered = sound.clone();
        altered[at] ^= 1 << (at % 8);
        fs::write(&path, altered).unwrap();
        let mut had = Vec::new();
        let error = match blobs.open(id) {
            Err(error) => error,
            Ok(mut blob) => {
                let error = blob.read_to_end(&mut had).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                error.downcast().unwrap()
            }
        };
        assert!(had.is_empty(), "byte {at}");
        assert_eq!(error.fault(), Fault::Corruption, "byte {at}: {error}");
        assert!(blobs.verify(id).is_err());
    }
    for len in 0..sound.len() {
        fs::write(&path, &sound[..len]).unwrap();
        assert!(read(&blobs, id).is_err(), "cut to {len}");
    }
    fs::write(&path, [sound.as_slice(), b"more"].concat()).unwrap();
    assert!(read(&blobs, id).is_err());
    // Put again it is whole.
    assert_eq!(put(&blobs, &content(300)), id);
    assert_eq!(read(&blobs, id).unwrap(), content(300));
}

#[test]
fn of_a_large_blob_the_chunks_before_the_damage_are_read_and_none_trades_places() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(folder.path());
    let all = content(3 * CHUNK + 5);
    let id = put(&blobs, &all);
    let path = file(folder.path());
    let sound = fs::read(&path).unwrap();
    let tail = |len: usize| sound[..sound.len() - len].to_vec();
    let stride = CHUNK + 32;
    let head = sound.len() - 3 * stride - 37;
    let mut traded = sound.clone();
    traded[head..head + 2 * stride].rotate_left(stride);
    let mut altered = sound.clone();
    altered[head + 2 * stride + 9] ^= 1;
    for (damaged, whole) in [(traded, 0), (altered, 2), (tail(37), 2), (tail(1), 3)] {
        fs::write(&path, damaged).unwrap();
        let mut had = Vec::new();
        let error = blobs.open(id).unwrap().read_to_end(&mut had).unwrap_err();
        assert_eq!(
            had,
            all[..whole * CHUNK],
            "{whole} chunks are whole: {error}"
        );
        let BlobError::Altered { at, .. } = error.downcast().unwrap() else {
            panic!("not altered")
        };
        assert_eq!(at, (head + whole * stride) as u64);
    }
}

#[test]
fn a_file_that_is_no_blob_or_another_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(folder.path());
    let [one, two] = [b"one", b"two"].map(|content| put(&blobs, content));
    let path = |id: BlobId| folder.path().join(id.to_string());
    fs::copy(path(one), path(two)).unwrap();
    let error = blobs.open(two).unwrap_err();
    assert!(matches!(error, BlobError::Altered { .. }), "{error}");
    fs::write(path(two), vec![7; 500]).unwrap();
    let error = blobs.open(two).unwrap_err();
    assert!(matches!(error, BlobError::NotABlob { .. }), "{error}");
    let (listed, others) = blobs.list().unwrap();
    assert_eq!((listed, others.len()), (vec![one], 1));
}

#[test]
fn what_cannot_be_put_leaves_nothing_and_what_a_killed_writer_left_is_swept() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let given = self.0.min(out.len());
            self.0 -= given;
            match given {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                given => Ok(given),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(folder.path());
    let error = blobs.put(&mut Failing(2 * CHUNK), u64::MAX).unwrap_err();
    assert!(matches!(error, PutError::Content(_)), "{error}");
    let error = blobs.put(&mut io::repeat(7), 5_000_000).unwrap_err();
    assert!(
        matches!(
            error,
            PutError::TooLarge {
                bytes_max: 5_000_000
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join(".blob.1-2.partial"), b"half a bl").unwrap();
    let id = put(&blobs, b"whole");
    let (listed, others) = blobs.list().unwrap();
    assert!(listed == [id] && others.is_empty(), "a leftover is no blob");
    assert_eq!(blobs.sweep(Duration::ZERO).unwrap(), 1);
    assert_eq!(file(folder.path()), folder.path().join(id.to_string()));
}

#[test]
fn writers_and_readers_of_one_blob_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::in_folder(folder.path());
    let all = content(2 * CHUNK + 1);
    let id = put(&blobs, &all);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..15).for_each(|_| assert_eq!(put(&blobs, &all), id)));
        }
        for _ in 0..30 {
            assert!(read(&blobs, id).unwrap() == all);
        }
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A file system of two megabytes, in a namespace of this user's own.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_to_be_full() {
    use std::{env, process::Command};
    const CHILD: &str = "ANABRANCH_TEST_FULL_BLOBS";
    if let Ok(folder) = env::var(CHILD) {
        let blobs = Blobs::in_folder(Path::new(&folder));
        let error = blobs.put(&mut &*content(3 * CHUNK), u64::MAX).unwrap_err();
        assert!(matches!(error, PutError::Full { .. }), "{error}");
        let small = put(&blobs, b"there is room for this");
        assert_eq!(blobs.list().unwrap().0, [small]);
        println!("it was full");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m none \"$0\" || exit 99; exec \"$@\"";
    let inside = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_is_said_to_be_full", "--nocapture"])
        .env(CHILD, folder.path())
        .output();
    match inside {
        Ok(inside) if inside.status.success() => {
            let said = String::from_utf8_lossy(&inside.stdout).into_owned();
            assert!(said.contains("it was full"), "{said}");
        }
        Ok(inside) if inside.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&inside.stdout))
        }
        _ => println!("NOT RUN: a really full disk, since this user may not mount a file system"),
    }
}
