//! A local edit of a body, made, judged and sealed, against bare Yrs that produces the same update.

use super::{
    Options,
    clock::{Clock, Rounds, Spent},
    report::{Figure, Row},
    stage::{Desk, bare_yrs, body_ops},
    typing::{Edit, Typing, flushes},
};
use anabranch_core::{body::BodyOp, document::Draft, id::Actor};
use yrs::{Doc, Text, TextRef, Transact};

/// Measures.
pub fn measure(_: &Options, typing: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let mut figure = Figure::new(
        "a local edit of a Yrs body, judged and sealed, one change set per edit; CPU against bare Yrs making the same update",
        "x",
    );
    for typing in typing {
        figure.rows.push(row(typing, &clock));
    }
    figure
        .note("the bare engine keeps history and counts UTF-16 units, as the body does; every update of the trace was held against its: the same bytes")
        .note("the target is for whole traces: in the first 4,000 edits, all that --quick types, bare Yrs has little to walk")
        .note("the flush (ids' tree and proofs, 40 ms or 100 edits) counts, its signature stands apart")
        .target("", 1.4, Some(1.1))
}

fn row(typing: &Typing, clock: &Clock) -> Row {
    // The engine walks a long way for every edit of the longest traces.
    let rounds = if typing.edits.len() > 60_000 { 1 } else { 3 };
    let ops: Vec<Vec<BodyOp>> = typing.edits.iter().map(body_ops).collect();
    let client = client(&ops);
    let (mut whole, mut writing, mut signing) = (Rounds::default(), Rounds::default(), Vec::new());
    let edits = typing.edits.len() as f64;
    let flushes = flushes(&typing.edits);
    for _ in 0..rounds {
        let (bare, write, flush) = round(&flushes, &ops, client);
        let sign = desk().signing_nanos(flushes.len().min(2_000), clock);
        let seal = (flush.nanos(clock) - sign * flushes.len() as f64).max(0.0);
        let (bare, write) = (bare.nanos(clock) / edits, write.nanos(clock) / edits);
        whole.push(bare, write + seal / edits);
        writing.push(bare, write);
        signing.push(sign / 1e3);
    }
    let (low, high) = whole.spread();
    Row::new(&typing.name, whole.ratio())
        .with("bare_us", whole.bare_us())
        .with("ours_us", whole.ours_us())
        .with("without_flush_x", writing.ratio())
        .with("lowest_x", low)
        .with("highest_x", high)
        .with(
            "signing_us_per_flush",
            signing.into_iter().fold(0.0, f64::max),
        )
        .with("edits_per_flush", edits / flushes.len() as f64)
        .with("edits", edits)
}

fn desk() -> Desk {
    Desk::new("markdown", "body", 1)
}

/// The client under which the device writes the body.
fn client(ops: &[Vec<BodyOp>]) -> u64 {
    let mut desk = desk();
    desk.write(1, &Draft::Body(&ops[0]));
    match desk.actor() {
        Actor::Yrs(client) => client,
        Actor::Automerge(_) => panic!("a body has a Yrs actor"),
    }
}

/// One edit in the bare engine.
#[inline]
fn type_bare(doc: &Doc, text: &TextRef, edit: &Edit) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    for splice in &edit.splices {
        if splice.delete > 0 {
            text.remove_range(&mut txn, splice.at, splice.delete);
        }
        if !splice.insert.is_empty() {
            text.insert(&mut txn, splice.at, &splice.insert);
        }
    }
    txn.encode_update_v1()
}

/// All of it once, flush by flush on each side in turn: bare, writing, flushing.
fn round(flushes: &[&[Edit]], ops: &[Vec<BodyOp>], client: u64) -> (Spent, Spent, Spent) {
    let (doc, text) = bare_yrs(client);
    let mut desk = desk();
    let (mut bare, mut write, mut flush) = (Spent::default(), Spent::default(), Spent::default());
    let mut rest = ops;
    for edits in flushes {
        let (ops, after) = rest.split_at(edits.len());
        rest = after;
        // The updates leave the timed part as ours do, to be dropped outside of it.
        let updates = bare.on(|| {
            edits
                .iter()
                .map(|edit| type_bare(&doc, &text, edit))
                .collect::<Vec<_>>()
        });
        write.on(|| {
            for (edit, ops) in edits.iter().zip(ops) {
                desk.write(edit.now_ms, &Draft::Body(ops));
            }
        });
        let sealed = flush.on(|| desk.flush());
        assert_eq!(sealed.len(), updates.len());
        for (sealed, update) in sealed.iter().zip(&updates) {
            let header = sealed.change().header();
            let ours = sealed.change().payload().bytes();
            assert!(
                ours == Some(update),
                "edit {} made another update",
                header.seq
            );
        }
    }
    (bare, write, flush)
}
