//! Every input known to break a bare engine, and mutations of each, sent as an author with a valid
//! key would send them: as a payload at its place in a history, and as a whole change set, hashed
//! and signed, given to a replica. What must hold after each stands in the targets of
//! `anabranch_fuzz`; here stand the inputs, and how much may be allocated.
//!
//! `ANABRANCH_HOSTILE_MUTATIONS=n` sets how many mutations each input gets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use anabranch_core::changeset::EngineKind;
use anabranch_fuzz::{
    Reached, Report, Target, Watch, attack, body, change_set, crafted, hex, note_panics, record,
    set_meter, unhex,
};
use anabranch_tests::bench::{
    crowd::{Crowd, Part},
    judging,
};
use std::{thread, time::Duration};

/// Mutations of each input, where the environment says nothing.
const MUTATIONS: usize = 1_000;
/// What one payload may make judging allocate, everything that is freed meanwhile counted too.
const ALLOWED_BYTES: u64 = 1 << 20;
/// Seed of the mutations; `fuzz_smoke` has a new one each run.
const SEED: u64 = 20_261_121;

const AUTOMERGE: [&str; 2] = [
    include_str!("../../core/tests/data/hostile/automerge.tsv"),
    include_str!("../../core/tests/data/hostile/automerge-small.tsv"),
];
const YRS: [&str; 2] = [
    include_str!("../../core/tests/data/hostile/yrs.tsv"),
    include_str!("../../core/tests/data/hostile/yrs-bare.tsv"),
];

/// The bytes of a file's rows: the last of its columns.
fn rows(files: [&str; 2]) -> Vec<Vec<u8>> {
    let lines = files
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| !line.starts_with('#'));
    lines
        .map(|line| unhex(line.rsplit('\t').next().unwrap()).unwrap())
        .collect()
}

/// Every payload for an engine, those that are crafted for authors of so many worlds.
fn payloads(engine: EngineKind, worlds: usize) -> Vec<Vec<u8>> {
    match engine {
        EngineKind::Automerge => rows(AUTOMERGE)
            .into_iter()
            .chain(crafted::changes(worlds).into_iter().map(|(_, bytes)| bytes))
            .collect(),
        EngineKind::Yrs => {
            let authors = body::authors().into_iter().take(worlds).step_by(2);
            let crafted = authors.flat_map(|(client, clock)| crafted::updates(client, clock));
            rows(YRS)
                .into_iter()
                .chain(crafted.map(|(_, bytes)| bytes))
                .collect()
        }
        EngineKind::Log => rows(AUTOMERGE).into_iter().chain(rows(YRS)).collect(),
    }
}

fn mutations() -> usize {
    let set = std::env::var("ANABRANCH_HOSTILE_MUTATIONS").ok();
    set.map_or(MUTATIONS, |set| set.parse().unwrap())
}

/// Attacks on two threads, prints what came of it, and fails where something did not hold.
fn withstands(target: &Target, rows: Vec<Vec<Vec<u8>>>, mutations: usize) -> Report {
    set_meter(|run| allocation_counter::measure(run).bytes_total);
    note_panics();
    let inputs = rows.len();
    // Alternately, since the large ones stand together.
    let mut halves = [Vec::new(), Vec::new()];
    for (at, row) in rows.into_iter().enumerate() {
        halves[at % 2].push(row);
    }
    let watches = [Watch::default(), Watch::default()];
    let report = thread::scope(|scope| {
        let attacks = (SEED..).zip(halves.iter().zip(&watches));
        let all: Vec<_> = attacks
            .map(|(seed, (rows, watch))| {
                // The stack that a server's worker has.
                let attacking = thread::Builder::new().stack_size(2 << 20);
                let run = move || attack(target, rows, mutations, seed, |_| ALLOWED_BYTES, watch);
                attacking.spawn_scoped(scope, run).unwrap()
            })
            .collect();
        while !all.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
            for watch in &watches {
                if let Some((name, input)) = watch.longer_than(Duration::from_secs(30)) {
                    eprintln!("{name} does not end: {input}");
                    std::process::exit(1);
                }
            }
        }
        let mut reports = all.into_iter().map(|thread| thread.join().unwrap());
        let first = reports.next().unwrap();
        reports.fold(first, Report::and)
    });
    println!("{inputs} inputs and {mutations} mutations of each\n{report}");
    assert!(report.failure.is_none(), "{:?}", report.failure);
    report
}

