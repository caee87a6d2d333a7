//! How a record's fields lie in its Automerge document: which rule judges which object, and which
//! scalar stands for which value.

use super::{
    decode::Scalar,
    genesis::Container,
    rows::ObjRef,
    rule::{Forbids, RecordRule},
};
use crate::{
    limits::SCALAR_BYTES_MAX,
    schema::{FieldMap, MergeRule, ValueType},
    value::{Finite, Value},
};
use std::borrow::Cow;

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

/// The value that a scalar stands for.
///
/// # Errors
/// It stands for no value of a field: a counter, a number that is not finite or is `-0`, which has
/// bits of its own.
pub(super) fn value_of(op: u64, scalar: &Scalar<'_>) -> Result<Value, RecordRule> {
    let value = match scalar {
        Scalar::Null => Some(Value::Null),
        Scalar::Bool(truth) => Some(Value::Bool(*truth)),
        Scalar::Int(number) => Some(Value::Int(*number)),
        Scalar::Float(number) => Finite::new(*number)
            .filter(|finite| finite.as_f64().to_bits() == number.to_bits())
            .map(Value::Float),
        Scalar::Text(text) => Some(Value::from(*text)),
        Scalar::Bytes(bytes) => Some(Value::Bytes(bytes.to_vec())),
        Scalar::Counter(_) => None,
        Scalar::Time(millis) => Some(Value::Time(*millis)),
    };
    value.ok_or(RecordRule::Scalar {
        op,
        code: scalar.code(),
    })
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
    (spelled_so && of.check(&value).is_ok()).then_some(value)
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
