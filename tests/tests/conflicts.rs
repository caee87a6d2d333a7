//! Two who write the same thing: what wins, what is kept, what is told. Each rule of the five designs
//! (T23-T25, O37-O43, O73, R18-R23, R52-R53, C6-C7), in every order of delivery.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    document::{Draft, State},
    id::EntityId,
    record::{Life, RecordOp, RecordView},
    schema::{Schema, catalogue},
    value::Value,
};
use common::*;

/// A kind with this rule for a delete against an edit.
fn note(policy: &str) -> Schema {
    schema(&format!(
        "kind = \"note\"\nversion = 1\non_delete_edit = \"{policy}\"\n[record.fields]\ntitle = \"lww text\"\n\
         colour = \"lww text\"\nage = \"keep int\"\nvotes = \"counter\"\ntags = \"set text\"\n"
    ))
}

/// Two devices that wrote at these moments in ignorance of each other: what both show in the end, and
/// every other order of delivery too.
fn apart(policy: &str, first: (u64, &[RecordOp]), second: (u64, &[RecordOp])) -> RecordView {
    let mut session = Session::of(1, 2, vec![note(policy)]);
    let entity = session.entity("note");
    session.ops_at(0, NOW - 1_000, "note", entity, &[put("title", "born")]);
    session.settle();
    for (station, (at, ops)) in [first, second].into_iter().enumerate() {
        session.ops_at(station, at, "note", entity, ops);
    }
    let view = session.settled(entity);
    let all = session.all();
    let digest = one_state(&session.lab, &all.iter().collect::<Vec<_>>());
    assert_eq!(session.lab.stations[0].replica.digest(), digest);
    view
}

fn text<'v>(view: &'v RecordView, field: &str) -> Option<&'v str> {
    view.get(&[field]).and_then(Value::as_text)
}

#[test]
fn t23_o41_o73_r18_the_later_write_wins_whichever_arrives_last() {
    for (a, b, wins) in [(5, 9, "b"), (9, 5, "a")] {
        let view = apart(
            "recover",
            (NOW + a, &[put("title", "a")]),
            (NOW + b, &[put("title", "b")]),
        );
        assert_eq!(text(&view, "title"), Some(wins));
    }
}

#[test]
fn r18_a_newer_remote_value_applies_and_an_older_one_is_ignored() {
    let mut session = Session::of(2, 2, vec![note("recover")]);
    let entity = session.entity("note");
    session.ops_at(0, NOW + 100, "note", entity, &[put("title", "local")]);
    session.ops_at(
        1,
        NOW + 50,
        "note",
        entity,
        &[put("title", "older"), put("colour", "older")],
    );
    let sealed = session.flush(1);
    session.lab.stations[0].receive(NOW, sealed);
    assert_eq!(text(&session.view(0, entity), "title"), Some("local"));
    assert_eq!(
        text(&session.view(0, entity), "colour"),
        Some("older"),
        "no field is thrown away with another"
    );
    // Made by a third of whom neither knows anything, so still apart from both.
    let third = session.lab.admit(anabranch_core::control::Role::Member);
    session.ops_at(third, NOW + 150, "note", entity, &[put("title", "newer")]);
    assert_eq!(text(&session.settled(entity), "title"), Some("newer"));
}

/// TRAP-1, C6: "equal: keep local" lets two devices each keep their own for ever.
#[test]
fn c6_r23_trap_1_equal_stamps_are_decided_by_the_device_and_not_by_who_is_local() {
    let mut winners = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let mut session = Session::of(seed, 2, vec![note("recover")]);
        let entity = session.entity("note");
        for station in 0..2 {
            let name = format!("by {station}");
            session.ops_at(station, NOW, "note", entity, &[put("title", name.as_str())]);
        }
        let all = session.all();
        let stamps: Vec<_> = all
            .iter()
            .map(|signed| signed.change.header().hlc)
            .collect();
        assert_eq!(stamps[0], stamps[1], "the stamps are equal");
        let view = session.settled(entity);
        let highest = all
            .iter()
            .max_by_key(|signed| signed.change.header().chain.origin)
            .unwrap();
        let origin = highest.change.header().chain.origin;
        assert_eq!(view.written[&path("title")].origin, origin);
        winners.insert(text(&view, "title").unwrap().to_owned());
    }
    assert_eq!(winners.len(), 2, "neither place in the list always wins");
}

