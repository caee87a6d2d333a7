//! What may be written where, as gates and authors ask it.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use anabranch_core::{
    changeset::EngineKind,
    limits,
    schema::{
        Authority, MergeRule, PartShape, SchemaRule, ValueType, WriterIs, catalogue, check_open_key,
    },
    value::{Finite, Value},
};
use std::collections::BTreeMap;

fn code(result: Result<(), SchemaRule>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(rule) => {
            let bytes = postcard_round_trip(&rule);
            assert_eq!(bytes, rule);
            assert!(!rule.to_string().is_empty());
            rule.code()
        }
    }
}

/// Refusals are data: they are stored and sent.
fn postcard_round_trip(rule: &SchemaRule) -> SchemaRule {
    let json = serde_json::to_string(rule).expect("a refusal is data");
    serde_json::from_str(&json).expect("and comes back")
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
    )
}

#[test]
fn each_type_takes_its_own_values_within_bounds() {
    let text = |units_max| ValueType::Text { units_max };
    let half = Value::Float(Finite::new(0.5).expect("finite"));
    let cases = [
        (ValueType::Bool, Value::Bool(true), "ok"),
        (ValueType::Bool, Value::Int(1), "value-type"),
        (ValueType::Bool, Value::Null, "value-type"),
        (ValueType::Int { min: 0, max: 9 }, Value::Int(9), "ok"),
        (
            ValueType::Int { min: 0, max: 9 },
            Value::Int(10),
            "value-out-of-bounds",
        ),
        (
            ValueType::Int { min: 0, max: 9 },
            Value::Time(5),
            "value-type",
        ),
        (ValueType::Float, half.clone(), "ok"),
        (ValueType::Float, Value::Int(1), "value-type"),
        (ValueType::Time, Value::Time(-1), "ok"),
        (
            ValueType::Bytes { bytes_max: 2 },
            Value::Bytes(vec![0; 2]),
            "ok",
        ),
        (
            ValueType::Bytes { bytes_max: 2 },
            Value::Bytes(vec![0; 3]),
            "value-too-many-bytes",
        ),
        (ValueType::Choice(vec!["a".into()]), Value::from("a"), "ok"),
        (
            ValueType::Choice(vec!["a".into()]),
            Value::from("A"),
            "value-choice",
        ),
        (ValueType::Entity, Value::from("0f".repeat(32)), "ok"),
        (
            ValueType::Entity,
            Value::from("0F".repeat(32)),
            "value-entity",
        ),
        (ValueType::Entity, Value::from("0f"), "value-entity"),
        (text(3), Value::from("abc"), "ok"),
        (text(3), Value::from("abcd"), "value-too-long"),
        (text(3), Value::List(vec![]), "value-type"),
    ];
    for (of, value, expected) in cases {
        assert_eq!(code(of.check(&value)), expected, "{of:?} {value:?}");
    }
}

#[test]
fn lengths_count_utf16_units_and_bytes_are_bounded_beside_them() {
    let two = ValueType::Text { units_max: 2 };
    assert_eq!(code(two.check(&Value::from("😀"))), "ok");
    assert_eq!(code(two.check(&Value::from("😀a"))), "value-too-long");
    assert_eq!(code(two.check(&Value::from("€€"))), "ok");
    let most = ValueType::Text {
        units_max: limits::SCALAR_BYTES_MAX as u32,
    };
    let bytes = "€".repeat(limits::SCALAR_BYTES_MAX / 3 + 1);
    assert_eq!(
        code(most.check(&Value::from(bytes))),
        "value-too-many-bytes"
    );
}

