//! Edits from the command line, each in a process of its own: texts, logs, sets, counters; and the
//! history that they leave: points, versions, blame, ways back, conflicts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{Store, field, merge};
use serde_json::{Value, json};

/// What `show` says of a part.
fn part<'v>(shown: &'v Value, name: &str) -> &'v Value {
    &shown["parts"][name]
}

fn did(changes: &Value, at: usize) -> &Value {
    &changes["changes"][at]["did"][0]
}

#[test]
fn a_text_is_written_in_places_by_units_of_utf_16() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    store.json(&["text", "insert", &task, "mend 🌊 the weir"]);
    store.json(&["text", "insert", &task, "please ", "--place", "0"]);
    let shown = store.json(&["text", "delete", &task, "--place", "12", "--count", "3"]);
    assert_eq!(
        (&shown["text"], &shown["units"]),
        (&"please mend the weir".into(), &20.into())
    );
    // A markdown's text is its body; a format is there only in a body.
    let page = store.entity(&["markdown", "title=x"]);
    store.json(&["text", "insert", &page, "hello world"]);
    let shown = store.json(&[
        "text", "format", &page, "--place", "0", "--count", "5", "bold",
    ]);
    assert_eq!(
        shown["content"][0],
        json!({ "text": "hello", "marks": { "bold": true } })
    );
    let shown = store.json(&[
        "text", "format", &page, "--place", "0", "--count", "5", "bold=",
    ]);
    assert_eq!(shown["content"][0]["text"], "hello world");
    assert_eq!(store.json(&["text", "show", &page])["in"], "body");
    let (code, _, message) = store.fails(&[
        "text", "format", &task, "--place", "0", "--count", "1", "bold",
    ]);
    assert_eq!(code, 3);
    assert!(message.contains("only a body holds formats"), "{message}");
    let (_, _, message) = store.fails(&["text", "insert", &task, "x", "--place", "99"]);
    assert!(
        message.contains("99") && message.contains("20"),
        "{message}"
    );
    let (_, _, message) = store.fails(&["text", "insert", &task, "x", "--in", "nots"]);
    assert!(message.contains("it has notes"), "{message}");
}

#[test]
fn a_page_is_written_block_by_block() {
    let store = Store::new();
    let page = store.entity(&["page", "title=Home"]);
    store.json(&["text", "insert", &page, "Weir", "--tag", "heading"]);
    store.json(&["text", "insert", &page, "Mend it.", "--tag", "paragraph"]);
    store.json(&["text", "insert", &page, " Soon."]);
    let shown = store.json(&[
        "text", "insert", &page, "The ", "--block", "0", "--place", "0",
    ]);
    assert_eq!(shown["text"], "The Weir\nMend it. Soon.\n");
    assert_eq!(shown["content"][1]["tag"], "paragraph");
    let runs = store.json(&["blame", &page, "body", "--block", "1"]);
    let text: String = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, "Mend it. Soon.");
    let (_, _, message) = store.fails(&["blame", &page, "body"]);
    assert!(message.contains("--block"), "{message}");
}

#[test]
fn logs_and_sets_grow() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    assert_eq!(
        store.json(&["append", &task, "comments", "Looks good"])["entries"],
        1
    );
    let second = store.json(&["append", &task, "log.comments", "text=Not = bad"]);
    assert_eq!(
        (&second["entries"], &second["entry"]["text"]),
        (&2.into(), &"Not = bad".into())
    );
    let entries = store.json(&["entries", &task, "comments"]);
    assert_eq!(
        entries["entries"][0]["did"][0]["entry"]["text"],
        "Not = bad"
    );
    let (_, _, message) = store.fails(&["append", &task, "coments", "x"]);
    assert!(message.contains("it has comments"), "{message}");
    let (_, _, message) = store.fails(&["append", &task, "comments", "txt=x"]);
    assert!(message.contains("no field `txt`"), "{message}");
    let tagged = store.json(&["tag", &task, "river", "stone"]);
    assert_eq!(tagged["elements"], json!(["river", "stone"]));
    let tagged = store.json(&["tag", &task, "wood", "--remove", "river"]);
    assert_eq!(
        (&tagged["field"], &tagged["elements"]),
        (&"labels".into(), &json!(["stone", "wood"]))
    );
    let (_, _, message) = store.fails(&["tag", &task, "x", "--field", "title"]);
    assert!(message.contains("it has labels"), "{message}");
    let (code, _, message) = store.fails(&["incr", &task, "title"]);
    assert_eq!(code, 3, "{message}");
}

