//! The standard catalogue says what the ledger rules of every domain ask for.
#![allow(clippy::expect_used, clippy::panic)]

use anabranch_core::schema::{
    Authority, BodyLayout, FanOut, Field, HistoryPolicy, Index, MergeRule, OnDeleteEdit, Part,
    PartShape, Residency, Schema, SchemaLog, ValueType, catalogue,
};

fn schema(kind: &str) -> Schema {
    catalogue::schema(kind).unwrap_or_else(|| panic!("the catalogue has no {kind}"))
}

fn part<'s>(schema: &'s Schema, name: &str) -> &'s Part {
    schema
        .part(name)
        .unwrap_or_else(|| panic!("no part {name}"))
}

fn field<'s>(schema: &'s Schema, part: &str, path: &str) -> &'s Field {
    let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
    schema
        .field(part, &steps)
        .unwrap_or_else(|| panic!("no field {part} {path}"))
}

/// These fields of the record have this rule.
fn assert_rule(schema: &Schema, rule: &str, fields: &[&str]) {
    for path in fields {
        assert_eq!(field(schema, "record", path).rule.name(), rule, "{path}");
    }
}

fn assert_log(schema: &Schema, name: &str) {
    let part = part(schema, name);
    assert!(matches!(part.shape, PartShape::Log(_)), "{name} is no log");
    assert_eq!(part.residency, Residency::Synced);
}

/// Every field of a record part has one of these rules.
fn assert_only(schema: &Schema, name: &str, rules: &[&str]) {
    let fields = part(schema, name).fields().expect("a record");
    assert!(!fields.is_empty());
    for (key, field) in fields {
        assert!(rules.contains(&field.rule.name()), "{name}.{key}");
    }
}

/// The members of a group of the record or another part.
fn group(schema: &Schema, part: &str, path: &str) -> Vec<String> {
    match &field(schema, part, path).rule {
        MergeRule::Group(members) => members.keys().cloned().collect(),
        other => panic!("{path} is no group: {other:?}"),
    }
}

