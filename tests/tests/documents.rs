//! The documents say nothing that the repository does not bear out.
#![allow(clippy::unwrap_used)]

use anabranch_tests::repository;
use std::{fs, path::PathBuf};

/// The documents that a reader may start from.
fn documents() -> Vec<PathBuf> {
    let root = repository::root();
    let mut files = Vec::new();
    for folder in [
        root.clone(),
        root.join("core/docs"),
        root.join("storage/docs"),
    ] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension() == Some("md".as_ref()) {
                files.push(path);
            }
        }
    }
    files
}

/// Where the links of a text lead, without the part after `#`.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter_map(|(link, _)| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    assert_eq!(links("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
    let mut checked = 0;
    for file in documents() {
        for link in links(&fs::read_to_string(&file).unwrap()) {
            let target = file.parent().unwrap().join(link);
            assert!(target.exists(), "{}: {link} leads nowhere", file.display());
            checked += 1;
        }
    }
    assert!(checked > 10, "too few links to mean anything");
}

#[test]
fn the_map_names_every_module_of_core() {
    let root = repository::root();
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let source = fs::read_to_string(root.join("core/src/lib.rs")).unwrap();
    let modules: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(modules.len() > 5, "core's modules were not found");
    for module in modules {
        let named = format!("`{module}`");
        assert!(
            map.contains(&named),
            "ARCHITECTURE.md does not name {module}"
        );
    }
}

#[test]
fn readme_and_ci_name_one_test_command() {
    let root = repository::root();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let command = "cargo test --workspace";
    assert!(read("README.md").lines().any(|line| line.trim() == command));
    assert!(read(".ci/run").contains(&format!("  {command} --no-fail-fast")));
    assert!(read("CONTRIBUTING.md").contains(command));
}

/// Who adds a rule follows the walk; a file that it forgets would be found by the compiler alone.
#[test]
fn the_walk_through_adding_a_merge_rule_names_every_file_that_decides_about_rules() {
    let root = repository::root();
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let walk = text
        .split("## ")
        .find(|part| part.starts_with("Adding a merge rule"));
    let mut decides = 0;
    for file in repository::rust_files(&root.join("core/src")).unwrap() {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        if code
            .lines()
            .any(|line| line.trim_start().starts_with("| MergeRule::"))
        {
            let name = format!("`{}`", file.file_name().unwrap().to_str().unwrap());
            assert!(
                walk.unwrap().contains(&name),
                "the walk does not name {name}"
            );
            decides += 1;
        }
    }
    assert!(decides > 5, "the search finds nothing any more");
}
