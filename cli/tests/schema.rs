//! `anabranch schema`, as a user meets it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::{fs, process::Command};

/// Runs the command: exit code, standard output, standard error.
fn anabranch(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anabranch"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = anabranch(arguments);
    assert_eq!(err, "", "with --json nothing else is printed");
    (code, serde_json::from_str(&out).unwrap())
}

/// Writes a schema into a folder of its own, which goes with the second value.
fn file(text: &str) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    fs::write(&path, text).unwrap();
    (path.to_str().unwrap().to_owned(), folder)
}

#[test]
fn every_listed_schema_is_shown_as_text_that_checks_to_the_same_id() {
    let (code, list) = json(&["schema", "list", "--json"]);
    assert_eq!(code, 0);
    let schemas = list["schemas"].as_array().unwrap();
    assert!(schemas.len() >= 14, "{} schemas", schemas.len());
    for schema in schemas {
        let (code, text, _) = anabranch(&["schema", "show", schema["kind"].as_str().unwrap()]);
        assert_eq!(code, 0);
        let (path, _folder) = file(&text);
        let (code, checked) = json(&["--json", "schema", "check", &path]);
        assert_eq!(code, 0, "{checked}");
        assert_eq!(checked["id"], schema["id"]);
    }
}

#[test]
fn a_mistake_is_shown_with_its_place_and_how_to_mend_it() {
    let (path, _folder) =
        file("kind = \"task\"\nversion = 1\n[record.fields]\ntitle = \"lww txt\"\n");
    let (code, out, _) = anabranch(&["schema", "check", &path]);
    assert_eq!(code, 1);
    assert!(out.starts_with(&format!("{path}:4:")), "{out}");
    assert!(out.contains("`text`?"), "{out}");
    assert!(out.contains("\n    title = \"lww txt\"\n"), "{out}");
    assert!(!out.contains('\x1b'), "colour is for terminals");
    let (code, checked) = json(&["schema", "check", &path, "--json"]);
    assert_eq!(code, 1);
    assert_eq!(checked["ok"], false);
    assert_eq!(checked["errors"][0]["line"], 4);
    assert_eq!(checked["errors"][0]["path"], "record.fields.title");
}

#[test]
fn an_unknown_kind_and_an_unusable_file_say_what_to_do() {
    let (code, out, err) = anabranch(&["schema", "show", "tsk"]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("did you mean `task`?"), "{err}");
    let (code, failure) = json(&["schema", "show", "tsk", "--json"]);
    assert_eq!(code, 3);
    assert_eq!(failure["error"]["fault"], "caller");

    let (path, folder) = file("");
    fs::write(&path, b"kind = \"\xff\"").unwrap();
    let (code, _, err) = anabranch(&["schema", "check", &path]);
    assert_eq!(code, 3);
    assert!(err.contains("not UTF-8 text from byte 8 on"), "{err}");
    let (code, _, err) = anabranch(&["schema", "check", folder.path().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(err.contains("not a regular file"), "{err}");
    fs::write(&path, vec![b'#'; 1 << 20]).unwrap();
    let (code, _, err) = anabranch(&["schema", "check", &path]);
    assert_eq!(code, 3);
    assert!(err.contains("larger than"), "{err}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    assert_eq!(anabranch(&["schema"]).0, 2);
    assert_eq!(anabranch(&["schema", "chekc", "x"]).0, 2);
    assert_eq!(anabranch(&["--help"]).0, 0);
}
