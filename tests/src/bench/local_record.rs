//! A local edit of a record's field, gated and sealed, against the bare Automerge transaction that
//! makes the same change.

use super::{
    Options,
    clock::{Clock, Rounds, Spent},
    report::{Figure, Row},
    stage::{Desk, put},
    typing::{FLUSH_EDITS, Typing},
};
use anabranch_core::{
    document::Draft,
    id::Actor,
    record::{self, RecordOp},
    schema::{Schema, catalogue},
    sim::Rng,
    value::Value,
};
use automerge::{
    ActorId, Automerge, ROOT, TextEncoding,
    transaction::{CommitOptions, Transactable},
};

/// When the first edit is made; each comes a second after the one before.
const BEGIN_MS: u64 = 1_767_258_000_000;
/// Edits that one side makes before the other has its turn.
const TURN: usize = 50;

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let rounds = options.pick(7, 3);
    let mut figure = Figure::new(
        "a local edit of a record's register, gated and sealed, one change set per edit; CPU against the bare Automerge transaction",
        "x",
    );
    for (label, records, edits) in [
        ("records of 50 edits", options.pick(60, 10), 50),
        ("records of 1,000 edits", options.pick(3, 1), 1_000),
    ] {
        figure.rows.push(row(label, records, edits, rounds, &clock));
    }
    figure
        .note("every change was held against the bare engine's: the same bytes, genesis included")
        .note("the flush of 100 edits counts, its signature stands apart")
        .target("", 2.5, Some(1.2))
}

/// Values of the task's registers: each differs from the one before in its field.
pub fn edits(count: usize, seed: u64) -> Vec<(&'static str, String)> {
    let mut rng = Rng::new(seed);
    let status = ["open", "doing", "blocked", "done", "dropped"];
    let priority = ["low", "normal", "high", "urgent"];
    let (mut at_status, mut at_priority) = (0, 0);
    let edit = |at: usize| match rng.below(5) {
        0 => {
            at_status = (at_status + 1 + rng.below(4)) % 5;
            ("status", status[at_status].to_owned())
        }
        1 => {
            at_priority = (at_priority + 1 + rng.below(3)) % 4;
            ("priority", priority[at_priority].to_owned())
        }
        2 => ("position", format!("a{at}")),
        3 => ("assignee", format!("user-{}-{at}", rng.below(9))),
        _ => ("title", format!("Carry the boat past the weir no. {at}")),
    };
    (0..count).map(edit).collect()
}

/// An edit as it is asked for.
pub fn ops(edits: &[(&'static str, String)]) -> Vec<[RecordOp; 1]> {
    let op = |(field, value): &(&'static str, String)| [put(field, Value::Text(value.clone()))];
    edits.iter().map(op).collect()
}

/// A bare document of the kind's genesis.
pub fn bare_automerge(actor: &Actor) -> Automerge {
    let Actor::Automerge(actor) = actor else {
        panic!("a record has an Automerge actor")
    };
    let schema: Schema = catalogue::schema("task").unwrap();
    let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    doc.apply_changes(record::genesis(&[&schema], "record"))
        .unwrap();
    doc.set_actor(ActorId::from(*actor));
    doc
}

fn desk() -> Desk {
    Desk::new("task", "record", 1)
}

#[inline]
fn put_bare(doc: &mut Automerge, (field, value): &(&'static str, String), time: i64) -> Vec<u8> {
    let mut tx = doc.transaction();
    tx.put(ROOT, *field, value.as_str()).unwrap();
    tx.commit_with(CommitOptions::default().with_time(time));
    doc.get_last_local_change().unwrap().raw_bytes().to_vec()
}

fn now_ms(at: usize) -> u64 {
    BEGIN_MS + 1_000 * at as u64
}

/// The stamp of the edit at a time, as the engine keeps it.
fn time(at: usize) -> i64 {
    anabranch_core::hlc::Hlc::new(now_ms(at), 0).as_time()
}

fn row(label: &str, records: usize, count: usize, rounds: usize, clock: &Clock) -> Row {
    let edits = edits(count, 3);
    let ops = ops(&edits);
    let actor = compare(&edits, &ops);
    let (mut whole, mut writing, mut signing) = (Rounds::default(), Rounds::default(), 0.0f64);
    for _ in 0..rounds {
        let (mut bare, mut write, mut flush) =
            (Spent::default(), Spent::default(), Spent::default());
        for _ in 0..records {
            record_once(&edits, &ops, &actor, (&mut bare, &mut write, &mut flush));
        }
        let all = (records * count) as f64;
        let flushes = records * count.div_ceil(FLUSH_EDITS);
        let sign = desk().signing_nanos(flushes, clock);
        signing = signing.max(sign / 1e3);
        let seal = (flush.nanos(clock) - sign * flushes as f64).max(0.0);
        let (bare, write) = (bare.nanos(clock) / all, write.nanos(clock) / all);
        whole.push(bare, write + seal / all);
        writing.push(bare, write);
    }
    let (low, high) = whole.spread();
    Row::new(label, whole.ratio())
        .with("bare_us", whole.bare_us())
        .with("ours_us", whole.ours_us())
        .with("without_flush_x", writing.ratio())
        .with("lowest_x", low)
        .with("highest_x", high)
        .with("signing_us_per_flush", signing)
}

/// Both make the same changes. Answers the actor.
fn compare(edits: &[(&'static str, String)], ops: &[[RecordOp; 1]]) -> Actor {
    let mut desk = desk();
    for (at, ops) in ops.iter().enumerate() {
        desk.write(now_ms(at), &Draft::Record(ops));
    }
    let actor = desk.actor();
    let mut bare = bare_automerge(&actor);
    for (at, edit) in edits.iter().enumerate() {
        let change = put_bare(&mut bare, edit, time(at));
        assert!(
            desk.payload(at as u64 + 1) == change,
            "edit {at} made another change"
        );
    }
    actor
}

fn record_once(
    edits: &[(&'static str, String)],
    ops: &[[RecordOp; 1]],
    actor: &Actor,
    (bare, write, flush): (&mut Spent, &mut Spent, &mut Spent),
) {
    let mut doc = bare_automerge(actor);
    let mut desk = desk();
    for (turn, (edits, ops)) in edits.chunks(TURN).zip(ops.chunks(TURN)).enumerate() {
        let first = turn * TURN;
        bare.on(|| {
            let made = edits
                .iter()
                .enumerate()
                .map(|(at, edit)| put_bare(&mut doc, edit, time(first + at)));
            made.collect::<Vec<_>>()
        });
        write.on(|| {
            for (at, ops) in ops.iter().enumerate() {
                desk.write(now_ms(first + at), &Draft::Record(ops));
            }
        });
        if (first + TURN).is_multiple_of(FLUSH_EDITS) {
            flush.on(|| desk.flush());
        }
    }
    flush.on(|| desk.flush());
}
