//! The bytes of a log entry: postcard over its fields, sorted by name.

use super::LogRule;
use crate::{judge::Rule, limits, schema::LogShape, value::Scalar};
use std::collections::BTreeMap;

/// An entry's fields by name.
pub type Entry = BTreeMap<String, Scalar>;

/// An entry's canonical bytes.
pub fn encode(entry: &Entry) -> Vec<u8> {
    postcard::to_allocvec(entry).unwrap_or_default()
}

/// Reads an entry's canonical bytes.
///
/// # Errors
/// Where they are too long, are no entry, or are not what [`encode`] writes for it.
pub fn decode(bytes: &[u8]) -> Result<Entry, LogRule> {
    let form = LogRule::Form {
        len: bytes.len() as u64,
    };
    if bytes.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(form);
    }
    let entry: Entry = postcard::from_bytes(bytes).map_err(|_| form.clone())?;
    if encode(&entry) == bytes {
        Ok(entry)
    } else {
        Err(form)
    }
}

/// Holds an entry against the schema.
pub(super) fn check(shape: &LogShape, entry: &Entry) -> Result<(), Rule> {
    for (name, value) in entry {
        let kind = shape.entry.get(name).ok_or_else(|| LogRule::UnknownField {
            field: name.clone(),
        })?;
        kind.check(&value.clone().into())?;
    }
    match shape
        .required
        .iter()
        .find(|name| !entry.contains_key(*name))
    {
        Some(field) => Err(LogRule::Missing {
            field: field.clone(),
        }
        .into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_bytes_are_an_entry() {
        let entry = Entry::from([
            ("at".to_owned(), Scalar::Time(5)),
            ("text".to_owned(), Scalar::Text("hello".to_owned())),
        ]);
        let bytes = encode(&entry);
        assert_eq!(decode(&bytes), Ok(entry));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
        // The same two fields in the other order: equal as a map, but not canonical.
        let turned = postcard::to_allocvec(&vec![
            ("text".to_owned(), Scalar::Text("hello".to_owned())),
            ("at".to_owned(), Scalar::Time(5)),
        ])
        .unwrap();
        assert!(decode(&turned).is_err());
    }
}
