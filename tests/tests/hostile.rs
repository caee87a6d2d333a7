//! Every input known to break a bare engine, and mutations of each, sent as an author with a valid
//! key would send them: as a payload at its place in a history, and as a whole change set, hashed
//! and signed, given to a replica. What must hold after each stands in the targets of
//! `anabranch_fuzz`; here stand the inputs, and how much may be allocated.
//!
//! `ANABRANCH_HOSTILE_MUTATIONS=n` sets how many mutations each input gets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

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

/// Every payload for an engine.
fn payloads(engine: EngineKind) -> Vec<Vec<u8>> {
    match engine {
        EngineKind::Automerge => rows(AUTOMERGE)
            .into_iter()
            .chain(crafted::changes().into_iter().map(|(_, bytes)| bytes))
            .collect(),
        EngineKind::Yrs => {
            let authors = body::authors().into_iter().step_by(2);
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

/// Attacks, prints what came of it, and fails where something did not hold.
fn withstands(target: &Target, rows: &[Vec<Vec<u8>>], mutations: usize) -> Report {
    set_meter(|run| allocation_counter::measure(run).bytes_total);
    note_panics();
    let watch = Watch::default();
    let report = thread::scope(|scope| {
        // The stack that a server's worker has.
        let attacking = thread::Builder::new().stack_size(2 << 20);
        let attacking = attacking
            .spawn_scoped(scope, || {
                attack(target, rows, mutations, SEED, |_| ALLOWED_BYTES, &watch)
            })
            .unwrap();
        while !attacking.is_finished() {
            thread::sleep(Duration::from_millis(50));
            if let Some((name, input)) = watch.longer_than(Duration::from_secs(30)) {
                eprintln!("{name} does not end: {input}");
                std::process::exit(1);
            }
        }
        attacking.join().unwrap()
    });
    println!(
        "{} inputs and {mutations} mutations of each\n{report}",
        rows.len()
    );
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
    let payloads = payloads(EngineKind::Automerge);
    let sent: Vec<Vec<Vec<u8>>> = payloads
        .iter()
        .map(|bytes| record::sending(bytes))
        .collect();
    let report = withstands(&record::TARGET, &sent, mutations());
    assert!(report.refused.len() > 30, "too few rules are met");
    refused_as_they_are(&record::TARGET, &known, record::WORLDS);
}

#[test]
fn hostile_updates_do_no_harm_to_bodies() {
    let known = rows(YRS);
    assert_eq!(known.len(), 59 + 69, "the whole collection");
    let payloads = payloads(EngineKind::Yrs);
    let sent: Vec<Vec<Vec<u8>>> = payloads.iter().map(|bytes| body::sending(bytes)).collect();
    let report = withstands(&body::TARGET, &sent, mutations());
    assert!(report.refused.len() > 30, "too few rules are met");
    refused_as_they_are(&body::TARGET, &known, body::WORLDS);
}

#[test]
fn hostile_change_sets_do_no_harm_to_replicas() {
    let engines = [EngineKind::Automerge, EngineKind::Yrs, EngineKind::Log];
    let sent: Vec<Vec<Vec<u8>>> = engines
        .into_iter()
        .flat_map(|engine| {
            payloads(engine)
                .into_iter()
                .map(move |payload| change_set::sending(engine, &payload))
        })
        .filter(|inputs| !inputs.is_empty())
        .collect();
    let report = withstands(&change_set::TARGET, &sent, mutations() / 10);
    assert!(report.refused.len() > 50, "too few rules are met");
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
