//! What editing a record costs beside the bare engine. Figures are printed, not asserted: run with
//! `cargo test --release -p anabranch-core --test record_doc_cost -- --ignored --nocapture`.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "record_doc/world.rs"]
#[allow(dead_code)]
mod world;

use anabranch_core::{record::unnumbered, value::Value};
use automerge::{
    ActorId, Automerge, ObjType, ROOT, ReadDoc, TextEncoding,
    transaction::{CommitOptions, Transactable},
};
use std::time::Instant;
use world::*;

fn micros(since: Instant, count: u64) -> f64 {
    since.elapsed().as_secs_f64() * 1e6 / count as f64
}

#[test]
#[ignore = "prints figures"]
fn cost_of_a_local_edit_beside_the_bare_transaction() {
    let count = 2_000u64;
    let mut bare = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit)
        .with_actor(ActorId::from([7; 16]));
    let mut tx = bare.transaction();
    let note = tx.put_object(ROOT, "note", ObjType::Text).expect("text");
    tx.commit();
    let start = Instant::now();
    for at in 0..count {
        let mut tx = bare.transaction();
        tx.put(ROOT, "rank", (at % 100) as i64).expect("puts");
        tx.commit_with(CommitOptions::default().with_time(at as i64));
        let change = bare.get_last_local_change().expect("a change");
        assert!(!change.raw_bytes().is_empty());
    }
    let bare_put = micros(start, count);
    let start = Instant::now();
    for at in 0..count {
        let mut tx = bare.transaction();
        tx.splice_text(&note, at as usize, 0, "x").expect("types");
        tx.commit_with(CommitOptions::default().with_time(at as i64));
        let change = bare.get_last_local_change().expect("a change");
        assert!(!change.raw_bytes().is_empty());
    }
    let bare_key = micros(start, count);

    let mut all = things(2);
    let replica = &mut all[0];
    let mut spent = std::time::Duration::ZERO;
    for at in 0..count {
        let place = replica.place(at + 1);
        let op = [put(&["rank"], (at % 100) as i64)];
        let start = Instant::now();
        let edit = replica.doc.edit_in(&place, VIEW, &op).expect("edits");
        spent += start.elapsed();
        replica.made_one(&place, &edit.payload);
    }
    let put_cost = spent.as_secs_f64() * 1e6 / count as f64;
    spent = std::time::Duration::ZERO;
    for at in 0..count {
        let place = replica.place(count + at + 1);
        let op = [splice(&["note"], at as u32, 0, "x")];
        let start = Instant::now();
        let edit = replica.doc.edit_in(&place, VIEW, &op).expect("edits");
        spent += start.elapsed();
        replica.made_one(&place, &edit.payload);
    }
    let key_cost = spent.as_secs_f64() * 1e6 / count as f64;
    println!(
        "local put: bare {bare_put:.1} us, record {put_cost:.1} us, {:.2}x",
        put_cost / bare_put
    );
    println!(
        "local key: bare {bare_key:.1} us, record {key_cost:.1} us, {:.2}x",
        key_cost / bare_key
    );

    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(
            replica.doc.project(&unnumbered).get(&["rank"]),
            Some(&Value::Int(99))
        );
    }
    println!("project: {:.1} us", micros(start, 100));
    let messages = replica.made.clone();
    let (old, new) = messages.split_at(messages.len() - 100);
    let other = &mut all[1];
    let old: Vec<&Message> = old.iter().collect();
    other.take(&old);
    let mut engine = Automerge::load_with_options(
        &other.doc.save(),
        automerge::LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit),
    )
    .expect("loads");
    let start = Instant::now();
    let changes: Vec<automerge::Change> = new
        .iter()
        .map(|m| automerge::Change::from_bytes(m.payload.clone()).expect("a change"))
        .collect();
    engine.apply_changes(changes).expect("applies");
    let bare_batch = micros(start, 1);
    assert!(engine.get_missing_deps(&[]).is_empty());
    let mut batch = Vec::new();
    let mut judging = 0.0;
    for message in new {
        let place = other.place_of(message);
        let candidate = anabranch_core::judge::Candidate {
            place: &place,
            payload: &message.payload,
        };
        let start = Instant::now();
        let judged = other.doc.judge(&candidate).expect("honest");
        other.doc.admit(&judged);
        judging += micros(start, 1);
        batch.push(judged);
    }
    let start = Instant::now();
    other.doc.apply(batch).expect("applies");
    let applying = micros(start, 1);
    let sum = judging + applying;
    println!(
        "100 remote keys: bare {bare_batch:.0} us, judged {judging:.0} us and applied {applying:.0} us, {:.2}x",
        sum / bare_batch
    );
}
