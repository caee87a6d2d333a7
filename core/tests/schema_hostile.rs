//! Whatever the bytes: a typed answer, never a panic, and what is accepted stays within its bounds.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use anabranch_core::{
    limits,
    schema::{Schema, SchemaDecodeError, catalogue::catalogue},
};
use proptest::prelude::*;

/// What holds of everything that is accepted.
fn sound(schema: &Schema) {
    let bytes = schema.encode();
    assert!(bytes.len() <= limits::SCHEMA_ENCODED_BYTES_MAX);
    let decoded = Schema::decode(&bytes).expect("what was accepted decodes");
    assert_eq!(&decoded, schema);
    let text = schema.to_toml();
    assert!(text.len() <= limits::SCHEMA_BYTES_MAX);
    let parsed = Schema::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    assert_eq!(&parsed, schema, "{text}");
    assert_eq!(parsed.id(), schema.id());
}

fn read(text: &str) -> bool {
    match Schema::parse(text) {
        Ok(schema) => {
            sound(&schema);
            true
        }
        Err(errors) => {
            assert!(errors.iter().count() > 0);
            assert!(
                errors
                    .iter()
                    .all(|error| error.line > 0 && error.column > 0)
            );
            assert!(!errors.to_string().is_empty());
            false
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop::sample::select(catalogue()).prop_map(|entry| entry.text.to_owned())
}

/// Pieces of the language, so that nonsense gets far.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "kind = \"k\"\n",
        "version = 1\n",
        "version = 2\n",
        "[record]\n",
        "[record.fields]\n",
        "[part.a]\n",
        "[part.a.fields]\n",
        "[body]\n",
        "layout = \"text\"\n",
        "[log.a]\n",
        "[log.a.entry]\n",
        "[lens.rename]\n",
        "[lens.default]\n",
        "a = \"b\"\n",
        "b = 1\n",
        "a = \"lww text\"\n",
        "b = \"counter\"\n",
        "c = { rule = \"lww\", ",
        "choices = [\"x\"]",
        " }\n",
        "rule = \"map\"\n",
        "rule = \"group\"\n",
        "fields = { a = \"float\" }\n",
        "since = 2\n",
        "authority = \"server\"\n",
        "residency = \"local\"\n",
        "route = [\"a\"]\n",
        "about = \"\\u0000\"\n",
        "max = -1\n",
        "\"~life\" = \"lww bool\"\n",
        "[[part]]\n",
        "a.b.c = 1\n",
        "d = 1979-05-27\n",
        "e = nan\n",
        "f = [1, \"a\"]\n",
        "\u{feff}",
        "\r",
        "'''",
        "\"\"\"",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn any_words_of_the_language_are_answered(text in pieces()) {
        read(&text);
    }

    #[test]
    fn mutated_catalogue_texts_are_answered(
        text in texts(),
        other in texts(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<u8>()), 1..6),
    ) {
        let mut bytes = text.into_bytes();
        for (at, how, byte) in edits {
            let place = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            if bytes.is_empty() { break }
            match how {
                0 => bytes[place] = byte,
                1 => { bytes.remove(place); }
                2 => bytes.insert(place, byte),
                3 => bytes.truncate(place),
                _ => {
                    let from = at.index(other.len());
                    let piece = other.as_bytes()[from..].iter().take(usize::from(byte));
                    bytes.splice(place..place, piece.copied());
                }
            }
        }
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn lines_moved_about_are_answered(
        text in texts(),
        other in texts(),
        moves in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 1..8),
    ) {
        let mut lines: Vec<&str> = text.lines().collect();
        let others: Vec<&str> = other.lines().collect();
        for [from, to] in moves {
            let place = to.index(lines.len());
            if from.index(2) == 0 {
                lines.remove(place);
                if lines.is_empty() { break }
            } else {
                lines.insert(place, others[from.index(others.len())]);
            }
        }
        read(&lines.join("\n"));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(schema) = Schema::decode(&bytes) {
            sound(&schema);
        }
    }

    #[test]
    fn mutated_encodings_are_answered_and_what_is_accepted_is_canonical(
        entry in prop::sample::select(catalogue()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
    ) {
        let mut bytes = entry.parse().expect("a catalogue schema").encode();
        for (at, byte, how) in edits {
            let place = at.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes[place] ^= 1 << (byte % 8),
                _ => { bytes.insert(place, byte); }
            }
        }
        if let Ok(schema) = Schema::decode(&bytes) {
            prop_assert_eq!(schema.encode(), bytes);
            sound(&schema);
        }
    }
}

