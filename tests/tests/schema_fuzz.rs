//! What `anabranch schema fuzz` prints compiles, plays any bytes, and the strategies for a schema's
//! edits make edits that it takes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use anabranch_core::{
    control::Role,
    id::ViewId,
    schema::{Schema, catalogue},
    sim::{Lab, Rng, play, random, strategy},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Why a well-formed edit may be refused: what it asks is so already, or cannot be any more.
const UNTIMELY: [&str; 5] = [
    "nothing to",
    "change nothing",
    "is deleted: restore it first",
    "is written once",
    "is not deleted",
];

/// As much of libfuzzer-sys as a target names.
const LIBFUZZER: &str = "#[macro_export] macro_rules! fuzz_target { (|$bytes:ident: &[u8]| $body:block) => { \
     #[doc(hidden)] pub fn run($bytes: &[u8]) $body } }";

fn compile(dir: &Path, source: &str, more: &[String]) -> Result<(), String> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let out = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=metadata",
            "--out-dir",
        ])
        .arg(dir)
        .arg(dir.join(source))
        .args(more)
        .output()
        .unwrap();
    match out.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

#[test]
fn what_is_printed_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("libfuzzer_sys.rs"), LIBFUZZER).unwrap();
    compile(
        dir,
        "libfuzzer_sys.rs",
        &["--crate-name=libfuzzer_sys".to_owned()],
    )
    .unwrap();
    let schema = Schema::parse(include_str!("../sim/stock.toml")).unwrap();
    let source = play::target(&schema).replace("#![no_main]\n", "");
    fs::write(dir.join("item.rs"), source).unwrap();
    // The library was built for this test: beside it, perhaps beside other builds of it.
    let deps = std::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .to_owned();
    let is_core = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libanabranch_core-") && name.ends_with(".rlib")
    };
    let builds = fs::read_dir(&deps)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut builds: Vec<PathBuf> = builds.filter(is_core).collect();
    builds.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().modified().unwrap()));
    let tried: Vec<Result<(), String>> = builds
        .iter()
        .map(|build| {
            let core = format!("--extern=anabranch_core={}", build.display());
            let fuzz = format!(
                "--extern=libfuzzer_sys={}",
                dir.join("liblibfuzzer_sys.rmeta").display()
            );
            let more = [core, fuzz, format!("-Ldependency={}", deps.display())];
            compile(dir, "item.rs", &more)
        })
        .collect();
    assert!(tried.iter().any(Result::is_ok), "{tried:#?}");
}

#[test]
fn any_bytes_are_played_and_both_replicas_agree() {
    let mut rng = Rng::new(5);
    let mut sum = play::Played::default();
    for entry in catalogue::catalogue() {
        let schema = entry.parse().unwrap();
        for _ in 0..12 {
            let len = rng.below(240);
            let bytes: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
            let played = play::play(&schema, &bytes).unwrap_or_else(|broken| {
                panic!(
                    "{}: {} {}: {bytes:?}",
                    entry.kind, broken.invariant, broken.found
                )
            });
            sum.edits += played.edits;
            sum.changes += played.changes;
        }
    }
    println!("{sum:?}");
    assert!(sum.edits > 1_000 && sum.changes > 200, "{sum:?}");
}

#[test]
fn the_edits_that_strategies_make_are_taken_by_every_schema() {
    let mut runner = TestRunner::deterministic();
    for entry in catalogue::catalogue() {
        let schema = entry.parse().unwrap();
        let Some(edits) = strategy::edits(&schema) else {
            assert!(!random::has_work(&schema), "{}", entry.kind);
            continue;
        };
        let mut lab = Lab::new(1, vec![schema.clone()]);
        let member = lab.admit(Role::Member);
        let entities = strategy::entities(&schema, lab.stations[member].user);
        let (mut made, mut refused) = (0, Vec::new());
        for now_ms in 0..80 {
            let entity = entities.new_tree(&mut runner).unwrap().current();
            let edit = edits.new_tree(&mut runner).unwrap().current();
            let replica = &mut lab.stations[member].replica;
            let document = replica.document(&entity, &edit.part);
            let edit = edit.fitted(document.map(|document| document.engine()));
            let now_ms = 1_750_000_000_000 + now_ms;
            let draft = edit.ask.draft();
            match replica.write(now_ms, entry.kind, entity, &edit.part, ViewId(0), &draft) {
                Ok(_) => made += 1,
                Err(error) => refused.push(error.to_string()),
            }
        }
        // What is refused was asked at the wrong time; nothing is ever ill-formed.
        let in_time = |error: &&String| !UNTIMELY.iter().any(|word| error.contains(word));
        let ill_formed: Vec<&String> = refused.iter().filter(in_time).collect();
        assert!(ill_formed.is_empty(), "{}: {ill_formed:#?}", entry.kind);
        assert!(
            made >= 16,
            "{}: {made} made, refused {refused:#?}",
            entry.kind
        );
    }
}
