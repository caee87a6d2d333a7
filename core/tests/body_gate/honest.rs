//! What honest engines write passes, is ordered as they order it, and is judged alike everywhere.

use crate::{mirror::Mirror, net::Net, rng::Rng};
use anabranch_core::{
    body::{BodyGate, BodyRule, JudgedUpdate},
    schema::BodyLayout,
};
use std::collections::BTreeMap;

const LAYOUTS: [BodyLayout; 2] = [BodyLayout::Text, BodyLayout::ProseMirror];

fn nets(count: u64, steps: usize) -> impl Iterator<Item = (u64, Net)> {
    (0..count).map(move |seed| {
        let layout = LAYOUTS[seed as usize % 2];
        let authors = 2 + (seed as usize / 2) % 3;
        (seed, Net::run(layout, authors, steps, seed))
    })
}

/// How much larger than usual, for long runs: `ANABRANCH_FUZZ=50`.
pub fn scale() -> u64 {
    let scale = std::env::var("ANABRANCH_FUZZ").ok();
    scale.and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

fn admit(gate: &mut BodyGate, net: &Net, at: usize) -> Result<JudgedUpdate, BodyRule> {
    let sent = &net.log[at];
    let judged = gate.judge_update(sent.chain, &sent.past, &sent.bytes)?;
    gate.admit(&judged);
    Ok(judged)
}

#[test]
fn honest_updates_pass_in_every_causal_order_and_stand_where_the_engine_puts_them() {
    let (mut judged, mut undone, mut broken) = (0u32, 0u32, 0u32);
    for (seed, net) in nets(300 * scale(), 90) {
        let mut pictures = vec![];
        let mut refused = false;
        for turn in 0..3 {
            let order = net.order(&mut Rng::new(seed * 10 + turn));
            let (mut gate, mut mirror) = (net.gate(), Mirror::new(net.layout));
            for at in order {
                let sent = &net.log[at];
                judged += 1;
                undone += u32::from(sent.undo);
                match admit(&mut gate, &net, at) {
                    Ok(update) => {
                        let clock = update.end();
                        assert_eq!(gate.end_clock(sent.chain, sent.seq), Some(clock));
                    }
                    // The engine's redo sometimes writes origins that were not adjacent. Nothing
                    // built on it can be judged, so the net ends here.
                    Err(BodyRule::Order { .. }) if sent.undo => {
                        broken += 1;
                        refused = true;
                        break;
                    }
                    Err(rule) => panic!("seed {seed}: refused {rule:?}"),
                }
                mirror.apply(&sent.bytes).unwrap();
                if turn == 0 || at % 8 == 0 {
                    mirror.check(&gate).unwrap();
                }
            }
            if !refused {
                mirror.check(&gate).unwrap();
            }
            pictures.push(crate::bodies::picture(&mirror.live, net.layout));
        }
        assert!(refused || pictures.windows(2).all(|two| two[0] == two[1]));
    }
    println!(
        "{judged} honest updates judged, {undone} of undo/redo, {broken} broken redos refused"
    );
    assert!(judged > 40_000 && undone > 3_000);
    assert!(broken * 1_000 <= judged, "{broken} of {judged}");
}

#[test]
fn the_same_history_in_many_orders_gives_the_same_runs_and_verdicts() {
    for (seed, net) in nets(20, 70) {
        let mut runs: BTreeMap<String, u32> = BTreeMap::new();
        for turn in 0..6 {
            let mut gate = net.gate();
            let mut verdicts = vec![None; net.log.len()];
            for at in net.order(&mut Rng::new(seed * 100 + turn)) {
                let verdict = admit(&mut gate, &net, at);
                verdicts[at] = Some(verdict.map(|judged| judged.end()));
            }
            // Judging everything again, now that the whole history is there, changes nothing.
            for (sent, verdict) in net.log.iter().zip(&verdicts) {
                let again = gate.judge_update(sent.chain, &sent.past, &sent.bytes);
                assert_eq!(Some(again.map(|judged| judged.end())), *verdict);
            }
            let mut units = vec![];
            for (at, _, unit) in gate.containers() {
                let mut here = vec![];
                for run in gate.runs(at) {
                    here.extend((run.clock..run.clock + run.len).map(|at| (run.client, at)));
                }
                units.push((unit, here));
            }
            units.sort();
            *runs.entry(format!("{units:?}{verdicts:?}")).or_default() += 1;
        }
        assert_eq!(runs.len(), 1, "seed {seed}");
    }
}

#[test]
fn every_unit_leads_back_to_the_change_set_that_wrote_it() {
    for (_, net) in nets(6, 60) {
        let mut gate = net.gate();
        for at in net.order(&mut Rng::new(1)) {
            let sent = &net.log[at];
            let Ok(judged) = admit(&mut gate, &net, at) else {
                break;
            };
            for clock in judged.start()..judged.end() {
                let client = net.replicas[sent.chain.at()].client;
                assert_eq!(gate.written_by(client, clock), Some((sent.chain, sent.seq)));
            }
        }
    }
}

#[test]
fn typing_on_and_keeping_to_a_place_need_one_run_each() {
    let mut gate = Net::run(BodyLayout::Text, 1, 0, 3).gate();
    let (chain, client) = (anabranch_core::id::ChainIdx(0), 0);
    let client = gate.client_of(chain).unwrap_or(client);
    let (doc, root) = crate::bodies::new_doc(client, BodyLayout::Text);
    let crate::bodies::Root::Text(text) = root else {
        unreachable!()
    };
    let mut past = anabranch_core::causal::Past::default();
    for at in 0..500u32 {
        use yrs::{Text, Transact};
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, at, "x");
        let bytes = txn.encode_update_v1();
        drop(txn);
        let judged = gate.judge_update(chain, &past, &bytes).unwrap();
        gate.admit(&judged);
        past.raise(chain, u64::from(at) + 1);
    }
    assert_eq!(gate.run_counts(), (1, 1));
    assert_eq!(gate.clock(chain), 500);
}
