//! Honest replicas are never refused, whatever they write and in whatever order it arrives.

use crate::world::{Dice, World, object, take};
use automerge::{
    Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{Transactable, Transaction},
};
use std::collections::BTreeMap;

const WORDS: [&str; 5] = ["oak", "ash 😀", "elm", "fir", "yew"];

/// One random change of replica `at`: one to three operations of any sort.
pub fn scribble(world: &mut World, at: usize, dice: &mut Dice) -> bool {
    let stamp = world.next_hlc(at).as_time();
    let versions = world.schemas.len();
    let before = world.replicas[at].doc.clone();
    let count = 1 + dice.below(3);
    world
        .write(at, |tx| {
            for _ in 0..count {
                let word = WORDS[dice.below(WORDS.len())];
                let number = dice.below(9) as i64;
                match dice.below(24) {
                    0 | 1 => write(tx, &ROOT, "title", word),
                    2 => write(tx, &ROOT, "title", ScalarValue::Null),
                    3 => write(tx, &ROOT, "done", number > 4),
                    4 => write(tx, &ROOT, "rank", number),
                    5 => write(tx, &ROOT, "weight", number as f64 / 8.0),
                    6 => write(tx, &ROOT, "due", ScalarValue::Timestamp(number)),
                    7 => write(tx, &ROOT, "seal", vec![number as u8; 3]),
                    8 => write(tx, &ROOT, "estimate", number),
                    9 => {
                        if tx.get(ROOT, "sender").expect("get").is_none() {
                            tx.put(ROOT, "sender", word).expect("put");
                        }
                    }
                    10 => tx.increment(ROOT, "views", number - 4).expect("increment"),
                    11 | 12 => {
                        let name = if number > 4 { "tags" } else { "lucky" };
                        let set = object(tx, &[name]);
                        let key = if number > 4 {
                            word.to_owned()
                        } else {
                            number.to_string()
                        };
                        if dice.below(3) == 0 && tx.get(&set, &key).expect("get").is_some() {
                            tx.delete(&set, &key).expect("delete");
                        } else {
                            tx.put(&set, &key, stamp).expect("put");
                        }
                    }
                    13 | 14 => {
                        let list = object(tx, &["steps"]);
                        let len = tx.length(&list);
                        if len > 3 && dice.below(3) == 0 {
                            tx.delete(&list, dice.below(len)).expect("delete");
                        } else {
                            tx.insert(&list, dice.below(len + 1), word).expect("insert");
                        }
                    }
                    15..=17 => {
                        let path: &[&str] = if number > 6 {
                            &["inner", "about"]
                        } else {
                            &["note"]
                        };
                        let text = object(tx, path);
                        let len = tx.length(&text);
                        let from = dice.below(len + 1);
                        let delete = dice.below(3).min(len - from);
                        let insert = if number > 2 { word } else { "" };
                        tx.splice_text(&text, from, delete as isize, insert)
                            .expect("splice");
                    }
                    18 => {
                        let group = tx.put_object(ROOT, "place", ObjType::Map).expect("put");
                        tx.put(&group, "lat", number as f64 / 4.0).expect("put");
                        tx.put(&group, "lon", number as f64 / 2.0).expect("put");
                    }
                    19 => {
                        let open = object(tx, &["extra"]);
                        write(tx, &open, word, word);
                        write(tx, &open, "gone", ScalarValue::Null);
                    }
                    20 => {
                        let list = object(tx, &["history"]);
                        let at = tx.length(&list);
                        let entry = tx.insert_object(&list, at, ObjType::Map).expect("insert");
                        tx.put(&entry, "by", word).expect("put");
                        tx.put(&entry, "at", ScalarValue::Timestamp(stamp))
                            .expect("put");
                    }
                    21 => {
                        let inner = object(tx, &["inner"]);
                        write(tx, &inner, "color", word);
                        tx.increment(&inner, "hits", 1).expect("increment");
                    }
                    22 => write(tx, &ROOT, "~life", number > 4),
                    _ if versions > 1 => {
                        let set = object(tx, &["labels"]);
                        tx.put(&set, word, stamp).expect("put");
                        write(tx, &ROOT, "mood", word);
                    }
                    _ => {
                        let set = object(tx, &["inner", "marks"]);
                        tx.put(&set, word, stamp).expect("put");
                    }
                }
            }
        })
        .is_some()
        || {
            // Nothing came of it: the engine has no change, and the replica stands where it stood.
            world.replicas[at].doc = before;
            false
        }
}

