//! The page about the language says what the code does.
#![allow(clippy::expect_used, clippy::panic)]

use anabranch_core::schema::{Schema, SchemaLog};

const PAGE: &str = include_str!("../docs/schema.md");

#[test]
fn the_annotated_example_is_a_schema_that_follows_from_its_first_version() {
    let example = PAGE
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let second = Schema::parse(example).unwrap_or_else(|errors| panic!("{errors}"));
    let first = example
        .replace("version = 2 ", "version = 1 ")
        .replace("\nowner = ", "\nassignee = ")
        .replace(", since = 2", "")
        .replace("[lens.rename]", "")
        .replace("\nassignee = \"owner\"", "");
    let first = Schema::parse(&first).unwrap_or_else(|errors| panic!("{errors}"));
    let mut log = SchemaLog::new();
    log.add(first).expect("a first version");
    log.add(second).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_code_stands_on_the_page() {
    let sources = [
        include_str!("../src/schema/fault.rs"),
        include_str!("../src/schema/rule.rs"),
        include_str!("../src/schema/value_rule.rs"),
        include_str!("../src/schema/codec.rs"),
        include_str!("../src/schema/log.rs"),
        include_str!("../src/schema/compat_fault.rs"),
    ];
    let mut codes = 0;
    for source in sources {
        let arms = source.lines().filter_map(|line| line.split_once(" => \""));
        for (_, rest) in arms {
            let code = rest.split('"').next().unwrap_or_default();
            if !code.starts_with("schema-") && !code.starts_with("value-") {
                continue;
            }
            codes += 1;
            let short = code.strip_prefix("schema-compat").unwrap_or(code);
            assert!(
                PAGE.contains(&format!("`{short}`")) || PAGE.contains(&format!("`{code}`")),
                "{code}"
            );
        }
    }
    assert!(codes > 70, "{codes}");
}
