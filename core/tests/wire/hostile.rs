//! Damaged and made-up frames end in typed errors, or in change sets that their origins signed.

use crate::{
    streams::Stream,
    workload::{Author, Rng, Typist, filling, flushes, typing},
};
use anabranch_core::{
    changeset::{EngineKind, FlushCache, Verified},
    limits,
    wire::{Cause, Decoder, Encoder, FormError, FrameError, Press, Received, frame_len},
};

/// A stream in full use, its next frame, and what that frame holds. `packs`: whether zstd is used.
fn in_use(seed: u64, count: usize, packs: bool) -> (Stream, Vec<u8>, Vec<Verified>) {
    let mut rng = Rng(seed);
    let mut stream = Stream::default();
    if !packs {
        stream.press = Press::plain();
    }
    let (body, mut changes) = typing(Typist::prose(seed), &mut rng, 30 + count);
    let last = changes.split_off(30);
    for flush in flushes(&body.author.key, changes, 10) {
        stream.carry(&flush);
    }
    let (key, mut changes) = filling(&mut rng, 4, 30 + count);
    let more = changes.split_off(30);
    for flush in flushes(&key, changes, 10) {
        stream.carry(&flush);
    }
    let mut sealed = flushes(&body.author.key, last, count).concat();
    sealed.extend(flushes(&key, more, count).concat());
    let mut frames = stream.encoder.encode(&mut stream.press, &sealed, None);
    assert_eq!(frames.len(), 1);
    (stream, frames.remove(0), sealed)
}

/// Decodes with a context that this attempt alone may spoil.
fn attempt(stream: &Stream, press: &mut Press, frame: &[u8]) -> Result<Received, FrameError> {
    let mut decoder = stream.decoder.clone();
    decoder.decode(press, &mut FlushCache::new(), frame, None)
}

