//! A durable commit of the store, against one of bare redb with the same bytes; and what it writes.

use super::{
    Options,
    clock::Rounds,
    report::{Figure, Row},
    typing::Typing,
};
use anabranch_core::{
    sim::Rng,
    store::{Position, Store},
};
use anabranch_storage::journal::{RedbStore, StorageBackend};
use redb::{Database, TableDefinition, backends::InMemoryBackend};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// What typing makes, with header and proof.
const ROW_BYTES: usize = 420;
/// What the store puts before each row.
const SEAL_BYTES: usize = 32;
/// Commits of one side before the other has its turn.
const TURN: usize = 10;

const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

/// Measures the time of a commit.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let mut figure = Figure::new(
        "a durable commit, against bare redb's of the same bytes; wall clock",
        "x",
    );
    for many in [1, 10, 100, 1_000] {
        let folder = tempfile::tempdir().unwrap();
        RedbStore::create(folder.path()).unwrap();
        let (store, _) = RedbStore::open(folder.path()).unwrap();
        let bare = Database::create(folder.path().join("bare")).unwrap();
        let mut rng = Rng::new(7);
        let mut rounds = Rounds::default();
        let mut end = 0;
        for _ in 0..options.pick(60, 10) {
            let batches: Vec<Vec<Vec<u8>>> = (0..TURN).map(|_| rows(&mut rng, many)).collect();
            let sealed: Vec<Vec<Vec<u8>>> = batches.iter().map(|rows| with_seals(rows)).collect();
            let nanos = |started: Instant| started.elapsed().as_nanos() as f64 / TURN as f64;
            let started = Instant::now();
            for (batch, rows) in (0u64..).zip(&sealed) {
                commit(&bare, end + batch * many as u64, rows);
            }
            let bare = nanos(started);
            let started = Instant::now();
            for (batch, rows) in (0u64..).zip(&batches) {
                store
                    .append(Position(end + batch * many as u64), rows)
                    .unwrap();
            }
            rounds.push(bare, nanos(started));
            end += (TURN * many) as u64;
        }
        let row = Row::new(format!("{many} rows"), rounds.ratio())
            .with("bare_us", rounds.bare_us())
            .with("store_us", rounds.ours_us())
            .with("lowest_x", rounds.spread().0)
            .with("highest_x", rounds.spread().1);
        figure.rows.push(row);
    }
    figure
        .target("", 1.25, None)
        .note("1.25 times the time is 80 % of the commits.")
}

fn rows(rng: &mut Rng, many: usize) -> Vec<Vec<u8>> {
    let row = |_| rng.bytes::<ROW_BYTES>().to_vec();
    (0..many).map(row).collect()
}

fn with_seals(rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let sealed = |row: &Vec<u8>| [&[7; SEAL_BYTES], row.as_slice()].concat();
    rows.iter().map(sealed).collect()
}

fn commit(bare: &Database, at: u64, rows: &[Vec<u8>]) {
    let change = bare.begin_write().unwrap();
    {
        let mut journal = change.open_table(JOURNAL).unwrap();
        for (at, row) in (at..).zip(rows) {
            journal.insert(at, row.as_slice()).unwrap();
        }
    }
    change.commit().unwrap();
}

/// Measures what a commit writes.
pub fn bytes(options: &Options, _: &[Typing]) -> Figure {
    let mut figure = Figure::new(
        "bytes written to the disk by a commit, against those in its rows",
        "x",
    );
    for many in [1, 100, 1_000] {
        let written = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&written);
        let store = RedbStore::on(move |_| {
            Ok(Box::new(Counting {
                inner: InMemoryBackend::new(),
                written: Arc::clone(&counts),
            }))
        });
        let store = store.unwrap();
        let mut rng = Rng::new(7);
        let commits = options.pick(200, 50);
        written.store(0, Ordering::Relaxed);
        for commit in 0..commits {
            let rows = rows(&mut rng, many);
            store
                .append(Position((commit * many) as u64), &rows)
                .unwrap();
        }
        let each = written.load(Ordering::Relaxed) as f64 / commits as f64;
        let times = each / (many * ROW_BYTES) as f64;
        let row = match many {
            1 => Row::aside("1 row", times),
            many => Row::new(format!("{many} rows"), times),
        };
        figure.rows.push(row.with("bytes", each));
    }
    figure.target("", 6.0, None).note(format!(
        "Rows of {ROW_BYTES} random bytes, of whatever document: a journal does not care."
    ))
}

#[derive(Debug)]
struct Counting {
    inner: InMemoryBackend,
    written: Arc<AtomicU64>,
}

impl StorageBackend for Counting {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.inner.write(offset, data)
    }
}
