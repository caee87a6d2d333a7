//! Bad input, each as a typed error that says what, where and what to do; the store stays as it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{Store, bytes, merge};
use std::{fs, process::Command};

/// A command fails so, and not a byte of the store's file is another.
fn refused(store: &Store, arguments: &[&str], parts: &[&str]) {
    let before = bytes(&store.file());
    let (code, _, message) = store.fails(arguments);
    assert_eq!(code, 3, "{arguments:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    assert!(
        before == bytes(&store.file()),
        "{arguments:?} changed the store"
    );
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let store = Store::new();
    let newer = anabranch::storage::journal::FORMAT + 1;
    let marker = format!("anabranch store {newer}\ninode 7\n");
    fs::write(store.path.join("marker"), marker).unwrap();
    for command in [
        &["list"][..],
        &["new", "task", "title=x"],
        &["verify"],
        &["log"],
    ] {
        refused(
            &store,
            command,
            &[
                &format!("format {newer}"),
                &format!("reads formats up to {}", newer - 1),
                "newer",
                "store.redb",
            ],
        );
    }
}

#[test]
fn a_store_that_is_open_is_not_opened_twice() {
    let store = Store::new();
    let node = anabranch::open(&store.path).unwrap();
    let (code, _, message) = store.fails(&["list"]);
    assert_eq!(code, 3, "{message}");
    assert!(
        message.contains("open already") && message.contains("close it there"),
        "{message}"
    );
    let (code, report) = store.said(&["doctor"]);
    assert_eq!(code, 1);
    assert!(report.to_string().contains("open already"), "{report}");
    node.close(
        anabranch::Receipt::Local,
        std::time::Duration::from_secs(20),
    )
    .unwrap();
    store.json(&["list"]);
}

#[test]
fn a_store_that_is_cut_short_or_none_at_all_is_left_as_it_is() {
    let store = Store::new();
    store.entity(&["task", "title=x"]);
    let whole = bytes(&store.file());
    for len in [whole.len() / 2, 100, 9] {
        fs::write(store.file(), &whole[..len]).unwrap();
        refused(
            &store,
            &["list"],
            &["cut short or damaged", "restore it from a copy"],
        );
        refused(&store, &["verify"], &["cut short or damaged"]);
    }
    fs::write(store.file(), b"SQLite format 3\0 and so on").unwrap();
    refused(
        &store,
        &["list"],
        &["not a store of Anabranch", "check the path"],
    );
    fs::write(store.file(), whole).unwrap();
    assert_eq!(
        store.json(&["list"])["entities"].as_array().unwrap().len(),
        1
    );
}

/// As another user where the tests run as root, whom no right stops.
#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_says_so() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    };
    let store = Store::new();
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let files = || {
        fs::read_dir(&store.path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    files().for_each(|file| mode(&file, 0o444));
    mode(store.folder.path(), 0o755);
    mode(&store.path, 0o555);
    let is_root = fs::metadata(&store.path).unwrap().uid() == 0;
    let before = bytes(&store.file());
    let mut command = store.command(&["new", "task", "title=x", "--json"]);
    if is_root {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    mode(&store.path, 0o755);
    files().for_each(|file| mode(&file, 0o600));
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert_eq!(said["error"]["fault"], "environment");
    let message = said["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("cannot be written") && message.contains("give this user the right"),
        "{message}"
    );
    assert!(before == bytes(&store.file()));
    store.json(&["list"]);
}

/// The shell bounds how large a file may grow, which the store meets as a disk that takes no more.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_loses_nothing_that_was_saved() {
    let store = Store::new();
    let task = store.entity(&["task", "title=saved"]);
    let blocks = fs::metadata(store.file()).unwrap().len() / 1_024;
    let text = "x".repeat(4_000);
    let mut output = None;
    // A file has some room within itself; then it must grow.
    for _ in 0..400 {
        let script = "trap '' XFSZ; ulimit -f $0; exec \"$@\"";
        let mut command = Command::new("bash");
        command.args([
            "-c",
            script,
            &blocks.to_string(),
            env!("CARGO_BIN_EXE_anabranch"),
        ]);
        command
            .args(["append", &task, "comments", &text, "--json"])
            .env("ANABRANCH_STORE", &store.path);
        let ended = command.output().unwrap();
        if ended.status.code() != Some(0) {
            output = Some(ended);
            break;
        }
    }
    let output = output.expect("the file never had to grow");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &said["error"]["fault"]),
        (Some(4), &"environment".into()),
        "{said}"
    );
    let message = said["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("not everything is saved") && message.contains("repeat it"),
        "{message}"
    );
    assert_eq!(store.json(&["verify"])["holds"], true);
    assert_eq!(store.json(&["get", &task])["fields"]["title"], "saved");
    // With room again it goes on.
    store.json(&["append", &task, "comments", "room"]);
}

