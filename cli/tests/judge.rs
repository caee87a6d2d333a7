//! `anabranch judge`, `replay` and `demo`, as a user meets them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch::core::{
    control::Role, document::Draft, id::ViewId, record::RecordOp, schema::catalogue, sim::Lab,
};
use serde_json::Value;
use std::{fs, process::Command};

fn json(arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_anabranch"))
        .args(arguments)
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}")),
    )
}

/// Two change sets of one task in a workspace, and the bundle of its author's replica.
fn task() -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut lab = Lab::new(3, vec![catalogue::schema("task").unwrap()]);
    let ana = lab.admit(Role::Member);
    let task = lab.entity(lab.owner, "task");
    let mut signed = Vec::new();
    for title in ["Mend the weir", "Mend the upper weir"] {
        let ops = [RecordOp::Put {
            field: vec!["title".to_owned()],
            value: title.into(),
        }];
        let station = &mut lab.stations[ana];
        station
            .replica
            .write(
                1_750_000_000_000,
                "task",
                task,
                "record",
                ViewId(0),
                &Draft::Record(&ops),
            )
            .unwrap();
        signed.push(station.flush().unwrap()[0].encode());
    }
    // A replica that has the control log and the schema, but nothing of the task.
    (signed, lab.empty_replica().bundle().unwrap())
}

#[test]
fn a_change_set_is_accepted_held_or_refused_with_its_reason() {
    let (signed, bundle) = task();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let against = file("empty.bundle", &bundle);
    let judge = |path: &str| {
        json(&[
            "judge",
            "--json",
            "--engine",
            "changeset",
            "--against",
            &against,
            path,
        ])
    };
    let (code, said) = judge(&file("first", &signed[0]));
    assert_eq!(
        (code, said["verdict"].as_str()),
        (0, Some("accept")),
        "{said}"
    );
    let (code, said) = judge(&file("second", &signed[1]));
    assert_eq!(
        (code, said["verdict"].as_str()),
        (1, Some("hold")),
        "{said}"
    );
    assert_eq!(said["code"], "dependency-missing");
    let mut forged = signed[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    let (code, said) = judge(&file("forged", &forged));
    assert_eq!(
        (code, said["verdict"].as_str()),
        (1, Some("refuse")),
        "{said}"
    );
    assert!(
        said["reason"].as_str().unwrap().len() > 20,
        "a reason that says something: {said}"
    );
    let (code, said) = judge(&file("cut", &signed[0][..40]));
    assert_eq!(
        (code, said["verdict"].as_str()),
        (1, Some("refuse")),
        "{said}"
    );
}

#[test]
fn raw_engine_bytes_are_judged_as_their_author_would_send_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("update");
    // One letter into a root that the page's body does not have, then nonsense.
    for bytes in [
        &b"\x01\x01\x05\x00\x04\x01\x04text\x01a\x00"[..],
        b"",
        b"\xff\xff\xff\xff",
    ] {
        fs::write(&path, bytes).unwrap();
        for engine in ["yrs", "automerge"] {
            let (code, said) = json(&[
                "judge",
                "--json",
                "--engine",
                engine,
                path.to_str().unwrap(),
            ]);
            assert_eq!(
                (code, said["verdict"].as_str()),
                (1, Some("refuse")),
                "{engine} {said}"
            );
        }
    }
}

#[test]
fn the_demonstration_converges_and_every_forgery_is_refused() {
    let (code, said) = json(&["demo", "--json"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said["converged"], true);
    assert_eq!(said["session"]["text_matches"], true);
    assert!(said["session"]["edits"].as_u64().unwrap() > 5_000);
    let forged = said["forged"].as_array().unwrap();
    assert_eq!(forged.len(), 4);
    assert!(
        forged.iter().all(|forged| forged["code"].is_string()),
        "{forged:?}"
    );
}

#[test]
fn a_trace_is_played_to_its_recorded_text_and_a_cut_one_is_said_to_be_cut() {
    let session = concat!(env!("CARGO_MANIFEST_DIR"), "/data/session.json.gz");
    let (code, said) = json(&["replay", "--json", session]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        (&said["text_matches"], &said["not_accepted"]),
        (&true.into(), &0.into())
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.json.gz");
    let whole = fs::read(session).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (code, said) = json(&["replay", "--json", path.to_str().unwrap()]);
    assert_eq!(code, 3, "{said}");
    assert_eq!(said["error"]["fault"], "corruption");
}