#[test]
fn c6_local_newer_is_kept_and_still_sent_and_remote_newer_is_taken() {
    let view = apart(
        "recover",
        (NOW + 9, &[put("title", "a")]),
        (NOW + 5, &[put("title", "b")]),
    );
    assert_eq!(text(&view, "title"), Some("a"));
    let conflict = &view.conflicts[0];
    let values: Vec<_> = conflict
        .candidates
        .iter()
        .map(|one| one.value.clone())
        .collect();
    assert_eq!(
        values,
        ["a".into(), "b".into()],
        "the losing value is not destroyed"
    );
}

#[test]
fn t24_o42_fields_that_do_not_overlap_merge_and_nobody_is_asked() {
    let view = apart(
        "recover",
        (NOW + 5, &[put("title", "a")]),
        (NOW + 9, &[put("colour", "b")]),
    );
    assert_eq!(
        (text(&view, "title"), text(&view, "colour")),
        (Some("a"), Some("b"))
    );
    assert!(view.conflicts.is_empty());
}

#[test]
fn t24_o42_m22_a_field_that_both_wrote_stands_in_the_conflict_list_with_both_values() {
    let view = apart(
        "recover",
        (
            NOW + 5,
            &[put("age", 30), put("title", "same"), put("colour", "red")],
        ),
        (
            NOW + 9,
            &[put("age", 31), put("title", "same"), put("colour", "blue")],
        ),
    );
    // What both wrote alike is no conflict; the others are told field by field, the shown one first.
    let fields: Vec<_> = view
        .conflicts
        .iter()
        .map(|conflict| conflict.field.join("."))
        .collect();
    assert_eq!(fields, ["age", "colour"]);
    let age = &view.conflicts[0];
    assert_eq!(age.shown, Value::Int(31));
    let values: Vec<_> = age.candidates.iter().map(|one| one.value.clone()).collect();
    assert_eq!(values, [Value::Int(31), Value::Int(30)]);
    assert_ne!(age.candidates[0].by.origin, age.candidates[1].by.origin);
}

#[test]
fn t24_o42_a_conflict_waits_for_a_person_and_one_write_ends_it_everywhere() {
    let mut session = Session::of(3, 3, vec![note("recover")]);
    let entity = session.entity("note");
    for station in 0..3 {
        session.ops_at(
            station,
            NOW + station as u64,
            "note",
            entity,
            &[put("age", 30 + station as i64)],
        );
    }
    assert_eq!(session.settled(entity).conflicts[0].candidates.len(), 3);
    // Picking the value that is shown already is a decision too.
    session.ops_at(1, NOW + 1_000, "note", entity, &[put("age", 32)]);
    let view = session.settled(entity);
    assert!(view.conflicts.is_empty());
    assert_eq!(view.get(&["age"]), Some(&Value::Int(32)));
}

#[test]
fn t25_c7_trap_8_a_delete_against_an_edit_is_what_the_schema_says() {
    for (policy, delete_at, life) in [
        ("recover", 9, Life::Recovered),
        ("recover", 1, Life::Recovered),
        ("delete_wins", 9, Life::Deleted),
        ("delete_wins", 1, Life::Deleted),
        ("hlc", 9, Life::Deleted),
        ("hlc", 1, Life::Recovered),
    ] {
        let edit: &[RecordOp] = &[put("title", "edited")];
        let delete: &[RecordOp] = &[RecordOp::DeleteEntity];
        let view = apart(policy, (NOW + 5, edit), (NOW + delete_at, delete));
        assert_eq!(view.life, life, "{policy}, delete at {delete_at}");
        assert_eq!(
            text(&view, "title"),
            Some("edited"),
            "the edit itself is never lost"
        );
        let turned = apart(policy, (NOW + delete_at, delete), (NOW + 5, edit));
        assert_eq!(turned.life, life, "{policy}: who deleted does not matter");
    }
}