#[test]
fn a_group_is_written_whole_and_an_entry_may_lack_what_is_not_required() {
    let members = BTreeMap::from([
        ("lat".to_owned(), ValueType::Float),
        ("lon".to_owned(), ValueType::Float),
    ]);
    let one = Value::Float(Finite::new(1.0).expect("finite"));
    let both = map(&[("lat", one.clone()), ("lon", one.clone())]);
    let half = map(&[("lat", one.clone())]);
    let extra = map(&[
        ("lat", one.clone()),
        ("lon", one.clone()),
        ("x", one.clone()),
    ]);
    let nested = map(&[("lat", one.clone()), ("lon", both.clone())]);
    let group = MergeRule::Group(members.clone());
    assert_eq!(code(group.check(&both)), "ok");
    assert_eq!(code(group.check(&half)), "value-missing");
    assert_eq!(code(group.check(&extra)), "value-unknown");
    assert_eq!(code(group.check(&nested)), "value-type");
    assert_eq!(code(group.check(&Value::Null)), "ok");
    let append = MergeRule::Append(ValueType::Entry(members));
    assert_eq!(code(append.check(&half)), "ok");
    assert_eq!(code(append.check(&extra)), "value-unknown");
}

#[test]
fn null_empties_registers_and_nothing_else() {
    let of = ValueType::Bool;
    for (rule, expected) in [
        (MergeRule::Lww(of.clone()), "ok"),
        (MergeRule::Keep(of.clone()), "ok"),
        (MergeRule::Open(of.clone()), "ok"),
        (MergeRule::Once(of.clone()), "value-type"),
        (MergeRule::Set(of.clone()), "value-type"),
        (MergeRule::List(of.clone()), "value-type"),
        (MergeRule::Append(of), "value-type"),
        (MergeRule::Counter, "value-container"),
        (MergeRule::Text, "value-container"),
        (MergeRule::Map(BTreeMap::new()), "value-container"),
    ] {
        assert_eq!(code(rule.check(&Value::Null)), expected, "{rule:?}");
    }
}

#[test]
fn keys_of_open_maps_are_short_visible_and_not_reserved() {
    for (key, expected) in [
        ("theme.dark", "ok"),
        ("Ä ö", "ok"),
        ("", "value-key"),
        ("~life", "value-key"),
        ("a\u{0}", "value-key"),
    ] {
        assert_eq!(code(check_open_key(key)), expected, "{key:?}");
    }
    assert_eq!(
        code(check_open_key(&"x".repeat(limits::NAME_BYTES_MAX + 1))),
        "value-key"
    );
}

#[test]
fn a_part_is_judged_by_name_engine_and_residency() {
    let profile = catalogue::schema("profile").expect("a profile");
    let judge = |part: &str, engine| code(profile.judge_part(part, engine).map(|_| ()));
    assert_eq!(judge("record", EngineKind::Automerge), "ok");
    assert_eq!(judge("record", EngineKind::Yrs), "schema-engine");
    assert_eq!(
        judge("part.device", EngineKind::Automerge),
        "schema-part-local"
    );
    assert_eq!(
        judge("part.nothing", EngineKind::Automerge),
        "schema-part-unknown"
    );
    assert_eq!(
        judge(&"x".repeat(100_000), EngineKind::Log),
        "schema-part-unknown"
    );
    assert_eq!(
        profile.nearest_part("part.divice"),
        Some("part.device".into())
    );
}

#[test]
fn a_writer_is_judged_by_what_they_are() {
    let profile = catalogue::schema("profile").expect("a profile");
    let nobody = WriterIs::default();
    let member = WriterIs {
        member: true,
        ..nobody
    };
    let owner = WriterIs {
        member: true,
        owner: true,
        ..nobody
    };
    let creator = WriterIs {
        member: true,
        creator: true,
        ..nobody
    };
    let server = WriterIs {
        server: true,
        ..nobody
    };
    let judge = |part: &str, writer| code(profile.judge_writer(part, writer));
    assert_eq!(judge("record", creator), "ok");
    for writer in [nobody, member, owner, server] {
        assert_eq!(judge("record", writer), "schema-authority");
    }
    assert_eq!(judge("part.pin", server), "ok");
    for writer in [nobody, member, owner, creator] {
        assert_eq!(judge("part.pin", writer), "schema-part-server-only");
    }
    for (authority, allowed) in [
        (Authority::Member, [false, true, true, true, true]),
        (Authority::Owner, [false, false, true, false, false]),
        (Authority::Creator, [false, false, false, true, false]),
        (Authority::Server, [false, false, false, false, true]),
    ] {
        let found = [nobody, member, owner, creator, server].map(|writer| authority.allows(writer));
        assert_eq!(found, allowed, "{authority:?}");
    }
}

