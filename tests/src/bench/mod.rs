//! The benchmark: each figure that the project holds itself to, beside the bare engine's in the
//! same run.
//!
//! Times are CPU times of the one thread that works, so neighbours on the machine do not count; but
//! where a figure says so they are the wall clock's, since waiting for the disk is what it is about.
//! Both sides of a comparison take turns, a few hundred edits each, so that what the machine does
//! to one it does to the other; a ratio is the median of those of several rounds. What both sides
//! make is held against each other before anything is timed: the bare engine produces the same
//! bytes.
//!
//! | module | figure |
//! |---|---|
//! | [`local_body`] | a local edit of a body, against bare Yrs |
//! | [`local_record`] | a local edit of a record's field, against bare Automerge |
//! | [`remote_body`] | a keystroke that arrives, against bare Yrs |
//! | [`remote_record`] | 100 record changes that arrive together, against bare Automerge |
//! | [`log_append`] | an append to a long log, against one to a short log |
//! | [`live_bytes`] | bytes on the wire of one live keystroke |
//! | [`batch_bytes`] | bytes on the wire per edit, in batches of 100 |
//! | [`durable_commit`] | a durable commit, against bare redb; and the bytes that it writes |
//! | [`group_commit`] | 64 writers that share commits, against one |
//! | [`judging`] | what judging hostile bytes takes |
//! | [`large_store`] | opening a store of a million change sets; lists; memory |
//! | [`clock`], [`crowd`], [`typing`], [`stage`], [`report`] | what the figures share |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on has failed"
)]

pub mod batch_bytes;
pub mod clock;
pub mod crowd;
pub mod durable_commit;
pub mod group_commit;
pub mod judging;
pub mod large_store;
pub mod live_bytes;
pub mod local_body;
pub mod local_record;
pub mod log_append;
pub mod remote_body;
pub mod remote_record;
pub mod report;
pub mod stage;
pub mod typing;

use report::{Figure, Report};
use std::path::PathBuf;
use typing::Typing;

/// What is to be measured.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Fewer edits and rounds: seconds, not minutes.
    pub quick: bool,
    /// Where recorded traces lie.
    pub traces: Option<PathBuf>,
    /// Only the figures with these names; all where there is none.
    pub only: Vec<String>,
}

impl Options {
    /// One number for the whole measurement, another for the quick one.
    pub fn pick(&self, whole: usize, quick: usize) -> usize {
        if self.quick { quick } else { whole }
    }
}

type Measure = fn(&Options, &[Typing]) -> Figure;

/// Every figure by name, in the order in which they are measured.
pub const FIGURES: &[(&str, Measure)] = &[
    ("local-body", local_body::measure),
    ("local-record", local_record::measure),
    ("remote-body", remote_body::measure),
    ("remote-record", remote_record::measure),
    ("log-append", log_append::measure),
    ("live-bytes", live_bytes::measure),
    ("batch-bytes", batch_bytes::measure),
    ("judging", judging::measure),
    ("open-store", large_store::measure_open),
    ("many-documents", large_store::measure_many),
    ("durable-commit", durable_commit::measure),
    ("commit-bytes", durable_commit::bytes),
    ("group-commit", group_commit::measure),
];

/// Measures.
///
/// # Errors
/// A trace that cannot be read, or a figure that is not known.
pub fn run(options: &Options) -> Result<Report, Box<dyn std::error::Error>> {
    if let Some(unknown) = options
        .only
        .iter()
        .find(|name| FIGURES.iter().all(|(known, _)| known != name))
    {
        let known: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
        return Err(format!("no figure `{unknown}`: there are {}", known.join(", ")).into());
    }
    let (source, typing) = typing::all(options)?;
    let wanted =
        |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let figures = FIGURES
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, measure)| {
            eprintln!("measuring {name} ...");
            (*name, measure(options, &typing))
        })
        .collect();
    Ok(Report::new(options, source, figures))
}