#[test]
fn o38_deleted_elsewhere_the_local_edit_loses_where_the_schema_says_so() {
    let view = apart(
        "delete_wins",
        (NOW + 50, &[put("title", "mine")]),
        (NOW, &[RecordOp::DeleteEntity]),
    );
    assert!(!view.life.is_alive());
}

#[test]
fn r22_r53_a_delete_leaves_a_tombstone_and_beats_an_older_write_that_comes_later() {
    let clear = || RecordOp::Put {
        field: path("title"),
        value: Value::Null,
    };
    let view = apart(
        "recover",
        (NOW + 5, &[put("title", "older")]),
        (NOW + 9, &[clear()]),
    );
    assert_eq!(
        view.get(&["title"]),
        None,
        "the older write does not bring it back"
    );
    assert_eq!(
        view.written[&path("title")].hlc.millis(),
        NOW + 9,
        "the tombstone has a stamp"
    );
    let view = apart(
        "recover",
        (NOW + 9, &[put("title", "newer")]),
        (NOW + 5, &[clear()]),
    );
    assert_eq!(text(&view, "title"), Some("newer"));
}

#[test]
fn r53_nothing_is_ever_taken_out_of_the_history() {
    let mut session = Session::of(4, 2, vec![note("recover")]);
    let entity = session.entity("note");
    session.ops_at(
        0,
        NOW,
        "note",
        entity,
        &[put("title", "kept"), add("tags", "t")],
    );
    session.ops_at(0, NOW + 1, "note", entity, &[RecordOp::DeleteEntity]);
    let view = session.settled(entity);
    assert_eq!((view.life, view.version), (Life::Deleted, 2));
    assert_eq!(
        text(&view, "title"),
        Some("kept"),
        "a deleted entity can still be read"
    );
    for station in &session.lab.stations {
        assert_eq!(station.replica.signed().len(), 2);
    }
    session.ops_at(1, NOW + 2, "note", entity, &[RecordOp::RestoreEntity]);
    let view = session.settled(entity);
    assert_eq!(view.life, Life::Alive);
    assert_eq!(view.get(&["tags"]), Some(&Value::List(vec!["t".into()])));
}

#[test]
fn r20_r21_r52_every_write_carries_a_stamp_that_rises_though_the_wall_clock_stands_still() {
    let mut session = Session::of(5, 1, vec![note("recover")]);
    let entity = session.entity("note");
    for (at, title) in [(NOW, "a"), (NOW, "b"), (NOW - 5_000, "c")] {
        session.ops_at(0, at, "note", entity, &[put("title", title)]);
    }
    let stamps: Vec<_> = session
        .flush(0)
        .iter()
        .map(|signed| signed.change.header().hlc)
        .collect();
    assert!(
        stamps.windows(2).all(|pair| pair[0] < pair[1]),
        "{stamps:?}"
    );
    assert_eq!(text(&session.view(0, entity), "title"), Some("c"));
    // The comparison is of milliseconds, then the counter, then the device.
    assert_eq!(stamps[2].millis(), NOW);
    assert_eq!(stamps[2].counter(), 2);
}

#[test]
fn r52_a_write_that_saw_the_other_replaces_it_even_under_a_slower_clock() {
    let mut session = Session::of(6, 2, vec![note("recover")]);
    let entity = session.entity("note");
    let far = NOW + 10 * 86_400_000;
    session.ops_at(0, far, "note", entity, &[put("title", "clock ahead")]);
    session.settle();
    session.ops_at(1, NOW, "note", entity, &[put("title", "corrected")]);
    let view = session.settled(entity);
    assert_eq!(text(&view, "title"), Some("corrected"));
    assert!(view.conflicts.is_empty());
}

