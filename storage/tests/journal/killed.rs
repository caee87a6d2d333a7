//! A process that is killed while it writes: what it said was saved is there.
//!
//! `ANABRANCH_KILLS=10000` kills more.

use crate::{all, setting};
use anabranch_core::{sim::Rng, store::Store};
use anabranch_storage::journal::{RedbStore, Whereabouts};
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const CHILD: &str = "ANABRANCH_TEST_KILLED_STORE";
const NAME: &str = "killed::a_killed_process_leaves_everything_that_it_said_was_saved";
/// Rows of one append: all or none of them are there.
const TOGETHER: usize = 7;

fn row(at: u64) -> Vec<u8> {
    at.to_le_bytes()
        .iter()
        .copied()
        .cycle()
        .take(usize::try_from(at % 900).unwrap())
        .collect()
}

#[test]
fn a_killed_process_leaves_everything_that_it_said_was_saved() {
    if let Ok(folder) = env::var(CHILD) {
        write_for_ever(Path::new(&folder));
    }
    let kills = setting("ANABRANCH_KILLS", 20);
    let mut rng = Rng::new(7);
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let (mut within_a_commit, mut carried_out, mut end) = (0, 0, 0);
    for kill in 0..kills {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let told = |line: &str| -> Option<(bool, u64)> {
            let (word, end) = line.split_once(' ')?;
            Some((
                word == "saved",
                end.parse()
                    .ok()
                    .filter(|_| ["saved", "begun"].contains(&word))?,
            ))
        };
        // Killed at any moment after it has begun to write.
        let mut lines: Vec<(bool, u64)> = Vec::new();
        lines.extend(said.by_ref().find_map(|line| told(&line)));
        assert!(!lines.is_empty(), "the child wrote nothing");
        std::thread::sleep(Duration::from_micros(rng.below(30_000) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.extend(said.filter_map(|line| told(&line)));
        let saved = lines
            .iter()
            .filter(|line| line.0)
            .map(|line| line.1)
            .max()
            .unwrap_or(end);
        let begun = lines.iter().map(|line| line.1).max().unwrap_or(end);
        let (store, whereabouts) = RedbStore::open(folder.path()).unwrap();
        assert_eq!(whereabouts, Whereabouts::Home);
        end = store.end().unwrap().0;
        assert!(
            [saved, begun].contains(&end),
            "kill {kill}: {saved} saved, {begun} begun, {end} there"
        );
        within_a_commit += usize::from(begun > saved);
        carried_out += usize::from(begun > saved && end == begun);
    }
    let (store, _) = RedbStore::open(folder.path()).unwrap();
    assert_eq!(all(&store).unwrap(), (0..end).map(row).collect::<Vec<_>>());
    println!(
        "{kills} kills, {within_a_commit} of them within a commit, {carried_out} of which was carried \
         out; {end} rows"
    );
    assert!(end > 0);
}

fn write_for_ever(folder: &Path) -> ! {
    let (store, _) = RedbStore::open(folder).unwrap();
    let mut say = std::io::stdout();
    println!();
    loop {
        let at = store.end().unwrap();
        let end = at.after(TOGETHER);
        let rows: Vec<Vec<u8>> = (at.0..end.0).map(row).collect();
        writeln!(say, "begun {}", end.0).unwrap();
        store.append(at, &rows).unwrap();
        writeln!(say, "saved {}", end.0).unwrap();
    }
}
