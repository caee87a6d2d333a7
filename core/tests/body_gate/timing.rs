//! What the gate costs per keystroke. Prints; proves nothing, so it runs by hand only:
//! `CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p anabranch-core --test body_gate timing -- --ignored --nocapture`

use crate::{bodies, bodies::Root, rng::Rng};
use anabranch_core::{body::BodyGate, causal::Past, id::ChainIdx, schema::BodyLayout};
use std::time::{Duration, Instant};
use yrs::{Text, Transact};

/// Two authors take turns in runs of 20 keys; both have seen everything.
fn keystrokes(count: u32, jump: bool) -> Vec<(ChainIdx, Vec<u8>)> {
    let mut rng = Rng::new(5);
    let docs: Vec<_> = [901, (1 << 52) + 7]
        .map(|client| bodies::new_doc(client, BodyLayout::Text))
        .into();
    let (mut at, mut keys) = (0, vec![]);
    for key in 0..count {
        let author = (key / 20) as usize % 2;
        if jump || key % 20 == 0 {
            at = rng.below(key as usize + 1) as u32;
        }
        let (doc, Root::Text(text)) = &docs[author] else {
            unreachable!()
        };
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, at, "x");
        at += 1;
        let bytes = txn.encode_update_v1();
        drop(txn);
        bodies::apply(&docs[1 - author].0, &bytes).unwrap();
        keys.push((ChainIdx(author as u32), bytes));
    }
    keys
}

#[test]
#[ignore = "prints timings only"]
fn timing_of_keystrokes() {
    for (count, jump) in [
        (10_000, false),
        (10_000, true),
        (100_000, false),
        (30_000, true),
    ] {
        let keys = keystrokes(count, jump);
        let mut gate = BodyGate::new(&bodies::shape(BodyLayout::Text));
        gate.register(ChainIdx(0), 901);
        gate.register(ChainIdx(1), (1 << 52) + 7);
        let (mut past, mut judging, mut admitting) = (Past::default(), vec![], vec![]);
        for (chain, bytes) in &keys {
            let start = Instant::now();
            let judged = gate.judge_update(*chain, &past, bytes).unwrap();
            let middle = Instant::now();
            gate.admit(&judged);
            let end = Instant::now();
            judging.push(middle - start);
            admitting.push(end - middle);
            past.raise(*chain, judged.seq());
        }
        let figures = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            let mean = times.iter().sum::<Duration>() / times.len() as u32;
            (mean, times[times.len() / 2], times[times.len() * 99 / 100])
        };
        println!(
            "{count} keys, jumping {jump}: judge {:?}, admit {:?} (mean, p50, p99); runs {:?}",
            figures(&mut judging),
            figures(&mut admitting),
            gate.run_counts()
        );
    }
}
