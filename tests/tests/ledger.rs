//! Every capability of this step is finished with a test, or written down as pending.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use anabranch_tests::{ledger::Ledger, repository};

#[test]
fn every_finished_capability_has_its_test_and_its_reach() {
    let root = repository::root();
    let text = std::fs::read_to_string(root.join("tests/ledger.toml")).unwrap();
    let ledger = Ledger::parse(&text).unwrap_or_else(|error| panic!("tests/ledger.toml: {error}"));
    println!(
        "ledger: {} finished, {} pending{}{}",
        ledger.item.len(),
        ledger.pending.len(),
        if ledger.pending.is_empty() { "" } else { ": " },
        ledger.pending.join(" ")
    );
    let faults = ledger.faults(&root);
    let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    assert!(faults.is_empty(), "tests/ledger.toml:{lines}");
}