/// The bytes of a schema up to its lenses, with nothing declared but a kind and a record.
fn small() -> Vec<u8> {
    Schema::parse("kind = \"k\"\nversion = 1\n")
        .expect("a small schema")
        .encode()
}

#[test]
fn the_encoding_cannot_nest_past_the_stack() {
    // One part `record` with a map in a map in a map, 21,000 deep, as no text could say it.
    let mut bytes = b"\x01k\x01\x00\x01\x06record\x00".to_vec();
    while bytes.len() < limits::SCHEMA_ENCODED_BYTES_MAX - 3 {
        bytes.extend(b"\x01\x01a\x09");
        bytes.truncate(limits::SCHEMA_ENCODED_BYTES_MAX);
    }
    assert!(matches!(Schema::decode(&bytes), Err(SchemaDecodeError::Malformed { at }) if at < 200));
    // A default that is a list in a list in a list.
    let mut bytes = small();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend(b"\x01\x01\x01a");
    let from = bytes.len();
    bytes.extend(b"\x07\x01".repeat(30_000));
    assert_eq!(
        Schema::decode(&bytes),
        Err(SchemaDecodeError::Malformed { at: from + 1 })
    );
}

#[test]
fn counts_that_the_bytes_cannot_hold_allocate_nothing() {
    let mut bytes = small();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(matches!(
        Schema::decode(&bytes),
        Err(SchemaDecodeError::Malformed { .. })
    ));
    let long = vec![0u8; limits::SCHEMA_ENCODED_BYTES_MAX + 1];
    assert_eq!(
        Schema::decode(&long).map_err(|error| error.code()),
        Err("schema-bytes-too-large")
    );
}

#[test]
fn bytes_that_say_the_same_otherwise_are_refused() {
    let bytes = small();
    let mut long_number = bytes.clone();
    assert_eq!(long_number[2], 1);
    long_number.splice(2..3, [0x81, 0x00]);
    assert_eq!(
        Schema::decode(&long_number),
        Err(SchemaDecodeError::NotCanonical)
    );
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        Schema::decode(&longer),
        Err(SchemaDecodeError::Malformed { .. })
    ));
    for end in 0..bytes.len() {
        assert!(Schema::decode(&bytes[..end]).is_err());
    }
}

#[test]
fn bytes_obey_the_same_invariants_as_a_text() {
    let task = catalogue()
        .iter()
        .find(|entry| entry.kind == "task")
        .expect("a task");
    let bytes = task.parse().expect("a schema").encode();
    let at = bytes
        .windows(5)
        .position(|word| word == b"title")
        .expect("a field");
    let mut renamed = bytes.clone();
    renamed[at..at + 5].copy_from_slice(b"~life");
    match Schema::decode(&renamed) {
        // `~` sorts behind every letter, so the map is out of order as well.
        Err(SchemaDecodeError::NotCanonical | SchemaDecodeError::Invalid { .. }) => {}
        other => panic!("{other:?}"),
    }
    let mut lower = bytes.clone();
    lower[at] = b'T';
    assert!(Schema::decode(&lower).is_err());
    let mut nothing = small();
    nothing[2] = 0;
    match Schema::decode(&nothing) {
        Err(SchemaDecodeError::Invalid { path, fault }) => {
            assert_eq!(
                (path.as_str(), fault.code()),
                ("version", "schema-out-of-range")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn mutants_reach_past_the_reader_often_enough_to_mean_something() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below a usize")
    };
    let (mut texts, mut encodings) = (0, 0);
    let rounds = 3_000;
    for round in 0..rounds {
        let entry = catalogue()[round % catalogue().len()];
        let mut text = entry.text.as_bytes().to_vec();
        let at = next(text.len());
        text[at] = b'a' + u8::try_from(next(26)).expect("a letter");
        texts += usize::from(read(&String::from_utf8_lossy(&text)));
        let mut bytes = entry.parse().expect("a catalogue schema").encode();
        let at = next(bytes.len());
        bytes[at] ^= 1 << next(8);
        if let Ok(schema) = Schema::decode(&bytes) {
            sound(&schema);
            encodings += 1;
        }
    }
    println!("of {rounds} mutants each: {texts} texts and {encodings} encodings accepted");
    assert!(texts > rounds / 10 && texts < rounds);
    assert!(encodings > rounds / 20 && encodings < rounds);
}
