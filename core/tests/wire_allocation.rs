//! What foreign frames make the decoder allocate, counted. One test, alone in its process: the
//! counters belong to the process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "wire/workload.rs"]
mod workload;

use anabranch_core::{
    changeset::FlushCache,
    wire::{Decoder, Encoder, Press},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use workload::{Rng, Typist, filling, flushes, typing};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_mutated_frame_allocates_within_a_fixed_bound() {
    let seed = workload::seed();
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let (mut press, mut cache) = (Press::plain(), FlushCache::new());
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (body, changes) = typing(Typist::code(3), &mut rng, 200);
    let (key, more) = filling(&mut rng, 5, 200);
    let mut frames = Vec::new();
    for (key, changes) in [(&body.author.key, changes), (&key, more)] {
        for flush in flushes(key, changes, 100) {
            for frame in encoder.encode(&mut press, &flush, None) {
                decoder
                    .decode(&mut press, &mut cache, &frame, None)
                    .unwrap();
                frames.push(frame);
            }
        }
    }
    let (mut most, mut input) = (0, 0);
    for _ in 0..4_000 {
        let mut frame = rng.pick(&frames).clone();
        for _ in 0..=rng.below(4) {
            // Behind the head, so that the frame's own length still holds.
            let at = 3 + rng.below(frame.len() - 3);
            frame[at] = *rng.pick(&[0, 1, 2, 0x7f, 0x80, 0xff, rng.clone().next() as u8]);
        }
        let mut decoder = decoder.clone();
        let region = Region::new(ALLOCATOR);
        let _ = decoder.decode(&mut press, &mut cache, &frame, None);
        let allocated = region.change().bytes_allocated;
        if allocated > most {
            (most, input) = (allocated, frame.len());
        }
    }
    println!("at most {most} bytes were allocated, for a frame of {input} bytes");
    assert!(most <= 1 << 20);
}
