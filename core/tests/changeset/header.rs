//! Ids, canonical bytes and the rules that a header alone can break.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{
        ChangeSet, EngineKind, EnvelopeRule, Form, Header, Malformed, Payload, is_part_name,
    },
    hlc::Hlc,
    id::{Actor, ChangeSetId, Epoch},
    limits,
    value::Value,
};
use std::collections::BTreeMap;

#[test]
fn a_header_comes_back_from_its_bytes_with_the_same_id() {
    for header in [plain(&key()), full(&key())] {
        let bytes = header.encode();
        let back = Header::decode(&bytes).unwrap();
        assert_eq!(back, header);
        assert_eq!(back.id(), header.id());
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch change set v1\0");
        hasher.update(&bytes);
        assert_eq!(header.id(), ChangeSetId(*hasher.finalize().as_bytes()));
    }
}

#[test]
fn the_canonical_bytes_are_postcard_over_the_serde_types() {
    for header in [plain(&key()), full(&key())] {
        assert_eq!(header.encode(), postcard::to_allocvec(&header).unwrap());
    }
}

#[test]
fn every_single_field_is_in_the_id() {
    let base = full(&key());
    let bend: Vec<fn(&mut Header)> = vec![
        |h| h.workspace.0[0] ^= 1,
        |h| h.entity.creator.0[0] ^= 1,
        |h| h.entity.nonce[0] ^= 1,
        |h| h.part.push('x'),
        |h| h.chain.origin.0[0] ^= 1,
        |h| h.chain.epoch.0 += 1,
        |h| h.chain.lane.0 += 1,
        |h| h.author.0[0] ^= 1,
        |h| h.on_behalf_of = None,
        |h| h.seq += 1,
        |h| h.prev = Some(ChangeSetId([0; 32])),
        |h| h.deps[0].seq += 1,
        |h| h.deps[0].id.0[0] ^= 1,
        |h| h.hlc.0 += 1,
        |h| h.schema.0[0] ^= 1,
        |h| h.schema_version += 1,
        |h| h.rules += 1,
        |h| h.control.epoch += 1,
        |h| h.control.number += 1,
        |h| h.engine = EngineKind::Log,
        |h| h.actor = None,
        |h| h.key_epoch = None,
        |h| h.route[1].1 = Value::Bool(false),
        |h| h.payload_len += 1,
        |h| h.payload_hash[0] ^= 1,
        |h| h.replaces = None,
        |h| h.extension[0] ^= 1,
    ];
    for (at, bend) in bend.iter().enumerate() {
        let mut bent = base.clone();
        bend(&mut bent);
        assert_ne!(bent.id(), base.id(), "bend {at}");
    }
}

