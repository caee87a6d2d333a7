#![deny(clippy::arithmetic_side_effects)]
//! Reading values from foreign bytes. What serde derives follows nested lists and maps by recursion
//! without a bound, and two bytes a level end the process by its stack at some thousand levels; so
//! this reads the same form, variant by variant, to [`DEPTH_MAX`] and no deeper.

use crate::{limits::DEPTH_MAX, value::Value};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
        Visitor,
    },
};
use std::{collections::BTreeMap, fmt};

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyValue { depth: 0 }.deserialize(deserializer)
    }
}

const VARIANTS: &[&str] = &[
    "Null", "Bool", "Int", "Float", "Text", "Bytes", "Time", "List", "Map",
];

/// The variants, in the order of [`Value`]: their places are what is written.
#[derive(Deserialize)]
#[serde(variant_identifier)]
enum Variant {
    Null,
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Time,
    List,
    Map,
}

/// A value at most this many levels below the outermost.
#[derive(Clone, Copy)]
struct AnyValue {
    depth: usize,
}

impl AnyValue {
    fn within<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(E::invalid_value(
                Unexpected::Other("a deeper value"),
                &"lists and maps nested at most 64 deep",
            ));
        }
        Ok(AnyValue { depth })
    }
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_enum("Value", VARIANTS, self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (variant, content) = access.variant()?;
        match variant {
            Variant::Null => content.unit_variant().map(|()| Value::Null),
            Variant::Bool => content.newtype_variant().map(Value::Bool),
            Variant::Int => content.newtype_variant().map(Value::Int),
            Variant::Float => content.newtype_variant().map(Value::Float),
            Variant::Text => content.newtype_variant().map(Value::Text),
            Variant::Bytes => content.newtype_variant().map(Value::Bytes),
            Variant::Time => content.newtype_variant().map(Value::Time),
            Variant::List => content
                .newtype_variant_seed(Items(self.within()?))
                .map(Value::List),
            Variant::Map => content
                .newtype_variant_seed(Entries(self.within()?))
                .map(Value::Map),
        }
    }
}

/// The items of a list, each of this depth.
struct Items(AnyValue);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<Value>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<Value>, A::Error> {
        // Nothing is reserved ahead: the length is a claim.
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(items)
    }
}

/// The entries of a map, each value of this depth.
struct Entries(AnyValue);

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = BTreeMap<String, Value>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = access.next_key()? {
            entries.insert(key, access.next_value_seed(self.0)?);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Finite;

    #[test]
    fn every_variant_comes_back_as_it_was_written() {
        let flat = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(-5),
            Value::Float(Finite::new(0.5).unwrap()),
            Value::Text("ä".into()),
            Value::Bytes(vec![1, 2]),
            Value::Time(7),
        ];
        let map = BTreeMap::from([("a".to_owned(), Value::List(flat.clone()))]);
        for value in flat.into_iter().chain([Value::Map(map)]) {
            let bytes = postcard::to_allocvec(&value).unwrap();
            assert_eq!(postcard::from_bytes(&bytes), Ok(value.clone()));
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
    }

    #[test]
    fn nesting_past_the_bound_is_an_error_and_no_end_of_the_stack() {
        let lists = |levels: usize| [b"\x07\x01".repeat(levels), vec![0]].concat();
        let maps = |levels: usize| [b"\x08\x01\x00".repeat(levels), vec![0]].concat();
        for bytes in [lists(DEPTH_MAX), maps(DEPTH_MAX)] {
            assert!(postcard::from_bytes::<Value>(&bytes).is_ok());
        }
        for levels in [DEPTH_MAX + 1, 8_000, 120_000] {
            assert!(postcard::from_bytes::<Value>(&lists(levels)).is_err());
            assert!(postcard::from_bytes::<Value>(&maps(levels)).is_err());
        }
    }

    #[test]
    fn a_claimed_length_reserves_nothing() {
        let bytes = [7, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(postcard::from_bytes::<Value>(&bytes).is_err());
    }
}