#[test]
fn o37_o39_o40_a_conflict_is_known_by_what_each_had_seen_and_by_no_counter() {
    let mut session = Session::of(7, 2, vec![note("recover")]);
    let entity = session.entity("note");
    session.ops_at(0, NOW, "note", entity, &[put("title", "a")]);
    session.settle();
    // Both stand on version 1 and make version 2: equal counters, and yet a conflict.
    session.ops_at(0, NOW + 1, "note", entity, &[put("title", "b")]);
    session.ops_at(1, NOW + 2, "note", entity, &[put("title", "c")]);
    assert_eq!(
        (
            session.view(0, entity).version,
            session.view(1, entity).version
        ),
        (2, 2)
    );
    let view = session.settled(entity);
    assert_eq!((view.version, view.conflicts.len()), (3, 1));
    // One after the other: different counters, and none.
    session.ops_at(0, NOW + 3, "note", entity, &[put("title", "d")]);
    session.settle();
    session.ops_at(1, NOW + 4, "note", entity, &[put("title", "e")]);
    let view = session.settled(entity);
    assert_eq!((view.version, view.conflicts.len()), (5, 0));
}

#[test]
fn o43_m23_two_insertions_at_one_place_both_stay_whole_in_a_text_field_and_in_a_body() {
    let schemas = vec![
        catalogue::schema("task").unwrap(),
        catalogue::schema("markdown").unwrap(),
    ];
    let mut session = Session::of(8, 2, schemas);
    let (task, page): (EntityId, EntityId) = (session.entity("task"), session.entity("markdown"));
    session.ops_at(0, NOW, "task", task, &[splice("notes", 0, 0, "[]")]);
    let base = [type_at(0, 0, "[]")];
    session
        .write_at(0, NOW, "markdown", page, "body", &Draft::Body(&base))
        .unwrap();
    session.settle();
    for (station, word) in [(0, "river"), (1, "delta")] {
        session.ops_at(
            station,
            NOW + 1,
            "task",
            task,
            &[splice("notes", 1, 0, word)],
        );
        let ops = [type_at(1, 0, word)];
        session
            .write_at(
                station,
                NOW + 1,
                "markdown",
                page,
                "body",
                &Draft::Body(&ops),
            )
            .unwrap();
    }
    let notes = session.settled(task).get(&["notes"]).cloned();
    let whole = |text: &str| text == "[riverdelta]" || text == "[deltariver]";
    assert!(whole(notes.as_ref().and_then(Value::as_text).unwrap()));
    let texts: Vec<String> = session
        .lab
        .stations
        .iter()
        .map(|station| body(station.replica.document(&page, "body").unwrap()).plain_text())
        .collect();
    assert!(whole(&texts[0]) && texts[0] == texts[1], "{texts:?}");
}

/// TRAP-6: a queue that sends deletes first would let the delete of what was just made come first.
#[test]
fn trap_6_a_delete_that_arrives_first_waits_for_what_it_deletes() {
    let mut session = Session::of(9, 1, vec![note("delete_wins")]);
    let entity = session.entity("note");
    session.ops_at(0, NOW, "note", entity, &[put("title", "made")]);
    session.ops_at(0, NOW + 1, "note", entity, &[put("title", "changed")]);
    session.ops_at(0, NOW + 2, "note", entity, &[RecordOp::DeleteEntity]);
    let all = session.flush(0);
    let mut replica = session.lab.empty_replica();
    let intake = replica.receive(NOW, vec![verified(&all[2])]);
    assert!(
        matches!(states(&intake)[..], [State::Held(_)]),
        "it is kept and refuses nothing"
    );
    replica.receive(NOW, vec![verified(&all[1])]);
    let intake = replica.receive(NOW, vec![verified(&all[0])]);
    assert_eq!(
        states(&intake),
        [State::Effective, State::Effective, State::Effective]
    );
    let shown = view(replica.document(&entity, "record").unwrap());
    assert_eq!(
        (shown.life, text(&shown, "title")),
        (Life::Deleted, Some("changed"))
    );
    one_state(&session.lab, &all.iter().collect::<Vec<_>>());
}
