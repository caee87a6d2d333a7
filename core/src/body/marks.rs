//! Values, formats and attributes between the application's words and the engine's, and the
//! names and values a body may hold: what the gate would refuse is refused here first, by name.

use super::Marks;
use crate::{
    limits::DEPTH_MAX,
    value::{Finite, Value},
};
use std::{collections::HashMap, sync::Arc};
use yrs::{Any, Number, Out};

/// Longest name of a mark, an attribute or a key inside a value, in bytes, as the gate has it.
pub const KEY_BYTES_MAX: usize = 128;
/// Longest tag of a block, in bytes.
pub const TAG_BYTES_MAX: usize = 64;

/// Why a value cannot stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// Marks and embeds are JSON, which has no bytes.
    #[error("bytes cannot stand in a mark or an embed: write them as text, or in an attribute")]
    Bytes,
    /// More digits than every reader of JSON keeps.
    #[error("a number in a mark or an embed has at most 18 digits: write it as text")]
    Digits,
    /// The one whole number that the engine would change.
    #[error("the largest 64-bit number cannot be kept exactly: write it as text")]
    Largest,
    /// An exponent that some readers of JSON refuse.
    #[error("a number in a mark or an embed lies between 1e-280 and 1e280")]
    Exponent,
    /// Nested too deeply.
    #[error("a value is nested at most {DEPTH_MAX} deep: flatten it")]
    Depth,
    /// A key that is too long or holds a control character.
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes and no control characters")]
    Key,
    /// An embed must be told from text.
    #[error("an embed is a map, such as {{\"image\": address}}: plain text is spliced instead")]
    Embed,
}

/// Where a value stands, which says what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// An attribute of a block: lib0's own encoding.
    Attribute,
    /// A mark or an embed: JSON.
    Json,
}

/// Whether a name of a mark, an attribute or a key may stand in a body.
pub(crate) fn key_fits(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control)
}

/// Whether a block may have this tag: a letter or underscore, then letters, digits, `_`, `.`, `-`.
pub(crate) fn tag_fits(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= TAG_BYTES_MAX
        && bytes
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// The engine's form of a value, or why it cannot stand there. Times become whole numbers, and a
/// float without a fraction becomes one too: the engine does not keep them apart.
pub(crate) fn to_any(value: &Value, stands: Stands) -> Result<Any, ValueFault> {
    nested_to_any(value, stands, 1)
}

fn nested_to_any(value: &Value, stands: Stands, depth: usize) -> Result<Any, ValueFault> {
    if depth > DEPTH_MAX {
        return Err(ValueFault::Depth);
    }
    let deeper = depth.saturating_add(1);
    Ok(match value {
        Value::Null => Any::Null,
        Value::Bool(truth) => Any::Bool(*truth),
        Value::Int(number) | Value::Time(number) => {
            if stands == Stands::Json && number.unsigned_abs() >= 1_000_000_000_000_000_000 {
                return Err(ValueFault::Digits);
            }
            // The engine's saturating cast takes it for a float that holds it exactly.
            if *number == i64::MAX {
                return Err(ValueFault::Largest);
            }
            Any::Number(Number::Int(*number))
        }
        Value::Float(number) => match whole(number.as_f64()) {
            Some(number) => return nested_to_any(&Value::Int(number), stands, depth),
            None => {
                let size = number.as_f64().abs();
                if stands == Stands::Json && !(1e-280..=1e280).contains(&size) {
                    return Err(ValueFault::Exponent);
                }
                Any::Number(Number::Float(number.as_f64()))
            }
        },
        Value::Text(text) => Any::String(Arc::from(text.as_str())),
        Value::Bytes(bytes) => match stands {
            Stands::Attribute => Any::Buffer(Arc::from(bytes.as_slice())),
            Stands::Json => return Err(ValueFault::Bytes),
        },
        Value::List(items) => {
            let items: Result<Vec<Any>, ValueFault> = items
                .iter()
                .map(|item| nested_to_any(item, stands, deeper))
                .collect();
            Any::Array(Arc::from(items?))
        }
        Value::Map(entries) => {
            let mut map = HashMap::with_capacity(entries.len());
            for (key, item) in entries {
                if !key_fits(key) {
                    return Err(ValueFault::Key);
                }
                map.insert(key.clone(), nested_to_any(item, stands, deeper)?);
            }
            Any::Map(Arc::new(map))
        }
    })
}

/// A number without a fraction that an `i64` holds.
fn whole(number: f64) -> Option<i64> {
    // The range of i64 as floats, the upper end left out: 2^63 itself does not fit.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    (fits && number.fract() == 0.0).then_some(number as i64)
}

/// The application's form of an engine's value. Numbers that are not finite become null.
pub(crate) fn from_any(any: &Any) -> Value {
    match any {
        Any::Null | Any::Undefined => Value::Null,
        Any::Bool(truth) => Value::Bool(*truth),
        Any::Number(Number::Int(number)) => Value::Int(*number),
        Any::Number(Number::Float(number)) => match whole(*number) {
            Some(number) => Value::Int(number),
            None => Finite::new(*number).map_or(Value::Null, Value::Float),
        },
        Any::String(text) => Value::Text(text.to_string()),
        Any::Buffer(bytes) => Value::Bytes(bytes.to_vec()),
        Any::Array(items) => Value::List(items.iter().map(from_any).collect()),
        Any::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, item)| (key.clone(), from_any(item)))
                .collect(),
        ),
    }
}

/// The application's form of something read from the engine; shared types inside texts are
/// refused by the gate and read as null.
pub(crate) fn from_out(out: &Out) -> Value {
    match out {
        Out::Any(any) => from_any(any),
        _ => Value::Null,
    }
}

/// The marks in force, without those that were taken away.
pub(crate) fn marks_of(attrs: Option<&yrs::types::Attrs>) -> Marks {
    attrs
        .into_iter()
        .flatten()
        .filter(|(_, value)| !matches!(value, Any::Null | Any::Undefined))
        .map(|(name, value)| (name.to_string(), from_any(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_value_reads_back_as_it_was_written() {
        let map = BTreeMap::from([("a".to_owned(), Value::List(vec![Value::Int(1 << 60)]))]);
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(Finite::new(0.1).unwrap()),
            Value::Bytes(vec![0, 255]),
            Value::Map(map),
        ] {
            let any = to_any(&value, Stands::Attribute).unwrap();
            assert_eq!(from_any(&any), value);
        }
    }

    #[test]
    fn what_json_readers_differ_about_is_refused() {
        let refused = |value| to_any(&value, Stands::Json).unwrap_err();
        assert_eq!(refused(Value::Bytes(vec![1])), ValueFault::Bytes);
        assert_eq!(refused(Value::Int(i64::MAX)), ValueFault::Digits);
        let tiny = Value::Float(Finite::new(1e-300).unwrap());
        assert_eq!(refused(tiny), ValueFault::Exponent);
        let deep = (0..DEPTH_MAX).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        assert_eq!(refused(deep), ValueFault::Depth);
    }

    #[test]
    fn tags_are_names() {
        assert!(tag_fits("bullet_list") && tag_fits("x-1.a"));
        assert!(!tag_fits("") && !tag_fits("1a") && !tag_fits("a b") && !tag_fits(&"a".repeat(65)));
    }
}