fn layout(schema: &Schema) -> BodyLayout {
    match &part(schema, "body").shape {
        PartShape::Body(body) => body.layout,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_schema_parses_under_its_own_name_and_enters_one_log() {
    let mut log = SchemaLog::new();
    for entry in catalogue::catalogue() {
        let schema = match entry.parse() {
            Ok(schema) => schema,
            Err(errors) => panic!("{}:\n{errors}", entry.kind),
        };
        assert_eq!(schema.kind(), entry.kind);
        assert_eq!(schema.version(), 1);
        assert!(!schema.spec().about.is_empty());
        log.add(schema).expect("a first version");
    }
    assert_eq!(log.iter().count(), catalogue::catalogue().len());
}

#[test]
fn every_schema_prints_as_a_text_that_says_the_same_and_travels_as_bytes() {
    for entry in catalogue::catalogue() {
        let schema = schema(entry.kind);
        let printed = schema.to_toml();
        let again = Schema::parse(&printed).unwrap_or_else(|e| panic!("{printed}\n{e}"));
        assert_eq!(again, schema, "{printed}");
        assert_eq!(again.to_toml(), printed);
        assert_eq!(Schema::decode(&schema.encode()), Ok(schema));
    }
}

#[test]
fn m27_m28_m78_a_page_is_a_tree_of_blocks_that_merges_and_keeps_its_history() {
    let page = schema("page");
    assert_eq!(layout(&page), BodyLayout::ProseMirror);
    assert_rule(&page, "lww", &["title", "icon", "parent"]);
    assert_eq!(page.spec().history, HistoryPolicy::Full);
    assert_eq!(page.spec().on_delete_edit, OnDeleteEdit::Recover);
}

#[test]
fn m29_markdown_is_collaborative_text() {
    assert_eq!(layout(&schema("markdown")), BodyLayout::Text);
}

#[test]
fn m30_backlinks_are_derived_on_the_device_and_never_sent() {
    for kind in ["page", "markdown"] {
        let schema = schema(kind);
        assert_eq!(part(&schema, "part.derived").residency, Residency::Local);
        field(&schema, "part.derived", "backlinks");
        assert!(schema.field("record", &["backlinks".into()]).is_none());
    }
}

#[test]
fn m31_m33_tags_are_merged_sets() {
    for kind in ["page", "markdown", "file", "contact", "pin"] {
        assert_rule(&schema(kind), "set", &["tags"]);
    }
}

#[test]
fn m32_m79_file_metadata_is_lww() {
    let file = schema("file");
    assert_rule(&file, "lww", &["name", "mime", "folder", "trashed"]);
    assert_eq!(group(&file, "record", "content"), ["hash", "size"]);
}

#[test]
fn m34_m79_file_versions_are_append_only() {
    assert_log(&schema("file"), "log.versions");
}

#[test]
fn m35_extracted_text_is_lww_in_a_document_of_its_own() {
    let file = schema("file");
    let rule = &field(&file, "part.extracted", "text").rule;
    assert!(matches!(rule, MergeRule::Lww(ValueType::Text { .. })));
}

#[test]
fn m36_a_thumbnail_is_a_reference_and_never_bytes() {
    match &field(&schema("file"), "record", "thumbnail").rule {
        MergeRule::Group(members) => {
            let hash = members.get("hash");
            assert_eq!(hash, Some(&ValueType::Bytes { bytes_max: 32 }));
            let bytes = |of: &&ValueType| matches!(of, ValueType::Bytes { .. });
            assert_eq!(members.values().filter(bytes).count(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn m37_m80_tasks_merge_field_by_field() {
    let task = schema("task");
    assert_rule(&task, "lww", &["title", "assignee", "priority", "project"]);
    assert_rule(&task, "set", &["labels"]);
    assert_rule(&task, "keep", &["estimate_minutes"]);
}

#[test]
fn m38_m80_statuses_are_lww() {
    for kind in ["task", "campaign"] {
        let schema = schema(kind);
        let rule = &field(&schema, "record", "status").rule;
        assert!(matches!(rule, MergeRule::Lww(ValueType::Choice(_))));
    }
}

#[test]
fn m39_m80_comments_are_an_append_only_log() {
    for kind in ["task", "page", "comment"] {
        assert_log(&schema(kind), "log.comments");
    }
    assert_rule(&schema("comment"), "once", &["subject", "anchor"]);
}

#[test]
fn m40_timelines_merge_field_by_field() {
    let task = schema("task");
    assert_rule(&task, "map", &["timeline"]);
    assert_rule(&task, "lww", &["timeline.start", "timeline.due"]);
}

#[test]
fn m41_m81_emails_are_written_once_but_for_what_the_reader_does_with_them() {
    let email = schema("email");
    let once = [
        "subject",
        "from",
        "to",
        "cc",
        "sent_at",
        "received_at",
        "message_id",
    ];
    assert_rule(&email, "once", &once);
    assert_eq!(field(&email, "part.content", "body").rule.name(), "once");
    assert_only(&email, "part.content", &["once", "append"]);
    assert_rule(&email, "lww", &["read", "starred", "folder"]);
}

#[test]
fn m42_m81_drafts_are_lww() {
    assert_only(&schema("draft"), "record", &["lww"]);
}

#[test]
fn m43_m81_campaigns_merge_field_by_field_and_servers_count_their_results() {
    let campaign = schema("campaign");
    assert_rule(&campaign, "lww", &["name", "subject", "status"]);
    assert_eq!(group(&campaign, "record", "window"), ["end", "start"]);
    assert_eq!(part(&campaign, "part.results").authority, Authority::Server);
    assert_only(&campaign, "part.results", &["counter"]);
}

#[test]
fn m44_contacts_merge_field_by_field_and_an_address_wins_as_one() {
    let contact = schema("contact");
    assert_rule(&contact, "lww", &["name", "company"]);
    assert_rule(&contact, "set", &["emails", "phones"]);
    assert_rule(&contact, "group", &["address"]);
}

#[test]
fn m45_pins_are_places_with_fields_of_their_own() {
    assert_rule(&schema("pin"), "text", &["note"]);
    assert_rule(&schema("pin"), "lww", &["title", "layer"]);
}

#[test]
fn m82_pins_merge_by_field_and_coordinates_win_as_one() {
    let pin = schema("pin");
    assert_rule(&pin, "lww", &["title", "color", "icon", "layer"]);
    assert_eq!(group(&pin, "record", "coordinates"), ["lat", "lon"]);
}

#[test]
fn m46_coordinates_are_one_pair() {
    assert_eq!(group(&schema("pin"), "record", "coordinates").len(), 2);
    assert!(schema("pin").field("record", &["lat".into()]).is_none());
}

#[test]
fn m47_pin_metadata_is_lww_by_key() {
    assert_rule(&schema("pin"), "open", &["metadata"]);
}

#[test]
fn m48_a_profile_is_lww_and_its_creators_own() {
    let profile = schema("profile");
    assert_only(&profile, "record", &["lww"]);
    assert_eq!(part(&profile, "record").authority, Authority::Creator);
}

#[test]
fn m49_m83_preferences_are_lww() {
    let preferences = schema("preferences");
    assert_only(&preferences, "record", &["lww", "open", "map"]);
    assert_rule(&preferences, "lww", &["theme", "language"]);
}

#[test]
fn m50_ai_settings_are_lww_setting_by_setting() {
    let preferences = schema("preferences");
    assert_rule(&preferences, "map", &["ai"]);
    assert_rule(
        &preferences,
        "lww",
        &["ai.enabled", "ai.model", "ai.instructions"],
    );
}

#[test]
fn m51_m83_the_pin_hash_is_the_servers_and_never_sent_to_a_device() {
    let profile = schema("profile");
    let pin = part(&profile, "part.pin");
    assert_eq!(pin.authority, Authority::Server);
    assert_eq!(pin.residency, Residency::ServerOnly);
    for (name, part) in &profile.spec().parts {
        let holds_hash = part
            .fields()
            .is_some_and(|fields| fields.contains_key("hash"));
        assert_eq!(holds_hash, name == "part.pin");
    }
}

#[test]
fn m160_m162_vault_secrets_stay_at_the_server_and_biometric_flags_on_the_device() {
    let preferences = schema("preferences");
    assert_eq!(
        part(&preferences, "part.vault").residency,
        Residency::ServerOnly
    );
    let profile = schema("profile");
    assert_eq!(part(&profile, "part.device").residency, Residency::Local);
    field(&profile, "part.device", "biometric_unlock");
}

#[test]
fn m52_m84_automation_definitions_are_lww_and_whole() {
    let automation = schema("automation");
    assert_rule(
        &automation,
        "lww",
        &["name", "enabled", "trigger", "definition"],
    );
    assert_eq!(automation.spec().fan_out, FanOut::Confirmed);
}

#[test]
fn m53_m84_automation_logs_are_append_only_with_a_retention() {
    let automation = schema("automation");
    assert_log(&automation, "log.runs");
    assert_eq!(automation.spec().retention_days, Some(90));
}

#[test]
fn m54_a_schedule_wins_with_its_time_zone() {
    let members = group(&schema("automation"), "record", "schedule");
    assert_eq!(members, ["cron", "time_zone"]);
}

#[test]
fn m55_m56_m85_the_event_stream_is_append_only_and_its_retention_is_declared() {
    let event = schema("event");
    assert_log(&event, "log.events");
    assert_log(&event, "log.lines");
    assert_eq!(event.spec().retention_days, Some(365));
}

#[test]
fn m57_a_notification_says_its_say_once_and_is_read_by_lww() {
    let notification = schema("notification");
    assert_rule(&notification, "once", &["recipient", "text", "sent_at"]);
    assert_rule(&notification, "lww", &["read", "dismissed"]);
}

#[test]
fn m58_index_deltas_stay_on_the_device() {
    let search = schema("search");
    assert_eq!(part(&search, "part.deltas").residency, Residency::Local);
    assert_eq!(search.spec().index, Index::None);
}

#[test]
fn m59_search_metadata_is_lww_about_one_subject() {
    let search = schema("search");
    assert_rule(&search, "once", &["subject"]);
    assert_rule(&search, "lww", &["title", "boost", "hidden"]);
}

#[test]
fn m60_an_embedding_wins_with_the_model_that_made_it() {
    let members = group(&schema("search"), "part.embedding", "vector");
    assert_eq!(members, ["model", "revision", "values"]);
}
