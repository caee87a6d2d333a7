//! 100 record changes that arrive together, from wire bytes to the document, against one call of
//! bare Automerge that reads and applies the same changes.

use super::{
    Options,
    clock::{Clock, Rounds, Spent},
    local_record::{bare_automerge, edits, ops},
    report::{Figure, Row},
    stage::{Desk, Ear, Line},
    typing::{FLUSH_EDITS, Typing},
};
use anabranch_core::{
    changeset::{FlushCache, Verified},
    document::Draft,
    id::Actor,
};
use automerge::{Automerge, Change};

const BEGIN_MS: u64 = 1_767_258_000_000;

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let mut figure = Figure::new(
        "100 record changes that arrive together: wire bytes, verified, judged, applied, without the check of the flush's signature; CPU against one call of bare Automerge",
        "x",
    );
    for (label, writers, history) in [
        ("onto 50 changes", 1, 50),
        ("onto 1,000 changes", 1, 1_000),
        ("onto 5,000 changes", 1, options.pick(5_000, 2_000)),
        ("of 4 at once, onto 1,000 changes", 4, 1_000),
    ] {
        figure
            .rows
            .push(row(label, writers, history, options.pick(15, 5), &clock));
    }
    figure
        .note("the bare engine reads the 100 changes from bytes and applies them in one call")
        .target("", 1.5, None)
}

/// What one writer sealed.
struct Sent {
    before: Vec<Vec<Verified>>,
    last: Vec<Verified>,
}

fn row(label: &str, writers: usize, history: usize, rounds: usize, clock: &Clock) -> Row {
    let mut desk = Desk::new("task", "record", writers);
    let sent = write(&mut desk, writers, history);
    let mut bare_before = bare_automerge(&Actor::Automerge([9; 16]));
    for flush in &sent.before {
        bare_before.apply_changes(flush.iter().map(change)).unwrap();
    }
    let (mut whole, mut parts) = (Rounds::default(), [Rounds::default(), Rounds::default()]);
    for _ in 0..rounds {
        let [bare, decode, receive] =
            round(&desk, &sent, &bare_before).map(|spent| spent.nanos(clock));
        whole.push(bare, decode + receive);
        parts[0].push(bare, decode);
        parts[1].push(bare, receive);
    }
    let (low, high) = whole.spread();
    Row::new(label, whole.ratio())
        .with("bare_us", whole.bare_us())
        .with("ours_us", whole.ours_us())
        .with("frame_to_change_sets_us", parts[0].ours_us())
        .with("receive_us", parts[1].ours_us())
        .with("lowest_x", low)
        .with("highest_x", high)
}

/// A history, and 100 changes of all writers at once after it.
fn write(desk: &mut Desk, writers: usize, history: usize) -> Sent {
    let mut edits = edits(history + FLUSH_EDITS, 5);
    // Who writes apart from the others may choose a word that stands there already.
    let apart = edits
        .iter_mut()
        .skip(history + FLUSH_EDITS / writers)
        .enumerate();
    apart.for_each(|(at, edit)| *edit = ("position", format!("b{at}")));
    let all = ops(&edits);
    let (before, last) = all.split_at(history);
    let mut now_ms = BEGIN_MS;
    let mut flushes = Vec::new();
    for ops in before.chunks(FLUSH_EDITS) {
        for ops in ops {
            now_ms += 1_000;
            desk.write(now_ms, &Draft::Record(ops));
        }
        flushes.push(desk.flush());
    }
    for station in 1..writers {
        let everything = flushes.iter().flatten().cloned().collect();
        desk.lab.stations[station]
            .replica
            .receive(now_ms, everything);
    }
    let mut sealed = Vec::new();
    for (station, ops) in last.chunks(FLUSH_EDITS / writers).enumerate() {
        for (at, ops) in ops.iter().enumerate() {
            desk.write_at(
                station,
                now_ms + 1_000 * (at as u64 + 1),
                &Draft::Record(ops),
            );
        }
        sealed.push(desk.lab.stations[station].flush_verified().unwrap());
    }
    Sent {
        before: flushes,
        last: sealed.concat(),
    }
}

fn change(verified: &Verified) -> Change {
    Change::try_from(verified.change().payload().bytes().unwrap()).unwrap()
}

/// One delivery: bare; frames to change sets; change sets to the document.
fn round(desk: &Desk, sent: &Sent, bare_before: &Automerge) -> [Spent; 3] {
    let mut line = Line::new();
    let (mut scout, mut ear) = (Ear::new(), Ear::new());
    let mut cache = FlushCache::new();
    let mut reader = desk.reader();
    for flush in &sent.before {
        for frame in line.send(flush) {
            scout.hear(&mut cache, &frame);
            reader.receive(BEGIN_MS, ear.hear(&mut cache, &frame));
        }
    }
    let frames = line.send(&sent.last);
    frames
        .iter()
        .for_each(|frame| drop(scout.hear(&mut cache, frame)));
    let checks = cache.checks();
    let mut bare = bare_before.clone();
    let mut spent = [Spent::default(); 3];
    spent[0].on(|| {
        let changes: Vec<Change> = sent.last.iter().map(change).collect();
        bare.apply_changes(changes).unwrap();
    });
    let mut heard = Vec::new();
    spent[1].on(|| {
        frames
            .iter()
            .for_each(|frame| heard.extend(ear.hear(&mut cache, frame)))
    });
    assert_eq!(
        cache.checks(),
        checks,
        "no signature is checked in the timed part"
    );
    let intake = spent[2].on(|| reader.receive(BEGIN_MS, heard));
    assert_eq!(intake.arrivals.len(), FLUSH_EDITS);
    spent
}
