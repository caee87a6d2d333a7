//! What a store says about itself: explain, log, verify, inspect, doctor; and a recording played into it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{Store, bytes, merge};
use serde_json::Value;
use std::fs;

fn check<'v>(report: &'v Value, name: &str) -> &'v str {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {report}"))["health"]
        .as_str()
        .unwrap()
}

#[test]
fn m134_m135_m136_m137_m138_every_topic_says_how_it_stands_why_and_what_to_do() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    for (topic, figure) in [
        ("conflict", "conflicts"),
        ("offline", "change_sets"),
        ("queue", "held"),
        ("error", "aside"),
        ("permission", "role"),
        ("events", "changes"),
    ] {
        let said = store.json(&["explain", topic]);
        assert!(!said["now"][figure].is_null(), "{topic}: {said}");
        for part in ["what", "why"] {
            assert!(
                said["causes"][0][part].as_str().unwrap().len() > 20,
                "{topic}: {said}"
            );
        }
        assert!(store.page(&["explain", topic]).contains("why"));
    }
    assert_eq!(
        store.json(&["explain", "permission"])["now"]["role"],
        "owner"
    );
    assert_eq!(store.json(&["explain", "offline"])["now"]["change_sets"], 1);
    assert_eq!(store.json(&["explain", "events"])["now"]["changes"], 1);
    let change = store.json(&["history", &task])["changes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = store.json(&["explain", &change[..8]]);
    assert_eq!(
        (&said["entity"], &said["causes"][0]["code"]),
        (&task.as_str().into(), &"effective".into())
    );
    let said = store.json(&["explain", &task]);
    assert!(
        said["causes"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("1 change made")
    );
    let (code, _, message) = store.fails(&["explain", "weather"]);
    assert_eq!(code, 3);
    assert!(message.contains("topics are"), "{message}");
}

/// A bundle that lacks the change on which two others stand: they are held, and the chain of causes leads
/// to the one that is missing.
#[test]
fn m139_m140_m141_m142_a_held_change_is_explained_down_to_what_is_missing() {
    use anabranch::core::changeset::{Bundle, BundleItem, BundleWriter};
    let store = Store::new();
    let task = store.entity(&["task", "title=one"]);
    let other = store.copy();
    store.json(&["set", &task, "title=two"]);
    store.json(&["set", &task, "title=three"]);
    store.json(&["set", &task, "title=four"]);
    let file = store.export("whole.bundle");
    let whole = bytes(&file);
    let (mut writer, mut seen) = (BundleWriter::new(), 0);
    for item in Bundle::open(&whole).unwrap().items() {
        match item.unwrap() {
            BundleItem::Schema(bytes) => writer.schema(bytes).unwrap(),
            BundleItem::Control(bytes) => writer.control(bytes).unwrap(),
            BundleItem::ChangeSet(signed) => {
                seen += 1;
                if seen != 2 {
                    writer.change_set(&signed).unwrap();
                }
            }
        }
    }
    fs::write(&file, writer.finish()).unwrap();
    let taken = other.json(&["import", file.to_str().unwrap()]);
    assert_eq!((seen, &taken["held"]), (4, &2.into()));
    let queue = other.json(&["explain", "queue"]);
    assert_eq!(queue["now"]["held"], 2);
    let history = store.json(&["history", &task]);
    let id = |at: usize| history["changes"][at]["id"].as_str().unwrap();
    let said = other.json(&["explain", id(0)]);
    let causes = said["causes"].as_array().unwrap();
    let codes: Vec<&str> = causes
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["dependency-held", "dependency-missing", "not-here"]);
    assert_eq!(causes[1]["because"], id(2));
    assert!(
        causes[1]["fix"].as_str().unwrap().contains("import"),
        "{said}"
    );
    assert!(other.page(&["explain", id(0)]).contains("fix"));
    // What was missing comes, and everything counts.
    merge(&store, &other);
    assert_eq!(
        other.json(&["explain", id(0)])["causes"][0]["code"],
        "effective"
    );
}

