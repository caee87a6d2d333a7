//! The schema language: what it says, and how it answers mistakes.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use anabranch_core::{
    changeset::EngineKind,
    limits,
    schema::{
        Authority, BodyLayout, FanOut, HistoryPolicy, Index, Lens, MergeRule, OnDeleteEdit,
        PartShape, Residency, Schema, SchemaErrors, ValueType,
    },
    value::Value,
};

const ALL: &str = r#"
kind = "thing"
version = 2
about = "Everything \"at\" once"
route = ["state", "owner"]
on_delete_edit = "delete_wins"
history = "horizon"
retention_days = 30
evict = false
index = "none"
fan_out = "confirmed"

[record]
authority = "owner"
[record.fields]
title = "lww text"
owner = { rule = "once", type = "entity" }
state = { rule = "lww", choices = ["a", "b"], since = 2, about = "where it stands" }
place = { rule = "group", fields = { lat = "float", lon = "float" } }
weight = { rule = "keep", type = "int", min = -5, max = 500 }
seen = "counter"
tags = { rule = "set", type = "text", max = 20 }
steps = { rule = "list", type = "bool" }
signed = { rule = "append", entry = { by = "entity", at = "time" } }
note = "text"
extra = { rule = "open", type = "bytes", max = 8 }
[record.fields.deep]
rule = "map"
since = 2
fields = { inner = { rule = "map", fields = { leaf = "lww int" } } }

[part.mine]
authority = "creator"
since = 2
fields = { pin = "lww text" }

[part.here]
residency = "local"

[part.there]
authority = "server"
residency = "server_only"

[body]
layout = "text"
root = "codemirror"

[log.said]
authority = "server"
required = ["text", "at"]
entry = { text = { type = "text", max = 10 }, at = "time", who = { type = "choice", choices = ["x"] } }

[lens.rename]
phase = "state"

[lens.default]
weight = 1
place = { lat = 0, lon = 1.5 }
"#;

fn ok(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str) -> SchemaErrors {
    match Schema::parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(errors) => errors,
    }
}

/// Exactly one error: its code, place and message.
fn one(text: &str) -> (&'static str, String, String) {
    let errors = errors(text);
    let all: Vec<_> = errors.iter().collect();
    assert_eq!(all.len(), 1, "{errors}");
    (all[0].fault.code(), all[0].path.clone(), all[0].to_string())
}

/// A small schema with one field of the record.
fn with_field(field: &str) -> String {
    format!("kind = \"k\"\nversion = 1\n[record.fields]\n{field}\n")
}