#[test]
fn route_values_are_declared_typed_and_in_order() {
    let task = catalogue::schema("task").expect("a task");
    let judge = |part: &str, route: &[(&str, Value)]| {
        let route: Vec<_> = route
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        code(task.judge_route(part, &route))
    };
    let (open, ann) = (Value::from("open"), Value::from("ann"));
    assert_eq!(judge("body", &[]), "ok");
    assert_eq!(
        judge(
            "record",
            &[("assignee", ann.clone()), ("status", open.clone())]
        ),
        "ok"
    );
    assert_eq!(judge("record", &[("status", Value::Null)]), "ok");
    assert_eq!(
        judge(
            "record",
            &[("status", open.clone()), ("assignee", ann.clone())]
        ),
        "schema-route-order"
    );
    assert_eq!(
        judge(
            "record",
            &[("status", open.clone()), ("status", open.clone())]
        ),
        "schema-route-order"
    );
    assert_eq!(
        judge("record", &[("title", ann.clone())]),
        "schema-route-undeclared"
    );
    assert_eq!(judge("record", &[("status", ann)]), "value-choice");
    assert_eq!(
        judge("log.comments", &[("status", open)]),
        "schema-route-part"
    );
}

#[test]
fn fields_are_found_by_path_and_misspelt_ones_by_likeness() {
    let task = catalogue::schema("task").expect("a task");
    let path = |steps: &[&str]| {
        steps
            .iter()
            .map(|step| (*step).to_owned())
            .collect::<Vec<_>>()
    };
    assert!(task.field("record", &path(&["timeline", "due"])).is_some());
    for none in [&["timeline", "dew"][..], &["title", "x"], &[], &["Title"]] {
        assert!(task.field("record", &path(none)).is_none(), "{none:?}");
    }
    assert!(task.field("log.comments", &path(&["text"])).is_none());
    assert_eq!(
        task.nearest_field("record", &path(&["titel"])),
        Some("title".into())
    );
    assert_eq!(
        task.nearest_field("record", &path(&["timeline", "strat"])),
        Some("start".into())
    );
    assert_eq!(task.nearest_field("record", &path(&["quux"])), None);
}

#[test]
fn log_entries_have_known_fields_and_all_that_are_required() {
    let automation = catalogue::schema("automation").expect("an automation");
    let PartShape::Log(runs) = &automation.part("log.runs").expect("a log").shape else {
        panic!("no log");
    };
    let event = Value::Bytes(vec![1; 32]);
    let done = Value::from("done");
    let check = |entries: &[(&str, Value)]| code(runs.check(&map(entries)));
    assert_eq!(
        check(&[("event", event.clone()), ("outcome", done.clone())]),
        "ok"
    );
    assert_eq!(check(&[("event", event.clone())]), "value-missing");
    assert_eq!(
        check(&[
            ("event", event.clone()),
            ("outcome", done.clone()),
            ("x", done)
        ]),
        "value-unknown"
    );
    assert_eq!(
        check(&[("event", event), ("outcome", Value::from("well"))]),
        "value-choice"
    );
    assert_eq!(code(runs.check(&Value::from("text"))), "value-type");
}

#[test]
fn a_refusal_stays_small_whatever_it_speaks_of() {
    let task = catalogue::schema("task").expect("a task");
    let huge = "ä".repeat(100_000);
    let status = task.field("record", &["status".into()]).expect("a status");
    let refused = [
        status.rule.check(&Value::from(huge.clone())),
        status.rule.check(&map(&[(&huge, Value::Null)])),
        task.judge_route("record", &[(huge.clone(), Value::Null)]),
        Err(SchemaRule::unknown_field(
            "record",
            &vec![huge.clone(); 1_000],
        )),
    ];
    for rule in refused {
        let rule = rule.expect_err("refused").at(&["status".into()]);
        assert!(serde_json::to_vec(&rule).expect("data").len() < 8_192);
    }
}
