//! What each merge rule promises, one promise at a time.

use crate::world::*;
use anabranch_core::{
    id::ChainIdx,
    record::{EditError, unnumbered},
    value::Value,
};

#[test]
fn t23_o41_the_later_stamp_wins_a_register() {
    let mut all = things(2);
    all[0].edit(20, &[put(&["title"], "later")]).expect("edits");
    all[1]
        .edit(10, &[put(&["title"], "earlier")])
        .expect("edits");
    assert_eq!(
        settle(&mut all).get(&["title"]),
        Some(&Value::from("later"))
    );
}

#[test]
fn r18_a_newer_remote_value_applies_and_an_older_one_does_not() {
    let mut all = things(2);
    all[0].edit(10, &[put(&["title"], "mine")]).expect("edits");
    all[1].edit(20, &[put(&["title"], "newer")]).expect("edits");
    let remote = made(&all[1..]);
    all[0].take_all(&remote);
    assert_eq!(all[0].value(&["title"]), Value::from("newer"));
    let local = made(&all[..1]);
    all[1].take_all(&local);
    assert_eq!(all[1].value(&["title"]), Value::from("newer"));
}

/// The trap of C6: a device that keeps its own value on equal stamps never agrees with the other.
#[test]
fn c6_r23_equal_stamps_are_decided_by_origin() {
    let mut all = things(3);
    for (device, replica) in all.iter_mut().enumerate() {
        replica
            .edit(10, &[put(&["title"], format!("of {device}"))])
            .expect("edits");
    }
    let highest = (0..3)
        .max_by_key(|device| origin_of(*device))
        .expect("three");
    let view = settle(&mut all);
    assert_eq!(
        view.get(&["title"]),
        Some(&Value::from(format!("of {highest}")))
    );
    assert_eq!(view.conflicts[0].candidates.len(), 3);
}

#[test]
fn a_later_write_wins_though_its_stamp_is_lower_than_what_its_author_had_seen() {
    let mut all = things(2);
    all[0]
        .edit(1_000_000, &[put(&["title"], "clock ahead")])
        .expect("edits");
    settle(&mut all);
    all[1]
        .edit(5, &[put(&["title"], "corrected")])
        .expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["title"]), Some(&Value::from("corrected")));
    assert!(view.conflicts.is_empty());
}

#[test]
fn r22_a_delete_beats_an_older_put_and_loses_to_a_newer() {
    for (deleted_at, wanted) in [(20, None), (5, Some(Value::from("put")))] {
        let mut all = things(2);
        all[0].edit(1, &[put(&["title"], "first")]).expect("edits");
        settle(&mut all);
        all[0].edit(10, &[put(&["title"], "put")]).expect("edits");
        all[1]
            .edit(deleted_at, &[clear(&["title"])])
            .expect("edits");
        assert_eq!(settle(&mut all).get(&["title"]).cloned(), wanted);
    }
}

#[test]
fn t24_o42_fields_that_do_not_overlap_merge_without_a_conflict() {
    let mut all = things(2);
    all[0].edit(10, &[put(&["title"], "mine")]).expect("edits");
    all[1].edit(11, &[put(&["rank"], 3)]).expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["title"]), Some(&Value::from("mine")));
    assert_eq!(view.get(&["rank"]), Some(&Value::Int(3)));
    assert!(view.conflicts.is_empty());
}

#[test]
fn o42_the_same_value_twice_is_no_conflict_and_two_values_are_one() {
    let mut all = things(2);
    all[0]
        .edit(10, &[put(&["title"], "same"), put(&["rank"], 1)])
        .expect("edits");
    all[1]
        .edit(11, &[put(&["title"], "same"), put(&["rank"], 2)])
        .expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.conflicts.len(), 1);
    let conflict = &view.conflicts[0];
    assert_eq!(conflict.field, path(&["rank"]));
    assert_eq!(conflict.shown, Value::Int(2));
    let told: Vec<_> = conflict
        .candidates
        .iter()
        .map(|one| (one.value.clone(), one.by.author, one.by.hlc, one.by.origin))
        .collect();
    let wanted = vec![
        (Value::Int(2), author_of(1), stamp(11), origin_of(1)),
        (Value::Int(1), author_of(0), stamp(10), origin_of(0)),
    ];
    assert_eq!(told, wanted);
    assert_eq!(all[0].doc.conflicts(), view.conflicts);
}