#[test]
fn a_foreign_bundle_is_taken_in_only_where_that_is_asked_for() {
    let (store, stranger) = (Store::new(), Store::new());
    stranger.entity(&["task", "title=theirs"]);
    let file = stranger.export("theirs.bundle");
    let path = file.to_str().unwrap();
    let before = store.rows();
    let (code, fault, message) = store.fails(&["import", path]);
    assert_eq!((code, fault.as_str()), (3, "peer"), "{message}");
    assert!(
        message.contains("theirs.bundle") && message.contains("--foreign"),
        "{message}"
    );
    assert_eq!(store.rows(), before);
    store.json(&["import", path, "--foreign"]);
    assert!(store.rows() > before);
    assert_eq!(
        store.json(&["list"])["entities"].as_array().unwrap().len(),
        0,
        "it stays apart"
    );
}

#[test]
fn a_forged_change_in_a_bundle_is_left_out_and_said() {
    use anabranch::core::changeset::{Bundle, BundleItem, BundleWriter, Signed};
    let store = Store::new();
    let task = store.entity(&["task", "title=one"]);
    let other = store.copy();
    store.json(&["set", &task, "title=two"]);
    let file = store.export("whole.bundle");
    let whole = bytes(&file);
    let mut writer = BundleWriter::new();
    let mut proof = None;
    for item in Bundle::open(&whole).unwrap().items() {
        match item.unwrap() {
            BundleItem::Schema(bytes) => writer.schema(bytes).unwrap(),
            BundleItem::Control(bytes) => writer.control(bytes).unwrap(),
            BundleItem::ChangeSet(signed) => {
                // The second one under the first one's signature.
                let proof = proof.get_or_insert(signed.proof.clone()).clone();
                writer
                    .change_set(&Signed {
                        proof,
                        change: signed.change,
                    })
                    .unwrap();
            }
        }
    }
    fs::write(&file, writer.finish()).unwrap();
    let before = other.rows();
    let (code, said) = other.said(&["import", file.to_str().unwrap()]);
    assert_eq!((code, &said["forged"]), (1, &1.into()), "{said}");
    assert_eq!(other.json(&["get", &task])["fields"]["title"], "one");
    // The copy's own epoch is all that is new.
    assert!(other.rows() <= before + 1);
    merge(&store, &other);
    assert_eq!(other.json(&["get", &task])["fields"]["title"], "two");
    // A bundle that is cut or none.
    for bytes in [&whole[..whole.len() - 1], b"not a bundle"] {
        fs::write(&file, bytes).unwrap();
        let before = other.rows();
        let (code, _, message) = other.fails(&["import", file.to_str().unwrap()]);
        assert_eq!(code, 3, "{message}");
        assert!(message.contains("whole.bundle"), "{message}");
        assert_eq!(other.rows(), before);
    }
}

#[test]
fn unknown_fields_kinds_and_entities_change_nothing() {
    let store = Store::new();
    let task = store.entity(&["task", "title=x"]);
    let before = store.rows();
    for (arguments, part) in [
        (&["new", "tusk"][..], "anabranch schema list"),
        (&["new", "task", "titel=x"], "did you mean `title`"),
        (&["set", &task, "timeline.do=1"], "no field"),
        (&["set", &task, "status=done", "titel=x"], "did you mean"),
        (&["set", &task, "timeline.due=soon"], "a time such as"),
        (&["incr", &task, "votes"], "no field `votes`"),
        (
            &["append", &task, "comments", "reply_to=xyz"],
            "hexadecimal",
        ),
        (&["append", &task, "comments", "reply_to=00"], "text"),
        (&["tag", &task, "x", "--field", "tags"], "labels"),
        (&["text", "insert", &task, "x", "--in", "body"], "notes"),
        (&["blame", &task, "title"], "no text"),
        (&["resolve", &task, "title=y"], "nothing to settle"),
        (&["revert", &task, "--to", "never"], "names no point"),
        (&["get", "ffffffff"], "names no entity"),
    ] {
        let (code, _, message) = store.fails(arguments);
        assert_eq!(code, 3, "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    assert_eq!(store.rows(), before);
}