/// Writes a register as an author must: where values conflict and the engine's own winner equals the
/// new one, the engine would only delete the others, and the write would have no stamp. So another
/// value goes first.
fn write(tx: &mut Transaction<'_>, at: &ObjId, key: &str, value: impl Into<ScalarValue>) {
    let value = value.into();
    let there = tx.get_all(at, key).expect("readable");
    let winner = there
        .last()
        .and_then(|(winner, _)| winner.as_scalar().cloned());
    if there.len() > 1 && winner.as_ref() == Some(&value) {
        let other = match &value {
            ScalarValue::Null => "other".into(),
            ScalarValue::Boolean(truth) => (!truth).into(),
            _ => ScalarValue::Null,
        };
        tx.put(at, key, other).expect("put");
    }
    tx.put(at, key, value).expect("put");
}

/// A session of several replicas that meet now and then.
pub fn session(versions: usize, replicas: usize, steps: usize, dice: &mut Dice) -> World {
    let mut world = World::new(versions, replicas);
    for _ in 0..steps {
        let at = dice.below(replicas);
        if dice.below(5) == 0 {
            let from = dice.below(replicas);
            if from != at {
                world.pull(from, at);
            }
        } else {
            scribble(&mut world, at, dice);
        }
    }
    world
}

#[test]
fn honest_changes_of_concurrent_replicas_are_never_refused_in_any_causal_order() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut judged, mut rules) = (0usize, BTreeMap::new());
    for round in 0..12 {
        let world = session(1 + round % 2, 3 + round % 4, 110, &mut dice);
        for _ in 0..3 {
            let mut gate = world.gate();
            for sent in world.in_causal_order(&mut dice) {
                judged += 1;
                if let Err(rule) = take(&mut gate, &sent) {
                    *rules.entry(rule.to_string()).or_insert(0usize) += 1;
                }
            }
        }
    }
    println!("honest changes judged: {judged}, refused: {rules:?}");
    assert!(judged > 2_000);
    assert!(rules.is_empty(), "{rules:?}");
}

#[test]
fn what_the_gate_calls_visible_is_what_the_engine_shows() {
    let mut dice = Dice(77);
    let world = session(2, 4, 240, &mut dice);
    let mut gate = world.gate();
    let mut doc = Automerge::new();
    doc.apply_changes(gate.genesis().to_vec())
        .expect("genesis applies");
    for sent in world.in_causal_order(&mut dice) {
        let judged = take(&mut gate, &sent).expect("honest");
        doc.apply_changes([judged.change]).expect("applies");
    }
    let mut compared = 0;
    for key in [
        "title", "done", "rank", "estimate", "sender", "place", "~life", "mood",
    ] {
        compared += compare(&gate, &doc, None, key);
    }
    for map in ["tags", "lucky", "labels", "extra"] {
        for key in doc.keys(object(&doc, &[map])).collect::<Vec<_>>() {
            compared += compare(&gate, &doc, Some(map), &key);
        }
    }
    assert!(compared > 10, "{compared}");
}

fn compare(
    gate: &anabranch_core::record::RecordGate,
    doc: &Automerge,
    map: Option<&str>,
    key: &str,
) -> usize {
    use anabranch_core::record::{OpKey, Slot};
    let name = |id: &automerge::ObjId| match id {
        automerge::ObjId::Id(counter, actor, _) => OpKey {
            counter: *counter,
            actor: actor.to_bytes().try_into().expect("16 bytes"),
        },
        automerge::ObjId::Root => panic!("no op"),
    };
    let path: Vec<&str> = map.into_iter().collect();
    let holder = object(doc, &path);
    let mut engine: Vec<OpKey> = doc
        .get_all(&holder, key)
        .expect("readable")
        .iter()
        .map(|(_, id)| name(id))
        .collect();
    engine.sort();
    let slot = Slot::Key {
        object: map.map(|map| gate.container(&[map.to_owned()]).expect("made by genesis")),
        key: key.to_owned(),
    };
    let ours = gate.visible(&slot, None);
    assert_eq!(ours, engine, "{map:?} {key}");
    for op in &ours {
        let stamp = gate.stamp(op).expect("known");
        assert!(stamp.chain.is_some() && stamp.seq > 0);
    }
    ours.len()
}
