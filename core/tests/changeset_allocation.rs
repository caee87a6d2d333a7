//! What foreign bytes make the envelope's decoders allocate, counted. One test, alone in its
//! process: the counters belong to the process.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use anabranch_core::changeset::{Bundle, Header, Signed, pack};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes asked of the allocator, growth counted each time, so an upper bound of the peak.
fn allocated(decode: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    decode();
    region.change().bytes_allocated
}

fn golden(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/golden/changeset/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn claims_of_length_are_not_believed() {
    // A sequence that claims 2^32 - 1 items, in every place where a length may stand.
    let mut refusals = 0;
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for name in [
        "signed-v1-third-of-five.hex",
        "signed-v1-erased.hex",
        "header-v1-full.hex",
    ] {
        let bytes = golden(name);
        for at in 0..bytes.len() {
            for behind in [0, 64 << 10] {
                let mut bent = bytes.clone();
                bent.splice(at..=at, claim);
                bent.resize(bent.len() + behind, 1);
                let cost = allocated(|| {
                    for refused in [
                        Signed::decode(&bent).is_err(),
                        Header::decode(&bent).is_err(),
                    ] {
                        refusals += usize::from(refused);
                    }
                });
                assert!(
                    cost <= 8 * bent.len() + 1_024,
                    "{name}, claim at {at}: {cost} bytes"
                );
            }
        }
    }
    assert!(refusals > 1_000, "{refusals} claims were looked into");
    // Dependencies, as many as there is room for: what is there costs memory, in proportion.
    let bytes = golden("header-v1-full.hex");
    let mut bent = bytes[..130].to_vec();
    bent.resize(90 << 10, 1);
    let cost = allocated(|| assert!(Header::decode(&bent).is_err()));
    assert!(cost <= 8 * bent.len(), "{cost} bytes");

    let bomb = pack::compress(&vec![0; 100 << 20]);
    let cost = allocated(|| assert!(pack::decompress(&bomb, 256 << 10).is_err()));
    assert!(cost <= 64, "{cost} bytes for a bomb of {}", bomb.len());

    let bundle = golden("bundle-v1.hex");
    let cost = allocated(|| assert!(Bundle::open(&bundle).is_ok()));
    assert_eq!(cost, 0, "opening a bundle borrows it");
}