/// One broken rule: its code, and how a full header is bent to break it.
type Broken = (&'static str, fn(&mut Header));

#[test]
fn every_rule_a_header_can_break_is_refused_with_its_code() {
    let cases: Vec<Broken> = vec![
        ("part-name", |h| h.part = String::new()),
        ("part-name", |h| h.part = "Record".into()),
        ("part-name", |h| h.part = "log..a".into()),
        ("part-name", |h| h.part = "a".repeat(65)),
        ("seq-zero", |h| h.seq = 0),
        ("prev-missing", |h| h.prev = None),
        ("prev-unexpected", |h| {
            h.seq = 1;
            h.chain.epoch = Epoch(0);
        }),
        ("deps-too-many", |h| {
            h.deps = vec![dep(8, 1); limits::DEPS_MAX + 1]
        }),
        ("deps-unsorted", |h| h.deps.swap(0, 1)),
        ("deps-unsorted", |h| h.deps[1].chain = h.deps[0].chain),
        ("dep-on-own-chain", |h| {
            h.deps = vec![dep(8, 1)];
            h.deps[0].chain = h.chain;
        }),
        ("dep-seq-zero", |h| h.deps[1].seq = 0),
        ("hlc-too-large", |h| h.hlc = Hlc(Hlc::MAX.0 + 1)),
        ("schema-version-zero", |h| h.schema_version = 0),
        ("rules-version-zero", |h| h.rules = 0),
        ("actor-engine", |h| {
            h.actor = Some(Actor::Automerge([0; 16]))
        }),
        ("actor-engine", |h| h.engine = EngineKind::Automerge),
        ("actor-engine", |h| h.engine = EngineKind::Log),
        ("actor-range", |h| h.actor = Some(Actor::Yrs(1 << 53))),
        ("actor-range", |h| h.actor = Some(Actor::Yrs(0))),
        ("routes-too-many", |h| {
            h.route = vec![("a".into(), Value::Null); 17]
        }),
        ("route-name", |h| h.route[0].0 = String::new()),
        ("route-name", |h| h.route[0].0 = "a\nb".into()),
        ("route-name", |h| h.route[0].0 = "a".repeat(65)),
        ("routes-unsorted", |h| h.route.swap(0, 1)),
        ("routes-unsorted", |h| h.route[1].0 = h.route[0].0.clone()),
        ("route-not-scalar", |h| {
            h.route[0].1 = Value::List(Vec::new())
        }),
        ("route-not-scalar", |h| {
            h.route[0].1 = Value::Map(BTreeMap::new())
        }),
        ("route-too-long", |h| {
            h.route[4].1 = Value::Text("a".repeat(257))
        }),
        ("route-too-long", |h| {
            h.route[5].1 = Value::Bytes(vec![0; 257])
        }),
        ("extension-too-long", |h| h.extension = vec![0; 4_097]),
        ("payload-too-long", |h| {
            h.payload_len = (limits::PAYLOAD_BYTES_MAX + limits::SEALED_BYTES_ADDED_MAX) as u32 + 1;
        }),
        ("payload-too-long", |h| {
            h.key_epoch = None;
            h.payload_len = limits::PAYLOAD_BYTES_MAX as u32 + 1;
        }),
    ];
    full(&key()).check().unwrap();
    for (code, bend) in cases {
        let mut bent = full(&key());
        bend(&mut bent);
        let rule = bent.check().unwrap_err();
        assert_eq!(rule.code(), code);
        assert!(rule.names_change_set(), "every copy of {code} has it");
        assert_eq!(
            ChangeSet::new(bent.clone(), Payload::Absent).unwrap_err(),
            rule
        );
        match Header::decode(&bent.encode()) {
            // Lists never decode: see `nested_route_values_cost_no_stack`.
            Err(EnvelopeRule::Malformed(_)) if code == "route-not-scalar" => {}
            decoded => assert_eq!(decoded.unwrap_err(), rule),
        }
    }
}

#[test]
fn the_first_change_set_of_a_later_epoch_may_name_one_before_it_or_none() {
    let mut header = plain(&key());
    header.chain.epoch = Epoch(1);
    header.check().unwrap();
    header.prev = Some(ChangeSetId([6; 32]));
    header.check().unwrap();
}

#[test]
fn the_largest_header_that_keeps_the_other_bounds_is_not_too_long() {
    let mut header = full(&key());
    header.part = "a".repeat(limits::NAME_BYTES_MAX);
    header.deps = (0..limits::DEPS_MAX as u32)
        .map(|n| {
            let mut dep = dep(8, u64::MAX);
            dep.chain.epoch = Epoch(u32::MAX - limits::DEPS_MAX as u32 + n);
            dep.chain.lane.0 = u16::MAX;
            dep
        })
        .collect();
    header.route = (0..limits::ROUTES_MAX as u8)
        .map(|n| {
            let name = format!("{}{:02}", "a".repeat(limits::NAME_BYTES_MAX - 2), n);
            (name, Value::Text("a".repeat(limits::ROUTE_BYTES_MAX)))
        })
        .collect();
    header.extension = vec![0; limits::EXTENSION_BYTES_MAX];
    header.check().unwrap();
    assert_eq!(Header::decode(&header.encode()).unwrap(), header);
}

#[test]
fn a_second_encoding_of_the_same_header_is_refused() {
    let bytes = full(&key()).encode();
    // The part's length, after workspace and entity, as an overlong varint of the same value.
    let mut overlong = bytes.clone();
    assert_eq!(overlong[48], 12);
    overlong.splice(48..49, [0x80 | 12, 0]);
    assert_eq!(
        Header::decode(&overlong),
        Err(EnvelopeRule::Malformed(Malformed::NotCanonical {
            form: Form::Header,
            at: 48
        }))
    );
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        Header::decode(&longer),
        Err(EnvelopeRule::Malformed(Malformed::Trailing {
            form: Form::Header,
            at: bytes.len() as u64,
            had: 1
        }))
    );
}

