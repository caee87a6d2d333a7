//! Running the binary on a store, as a person or a program would.
#![allow(dead_code)]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A store in a folder of its own.
pub struct Store {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
}

impl Store {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("river");
        let store = Store { folder, path };
        store.json(&["init"]);
        store
    }

    /// The same workspace and user on another device: a copied folder goes on under a new epoch.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        fs::create_dir(&path).unwrap();
        for entry in fs::read_dir(&self.path).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
        Store { folder, path }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
        command.args(arguments).env("ANABRANCH_STORE", &self.path);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).arg("--json").output().unwrap()
    }

    /// What a command that succeeds says.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.said(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        said
    }

    /// How a command ends, and what it says.
    pub fn said(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = serde_json::from_str(&text);
        let said = said.unwrap_or_else(|_| panic!("{arguments:?}: {text}{error}"));
        (output.status.code().unwrap(), said)
    }

    /// A command that fails: its exit code, whose fault, and its message.
    pub fn fails(&self, arguments: &[&str]) -> (i32, String, String) {
        let (code, said) = self.said(arguments);
        let text = |name: &str| said["error"][name].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_else(|| panic!("{arguments:?} succeeds: {said}"));
        (code, text("fault").unwrap(), message)
    }

    /// The page for people.
    pub fn page(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            assert!(
                line.chars().count() <= 80,
                "{arguments:?}: {line:?} is wider than 80"
            );
        }
        text
    }

    /// Makes an entity; answers its id.
    pub fn entity(&self, arguments: &[&str]) -> String {
        let made = self.json(&[&["new"], arguments].concat());
        made["id"].as_str().unwrap().to_owned()
    }

    /// How many rows the journal has.
    pub fn rows(&self) -> u64 {
        self.json(&["verify"])["rows"].as_u64().unwrap()
    }

    pub fn file(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    pub fn export(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        self.json(&["export", file.to_str().unwrap(), "--replace"]);
        file
    }
}

/// Takes in what another store has.
pub fn merge(from: &Store, to: &Store) -> Value {
    let file = from.export("week.bundle");
    to.json(&["import", file.to_str().unwrap()])
}

/// The fields of an answer.
pub fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    &value["fields"][name]
}

pub fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
