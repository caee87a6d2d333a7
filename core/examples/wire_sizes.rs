//! Bytes per edit of the wire form on real typing. `ANABRANCH_TRACES` names a folder of editing
//! traces (`*.json.gz`: `{txns: [{time?, patches: [[position, deleted, "inserted"], …]}]}`,
//! positions in characters); every transaction becomes one change set of a Yrs text. Everything is
//! decoded again and compared. Signatures (64 bytes per flush) are counted apart.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on has failed"
)]

#[path = "../tests/wire/workload.rs"]
mod workload;

use anabranch_core::{
    changeset::{ChangeSet, FlushCache, Verified},
    wire::{Decoder, Encoder, Press, Received},
};
use ed25519_dalek::SigningKey;
use flate2::read::GzDecoder;
use serde_json::Value as Json;
use std::{fs::File, path::Path, time::Duration, time::Instant};
use workload::{Body, Rng, START_MS, Typist, filling, flushes, typing};

fn main() {
    let most: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    println!(
        "bytes per edit, signatures apart | alone: p50 p99 mean | batches of 100: mean p99 | us"
    );
    let mut rng = Rng(77);
    let (body, changes) = typing(Typist::prose(5), &mut rng, 10_000);
    report("made-up prose", &body.author.key, &changes);
    let (body, changes) = typing(Typist::code(6), &mut rng, 10_000);
    report("made-up code", &body.author.key, &changes);
    let (key, changes) = filling(&mut rng, 200, 6_000);
    report("made-up record fields", &key, &changes);
    let Some(folder) = std::env::var_os("ANABRANCH_TRACES") else {
        println!("ANABRANCH_TRACES is not set: no real traces measured");
        return;
    };
    for name in [
        "automerge-paper",
        "seph-blog1",
        "rustcode",
        "sveltecomponent",
    ] {
        let path = Path::new(&folder).join(format!("{name}.json.gz"));
        let trace: Json =
            serde_json::from_reader(GzDecoder::new(File::open(&path).unwrap())).unwrap();
        let txns = trace["txns"].as_array().unwrap();
        for (clock, steady) in [("trace times", false), ("60-260 ms apart", true)] {
            let (key, changes) = replay(txns, most, steady);
            report(&format!("{name}, {clock}"), &key, &changes);
        }
    }
}

fn replay(txns: &[Json], most: usize, steady: bool) -> (SigningKey, Vec<ChangeSet>) {
    let mut rng = Rng(1);
    let mut body = Body::new(&mut rng);
    let mut now = START_MS;
    let changes = txns
        .iter()
        .take(most)
        .map(|txn| {
            if steady {
                now += 60 + rng.below(200) as u64;
            } else if let Some(time) = txn["time"].as_str() {
                now = START_MS + seconds(time) * 1_000;
            }
            let patches: Vec<(usize, usize, String)> = txn["patches"]
                .as_array()
                .unwrap()
                .iter()
                .map(|patch| {
                    let number = |at: usize| patch[at].as_u64().unwrap() as usize;
                    (number(0), number(1), patch[2].as_str().unwrap().to_owned())
                })
                .collect();
            body.edit(&patches, now)
        })
        .collect();
    (body.author.key.clone(), changes)
}

/// Seconds of an ISO time, months counted as 31 days: only differences matter.
fn seconds(time: &str) -> u64 {
    let part = |from: usize, to: usize| time[from..to].parse::<u64>().unwrap();
    let days = (part(0, 4) * 12 + part(5, 7)) * 31 + part(8, 10);
    ((days - 700_000) * 24 + part(11, 13)) * 3_600 + part(14, 16) * 60 + part(17, 19)
}

struct Sizes {
    each: Vec<usize>,
    total: usize,
    encode: Duration,
    decode: Duration,
}

fn measure(key: &SigningKey, changes: &[ChangeSet], size: usize) -> Sizes {
    let (mut press, mut cache) = (Press::new(), FlushCache::new());
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (mut each, mut total) = (Vec::new(), 0);
    let (mut encode, mut decode) = (Duration::ZERO, Duration::ZERO);
    for flush in flushes(key, changes.to_vec(), size) {
        let start = Instant::now();
        let frames = encoder.encode(&mut press, &flush, None);
        encode += start.elapsed();
        let mut back: Vec<Verified> = Vec::new();
        let start = Instant::now();
        for frame in &frames {
            match decoder.decode(&mut press, &mut cache, frame, None) {
                Ok(Received::Rebuilt(verified)) => back.extend(verified),
                other => panic!("{other:?}"),
            }
        }
        decode += start.elapsed();
        assert!(back == flush, "every change set comes back as it went in");
        let bytes = frames.iter().map(Vec::len).sum::<usize>() - 64;
        each.push(bytes / flush.len());
        total += bytes;
    }
    each.sort_unstable();
    Sizes {
        each,
        total,
        encode,
        decode,
    }
}

fn report(name: &str, key: &SigningKey, changes: &[ChangeSet]) {
    // Alone, every change set costs a signature made and checked: a part is enough.
    let some = &changes[..changes.len().min(20_000)];
    let (alone, batch) = (measure(key, some, 1), measure(key, changes, 100));
    let at = |sizes: &Sizes, percent: usize| sizes.each[(sizes.each.len() - 1) * percent / 100];
    let mean = |sizes: &Sizes, count: usize| sizes.total as f64 / count as f64;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / changes.len() as f64;
    println!(
        "{name}: {} edits | {} {} {:.2} | {:.2} {} | encode {:.2} decode {:.2}",
        changes.len(),
        at(&alone, 50),
        at(&alone, 99),
        mean(&alone, some.len()),
        mean(&batch, changes.len()),
        at(&batch, 99),
        micros(batch.encode),
        micros(batch.decode),
    );
}
