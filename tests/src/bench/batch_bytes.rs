//! Bytes on the wire per edit, in batches of 100, rebuilt exactly.

use super::{
    Options,
    clock::at_share,
    local_record,
    report::{Figure, Row},
    stage::{Desk, Ear, Line, body_ops, put},
    typing::{FLUSH_EDITS, Genre, Typing},
};
use anabranch_core::{
    changeset::FlushCache, document::Draft, id::EntityId, sim::Rng, value::Value,
};

const SIGNATURE: usize = 64;
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
        wire.carry(&mut desk);
    }
    let genre = match typing.genre {
        Genre::Prose => "prose",
        Genre::Code => "code",
    };
    wire.row(format!("{genre}, {}", typing.name))
        .with("edits", edits.len() as f64)
        .with("typed_b_per_edit", typed as f64 / edits.len() as f64)
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
        wire.carry(&mut desk);
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
    batches: Vec<f64>,
}

impl Wire {
    fn carry(&mut self, desk: &mut Desk) {
        let flush = desk.flush();
        let frames = self.line.send(&flush);
        let back: Vec<_> = frames
            .iter()
            .flat_map(|frame| self.ear.hear(&mut self.cache, frame))
            .collect();
        assert!(back == flush, "a change set came out as another one");
        let bytes = frames.iter().map(Vec::len).sum::<usize>() - SIGNATURE;
        self.bytes += bytes;
        self.edits += flush.len();
        self.batches.push(bytes as f64 / flush.len() as f64);
    }

    fn row(mut self, label: String) -> Row {
        Row::new(label, self.bytes as f64 / self.edits as f64)
            .with("p50_b", at_share(&mut self.batches, 0.5))
            .with("p99_b", at_share(&mut self.batches, 0.99))
    }
}
