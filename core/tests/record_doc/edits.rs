//! What an edit refuses, and what it leaves behind when it does: nothing.

use crate::world::*;
use anabranch_core::{
    judge::Candidate,
    limits,
    record::{EditError, RecordOp, unnumbered},
    value::Value,
};

/// Everything that must be as it was after a refused edit.
fn state(replica: &Replica) -> (Vec<u8>, [u8; 32]) {
    (replica.doc.save(), replica.doc.digest(&unnumbered))
}

fn refused(replica: &mut Replica, ops: &[RecordOp]) -> EditError {
    let before = state(replica);
    let error = replica.edit(50, ops).expect_err("refused");
    assert_eq!(state(replica), before);
    error
}

fn started() -> Replica {
    let mut replica = things(1).remove(0);
    replica
        .edit(1, &[splice(&["note"], 0, 0, "a😀b"), add(&["tags"], "x")])
        .expect("edits");
    replica
}

#[test]
fn an_unknown_field_is_named_with_the_one_that_was_probably_meant() {
    let mut replica = started();
    assert_eq!(
        refused(&mut replica, &[put(&["titel"], "x")]),
        EditError::UnknownField {
            field: path(&["titel"]),
            nearest: Some("title".into())
        },
    );
    assert_eq!(
        refused(&mut replica, &[put(&["more", "color"], "x")]),
        EditError::UnknownField {
            field: path(&["more", "color"]),
            nearest: Some("colour".into())
        },
    );
    for field in [
        &["title", "inside"][..],
        &[],
        &["spot", "lat"],
        &["tags", "x"],
        &["extra", "a", "b"],
    ] {
        let error = refused(&mut replica, &[put(field, "x")]);
        assert_eq!(
            error,
            EditError::UnknownField {
                field: path(field),
                nearest: None
            }
        );
    }
}