/// A kind of the workspace's own, with a counter.
#[test]
fn counters_count_up_and_down_and_add_up_across_stores() {
    let store = Store::new();
    let text = "kind = \"poll\"\nversion = 1\n[record.fields]\nvotes = \"counter\"\ntitle = \"lww text\"\n";
    let poll = anabranch::core::schema::Schema::parse(text).unwrap();
    let node = anabranch::open(&store.path).unwrap();
    let workspace = node.home().unwrap().workspace;
    node.with(|engine| {
        engine
            .activate(1_750_000_000_000, &workspace, poll)
            .unwrap()
    });
    node.close(
        anabranch::Receipt::Local,
        std::time::Duration::from_secs(20),
    )
    .unwrap();
    let poll = store.entity(&["poll", "title=Lunch"]);
    let other = store.copy();
    store.json(&["incr", &poll, "votes"]);
    store.json(&["incr", &poll, "votes", "-5"]);
    let counted = other.json(&["incr", &poll, "votes", "10"]);
    assert_eq!(*field(&counted, "votes"), 10);
    merge(&other, &store);
    assert_eq!(*field(&store.json(&["get", &poll]), "votes"), 6);
    store.json(&["undo"]);
    assert_eq!(*field(&store.json(&["get", &poll]), "votes"), 11);
}