#[test]
fn t24_m22_a_kept_conflict_ends_with_one_write_even_of_the_value_that_is_shown() {
    for choice in [3, 5, 8] {
        let mut all = things(2);
        all[0].edit(10, &[put(&["estimate"], 3)]).expect("edits");
        all[1].edit(11, &[put(&["estimate"], 5)]).expect("edits");
        let view = settle(&mut all);
        assert_eq!(view.get(&["estimate"]), Some(&Value::Int(5)));
        assert_eq!(view.conflicts[0].candidates.len(), 2);
        all[0]
            .edit(12, &[put(&["estimate"], choice)])
            .expect("resolves");
        let view = settle(&mut all);
        assert_eq!(view.get(&["estimate"]), Some(&Value::Int(choice)));
        assert!(view.conflicts.is_empty());
        let by = view.written[&path(&["estimate"])];
        assert_eq!((by.hlc, by.author), (stamp(12), author_of(0)));
    }
}

#[test]
fn a_group_wins_or_loses_whole() {
    let mut all = things(2);
    all[0]
        .edit(10, &[put(&["spot"], spot(1.0, 1.0))])
        .expect("edits");
    all[1]
        .edit(11, &[put(&["spot"], spot(2.0, 2.0))])
        .expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["spot"]), Some(&spot(2.0, 2.0)));
    assert_eq!(view.conflicts[0].candidates[1].value, spot(1.0, 1.0));
}

#[test]
fn r20_r21_counter_steps_made_apart_add_up() {
    let mut all = things(3);
    for replica in &mut all {
        replica
            .edit(10, &[increment(&["votes"], 2)])
            .expect("edits");
        replica
            .edit(11, &[increment(&["votes"], -1)])
            .expect("edits");
    }
    assert_eq!(settle(&mut all).get(&["votes"]), Some(&Value::Int(3)));
}

/// Trap 14: a step that was sent once counts once, however often the change is made again
/// elsewhere under the same place.
#[test]
fn trap14_a_counter_step_that_arrives_by_two_ways_counts_once() {
    let mut all = things(3);
    all[0].edit(10, &[increment(&["votes"], 1)]).expect("edits");
    let message = made(&all[..1]);
    all[1].take_all(&message);
    all[2].take_all(&message);
    all[2].take_all(&message);
    let place = all[2].place_of(&message[0]);
    let candidate = anabranch_core::judge::Candidate {
        place: &place,
        payload: &message[0].payload,
    };
    let again = all[2]
        .doc
        .judge(&candidate)
        .expect("still as good as before");
    let patches = all[2].doc.apply(vec![again]).expect("applies");
    assert_eq!(patches, vec![Vec::new()]);
    assert_eq!(settle(&mut all).get(&["votes"]), Some(&Value::Int(1)));
    assert_eq!(all[2].view().version, 1);
}

#[test]
fn m79_an_add_wins_over_a_concurrent_remove_even_of_an_element_that_was_there() {
    let mut all = things(2);
    all[0]
        .edit(10, &[add(&["tags"], "a"), add(&["tags"], "b")])
        .expect("edits");
    settle(&mut all);
    all[0]
        .edit(20, &[remove(&["tags"], "a"), remove(&["tags"], "b")])
        .expect("edits");
    all[1]
        .edit(15, &[add(&["tags"], "a")])
        .expect("adds it again");
    assert_eq!(settle(&mut all).get(&["tags"]), Some(&list(&["a"])));
}

