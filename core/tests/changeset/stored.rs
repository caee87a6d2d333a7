//! The canonical bytes of a change set with its proof.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{
        ChangeSet, ControlPosition, Dep, EngineKind, EnvelopeRule, FlushCache, Header, Payload,
        SIGNED_BYTES_MAX, Signed, WorkspaceKey, encrypt, seal, tags,
    },
    hlc::Hlc,
    id::{
        Actor, Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId, SchemaId, UserId, WorkspaceId,
    },
    limits,
    value::{Finite, Value},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One of each shape: plain, every field filled, sealed, absent and erased.
fn shapes() -> Vec<Signed> {
    let sealed = encrypt(full(&key()), b"payload", &WorkspaceKey::new(4, [0x42; 32])).unwrap();
    let mut erased = change(plain(&key()), b"payload");
    erased.erase();
    let changes = vec![
        change(plain(&key()), b"payload"),
        change(full(&key()), b"another payload"),
        change(plain(&key()), b""),
        sealed,
        change(full(&key()), b"later").husk(),
        erased,
    ];
    seal(&key(), changes).unwrap()
}

#[test]
fn every_shape_comes_back_and_verifies() {
    for signed in shapes() {
        let bytes = signed.encode();
        let back = Signed::decode(&bytes).unwrap();
        assert_eq!(back, signed);
        assert_eq!(back.change.id(), signed.change.header().id());
        back.verify(&mut FlushCache::new()).unwrap();
    }
}

#[test]
fn no_bit_can_be_bent() {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for signed in shapes() {
        let bytes = signed.encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bent = bytes.clone();
                bent[at] ^= 1 << bit;
                let rule = Signed::decode(&bent)
                    .and_then(|signed| signed.verify(&mut FlushCache::new()))
                    .expect_err(&format!("bit {bit} of byte {at}"));
                *codes.entry(rule.code()).or_default() += 1;
            }
        }
    }
    println!("bent bits by code: {codes:?}");
    for code in [
        "signature",
        "payload-hash",
        "origin-key",
        "not-canonical",
        "truncated",
    ] {
        assert!(codes.contains_key(code), "{code} is reached");
    }
}

