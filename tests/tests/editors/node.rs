//! A Node process that holds the editors, and the dialogue with it.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

/// A process that holds editors by name.
pub struct Node {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Where the editors are installed, or why they are not. Once for all tests of the process.
static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();

impl Node {
    /// Starts the process; none, with a line that says so, where it cannot be had.
    pub fn start() -> Option<Node> {
        let folder = match INSTALLED.get_or_init(install) {
            Ok(folder) => folder,
            Err(reason) => {
                // Past the capture of a test that passes.
                let line = format!("NOT RUN: no editor opened a document, since {reason}\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
                return None;
            }
        };
        let mut child = Command::new("node")
            .arg(folder.join("main.mjs"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Node {
            questions: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// Asks one question.
    pub fn ask(&mut self, question: Json) -> Json {
        writeln!(self.questions, "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Json = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line:?} to {question}"));
        if let Some(error) = answer["error"].as_str() {
            panic!("{error}\nwhen asked {question}");
        }
        answer
    }

    /// Opens an editor under a Yjs client id. `undo`: with an undo manager, which keeps what is
    /// deleted; without one Yjs drops it.
    pub fn open(&mut self, editor: &str, layout: &str, client: u64, undo: bool) {
        let root = "default";
        self.ask(
            json!({ "ask": "open", "editor": editor, "layout": layout, "client": client,
                         "undo": undo, "gc": true, "root": root }),
        );
    }

    /// Gives an editor updates; answers what it sends in return.
    pub fn receive(&mut self, editor: &str, updates: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let updates: Vec<String> = updates.iter().map(|bytes| to_hex(bytes)).collect();
        let answer = self.ask(json!({ "ask": "receive", "editor": editor, "updates": updates }));
        bytes_of(&answer["sent"])
    }

    /// Lets an editor's user do something random; answers what, and what the editor sends.
    pub fn act(&mut self, editor: &str, seed: u64) -> (String, Vec<Vec<u8>>) {
        let answer = self.ask(json!({ "ask": "act", "editor": editor, "seed": seed }));
        let did = answer["did"].as_str().unwrap().to_owned();
        (did, bytes_of(&answer["sent"]))
    }

    /// Loads an editor's page again, under another client id.
    pub fn reload(&mut self, editor: &str, client: u64) {
        self.ask(json!({ "ask": "reload", "editor": editor, "client": client }));
    }

    /// All that a server lacks which knows these clocks.
    pub fn missing(&mut self, editor: &str, vector: &[(u64, u32)]) -> Vec<u8> {
        let answer = self.ask(json!({ "ask": "missing", "editor": editor, "vector": vector }));
        from_hex(answer["update"].as_str().unwrap())
    }

    /// What an editor shows. `strictly`: it must keep to its schema in every point.
    pub fn show(&mut self, editor: &str, strictly: bool) -> Json {
        self.ask(json!({ "ask": "show", "editor": editor, "strictly": strictly }))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Installs the packages of the lock file under the target folder, where they stay for later runs,
/// and puts the scripts beside them.
fn install() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    let said = |error: std::io::Error| error.to_string();
    match Command::new("node").arg("--version").output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => return Err(format!("node stops: {}", output.status)),
        Err(error) => return Err(format!("node does not start: {error}")),
    }
    let lock = fs::read(source.join("package-lock.json")).map_err(said)?;
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = to_hex(&Sha256::digest(&lock)[..8]);
    let folder = cache.join(format!("editors-{name}"));
    if !folder.is_dir() {
        // Under another name first: a run that is killed leaves no half of it behind.
        let fresh = tempfile::tempdir_in(cache).map_err(said)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), fresh.path().join(file)).map_err(said)?;
        }
        let done = Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(fresh.path())
            .output()
            .map_err(|error| format!("npm does not start: {error}"))?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr)
                .trim()
                .replace('\n', "; ");
            return Err(format!("npm could not install them: {why}"));
        }
        // Another process may have been faster.
        if fs::rename(fresh.path(), &folder).is_err() && !folder.is_dir() {
            return Err(format!("{} cannot be made", folder.display()));
        }
    }
    for entry in fs::read_dir(&source).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            let mut script = tempfile::NamedTempFile::new_in(&folder).map_err(said)?;
            script
                .write_all(&fs::read(&path).map_err(said)?)
                .map_err(said)?;
            let to = folder.join(path.file_name().unwrap_or_default());
            script.persist(to).map_err(|error| said(error.error))?;
        }
    }
    Ok(folder)
}

fn bytes_of(list: &Json) -> Vec<Vec<u8>> {
    let list = list.as_array().unwrap().iter();
    list.map(|hex| from_hex(hex.as_str().unwrap())).collect()
}

/// Bytes as the dialogue carries them.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that the dialogue carried.
pub fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