#[test]
fn the_journal_is_told_in_its_order_and_what_a_store_holds_is_counted() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    store.json(&["set", &task, "title=y"]);
    let log = store.json(&["log", "--limit", "1000"]);
    let rows = log["rows"].as_array().unwrap();
    assert_eq!(rows.len() as u64, log["of"].as_u64().unwrap());
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["at"]),
        (&"workspace".into(), &0.into())
    );
    assert_eq!(rows.last().unwrap()["kind"], "change set");
    let own = store.json(&["log", &task, "--limit", "2"]);
    assert_eq!(
        (own["of"].as_u64(), own["rows"].as_array().unwrap().len()),
        (Some(4), 2)
    );
    assert!(store.page(&["log"]).lines().count() > 10);
    let held = store.json(&["inspect"]);
    let workspace = &held["workspaces"][0];
    assert_eq!(
        (
            &workspace["role"],
            &workspace["documents"][0]["change_sets"]
        ),
        (&"owner".into(), &2.into())
    );
    let journal = held["journal"].as_array().unwrap();
    let sum: u64 = journal
        .iter()
        .map(|kind| kind["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, store.rows());
    assert!(store.page(&["inspect"]).contains("task record"));
}

#[test]
fn verify_finds_a_flipped_bit_and_says_so_by_its_exit_code() {
    let store = Store::new();
    store.entity(&["task", "title=a needle in the journal"]);
    assert_eq!(store.json(&["verify"])["damaged"], 0);
    let mut damaged = bytes(&store.file());
    let needle = b"a needle in the journal";
    let places: Vec<usize> = damaged
        .windows(needle.len())
        .enumerate()
        .filter(|(_, part)| part == needle)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        damaged[at] ^= 1;
    }
    fs::write(store.file(), &damaged).unwrap();
    let (code, said) = store.said(&["verify"]);
    assert_eq!((code, &said["holds"]), (1, &false.into()));
    assert!(said["damaged"].as_u64().unwrap() >= 1, "{said}");
    let (code, report) = store.said(&["doctor"]);
    assert_eq!((code, check(&report, "journal")), (1, "fail"));
    let (code, fault, message) = store.fails(&["list"]);
    assert_eq!((code, fault.as_str()), (3, "corruption"), "{message}");
}

#[test]
fn doctor_names_what_is_wrong_and_what_to_do_and_changes_nothing() {
    let store = Store::new();
    let well = store.json(&["doctor"]);
    for name in [
        "store",
        "place",
        "key",
        "journal",
        "clock",
        "rights",
        "privacy",
        "leftovers",
    ] {
        assert_eq!(check(&well, name), "ok", "{well}");
    }
    assert_eq!(well["healthy"], true);
    let copy = store.copy();
    let moved = copy.json(&["doctor"]);
    assert_eq!(
        (check(&moved, "place"), &moved["healthy"]),
        ("warn", &true.into())
    );
    assert_eq!(
        check(&copy.json(&["doctor"]), "place"),
        "warn",
        "looking settles nothing"
    );
    fs::write(store.path.join(".store.redb.7-0.partial"), b"half").unwrap();
    assert_eq!(check(&store.json(&["doctor"]), "leftovers"), "warn");
    assert_eq!(
        check(&store.json(&["doctor", "--sweep"]), "leftovers"),
        "ok",
        "too young to be swept"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = store.path.join(anabranch::KEY_FILE);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let (code, report) = store.said(&["doctor"]);
        assert_eq!((code, check(&report, "privacy")), (1, "fail"));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, [9; 32]).unwrap();
        assert_eq!(check(&store.said(&["doctor"]).1, "device"), "fail");
        fs::write(&key, "short").unwrap();
        assert_eq!(check(&store.said(&["doctor"]).1, "key"), "fail");
    }
    fs::remove_dir_all(&store.path).unwrap();
    let (code, report) = store.said(&["doctor"]);
    assert_eq!((code, check(&report, "store")), (1, "fail"));
    assert!(!store.path.exists());
}

#[test]
fn a_recording_is_played_into_a_store_and_every_edit_is_durable() {
    let store = Store::new();
    let file = store.folder.path().join("typing.json");
    let trace = r#"{"startContent":"","endContent":"hello wörld","txns":[
        {"time":"2026-01-01T00:00:00.000Z","patches":[[0,0,"hello"]]},
        {"time":"2026-01-01T00:00:01.000Z","patches":[[5,0," word"],[7,0,""]]},
        {"time":"2026-01-01T00:00:02.000Z","patches":[[7,1,"ö"],[9,0,"l"]]}]}"#;
    fs::write(&file, trace).unwrap();
    let played = store.json(&["replay", file.to_str().unwrap(), "--into", "markdown"]);
    assert_eq!(
        (&played["text_matches"], &played["change_sets"]),
        (&true.into(), &3.into())
    );
    let id = played["id"].as_str().unwrap();
    assert_eq!(store.json(&["text", "show", id])["text"], "hello wörld");
    assert_eq!(store.json(&["get", id])["fields"]["title"], "typing.json");
    let (code, _, message) = store.fails(&["replay", file.to_str().unwrap(), "--into", "task"]);
    assert_eq!(code, 3);
    assert!(message.contains("markdown"), "{message}");
}
