//! What each crate depends on, and what may stand in the tree at all. The rules for licences,
//! banned crates and sources are read from deny.toml, so that there is one list.

#![allow(clippy::unwrap_used)]

use anabranch_tests::{licence, repository};
use serde::Deserialize;
use std::{collections::BTreeSet, process::Command};

/// Runtimes, stores, networks: whoever holds core must be able to run it anywhere.
const NOT_BELOW_CORE: &[&str] = &[
    "async-std",
    "axum",
    "hyper",
    "mio",
    "native-tls",
    "openssl",
    "quinn",
    "quinn-proto",
    "redb",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "ureq",
];

/// Clocks and randomness: given to core as arguments. (The engines bring a source of randomness for
/// ids that they would choose; core always gives them ids.)
const NOT_IN_CORE: &[&str] = &[
    "chrono",
    "fastrand",
    "getrandom",
    "instant",
    "jiff",
    "rand",
    "rand_core",
    "time",
    "uuid",
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(repository::root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of all crates that a package builds with, at any depth or right below it.
fn below(package: &str, depth: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--locked",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--depth",
        depth,
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    tree.lines().skip(1).map(name).collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    license: Option<String>,
}

fn packages() -> Vec<Package> {
    let about = cargo(&["--version", "--verbose"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = cargo(&[
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        host.unwrap(),
    ]);
    let metadata: Metadata = serde_json::from_str(&metadata).unwrap();
    metadata.packages
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

fn deny() -> Deny {
    let text = std::fs::read_to_string(repository::root().join("deny.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

#[test]
fn nothing_below_core_is_a_runtime_a_store_or_a_network() {
    let below = below("anabranch-core", "1000");
    assert!(
        below.contains("automerge") && below.contains("yrs"),
        "{below:?}"
    );
    let found: Vec<_> = NOT_BELOW_CORE
        .iter()
        .filter(|name| below.contains(**name))
        .collect();
    assert!(
        found.is_empty(),
        "anabranch-core builds with {found:?}: look at cargo tree -i"
    );
}

#[test]
fn core_itself_asks_for_no_clock_and_no_randomness() {
    let direct = below("anabranch-core", "1");
    assert!(direct.contains("serde"), "{direct:?}");
    let found: Vec<_> = NOT_IN_CORE
        .iter()
        .filter(|name| direct.contains(**name))
        .collect();
    assert!(
        found.is_empty(),
        "anabranch-core depends on {found:?}: take it as an argument"
    );
}

#[test]
fn arrows_between_our_crates_point_only_to_core() {
    let ours = |package: &str| -> Vec<String> {
        let below = below(package, "1000");
        below
            .into_iter()
            .filter(|name| name.starts_with("anabranch"))
            .collect()
    };
    assert_eq!(ours("anabranch-core"), [""; 0]);
    assert_eq!(ours("anabranch-storage"), ["anabranch-core"]);
    assert_eq!(ours("anabranch-transport"), ["anabranch-core"]);
    assert_eq!(
        ours("anabranch"),
        ["anabranch-core", "anabranch-storage", "anabranch-transport"]
    );
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let allowed = deny().licenses.allow;
    let packages = packages();
    assert!(packages.len() > 50, "too few packages to mean anything");
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| {
            let licence = package.license.as_deref().unwrap_or_default();
            !licence::satisfies(licence, &allowed)
        })
        .map(|package| {
            format!(
                "{} {}: {:?}",
                package.name, package.version, package.license
            )
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn no_banned_crate_and_no_other_source_stands_in_the_tree() {
    let deny = deny();
    let banned: BTreeSet<&str> = deny.bans.deny.iter().map(|ban| ban.name.as_str()).collect();
    assert!(banned.contains("openssl"));
    let Sources {
        unknown_registry,
        unknown_git,
    } = &deny.sources;
    assert_eq!(
        (unknown_registry.as_str(), unknown_git.as_str()),
        ("deny", "deny")
    );
    let mut registries = BTreeSet::new();
    for package in packages() {
        assert!(
            !banned.contains(package.name.as_str()),
            "{} is banned",
            package.name
        );
        let Some(source) = &package.source else {
            continue; // One of ours.
        };
        // A checkout begins with `git+`: everything comes from the one registry, by name.
        let registry = source.strip_prefix("registry+");
        assert!(registry.is_some(), "{} comes from {source}", package.name);
        registries.extend(registry.map(str::to_owned));
    }
    assert_eq!(registries.len(), 1, "{registries:?}");
}