#[test]
fn no_byte_can_be_cut_off_or_put_behind() {
    for signed in shapes() {
        let bytes = signed.encode();
        for end in 0..bytes.len() {
            let rule = Signed::decode(&bytes[..end]).unwrap_err();
            assert_eq!(rule.code(), "truncated", "cut at {end}");
            assert!(!rule.names_change_set());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(
            Signed::decode(&longer).unwrap_err().code(),
            "trailing-bytes"
        );
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = shapes()[0].encode();
    bytes[0] = 2;
    let rule = Signed::decode(&bytes).unwrap_err();
    assert_eq!(rule.code(), "version-unknown");
    assert_eq!(
        rule.to_string(),
        "the change set is of version 2; this build reads version 1"
    );
}

#[test]
fn the_largest_change_set_has_the_largest_length_allowed() {
    let mut header = plain(&key());
    header.key_epoch = Some(0);
    let payload = vec![0; limits::PAYLOAD_BYTES_MAX + limits::SEALED_BYTES_ADDED_MAX];
    let largest = seal(&key(), vec![change(header, &payload); 512])
        .unwrap()
        .remove(300);
    let bytes = largest.encode();
    let room = SIGNED_BYTES_MAX - limits::HEADER_BYTES_MAX + largest.change.header().encode().len();
    assert_eq!(bytes.len(), room, "all but the header is at its bound");
    assert_eq!(Signed::decode(&bytes).unwrap(), largest);
}

#[test]
fn a_payload_longer_than_any_is_refused_before_it_is_copied() {
    let header = plain(&key()).describe(&vec![0; limits::PAYLOAD_BYTES_MAX]);
    let mut bytes = vec![1];
    bytes.extend(header.encode());
    bytes.push(0);
    bytes.extend([0x80, 0x80, 0x80, 0x08]);
    bytes.resize(bytes.len() + (16 << 20), 0);
    assert_eq!(Signed::decode(&bytes).unwrap_err().code(), "too-long");
}

prop_compose! {
    fn any_chain()(origin: [u8; 32], epoch: u32, lane: u16) -> Chain {
        Chain { origin: OriginId(origin), epoch: Epoch(epoch), lane: Lane(lane) }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter_map("finite", |f| Finite::new(f).map(Value::Float)),
        "\\PC{0,20}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Time),
    ]
}

fn any_engine() -> impl Strategy<Value = (EngineKind, Option<Actor>)> {
    prop_oneof![
        prop::option::of(any::<[u8; 16]>())
            .prop_map(|actor| (EngineKind::Automerge, actor.map(Actor::Automerge))),
        prop::option::of(1u64..1 << 53).prop_map(|actor| (EngineKind::Yrs, actor.map(Actor::Yrs))),
        Just((EngineKind::Log, None)),
    ]
}

prop_compose! {
    /// Any header of `key()` that keeps the rules.
    fn any_header()(
        ids in any::<([u8; 16], [u8; 16], [u8; 16], [u8; 16], [u8; 32])>(),
        part in "[a-z][a-z0-9_-]{0,10}(\\.[a-z][a-z0-9_-]{0,10}){0,2}",
        slot in any::<(u32, u16, u64, [u8; 32])>(),
        deps in prop::collection::btree_map(any_chain(), (1u64.., any::<[u8; 32]>()), 0..6),
        hlc in 0..=Hlc::MAX.0,
        versions in (1u32.., 1u16.., any::<(u32, u64)>()),
        engine in any_engine(),
        options in any::<(Option<[u8; 16]>, Option<u32>, Option<[u8; 32]>)>(),
        route in prop::collection::btree_map("[a-z]{1,8}", any_value(), 0..5),
        extension in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Header {
        let seq = slot.2.max(1);
        Header {
            workspace: WorkspaceId(ids.0),
            entity: EntityId { creator: UserId(ids.1), nonce: ids.2 },
            part,
            chain: Chain { origin: tags::origin(&key()), epoch: Epoch(slot.0), lane: Lane(slot.1) },
            author: UserId(ids.3),
            on_behalf_of: options.0.map(UserId),
            seq,
            prev: (seq > 1).then_some(ChangeSetId(slot.3)),
            deps: deps
                .into_iter()
                .map(|(chain, (seq, id))| Dep { chain, seq, id: ChangeSetId(id) })
                .collect(),
            hlc: Hlc(hlc),
            schema: SchemaId(ids.4),
            schema_version: versions.0,
            rules: versions.1,
            control: ControlPosition { epoch: versions.2.0, number: versions.2.1 },
            engine: engine.0,
            actor: engine.1,
            key_epoch: options.1,
            route: route.into_iter().collect(),
            payload_len: 0,
            payload_hash: [0; 32],
            replaces: options.2.map(ChangeSetId),
            extension,
        }
    }
}

proptest! {
    #[test]
    fn a_header_written_by_hand_is_postcard_over_the_serde_types(header in any_header()) {
        prop_assert_eq!(header.encode(), postcard::to_allocvec(&header).unwrap());
    }

    #[test]
    fn any_change_set_comes_back(
        header in any_header(),
        payload in prop::collection::vec(any::<u8>(), 0..300),
        state in 0u8..3,
    ) {
        let mut change = change(header, &payload);
        match state {
            0 => {}
            1 => change.erase(),
            _ => change = change.husk(),
        }
        let signed = seal(&key(), vec![change]).unwrap().remove(0);
        let bytes = signed.encode();
        prop_assert!(bytes.len() <= SIGNED_BYTES_MAX);
        prop_assert_eq!(Signed::decode(&bytes).unwrap(), signed);
    }

    #[test]
    fn what_decodes_is_canonical(
        header in any_header(),
        bends in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let header = header.encode();
        let mut bytes = header.clone();
        for (at, byte) in bends {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(back) = Header::decode(&bytes) {
            prop_assert_eq!(back.encode(), bytes);
        }
    }

    #[test]
    fn noise_is_refused_with_a_code(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let versioned = [&[1], bytes.as_slice()].concat();
        for bytes in [&bytes, &versioned] {
            let rule = Signed::decode(bytes).unwrap_err();
            prop_assert!(matches!(rule, EnvelopeRule::Malformed(_)) || !rule.code().is_empty());
        }
    }

    #[test]
    fn a_change_set_of_a_bent_header_is_another_or_none(
        header in any_header(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let whole = ChangeSet::new(header.describe(b""), Payload::Absent).unwrap();
        let mut bytes = whole.header().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(bent) = Header::decode(&bytes) {
            prop_assert_ne!(bent.id(), whole.id());
        }
    }
}
