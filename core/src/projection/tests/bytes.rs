//! The bytes of projections.

use crate::{
    hlc::Hlc,
    id::{EntityId, OriginId, UserId},
    projection::{Content, Part, Projection, ProjectionError},
    record::{Life, Written},
    value::{Finite, Value},
};
use proptest::{collection, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

fn scalar() -> impl Strategy<Value = Value> {
    let finite = any::<f64>().prop_filter_map("finite", Finite::new);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        finite.prop_map(Value::Float),
        ".{0,12}".prop_map(Value::Text),
        collection::vec(any::<u8>(), 0..6).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Time),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

prop_compose! {
    fn written()(hlc: u64, origin: [u8; 32], author: [u8; 16]) -> Written {
        Written { hlc: Hlc(hlc), origin: OriginId(origin), author: UserId(author) }
    }
}

prop_compose! {
    fn entity()(creator: [u8; 16], nonce: [u8; 16]) -> EntityId {
        EntityId { creator: UserId(creator), nonce }
    }
}

fn content() -> impl Strategy<Value = Content> {
    let life = prop_oneof![
        Just(Life::Alive),
        Just(Life::Recovered),
        Just(Life::Deleted)
    ];
    let fields = collection::btree_map("[a-z]{1,6}", value(), 0..5);
    let conflicts = collection::btree_set(collection::vec("[a-z]{1,6}", 1..3), 0..3);
    prop_oneof![
        (life, fields, conflicts).prop_map(|(life, fields, conflicts)| Content::Record {
            life,
            fields,
            conflicts
        }),
        (".{0,40}", collection::btree_set(".{0,10}", 0..3))
            .prop_map(|(text, addresses)| Content::Body { text, addresses }),
        any::<u64>().prop_map(|entries| Content::Log { entries }),
    ]
}

prop_compose! {
    fn part()(
        schema_version: u32,
        changes: u64,
        first in proptest::option::of(written()),
        last in proptest::option::of(written()),
        links in collection::btree_set(entity(), 0..3),
        cut: bool,
        content in content(),
    ) -> Part {
        Part { schema_version, changes, first, last, links, cut, content }
    }
}

prop_compose! {
    /// Any projection at all, also those that no document has.
    pub(crate) fn projection()(
        entity in entity(),
        kind in "[a-z]{1,8}",
        parts in collection::btree_map("[a-z.]{1,8}|record", part(), 0..4),
    ) -> Projection {
        Projection { entity, kind, parts }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(projection in projection()) {
        let bytes = projection.encode();
        prop_assert_eq!(Projection::decode(&bytes), Ok(projection));
    }

    #[test]
    fn no_other_bytes_are_read_as_a_projection(
        projection in projection(),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        mask in 1u8..,
        tail in collection::vec(any::<u8>(), 1..4),
    ) {
        let bytes = projection.encode();
        prop_assert!(Projection::decode(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(Projection::decode(&[&bytes[..], &tail].concat()).is_err());
        let mut flipped = bytes.clone();
        flipped[flip.index(bytes.len())] ^= mask;
        if let Ok(other) = Projection::decode(&flipped) {
            prop_assert_eq!(other.encode(), flipped);
        }
    }

    #[test]
    fn hostile_bytes_end_in_an_error(bytes in collection::vec(any::<u8>(), 0..200)) {
        if let Ok(projection) = Projection::decode(&bytes) {
            prop_assert_eq!(projection.encode(), bytes);
        }
    }
}

#[test]
fn a_claimed_length_and_a_deep_nesting_are_errors() {
    let head = [&[1][..], &[0; 32], &[0]].concat();
    let huge = [&head[..], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert_eq!(
        Projection::decode(&huge),
        Err(ProjectionError::Form { had: huge.len() })
    );
    // One part `r`, a record whose one field is a list in a list in a list …
    let part = [&[1, 1, b'r', 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, b'f'][..]].concat();
    let deep = [head, part, b"\x07\x01".repeat(50_000), vec![0, 0]].concat();
    assert!(Projection::decode(&deep).is_err());
}

#[test]
fn another_version_says_so() {
    let mut bytes = example().encode();
    bytes[0] = 2;
    assert_eq!(
        Projection::decode(&bytes),
        Err(ProjectionError::Version { had: 2 })
    );
}

/// A projection in which everything is filled.
fn example() -> Projection {
    let entity = |fill| EntityId {
        creator: UserId([fill; 16]),
        nonce: [fill; 16],
    };
    let written = |hlc| Written {
        hlc: Hlc(hlc),
        origin: OriginId([8; 32]),
        author: UserId([9; 16]),
    };
    let part = |content| Part {
        schema_version: 2,
        changes: 300,
        first: Some(written(1 << 16)),
        last: Some(written(2 << 16)),
        links: BTreeSet::from([entity(3)]),
        cut: true,
        content,
    };
    let values = [
        ("bool", Value::Bool(true)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("float", Value::Float(Finite::new(-0.5).unwrap())),
        ("int", Value::Int(-3)),
        ("list", Value::List(vec![Value::Null, Value::Int(1)])),
        (
            "map",
            Value::Map(BTreeMap::from([("k".into(), Value::Null)])),
        ),
        ("text", Value::from("ä")),
        ("time", Value::Time(1_750_000_000_000)),
    ];
    let fields = values.map(|(name, value)| (name.to_owned(), value));
    let record = Content::Record {
        life: Life::Recovered,
        fields: fields.into(),
        conflicts: BTreeSet::from([vec!["map".into(), "k".into()]]),
    };
    let body = Content::Body {
        text: "At the weir\n".into(),
        addresses: BTreeSet::from(["https://example.org".into()]),
    };
    Projection {
        entity: entity(1),
        kind: "task".into(),
        parts: BTreeMap::from([
            ("record".into(), part(record)),
            ("body".into(), part(body)),
            ("log.comments".into(), part(Content::Log { entries: 7 })),
        ]),
    }
}

/// Whoever changes these bytes changes a format: raise its version.
#[test]
fn the_bytes_are_those_of_version_1() {
    let golden = include_str!("../../../tests/golden/projection/projection-v1.hex");
    let digits: String = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let bytes = example().encode();
    let had: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(had, digits);
    assert_eq!(Projection::decode(&bytes), Ok(example()));
}