/// Whether the attempt gave nothing but an error or change sets of `sealed`.
fn harmless(got: &Result<Received, FrameError>, sealed: &[Verified]) -> bool {
    match got {
        Err(_) => true,
        Ok(Received::Rebuilt(got)) => got.iter().all(|verified| sealed.contains(verified)),
        Ok(Received::Explicit(got)) => got.iter().all(|signed| match signed {
            Err(_) => true,
            Ok(signed) => sealed.iter().any(|v| v.signed() == signed),
        }),
    }
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_frame_is_noticed() {
    let mut press = Press::new();
    for (count, packs) in [(1, true), (20, true), (12, false)] {
        let (stream, frame, sealed) = in_use(3, count, packs);
        let (mut errors, mut same) = (0, 0);
        for bit in 0..frame.len() * 8 {
            let mut bent = frame.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let got = attempt(&stream, &mut press, &bent);
            assert!(harmless(&got, &sealed), "bit {bit}: {got:?}");
            match got {
                Ok(Received::Rebuilt(_)) => same += 1,
                Ok(Received::Explicit(_)) | Err(_) => errors += 1,
            }
        }
        assert!(errors > frame.len() * 7, "{errors} errors, {same} alike");
        for len in 0..frame.len() {
            assert!(
                attempt(&stream, &mut press, &frame[..len]).is_err(),
                "cut at {len}"
            );
            let _ = frame_len(&frame[..len]);
        }
        let mut longer = frame.clone();
        longer.push(0);
        assert!(attempt(&stream, &mut press, &longer).is_err());
    }
}

/// A frame around a body that no encoder wrote.
fn around(first: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let mut len = body.len();
    while len >= 0x80 {
        frame.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    frame.push(len as u8);
    frame.extend_from_slice(body);
    frame
}

#[test]
fn mutated_bodies_never_give_what_was_not_signed() {
    let seed = crate::workload::seed();
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let mut press = Press::new();
    let (stream, frame, sealed) = in_use(5, 20, false);
    let head = frame
        .iter()
        .skip(1)
        .position(|byte| byte & 0x80 == 0)
        .unwrap()
        + 2;
    let body = &frame[head..];
    assert!(attempt(&stream, &mut press, &around(frame[0], body)).is_ok());
    let mut rebuilt = 0;
    for _ in 0..12_000 {
        let mut bent = body.to_vec();
        for _ in 0..=rng.below(3) {
            if bent.is_empty() {
                break;
            }
            let at = rng.below(bent.len());
            match rng.below(6) {
                0 => bent[at] ^= 1 << rng.below(8),
                1 => bent[at] = *rng.pick(&[0, 1, 0x7f, 0x80, 0xff]),
                2 => bent.insert(at, rng.next() as u8),
                3 => drop(bent.remove(at)),
                4 => bent.truncate(at.max(1)),
                _ => {
                    let from = rng.below(bent.len());
                    let some = bent[from..(from + rng.below(9)).min(bent.len())].to_vec();
                    bent.splice(at..at, some);
                }
            }
        }
        let first = if rng.one_in(30) {
            rng.next() as u8
        } else {
            frame[0]
        };
        let got = attempt(&stream, &mut press, &around(first, &bent));
        assert!(harmless(&got, &sealed), "{got:?}");
        rebuilt += usize::from(matches!(
            got,
            Err(FrameError::SendExplicitly {
                cause: Cause::Rebuilt(_)
            })
        ));
    }
    println!("{rebuilt} of 12000 were rebuilt to something and then found forged");
    assert!(rebuilt > 100);
}

#[test]
fn noise_is_no_frame() {
    let seed = crate::workload::seed();
    println!("seed {seed}");
    let mut rng = Rng(seed);
    let mut press = Press::new();
    let (stream, _, sealed) = in_use(7, 5, true);
    for _ in 0..20_000 {
        let len = rng.below(200);
        let noise: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        let first = *rng.pick(&[0x01, 0x21, 0x41, 0x61, 0x09, 0x11, 0x19, 0xff]);
        let got = attempt(&stream, &mut press, &around(first, &noise));
        assert!(harmless(&got, &sealed), "{got:?}");
        let _ = frame_len(&noise);
    }
}

#[test]
fn a_frame_declares_its_lengths_and_is_held_to_them() {
    let mut press = Press::new();
    let mut decode =
        |frame: &[u8]| Decoder::new().decode(&mut press, &mut FlushCache::new(), frame, None);
    let unknown = decode(&[0x02, 0]);
    assert_eq!(unknown, Err(FrameError::Version { had: 2 }));
    assert_eq!(
        frame_len(&[0x81, 0]),
        Err(FrameError::Version { had: 0x81 })
    );
    let long = limits::FRAME_BYTES_MAX as u64 + 1;
    let head = [0x01, 0x81, 0x80, 0x40];
    let max = limits::FRAME_BYTES_MAX as u64;
    assert_eq!(
        frame_len(&head),
        Err(FrameError::TooLong { had: long, max })
    );
    // Packed, declaring more than 16 times its length and 64 KiB.
    let bomb = around(0x09, &[0x80, 0x80, 0x10, 0, 0, 0, 0]);
    let max = limits::FRAME_UNPACKED_FREE_BYTES as u64 + 7 * 16;
    assert_eq!(
        decode(&bomb),
        Err(FrameError::TooLong { had: 1 << 18, max })
    );
    let junk = around(0x09, &[100, 1, 2, 3, 4, 5]);
    assert_eq!(decode(&junk), Err(FrameError::Packing { declared: 100 }));
    let many = around(0x21, &[0x81, 0x04]);
    assert!(matches!(
        decode(&many),
        Err(FrameError::SendExplicitly {
            cause: Cause::Form(FormError::TooMany { .. })
        })
    ));
}

#[test]
fn an_explicit_frame_is_read_item_by_item() {
    let mut rng = Rng(20);
    let mut author = Author::new(&mut rng, "log.events", EngineKind::Log);
    let changes = (0..3)
        .map(|at| author.change(vec![at], 5, Vec::new()))
        .collect();
    let sealed = author.seal(changes);
    let mut press = Press::plain();
    let mut frame = Encoder::explicit(&mut press, &sealed).remove(0);
    // The last byte of the second payload's state: what follows its one payload byte.
    let bytes = sealed[1].signed().encode();
    let at = frame.windows(bytes.len()).position(|w| w == bytes).unwrap();
    frame[at + bytes.len() / 2] ^= 0xff;
    let got = Decoder::new().decode(&mut press, &mut FlushCache::new(), &frame, None);
    let Ok(Received::Explicit(items)) = got else {
        panic!("{got:?}");
    };
    let sound: Vec<bool> = items
        .into_iter()
        .map(|item| item.is_ok_and(|signed| signed.verify(&mut FlushCache::new()).is_ok()))
        .collect();
    assert_eq!(sound, [true, false, true]);
}
