//! What is typed: recorded traces, or, where there are none, this repository's own texts.

use super::Options;
use crate::{repository, session};
use anabranch::trace::{self, CharSplice, Mirror, Splice, Trace};
use anabranch_core::{limits, sim::Rng};
use std::{error::Error, fs, path::Path};

/// One person's typing.
#[derive(Clone, Debug)]
pub struct Typing {
    /// Its name.
    pub name: String,
    /// Prose or code.
    pub genre: Genre,
    /// The edits, in order; from an empty text.
    pub edits: Vec<Edit>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Genre {
    /// Sentences.
    Prose,
    /// Programs.
    Code,
}

/// One edit: what becomes one change set.
#[derive(Clone, Debug)]
pub struct Edit {
    /// When, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// What is replaced, in UTF-16 units; each refers to the text that the one before left.
    pub splices: Vec<Splice>,
}

impl Edit {
    /// Whether a key was pressed: one character came, or one went.
    pub fn is_keystroke(&self) -> bool {
        match self.splices.as_slice() {
            [one] => one.insert.chars().count() + one.delete as usize == 1,
            _ => false,
        }
    }
}

/// Milliseconds of trace time that one flush holds.
const FLUSH_MS: u64 = 40;
/// Most change sets of one flush.
pub const FLUSH_EDITS: usize = 100;
/// When a trace begins that does not say.
const BEGIN_MS: u64 = 1_767_258_000_000;

/// The traces that are measured, and what they hold.
const TRACES: [(&str, Genre); 4] = [
    ("automerge-paper", Genre::Prose),
    ("seph-blog1", Genre::Prose),
    ("rustcode", Genre::Code),
    ("sveltecomponent", Genre::Code),
];

/// Everything there is to type, and where it comes from.
///
/// # Errors
/// A trace that is there but cannot be read.
pub fn all(options: &Options) -> Result<(String, Vec<Typing>), Box<dyn Error>> {
    let most = options.pick(usize::MAX, 4_000);
    let mut found = Vec::new();
    if let Some(folder) = &options.traces {
        for (name, genre) in TRACES {
            let path = folder.join(format!("{name}.json.gz"));
            if path.exists()
                && let Trace::Sequential(trace) = trace::read(&path)?
            {
                found.push(Typing {
                    name: name.into(),
                    genre,
                    edits: edits(&trace, most),
                });
            }
        }
    }
    if !found.is_empty() {
        return Ok(("recorded traces".into(), found));
    }
    let source = "made from this repository's own texts; name a folder of traces by --traces or ANABRANCH_TRACES";
    Ok((source.into(), own(most)?))
}

fn edits(trace: &trace::Sequential, most: usize) -> Vec<Edit> {
    let mut now_ms = BEGIN_MS;
    let mut begin = None;
    let txns = trace.txns.iter().filter(|txn| !is_empty(&txn.patches));
    let timed = txns.map(|txn| {
        // Only differences matter; stamps that go back stay where they were.
        if let Some(time) = txn.time_ms {
            let begin = *begin.get_or_insert(time);
            let since = u64::try_from(time.saturating_sub(begin)).unwrap_or(0);
            // A trace's first transaction may be stamped at the epoch.
            now_ms = now_ms.max(BEGIN_MS.saturating_add(since));
        }
        let splices = txn.patches.iter().flat_map(fitting).collect();
        Edit { now_ms, splices }
    });
    timed.take(most).collect()
}

fn is_empty(patches: &[Splice]) -> bool {
    patches
        .iter()
        .all(|patch| patch.delete == 0 && patch.insert.is_empty())
}

/// A paste in parts that one change set each can hold would be several edits; no trace needs it.
fn fitting(splice: &Splice) -> Option<Splice> {
    let empty = splice.delete == 0 && splice.insert.is_empty();
    assert!(splice.insert.len() < limits::PAYLOAD_BYTES_MAX / 2);
    (!empty).then(|| splice.clone())
}

/// This repository's documents and sources, typed one over the other.
fn own(most: usize) -> Result<Vec<Typing>, Box<dyn Error>> {
    let prose = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "core/docs/change-set.md",
    ];
    let code = [
        "core/src/document/edit.rs",
        "core/src/document/intake.rs",
        "core/src/causal/graph.rs",
    ];
    let root = repository::root();
    Ok(vec![
        Typing {
            name: "own prose".into(),
            genre: Genre::Prose,
            edits: typed(&root, &prose, 1, most)?,
        },
        Typing {
            name: "own code".into(),
            genre: Genre::Code,
            edits: typed(&root, &code, 2, most)?,
        },
    ])
}

fn typed(root: &Path, files: &[&str], seed: u64, most: usize) -> Result<Vec<Edit>, Box<dyn Error>> {
    let mut rng = Rng::new(seed);
    let mut mirror = Mirror::new("");
    let mut before = String::new();
    let mut now_ms = BEGIN_MS;
    let mut edits = Vec::new();
    for file in files {
        let after = fs::read_to_string(root.join(file))?;
        for (at, delete, insert) in session::keys(&before, &after) {
            now_ms += 60 + rng.below(200) as u64;
            let (at, delete) = (u32::try_from(at)?, u32::try_from(delete)?);
            let splices = vec![mirror.edit(&CharSplice { at, delete, insert })?];
            edits.push(Edit { now_ms, splices });
        }
        before = after;
    }
    edits.truncate(most);
    Ok(edits)
}

/// The edits in flushes: of 40 ms each, and at most 100 edits.
pub fn flushes(edits: &[Edit]) -> Vec<&[Edit]> {
    let mut flushes = Vec::new();
    let mut rest = edits;
    while let Some(first) = rest.first() {
        let soon = |edit: &&Edit| edit.now_ms.saturating_sub(first.now_ms) < FLUSH_MS;
        let count = rest.iter().take(FLUSH_EDITS).take_while(soon).count();
        let (flush, after) = rest.split_at(count.max(1));
        flushes.push(flush);
        rest = after;
    }
    flushes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_holds_40_ms_or_100_edits() {
        let edit = |now_ms| Edit {
            now_ms,
            splices: Vec::new(),
        };
        let edits: Vec<Edit> = [0, 39, 40, 41]
            .into_iter()
            .chain(std::iter::repeat_n(90, 250))
            .map(edit)
            .collect();
        let lens: Vec<usize> = flushes(&edits).iter().map(|flush| flush.len()).collect();
        assert_eq!(lens, [2, 2, 100, 100, 50]);
    }

    #[test]
    fn without_traces_the_repository_is_typed() {
        let (source, typing) = all(&Options {
            quick: true,
            ..Options::default()
        })
        .unwrap();
        assert!(source.contains("--traces"));
        assert!(typing.iter().all(|typing| typing.edits.len() == 4_000));
        assert!(
            typing[0]
                .edits
                .iter()
                .filter(|edit| edit.is_keystroke())
                .count()
                > 3_000
        );
    }
}
