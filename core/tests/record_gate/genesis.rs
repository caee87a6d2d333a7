//! Genesis: the same bytes everywhere and for ever.

use crate::world::{gate, schemas};
use anabranch_core::{
    record::{GENESIS_ACTOR, genesis},
    schema::{Schema, catalogue},
};
use automerge::{Automerge, Change, ROOT, ReadDoc};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One change a line. A difference here makes every document of every workspace another one.
const GOLDEN: &str = include_str!("../data/genesis.hex");

#[test]
fn genesis_is_the_golden_bytes() {
    let schemas = schemas(2);
    let schemas: Vec<&Schema> = schemas.iter().map(AsRef::as_ref).collect();
    let lines: Vec<String> = genesis(&schemas, "record")
        .iter()
        .map(|change| hex(change.raw_bytes()))
        .collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>());
}

#[test]
fn each_version_depends_on_the_one_before_alone_and_makes_only_what_it_brings_in() {
    let gate = gate(&schemas(2), 0);
    let [first, second] = gate.genesis() else {
        panic!("two versions");
    };
    assert!(first.deps().is_empty());
    assert_eq!(second.deps(), [first.hash()]);
    for change in [first, second] {
        assert_eq!(change.actor_id().to_bytes(), GENESIS_ACTOR);
        assert_eq!(change.timestamp(), 0);
    }
    assert_eq!(second.len(), 2, "the version's note and `labels`");

    // A gate that hears of version 2 later has the same chain.
    let mut grown = crate::world::gate(&schemas(1), 0);
    grown.extend(schemas(2).pop().expect("v2"));
    let hashes = |changes: &[Change]| changes.iter().map(Change::hash).collect::<Vec<_>>();
    assert_eq!(hashes(grown.genesis()), hashes(gate.genesis()));
}

#[test]
fn every_record_of_the_catalogue_has_a_genesis_that_the_engine_loads_again() {
    for entry in catalogue::catalogue() {
        let schema = entry.parse().expect("parses");
        for (part, declared) in &schema.spec().parts {
            if declared.fields().is_none() {
                continue;
            }
            let mut doc = Automerge::new();
            let changes = genesis(&[&schema], part);
            assert_eq!(changes.len(), 1, "{part}");
            doc.apply_changes(changes).expect("applies");
            let loaded = Automerge::load(&doc.save()).expect("loads");
            assert_eq!(loaded.get_heads(), doc.get_heads());
            assert!(loaded.get(ROOT, "~schema").expect("readable").is_some());
        }
    }
}
