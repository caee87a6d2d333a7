//! What judging takes: every hostile input there is, and mutants of what several people would send
//! next, as members with valid keys would sign them.

use super::{
    Options,
    clock::{Clock, Spent, at_share},
    crowd::{Crowd, Part},
    report::{Figure, Row},
    typing::Typing,
};
use crate::repository;
use anabranch_core::{
    body::BodyRule,
    changeset::{FlushCache, Signed},
    document::Document,
    judge::Rule,
    record::RecordRule,
};
use std::fs;

/// How often everybody has written before the mutants come.
const ROUNDS: usize = 150;
/// Mutants of each round's change sets.
const PER_ROUND: usize = 200;

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let mut figure = Figure::new(
        "judging one hostile change: the corpus (the slowest), and mutants of the next change sets of four who write at once, hashes and signatures made anew, from the bytes as sent to the verdict (p99.9); CPU",
        "us",
    );
    for (part, label, file, entry) in [
        (Part::Record, "record", "automerge.tsv", "am_change"),
        (Part::Body, "body", "yrs.tsv", "yrs_v1"),
    ] {
        let mut crowd = Crowd::new(part, ROUNDS);
        figure.rows.push(hostile(
            label,
            crowd.document(),
            &corpus(file, entry),
            &clock,
        ));
        let rounds = options.pick(200, 20);
        figure.rows.push(mutants(label, &mut crowd, rounds, &clock));
    }
    figure
        .note("what judging a mutant allocates is counted by the test `hostile`")
        .target("", 1_000.0, None)
}

fn hostile(label: &str, document: &mut Document, inputs: &[Vec<u8>], clock: &Clock) -> Row {
    let schema = document.schema().unwrap().clone();
    let mut took = Vec::new();
    for _ in 0..20 {
        for input in inputs {
            let stand = document.stand(input, &schema);
            let mut spent = Spent::default();
            let _verdict = spent.on(|| document.judge_alone(&stand, input));
            took.push(spent.nanos(clock) / 1e3);
        }
    }
    row(format!("{label}, hostile corpus"), took, 1.0)
}

fn mutants(label: &str, crowd: &mut Crowd, rounds: usize, clock: &Clock) -> Row {
    let (mut took, mut stages) = (Vec::new(), [0.0; STAGES.len()]);
    for _ in 0..rounds {
        let next = crowd.write();
        for _ in 0..PER_ROUND {
            let sent = crowd.mutant(&next);
            let document = crowd.document();
            let mut spent = Spent::default();
            let verdict = spent.on(|| judge(document, &sent));
            took.push(spent.nanos(clock) / 1e3);
            stages[stage(&verdict)] += 1.0;
        }
        crowd.hear(next);
    }
    let all = took.len() as f64;
    STAGES.iter().zip(stages).fold(
        row(format!("{label}, mutants"), took, 0.999),
        |row, (name, count)| row.with(name, 100.0 * count / all),
    )
}

fn row(label: String, mut took: Vec<f64>, share: f64) -> Row {
    Row::new(label, at_share(&mut took, share))
        .with("p50_us", at_share(&mut took, 0.5))
        .with("p99_us", at_share(&mut took, 0.99))
        .with("p99.9_us", at_share(&mut took, 0.999))
        .with("slowest_us", at_share(&mut took, 1.0))
        .with("inputs", took.len() as f64)
}

/// From bytes as they are sent to a verdict: the canonical form, hash and signature, then the
/// payload at its place. Nothing changes.
///
/// # Errors
/// The rule they break.
pub fn judge(document: &mut Document, sent: &[u8]) -> Result<(), Rule> {
    let signed = Signed::decode(sent).map_err(Rule::Envelope)?;
    let verified = signed
        .verify(&mut FlushCache::new())
        .map_err(Rule::Envelope)?;
    let payload = verified.change().payload().bytes().unwrap_or_default();
    let schema = document.schema().unwrap().clone();
    let stand = document.stand(payload, &schema);
    document.judge_alone(&stand, payload)
}

/// How far a change comes, in per cent of all.
const STAGES: [&str; 5] = [
    "1_refused_by_envelope_%",
    "2_by_scan_%",
    "3_by_gate_%",
    "4_by_schema_%",
    "5_accepted_%",
];

fn stage(verdict: &Result<(), Rule>) -> usize {
    match verdict {
        Ok(()) => 4,
        Err(Rule::Envelope(_)) => 0,
        Err(Rule::Body(rule)) => match rule {
            BodyRule::Author { .. }
            | BodyRule::Clock { .. }
            | BodyRule::Unknown { .. }
            | BodyRule::Neighbours { .. }
            | BodyRule::Place { .. }
            | BodyRule::Surrogate { .. }
            | BodyRule::DeleteRanges { .. }
            | BodyRule::AttributeValues { .. }
            | BodyRule::Order { .. } => 2,
            _ => 1,
        },
        Err(Rule::Record(rule)) => match rule {
            RecordRule::Actor
            | RecordRule::Seq { .. }
            | RecordRule::Time { .. }
            | RecordRule::Deps
            | RecordRule::StartOp { .. }
            | RecordRule::PastUnknown
            | RecordRule::Object { .. }
            | RecordRule::Key { .. }
            | RecordRule::Element { .. }
            | RecordRule::Preds { .. } => 2,
            RecordRule::Forbidden { .. }
            | RecordRule::TooManyEntries { .. }
            | RecordRule::TextTooLong { .. }
            | RecordRule::CounterStep { .. } => 3,
            _ => 1,
        },
        Err(Rule::Schema(_) | Rule::Chain(_) | Rule::Log(_)) => 3,
    }
}

/// The rows of one of the committed corpus files for an entry point.
fn corpus(file: &str, entry: &str) -> Vec<Vec<u8>> {
    let path = repository::root()
        .join("core/tests/data/hostile")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let bytes = |line: &str| {
        // Effect, entry point and place where there are several entry points, bytes.
        let columns: Vec<&str> = line.split('\t').collect();
        let (hex, others) = columns.split_last()?;
        let elsewhere = others.len() > 1 && !others[1].starts_with(entry);
        if elsewhere {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
        (0..hex.len() / 2).map(byte).collect::<Option<Vec<u8>>>()
    };
    let found: Vec<Vec<u8>> = rows.filter_map(bytes).collect();
    assert!(!found.is_empty(), "{file} has nothing for {entry}");
    found
}
