//! Packed payloads: what comes out is declared, capped and checked before it is allocated.

use anabranch_core::changeset::pack::{PackFault, compress, decompress};
use proptest::prelude::*;

const MAX: usize = 256 << 10;

#[test]
fn short_or_random_bytes_are_packed_as_they_are() {
    assert_eq!(compress(b"short"), b"\0short");
    let random: Vec<u8> = (0..100u32)
        .flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
        .collect();
    assert_eq!(compress(&random).len(), random.len() + 1);
    assert_eq!(decompress(&compress(&random), MAX).unwrap(), random);
    let long = vec![7; 10_000];
    assert!(compress(&long).len() < 40);
    assert_eq!(decompress(&compress(&long), MAX).unwrap(), long);
}

#[test]
fn a_bomb_is_refused_by_what_it_declares() {
    let bomb = compress(&vec![0; MAX + 1]);
    assert!(bomb.len() < 100);
    assert_eq!(
        decompress(&bomb, MAX),
        Err(PackFault::TooLong {
            had: MAX as u64 + 1,
            max: MAX as u64
        })
    );
    // The same frame behind a smaller declaration, and a declaration nothing could meet.
    let frame = &bomb[4..];
    assert_eq!(bomb[..4], [1, 0x81, 0x80, 0x10]);
    let lying = [&[1, 16], frame].concat();
    assert_eq!(
        decompress(&lying, MAX),
        Err(PackFault::Frame { declared: 16 })
    );
    let huge = [&[1, 0xff, 0xff, 0xff, 0xff, 0x0f], frame].concat();
    assert_eq!(decompress(&huge, MAX).unwrap_err().code(), "pack-too-long");
}

#[test]
fn raw_bytes_over_the_cap_are_refused_too() {
    assert_eq!(
        decompress(&[0; 12], 10),
        Err(PackFault::TooLong { had: 11, max: 10 })
    );
}

#[test]
fn one_frame_alone_is_taken() {
    let packed = compress(&[7; 1_000]);
    let len = 3;
    let frame = packed[len..].to_vec();
    let with = |frame: &[u8]| decompress(&[&packed[..len], frame].concat(), MAX);
    with(&frame).unwrap();
    let refused = Err(PackFault::Frame { declared: 1_000 });
    assert_eq!(
        with(&[frame.as_slice(), &frame].concat()),
        refused,
        "two frames"
    );
    assert_eq!(
        with(&[frame.as_slice(), &[0]].concat()),
        refused,
        "a byte behind"
    );
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
    assert_eq!(
        with(&[&skippable, frame.as_slice()].concat()),
        refused,
        "skippable before"
    );
    assert_eq!(
        with(&[frame.as_slice(), &skippable].concat()),
        refused,
        "skippable behind"
    );
    assert_eq!(with(&frame[..frame.len() - 1]), refused, "cut");
    assert_eq!(with(&[]), refused, "empty");
}

#[test]
fn an_unknown_kind_or_an_overlong_length_is_malformed() {
    for bytes in [&[][..], &[2, 0], &[1], &[1, 0x80, 0x00]] {
        assert_eq!(decompress(bytes, MAX).unwrap_err().code(), "pack-malformed");
    }
}

proptest! {
    #[test]
    fn what_is_packed_comes_out(bytes in prop::collection::vec(0u8..4, 0..3_000)) {
        prop_assert_eq!(decompress(&compress(&bytes), 3_000).unwrap(), bytes);
    }

    #[test]
    fn bent_bytes_never_give_more_than_the_cap(
        bytes in prop::collection::vec(0u8..4, 300..3_000),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let mut packed = compress(&bytes);
        let at = at.index(packed.len());
        packed[at] ^= flip;
        if let Ok(out) = decompress(&packed, 3_000) {
            prop_assert!(out.len() <= 3_000);
        }
    }
}
