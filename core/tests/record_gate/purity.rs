//! A verdict is a function of a change and its causal past: nothing else that has arrived, and no
//! order or batching of arrivals, changes it.

use crate::{
    forge::{mutated, twisted},
    honest::scribble,
    world::{Dice, Sent, World, causal_order, take},
};
use anabranch_core::{judge::Rule, record::RecordGate};
use std::collections::{BTreeMap, BTreeSet};

fn verdict(gate: &RecordGate, sent: &Sent) -> Result<BTreeSet<Vec<String>>, Rule> {
    gate.judge(&sent.candidate()).map(|judged| judged.touched)
}

#[test]
fn the_same_changes_get_the_same_verdicts_in_every_order_and_batching() {
    let mut dice = Dice(0xfeed_5eed);
    let (mut asked, mut accepted) = (0, 0);
    for _ in 0..6 {
        let mut world = World::new(2, 4);
        let mut hostile: Vec<Sent> = Vec::new();
        for _ in 0..80 {
            let at = dice.below(4);
            if dice.below(4) == 0 {
                let from = dice.below(4);
                if from != at {
                    world.pull(from, at);
                }
                continue;
            }
            // What could have been written here instead, honest or forged.
            let mut aside = world.clone();
            if scribble(&mut aside, at, &mut dice) {
                let replica = &aside.replicas[at];
                let valid = aside.sent[&(replica.chain, replica.seq)].clone();
                hostile.push(twisted(&valid, &mut dice));
                hostile.push(mutated(&twisted(&valid, &mut dice), &valid, &mut dice));
                hostile.push(valid);
            }
            scribble(&mut world, at, &mut dice);
        }
        let mut verdicts = BTreeMap::new();
        for order in 0..5 {
            let mut gate = world.gate();
            let mut have = anabranch_core::causal::Past::default();
            let mut check =
                |gate: &RecordGate, have: &anabranch_core::causal::Past, dice: &mut Dice, share| {
                    for (at, sent) in hostile.iter().enumerate() {
                        if dice.below(share) == 0 && have.covers(&sent.place.past) {
                            let found = verdict(gate, sent);
                            asked += 1;
                            accepted += usize::from(found.is_ok());
                            let first = verdicts.entry(at).or_insert_with(|| found.clone());
                            assert_eq!(*first, found, "order {order}, change {at}");
                        }
                    }
                };
            for sent in causal_order(world.sent.values().cloned().collect(), &mut dice) {
                check(&gate, &have, &mut dice, 9);
                take(&mut gate, &sent).expect("honest");
                have.raise(sent.place.chain, sent.place.seq);
            }
            check(&gate, &have, &mut dice, 1);
        }
    }
    println!("verdicts compared: {asked}, of them accepted {accepted}");
    assert!(asked > 3_000 && accepted > asked / 4);
}

#[test]
fn an_unknown_later_change_never_counts_as_seen() {
    use automerge::{ROOT, transaction::Transactable};
    let mut world = World::new(1, 2);
    let early = world.must_write(0, |tx| tx.put(ROOT, "title", "early").expect("put"));
    let apart = world.must_write(1, |tx| tx.put(ROOT, "title", "apart").expect("put"));
    let mut gate = world.gate();
    take(&mut gate, &early).expect("honest");
    // Judged beside a concurrent write of the same key, which it must not overwrite.
    take(&mut gate, &apart).expect("honest");
    let slot = anabranch_core::record::Slot::Key {
        object: None,
        key: "title".into(),
    };
    assert_eq!(gate.visible(&slot, None).len(), 2);
    assert_eq!(gate.visible(&slot, Some(&early.place.past)).len(), 0);
}
