//! An append to a log of 100,000 entries, against one to a log of 10: here and where it arrives.

use super::{
    Options,
    clock::{Clock, Rounds, Spent},
    report::{Figure, Row},
    stage::KINDS,
    typing::{FLUSH_EDITS, Typing},
};
use anabranch_core::{
    changeset::Verified,
    control::Role,
    document::Draft,
    id::{EntityId, ViewId},
    log::Entry,
    replica::Replica,
    schema::catalogue,
    sim::Lab,
    value::Scalar,
};

const BEGIN_MS: u64 = 1_767_258_000_000;
/// Entries of a short log, and appends to each before another one has its turn.
const SHORT: usize = 10;

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let long = options.pick(100_000, 20_000);
    let mut bench = Logs::filled(long);
    let (mut here, mut there) = (Rounds::default(), Rounds::default());
    for _ in 0..options.pick(15, 5) {
        let (short, short_sent) = bench.append_short(&clock);
        let (long, long_sent) = bench.append_long(&clock);
        here.push(short, long);
        there.push(
            bench.receive(short_sent, &clock),
            bench.receive(long_sent, &clock),
        );
    }
    let row = |label: &str, rounds: &Rounds| {
        Row::new(
            format!("{label}, {long} entries against {SHORT}"),
            rounds.ratio(),
        )
        .with("short_us", rounds.bare_us())
        .with("long_us", rounds.ours_us())
        .with("lowest_x", rounds.spread().0)
        .with("highest_x", rounds.spread().1)
    };
    let mut figure = Figure::new(
        "an append to a long log, against one to a short log; CPU",
        "x",
    );
    figure.rows.push(row("written", &here));
    figure.rows.push(row("received", &there));
    figure.target("", 2.0, None)
}

struct Logs {
    lab: Lab,
    reader: Replica,
    long: EntityId,
    short: Vec<EntityId>,
    now_ms: u64,
}

impl Logs {
    fn filled(entries: usize) -> Self {
        let mut lab = Lab::new(9, KINDS.map(|kind| catalogue::schema(kind).unwrap()).into());
        lab.admit(Role::Member);
        let user = lab.stations[0].user;
        let long = lab.entity(user, "task");
        let reader = lab.empty_replica();
        let mut logs = Logs {
            lab,
            reader,
            long,
            short: Vec::new(),
            now_ms: BEGIN_MS,
        };
        let mut left = entries;
        while left > 0 {
            let count = left.min(FLUSH_EDITS);
            let sent = logs.append(long, count);
            let sent = logs.seal(sent);
            logs.reader.receive(BEGIN_MS, sent);
            left -= count;
        }
        logs
    }

    fn entry(&self) -> Entry {
        Entry::from([(
            "text".to_owned(),
            Scalar::Text(format!("a comment of {}", self.now_ms)),
        )])
    }

    fn append(&mut self, entity: EntityId, count: usize) -> usize {
        for _ in 0..count {
            self.now_ms += 10;
            let entry = self.entry();
            self.write(entity, &entry);
        }
        count
    }

    #[inline]
    fn write(&mut self, entity: EntityId, entry: &Entry) {
        let draft = Draft::Entry(entry);
        let replica = &mut self.lab.stations[0].replica;
        replica
            .write(
                self.now_ms,
                "task",
                entity,
                "log.comments",
                ViewId(0),
                &draft,
            )
            .unwrap();
    }

    fn seal(&mut self, _written: usize) -> Vec<Verified> {
        self.lab.stations[0].flush_verified().unwrap()
    }

    /// 100 appends to ten new short logs: nanoseconds each, and what was sealed.
    fn append_short(&mut self, clock: &Clock) -> (f64, Vec<Verified>) {
        let user = self.lab.stations[0].user;
        let fresh: Vec<EntityId> = (0..FLUSH_EDITS / SHORT)
            .map(|_| self.lab.entity(user, "task"))
            .collect();
        for entity in &fresh {
            self.append(*entity, SHORT);
        }
        let filled = self.seal(0);
        self.reader.receive(BEGIN_MS, filled);
        self.short = fresh;
        let entries: Vec<(EntityId, Entry)> = self.turns();
        self.timed(&entries, clock)
    }

    fn turns(&self) -> Vec<(EntityId, Entry)> {
        self.short
            .iter()
            .flat_map(|entity| (0..SHORT).map(|_| (*entity, self.entry())))
            .collect()
    }

    fn append_long(&mut self, clock: &Clock) -> (f64, Vec<Verified>) {
        let entries: Vec<(EntityId, Entry)> = (0..FLUSH_EDITS)
            .map(|_| (self.long, self.entry()))
            .collect();
        self.timed(&entries, clock)
    }

    fn timed(&mut self, entries: &[(EntityId, Entry)], clock: &Clock) -> (f64, Vec<Verified>) {
        let mut spent = Spent::default();
        spent.on(|| {
            for (entity, entry) in entries {
                self.now_ms += 10;
                self.write(*entity, entry);
            }
        });
        (spent.nanos(clock) / entries.len() as f64, self.seal(0))
    }

    fn receive(&mut self, sent: Vec<Verified>, clock: &Clock) -> f64 {
        let count = sent.len() as f64;
        let mut spent = Spent::default();
        spent.on(|| {
            sent.into_iter()
                .for_each(|one| drop(self.reader.receive(BEGIN_MS, vec![one])))
        });
        spent.nanos(clock) / count
    }
}
