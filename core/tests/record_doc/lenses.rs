//! Old documents read through newer schemas.

use crate::world::*;
use anabranch_core::{schema::Schema, value::Value};
use std::sync::Arc;

const V1: &str = r#"
kind = "thing"
version = 1
[record.fields]
name = "lww text"
weight = "counter"
words = "set text"
notes = "append text"
any = "open text"
first = "once text"
"#;

/// Everything is renamed, and there is a new set.
const V2: &str = r#"
kind = "thing"
version = 2
[record.fields]
title = { rule = "lww", type = "text", since = 2 }
mass = { rule = "counter", since = 2 }
labels = { rule = "set", type = "text", since = 2 }
remarks = { rule = "append", type = "text", since = 2 }
extra = { rule = "open", type = "text", since = 2 }
subject = { rule = "once", type = "text", since = 2 }
tags = { rule = "set", type = "text", since = 2 }
colour = { rule = "lww", type = "text", since = 2 }
[lens.rename]
name = "title"
weight = "mass"
words = "labels"
notes = "remarks"
any = "extra"
first = "subject"
[lens.default]
colour = "grey"
"#;

fn versions() -> (Arc<Schema>, Arc<Schema>) {
    (schema(V1), schema(V2))
}

fn upgrade(replica: &mut Replica, to: &Arc<Schema>) {
    replica.doc.extend(to.clone());
    replica.chain.push(to.clone());
}

fn text_entry(field: &[&str], text: &str) -> anabranch_core::record::RecordOp {
    anabranch_core::record::RecordOp::Append {
        field: path(field),
        value: text.into(),
    }
}

/// Trap 13: a document born under version 1; two devices, offline, both write into a container
/// that version 2 brings. Were it made by each of them, one would hide the other's.
#[test]
fn trap13_t26_both_tags_stay_in_a_container_that_a_new_version_brings() {
    let (v1, v2) = versions();
    let mut all = replicas(3, &[v1]);
    all[2]
        .edit(1, &[put(&["name"], "old")])
        .expect("born under version 1");
    settle(&mut all);
    for replica in &mut all {
        upgrade(replica, &v2);
    }
    all[0].edit(10, &[add(&["tags"], "p")]).expect("edits");
    all[1].edit(10, &[add(&["tags"], "q")]).expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["tags"]), Some(&list(&["p", "q"])));
    assert_eq!(view.get(&["title"]), Some(&Value::from("old")));
}

#[test]
fn trap13_an_old_client_and_a_new_one_write_one_field_and_the_rule_picks() {
    for (old_at, wanted) in [(20, "old client"), (5, "new client")] {
        let (v1, v2) = versions();
        let mut all = replicas(2, &[v1, v2]);
        all[0].chain.truncate(1);
        all[0]
            .edit(old_at, &[put(&["name"], "old client")])
            .expect("edits under version 1");
        all[1]
            .edit(10, &[put(&["title"], "new client")])
            .expect("edits under version 2");
        let view = settle(&mut all);
        assert_eq!(view.get(&["title"]), Some(&Value::from(wanted)));
        assert_eq!(view.get(&["name"]), None);
        assert_eq!(view.conflicts.len(), 1);
        assert_eq!(view.conflicts[0].field, path(&["title"]));
    }
}

#[test]
fn a_write_under_the_new_name_replaces_what_its_author_saw_under_the_old() {
    let (v1, v2) = versions();
    let mut all = replicas(2, &[v1, v2]);
    all[0].chain.truncate(1);
    all[0]
        .edit(1_000, &[put(&["name"], "clock ahead")])
        .expect("edits");
    settle(&mut all);
    all[1]
        .edit(5, &[put(&["title"], "corrected")])
        .expect("edits");
    let view = settle(&mut all);
    assert_eq!(view.get(&["title"]), Some(&Value::from("corrected")));
    assert!(view.conflicts.is_empty());
    all[1].edit(6, &[clear(&["title"])]).expect("edits");
    assert_eq!(settle(&mut all).get(&["title"]), None);
}

#[test]
fn t26_renamed_containers_read_as_one_and_can_be_written_on() {
    let (v1, v2) = versions();
    let mut all = replicas(2, &[v1, v2.clone()]);
    all[0].chain.truncate(1);
    let ops = [
        increment(&["weight"], 3),
        add(&["words"], "a"),
        add(&["words"], "b"),
        text_entry(&["notes"], "one"),
        put(&["any", "k"], "old"),
        put(&["any", "l"], "old"),
        put(&["first"], "set"),
    ];
    all[0].edit(10, &ops).expect("edits under version 1");
    settle(&mut all);
    let ops = [
        increment(&["mass"], 4),
        remove(&["labels"], "a"),
        add(&["labels"], "c"),
        text_entry(&["remarks"], "two"),
        put(&["extra", "k"], "new"),
        clear(&["extra", "l"]),
    ];
    all[1].edit(20, &ops).expect("edits under version 2");
    let again = all[1].edit(21, &[put(&["subject"], "again")]);
    again.expect_err("a write-once field has its value under the old name");
    let view = settle(&mut all);
    assert_eq!(view.get(&["mass"]), Some(&Value::Int(7)));
    assert_eq!(view.get(&["labels"]), Some(&list(&["b", "c"])));
    assert_eq!(view.get(&["remarks"]), Some(&list(&["one", "two"])));
    assert_eq!(view.get(&["extra", "k"]), Some(&Value::from("new")));
    assert_eq!(view.get(&["extra", "l"]), None);
    assert_eq!(view.get(&["subject"]), Some(&Value::from("set")));
}

#[test]
fn t26_a_default_is_read_until_someone_writes() {
    let (v1, v2) = versions();
    let mut all = replicas(1, &[v1, v2]);
    assert_eq!(all[0].value(&["colour"]), Value::from("grey"));
    all[0].edit(1, &[put(&["colour"], "red")]).expect("edits");
    assert_eq!(all[0].value(&["colour"]), Value::from("red"));
}

#[test]
fn an_edit_under_a_newer_version_that_comes_to_nothing_leaves_the_older_one_usable() {
    let (v1, v2) = versions();
    let mut all = replicas(2, &[v1.clone(), v2.clone()]);
    all[0]
        .edit(1, &[clear(&["title"])])
        .expect_err("nothing to do");
    all[0].chain.truncate(1);
    all[0]
        .edit(2, &[put(&["name"], "under version 1")])
        .expect("edits");
    all[0].chain.push(v2);
    all[0]
        .edit(3, &[clear(&["colour"])])
        .expect_err("nothing to do");
    all[0].chain.truncate(1);
    all[0].edit(4, &[put(&["name"], "again")]).expect("edits");
    assert_eq!(
        settle(&mut all).get(&["title"]),
        Some(&Value::from("again"))
    );
}