#[test]
fn two_devices_that_add_one_element_in_the_same_millisecond_lose_nothing() {
    let mut all = things(3);
    all[0].edit(10, &[add(&["tags"], "a")]).expect("edits");
    let first = made(&all[..1]);
    all[1].take_all(&first);
    all[2].take_all(&first);
    all[1]
        .edit(10, &[add(&["tags"], "a")])
        .expect("a stamp of its own");
    all[2]
        .edit(30, &[remove(&["tags"], "a")])
        .expect("removes the first add");
    assert_eq!(settle(&mut all).get(&["tags"]), Some(&list(&["a"])));
}

#[test]
fn m80_m85_appended_entries_all_stay_in_the_order_of_their_stamps() {
    let mut all = things(2);
    all[0]
        .edit(
            20,
            &[
                append(&["remarks"], "third"),
                append(&["remarks"], "fourth"),
            ],
        )
        .expect("edits");
    all[1]
        .edit(10, &[append(&["remarks"], "first")])
        .expect("edits");
    all[1]
        .edit(15, &[append(&["remarks"], "second")])
        .expect("edits");
    settle(&mut all);
    let entries = all[0]
        .doc
        .entries(&path(&["remarks"]))
        .expect("an append-only list");
    let told: Vec<_> = entries
        .iter()
        .map(|(entry, by)| match entry {
            Value::Map(fields) => (fields["text"].as_text().expect("text"), by.author),
            other => panic!("{other:?}"),
        })
        .collect();
    let (a, b) = (author_of(0), author_of(1));
    assert_eq!(
        told,
        [("first", b), ("second", b), ("third", a), ("fourth", a)]
    );
}

#[test]
fn o43_m23_two_insertions_at_one_place_keep_both_whole_and_in_one_order() {
    let mut all = things(2);
    all[0]
        .edit(1, &[splice(&["note"], 0, 0, "[]")])
        .expect("edits");
    settle(&mut all);
    all[0]
        .edit(10, &[splice(&["note"], 1, 0, "left")])
        .expect("edits");
    all[1]
        .edit(10, &[splice(&["note"], 1, 0, "right")])
        .expect("edits");
    let view = settle(&mut all);
    let text = view.get(&["note"]).and_then(Value::as_text).expect("text");
    assert!(text == "[leftright]" || text == "[rightleft]", "{text}");
}

#[test]
fn m82_nested_fields_and_keys_of_open_maps_merge_one_by_one() {
    let mut all = things(2);
    let ops = [put(&["more", "colour"], "red"), put(&["extra", "a"], "1")];
    all[0].edit(10, &ops).expect("edits");
    let ops = [increment(&["more", "count"], 1), put(&["extra", "b"], "2")];
    all[1].edit(11, &ops).expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["more", "colour"]), Some(&Value::from("red")));
    assert_eq!(view.get(&["more", "count"]), Some(&Value::Int(1)));
    assert_eq!(view.get(&["extra", "a"]), Some(&Value::from("1")));
    assert_eq!(view.get(&["extra", "b"]), Some(&Value::from("2")));
    all[0].edit(20, &[clear(&["extra", "b"])]).expect("edits");
    assert_eq!(settle(&mut all).get(&["extra", "b"]), None);
}

/// Trap 12: a year after the subject was set, someone writes "concurrently", with an empty past
/// and the smallest stamp.
#[test]
fn trap12_m81_a_back_dated_once_loses_to_a_numbered_one() {
    let mut all = things(3);
    all[0]
        .edit(1_000, &[put(&["subject"], "the subject")])
        .expect("edits");
    let first = made(&all[..1]);
    all[1].take_all(&first);
    let error = all[1]
        .edit(2_000, &[put(&["subject"], "another")])
        .expect_err("it is set");
    assert_eq!(
        error,
        EditError::AlreadySet {
            field: path(&["subject"])
        }
    );
    all[2]
        .edit(1, &[put(&["subject"], "forged")])
        .expect("its author saw nothing");
    settle(&mut all);
    for replica in &all {
        // The orderer numbered the first alone so far, then both in the order they came.
        for late in [None, Some(2)] {
            let numbers = |chain: ChainIdx, _: u64| match replica.device_of(chain) {
                0 => Some(1),
                _ => late,
            };
            let view = replica.doc.project(&numbers);
            assert_eq!(view.get(&["subject"]), Some(&Value::from("the subject")));
        }
        // Without any orderer the smallest stamp is all there is to go by.
        assert_eq!(replica.value(&["subject"]), Value::from("forged"));
        // What does not show is not lost.
        let conflicts = replica.doc.conflicts();
        let values: Vec<Value> = conflicts[0]
            .candidates
            .iter()
            .map(|one| one.value.clone())
            .collect();
        assert_eq!(values, ["forged".into(), "the subject".into()]);
    }
    assert_ne!(
        all[0].doc.digest(&unnumbered),
        all[0]
            .doc
            .digest(&|chain, _| (all[0].device_of(chain) == 0).then_some(1)),
    );
}

