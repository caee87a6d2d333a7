//! Delete against edit, under each policy.

use crate::world::*;
use anabranch_core::{
    record::{EditError, Life, RecordOp},
    value::Value,
};

const POLICIES: [&str; 3] = ["recover", "delete_wins", "hlc"];

fn under(policy: &str, count: usize) -> Vec<Replica> {
    let text = EVERY_RULE.replace("\"recover\"", &format!("\"{policy}\""));
    let mut all = replicas(count, &[schema(&text)]);
    all[0].edit(1, &[put(&["title"], "there")]).expect("edits");
    settle(&mut all);
    all
}

fn life_after(policy: &str, deleted_at: u64, edited_at: u64) -> Life {
    let mut all = under(policy, 2);
    all[0]
        .edit(deleted_at, &[RecordOp::DeleteEntity])
        .expect("deletes");
    all[1].edit(edited_at, &[put(&["rank"], 7)]).expect("edits");
    let view = settle(&mut all);
    assert_eq!(
        view.get(&["rank"]),
        Some(&Value::Int(7)),
        "the edit is never lost"
    );
    view.life
}

#[test]
fn t25_c7_an_edit_apart_from_a_delete_brings_the_entity_back_and_says_so() {
    assert_eq!(life_after("recover", 20, 10), Life::Recovered);
    assert_eq!(life_after("recover", 10, 20), Life::Recovered);
}

#[test]
fn o38_where_deletes_win_the_entity_stays_deleted() {
    assert_eq!(life_after("delete_wins", 20, 10), Life::Deleted);
    assert_eq!(life_after("delete_wins", 10, 20), Life::Deleted);
}

#[test]
fn by_hlc_the_later_of_delete_and_edit_wins_and_origin_decides_a_tie() {
    assert_eq!(life_after("hlc", 20, 10), Life::Deleted);
    assert_eq!(life_after("hlc", 10, 20), Life::Recovered);
    let later = if origin_of(1) > origin_of(0) {
        Life::Recovered
    } else {
        Life::Deleted
    };
    assert_eq!(life_after("hlc", 10, 10), later);
}

#[test]
fn r22_what_the_deleter_had_seen_stays_deleted_under_every_policy() {
    for policy in POLICIES {
        let mut all = under(policy, 2);
        all[1].edit(90, &[put(&["rank"], 7)]).expect("edits");
        settle(&mut all);
        all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
        assert_eq!(settle(&mut all).life, Life::Deleted, "{policy}");
        let error = all[1]
            .edit(99, &[put(&["rank"], 8)])
            .expect_err("it is deleted");
        assert_eq!(error, EditError::Deleted);
    }
}

#[test]
fn a_restore_makes_it_alive_again_and_a_second_delete_deletes_it_again() {
    for policy in POLICIES {
        let mut all = under(policy, 2);
        all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
        settle(&mut all);
        all[1]
            .edit(30, &[RecordOp::RestoreEntity, put(&["rank"], 1)])
            .expect("restores");
        assert_eq!(settle(&mut all).life, Life::Alive, "{policy}");
        all[0].edit(40, &[RecordOp::DeleteEntity]).expect("deletes");
        assert_eq!(settle(&mut all).life, Life::Deleted, "{policy}");
    }
}

#[test]
fn a_recovered_entity_can_be_deleted_for_good_by_who_has_seen_the_edit() {
    let mut all = under("recover", 2);
    all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
    all[1].edit(30, &[put(&["rank"], 7)]).expect("edits");
    assert_eq!(settle(&mut all).life, Life::Recovered);
    all[0]
        .edit(40, &[RecordOp::DeleteEntity])
        .expect("a delete of its own");
    assert_eq!(settle(&mut all).life, Life::Deleted);
}

#[test]
fn of_two_deletes_the_one_that_saw_the_edit_decides() {
    let mut all = under("recover", 3);
    all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
    all[1].edit(10, &[put(&["rank"], 7)]).expect("edits");
    let edit = made(&all[1..2]);
    all[2].take_all(&edit);
    all[2]
        .edit(11, &[RecordOp::DeleteEntity])
        .expect("deletes, having seen the edit");
    assert_eq!(settle(&mut all).life, Life::Deleted);
}

#[test]
fn a_restore_apart_from_a_delete_is_an_edit() {
    for (policy, wanted) in
        POLICIES
            .into_iter()
            .zip([Life::Recovered, Life::Deleted, Life::Deleted])
    {
        let mut all = under(policy, 2);
        all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
        settle(&mut all);
        all[1]
            .edit(30, &[RecordOp::RestoreEntity])
            .expect("restores");
        all[0]
            .edit(31, &[RecordOp::RestoreEntity])
            .expect("restores");
        all[0]
            .edit(40, &[RecordOp::DeleteEntity])
            .expect("deletes again, apart from the restore");
        assert_eq!(settle(&mut all).life, wanted, "{policy}");
    }
}

#[test]
fn the_life_of_an_entity_is_told_as_a_patch() {
    let mut all = under("recover", 2);
    let edit = all[0].edit(20, &[RecordOp::DeleteEntity]).expect("deletes");
    let word = |patches: &[anabranch_core::patch::Patch]| match patches.last() {
        Some(anabranch_core::patch::Patch::Put { value, .. }) => value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(word(&edit.patches), Value::from("deleted"));
    let all_made = made(&all);
    all[1].edit(30, &[put(&["rank"], 7)]).expect("edits");
    let patches = all[1].take_all(&all_made);
    assert_eq!(word(&patches), Value::from("recovered"));
}
