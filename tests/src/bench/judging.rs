//! What judging takes: every hostile input there is, and mutations of honest changes, as a member
//! with a valid key would send them.

use super::{
    Options,
    clock::{Clock, Spent, at_share},
    local_record,
    report::{Figure, Row},
    stage::{Desk, body_ops, put},
    typing::Typing,
};
use crate::repository;
use anabranch_core::{
    document::{Document, Draft},
    id::EntityId,
    record::RecordOp,
    replica::Replica,
    sim::Rng,
    value::Value,
};
use sha2::{Digest, Sha256};
use std::fs;

const BEGIN_MS: u64 = 1_767_258_000_000;

/// Measures.
pub fn measure(options: &Options, typing: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let most = options.pick(40_000, 4_000);
    let mut figure = Figure::new(
        "judging one change: the hostile corpus and mutations of honest changes, checksums repaired; CPU, p99.9 (of the corpus: the slowest)",
        "us",
    );
    let (mut reader, entity, honest) = record();
    let record = reader.document_mut(&entity, "record").unwrap();
    let corpus = corpus("automerge.tsv", "am_change");
    figure.rows.push(row(
        "record, hostile corpus",
        record,
        corpus.iter(),
        20,
        1.0,
        &clock,
    ));
    let mutants = mutants(&[&honest[..], &corpus[..]].concat(), most, repaired);
    figure.rows.push(row(
        "record, mutations",
        record,
        mutants.iter(),
        1,
        0.999,
        &clock,
    ));
    let (mut reader, entity, honest) = body(typing);
    let body = reader.document_mut(&entity, "body").unwrap();
    let corpus = self::corpus("yrs.tsv", "yrs_v1");
    figure.rows.push(row(
        "body, hostile corpus",
        body,
        corpus.iter(),
        20,
        1.0,
        &clock,
    ));
    let mutants = self::mutants(&[&honest[..], &corpus[..]].concat(), most, |bytes| bytes);
    figure.rows.push(row(
        "body, mutations",
        body,
        mutants.iter(),
        1,
        0.999,
        &clock,
    ));
    figure.target("", 1_000.0, None)
}

fn row<'a>(
    label: &str,
    document: &mut Document,
    inputs: impl Iterator<Item = &'a Vec<u8>> + Clone,
    times: usize,
    share: f64,
    clock: &Clock,
) -> Row {
    let schema = document.schema().unwrap().clone();
    let (mut took, mut accepted) = (Vec::new(), 0.0);
    for _ in 0..times {
        for input in inputs.clone() {
            let stand = document.stand(input, &schema);
            let mut spent = Spent::default();
            let verdict = spent.on(|| document.judge_alone(&stand, input));
            took.push(spent.nanos(clock) / 1e3);
            accepted += f64::from(u8::from(verdict.is_ok()));
        }
    }
    Row::new(label, at_share(&mut took, share))
        .with("p50_us", at_share(&mut took, 0.5))
        .with("p99_us", at_share(&mut took, 0.99))
        .with("p99.9_us", at_share(&mut took, 0.999))
        .with("slowest_us", at_share(&mut took, 1.0))
        .with("inputs", took.len() as f64)
        .with("accepted", accepted)
}

/// A task of some hundred changes of every common kind, and what they were.
fn record() -> (Replica, EntityId, Vec<Vec<u8>>) {
    let mut desk = Desk::new("task", "record", 1);
    let field = |name: &str| vec![name.to_owned()];
    let mut now_ms = BEGIN_MS;
    for (at, (name, value)) in local_record::edits(200, 9).into_iter().enumerate() {
        now_ms += 500;
        let insert = value.chars().next().unwrap_or(' ').to_string();
        let op = match at % 4 {
            0 => RecordOp::Splice {
                field: field("notes"),
                at: at as u32 / 8,
                delete: 0,
                insert,
            },
            1 => RecordOp::Add {
                field: field("labels"),
                value: Value::Text(format!("label {}", at % 30)),
            },
            _ => put(name, Value::Text(value)),
        };
        desk.takes(now_ms, &Draft::Record(&[op]));
    }
    take(desk)
}

/// A text of some typing.
fn body(typing: &[Typing]) -> (Replica, EntityId, Vec<Vec<u8>>) {
    let mut desk = Desk::new("markdown", "body", 1);
    for edit in typing[0].edits.iter().take(2_000) {
        desk.write(edit.now_ms, &Draft::Body(&body_ops(edit)));
    }
    take(desk)
}

/// A replica that has the document, and its payloads.
fn take(mut desk: Desk) -> (Replica, EntityId, Vec<Vec<u8>>) {
    let flush = desk.flush();
    let payload = |change: &anabranch_core::changeset::Verified| {
        change.change().payload().bytes().unwrap().to_vec()
    };
    let payloads = flush.iter().map(payload).collect();
    let mut reader = desk.reader();
    reader.receive(BEGIN_MS, flush);
    (reader, desk.entity, payloads)
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

/// Inputs with one to four bytes changed, taken out or put in.
fn mutants(of: &[Vec<u8>], count: usize, repair: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(12);
    let mutant = |_| {
        let mut bytes = of[rng.below(of.len())].clone();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(6) {
                0 if bytes.len() > 1 => drop(bytes.remove(at)),
                1 => bytes.insert(at, rng.next() as u8),
                2 => bytes[at] ^= 1 << rng.below(8),
                _ => bytes[at] = rng.next() as u8 >> rng.below(8),
            }
        }
        repair(bytes)
    };
    (0..count).map(mutant).collect()
}

/// An Automerge chunk whose frame holds again: magic bytes, kind, length, checksum.
fn repaired(bytes: Vec<u8>) -> Vec<u8> {
    // Magic (4), checksum (4), kind (1), length (LEB128).
    let Some(rest) = bytes.get(9..) else {
        return bytes;
    };
    let length_len = rest
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .map_or(0, |at| at + 1);
    let body = rest.get(length_len..).unwrap_or_default();
    let mut hashed = vec![1u8];
    let mut len = body.len();
    while len >= 0x80 {
        hashed.push(len as u8 | 0x80);
        len >>= 7;
    }
    hashed.push(len as u8);
    hashed.extend_from_slice(body);
    let hash = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &hashed].concat()
}
