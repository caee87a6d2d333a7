//! The invariants of ARCHITECTURE.md that can be read off the sources: most of them are about
//! what is absent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use anabranch_tests::repository;
use std::fs;

/// What core's sources never name, each with what stands in its place.
const NOT_IN_CORE: &[(&str, &str)] = &[
    ("SystemTime", "take the time as an argument"),
    ("Instant::", "take the time as an argument"),
    ("std::fs", "files belong to storage"),
    ("std::env", "settings are arguments"),
    ("std::net", "links belong to transport"),
    ("std::thread", "whoever calls decides on threads"),
    ("std::process", "an error is returned"),
    ("std::io::std", "terminals belong to cli"),
    ("println!", "terminals belong to cli"),
    ("thread_local!", "equal input gives equal output"),
    ("HashMap", "ordered collections only: BTreeMap"),
    ("HashSet", "ordered collections only: BTreeSet"),
    ("RandomState", "ordered collections only"),
    ("ActorId::random", "ids are arguments"),
    ("OsRng", "randomness is an argument"),
    ("thread_rng", "randomness is an argument"),
    ("getrandom", "randomness is an argument"),
];

/// Where something of these is named all the same, and why that does no harm.
const BUT: &[(&str, &str, &str)] = &[(
    "core/src/body/marks.rs",
    "HashMap",
    "the engine's own values are made of it; core/src/body/canon.rs writes them in order",
)];

/// The lines of a source that name something forbidden: number, what, and what to do. Its unit
/// tests may.
fn forbidden(source: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    let source = source.split("#[cfg(test)]\nmod tests").next();
    for (at, line) in source.unwrap_or_default().lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (word, instead) in NOT_IN_CORE {
            // `use std::{fs, ..}` names `std::fs` in two pieces.
            let grouped = word.strip_prefix("std::").is_some_and(|module| {
                code.contains("std::{")
                    && code
                        .split(['{', ',', ' ', '}', ';'])
                        .any(|piece| piece == module || piece.starts_with(&format!("{module}::")))
            });
            if code.contains(word) || grouped {
                found.push((at + 1, *word, *instead));
            }
        }
    }
    found
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let words = |source| -> Vec<_> { forbidden(source).into_iter().map(|f| f.1).collect() };
    assert_eq!(words("let now = std::time::Instant::now();"), ["Instant::"]);
    assert_eq!(words("use std::{collections::BTreeMap, fs};"), ["std::fs"]);
    assert_eq!(words("use std::{env::var, fmt};"), ["std::env"]);
    assert_eq!(words("// a HashMap would not do\nlet x = 1;"), [""; 0]);
    assert_eq!(words("use std::{cmp::Ordering, fmt};"), [""; 0]);
}

#[test]
fn core_has_no_clock_no_randomness_no_files_and_no_unordered_collections() {
    let root = repository::root();
    let files = repository::rust_files(&root.join("core/src")).unwrap();
    assert!(files.len() > 10, "core's sources were not found");
    let mut lines = Vec::new();
    let mut excused = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(&root).unwrap().to_str().unwrap();
        for (line, word, instead) in forbidden(&source) {
            match BUT.iter().find(|but| (but.0, but.1) == (place, word)) {
                Some(but) => excused.push(but),
                None => lines.push(format!("{place}:{line}: `{word}`: {instead}")),
            }
        }
    }
    assert!(lines.is_empty(), "core is sans-IO:\n{}", lines.join("\n"));
    for but in BUT {
        assert!(
            excused.contains(&but),
            "{}: no excuse is needed any more for {}",
            but.0,
            but.1
        );
    }
}

#[test]
fn every_package_follows_the_lints_of_the_workspace() {
    let root = repository::root();
    for package in ["core", "storage", "transport", "cli", "tests", "fuzz"] {
        let text = fs::read_to_string(root.join(package).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let lints = manifest["lints"]["workspace"].as_bool();
        assert_eq!(
            lints,
            Some(true),
            "{package}/Cargo.toml: [lints] workspace = true"
        );
    }
}

#[test]
fn every_fuzz_target_has_its_program() {
    let root = repository::root();
    let text = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let mut programs: Vec<&str> = bins.map(|bin| bin["name"].as_str().unwrap()).collect();
    let mut targets: Vec<&str> = anabranch_fuzz::targets()
        .iter()
        .map(|target| target.name)
        .collect();
    programs.sort_unstable();
    targets.sort_unstable();
    assert_eq!(programs, targets);
}