#[test]
fn among_numbered_onces_the_lowest_number_wins_whatever_the_stamps() {
    let mut all = things(2);
    all[0]
        .edit(1, &[put(&["subject"], "early")])
        .expect("edits");
    all[1].edit(9, &[put(&["subject"], "late")]).expect("edits");
    settle(&mut all);
    for replica in &all {
        let numbers = |chain: ChainIdx, _: u64| Some(9 - replica.device_of(chain) as u64);
        let view = replica.doc.project(&numbers);
        assert_eq!(view.get(&["subject"]), Some(&Value::from("late")));
    }
}

#[test]
fn o34_o35_o36_o37_m24_version_last_change_and_last_author_are_part_of_the_view() {
    let mut all = things(2);
    assert_eq!(all[0].view().version, 0);
    assert_eq!(all[0].view().last_modified, None);
    all[0].edit(30, &[put(&["title"], "a")]).expect("edits");
    all[1].edit(20, &[put(&["rank"], 1)]).expect("edits");
    all[1].edit(25, &[increment(&["votes"], 1)]).expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.version, 3);
    assert_eq!(view.last_modified.map(|by| by.hlc), Some(stamp(30)));
    assert_eq!(view.last_modified_by(), Some(author_of(0)));
    let of = |field: &[&str]| {
        (
            view.written[&path(field)].hlc,
            view.written[&path(field)].author,
        )
    };
    assert_eq!(of(&["title"]), (stamp(30), author_of(0)));
    assert_eq!(of(&["rank"]), (stamp(20), author_of(1)));
    assert_eq!(of(&["votes"]), (stamp(25), author_of(1)));
    assert!(!view.written.contains_key(&path(&["note"])));
}

#[test]
fn an_earlier_point_reads_as_it_was() {
    let mut all = things(2);
    all[0]
        .edit(
            10,
            &[put(&["title"], "one"), splice(&["note"], 0, 0, "abc")],
        )
        .expect("edits");
    all[0]
        .edit(20, &[add(&["tags"], "x"), increment(&["votes"], 5)])
        .expect("edits");
    settle(&mut all);
    let before = all[1].view();
    let then = all[1].held.clone();
    all[1]
        .edit(
            30,
            &[
                put(&["title"], "two"),
                splice(&["note"], 0, 2, ""),
                remove(&["tags"], "x"),
                increment(&["votes"], 1),
                insert(&["steps"], 0, "s"),
                append(&["remarks"], "r"),
                put(&["extra", "k"], "v"),
                put(&["spot"], spot(1.0, 1.0)),
            ],
        )
        .expect("edits");
    all[1]
        .edit(40, &[anabranch_core::record::RecordOp::DeleteEntity])
        .expect("edits");
    settle(&mut all);
    for replica in &all {
        let past = replica.past(&then);
        assert_eq!(replica.doc.project_at(&past, &unnumbered), before);
        let empty = replica
            .doc
            .project_at(&anabranch_core::causal::Past::default(), &unnumbered);
        assert_eq!(empty, things(1)[0].view());
        let now = replica.doc.project_at(&replica.doc.past(), &unnumbered);
        assert_eq!(now, replica.view());
    }
}