/// As they are, none is what an honest engine would have written at its place.
fn refused_as_they_are(target: &Target, payloads: &[Vec<u8>], worlds: usize) {
    for payload in payloads {
        for world in 0..worlds as u8 {
            let reached = (target.run)(&[&[world, 0], payload.as_slice()].concat());
            assert!(
                matches!(reached, Reached::Rejected(_)),
                "{}: {reached:?}",
                hex(payload)
            );
        }
    }
}

#[test]
fn hostile_changes_do_no_harm_to_records() {
    let known = rows(AUTOMERGE);
    assert_eq!(known.len(), 138 + 5, "the whole collection");
    let payloads = payloads(EngineKind::Automerge, record::WORLDS);
    let sent: Vec<Vec<Vec<u8>>> = payloads
        .iter()
        .map(|bytes| record::sending(bytes))
        .collect();
    let report = withstands(&record::TARGET, sent, mutations());
    assert!(report.refused.len() > 30, "too few rules are met");
    refused_as_they_are(&record::TARGET, &known, record::WORLDS);
}

#[test]
fn hostile_updates_do_no_harm_to_bodies() {
    let known = rows(YRS);
    assert_eq!(known.len(), 60 + 69, "the whole collection");
    let payloads = payloads(EngineKind::Yrs, body::WORLDS);
    let sent: Vec<Vec<Vec<u8>>> = payloads.iter().map(|bytes| body::sending(bytes)).collect();
    let report = withstands(&body::TARGET, sent, mutations());
    assert!(report.refused.len() > 30, "too few rules are met");
    refused_as_they_are(&body::TARGET, &known, body::WORLDS);
}

/// Whole change sets with an engine's payloads, hashed and signed again, are given to replicas. What
/// was crafted for one author is sent as every other's too, so one world's is enough.
fn replicas_withstand(engine: EngineKind, mutations: usize) -> Report {
    let sent = payloads(engine, 1)
        .iter()
        .map(|payload| change_set::sending(engine, payload))
        .collect();
    let report = withstands(&change_set::TARGET, sent, mutations);
    println!(
        "digest: the same after each that was not accepted; the whole replica: looked at after \
         each that was, and after every {} that were not",
        change_set::REFUSED_MAX
    );
    report
}

#[test]
fn hostile_change_sets_do_no_harm_to_replicas_with_records() {
    let report = replicas_withstand(EngineKind::Automerge, mutations());
    assert!(report.refused.len() > 50, "too few rules are met");
}

#[test]
fn hostile_change_sets_do_no_harm_to_replicas_with_bodies() {
    let report = replicas_withstand(EngineKind::Yrs, mutations());
    assert!(report.refused.len() > 50, "too few rules are met");
}

/// To a log all of them are one thing, unreadable, so fewer are sent.
#[test]
fn hostile_change_sets_do_no_harm_to_replicas_with_logs() {
    let report = replicas_withstand(EngineKind::Log, mutations() / 10);
    assert!(report.refused.len() > 20, "too few rules are met");
}

#[test]
fn what_several_writers_might_send_next_is_judged_in_little_memory() {
    for part in [Part::Record, Part::Body] {
        let mut crowd = Crowd::new(part, 60);
        let (mut accepted, mut most) = (0, 0);
        for _ in 0..20 {
            let next = crowd.write();
            for _ in 0..100 {
                let sent = crowd.mutant(&next);
                let document = crowd.document();
                let mut verdict = Ok(());
                let run = || verdict = judging::judge(document, &sent);
                most = most.max(allocation_counter::measure(run).bytes_total);
                accepted += u32::from(verdict.is_ok());
            }
            crowd.hear(next);
        }
        println!("{part:?}: at most {most} bytes a mutant, {accepted} of 2000 accepted");
        assert!(most <= ALLOWED_BYTES, "{part:?}: {most}");
        assert!(accepted > 50, "{part:?}: the mutants do not come far");
    }
}
