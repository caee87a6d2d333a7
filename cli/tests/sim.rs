//! `anabranch sim` and `anabranch schema fuzz`, as a person runs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::process::{Command, Output};

fn anabranch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    command.args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_seed_is_run_and_its_run_repeated() {
    let run = || {
        anabranch(&[
            "sim", "--seed", "3", "--seeds", "2", "--edits", "30", "--json",
        ])
    };
    let (one, two) = (run(), run());
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    assert_eq!(one.stdout, two.stdout);
    let answer = json(&one);
    assert_eq!(answer["holds"], true);
    assert_eq!(answer["seeds"], 2);
    assert!(answer["edits_made"].as_u64().unwrap() >= 60);
    let page = anabranch(&["sim", "--edits", "10"]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(
        page.starts_with("all holds") && page.contains("disk full"),
        "{page}"
    );
}

#[test]
fn a_schema_that_nobody_writes_is_the_callers_mistake() {
    let missing = anabranch(&["sim", "--schema", "no such file"]);
    assert_eq!(missing.status.code(), Some(3));
    let few = anabranch(&["sim", "--devices", "1"]);
    assert_eq!(few.status.code(), Some(2));
}

#[test]
fn a_fuzz_target_is_printed() {
    let printed = anabranch(&["schema", "fuzz", "task"]);
    assert_eq!(printed.status.code(), Some(0));
    let source = String::from_utf8(printed.stdout).unwrap();
    assert!(source.contains("fuzz_target!(|bytes: &[u8]|"), "{source}");
    assert!(source.contains("kind = \"task\""), "{source}");
    assert_eq!(
        anabranch(&["schema", "fuzz", "tsak"]).status.code(),
        Some(3)
    );
}
