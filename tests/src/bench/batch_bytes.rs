//! Bytes on the wire per edit, in batches of 100, rebuilt exactly.

use super::{
    Options,
    clock::at_share,
    local_record,
    report::{Figure, Row},
    stage::{Desk, Ear, Line, body_ops, put},
    typing::{FLUSH_EDITS, Genre, Typing},
};
use anabranch::trace::{self, CharSplice, Trace};
use anabranch_core::{
    body::BodyOp,
    changeset::{FlushCache, Verified},
    document::Draft,
    id::EntityId,
    sim::Rng,
    value::Value,
};

const SIGNATURE: usize = 64;
/// The recorded trace of people who wrote at once.
const TOGETHER: &str = "friendsforever_concurrent.json.gz";
const BEGIN_MS: u64 = 1_767_258_000_000;

/// Measures.
pub fn measure(options: &Options, typing: &[Typing]) -> Figure {
    let mut figure = Figure::new(
        "bytes on the wire per edit in batches of 100, rebuilt exactly, headers included; the flushes' signatures apart (0.64 a piece)",
        "B",
    );
    for typing in typing {
        figure.rows.push(body(typing, options.pick(60_000, 4_000)));
    }
    figure.rows.extend(at_once(options));
    for (label, records) in [
        ("record fields, one record", 1),
        ("record fields, 20 records", 20),
    ] {
        figure
            .rows
            .push(fields(label, records, options.pick(10_000, 2_000)));
    }
    figure
        .target("prose", 3.0, Some(2.0))
        .target("code", 8.0, Some(6.0))
        .target("record", 25.0, Some(12.0))
}

fn body(typing: &Typing, most: usize) -> Row {
    let mut desk = Desk::new("markdown", "body", 1);
    let mut wire = Wire::default();
    let edits = &typing.edits[..typing.edits.len().min(most)];
    let typed: usize = edits
        .iter()
        .flat_map(|edit| &edit.splices)
        .map(|splice| splice.insert.len())
        .sum();
    for batch in edits.chunks(FLUSH_EDITS) {
        for edit in batch {
            desk.write(edit.now_ms, &Draft::Body(&body_ops(edit)));
        }
        wire.carry(&desk.flush());
    }
    let genre = match typing.genre {
        Genre::Prose => "prose",
        Genre::Code => "code",
    };
    wire.row(format!("{genre}, {}", typing.name))
        .with("edits", edits.len() as f64)
        .with("typed_b_per_edit", typed as f64 / edits.len() as f64)
}

/// Two people writing one text at once, each on a replica that has what they had seen: what a
/// third is sent, in the order in which it was sealed. A flush ends where the other one reads it.
fn at_once(options: &Options) -> Option<Row> {
    let path = options.traces.as_ref()?.join(TOGETHER);
    let Ok(Trace::Concurrent(trace)) = trace::read(&path) else {
        return None;
    };
    let mut desk = Desk::new("markdown", "body", trace.agents);
    let mut wire = Wire::default();
    let mut sealed: Vec<Vec<Verified>> = vec![Vec::new(); trace.agents];
    let mut has = vec![vec![0; trace.agents]; trace.agents];
    let mut batch = Vec::new();
    let txns = trace.txns.iter().take(options.pick(usize::MAX, 4_000));
    for (at, txn) in (1usize..).zip(txns) {
        let now_ms = BEGIN_MS + 150 * at as u64;
        for other in (0..trace.agents).filter(|other| *other != txn.agent) {
            let (held, seen) = (has[txn.agent][other], txn.seen[other] as usize);
            if seen > sealed[other].len() {
                seal(&mut desk, other, &mut sealed, &mut batch);
            }
            if seen > held {
                let news = sealed[other][held..seen].to_vec();
                desk.lab.stations[txn.agent].replica.receive(now_ms, news);
                has[txn.agent][other] = seen;
            }
        }
        let splice = |patch: &CharSplice| BodyOp::Splice {
            text: Vec::new(),
            at: patch.at,
            delete: patch.delete,
            insert: patch.insert.clone(),
            marks: None,
        };
        // Nothing in this trace takes two units, so characters count as units do.
        let ops: Vec<BodyOp> = txn.patches.iter().map(splice).collect();
        desk.write_at(txn.agent, now_ms, &Draft::Body(&ops));
        if at % FLUSH_EDITS == 0 {
            (0..trace.agents).for_each(|agent| seal(&mut desk, agent, &mut sealed, &mut batch));
            wire.carry(&std::mem::take(&mut batch));
        }
    }
    let flushes = wire.flushes as f64 / wire.batches.len() as f64;
    let row = wire.row("prose at once, friendsforever".into());
    Some(row.with("flushes_per_batch", flushes))
}

fn seal(desk: &mut Desk, at: usize, sealed: &mut [Vec<Verified>], batch: &mut Vec<Verified>) {
    if desk.lab.stations[at].replica.open_len() > 0 {
        let flush = desk.lab.stations[at].flush_verified().unwrap();
        sealed[at].extend(flush.iter().cloned());
        batch.extend(flush);
    }
}

fn fields(label: &str, records: usize, most: usize) -> Row {
    let mut rng = Rng::new(8);
    let mut desk = Desk::new("task", "record", 1);
    let user = desk.lab.stations[0].user;
    let entities: Vec<EntityId> = (0..records)
        .map(|_| desk.lab.entity(user, "task"))
        .collect();
    let mut wire = Wire::default();
    let mut now_ms = BEGIN_MS;
    for batch in local_record::edits(most, 6).chunks(FLUSH_EDITS) {
        for (field, value) in batch {
            now_ms += 200 + rng.below(4_000) as u64;
            desk.entity = entities[rng.below(records)];
            desk.takes(
                now_ms,
                &Draft::Record(&[put(field, Value::Text(value.clone()))]),
            );
        }
        wire.carry(&desk.flush());
    }
    wire.row(label.into())
}

#[derive(Default)]
struct Wire {
    line: Line,
    ear: Ear,
    cache: FlushCache,
    bytes: usize,
    edits: usize,
    flushes: usize,
    batches: Vec<f64>,
}

impl Wire {
    fn carry(&mut self, flush: &[Verified]) {
        let signatures = flush.iter().filter(|one| one.proof().index == 0).count();
        let frames = self.line.send(flush);
        let back: Vec<_> = frames
            .iter()
            .flat_map(|frame| self.ear.hear(&mut self.cache, frame))
            .collect();
        assert!(back == flush, "a change set came out as another one");
        let bytes = frames.iter().map(Vec::len).sum::<usize>() - SIGNATURE * signatures;
        self.bytes += bytes;
        self.edits += flush.len();
        self.flushes += signatures;
        self.batches.push(bytes as f64 / flush.len() as f64);
    }

    fn row(mut self, label: String) -> Row {
        Row::new(label, self.bytes as f64 / self.edits as f64)
            .with("p50_b", at_share(&mut self.batches, 0.5))
            .with("p99_b", at_share(&mut self.batches, 0.99))
    }
}
