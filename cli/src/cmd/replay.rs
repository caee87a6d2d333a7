//! `anabranch replay`: a recorded history of typing, played by replicas that judge each other.

use super::{
    at::{At, DeskError},
    desk::bodies,
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{body::BodyOp, record::RecordView, schema::BodyLayout},
    field::assignment,
    play::{PlayError, Played, play},
    storage::Fault,
    trace::{self, Splice, Trace},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Play a recorded history: one replica per agent, every change sealed, carried as wire bytes and
/// judged on the other side.
#[derive(Args)]
pub struct Replay {
    /// The trace, gzipped JSON; core/docs and README say where to find some.
    trace: PathBuf,
    /// Play it into the store instead, as a new entity of this kind: every edit durable.
    #[arg(long, value_name = "KIND")]
    into: Option<String>,
    #[command(flatten)]
    at: At,
}

impl Replay {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let trace = trace::read(&self.trace)?;
        if let Some(kind) = &self.into {
            return self.play_into(kind, &trace);
        }
        let played = play(&trace, &mut progress()).map_err(|error| failure(&error))?;
        Ok(Answer {
            page: page(&played),
            json: figures(&played),
            holds: played.text_matches && played.converged && played.not_accepted == 0,
        })
    }
}

impl Replay {
    fn play_into(&self, kind: &str, trace: &Trace) -> Result<Answer, Failure> {
        let Trace::Sequential(trace) = trace else {
            let error = anyhow::anyhow!(
                "{}: several people wrote this trace, and a store has one writer: leave --into out",
                self.trace.display()
            );
            return Err(Failure::new(Fault::Caller, error));
        };
        let desk = self.at.open()?;
        let schema = desk.schema(kind)?;
        let bodies = bodies(&schema);
        let text = bodies
            .iter()
            .find(|(_, layout)| *layout == BodyLayout::Text);
        let (part, _) = text.ok_or_else(|| DeskError::Part {
            kind: kind.to_owned(),
            wanted: "body of one text",
            name: "body".to_owned(),
            has: "`markdown` has one".to_owned(),
        })?;
        let entity = desk.new_entity(kind)?;
        let name = self.trace.file_name().unwrap_or_default().to_string_lossy();
        let words = format!("title={name}");
        if let Ok(op) = assignment(&schema, &RecordView::default(), &words) {
            desk.write(kind, entity, &[op])?;
        }
        let (mut edits, mut change_sets) = (0usize, 0usize);
        let mut progress = progress();
        let begun = Instant::now();
        let start = Splice {
            at: 0,
            delete: 0,
            insert: trace.start.clone(),
        };
        let first = std::iter::once(std::slice::from_ref(&start));
        let txns = trace.txns.iter().map(|txn| txn.patches.as_slice());
        for (at, patches) in first.chain(txns).enumerate() {
            let ops: Vec<BodyOp> = patches.iter().filter_map(body_op).collect();
            if ops.is_empty() {
                continue;
            }
            desk.write_body_waiting((kind, entity, part), &ops)?;
            edits += ops.len();
            change_sets += 1;
            if at % 1_000 == 0 {
                progress(at, trace.txns.len());
            }
        }
        progress(trace.txns.len(), trace.txns.len());
        let text = desk.body(&entity, part).map(|view| view.plain_text());
        let text_matches = text.as_deref().unwrap_or_default() == trace.end;
        desk.close()?;
        let seconds = begun.elapsed().as_secs_f64();
        let row = |name: &str, value: String| [name.to_owned(), value];
        let verdict = match text_matches {
            true => Page::new().line(Tone::Good, "the text is the recorded one, and durable"),
            false => Page::new().line(Tone::Bad, "the text DIFFERS"),
        };
        Ok(Answer {
            page: verdict.table(&[
                row(kind, entity.to_string()),
                row("edits", edits.to_string()),
                row("change sets", change_sets.to_string()),
                row("seconds", format!("{seconds:.2}")),
            ]),
            json: json!({
                "id": entity.to_string(), "kind": kind, "text_matches": text_matches, "edits": edits,
                "change_sets": change_sets, "seconds": seconds,
            }),
            holds: text_matches,
        })
    }
}