#[test]
fn every_setting_of_the_language_is_read() {
    let schema = ok(ALL);
    let spec = schema.spec();
    assert_eq!((spec.kind.as_str(), spec.version), ("thing", 2));
    assert_eq!(spec.route, ["owner", "state"]);
    assert_eq!(spec.on_delete_edit, OnDeleteEdit::DeleteWins);
    assert_eq!(spec.history, HistoryPolicy::Horizon);
    assert_eq!(spec.retention_days, Some(30));
    assert!(!spec.evict);
    assert_eq!((spec.index, spec.fan_out), (Index::None, FanOut::Confirmed));
    let parts: Vec<_> = spec
        .parts
        .iter()
        .map(|(n, p)| (n.as_str(), p.authority, p.residency))
        .collect();
    assert_eq!(
        parts,
        [
            ("body", Authority::Member, Residency::Synced),
            ("log.said", Authority::Server, Residency::Synced),
            ("part.here", Authority::Member, Residency::Local),
            ("part.mine", Authority::Creator, Residency::Synced),
            ("part.there", Authority::Server, Residency::ServerOnly),
            ("record", Authority::Owner, Residency::Synced),
        ]
    );
    let rule = |name: &str| {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        schema.field("record", &path).expect(name).rule.clone()
    };
    let text = |units_max| ValueType::Text { units_max };
    assert_eq!(rule("title"), MergeRule::Lww(text(5_000)));
    assert_eq!(rule("owner"), MergeRule::Once(ValueType::Entity));
    assert_eq!(
        rule("weight"),
        MergeRule::Keep(ValueType::Int { min: -5, max: 500 })
    );
    assert_eq!(rule("tags"), MergeRule::Set(text(20)));
    assert_eq!(rule("steps"), MergeRule::List(ValueType::Bool));
    assert_eq!(
        rule("extra"),
        MergeRule::Open(ValueType::Bytes { bytes_max: 8 })
    );
    assert_eq!(
        (rule("seen"), rule("note")),
        (MergeRule::Counter, MergeRule::Text)
    );
    assert!(matches!(
        rule("signed"),
        MergeRule::Append(ValueType::Entry(_))
    ));
    assert!(matches!(
        rule("deep.inner.leaf"),
        MergeRule::Lww(ValueType::Int { .. })
    ));
    let since = |part: &str, path: &[&str]| {
        let path: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
        schema.field(part, &path).expect("a field").since
    };
    assert_eq!(since("record", &["title"]), 1);
    assert_eq!(since("record", &["deep", "inner", "leaf"]), 2);
    assert_eq!(since("part.mine", &["pin"]), 2);
    match &schema.part("body").expect("a body").shape {
        PartShape::Body(body) => assert_eq!(
            (body.layout, body.root.as_str()),
            (BodyLayout::Text, "codemirror")
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(spec.lens.len(), 3);
    assert_eq!(
        spec.lens[2],
        Lens::Default {
            field: "weight".into(),
            value: Value::Int(1)
        }
    );
    assert_eq!(
        schema.part("log.said").map(|part| part.engine()),
        Some(EngineKind::Log)
    );
}

#[test]
fn a_printed_schema_reads_as_itself() {
    let schema = ok(ALL);
    let printed = schema.to_toml();
    assert_eq!(ok(&printed), schema, "{printed}");
}

#[test]
fn the_address_depends_on_what_is_said_and_not_on_how() {
    let short = ok(&with_field("a = \"lww text\"\nb = \"counter\""));
    let long = ok(
        "# the same\nversion = 1\nkind='k'\nroute = []\n[record]\nauthority = \"member\"\n\
        [record.fields.b]\nrule = \"counter\"\n[record.fields.a]\nrule = \"lww\"\ntype = \"text\"\nmax = 5000\nsince = 1\n",
    );
    assert_eq!(short.id(), long.id());
    assert_ne!(short.id(), ok(&with_field("a = \"lww text\"")).id());
}

#[test]
fn an_error_says_line_column_path_and_how_to_mend_it() {
    let text = "kind = \"k\"\nversion = 1\n\n[record.fields]\ntitle = { rule = \"lww\", type = \"string\" }\n";
    let (code, path, message) = one(text);
    assert_eq!(
        (code, path.as_str()),
        ("schema-unknown-word", "record.fields.title.type")
    );
    assert_eq!(
        message,
        "line 5, column 32, record.fields.title.type: `string` means nothing here, did you mean \
         `text`?; known: bool, int, float, text, bytes, time, choice, entity, entry"
    );
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_text() {
    let text = "kind = 5\nhistroy = \"full\"\nroute = [\"titel\"]\n[record.fields]\ntitle = \"lwww text\"\nn = \"counter\"\nBad-Name = \"counter\"\n[log.x]\n";
    let found = errors(text);
    let found: Vec<_> = found
        .iter()
        .map(|e| (e.line, e.fault.code(), e.path.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (1, "schema-missing", ""),
            (1, "schema-wrong-type", "kind"),
            (2, "schema-unknown-key", "histroy"),
            (3, "schema-route-unknown", "route"),
            (5, "schema-unknown-word", "record.fields.title"),
            (7, "schema-bad-name", "record.fields.Bad-Name"),
            (8, "schema-missing", "log.x"),
        ]
    );
}

#[test]
fn each_mistake_has_its_own_code() {
    let cases: &[(&str, &str)] = &[
        (
            "kind = \"k\"\nversion = 1\nkind = \"l\"",
            "schema-duplicate",
        ),
        (
            "kind = \"k\"\nversion = 1\n[log.a]\nentry = { t = \"text\" }\n[log.a]\n",
            "schema-duplicate",
        ),
        ("kind = \"k\"\nversion = 1\n[record\n", "schema-syntax"),
        ("kind = \"k\"\nversion = 0", "schema-out-of-range"),
        ("kind = \"k\"", "schema-missing"),
        (
            "kind = \"k\"\nversion = 1\nrecrod = 1",
            "schema-unknown-key",
        ),
        (
            "kind = \"k\"\nversion = 1\n[record]\ntitle = \"lww text\"",
            "schema-field-outside-fields",
        ),
        (
            "kind = \"k\"\nversion = 1\nhistory = \"ful\"",
            "schema-unknown-word",
        ),
        (
            "kind = \"k\"\nversion = 1\nevict = \"no\"",
            "schema-wrong-type",
        ),
        (
            "kind = \"k\"\nversion = 1\nretention_days = 3",
            "schema-retention-without-log",
        ),
        (
            "kind = \"k\"\nversion = 1\nroute = [\"a\", \"a\"]\n[record.fields]\na = \"lww int\"",
            "schema-duplicate",
        ),
        (
            "kind = \"k\"\nversion = 1\nroute = [\"a\"]\n[record.fields]\na = \"counter\"",
            "schema-route-rule",
        ),
        (
            "kind = \"k\"\nversion = 1\nroute = [\"a\"]\n[record.fields]\na = \"lww text\"",
            "schema-route-too-long",
        ),
        (
            "kind = \"k\"\nversion = 1\nroute = [\"b\"]\n[record.fields]\na = \"lww int\"",
            "schema-route-unknown",
        ),
        (
            "kind = \"k\"\nversion = 1\nroute = [\"a\"]\n[record]\nresidency = \"local\"\n[record.fields]\na = \"lww int\"",
            "schema-route-unseen",
        ),
        (
            "kind = \"k\"\nversion = 1\n[part.a]\nresidency = \"server_only\"",
            "schema-server-only-authority",
        ),
        (
            "kind = \"k\"\nversion = 1\n[part.a]\nresidency = \"local\"\nauthority = \"server\"",
            "schema-local-authority",
        ),
        ("kind = \"k\"\nversion = 1\n[part.A]\n", "schema-bad-name"),
        (
            "kind = \"k\"\nversion = 1\n[body]\nlayout = \"text\"\nroot = \"\"",
            "schema-bad-word",
        ),
        (
            "kind = \"k\"\nversion = 1\n[log.a]\nentry = {}",
            "schema-empty",
        ),
        (
            "kind = \"k\"\nversion = 1\n[log.a]\nrequired = [\"b\"]\nentry = { a = \"text\" }",
            "schema-required-unknown",
        ),
        (
            "kind = \"k\"\nversion = 1\n[log.a]\nentry = { a = { rule = \"lww\", type = \"text\" } }",
            "schema-container",
        ),
        (
            "kind = \"k\"\nversion = 1\n[lens.rename]\na = \"b\"\n[record.fields]\nb = \"lww int\"",
            "schema-rename-in-first-version",
        ),
        (
            "kind = \"k\"\nversion = 2\n[lens.rename]\na = \"b\"\n[record.fields]\nb = \"lww int\"",
            "schema-renamed-since",
        ),
        (
            "kind = \"k\"\nversion = 2\n[lens.rename]\na = \"b\"\n[record.fields]\nc = \"lww int\"",
            "schema-lens-unknown",
        ),
        (
            "kind = \"k\"\nversion = 2\n[lens.rename]\na = \"b\"\n[record.fields]\na = \"lww int\"\nb = { rule = \"lww\", type = \"int\", since = 2 }",
            "schema-renamed-still-there",
        ),
        (
            "kind = \"k\"\nversion = 2\n[lens.rename]\na = \"b\"\n[record.fields]\nb = { rule = \"text\", since = 2 }",
            "schema-rename-rule",
        ),
        (
            "kind = \"k\"\nversion = 2\n[lens.rename]\na = \"b\"\nc = \"b\"\n[record.fields]\nb = { rule = \"counter\", since = 2 }",
            "schema-lens-twice",
        ),
        (
            "kind = \"k\"\nversion = 1\n[lens.default]\na = 1\n[record.fields]\na = \"counter\"",
            "schema-default-rule",
        ),
        (
            "kind = \"k\"\nversion = 1\n[lens.default]\na = \"y\"\n[record.fields]\na = { rule = \"lww\", choices = [\"x\"] }",
            "schema-default-value",
        ),
        (
            "kind = \"k\"\nversion = 1\n[lens.default]\na = { x = 1 }\n[record.fields.a]\nrule = \"group\"\nfields = { x = \"int\", y = \"int\" }",
            "schema-default-value",
        ),
    ];
    for (text, code) in cases {
        assert_eq!(one(text).0, *code, "{text}");
    }
    let fields: &[(&str, &str)] = &[
        ("\"~life\" = \"lww bool\"", "schema-reserved-name"),
        ("createdAt = \"lww time\"", "schema-bad-name"),
        ("a = 5", "schema-wrong-type"),
        ("a = \"lww\"", "schema-missing"),
        ("a = \"lww text 20\"", "schema-unknown-word"),
        ("a = \"counter int\"", "schema-not-needed"),
        ("a = { rule = \"counter\", max = 5 }", "schema-not-needed"),
        (
            "a = { rule = \"lww\", type = \"bool\", max = 5 }",
            "schema-not-needed",
        ),
        ("a = { type = \"bool\" }", "schema-missing"),
        (
            "a = { rule = \"lww\", typ = \"bool\", type = \"bool\" }",
            "schema-unknown-key",
        ),
        (
            "a = { rule = \"group\", fields = { b = \"lww\" } }",
            "schema-unknown-word",
        ),
        (
            "a = { rule = \"group\", fields = { b = { rule = \"set\", type = \"text\" } } }",
            "schema-container",
        ),
        (
            "a = { rule = \"group\", fields = { b = { entry = { c = \"text\" } } } }",
            "schema-container",
        ),
        ("a = { rule = \"group\", fields = {} }", "schema-empty"),
        ("a = { rule = \"map\", fields = {} }", "schema-empty"),
        (
            "a = { rule = \"lww\", entry = { b = \"text\" } }",
            "schema-type-for-rule",
        ),
        ("a = \"set float\"", "schema-type-for-rule"),
        (
            "a = { rule = \"lww\", type = \"int\", min = 2, max = 1 }",
            "schema-bounds-crossed",
        ),
        (
            "a = { rule = \"lww\", type = \"text\", max = 70000 }",
            "schema-out-of-range",
        ),
        ("a = { rule = \"lww\", choices = [] }", "schema-empty"),
        (
            "a = { rule = \"lww\", choices = [\"x\", \"x\"] }",
            "schema-duplicate",
        ),
        (
            "a = { rule = \"lww\", choices = [\"x\\ny\"] }",
            "schema-bad-word",
        ),
        (
            "a = { rule = \"lww\", type = \"int\", since = 2 }",
            "schema-since",
        ),
        (
            "a = { rule = \"lww\", type = \"int\", about = \"\\u0007\" }",
            "schema-bad-word",
        ),
    ];
    for (field, code) in fields {
        assert_eq!(one(&with_field(field)).0, *code, "{field}");
    }
}

#[test]
fn bounds_are_kept_and_the_errors_themselves_are_bounded() {
    let fields: String = (0..=limits::SCHEMA_FIELDS_MAX)
        .map(|i| format!("f{i} = \"counter\"\n"))
        .collect();
    assert_eq!(one(&with_field(&fields)).0, "schema-too-many");
    let wrong: String = (0..500).map(|i| format!("f{i} = \"nothing\"\n")).collect();
    let found = errors(&with_field(&wrong));
    assert_eq!(found.iter().count(), limits::SCHEMA_ERRORS_MAX);
    assert_eq!(found.unreported(), 500 - limits::SCHEMA_ERRORS_MAX);
    assert_eq!(
        one(&"#".repeat(limits::SCHEMA_BYTES_MAX + 1)).0,
        "schema-too-large"
    );
    let words: Vec<String> = (0..limits::SCHEMA_CHOICES_MAX)
        .map(|i| format!("\"{i:060}\""))
        .collect();
    let huge: String = (0..8)
        .map(|i| {
            format!(
                "f{i} = {{ rule = \"lww\", choices = [{}] }}\n",
                words.join(",")
            )
        })
        .collect();
    assert_eq!(one(&with_field(&huge)).0, "schema-too-large");
}

fn nested(depth: usize) -> String {
    let mut field = "\"counter\"".to_owned();
    for _ in 1..depth {
        field = format!("{{ rule = \"map\", fields = {{ a = {field} }} }}");
    }
    with_field(&format!("a = {field}"))
}

#[test]
fn maps_nest_to_the_bound_and_no_deeper() {
    let deepest = ok(&nested(limits::SCHEMA_DEPTH_MAX));
    assert_eq!(ok(&deepest.to_toml()), deepest);
    assert_eq!(Schema::decode(&deepest.encode()), Ok(deepest));
    let codes: Vec<_> = errors(&nested(limits::SCHEMA_DEPTH_MAX + 1))
        .iter()
        .map(|e| e.fault.code())
        .collect();
    assert_eq!(codes, ["schema-too-deep"]);
    errors(&nested(200));
}

#[test]
fn dotted_keys_without_end_are_an_error_and_no_overflow() {
    for text in [
        format!("{}=1", vec!["a"; 60_000].join(".")),
        format!("[{}]", vec!["a"; 60_000].join(".")),
        format!("a = {}{}", "[".repeat(60_000), "]".repeat(60_000)),
        format!("a = {}", "{ a = ".repeat(40_000)),
        format!(
            "a = {}",
            format!("{{ {} = ", vec!["a"; 70].join(".")).repeat(75)
        ),
        // 5,320 tables deep without one error of syntax: reading stops, and dropping must not fail.
        format!(
            "[record.fields]\na = {}1{}",
            format!("{{ {} = ", vec!["a"; 76].join(".")).repeat(70),
            " }".repeat(70)
        ),
    ] {
        errors(&text);
    }
}

/// The hashed form of version 1 of the format. If this fails, every stored schema has another
/// address: do not change the expectation, make a new format.
#[test]
fn the_canonical_bytes_and_addresses_do_not_move() {
    let small = ok(
        "kind = \"k\"\nversion = 1\nroute = [\"s\"]\n[record.fields]\n\
         s = { rule = \"lww\", choices = [\"a\", \"b\"] }\nt = \"text\"\n[lens.default]\ns = \"a\"\n",
    );
    let hex: String = small
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "016b010001067265636f7264000201730006020161016201000174080100000001017300000001000001010173040161"
    );
    assert_eq!(
        small.id().to_string(),
        "1748fcec5f29cdfdd750f016b518a3d9b8bf6b0cb63b895e77b6c28626e3ec4b"
    );
    assert_eq!(
        ok(ALL).id().to_string(),
        "8ca4cba70e311026b8bfa8aa2cea241f0ee9af5769e848376967bf17d3e8cbc9"
    );
}
