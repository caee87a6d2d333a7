//! The bytes of every form, written down: whoever changes one changes a format.
//!
//! A file is comment lines that begin with `#`, then hexadecimal, 32 bytes a line. Set
//! `ANABRANCH_GOLDEN=write` to write them anew, and raise the form's version if one differs.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{
        Bundle, BundleWriter, FlushCache, FlushProof, Header, Purpose, SIGNED_BYTES_MAX, Signed,
        WorkspaceKey, decrypt, encrypt, pack, seal, tags,
    },
    limits,
};
use std::{fs, path::PathBuf};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/changeset")
        .join(name)
}

/// The bytes of a golden file, after they were found equal to `bytes`.
fn golden(name: &str, about: &str, bytes: &[u8]) -> Vec<u8> {
    if std::env::var("ANABRANCH_GOLDEN").as_deref() == Ok("write") {
        let mut text = format!("# {about}\n");
        for line in bytes.chunks(32) {
            line.iter()
                .for_each(|byte| text.push_str(&format!("{byte:02x}")));
            text.push('\n');
        }
        fs::write(file(name), text).unwrap();
    }
    let had = read(name);
    assert_eq!(had, bytes, "{name}: the format has changed");
    had
}

fn read(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(file(name)).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn headers() {
    for (name, about, header) in [
        (
            "header-v1-plain.hex",
            "header, version 1: the first change set of a chain",
            plain(&key()),
        ),
        (
            "header-v1-full.hex",
            "header, version 1: every field filled",
            full(&key()),
        ),
    ] {
        let bytes = golden(name, about, &header.encode());
        assert_eq!(Header::decode(&bytes).unwrap(), header);
    }
    golden(
        "id-v1-plain.hex",
        "id of header-v1-plain",
        &plain(&key()).id().0,
    );
    golden(
        "id-v1-full.hex",
        "id of header-v1-full",
        &full(&key()).id().0,
    );
}

#[test]
fn change_sets() {
    let cases = |make: fn() -> Signed, name: &str, about: &str| {
        let signed = make();
        let back = Signed::decode(&golden(name, about, &signed.encode())).unwrap();
        assert_eq!(back, signed);
        back.verify(&mut FlushCache::new()).unwrap();
    };
    cases(
        || {
            seal(&key(), vec![change(plain(&key()), b"payload")])
                .unwrap()
                .remove(0)
        },
        "signed-v1-one.hex",
        "change set with proof, version 1: plain header, payload \"payload\", a flush of one",
    );
    cases(
        || seal(&key(), line(&key(), 5)).unwrap().remove(2),
        "signed-v1-third-of-five.hex",
        "change set with proof, version 1: the third of a chain of five, one flush",
    );
    cases(
        || {
            let mut signed = seal(&key(), line(&key(), 5)).unwrap().remove(4);
            signed.change = signed.change.husk();
            signed
        },
        "signed-v1-absent.hex",
        "change set with proof, version 1: the fifth of five, its payload not fetched",
    );
    cases(
        || {
            let mut signed = seal(&key(), vec![change(full(&key()), b"gone")])
                .unwrap()
                .remove(0);
            signed.change.erase();
            signed
        },
        "signed-v1-erased.hex",
        "change set with proof, version 1: full header, its payload erased",
    );
}

#[test]
fn flush_proofs() {
    let changes = line(&key(), 5);
    let sealed = seal(&key(), changes.clone()).unwrap();
    let proof = FlushProof::from(&sealed[0].proof);
    let bytes = golden(
        "flush-proof-v1.hex",
        "proof of a whole flush, version 1: the chain of five",
        &postcard::to_allocvec(&proof).unwrap(),
    );
    let back: FlushProof = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(back, proof);
    back.verify(changes, &mut FlushCache::new()).unwrap();
}

#[test]
fn packed_payloads() {
    let raw = golden(
        "packed-v1-raw.hex",
        "packed payload: \"payload\" as it is",
        &pack::compress(b"payload"),
    );
    assert_eq!(pack::decompress(&raw, 7).unwrap(), b"payload");
    // What a later zstd writes may differ; what it reads may not.
    let name = "packed-v1-zstd.hex";
    if std::env::var("ANABRANCH_GOLDEN").as_deref() == Ok("write") {
        golden(
            name,
            "packed payload: 1,000 bytes of 7, by zstd 1.5.7",
            &pack::compress(&[7; 1_000]),
        );
    }
    assert_eq!(pack::decompress(&read(name), 1_000).unwrap(), [7; 1_000]);
}

#[test]
fn sealed_payloads() {
    let workspace_key = WorkspaceKey::new(4, [0x42; 32]);
    let change = encrypt(plain(&key()), b"payload", &workspace_key).unwrap();
    golden(
        "sealed-v1.hex",
        "payload \"payload\" sealed under key 42..42 of key epoch 4, plain header",
        change.payload().bytes().unwrap(),
    );
    golden(
        "key-fingerprint-v1.hex",
        "fingerprint of key 42..42",
        &workspace_key.fingerprint(),
    );
    let signed = seal(&key(), vec![change]).unwrap().remove(0);
    let bytes = golden(
        "signed-v1-sealed.hex",
        "change set with proof, version 1: the sealed payload",
        &signed.encode(),
    );
    let back = Signed::decode(&bytes)
        .unwrap()
        .verify(&mut FlushCache::new())
        .unwrap();
    assert_eq!(decrypt(back.change(), &workspace_key).unwrap(), b"payload");
}

#[test]
fn bundles() {
    let mut writer = BundleWriter::new();
    writer.schema(b"a schema").unwrap();
    writer.control(b"a control record").unwrap();
    for signed in seal(&key(), line(&key(), 2)).unwrap() {
        writer.change_set(&signed).unwrap();
    }
    let bytes = golden(
        "bundle-v1.hex",
        "bundle, version 1: schema, control record, a flush of two",
        &writer.finish(),
    );
    assert_eq!(
        Bundle::open(&bytes)
            .unwrap()
            .items()
            .filter(Result::is_ok)
            .count(),
        4
    );
}

/// The worked example of the page, its bytes and its values, against the golden file.
#[test]
fn the_page_works_through_the_golden_bytes() {
    let page = include_str!("../../docs/change-set.md");
    let example = page
        .split("## 10.")
        .nth(1)
        .unwrap()
        .split("```")
        .nth(1)
        .unwrap();
    let digits: String = example
        .lines()
        .skip(1)
        .flat_map(|line| line.split("  ").next())
        .flat_map(str::split_whitespace)
        .collect();
    let golden = read("signed-v1-one.hex");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    assert_eq!(digits, hex(&golden));
    let signed = Signed::decode(&golden).unwrap();
    let id = signed.change.id();
    let leaf = tags::hash(tags::LEAF, &[&id.0]);
    let root = tags::hash(tags::ROOT, &[&[1, 0], &leaf]);
    for value in [id.0, leaf, root] {
        assert!(page.contains(&hex(&value)), "{}", hex(&value));
    }
    for number in [
        limits::PAYLOAD_BYTES_MAX,
        limits::PAYLOAD_BYTES_MAX + limits::SEALED_BYTES_ADDED_MAX,
        limits::HEADER_BYTES_MAX,
        SIGNED_BYTES_MAX,
    ] {
        let digits = number.to_string();
        let (thousands, rest) = digits.split_at(digits.len() - 3);
        assert!(page.contains(&format!("{thousands},{rest}")), "{number}");
    }
    for tag in Purpose::ALL {
        let tag = std::str::from_utf8(tag.tag()).unwrap().replace('\0', "\\0");
        assert!(page.contains(&tag), "{tag}");
    }
}

#[test]
fn every_code_stands_on_the_page() {
    let page = include_str!("../../docs/change-set.md");
    let mut found = 0;
    for source in [
        include_str!("../../src/changeset/rule.rs"),
        include_str!("../../src/changeset/malformed.rs"),
        include_str!("../../src/changeset/crypt.rs"),
        include_str!("../../src/changeset/pack.rs"),
    ] {
        let codes = source.split("fn code(").nth(1).unwrap();
        let codes = codes.split("\n    }\n").next().unwrap();
        for code in codes.split("=> \"").skip(1) {
            let code = code.split('"').next().unwrap();
            assert!(page.contains(&format!("`{code}`")), "{code}");
            found += 1;
        }
    }
    assert!(found > 40, "{found} codes");
}
