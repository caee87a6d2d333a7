//! Packed payloads.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    changeset::pack::{compress, decompress},
    limits::PAYLOAD_BYTES_MAX,
    sim::Rng,
};

pub(super) const TARGET: Target = Target {
    name: "pack",
    what: "bytes packed with zstd, whose declared length is held against a bound first",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = stock::headers()
        .iter()
        .map(|bytes| compress(bytes))
        .collect();
    seeds.extend([
        compress(&[]),
        compress(&[0; 300]),
        compress(&[7; 100_000]),
        compress(&[0; PAYLOAD_BYTES_MAX]),
    ]);
    seeds.extend([
        compress(&[0; PAYLOAD_BYTES_MAX + 1]),
        compress(b"river ".repeat(400).as_slice()),
    ]);
    seeds
}

fn run(input: &[u8]) -> Reached {
    // What comes out counts as input: its length is declared, and held against the bound, before
    // anything is allocated. zstd's own tables are allocated in C and not counted.
    let mut out = Err("none");
    meter::judging(|| out = decompress(input, 4 << 10).map_err(|fault| fault.code()));
    let small = out.is_ok();
    match decompress(input, PAYLOAD_BYTES_MAX) {
        Ok(bytes) => {
            assert!(bytes.len() <= PAYLOAD_BYTES_MAX);
            assert_eq!(small, bytes.len() <= 4 << 10, "the bound alone decides");
            let again = decompress(&compress(&bytes), PAYLOAD_BYTES_MAX);
            assert_eq!(again, Ok(bytes), "what is packed comes out again");
            Reached::Judged
        }
        Err(fault) => {
            assert!(
                !small,
                "a larger bound refuses nothing that a smaller one took"
            );
            Reached::Rejected(fault.code())
        }
    }
}

/// Mostly at the front, where the frame declares what it is.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let cut = if rng.one_in(2) {
        input.len().min(12)
    } else {
        input.len()
    };
    let (mut front, back) = (input[..cut].to_vec(), &input[cut..]);
    crate::bytes::mutate(rng, &mut front);
    front.extend_from_slice(back);
    front
}
