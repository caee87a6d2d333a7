//! A newer version adds and widens; it never says otherwise of what is already there.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use anabranch_core::{
    schema::{Schema, SchemaLog, SchemaLogError, default_of, names_of},
    value::Value,
};
use std::sync::Arc;

const V1: &str = r#"
kind = "mail"
version = 1
route = ["state"]
[record.fields]
subject = { rule = "once", type = "text", max = 100 }
state = { rule = "lww", choices = ["new", "read"] }
size = { rule = "lww", type = "int", min = 0, max = 10 }
tags = { rule = "set", type = "text", max = 20 }
note = "text"
place = { rule = "group", fields = { lat = "float", lon = "float" } }
more = { rule = "map", fields = { a = "lww int" } }
[part.private]
authority = "creator"
fields = { pin = "lww text" }
[body]
layout = "prosemirror"
[log.said]
required = ["text"]
entry = { text = { type = "text", max = 10 }, at = "time" }
"#;

fn parse(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// V1 as version 2, one piece of it changed.
fn second(from: &str, to: &str) -> Schema {
    let text = V1.replacen("version = 1", "version = 2", 1);
    assert!(from.is_empty() || text.contains(from), "{from}");
    parse(&text.replacen(from, to, 1))
}

fn log() -> SchemaLog {
    let mut log = SchemaLog::new();
    log.add(parse(V1)).expect("a first version");
    log
}

/// The one fault with which a second version is refused, and that it changed nothing.
fn refused(from: &str, to: &str) -> (String, &'static str) {
    let mut log = log();
    let before: Vec<_> = log.iter().map(|schema| schema.id()).collect();
    let offered = second(from, to);
    let id = offered.id();
    match log.add(offered) {
        Err(SchemaLogError::Incompatible { errors, .. }) => {
            assert_eq!(errors.len(), 1, "{errors:?}");
            let after: Vec<_> = log.iter().map(|schema| schema.id()).collect();
            assert_eq!(before, after);
            assert!(log.by_id(&id).is_none());
            (errors[0].path.clone(), errors[0].fault.code())
        }
        other => panic!("{from} -> {to}: {other:?}"),
    }
}

fn accepted(from: &str, to: &str) {
    let mut log = log();
    if let Err(error) = log.add(second(from, to)) {
        panic!("{from} -> {to}: {error}");
    }
    assert_eq!(log.newest("mail").map(|newest| newest.version()), Some(2));
}

#[test]
fn a_version_that_turns_once_into_lww_changes_nothing() {
    let turned = refused("rule = \"once\"", "rule = \"lww\"");
    assert_eq!(
        turned,
        ("record.fields.subject".into(), "schema-compat-rule-changed")
    );
}

#[test]
fn no_version_narrows_moves_or_drops_what_is_there() {
    let cases = [
        ("note = \"text\"\n", "", "record.fields.note", "field-gone"),
        (
            "choices = [\"new\", \"read\"]",
            "choices = [\"new\"]",
            "record.fields.state",
            "type-narrowed",
        ),
        (
            "max = 10 }\ntags",
            "max = 9 }\ntags",
            "record.fields.size",
            "type-narrowed",
        ),
        (
            "min = 0,",
            "min = 1,",
            "record.fields.size",
            "type-narrowed",
        ),
        (
            "type = \"text\", max = 20",
            "type = \"int\"",
            "record.fields.tags",
            "type-narrowed",
        ),
        (
            "lon = \"float\" }",
            "lon = \"float\", alt = \"float\" }",
            "record.fields.place",
            "type-narrowed",
        ),
        (
            "lat = \"float\", ",
            "",
            "record.fields.place",
            "type-narrowed",
        ),
        (
            "a = \"lww int\"",
            "a = \"once int\"",
            "record.fields.more.fields.a",
            "rule-changed",
        ),
        (
            "a = \"lww int\"",
            "b = { rule = \"lww\", type = \"int\", since = 2 }",
            "record.fields.more.fields.a",
            "field-gone",
        ),
        (
            "a = \"lww int\"",
            "a = { rule = \"lww\", type = \"int\", since = 2 }",
            "record.fields.more.fields.a.since",
            "since-old",
        ),
        (
            "note = \"text\"",
            "note = \"text\"\nnew = \"counter\"",
            "record.fields.new.since",
            "since-new",
        ),
        (
            "[body]\nlayout = \"prosemirror\"\n",
            "",
            "body",
            "part-gone",
        ),
        (
            "layout = \"prosemirror\"",
            "layout = \"text\"",
            "body",
            "part-shape",
        ),
        (
            "layout = \"prosemirror\"",
            "layout = \"prosemirror\"\nroot = \"other\"",
            "body",
            "part-shape",
        ),
        (
            "authority = \"creator\"",
            "authority = \"member\"",
            "part.private",
            "authority",
        ),
        (
            "authority = \"creator\"",
            "authority = \"owner\"",
            "part.private",
            "authority",
        ),
        (
            "authority = \"creator\"",
            "authority = \"server\"\nresidency = \"server_only\"",
            "part.private",
            "residency",
        ),
        (
            ", at = \"time\" }",
            " }",
            "log.said.entry.at",
            "entry-field-gone",
        ),
        (
            "required = [\"text\"]",
            "required = [\"text\", \"at\"]",
            "log.said.required",
            "required-grew",
        ),
        (
            "[body]",
            "[part.late.fields]\nx = \"counter\"\n[body]",
            "part.late.fields.x.since",
            "since-new",
        ),
        (
            "[body]",
            "[lens.rename]\nsubjekt = \"head\"\n[record.fields.head]\nrule = \"once\"\ntype = \"text\"\nsince = 2\n[body]",
            "lens.rename.subjekt",
            "rename-unknown",
        ),
    ];
    for (from, to, path, code) in cases {
        assert_eq!(
            refused(from, to),
            (
                path.to_owned(),
                format!("schema-compat-{code}").leak() as &str
            ),
            "{from} -> {to}"
        );
    }
}

#[test]
fn a_version_may_add_and_widen() {
    accepted("", "");
    for (from, to) in [
        (
            "choices = [\"new\", \"read\"]",
            "choices = [\"kept\", \"read\", \"new\"]",
        ),
        ("min = 0, max = 10", "min = -1, max = 11"),
        ("max = 100", "max = 101"),
        (
            "note = \"text\"",
            "note = \"text\"\nnew = { rule = \"counter\", since = 2 }",
        ),
        (
            "a = \"lww int\"",
            "a = \"lww int\", b = { rule = \"counter\", since = 2 }",
        ),
        (
            "[body]",
            "[part.late]\nsince = 2\nfields = { x = \"counter\" }\n[body]",
        ),
        ("authority = \"creator\"", "authority = \"server\""),
        ("[body]\n", "[body]\nauthority = \"owner\"\n"),
        ("at = \"time\" }", "at = \"time\", who = \"entity\" }"),
        ("required = [\"text\"]\n", ""),
        ("route = [\"state\"]", "history = \"horizon\""),
    ] {
        accepted(from, to);
    }
}

#[test]
fn versions_are_dense_and_each_has_one_schema() {
    let mut log = SchemaLog::new();
    let third = parse(&V1.replacen("version = 1", "version = 3", 1));
    match log.add(third.clone()) {
        Err(SchemaLogError::Gap {
            had: 0, found: 3, ..
        }) => {}
        other => panic!("{other:?}"),
    }
    log.add(parse(V1)).expect("a first version");
    log.add(parse(V1)).expect("the same again changes nothing");
    assert_eq!(log.iter().count(), 1);
    let other = parse(&V1.replacen("max = 100", "max = 99", 1));
    assert_eq!(
        log.add(other).map_err(|error| error.code()),
        Err("schema-log-taken")
    );
    assert_eq!(
        log.add(third).map_err(|error| error.code()),
        Err("schema-log-gap")
    );
    log.add(second("", "")).expect("the next");
    let versions = |up_to| -> Vec<u32> {
        log.chain("mail", up_to)
            .iter()
            .map(|s| s.version())
            .collect()
    };
    assert_eq!(
        (versions(0), versions(1), versions(9)),
        (vec![], vec![1], vec![1, 2])
    );
    assert!(log.chain("post", 1).is_empty());
}

fn chain_of(texts: &[&str]) -> Result<Vec<Arc<Schema>>, SchemaLogError> {
    let mut log = SchemaLog::new();
    for text in texts {
        log.add(parse(text))?;
    }
    Ok(log.chain("k", u32::MAX))
}

const RENAMES: [&str; 3] = [
    "kind = \"k\"\nversion = 1\n[record.fields]\na = \"lww text\"\nz = \"lww int\"",
    "kind = \"k\"\nversion = 2\n[record.fields]\nb = { rule = \"lww\", type = \"text\", since = 2 }\nz = \"lww int\"\n[lens.rename]\na = \"b\"",
    "kind = \"k\"\nversion = 3\n[record.fields]\nc = { rule = \"lww\", type = \"text\", since = 3 }\nz = \"lww int\"\n[lens.rename]\nb = \"c\"\n[lens.default]\nz = 7",
];

#[test]
fn t26_a_renamed_field_is_read_under_every_name_it_had() {
    let chain = chain_of(&RENAMES).expect("three versions");
    assert_eq!(names_of(&chain, "record", "c"), ["c", "b", "a"]);
    assert_eq!(names_of(&chain[..2], "record", "b"), ["b", "a"]);
    assert_eq!(names_of(&chain, "record", "z"), ["z"]);
    assert_eq!(names_of(&chain, "part.x", "c"), ["c"]);
    assert_eq!(default_of(&chain[2], "record", "z"), Some(&Value::Int(7)));
    assert_eq!(default_of(&chain[0], "record", "z"), None);
}

#[test]
fn a_rename_changes_neither_rule_nor_type_and_never_reuses_a_name() {
    let fault = |third: &str| match chain_of(&[RENAMES[0], RENAMES[1], third]) {
        Err(SchemaLogError::Incompatible { errors, .. }) => errors
            .iter()
            .map(|error| error.fault.code())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let other_rule = RENAMES[2].replace("\"lww\", type = \"text\"", "\"once\", type = \"text\"");
    assert_eq!(fault(&other_rule), ["schema-compat-rule-changed"]);
    let narrower = RENAMES[2].replace("type = \"text\"", "type = \"text\", max = 9");
    assert_eq!(fault(&narrower), ["schema-compat-type-narrowed"]);
    let reused = RENAMES[2].replace(
        "z = \"lww int\"",
        "z = \"lww int\"\na = { rule = \"counter\", since = 3 }",
    );
    assert_eq!(fault(&reused), ["schema-compat-name-retired"]);
    let back = RENAMES[2]
        .replace("\nc = ", "\na = ")
        .replace("b = \"c\"", "b = \"a\"");
    assert_eq!(fault(&back), ["schema-compat-name-retired"]);
}
