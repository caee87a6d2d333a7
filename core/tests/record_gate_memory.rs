//! What judging hostile record changes allocates and takes. Alone in its file: the counting
//! allocator counts everything that runs beside it too.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "record_gate/forge.rs"]
#[allow(dead_code)]
mod forge;
#[path = "record_gate/world.rs"]
#[allow(dead_code)]
mod world;

use anabranch_core::record::RecordGate;
use automerge::{
    ROOT, ScalarValue,
    legacy::{Op, OpType},
    transaction::Transactable,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, time::Instant};
use world::{Dice, Sent, World, object, take};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that judging asks for in all, those given back at once included.
fn allocated(gate: &RecordGate, sent: &Sent) -> usize {
    let region = Region::new(COUNTED);
    let verdict = gate.judge(&sent.candidate());
    let change = region.change();
    drop(verdict);
    change.bytes_allocated
}

#[test]
fn judging_never_allocates_more_than_a_mebibyte() {
    let mut world = World::new(2, 2);
    let mut gate = world.gate();
    let first = world.must_write(0, |tx| {
        tx.splice_text(object(tx, &["note"]), 0, 0, &"a".repeat(5_000))
            .expect("splice");
        tx.put(ROOT, "title", "t").expect("put");
    });
    take(&mut gate, &first).expect("honest");
    let typed = forge::forged(
        &world,
        0,
        |tx| {
            tx.splice_text(object(tx, &["note"]), 0, 0, "b")
                .expect("splice")
        },
        |_| {},
    );
    let bombs: Vec<(&str, Sent)> = vec![
        (
            "12,288 registers",
            repeat(&world, 12_288, |tx| {
                tx.put(ROOT, "done", true).expect("put");
            }),
        ),
        (
            "17,000 entries of one",
            repeat(&world, 17_000, |tx| {
                tx.insert(object(tx, &["steps"]), 0, "x").expect("insert");
            }),
        ),
        (
            "12,288 steps",
            repeat(&world, 12_288, |tx| {
                tx.increment(ROOT, "views", 1).expect("increment");
            }),
        ),
        (
            "12,288 entries",
            repeat(&world, 12_288, |tx| {
                let list = object(tx, &["history"]);
                tx.insert_object(list, 0, automerge::ObjType::Map)
                    .expect("insert");
            }),
        ),
        ("a text replaced whole", {
            let mut world = world.clone();
            world.must_write(0, |tx| {
                tx.splice_text(object(tx, &["note"]), 0, 5_000, &"c".repeat(5_000))
                    .expect("splice");
            })
        }),
        ("a change of 256 KiB", {
            let mut world = world.clone();
            world.must_write(0, |tx| {
                tx.put(ROOT, "title", "x".repeat(255 << 10)).expect("put");
            })
        }),
    ];
    let mut worst = 0;
    for (what, sent) in &bombs {
        let begun = Instant::now();
        let bytes = allocated(&gate, sent);
        println!(
            "{what}: {} bytes of input, {bytes} allocated, {:?}",
            sent.payload.len(),
            begun.elapsed()
        );
        worst = worst.max(bytes);
    }
    assert!(worst <= 1 << 20, "{worst}");

    let mut dice = Dice(99);
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let hostile = forge::mutated(&typed, &first, &mut dice);
        let begun = Instant::now();
        let bytes = allocated(&gate, &hostile);
        times.push(begun.elapsed());
        assert!(bytes <= (64 << 10) + 16 * hostile.payload.len(), "{bytes}");
    }
    times.sort();
    println!(
        "20,000 mutations of a keystroke: p50 {:?}, p99.9 {:?}",
        times[10_000], times[19_980]
    );
}

/// One operation of the second kind many times over, in as few bytes as runs make possible.
fn repeat(
    world: &World,
    count: usize,
    edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
) -> Sent {
    forge::forged(world, 0, edit, |change| {
        let twin: Op = change.operations[0].clone();
        let own = change.actor_id.clone();
        let start = change.start_op.get();
        let is_register = matches!(twin.action, OpType::Put(ScalarValue::Boolean(_)));
        change.operations = (0..count)
            .map(|at| {
                let mut op = twin.clone();
                if is_register && at > 0 {
                    let before = automerge::legacy::OpId::new(start + at as u64 - 1, &own);
                    op.pred = vec![before].into();
                }
                op
            })
            .collect();
    })
}
