//! Bytes from anyone: every one ends in a typed verdict, and what is accepted does no harm.

use crate::{
    forge::{body, chunk, mutated, twisted},
    honest::session,
    world::{Dice, Sent, World, code, take},
};
use anabranch_core::record::RecordGate;
use automerge::{Automerge, Change, ROOT, ReadDoc, transaction::Transactable};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The bytes of a corpus file's rows for one entry point.
fn rows(corpus: &str) -> Vec<Vec<u8>> {
    corpus
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t').skip(1);
            columns
                .next()
                .filter(|entry| entry.starts_with("am_change"))?;
            let hex = columns.nth(1)?;
            (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
                .collect()
        })
        .collect()
}

fn corpus() -> Vec<Vec<u8>> {
    let committed = include_str!("../data/hostile/automerge.tsv");
    let mut rows_all = rows(committed);
    assert!(rows_all.len() >= 10);
    // The whole collection, where it lies beside the work tree.
    let whole = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/hostile/automerge.tsv"
    );
    if let Ok(text) = std::fs::read_to_string(whole) {
        rows_all.extend(rows(&text));
    }
    rows_all
}

#[test]
fn everything_that_made_the_engine_panic_is_refused() {
    let mut dice = Dice(5);
    let mut world = session(1, 3, 60, &mut dice);
    let gate = filled(&world);
    let valid = world.must_write(0, |tx| {
        tx.put(ROOT, "rank", 999_999).expect("put");
    });
    let mut verdicts = BTreeMap::new();
    for bytes in corpus() {
        // As it stands, and with its operations under a header that is right for its author.
        let grafted = graft(&valid.payload, &bytes);
        for payload in std::iter::once(bytes).chain(grafted) {
            let sent = Sent {
                place: valid.place.clone(),
                payload,
            };
            let rule = gate.judge(&sent.candidate()).expect_err("hostile");
            *verdicts.entry(code(&rule)).or_insert(0usize) += 1;
        }
    }
    println!("hostile corpus: {verdicts:?}");
    assert!(verdicts.len() > 8, "too few of the rules are reached");
}

/// The header of one change before the actors and columns of another.
fn graft(header: &[u8], operations: &[u8]) -> Option<Vec<u8>> {
    let (header, operations) = (body(header), body(operations));
    let mut grafted = header[..header_end(header)?].to_vec();
    grafted.extend_from_slice(&operations[header_end(operations)?..]);
    Some(chunk(1, &grafted))
}

/// Where the table of other actors begins in a change's body.
fn header_end(body: &[u8]) -> Option<usize> {
    let mut at = 1 + 32 * usize::from(*body.first()?);
    at += 1 + usize::from(*body.get(at)?);
    for _number in ["seq", "start_op", "time"] {
        while body.get(at)? & 0x80 != 0 {
            at += 1;
        }
        at += 1;
    }
    at += 1 + usize::from(*body.get(at)?);
    (at < body.len()).then_some(at)
}

fn filled(world: &World) -> RecordGate {
    let mut gate = world.gate();
    for sent in world.in_causal_order(&mut Dice(3)) {
        take(&mut gate, &sent).expect("honest");
    }
    gate
}

/// Applies an accepted change as the document side would and checks that no harm came of it.
fn is_harmless(doc: &Automerge, change: &Change) -> Result<(), &'static str> {
    catch_unwind(AssertUnwindSafe(|| {
        if Change::from(change.decode()).hash() != change.hash() {
            return Err("not what the engine would write");
        }
        let mut doc = doc.clone();
        doc.apply_changes([change.clone()])
            .map_err(|_| "not applied")?;
        if doc.get_change_by_hash(&change.hash()).is_none() {
            return Err("not applied, but queued");
        }
        doc.hydrate(None);
        let mut loaded = Automerge::load(&doc.save()).map_err(|_| "does not load")?;
        if loaded.get_heads() != doc.get_heads() || loaded.hydrate(None) != doc.hydrate(None) {
            return Err("loads as something else");
        }
        let mut tx = loaded.transaction();
        tx.put(ROOT, "title", "still edited")
            .map_err(|_| "not edited")?;
        tx.commit();
        Automerge::load(&loaded.save()).map_err(|_| "does not load after an edit")?;
        Ok(())
    }))
    .unwrap_or(Err("panicked"))
}

/// The state that the author of the last change of a chain had before it, as a world, a gate and a
/// document.
struct Bench {
    gate: RecordGate,
    doc: Automerge,
    valid: Vec<Sent>,
}

