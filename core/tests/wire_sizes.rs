//! What the wire form costs, on made-up editing: bytes per change set alone (in a flush of its own)
//! and in batches of 100, the flush's signature of 64 bytes apart.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on has failed"
)]

#[path = "wire/workload.rs"]
mod workload;

use anabranch_core::{
    changeset::{ChangeSet, FlushCache, Verified},
    wire::{Decoder, Encoder, Press, Received},
};
use ed25519_dalek::SigningKey;
use workload::{Author, Field, Record, Rng, START_MS, Typist, filling, flushes, typing};

struct Sizes {
    p50: usize,
    p99: usize,
    mean: f64,
}

/// Bytes per change set in flushes of `size`, signatures apart. Everything is decoded again.
fn measure(key: &SigningKey, changes: &[ChangeSet], size: usize) -> Sizes {
    let (mut press, mut cache) = (Press::new(), FlushCache::new());
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut sizes = Vec::new();
    let mut total = 0;
    for flush in flushes(key, changes.to_vec(), size) {
        let mut bytes = 0;
        let mut back: Vec<Verified> = Vec::new();
        for frame in encoder.encode(&mut press, &flush, None) {
            bytes += frame.len();
            match decoder.decode(&mut press, &mut cache, &frame, None) {
                Ok(Received::Rebuilt(verified)) => back.extend(verified),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(back, flush);
        sizes.push((bytes - 64) / flush.len());
        total += bytes - 64;
    }
    sizes.sort_unstable();
    Sizes {
        p50: sizes[sizes.len() / 2],
        p99: sizes[sizes.len() * 99 / 100],
        mean: total as f64 / changes.len() as f64,
    }
}

fn check(name: &str, key: &SigningKey, changes: &[ChangeSet], live_max: usize, batch_max: f64) {
    let (live, batch) = (measure(key, changes, 1), measure(key, changes, 100));
    println!(
        "{name}: live p50 {} p99 {} mean {:.2}; in batches of 100 mean {:.2}",
        live.p50, live.p99, live.mean, batch.mean
    );
    assert!(
        live.p50 <= live_max,
        "{name}: a live edit costs {}",
        live.p50
    );
    assert!(
        batch.mean <= batch_max,
        "{name}: an edit in a batch costs {:.2}",
        batch.mean
    );
}

#[test]
fn prose_and_code_keep_their_budgets() {
    let mut rng = Rng(101);
    let (body, changes) = typing(Typist::prose(7), &mut rng, 3_000);
    check("prose", &body.author.key, &changes, 10, 3.0);
    let (body, changes) = typing(Typist::code(8), &mut rng, 3_000);
    check("code", &body.author.key, &changes, 10, 8.0);
}

#[test]
fn record_fields_keep_their_budgets() {
    let mut rng = Rng(102);
    let (key, changes) = filling(&mut rng, 40, 2_000);
    check("record fields", &key, &changes, 20, 25.0);
    let author = Author::new(
        &mut rng,
        "record",
        anabranch_core::changeset::EngineKind::Automerge,
    );
    let mut record = Record::new(author, &mut rng, false);
    let keys: Vec<ChangeSet> = (0..500)
        .map(|at| record.edit(Field::Key, &mut rng, START_MS + at * 150))
        .collect();
    check(
        "keys in a record's text",
        &record.author.key,
        &keys,
        16,
        8.0,
    );
}
