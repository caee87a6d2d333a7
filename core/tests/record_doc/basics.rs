//! The thinnest path: an edit made here is read there.

use crate::world::*;
use anabranch_core::{patch::Patch, value::Value};

#[test]
fn a_register_and_a_text_edited_here_are_read_there() {
    let mut all = things(2);
    all[0].edit(10, &[put(&["title"], "River")]).expect("edits");
    all[0]
        .edit(20, &[splice(&["note"], 0, 0, "hello 😀")])
        .expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["title"]), Some(&Value::from("River")));
    assert_eq!(view.get(&["note"]), Some(&Value::from("hello 😀")));
    assert_eq!(view.version, 2);
}

#[test]
fn every_operation_is_read_back_and_told_as_patches() {
    let mut all = things(2);
    let ops = [
        put(&["title"], "River"),
        put(&["subject"], "first"),
        put(&["estimate"], 3),
        increment(&["votes"], 2),
        add(&["tags"], "b"),
        add(&["tags"], "a"),
        insert(&["steps"], 0, "two"),
        insert(&["steps"], 0, "one"),
        splice(&["note"], 0, 0, "text"),
        put(&["extra", "any"], "thing"),
        put(&["spot"], spot(1.0, 2.0)),
        append(&["remarks"], "nice"),
        put(&["more", "colour"], "red"),
        increment(&["more", "count"], -1),
        splice(&["more", "memo"], 0, 0, "m"),
    ];
    let edit = all[0].edit(10, &ops).expect("edits");
    assert_eq!(edit.patches.len(), ops.len());
    let view = settle(&mut all);
    assert_eq!(view.get(&["tags"]), Some(&list(&["a", "b"])));
    assert_eq!(view.get(&["steps"]), Some(&list(&["one", "two"])));
    assert_eq!(view.get(&["votes"]), Some(&Value::Int(2)));
    assert_eq!(view.get(&["extra", "any"]), Some(&Value::from("thing")));
    assert_eq!(view.get(&["spot"]), Some(&spot(1.0, 2.0)));
    assert_eq!(view.get(&["more", "colour"]), Some(&Value::from("red")));
    assert_eq!(view.get(&["more", "count"]), Some(&Value::Int(-1)));
    assert_eq!(view.get(&["more", "memo"]), Some(&Value::from("m")));
    let told = Patch::Put {
        path: vec![anabranch_core::patch::Step::Key("title".into())],
        value: "River".into(),
    };
    assert!(edit.patches.contains(&told));
}