/// A replacement as an edit of a body; none where it replaces nothing by nothing.
fn body_op(patch: &Splice) -> Option<BodyOp> {
    (patch.delete > 0 || !patch.insert.is_empty()).then(|| BodyOp::Splice {
        text: Vec::new(),
        at: patch.at,
        delete: patch.delete,
        insert: patch.insert.clone(),
        marks: None,
    })
}

/// A line on a terminal's standard error that says how far it is; nothing elsewhere.
pub(super) fn progress() -> impl FnMut(usize, usize) {
    let shown = std::io::stderr().is_terminal();
    move |done, of| {
        if shown && of > 0 {
            let percent = done.saturating_mul(100) / of;
            let end = if done == of { "\r\x1b[K" } else { "" };
            let mut err = std::io::stderr().lock();
            let _unseen = write!(err, "\r  {percent:3} %  {done} of {of}{end}");
            let _unseen = err.flush();
        }
    }
}

pub(super) fn failure(error: &PlayError) -> Failure {
    let fault = match error {
        PlayError::Trace { .. } | PlayError::StartsWithText { .. } => Fault::Caller,
        PlayError::Write { .. } | PlayError::Seal(_) | PlayError::Frame(_) | PlayError::NoKind => {
            Fault::Corruption
        }
    };
    Failure::new(fault, anyhow::anyhow!("{error}"))
}

/// Every figure, for programs. Times are CPU, in microseconds per edit.
pub(super) fn figures(played: &Played) -> Value {
    json!({
        "text_matches": played.text_matches,
        "converged": played.converged,
        "edits": played.edits,
        "change_sets": played.change_sets,
        "not_accepted": played.not_accepted,
        "flushes": played.flushes,
        "cpu_us_per_edit": micros(played.write + played.seal + played.read + played.apply, played),
        "cpu_us_per_edit_write": micros(played.write, played),
        "cpu_us_per_edit_seal": micros(played.seal, played),
        "cpu_us_per_edit_read": micros(played.read, played),
        "cpu_us_per_edit_apply": micros(played.apply, played),
        "bytes_per_edit_alone": per(played.bytes_alone, played.frames_alone),
        "bytes_per_edit_in_batches": per(played.bytes_batched, played.edits),
    })
}

fn page(played: &Played) -> Page {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let yes = |holds: bool| if holds { "yes" } else { "NO" }.to_owned();
    Page::new()
        .line(
            Tone::Strong,
            if played.text_matches {
                "the text is the recorded one"
            } else {
                "the text DIFFERS"
            },
        )
        .table(&[
            row("edits", played.edits.to_string()),
            row("change sets", played.change_sets.to_string()),
            row("not accepted", played.not_accepted.to_string()),
            row("replicas agree", yes(played.converged)),
            row(
                "CPU per edit: written",
                format!("{:.2} us", micros(played.write, played)),
            ),
            row("  sealed", format!("{:.2} us", micros(played.seal, played))),
            row(
                "  read from the wire",
                format!("{:.2} us", micros(played.read, played)),
            ),
            row(
                "  judged and applied",
                format!("{:.2} us", micros(played.apply, played)),
            ),
            row(
                "bytes of an edit alone",
                format!("{:.2}", per(played.bytes_alone, played.frames_alone)),
            ),
            row(
                "bytes per edit in batches",
                format!("{:.2}", per(played.bytes_batched, played.edits)),
            ),
        ])
}

fn micros(time: Duration, played: &Played) -> f64 {
    per(
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        played.edits,
    ) / 1_000.0
}

fn per(amount: u64, of: usize) -> f64 {
    if of == 0 {
        0.0
    } else {
        amount as f64 / of as f64
    }
}
