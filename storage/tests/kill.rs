//! A writer that is killed at any moment leaves the old file or the new one, whole.
//!
//! The test runs itself again as a child that rewrites one file over and over, kills it (SIGKILL on
//! Unix) after a few milliseconds, and looks at what is there.

use anabranch_storage::{bounded, leftover, whole};
use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const CHILD: &str = "ANABRANCH_TEST_KILLED_WRITER";
const ROUNDS: u64 = 12;

#[test]
fn a_killed_writer_leaves_a_whole_file() {
    if let Ok(path) = env::var(CHILD) {
        write_for_ever(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_killed_writer_leaves_a_whole_file"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !path.exists() && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(1 + round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let content = bounded::read(&path, 1 << 20).unwrap();
        let byte = content[0];
        assert_eq!(content.len(), 200_000 + usize::from(byte), "cut off");
        assert!(content.iter().all(|other| *other == byte), "mixed");
    }
    leftover::sweep(folder.path(), Duration::ZERO).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    whole::replace(&path, b"after the crashes").unwrap();
    assert_eq!(bounded::read(&path, 100).unwrap(), b"after the crashes");
}

#[allow(clippy::unwrap_used)]
fn write_for_ever(path: &Path) -> ! {
    for byte in (0..=u8::MAX).cycle() {
        whole::replace(path, &vec![byte; 200_000 + usize::from(byte)]).unwrap();
    }
    unreachable!("the bytes repeat for ever")
}
