//! The bytes of every frame form, written down: whoever changes one changes the format.
//!
//! A file is comment lines that begin with `#`, then hexadecimal, 32 bytes a line. Set
//! `ANABRANCH_GOLDEN=write` to write them anew, and raise `FRAME_VERSION` if one differs. All but
//! `packed` belong to one stream, in this order.

use crate::{
    streams::Stream,
    workload::{Author, Rng, START_MS, Typist, filling, typing},
};
use anabranch_core::{
    changeset::{EngineKind, FlushCache, Verified},
    wire::{Decoder, Encoder, Press, Received},
};
use std::{fs, path::PathBuf};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/wire")
        .join(name)
}

fn write(name: &str, about: &str, bytes: &[u8]) {
    let mut text = format!("# {about}\n");
    for line in bytes.chunks(32) {
        line.iter()
            .for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text.push('\n');
    }
    fs::write(file(name), text).unwrap();
}

fn read(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(file(name)).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn writing() -> bool {
    std::env::var("ANABRANCH_GOLDEN").as_deref() == Ok("write")
}

/// The change sets of each golden frame, from a fixed seed.
fn content() -> Vec<(&'static str, &'static str, Vec<Verified>)> {
    let mut rng = Rng(1);
    let (body, mut changes) = typing(Typist::prose(1), &mut rng, 10);
    let batch = changes.split_off(3);
    let mut keys = changes
        .into_iter()
        .map(|change| body.author.seal(vec![change]));
    let (key, mut changes) = filling(&mut rng, 2, 7);
    let second = changes.split_off(1);
    let seal = |changes| anabranch_core::changeset::seal_verified(&key, changes).unwrap();
    let flush = body.author.seal(batch);
    let mut log = Author::new(&mut rng, "log.comments", EngineKind::Log);
    let entries = (0..5)
        .map(|at| log.change(vec![at; 3], START_MS + 9, Vec::new()))
        .collect();
    let mut entries = log.seal(entries);
    entries[4].erase();
    let sealed = [2, 4].map(|at| entries[at].clone()).to_vec();
    vec![
        (
            "frame-v1-first-key.hex",
            "a stream's first frame: one key in a body",
            keys.next().unwrap(),
        ),
        (
            "frame-v1-second-key.hex",
            "the second key of the same author",
            keys.next().unwrap(),
        ),
        (
            "frame-v1-third-key.hex",
            "the third key",
            keys.next().unwrap(),
        ),
        (
            "frame-v1-first-field.hex",
            "the first field of a record",
            seal(changes),
        ),
        (
            "frame-v1-fields.hex",
            "a flush of six fields of two records",
            seal(second),
        ),
        ("frame-v1-batch.hex", "a flush of seven keys", flush),
        (
            "frame-v1-part.hex",
            "change sets 2 and 4 of a flush of five, the latter erased",
            sealed,
        ),
    ]
}

#[test]
fn frames_are_written_as_they_were_and_what_was_written_is_read() {
    let mut stream = Stream {
        press: Press::plain(),
        ..Stream::default()
    };
    for (name, about, changes) in content() {
        let frame = stream
            .encoder
            .encode(&mut stream.press, &changes, None)
            .remove(0);
        if writing() {
            write(name, &format!("frame, version 1: {about}"), &frame);
        }
        let golden = read(name);
        assert_eq!(golden, frame, "{name}: the format has changed");
        assert_eq!(
            stream.decode(&golden),
            Ok(Received::Rebuilt(changes)),
            "{name}"
        );
    }
}

#[test]
fn explicit_frames_are_written_as_they_were() {
    let (name, changes) = ("frame-v1-explicit.hex", content().remove(4).2);
    let mut press = Press::plain();
    let frame = Encoder::explicit(&mut press, &changes[..2]).remove(0);
    if writing() {
        write(
            name,
            "frame, version 1: two change sets in their canonical bytes",
            &frame,
        );
    }
    assert_eq!(read(name), frame, "{name}: the format has changed");
}

/// zstd may pack otherwise one day, but what was packed must be read, with the same dictionary.
#[test]
fn packed_frames_are_read() {
    let mut rng = Rng(4);
    let (body, changes) = typing(Typist::prose(4), &mut rng, 150);
    let sealed = body.author.seal(changes);
    let (name, mut press) = ("frame-v1-packed.hex", Press::new());
    if writing() {
        let frame = Encoder::new().encode(&mut press, &sealed, None).remove(0);
        write(
            name,
            "frame, version 1: a flush of 150 keys, packed",
            &frame,
        );
    }
    let got = Decoder::new().decode(&mut press, &mut FlushCache::new(), &read(name), None);
    assert_eq!(got, Ok(Received::Rebuilt(sealed)));
}

/// Packed frames can be read with this dictionary alone.
#[test]
fn the_dictionary_is_the_documented_one() {
    use sha2::{Digest, Sha256};
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dictionary = fs::read(folder.join("src/wire/dictionary.bin")).unwrap();
    let hash: String = Sha256::digest(dictionary)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let documented = fs::read_to_string(folder.join("docs/wire.md")).unwrap();
    assert!(documented.contains(&hash), "the dictionary is {hash}");
}
