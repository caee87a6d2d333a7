//! Writes the samples from which `core/src/wire/dictionary.bin` is trained: bodies of frames, before
//! packing, of made-up typing and record filling. `core/docs/wire.md` gives the commands.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on has failed"
)]

#[path = "../tests/wire/workload.rs"]
mod workload;

use anabranch_core::{
    changeset::ChangeSet,
    wire::{Encoder, Press},
};
use ed25519_dalek::SigningKey;
use std::{fs, path::PathBuf};
use workload::{Rng, Typist, filling, flushes, typing};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "wire-samples".into()),
    );
    fs::create_dir_all(&folder)?;
    let mut count = 0;
    let mut write = |key: &SigningKey, changes: Vec<ChangeSet>, size: usize| {
        let (mut press, mut encoder) = (Press::plain(), Encoder::new());
        for flush in flushes(key, changes, size) {
            for frame in encoder.encode(&mut press, &flush, None) {
                // First byte and a length of two bytes stand before a body of this size.
                let body = frame.get(3..).unwrap_or_default();
                fs::write(folder.join(format!("{count:05}")), body)?;
                count += 1;
            }
        }
        std::io::Result::Ok(())
    };
    let mut rng = Rng(2026);
    for seed in 0..12 {
        for size in [60, 100, 250] {
            let (body, changes) = typing(Typist::prose(seed * 3 + 1), &mut rng, 3_000);
            write(&body.author.key, changes, size)?;
            let (body, changes) = typing(Typist::code(seed * 3 + 2), &mut rng, 2_000);
            write(&body.author.key, changes, size)?;
            let (key, changes) = filling(&mut rng, 60, 1_500);
            write(&key, changes, size)?;
        }
    }
    println!("{count} samples in {}", folder.display());
    Ok(())
}
