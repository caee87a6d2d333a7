//! Bundles. The trailer, a hash of everything before it, is repaired.

use crate::{Reached, Target, meter, stock};
use anabranch_core::changeset::{Bundle, BundleError, BundleItem, BundleWriter, Signed, tags};

pub(super) const TARGET: Target = Target {
    name: "bundle",
    what: "a file of schemas, control records and change sets, with its trailer repaired",
    applies: false,
    run,
    seeds,
    mutate: super::bytewise,
    end: super::nothing,
};

/// What a bundle is without its trailer.
fn seeds() -> Vec<Vec<u8>> {
    let mut writer = BundleWriter::new();
    writer.schema(b"schema").unwrap();
    writer.control(b"control").unwrap();
    let small = writer.clone().finish();
    for signed in stock::signed().iter().take(4) {
        let signed = Signed::decode(signed).unwrap();
        writer.change_set(&signed).unwrap();
    }
    [BundleWriter::new().finish(), small, writer.finish()]
        .map(|bundle| bundle[..bundle.len() - 32].to_vec())
        .into()
}

fn run(input: &[u8]) -> Reached {
    let trailer = tags::hash(tags::BUNDLE, &[input]);
    let bytes = [input, &trailer].concat();
    let opened = meter::judging(|| match Bundle::open(&bytes) {
        Ok(bundle) => {
            let items = bundle
                .items()
                .map(|item| item.map_err(|error| code(&error)));
            items
                .map(|item| item.map(|item| matches!(item, BundleItem::ChangeSet(_))))
                .collect()
        }
        Err(error) => vec![Err(code(&error))],
    });
    match opened.into_iter().find_map(Result::err) {
        Some(code) => Reached::Rejected(code),
        None => Reached::Judged,
    }
}

fn code(error: &BundleError) -> &'static str {
    match error {
        BundleError::Magic => "bundle-magic",
        BundleError::Malformed(malformed) => malformed.code(),
        BundleError::Kind { .. } => "bundle-kind",
        BundleError::TooLong { .. } => "bundle-too-long",
        BundleError::Count { .. } => "bundle-count",
        BundleError::Damaged { .. } => "bundle-damaged",
        BundleError::ChangeSet { rule, .. } => rule.code(),
    }
}