/// Valid next changes of every sort, each on top of the same history.
fn bench(dice: &mut Dice) -> Bench {
    let world = session(2, 3, 90, dice);
    let gate = filled(&world);
    let mut doc = Automerge::new();
    doc.apply_changes(gate.genesis().to_vec())
        .expect("genesis applies");
    let changes = world
        .in_causal_order(dice)
        .into_iter()
        .map(|sent| Change::from_bytes(sent.payload).expect("honest"));
    doc.apply_changes(changes).expect("applies");
    let mut valid = Vec::new();
    while valid.len() < 30 {
        let mut next = world.clone();
        let at = dice.below(3);
        if crate::honest::scribble(&mut next, at, dice) {
            valid.extend(
                next.sent
                    .get(&(next.replicas[at].chain, next.replicas[at].seq))
                    .cloned(),
            );
        }
    }
    Bench { gate, doc, valid }
}

#[test]
fn a_thousand_mutations_of_thirty_changes_are_refused_or_do_no_harm() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let bench = bench(&mut dice);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut verdicts, mut harm) = (BTreeMap::new(), BTreeMap::new());
    for valid in &bench.valid {
        for round in 0..1_000 {
            let other = &bench.valid[dice.below(bench.valid.len())];
            let sent = match round % 4 {
                0 => twisted(valid, &mut dice),
                1 => mutated(&twisted(valid, &mut dice), other, &mut dice),
                _ => mutated(valid, other, &mut dice),
            };
            let verdict =
                match catch_unwind(AssertUnwindSafe(|| bench.gate.judge(&sent.candidate()))) {
                    Err(_) => "PANIC",
                    Ok(Err(rule)) => code(&rule),
                    Ok(Ok(judged)) => {
                        if let Err(what) = is_harmless(&bench.doc, &judged.change) {
                            *harm.entry(what).or_insert(0usize) += 1;
                        }
                        "accept"
                    }
                };
            *verdicts.entry(verdict).or_insert(0usize) += 1;
        }
    }
    std::panic::set_hook(quiet);
    println!("verdicts on 30,000 mutations: {verdicts:?}");
    assert!(harm.is_empty(), "accepted and harmful: {harm:?}");
    assert!(!verdicts.contains_key("PANIC") && !verdicts.contains_key("record-engine"));
    assert!(
        verdicts["accept"] > 300,
        "too few reach the engine to mean anything"
    );
}

#[test]
fn other_chunks_and_broken_frames_are_refused() {
    let mut world = World::new(1, 1);
    let gate = world.gate();
    let sent = world.must_write(0, |tx| tx.put(ROOT, "title", "a").expect("put"));
    let body = crate::forge::body(&sent.payload).to_vec();
    let verdict = |payload: Vec<u8>| {
        let sent = Sent {
            place: sent.place.clone(),
            payload,
        };
        gate.judge(&sent.candidate())
            .map(|_| "accept")
            .unwrap_or_else(|rule| code(&rule))
    };
    assert_eq!(verdict(chunk(1, &body)), "accept");
    assert_eq!(verdict(Vec::new()), "record-truncated");
    assert_eq!(verdict(b"\x00\x00\x00\x00".to_vec()), "record-magic");
    for kind in [0, 2, 3, 255] {
        assert_eq!(verdict(chunk(kind, &body)), "record-chunk-type");
    }
    let mut longer = sent.payload.clone();
    longer.push(0);
    assert_eq!(verdict(longer), "record-length");
    let mut twice = sent.payload.clone();
    twice.extend_from_slice(&sent.payload);
    assert_eq!(verdict(twice), "record-length");
    let mut forged = sent.payload.clone();
    forged[5] ^= 1;
    assert_eq!(verdict(forged), "record-checksum");
    let mut trailing = body.clone();
    trailing.extend_from_slice(&[1, 2, 3]);
    assert_eq!(verdict(chunk(1, &trailing)), "record-trailing");
    for end in 0..sent.payload.len() {
        assert_ne!(verdict(sent.payload[..end].to_vec()), "accept");
    }
    for end in 0..body.len() {
        assert_ne!(verdict(chunk(1, &body[..end])), "accept");
    }
}

#[test]
fn every_flipped_bit_of_a_change_is_refused() {
    let mut dice = Dice(11);
    let world = session(2, 3, 40, &mut dice);
    let mut gate = world.gate();
    for sent in world.in_causal_order(&mut dice) {
        for bit in 0..sent.payload.len() * 8 {
            let mut flipped = sent.clone();
            flipped.payload[bit / 8] ^= 1 << (bit % 8);
            assert!(gate.judge(&flipped.candidate()).is_err(), "bit {bit}");
        }
        take(&mut gate, &sent).expect("honest");
    }
}