#[test]
fn negative_zero_and_nan_are_no_route_values() {
    let mut header = plain(&key());
    header.route = vec![(
        "a".into(),
        Value::Float(anabranch_core::value::Finite::new(2.0).unwrap()),
    )];
    let bytes = header.encode();
    let two = 2f64.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == two).unwrap();
    for (number, code) in [(-0f64, "not-canonical"), (f64::NAN, "unreadable")] {
        let mut bent = bytes.clone();
        bent[at..at + 8].copy_from_slice(&number.to_le_bytes());
        assert_eq!(Header::decode(&bent).unwrap_err().code(), code);
    }
}

#[test]
fn a_cut_header_says_where_and_what_was_needed() {
    let bytes = full(&key()).encode();
    for end in 0..bytes.len() {
        match Header::decode(&bytes[..end]) {
            Err(EnvelopeRule::Malformed(Malformed::Truncated {
                at, needed, had, ..
            })) => {
                assert_eq!(at + had, end as u64, "cut at {end}");
                assert!(needed > had, "cut at {end}");
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

#[test]
fn nested_route_values_cost_no_stack() {
    let mut header = plain(&key());
    header.route = vec![("a".into(), Value::Null)];
    let bytes = header.encode();
    let end = bytes.len() - 1 - 32 - 1 - 1;
    assert_eq!(&bytes[end - 4..end], [1, 1, b'a', 0]);
    let mut bent = bytes[..end - 1].to_vec();
    for _ in 0..40_000 {
        bent.extend_from_slice(&[7, 1]);
    }
    assert_eq!(
        Header::decode(&bent),
        Err(EnvelopeRule::Malformed(Malformed::Unreadable {
            form: Form::Header,
            at: end as u64
        }))
    );
}

#[test]
fn part_names_are_the_words_of_a_schema() {
    for good in [
        "record",
        "body",
        "log.comments",
        "private.record-2",
        "a",
        "log.a_b",
    ] {
        assert!(is_part_name(good), "{good}");
    }
    for bad in [
        "", ".", "a.", ".a", "a..b", "A", "1a", "a b", "é", "a\0", "log.1",
    ] {
        assert!(!is_part_name(bad), "{bad:?}");
    }
}

#[test]
fn a_payload_must_be_the_one_its_header_speaks_of() {
    let header = plain(&key()).describe(b"payload");
    let new = |bytes: &[u8]| ChangeSet::new(header.clone(), Payload::Present(bytes.to_vec()));
    new(b"payload").unwrap();
    assert_eq!(new(b"payloae").unwrap_err(), EnvelopeRule::PayloadHash);
    assert_eq!(
        new(b"payloads").unwrap_err(),
        EnvelopeRule::PayloadLength { wanted: 7, had: 8 }
    );
    assert!(
        !EnvelopeRule::PayloadHash.names_change_set(),
        "only that copy is at fault"
    );
}

#[test]
fn a_husk_keeps_its_id_and_takes_its_payload_only_while_absent() {
    let whole = change(plain(&key()), b"payload");
    let mut husk = whole.husk();
    assert_eq!(husk.payload(), &Payload::Absent);
    assert!(husk.payload().is_husk());
    assert_eq!(husk.id(), whole.id());
    assert_eq!(
        husk.fill(b"another".to_vec()),
        Err(EnvelopeRule::PayloadHash)
    );
    husk.fill(b"payload".to_vec()).unwrap();
    assert_eq!(husk, whole);
    husk.erase();
    assert_eq!((husk.id(), husk.payload()), (whole.id(), &Payload::Erased));
    assert_eq!(husk.husk().payload(), &Payload::Erased);
    assert_eq!(
        husk.fill(b"payload".to_vec()),
        Err(EnvelopeRule::PayloadErased)
    );
}