#[test]
fn m21_a_history_names_who_did_what_and_any_point_of_it_can_be_shown() {
    let store = Store::new();
    let task = store.entity(&["task", "title=one"]);
    store.json(&["set", &task, "title=two", "status=doing"]);
    store.json(&["append", &task, "comments", "hello"]);
    let history = store.json(&["history", &task]);
    assert_eq!(history["of"], 3);
    assert_eq!(did(&history, 0), &json!({ "entry": { "text": "hello" } }));
    assert_eq!(did(&history, 1)["field"], "status");
    assert_eq!(
        (
            did(&history, 2)["was"].clone(),
            did(&history, 2)["is"].clone()
        ),
        (Value::Null, "one".into())
    );
    let first = history["changes"][2]["id"].as_str().unwrap();
    assert_eq!(history["changes"][1]["after"], json!([first]));
    // By a change, by its beginning, and by a time.
    for point in [first, &first[..6]] {
        let then = store.json(&["show", &task, "--at", point]);
        assert_eq!(
            (field(&then["record"], "title"), part(&then, "log.comments")),
            (&"one".into(), &Value::Null)
        );
    }
    let now = store.json(&["show", &task, "--at", "2999-01-01T00:00"]);
    assert_eq!(
        (field(&now["record"], "title"), part(&now, "log.comments")),
        (&"two".into(), &1.into())
    );
    let before = store.json(&["show", &task, "--at", "1999-01-01T00:00:00Z"]);
    assert_eq!(before["record"]["fields"]["title"], Value::Null);
    let (code, _, message) = store.fails(&["show", &task, "--at", "last tuesday"]);
    assert_eq!(code, 3);
    assert!(message.contains("the name of a version"), "{message}");
    // Only so many are told, and the page says that there are more.
    assert_eq!(
        store.json(&["history", &task, "--limit", "1"])["changes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(
        store
            .page(&["history", &task, "--limit", "1"])
            .contains("2 more")
    );
    let blame = store.json(&["blame", &task]);
    assert_eq!(blame["fields"][0]["field"], "status");
}

#[test]
fn m21_a_named_version_travels_and_brings_everything_back() {
    let store = Store::new();
    let page = store.entity(&["markdown", "title=Weir"]);
    store.json(&["text", "insert", &page, "one two three"]);
    store.json(&["version", &page, "first draft"]);
    store.json(&["text", "delete", &page, "--place", "4", "--count", "4"]);
    store.json(&["set", &page, "title=Sluice"]);
    let other = store.copy();
    let shown = other.json(&["show", &page, "--at", "first draft"]);
    assert_eq!(
        (
            field(&shown["record"], "title"),
            &part(&shown, "body")["text"]
        ),
        (&"Weir".into(), &"one two three".into())
    );
    let reverted = other.json(&["revert", &page, "--to", "first draft"]);
    assert_eq!(reverted["changed"], json!(["body", "record"]));
    let shown = other.json(&["show", &page]);
    assert_eq!(
        (
            field(&shown["record"], "title"),
            &part(&shown, "body")["text"]
        ),
        (&"Weir".into(), &"one two three".into())
    );
    assert_eq!(
        other.json(&["revert", &page, "--to", "first draft"])["changed"],
        json!([])
    );
    merge(&other, &store);
    assert_eq!(store.json(&["show", &page]), shown);
    assert_eq!(
        store.json(&["version", &page])["versions"][0]["name"],
        "first draft"
    );
    let (_, _, message) = store.fails(&["version", &page, "first draft"]);
    assert!(message.contains("already"), "{message}");
}

/// Every command is a process of its own, so nothing of an undo can be remembered but by the store.
#[test]
fn an_undo_outlives_its_process_and_leaves_others_work_alone() {
    let store = Store::new();
    let task = store.entity(&["task", "title=one", "notes=one two three"]);
    store.json(&["set", &task, "title=two"]);
    store.json(&["text", "delete", &task, "--place", "4", "--count", "4"]);
    let title = || field(&store.json(&["get", &task]), "title").clone();
    let notes = || field(&store.json(&["get", &task]), "notes").clone();
    store.json(&["undo"]);
    assert_eq!((title(), notes()), ("two".into(), "one two three".into()));
    store.json(&["undo", &task]);
    assert_eq!(title(), "one");
    store.json(&["redo"]);
    store.json(&["redo"]);
    assert_eq!((title(), notes()), ("two".into(), "one three".into()));
    assert_eq!(store.said(&["redo"]).0, 1, "nothing is left to redo");
    store.json(&["undo"]);
    store.json(&["undo"]);
    assert_eq!((title(), notes()), ("one".into(), "one two three".into()));
    // A new edit ends what could be done again.
    store.json(&["set", &task, "status=doing"]);
    assert_eq!(store.said(&["redo"]).0, 1);
    store.json(&["undo"]);
    // The making of it: the entity goes, and comes back whole.
    store.json(&["undo"]);
    assert_eq!(store.json(&["get", &task])["deleted"], true);
    assert_eq!(store.said(&["undo"]).0, 1, "nothing is left to undo");
    store.json(&["redo"]);
    let back = store.json(&["get", &task]);
    assert_eq!(
        (&back["deleted"], field(&back, "title")),
        (&false.into(), &"one".into())
    );
    assert_eq!(store.json(&["verify"])["holds"], true);
}

#[test]
fn m133_what_was_written_apart_is_listed_and_settled_once_for_all() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    let other = store.copy();
    store.json(&["set", &task, "estimate_minutes=10"]);
    other.json(&["set", &task, "estimate_minutes=90"]);
    merge(&other, &store);
    let listed = store.json(&["conflicts"]);
    assert_eq!(listed["conflicts"][0]["field"], "estimate_minutes");
    assert_eq!(
        listed["conflicts"][0]["values"].as_array().unwrap().len(),
        2
    );
    assert_eq!(listed["conflicts"][0]["values"][0]["value"], 90);
    let explained = store.json(&["explain", "conflict"]);
    assert_eq!(explained["now"]["conflicts"], 1);
    assert_eq!(explained["causes"][1]["code"], "conflict");
    let (code, _, message) = store.fails(&["resolve", &task, "estimate_minutes", "--pick", "3"]);
    assert_eq!(code, 3);
    assert!(message.contains("1 to 2"), "{message}");
    let (_, _, message) = store.fails(&["resolve", &task, "title=y"]);
    assert!(
        message.contains("these were: estimate_minutes"),
        "{message}"
    );
    store.json(&["resolve", &task, "estimate_minutes", "--pick", "2"]);
    merge(&store, &other);
    for place in [&store, &other] {
        assert_eq!(place.json(&["conflicts"])["conflicts"], json!([]));
        assert_eq!(*field(&place.json(&["get", &task]), "estimate_minutes"), 10);
    }
}

#[test]
fn an_undo_of_the_workspace_takes_the_last_edit_back_whichever_entity_it_was_of() {
    let store = Store::new();
    let tasks: Vec<String> = (0..4)
        .map(|at| store.entity(&["task", &format!("title=task {at}")]))
        .collect();
    for task in &tasks {
        store.json(&["set", task, "status=doing"]);
        let undone = store.json(&["undo"]);
        assert_eq!(undone["id"], **task, "{undone}");
        assert_eq!(
            store.json(&["get", task])["fields"]["title"]
                .as_str()
                .map(str::len),
            Some(6)
        );
    }
}