#[test]
fn an_operation_that_does_not_suit_the_rule_says_what_does() {
    let mut replica = started();
    let cases = [
        (put(&["votes"], 1), "counter", "increment it"),
        (put(&["tags"], "x"), "set", "add and remove elements"),
        (put(&["note"], "x"), "text", "splice it"),
        (
            increment(&["rank"], 1),
            "lww",
            "put a value, or null to delete it",
        ),
        (
            splice(&["title"], 0, 0, "x"),
            "lww",
            "put a value, or null to delete it",
        ),
        (put(&["more"], "x"), "map", "name a field inside it"),
        (
            put(&["extra"], "x"),
            "open",
            "put a value at a key, the last step of the path",
        ),
        (delete(&["remarks"], 0, 1), "append", "append entries"),
        (add(&["subject"], "x"), "once", "put a value once"),
    ];
    for (op, rule, instead) in cases {
        match refused(&mut replica, &[op]) {
            EditError::WrongOperation {
                rule: told,
                instead: hint,
                ..
            } => {
                assert_eq!((told, hint), (rule, instead));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn values_that_do_not_fit_are_refused_before_anything_is_written() {
    let mut replica = started();
    let cases = [
        put(&["title"], 1),
        put(&["rank"], 101),
        put(&["status"], "gone"),
        clear(&["subject"]),
        put(
            &["spot"],
            Value::Map([("lat".to_owned(), Value::Int(1))].into()),
        ),
        put(&["extra", ""], "x"),
        put(&["extra", "~x"], "x"),
        add(&["tags"], ""),
        RecordOp::Append {
            field: path(&["remarks"]),
            value: Value::Map([("x".to_owned(), 1.into())].into()),
        },
    ];
    for op in cases {
        // The first operation would do something: it must not, either.
        let error = refused(&mut replica, &[put(&["title"], "first"), op]);
        let known = matches!(error, EditError::Value { .. } | EditError::NoElement { .. });
        assert!(known, "{error}");
    }
}

#[test]
fn places_in_a_text_count_utf_16_and_never_split_a_character() {
    let mut replica = started();
    for (at, delete) in [(2, 0), (2, 1), (1, 1), (0, 2)] {
        let error = refused(&mut replica, &[splice(&["note"], at, delete, "x")]);
        assert_eq!(
            error,
            EditError::InsideCharacter {
                field: path(&["note"]),
                at: 2
            }
        );
    }
    for (at, delete) in [(5, 0), (4, 1), (0, 5), (u32::MAX, 1), (1, u32::MAX)] {
        let error = refused(&mut replica, &[splice(&["note"], at, delete, "x")]);
        assert_eq!(
            error,
            EditError::OutOfText {
                field: path(&["note"]),
                at,
                delete,
                units: 4
            }
        );
    }
    replica
        .edit(
            60,
            &[splice(&["note"], 1, 2, "é"), splice(&["note"], 3, 0, "!")],
        )
        .expect("edits");
    assert_eq!(replica.value(&["note"]), Value::from("aéb!"));
}

#[test]
fn bounds_on_texts_lists_sets_and_counters_are_told_with_numbers() {
    let mut replica = started();
    let long = "x".repeat(limits::TEXT_UNITS_MAX - 3);
    let error = refused(&mut replica, &[splice(&["note"], 0, 0, &long)]);
    let units = limits::TEXT_UNITS_MAX + 1;
    assert_eq!(
        error,
        EditError::TextTooLong {
            field: path(&["note"]),
            units
        }
    );
    replica
        .edit(60, &[splice(&["note"], 0, 0, &long[1..])])
        .expect("just fits");

    let adds: Vec<RecordOp> = (1..limits::ENTRIES_MAX)
        .map(|at| add(&["tags"], &at.to_string()))
        .collect();
    replica.edit(61, &adds).expect("just fits");
    let error = replica
        .edit(62, &[add(&["tags"], "more")])
        .expect_err("full");
    let entries = limits::ENTRIES_MAX + 1;
    assert_eq!(
        error,
        EditError::TooManyEntries {
            field: path(&["tags"]),
            entries
        }
    );
    replica
        .edit(63, &[remove(&["tags"], "x"), add(&["tags"], "more")])
        .expect("one goes, one comes");

    let error = replica
        .edit(64, &[delete(&["steps"], 0, 1)])
        .expect_err("empty");
    assert_eq!(
        error,
        EditError::OutOfList {
            field: path(&["steps"]),
            at: 0,
            count: 1,
            entries: 0
        }
    );
    let error = replica
        .edit(65, &[insert(&["steps"], 1, "x")])
        .expect_err("empty");
    assert_eq!(
        error,
        EditError::OutOfList {
            field: path(&["steps"]),
            at: 1,
            count: 0,
            entries: 0
        }
    );
}

#[test]
fn an_edit_that_changes_nothing_is_no_change() {
    let mut replica = started();
    replica
        .edit(2, &[put(&["title"], "t"), put(&["spot"], spot(1.0, 1.0))])
        .expect("edits");
    let nothings: [&[RecordOp]; 9] = [
        &[],
        &[put(&["title"], "t")],
        &[put(&["spot"], spot(1.0, 1.0))],
        &[clear(&["rank"])],
        &[increment(&["votes"], 0)],
        &[remove(&["tags"], "not there")],
        &[splice(&["note"], 1, 0, "")],
        &[delete(&["steps"], 0, 0)],
        &[RecordOp::RestoreEntity],
    ];
    for ops in nothings {
        assert_eq!(refused(&mut replica, ops), EditError::Nothing, "{ops:?}");
    }
}

#[test]
fn operations_of_one_edit_see_what_the_ones_before_did() {
    let mut replica = started();
    let ops = [
        put(&["title"], "one"),
        put(&["title"], "two"),
        put(&["title"], "one"),
        clear(&["rank"]),
        put(&["rank"], 1),
        clear(&["rank"]),
        splice(&["note"], 4, 0, "c"),
        splice(&["note"], 5, 0, "d"),
        splice(&["note"], 0, 1, ""),
        add(&["tags"], "y"),
        remove(&["tags"], "y"),
        add(&["tags"], "y"),
        add(&["tags"], "y"),
        increment(&["votes"], 2),
        increment(&["votes"], -1),
        put(&["subject"], "s"),
        RecordOp::DeleteEntity,
        RecordOp::RestoreEntity,
        put(&["extra", "k"], "v"),
    ];
    replica.edit(10, &ops).expect("edits");
    assert_eq!(replica.value(&["title"]), Value::from("one"));
    assert_eq!(replica.value(&["rank"]), Value::Null);
    assert_eq!(replica.value(&["note"]), Value::from("😀bcd"));
    assert_eq!(replica.value(&["tags"]), list(&["x", "y"]));
    assert_eq!(replica.value(&["votes"]), Value::Int(1));
    let mut fresh = Replica::new(0, 1, &replica.chain.clone());
    fresh.take_all(&replica.made);
    assert_eq!(fresh.view(), replica.view());
    let again = refused(&mut replica, &[put(&["subject"], "t")]);
    assert_eq!(
        again,
        EditError::AlreadySet {
            field: path(&["subject"])
        }
    );
}

#[test]
fn an_edit_stands_at_the_documents_heads_or_nowhere() {
    let mut all = things(2);
    all[0].edit(1, &[put(&["title"], "a")]).expect("edits");
    let before = state(&all[0]);
    let place = all[0].place(2);
    let ops = [put(&["title"], "b")];

    let mut wrong = place.clone();
    wrong.seq += 1;
    let error = all[0].doc.edit(&wrong, &ops).expect_err("a gap");
    assert_eq!(
        error,
        EditError::NotAtHeads {
            chain: place.chain,
            seq: 3
        }
    );
    let mut wrong = place.clone();
    wrong.frontier.clear();
    assert!(matches!(
        all[0].doc.edit(&wrong, &ops),
        Err(EditError::NotAtHeads { .. })
    ));
    let mut wrong = place.clone();
    wrong.chain = anabranch_core::id::ChainIdx(77);
    let error = all[0].doc.edit(&wrong, &ops).expect_err("nobody");
    assert_eq!(error, EditError::UnknownChain { chain: wrong.chain });
    let mut wrong = place.clone();
    wrong.schema = schema(&EVERY_RULE.replace("version = 1", "version = 2"));
    let error = all[0].doc.edit(&wrong, &ops).expect_err("never heard of");
    assert_eq!(error, EditError::UnknownSchema { version: 2 });
    assert_eq!(state(&all[0]), before);
    all[0]
        .doc
        .edit(&place, &ops)
        .expect("the right place still works");
}

#[test]
fn an_edit_that_the_gate_refuses_leaves_the_document_as_it_was() {
    let mut replica = started();
    let before = (replica.doc.digest(&unnumbered), replica.view());
    // A step that each rule here allows and the gate's bound on the sum of steps does not.
    let error = replica
        .edit(50, &[increment(&["votes"], i64::MAX)])
        .expect_err("too large a step");
    assert!(
        matches!(
            error,
            EditError::Refused(_) | EditError::CounterRange { .. }
        ),
        "{error}"
    );
    assert_eq!((replica.doc.digest(&unnumbered), replica.view()), before);
    replica
        .edit(51, &[increment(&["votes"], 1)])
        .expect("edits go on");
    assert_eq!(replica.value(&["votes"]), Value::Int(1));
}

#[test]
fn every_refusal_has_a_code_of_its_own_form() {
    let mut replica = started();
    for ops in [vec![put(&["nope"], 1)], vec![put(&["title"], 1)], vec![]] {
        let error = refused(&mut replica, &ops);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(error.code().chars().all(plain), "{}", error.code());
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_snapshot_that_does_not_hold_everything_is_not_taken_for_one() {
    let mut replica = started();
    let early = replica.doc.save();
    assert!(replica.doc.is_saved_by(&early));
    replica.edit(60, &[put(&["title"], "more")]).expect("edits");
    assert!(!replica.doc.is_saved_by(&early));
    let mut broken = replica.doc.save();
    assert!(replica.doc.is_saved_by(&broken));
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    assert!(!replica.doc.is_saved_by(&broken));
    assert!(!replica.doc.is_saved_by(&[]));
}

#[test]
fn a_batch_that_the_engine_cannot_take_leaves_the_document_as_it_was() {
    let mut all = things(2);
    all[0].edit(1, &[put(&["title"], "one")]).expect("edits");
    all[0].edit(2, &[put(&["title"], "two")]).expect("edits");
    let messages = made(&all[..1]);
    let other = &mut all[1];
    let before = state(other);
    let mut judged = Vec::new();
    for message in &messages {
        let place = other.place_of(message);
        let candidate = Candidate {
            place: &place,
            payload: &message.payload,
        };
        let one = other.doc.judge(&candidate).expect("honest");
        other.doc.admit(&one);
        judged.push(one);
    }
    // A caller's mistake: the engine would park the second until the first comes, without a word.
    other
        .doc
        .apply(judged.split_off(1))
        .expect_err("its past is not here");
    assert_eq!(state(other), before);
    other.doc.apply(judged).expect("applies");
    assert_eq!(other.value(&["title"]), Value::from("one"));
}
