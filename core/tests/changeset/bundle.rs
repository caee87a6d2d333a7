//! Bundles: whole, or refused with what, where, needed and had.

use crate::fixtures::*;
use anabranch_core::changeset::{
    Bundle, BundleError, BundleItem, BundleWriter, Form, Malformed, Signed, seal, tags,
};

fn sealed() -> Vec<Signed> {
    seal(&key(), line(&key(), 2)).unwrap()
}

fn bundle() -> Vec<u8> {
    let mut writer = BundleWriter::new();
    writer.schema(b"a schema").unwrap();
    writer.control(b"a control record").unwrap();
    for signed in sealed() {
        writer.change_set(&signed).unwrap();
    }
    writer.finish()
}

/// The trailer that fits these bytes, as one who bends a bundle would put it.
fn with_trailer(mut bytes: Vec<u8>) -> Vec<u8> {
    let trailer = tags::hash(tags::BUNDLE, &[&bytes]);
    bytes.extend(trailer);
    bytes
}

#[test]
fn a_bundle_gives_its_items_in_order() {
    let bytes = bundle();
    let bundle = Bundle::open(&bytes).unwrap();
    assert_eq!(bundle.count(), 4);
    let items: Vec<BundleItem<'_>> = bundle.items().map(Result::unwrap).collect();
    let [first, second] = <[Signed; 2]>::try_from(sealed()).unwrap();
    assert_eq!(
        items,
        [
            BundleItem::Schema(b"a schema"),
            BundleItem::Control(b"a control record"),
            BundleItem::ChangeSet(Box::new(first)),
            BundleItem::ChangeSet(Box::new(second)),
        ]
    );
}

#[test]
fn an_empty_bundle_is_a_bundle() {
    let bytes = BundleWriter::new().finish();
    assert_eq!(Bundle::open(&bytes).unwrap().items().count(), 0);
}

#[test]
fn no_bit_can_be_bent_and_no_byte_cut_off_or_put_behind() {
    let bytes = bundle();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << bit;
            Bundle::open(&bent).expect_err(&format!("bit {bit} of byte {at}"));
        }
    }
    for end in 0..bytes.len() {
        match Bundle::open(&bytes[..end]).unwrap_err() {
            BundleError::Malformed(Malformed::Truncated {
                at, needed, had, ..
            }) => {
                assert_eq!(at + had, end as u64);
                assert!(needed > had);
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(
        Bundle::open(&longer).unwrap_err(),
        BundleError::Malformed(Malformed::Trailing {
            form: Form::Bundle,
            at: bytes.len() as u64,
            had: 1
        })
    );
}

#[test]
fn each_fault_is_told_from_the_others() {
    let open = |bytes: &[u8]| Bundle::open(bytes).unwrap_err();
    let head = [b"anabundl".as_slice(), &[1]].concat();
    assert_eq!(open(b"anabundk\x01"), BundleError::Magic);
    assert_eq!(open(b"no"), BundleError::Magic);
    assert!(matches!(
        open(b"anabundl\x02"),
        BundleError::Malformed(Malformed::Version {
            had: 2,
            known: 1,
            ..
        })
    ));
    let bent = with_trailer([head.as_slice(), &[9, 1, 0, 0, 1]].concat());
    assert_eq!(
        open(&bent),
        BundleError::Kind {
            number: 0,
            at: 9,
            kind: 9
        }
    );
    let bent = with_trailer([head.as_slice(), &[0, 1]].concat());
    assert_eq!(
        open(&bent),
        BundleError::Count {
            at: 9,
            wanted: 1,
            had: 0
        }
    );
    let bent = [head.as_slice(), &[1, 0xff, 0xff, 0xff, 0x7f]].concat();
    assert!(matches!(
        open(&bent),
        BundleError::TooLong {
            number: 0,
            at: 9,
            ..
        }
    ));
    let mut bent = bundle();
    *bent.last_mut().unwrap() ^= 1;
    assert!(matches!(open(&bent), BundleError::Damaged { .. }));
}

#[test]
fn a_change_set_that_cannot_be_read_does_not_end_the_bundle() {
    let mut bytes = b"anabundl\x01".to_vec();
    bytes.extend([3, 2, 1, 2]);
    bytes.extend([1, 1, b's']);
    bytes.extend([0, 2]);
    let bytes = with_trailer(bytes);
    let items: Vec<_> = Bundle::open(&bytes).unwrap().items().collect();
    assert!(matches!(
        items.as_slice(),
        [
            Err(BundleError::ChangeSet {
                number: 0,
                at: 11,
                ..
            }),
            Ok(BundleItem::Schema(b"s"))
        ]
    ));
}

#[test]
fn an_item_over_its_bound_is_not_written() {
    let long = vec![0; anabranch_core::limits::CONTROL_BYTES_MAX + 1];
    let mut writer = BundleWriter::new();
    assert!(matches!(
        writer.control(&long),
        Err(BundleError::TooLong { .. })
    ));
    assert!(matches!(
        writer.schema(&long),
        Err(BundleError::TooLong { .. })
    ));
    assert_eq!(
        Bundle::open(&writer.finish()).unwrap().count(),
        0,
        "nothing half written"
    );
}
