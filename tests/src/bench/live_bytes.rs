//! Bytes on the wire of one live keystroke: a flush and a frame of its own, rebuilt exactly.

use super::{
    Options,
    clock::at_share,
    local_record,
    report::{Figure, Row},
    stage::{Desk, Ear, Line, body_ops, put},
    typing::{Edit, Genre, Typing},
};
use anabranch_core::{
    body::BodyOp, changeset::FlushCache, document::Draft, record::RecordOp, sim::Rng, value::Value,
};

/// Bytes of the signature in every flush.
const SIGNATURE: f64 = 64.0;
/// Milliseconds between the live edits of one person: from, and how much more at most.
const PACE_MS: (u64, usize) = (60, 200);
const BEGIN_MS: u64 = 1_767_258_000_000;

/// Measures.
pub fn measure(options: &Options, typing: &[Typing]) -> Figure {
    let most = options.pick(10_000, 1_500);
    let mut figure = Figure::new(
        "bytes on the wire of one live keystroke (one character comes or goes), rebuilt exactly, header included; the flush's signature of 64 bytes apart",
        "B",
    );
    for typing in typing {
        for live in [true, false] {
            figure.rows.push(body(typing, most, live));
        }
    }
    let prose = typing.iter().find(|typing| typing.genre == Genre::Prose);
    figure
        .rows
        .extend(prose.map(|typing| text(typing, most.min(3_000))));
    figure.rows.push(fields(most.min(3_000)));
    figure
        .note("the mean of all keystrokes is held against the target")
        .note("live: an edit every 60 to 260 ms; trace times: as recorded, to the second and with nights in between")
        .target("Yrs body", 10.0, Some(7.0))
        .target("Automerge text", 20.0, Some(16.0))
}

fn pace(rng: &mut Rng) -> u64 {
    PACE_MS.0 + rng.below(PACE_MS.1) as u64
}

fn body(typing: &Typing, most: usize, live: bool) -> Row {
    let mut rng = Rng::new(3);
    let mut desk = Desk::new("markdown", "body", 1);
    let mut wire = Wire::default();
    let mut now_ms = BEGIN_MS;
    for edit in typing.edits.iter().take(most) {
        now_ms = if live {
            now_ms + pace(&mut rng)
        } else {
            edit.now_ms
        };
        let ops: Vec<BodyOp> = body_ops(edit);
        desk.write(now_ms, &Draft::Body(&ops));
        wire.carry(&mut desk, edit.is_keystroke());
    }
    match live {
        true => wire.row(Row::new, format!("Yrs body, {}, live", typing.name)),
        false => wire.row(
            Row::aside,
            format!("Yrs body, {}, trace times", typing.name),
        ),
    }
}

/// Typing into a record's text; from time to time the text is full and another record is taken.
fn text(typing: &Typing, most: usize) -> Row {
    let mut rng = Rng::new(4);
    let mut desk = Desk::new("task", "record", 1);
    let mut wire = Wire::default();
    let mut now_ms = BEGIN_MS;
    for edit in typing
        .edits
        .iter()
        .filter(|edit| edit.is_keystroke())
        .take(most)
    {
        now_ms += pace(&mut rng);
        let ops = splices(edit);
        if !desk.takes(now_ms, &Draft::Record(&ops)) {
            break;
        }
        wire.carry(&mut desk, true);
    }
    wire.row(Row::new, format!("Automerge text, {}, live", typing.name))
}

fn splices(edit: &Edit) -> Vec<RecordOp> {
    let splice = |splice: &anabranch::trace::Splice| RecordOp::Splice {
        field: vec!["notes".to_owned()],
        at: splice.at,
        delete: splice.delete,
        insert: splice.insert.clone(),
    };
    edit.splices.iter().map(splice).collect()
}

fn fields(most: usize) -> Row {
    let mut rng = Rng::new(5);
    let mut desk = Desk::new("task", "record", 1);
    let mut wire = Wire::default();
    let mut now_ms = BEGIN_MS;
    for (field, value) in local_record::edits(most, 6) {
        now_ms += pace(&mut rng);
        desk.write(now_ms, &Draft::Record(&[put(field, Value::Text(value))]));
        wire.carry(&mut desk, true);
    }
    wire.row(Row::aside, "record field".into())
}

/// A stream that carries one change set per frame, checked at the other end.
#[derive(Default)]
struct Wire {
    line: Line,
    ear: Ear,
    cache: FlushCache,
    keys: Vec<f64>,
    others: Vec<f64>,
}

impl Wire {
    fn carry(&mut self, desk: &mut Desk, is_key: bool) {
        let flush = desk.flush();
        let frames = self.line.send(&flush);
        let back: Vec<_> = frames
            .iter()
            .flat_map(|frame| self.ear.hear(&mut self.cache, frame))
            .collect();
        assert!(back == flush, "a change set came out as another one");
        let bytes = frames.iter().map(Vec::len).sum::<usize>() as f64 - SIGNATURE;
        let to = if is_key {
            &mut self.keys
        } else {
            &mut self.others
        };
        to.push(bytes);
    }

    fn row(mut self, row: fn(String, f64) -> Row, label: String) -> Row {
        // The first one introduces document, writer and standing fields.
        let first = self.keys.first().copied().unwrap_or_default();
        let keys = self.keys.get_mut(1..).unwrap_or_default();
        let mean = keys.iter().sum::<f64>() / keys.len().max(1) as f64;
        row(label, mean)
            .with("p50_b", at_share(keys, 0.5))
            .with("p99_b", at_share(keys, 0.99))
            .with("keystrokes", keys.len() as f64)
            .with("first_b", first)
            .with("other_edits", self.others.len() as f64)
    }
}
