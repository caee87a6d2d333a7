//! A process that is killed while it writes: what it said was saved is there.
//!
//! `ANABRANCH_KILLS=10000` kills more.

use crate::{all, setting};
use anabranch_core::{
    sim::Rng,
    store::{Position, Store},
};
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
/// Rows of one append: all or none of them are there. So many that it takes its time.
const TOGETHER: usize = 1_500;
/// Kills before another store is taken: after each one all of it is read.
const KILLS_OF_ONE: usize = 10;

fn row(at: u64) -> Vec<u8> {
    let len = usize::try_from(at % 900).unwrap();
    at.to_le_bytes().iter().copied().cycle().take(len).collect()
}

#[test]
fn a_killed_process_leaves_everything_that_it_said_was_saved() {
    if let Ok(folder) = env::var(CHILD) {
        write_for_ever(Path::new(&folder));
    }
    let kills = setting("ANABRANCH_KILLS", 100);
    let mut rng = Rng::new(7);
    let mut seen = Seen::default();
    for first in (0..kills).step_by(KILLS_OF_ONE) {
        let folder = tempfile::tempdir().unwrap();
        RedbStore::create(folder.path()).unwrap();
        let mut end = 0;
        for kill in first..kills.min(first + KILLS_OF_ONE) {
            end = killed(folder.path(), end, &mut rng, &mut seen)
                .unwrap_or_else(|wrong| panic!("kill {kill}: {wrong}"));
        }
        let (store, _) = RedbStore::open(folder.path()).unwrap();
        assert!(all(&store).unwrap().into_iter().eq((0..end).map(row)));
    }
    println!("{kills} kills: {seen:?}");
    assert!(seen.within_a_commit * 100 >= kills * 80);
    assert!(seen.rows > 0);
}

#[derive(Debug, Default)]
struct Seen {
    within_a_commit: usize,
    carried_out: usize,
    rows: u64,
}

/// Kills a writer within a commit; answers where the journal ends then.
fn killed(folder: &Path, end: u64, rng: &mut Rng, seen: &mut Seen) -> Result<u64, String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| {
        let (word, end) = line.split_once(' ')?;
        let saved = ["begun", "saved"].iter().position(|known| *known == word)? == 1;
        Some((saved, end.parse::<u64>().ok()?))
    });
    let (mut saved, mut begun) = (end, end);
    let mut hear = |(is_saved, end): (bool, u64)| match is_saved {
        true => saved = end,
        false => begun = end,
    };
    // The first commits are of a file that has just been opened; then at any moment of one.
    let commits = 1 + rng.below(3);
    said.by_ref()
        .inspect(|told| hear(*told))
        .filter(|told| !told.0)
        .nth(commits);
    std::thread::sleep(Duration::from_micros(rng.below(4_000) as u64));
    child.kill().unwrap();
    child.wait().unwrap();
    said.for_each(&mut hear);
    if begun == end {
        return Err("the child wrote nothing".to_owned());
    }
    let (store, whereabouts) = RedbStore::open(folder).unwrap();
    assert_eq!(whereabouts, Whereabouts::Home);
    let there = store.end().unwrap().0;
    if ![saved, begun].contains(&there) {
        return Err(format!("{saved} saved, {begun} begun, {there} there"));
    }
    // What is derived goes as far as the last `derive` that was answered, or one further.
    let upto = store.derived_upto().unwrap().0;
    let told = store.derived(b"end").unwrap();
    if told != (upto > 0).then(|| upto.to_le_bytes().to_vec())
        || there.abs_diff(upto) > 2 * TOGETHER as u64
    {
        return Err(format!("derived up to {upto} of {there}: {told:?}"));
    }
    seen.within_a_commit += usize::from(begun > saved);
    seen.carried_out += usize::from(begun > saved && there == begun);
    seen.rows += there - end;
    Ok(there)
}

fn write_for_ever(folder: &Path) -> ! {
    let (store, _) = RedbStore::open(folder).unwrap();
    let mut say = std::io::stdout();
    println!();
    loop {
        let at = store.end().unwrap();
        if at > Position(0) {
            let told = at.0.to_le_bytes().to_vec();
            store.derive(at, &[(b"end".to_vec(), Some(told))]).unwrap();
        }
        let end = at.after(TOGETHER);
        let rows: Vec<Vec<u8>> = (at.0..end.0).map(row).collect();
        writeln!(say, "begun {}", end.0).unwrap();
        store.append(at, &rows).unwrap();
        writeln!(say, "saved {}", end.0).unwrap();
    }
}
