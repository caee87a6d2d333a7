//! How a record's fields lie in its Automerge document: which rule judges which object, and which
//! scalar stands for which value.

use super::{decode::Scalar, genesis::Container, index::ObjRef, rule::Forbids};
use crate::{
    id::EntityId,
    limits::{NAME_BYTES_MAX, SCALAR_BYTES_MAX},
    schema::{FieldMap, MergeRule, ValueType},
    value::{Finite, Value},
};
use std::{borrow::Cow, collections::BTreeMap};

/// The root key of the entity's life: false deletes it, true restores it.
pub const LIFE_KEY: &str = "~life";

/// The only part that has a [`LIFE_KEY`].
pub(super) const LIFE_PART: &str = "record";

/// What an object is under the schema that judges.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site<'s> {
    /// The root or a nested map.
    Fields(ObjRef, &'s FieldMap),
    Set(ObjRef, &'s ValueType),
    Open(ObjRef, &'s ValueType),
    List(ObjRef, &'s ValueType),
    Append(ObjRef, &'s ValueType),
    Text(ObjRef),
    /// A group or entry made by operation so and so of the change itself.
    Fresh(u32),
}

impl<'s> Site<'s> {
    /// What a container is, by its field's rule; none where the rule wants another container.
    pub(super) fn of(rule: &'s MergeRule, object: ObjRef, container: Container) -> Option<Self> {
        if Container::of(rule) != Some(container) {
            return None;
        }
        match rule {
            MergeRule::Set(of) => Some(Site::Set(object, of)),
            MergeRule::Open(of) => Some(Site::Open(object, of)),
            MergeRule::List(of) => Some(Site::List(object, of)),
            MergeRule::Append(of) => Some(Site::Append(object, of)),
            MergeRule::Text => Some(Site::Text(object)),
            MergeRule::Map(fields) => Some(Site::Fields(object, fields)),
            MergeRule::Lww(_)
            | MergeRule::Group(_)
            | MergeRule::Keep(_)
            | MergeRule::Once(_)
            | MergeRule::Counter => None,
        }
    }
}

/// The rule of a field, by its path.
pub(super) fn rule_at<'s>(fields: &'s FieldMap, path: &[String]) -> Option<&'s MergeRule> {
    let (name, inner) = path.split_first()?;
    let rule = &fields.get(name)?.rule;
    if inner.is_empty() {
        return Some(rule);
    }
    match rule {
        MergeRule::Map(fields) => rule_at(fields, inner),
        MergeRule::Lww(_)
        | MergeRule::Group(_)
        | MergeRule::Keep(_)
        | MergeRule::Once(_)
        | MergeRule::Counter
        | MergeRule::Set(_)
        | MergeRule::List(_)
        | MergeRule::Append(_)
        | MergeRule::Text
        | MergeRule::Open(_) => None,
    }
}

/// The value that a scalar stands for; none where it stands for no value of a field.
pub(super) fn value_of(scalar: &Scalar<'_>) -> Option<Value> {
    match scalar {
        Scalar::Null => Some(Value::Null),
        Scalar::Bool(truth) => Some(Value::Bool(*truth)),
        Scalar::Int(number) => Some(Value::Int(*number)),
        // `-0` has bits of its own and is no value.
        Scalar::Float(number) => Finite::new(*number)
            .filter(|finite| finite.as_f64().to_bits() == number.to_bits())
            .map(Value::Float),
        Scalar::Text(text) if text.len() <= SCALAR_BYTES_MAX => Some(Value::from(*text)),
        Scalar::Bytes(bytes) if bytes.len() <= SCALAR_BYTES_MAX => {
            Some(Value::Bytes(bytes.to_vec()))
        }
        Scalar::Time(millis) => Some(Value::Time(*millis)),
        Scalar::Text(_) | Scalar::Bytes(_) | Scalar::Counter(_) => None,
    }
}

/// Whether a value fits a type. Null fits none: where it is a tombstone, the rule says so.
pub(super) fn fits(of: &ValueType, value: &Value) -> bool {
    match (of, value) {
        (ValueType::Bool, Value::Bool(_))
        | (ValueType::Float, Value::Float(_))
        | (ValueType::Time, Value::Time(_)) => true,
        (ValueType::Int { min, max }, Value::Int(number)) => (min..=max).contains(&number),
        (ValueType::Text { units_max }, Value::Text(text)) => {
            text.encode_utf16().count() <= *units_max as usize
        }
        (ValueType::Bytes { bytes_max }, Value::Bytes(bytes)) => bytes.len() <= *bytes_max as usize,
        (ValueType::Choice(words), Value::Text(word)) => words.contains(word),
        (ValueType::Entity, Value::Text(id)) => {
            EntityId::parse(id).is_some_and(|entity| entity.to_string() == *id)
        }
        (ValueType::Entry(fields), Value::Map(values)) => fits_entry(fields, values),
        (
            ValueType::Bool
            | ValueType::Float
            | ValueType::Time
            | ValueType::Int { .. }
            | ValueType::Text { .. }
            | ValueType::Bytes { .. }
            | ValueType::Choice(_)
            | ValueType::Entity
            | ValueType::Entry(_),
            _,
        ) => false,
    }
}

/// Whether an entry's values all have a field they fit. Fields may be absent, but not all of them.
pub(super) fn fits_entry(
    fields: &BTreeMap<String, ValueType>,
    values: &BTreeMap<String, Value>,
) -> bool {
    !values.is_empty()
        && values
            .iter()
            .all(|(name, value)| fields.get(name).is_some_and(|of| fits(of, value)))
}

/// The key under which an element stands in a set: one spelling for each value. Texts, choices and
/// entities are spelled as they are, bytes in lower-case hexadecimal, numbers in decimal.
///
/// None where the value has no spelling: nulls, lists, maps and the empty text.
pub fn set_key(value: &Value) -> Option<Cow<'_, str>> {
    let key = match value {
        Value::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Time(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(number.as_f64().to_string()),
        Value::Text(text) => Cow::Borrowed(text.as_str()),
        Value::Bytes(bytes) if bytes.is_empty() => Cow::Borrowed("-"),
        Value::Bytes(bytes) => Cow::Owned(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    };
    let stands = !key.is_empty() && key.len() <= SCALAR_BYTES_MAX;
    stands.then_some(key)
}

/// The element that a key of a set of this type stands for; none where the key is not the one
/// spelling of a value of the type.
pub fn set_value(of: &ValueType, key: &str) -> Option<Value> {
    let value = match of {
        ValueType::Bool => Value::Bool(key == "true"),
        ValueType::Int { .. } => Value::Int(key.parse().ok()?),
        ValueType::Float => Value::Float(Finite::new(key.parse().ok()?)?),
        ValueType::Text { .. } | ValueType::Choice(_) | ValueType::Entity => Value::from(key),
        ValueType::Bytes { .. } => Value::Bytes(unhex(key)?),
        ValueType::Time => Value::Time(key.parse().ok()?),
        ValueType::Entry(_) => return None,
    };
    let spelled_so = set_key(&value).is_some_and(|spelled| spelled == key);
    (spelled_so && fits(of, &value)).then_some(value)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Whether a key may stand in an open map: 1 to [`NAME_BYTES_MAX`] bytes, no control characters, no
/// `~` in front.
pub fn is_open_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= NAME_BYTES_MAX
        && !key.starts_with('~')
        && !key.chars().any(char::is_control)
}

/// A foreign name, cut to [`NAME_BYTES_MAX`] so that a refusal stays small.
pub(super) fn cut(name: &str) -> String {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    name.get(..end).unwrap_or_default().to_owned()
}

/// What a delete or overwrite of a sequence's element breaks.
pub(super) fn sequence_forbids(site: &Site<'_>) -> Forbids {
    match site {
        Site::Append(..) => Forbids::AppendOnly,
        Site::Text(_) => Forbids::TextUnit,
        Site::List(..) | Site::Fields(..) | Site::Set(..) | Site::Open(..) | Site::Fresh(_) => {
            Forbids::ListOverwrite
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_element_has_one_spelling() {
        let cases = [
            (ValueType::Bool, Value::Bool(false)),
            (ValueType::Int { min: -9, max: 9 }, Value::Int(-3)),
            (
                ValueType::Float,
                Value::Float(Finite::new(0.1).expect("finite")),
            ),
            (
                ValueType::Float,
                Value::Float(Finite::new(1e300).expect("finite")),
            ),
            (ValueType::Text { units_max: 9 }, Value::from("é 😀")),
            (
                ValueType::Bytes { bytes_max: 9 },
                Value::Bytes(vec![0, 255]),
            ),
            (ValueType::Bytes { bytes_max: 9 }, Value::Bytes(Vec::new())),
            (ValueType::Time, Value::Time(-1)),
            (ValueType::Entity, Value::from("0a".repeat(32))),
        ];
        for (of, value) in &cases {
            let key = set_key(value).expect("has a spelling");
            assert_eq!(set_value(of, &key).as_ref(), Some(value), "{key}");
        }
        let int = ValueType::Int { min: -9, max: 9 };
        for key in ["+3", "03", " 3", "3.0", "", "10"] {
            assert_eq!(set_value(&int, key), None, "{key:?}");
        }
        for key in ["0.10", "1e-1", "-0", "inf", "NaN", ".1"] {
            assert_eq!(set_value(&ValueType::Float, key), None, "{key:?}");
        }
        for key in ["0A", "0", "+a", ""] {
            assert_eq!(
                set_value(&ValueType::Bytes { bytes_max: 9 }, key),
                None,
                "{key:?}"
            );
        }
        assert_eq!(set_value(&ValueType::Bool, "no"), None);
    }
}
