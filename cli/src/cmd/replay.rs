//! `anabranch replay`: a recorded history of typing, played by replicas that judge each other.

use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    play::{PlayError, Played, play},
    storage::Fault,
    trace,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};

/// Play a recorded history: one replica per agent, every change sealed, carried as wire bytes and
/// judged on the other side.
#[derive(Args)]
pub struct Replay {
    /// The trace, gzipped JSON; core/docs and README say where to find some.
    trace: PathBuf,
}

impl Replay {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let trace = trace::read(&self.trace)?;
        let played = play(&trace, &mut progress()).map_err(|error| failure(&error))?;
        Ok(Answer {
            page: page(&played),
            json: figures(&played),
            holds: played.text_matches && played.converged && played.not_accepted == 0,
        })
    }
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
