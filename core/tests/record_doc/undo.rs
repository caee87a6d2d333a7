//! Undo and redo of a view: its own steps, never anyone else's work.

use crate::world::*;
use anabranch_core::{
    id::ViewId,
    record::{Life, RecordOp},
    value::Value,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A group's first write goes as well: coordinates that were put by mistake are not there for ever.
#[test]
fn o10_the_first_write_of_a_group_can_be_taken_back() {
    let mut all = things(2);
    all[0]
        .edit(10, &[put(&["spot"], spot(1.0, 1.0))])
        .expect("edits");
    all[0].undo(10_000).expect("a step");
    let view = settle(&mut all);
    assert_eq!(view.get(&["spot"]), None);
    all[0].redo(20_000).expect("a step");
    assert_eq!(settle(&mut all).get(&["spot"]), Some(&spot(1.0, 1.0)));
}

#[test]
fn o10_every_kind_of_operation_can_be_taken_back_and_done_again() {
    let mut all = things(2);
    let first = [
        put(&["title"], "one"),
        put(&["spot"], spot(1.0, 1.0)),
        put(&["estimate"], 1),
        put(&["extra", "k"], "v"),
        increment(&["votes"], 1),
        add(&["tags"], "a"),
        insert(&["steps"], 0, "s"),
        splice(&["note"], 0, 0, "abc"),
        put(&["more", "colour"], "red"),
    ];
    all[0].edit(10, &first).expect("edits");
    let before = all[0].view();
    let second = [
        put(&["title"], "two"),
        put(&["spot"], spot(2.0, 2.0)),
        put(&["estimate"], 2),
        put(&["extra", "k"], "w"),
        put(&["extra", "l"], "x"),
        increment(&["votes"], 5),
        increment(&["more", "count"], 2),
        add(&["tags"], "b"),
        remove(&["tags"], "a"),
        delete(&["steps"], 0, 1),
        insert(&["steps"], 0, "t"),
        insert(&["steps"], 1, "u"),
        splice(&["note"], 1, 1, "😀"),
        splice(&["note"], 0, 0, "x"),
        clear(&["more", "colour"]),
    ];
    all[0].edit(5_000, &second).expect("edits");
    let after = all[0].view();
    let same = |a: &anabranch_core::record::RecordView, b: &anabranch_core::record::RecordView| {
        assert_eq!(a.fields, b.fields);
    };
    for round in 0..3 {
        all[0].undo(10_000 + round * 10).expect("a step");
        same(&all[0].view(), &before);
        all[0].redo(10_001 + round * 10).expect("a step");
        same(&all[0].view(), &after);
    }
    let view = settle(&mut all);
    same(&view, &after);
}

#[test]
fn edits_within_500_ms_are_one_step_and_later_ones_another() {
    let mut all = things(1);
    let word = "typing";
    for (at, letter) in word.chars().enumerate() {
        let at = at as u32;
        all[0]
            .edit(
                1_000 + u64::from(at) * 400,
                &[splice(&["note"], at, 0, &letter.to_string())],
            )
            .expect("types");
    }
    all[0]
        .edit(1_000 + 5 * 400 + 501, &[splice(&["note"], 6, 0, "!")])
        .expect("types");
    assert_eq!(all[0].value(&["note"]), Value::from("typing!"));
    all[0].undo(9_000).expect("a step");
    assert_eq!(all[0].value(&["note"]), Value::from("typing"));
    all[0].undo(9_001).expect("a step");
    assert_eq!(all[0].value(&["note"]), Value::from(""));
    assert!(all[0].undo(9_002).is_none());
    all[0].redo(9_003).expect("a step");
    all[0].redo(9_004).expect("a step");
    assert_eq!(all[0].value(&["note"]), Value::from("typing!"));
    assert!(all[0].redo(9_005).is_none());
}

#[test]
fn characters_erased_one_by_one_come_back_in_their_order() {
    for forward in [false, true] {
        let mut all = things(1);
        all[0]
            .edit(10, &[splice(&["note"], 0, 0, "ab😀cd")])
            .expect("types");
        let mut at: u32 = if forward { 1 } else { 5 };
        for time in 0..3 {
            let width = if time == 1 { 2 } else { 1 };
            if !forward {
                at -= width;
            }
            all[0]
                .edit(2_000 + time, &[splice(&["note"], at, width, "")])
                .expect("erases");
        }
        assert_eq!(all[0].value(&["note"]), Value::from("ad"));
        all[0].undo(5_000).expect("a step");
        assert_eq!(all[0].value(&["note"]), Value::from("ab😀cd"));
    }
}

#[test]
fn a_new_edit_ends_what_could_be_done_again() {
    let mut all = things(1);
    all[0].edit(10, &[put(&["title"], "one")]).expect("edits");
    all[0].undo(1_000).expect("a step");
    all[0]
        .edit(2_000, &[put(&["title"], "two")])
        .expect("edits");
    assert!(all[0].redo(3_000).is_none());
    assert_eq!(all[0].value(&["title"]), Value::from("two"));
}

#[test]
fn a_field_that_someone_else_wrote_since_keeps_their_value() {
    let mut all = things(2);
    all[0]
        .edit(10, &[put(&["title"], "mine"), put(&["rank"], 1)])
        .expect("edits");
    settle(&mut all);
    all[1]
        .edit(20, &[put(&["title"], "theirs")])
        .expect("edits");
    settle(&mut all);
    all[0].undo(2_000).expect("the rank at least");
    let view = settle(&mut all);
    assert_eq!(view.get(&["title"]), Some(&Value::from("theirs")));
    assert_eq!(view.get(&["rank"]), None);
    assert!(all[0].undo(3_000).is_none());
}

#[test]
fn undo_of_a_write_in_conflict_shows_the_other_value_and_not_the_one_before() {
    let mut all = things(2);
    all[0].edit(1, &[put(&["title"], "before")]).expect("edits");
    settle(&mut all);
    all[0]
        .edit(1_000, &[put(&["title"], "mine")])
        .expect("edits");
    all[1]
        .edit(900, &[put(&["title"], "theirs")])
        .expect("edits");
    assert_eq!(settle(&mut all).get(&["title"]), Some(&Value::from("mine")));
    all[0].undo(2_000).expect("a step");
    assert_eq!(
        settle(&mut all).get(&["title"]),
        Some(&Value::from("theirs"))
    );
}

#[test]
fn others_text_inside_what_is_taken_back_stays() {
    let mut all = things(2);
    all[0]
        .edit(10, &[splice(&["note"], 0, 0, "[mine]")])
        .expect("types");
    settle(&mut all);
    all[1]
        .edit(20, &[splice(&["note"], 3, 0, "THEIRS")])
        .expect("types");
    settle(&mut all);
    all[0].undo(2_000).expect("a step");
    assert_eq!(
        settle(&mut all).get(&["note"]),
        Some(&Value::from("THEIRS"))
    );
    all[0].redo(3_000).expect("a step");
    assert_eq!(
        settle(&mut all).get(&["note"]),
        Some(&Value::from("[miTHEIRSne]"))
    );
}

#[test]
fn what_someone_else_deleted_too_stays_deleted() {
    let mut all = things(2);
    all[0]
        .edit(10, &[splice(&["note"], 0, 0, "abcdef")])
        .expect("types");
    settle(&mut all);
    all[0]
        .edit(2_000, &[splice(&["note"], 1, 4, "")])
        .expect("erases bcde");
    all[1]
        .edit(2_000, &[splice(&["note"], 2, 2, "")])
        .expect("erases cd");
    settle(&mut all);
    all[0].undo(4_000).expect("a step");
    assert_eq!(settle(&mut all).get(&["note"]), Some(&Value::from("abef")));
}

#[test]
fn an_element_that_someone_else_added_as_well_stays() {
    let mut all = things(2);
    all[0]
        .edit(10, &[add(&["tags"], "both"), add(&["tags"], "mine")])
        .expect("edits");
    all[1].edit(11, &[add(&["tags"], "both")]).expect("edits");
    settle(&mut all);
    all[0].undo(2_000).expect("a step");
    assert_eq!(settle(&mut all).get(&["tags"]), Some(&list(&["both"])));
}

#[test]
fn others_steps_of_a_counter_stay() {
    let mut all = things(2);
    all[0].edit(10, &[increment(&["votes"], 5)]).expect("edits");
    all[1].edit(11, &[increment(&["votes"], 7)]).expect("edits");
    settle(&mut all);
    all[0].undo(2_000).expect("a step");
    assert_eq!(settle(&mut all).get(&["votes"]), Some(&Value::Int(7)));
}

#[test]
fn a_delete_of_the_entity_can_be_taken_back_unless_someone_else_decided_since() {
    let mut all = things(2);
    all[0].edit(10, &[put(&["title"], "there")]).expect("edits");
    all[0]
        .edit(1_000, &[RecordOp::DeleteEntity])
        .expect("deletes");
    all[0].undo(2_000).expect("a step");
    assert_eq!(settle(&mut all).life, Life::Alive);
    all[0].redo(3_000).expect("a step");
    assert_eq!(settle(&mut all).life, Life::Deleted);
    all[1]
        .edit(4_000, &[RecordOp::RestoreEntity])
        .expect("restores");
    all[1]
        .edit(4_001, &[RecordOp::DeleteEntity])
        .expect("deletes");
    settle(&mut all);
    let place = all[0].place(5_000);
    all[0]
        .doc
        .undo(&place, VIEW)
        .expect_err("their delete stands: restore it first");
    assert_eq!(settle(&mut all).life, Life::Deleted);
}

#[test]
fn a_write_once_field_and_an_appended_entry_cannot_be_taken_back() {
    let mut all = things(1);
    all[0]
        .edit(
            10,
            &[put(&["subject"], "set"), append(&["remarks"], "said")],
        )
        .expect("edits");
    assert!(all[0].undo(2_000).is_none());
    assert_eq!(all[0].value(&["subject"]), Value::from("set"));
}

#[test]
fn each_view_has_steps_of_its_own() {
    let mut all = things(1);
    let replica = &mut all[0];
    for (view, time, field) in [(1, 10, "title"), (2, 20, "status")] {
        let place = replica.place(time);
        let value = if field == "title" { "a" } else { "open" };
        let edit = replica
            .doc
            .edit_in(&place, ViewId(view), &[put(&[field], value)])
            .expect("edits");
        replica.made_one(&place, &edit.payload);
    }
    let place = replica.place(1_000);
    let edit = replica
        .doc
        .undo(&place, ViewId(1))
        .expect("works")
        .expect("a step");
    replica.made_one(&place, &edit.payload);
    assert_eq!(replica.value(&["title"]), Value::Null);
    assert_eq!(replica.value(&["status"]), Value::from("open"));
    let place = replica.place(1_001);
    assert!(
        replica
            .doc
            .undo(&place, ViewId(1))
            .expect("works")
            .is_none()
    );
}

/// One edit of a text: who, where, how much goes, how much comes.
type Dice = (bool, u16, u8, u8);

fn units(chars: &[char]) -> u32 {
    chars.iter().map(|c| c.len_utf16() as u32).sum()
}

/// Splices at a random place; gives what went and what came.
fn type_at(
    replica: &mut Replica,
    time: u64,
    (_, at, gone, come): Dice,
    next: &mut u32,
) -> (String, String) {
    let text = replica.value(&["note"]);
    let chars: Vec<char> = text.as_text().expect("text").chars().collect();
    let at = usize::from(at) % (chars.len() + 1);
    let gone: Vec<char> = chars[at..]
        .iter()
        .take(usize::from(gone % 4))
        .copied()
        .collect();
    let come: String = (0..come % 4)
        .map(|_| {
            *next += 1;
            char::from_u32(
                if next.is_multiple_of(4) {
                    0x1_F300
                } else {
                    0x4E00
                } + *next,
            )
            .expect("a character")
        })
        .collect();
    let op = splice(&["note"], units(&chars[..at]), units(&gone), &come);
    if replica.edit(time, &[op]).is_ok() {
        (gone.into_iter().collect(), come)
    } else {
        (String::new(), String::new())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Alone: undo walks back through exactly the texts there were, redo forward.
    #[test]
    fn undo_and_redo_of_one_writer_walk_through_the_same_texts(
        dice in prop::collection::vec(any::<Dice>(), 1..25),
        walk in prop::collection::vec(any::<bool>(), 0..40),
    ) {
        let mut all = things(1);
        let mut next = 0;
        let mut texts = vec![all[0].value(&["note"])];
        let mut time = 0;
        for one in dice {
            let before = time;
            time += if one.0 { 100 } else { 1_000 };
            let (gone, come) = type_at(&mut all[0], time, one, &mut next);
            if gone.is_empty() && come.is_empty() {
                time = before;
                continue;
            }
            if one.0 && texts.len() > 1 {
                texts.pop();
            }
            texts.push(all[0].value(&["note"]));
        }
        let mut at = texts.len() - 1;
        for back in walk {
            time += 1_000;
            if back {
                let undone = all[0].undo(time).is_some();
                // A step that put something in and took it out again leaves nothing to take back.
                if !undone {
                    prop_assert!(texts[..=at].iter().all(|text| *text == texts[0]));
                    at = 0;
                } else {
                    let now = all[0].value(&["note"]);
                    while at > 0 && texts[at - 1] == texts[at] { at -= 1; }
                    at -= 1;
                    prop_assert_eq!(&now, &texts[at]);
                }
            } else if all[0].redo(time).is_some() {
                let now = all[0].value(&["note"]);
                while at + 1 < texts.len() && texts[at + 1] == texts[at] { at += 1; }
                at += 1;
                prop_assert_eq!(&now, &texts[at]);
            }
        }
    }

    /// With someone else: their characters and their deletions stand, whatever is taken back.
    #[test]
    fn undo_never_touches_others_work(dice in prop::collection::vec((any::<Dice>(), any::<bool>()), 1..30)) {
        let mut all = things(2);
        let mut next = 0;
        let mut theirs: BTreeSet<char> = BTreeSet::new();
        let mut gone_by_them: BTreeSet<char> = BTreeSet::new();
        for (time, (one, sync)) in (1u64..).zip(dice) {
            let who = usize::from(one.0);
            let (gone, come) = type_at(&mut all[who], time * 1_000, one, &mut next);
            if who == 1 {
                theirs.extend(come.chars());
                gone_by_them.extend(gone.chars());
            }
            if sync {
                settle(&mut all);
            }
        }
        settle(&mut all);
        let mut time = 1_000_000;
        while all[0].undo(time).is_some() {
            time += 1_000;
        }
        let view = settle(&mut all);
        let note = view.get(&["note"]).and_then(Value::as_text).expect("text");
        let shown: BTreeSet<char> = note.chars().collect();
        prop_assert_eq!(shown.len(), note.chars().count());
        let wanted: BTreeSet<char> = theirs.difference(&gone_by_them).copied().collect();
        prop_assert_eq!(shown, wanted);
    }
}
