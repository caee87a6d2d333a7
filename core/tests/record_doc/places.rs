//! Anchors, blame, and the patches of batches.

use crate::world::*;
use anabranch_core::{
    patch::{Patch, Step},
    record::{AnchoredTo, BlameRun, Side},
    value::Value,
};

fn note() -> Vec<String> {
    path(&["note"])
}

#[test]
fn anchors_survive_edits_and_deletions_on_every_replica() {
    let mut all = things(2);
    all[0]
        .edit(1, &[splice(&["note"], 0, 0, "one 😀 two")])
        .expect("types");
    settle(&mut all);
    let doc = &all[0].doc;
    let left = doc.anchor(&note(), 4, Side::Left).expect("a place");
    let right = doc.anchor(&note(), 4, Side::Right).expect("a place");
    let start = doc.anchor(&note(), 0, Side::Left).expect("a place");
    let end = doc.anchor(&note(), 10, Side::Right).expect("a place");
    assert_eq!((start.on, end.on), (AnchoredTo::Start, AnchoredTo::End));
    assert_eq!(doc.anchor(&note(), 11, Side::Left), None, "behind the end");
    assert_eq!(doc.anchor(&note(), 5, Side::Left), None, "inside a pair");
    assert_eq!(
        doc.anchor(&path(&["title"]), 0, Side::Left),
        None,
        "no text"
    );

    all[1]
        .edit(
            10,
            &[splice(&["note"], 4, 0, "X"), splice(&["note"], 0, 0, "__")],
        )
        .expect("types");
    settle(&mut all);
    for replica in &all {
        let at = |anchor| replica.doc.resolve(anchor);
        assert_eq!(replica.value(&["note"]), Value::from("__one X😀 two"));
        assert_eq!(at(&left), Some(6));
        assert_eq!(at(&right), Some(7));
        assert_eq!(at(&start), Some(0));
        assert_eq!(at(&end), Some(13));
    }
    // What they hang on goes: they stay where it was, to the very end of an emptied text.
    all[0]
        .edit(20, &[splice(&["note"], 4, 9, "")])
        .expect("erases");
    settle(&mut all);
    for replica in &all {
        assert_eq!(replica.value(&["note"]), Value::from("__on"));
        assert_eq!(replica.doc.resolve(&left), Some(4));
        assert_eq!(replica.doc.resolve(&right), Some(4));
    }
    let bytes = postcard::to_allocvec(&right).expect("encodes");
    assert_eq!(
        postcard::from_bytes::<anabranch_core::record::Anchor>(&bytes),
        Ok(right)
    );
}

#[test]
fn an_anchor_on_what_this_record_never_held_resolves_to_nothing() {
    let mut all = things(2);
    all[0]
        .edit(
            1,
            &[splice(&["note"], 0, 0, "abc"), insert(&["steps"], 0, "s")],
        )
        .expect("types");
    let mut anchor = all[0].doc.anchor(&note(), 1, Side::Right).expect("a place");
    assert_eq!(all[1].doc.resolve(&anchor), None, "not there yet");
    anchor.field = path(&["steps"]);
    assert_eq!(all[0].doc.resolve(&anchor), None, "of another field");
    let step = all[0]
        .doc
        .anchor(&path(&["steps"]), 0, Side::Right)
        .expect("a place");
    all[0]
        .edit(2, &[insert(&["steps"], 0, "before")])
        .expect("inserts");
    assert_eq!(all[0].doc.resolve(&step), Some(1));
}

#[test]
fn blame_tells_who_wrote_what_in_utf_16_runs_without_gaps() {
    let mut all = things(2);
    all[0]
        .edit(10, &[splice(&["note"], 0, 0, "a😀")])
        .expect("types");
    all[0]
        .edit(20, &[splice(&["note"], 3, 0, "bc")])
        .expect("types");
    settle(&mut all);
    all[1]
        .edit(
            30,
            &[splice(&["note"], 3, 0, "éé"), splice(&["note"], 0, 1, "")],
        )
        .expect("types");
    settle(&mut all);
    for replica in &all {
        let runs = replica.doc.blame(&note()).expect("a text");
        let run = |at, len, device, first, last| BlameRun {
            at,
            len,
            author: author_of(device),
            origin: origin_of(device),
            first: stamp(first),
            last: stamp(last),
        };
        assert_eq!(
            runs,
            [
                run(0, 2, 0, 10, 10),
                run(2, 2, 1, 30, 30),
                run(4, 2, 0, 20, 20)
            ]
        );
        assert_eq!(replica.doc.blame(&path(&["title"])), None);
    }
}

#[test]
fn a_batch_tells_each_field_with_the_last_change_that_touched_it() {
    let mut all = things(2);
    all[0]
        .edit(1, &[put(&["title"], "one"), put(&["rank"], 1)])
        .expect("edits");
    all[0]
        .edit(2, &[splice(&["note"], 0, 0, "ab")])
        .expect("edits");
    all[0]
        .edit(3, &[put(&["title"], "two"), splice(&["note"], 1, 1, "😀")])
        .expect("edits");
    let messages = made(&all[..1]);
    let batch: Vec<&Message> = messages.iter().collect();
    let told = all[1].take(&batch);
    let put = |field: &str, value: Value| Patch::Put {
        path: vec![Step::Key(field.to_owned())],
        value,
    };
    assert_eq!(told[0], [put("rank", Value::Int(1))]);
    assert_eq!(told[1], []);
    assert_eq!(told[2].last(), Some(&put("title", Value::from("two"))));
    let text: String = told[2]
        .iter()
        .filter_map(|patch| match patch {
            Patch::Splice { insert, .. } => Some(insert.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(text, "a😀");
}

#[test]
fn a_losing_write_is_told_by_no_patch() {
    let mut all = things(2);
    all[0]
        .edit(20, &[put(&["title"], "winner")])
        .expect("edits");
    all[1]
        .edit(10, &[put(&["title"], "loser"), increment(&["votes"], 1)])
        .expect("edits");
    let messages = made(&all[1..]);
    let told = all[0].take_all(&messages);
    assert_eq!(told.len(), 1, "the counter alone: {told:?}");
}
