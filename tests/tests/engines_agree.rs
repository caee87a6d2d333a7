//! Automerge and Yrs compared where both can hold the field: plain text.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{document::Draft, id::EntityId, sim::Rng};
use common::*;
use std::collections::BTreeSet;

/// The same text twice: as a field of the record and as the body.
const TWICE: &str =
    "kind = \"twice\"\nversion = 1\n[record.fields]\nstory = \"text\"\n[body]\nlayout = \"text\"\n";

fn session(seed: u64, members: usize) -> (Session, EntityId) {
    let mut session = Session::of(seed, members, vec![schema(TWICE)]);
    let entity = session.entity("twice");
    (session, entity)
}

fn in_record(session: &Session, station: usize, entity: EntityId) -> String {
    let document = session.lab.stations[station]
        .replica
        .document(&entity, "record");
    let shown = document.map(view);
    let text = shown
        .as_ref()
        .and_then(|view| view.get(&["story"]))
        .and_then(|value| value.as_text());
    text.unwrap_or_default().to_owned()
}

fn in_body(session: &Session, station: usize, entity: EntityId) -> String {
    let document = session.lab.stations[station]
        .replica
        .document(&entity, "body");
    document
        .map(|document| body(document).plain_text())
        .unwrap_or_default()
}

fn edit_record(
    session: &mut Session,
    station: usize,
    entity: EntityId,
    at: u32,
    delete: u32,
    text: &str,
) {
    session.record(
        station,
        "twice",
        entity,
        &[splice("story", at, delete, text)],
    );
}

fn edit_body(
    session: &mut Session,
    station: usize,
    entity: EntityId,
    at: u32,
    delete: u32,
    text: &str,
) {
    let ops = [type_at(at, delete, text)];
    session
        .write_at(station, NOW, "twice", entity, "body", &Draft::Body(&ops))
        .unwrap();
}

#[test]
fn in_sequential_use_both_give_the_text_that_a_string_gives() {
    for seed in 0..6 {
        let (mut session, entity) = session(seed, 2);
        let mut rng = Rng::new(seed);
        let mut units: Vec<u16> = Vec::new();
        // Places where no character is cut in half.
        let whole = |units: &[u16], at: usize| {
            let mut at = at.min(units.len());
            while units
                .get(at)
                .is_some_and(|unit| (0xdc00..0xe000).contains(unit))
            {
                at -= 1;
            }
            at
        };
        for turn in 0..60 {
            let from = whole(&units, rng.below(units.len() + 1));
            let to = whole(&units, from + rng.below(4)).max(from);
            let text = ["", "a", "ö", "word ", "🌊", "e\u{301}", "日本"][rng.below(7)];
            if from == to && text.is_empty() {
                continue;
            }
            let station = turn % 2;
            edit_record(
                &mut session,
                station,
                entity,
                from as u32,
                (to - from) as u32,
                text,
            );
            edit_body(
                &mut session,
                station,
                entity,
                from as u32,
                (to - from) as u32,
                text,
            );
            units.splice(from..to, text.encode_utf16());
            session.settle();
            let wanted = String::from_utf16(&units).unwrap();
            for station in 0..2 {
                assert_eq!(
                    in_record(&session, station, entity),
                    wanted,
                    "record, seed {seed}"
                );
                assert_eq!(
                    in_body(&session, station, entity),
                    wanted,
                    "body, seed {seed}"
                );
            }
        }
    }
}

/// Where a letter stands, in UTF-16 units; letters here are one unit each.
fn place(text: &str, letter: char) -> Option<u32> {
    text.chars()
        .position(|other| other == letter)
        .map(|at| at as u32)
}

/// Every letter is typed once, after a letter that its writer saw, and deletions name letters. So which
/// letters remain does not depend on the engine, though where concurrent ones stand may.
#[test]
fn under_concurrency_both_converge_and_keep_the_same_letters() {
    for seed in 0..6 {
        let (mut session, entity) = session(seed, 4);
        let mut rng = Rng::new(seed + 100);
        let mut letters = (0x4e00..).filter_map(char::from_u32);
        for _ in 0..60 {
            let station = rng.below(4);
            let seen: Vec<char> = in_record(&session, station, entity).chars().collect();
            let seen_in_body: BTreeSet<char> = in_body(&session, station, entity).chars().collect();
            assert_eq!(
                seen_in_body,
                seen.iter().copied().collect(),
                "the same letters at every moment"
            );
            let target = (!seen.is_empty()).then(|| seen[rng.below(seen.len())]);
            let delete = rng.one_in(4);
            let letter = letters.next().unwrap().to_string();
            let texts = (
                in_record(&session, station, entity),
                in_body(&session, station, entity),
            );
            match target {
                Some(target) if delete => {
                    edit_record(
                        &mut session,
                        station,
                        entity,
                        place(&texts.0, target).unwrap(),
                        1,
                        "",
                    );
                    edit_body(
                        &mut session,
                        station,
                        entity,
                        place(&texts.1, target).unwrap(),
                        1,
                        "",
                    );
                }
                target => {
                    let after =
                        |text: &str| target.and_then(|t| place(text, t)).map_or(0, |at| at + 1);
                    edit_record(&mut session, station, entity, after(&texts.0), 0, &letter);
                    edit_body(&mut session, station, entity, after(&texts.1), 0, &letter);
                }
            }
            if rng.one_in(2) {
                let sealed = session.flush(station);
                session.lab.stations[rng.below(4)].receive(NOW, sealed);
            }
            if rng.one_in(10) {
                session.settle();
            }
        }
        session.settle();
        let (record, body) = (in_record(&session, 0, entity), in_body(&session, 0, entity));
        for station in 0..4 {
            assert_eq!(in_record(&session, station, entity), record);
            assert_eq!(in_body(&session, station, entity), body);
        }
        let sorted = |text: &str| text.chars().collect::<BTreeSet<char>>();
        assert_eq!(sorted(&record), sorted(&body), "seed {seed}");
        assert!(record.chars().count() > 10);
    }
}

#[test]
fn words_typed_at_one_place_by_many_stay_whole_in_both() {
    let (mut session, entity) = session(9, 5);
    edit_record(&mut session, 0, entity, 0, 0, "<>");
    edit_body(&mut session, 0, entity, 0, 0, "<>");
    session.settle();
    let words = ["anna", "bert", "cleo", "dora", "emil"];
    for (station, word) in words.iter().enumerate() {
        for (at, letter) in word.chars().enumerate() {
            edit_record(
                &mut session,
                station,
                entity,
                1 + at as u32,
                0,
                &letter.to_string(),
            );
            edit_body(
                &mut session,
                station,
                entity,
                1 + at as u32,
                0,
                &letter.to_string(),
            );
        }
    }
    session.settle();
    for text in [in_record(&session, 3, entity), in_body(&session, 3, entity)] {
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(text.len(), 22);
    }
}
