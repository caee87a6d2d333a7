//! The journal on disk against power cuts, failing disks, flipped bits, killed processes and wrong
//! files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items
)]

mod crash;
mod derived;
mod disk;
mod encrypted;
mod faults;
mod figures;
mod flips;
mod formats;
mod killed;
mod opening;
mod pages;
mod verifying;
mod workload;

use anabranch_core::{
    sim::Rng,
    store::{Position, Store, StoreError},
};

/// Rows of an append, of many sizes.
fn rows(rng: &mut Rng) -> Vec<Vec<u8>> {
    let many = [1, 1, 2, 5, 30][rng.below(5)];
    let row = |rng: &mut Rng| {
        let len = [0, 40, 250, 900, 6_000][rng.below(5)];
        let seed: [u8; 8] = rng.bytes();
        seed.iter().copied().cycle().take(len).collect()
    };
    (0..many).map(|_| row(rng)).collect()
}

/// Everything in a journal.
fn all(store: &impl Store) -> Result<Vec<Vec<u8>>, StoreError> {
    store.read(Position(0), usize::MAX)
}

/// A number from the environment, or what it is otherwise.
fn setting(name: &str, otherwise: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |set| set.parse().unwrap())
}
