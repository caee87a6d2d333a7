//! Values of the application and scalars of the engine: which stands for which.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    id::EntityId,
    limits,
    schema::ValueType,
    value::{Finite, Value},
};
use automerge::ScalarValue;
use std::collections::BTreeMap;

/// Why a value may not stand in a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// It is of another sort than the field's.
    #[error("is a {found} where {wanted} belongs")]
    Kind {
        /// What the schema declares.
        wanted: &'static str,
        /// What was offered.
        found: &'static str,
    },
    /// A number outside the declared bounds.
    #[error("is {found}, outside the bounds {min} to {max}")]
    Range {
        /// What was offered.
        found: i64,
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// Longer than declared.
    #[error("is {found} {unit} long, more than the {max} allowed: shorten it")]
    Length {
        /// What was offered.
        found: usize,
        /// The bound.
        max: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A word that the schema does not list.
    #[error("is not one of the words the schema lists ({0} of them)")]
    Choice(usize),
    /// Not the 64 hexadecimal digits of an entity id.
    #[error("is not an entity id: 64 lower-case hexadecimal digits")]
    Entity,
    /// A name inside a group or entry that the schema does not declare.
    #[error("has {0:?}, which the schema does not declare")]
    Unknown(String),
}

/// The word for a value type in messages.
pub(crate) fn type_name(of: &ValueType) -> &'static str {
    match of {
        ValueType::Bool => "bool",
        ValueType::Int { .. } => "int",
        ValueType::Float => "float",
        ValueType::Text { .. } => "text",
        ValueType::Bytes { .. } => "bytes",
        ValueType::Time => "time",
        ValueType::Choice(_) => "choice",
        ValueType::Entity => "entity",
        ValueType::Entry(_) => "entry",
    }
}

/// The engine's form of one value, checked against its type. Entries are no scalars.
pub(crate) fn to_scalar(value: &Value, of: &ValueType) -> Result<ScalarValue, ValueFault> {
    match (of, value) {
        (ValueType::Bool, Value::Bool(truth)) => Ok(ScalarValue::Boolean(*truth)),
        (ValueType::Int { min, max }, Value::Int(number)) => {
            if number < min || number > max {
                return Err(ValueFault::Range {
                    found: *number,
                    min: *min,
                    max: *max,
                });
            }
            Ok(ScalarValue::Int(*number))
        }
        (ValueType::Float, Value::Float(number)) => Ok(ScalarValue::F64(number.as_f64())),
        (ValueType::Text { units_max }, Value::Text(text)) => {
            within(units(text), *units_max as usize, "UTF-16 units")?;
            within(text.len(), limits::SCALAR_BYTES_MAX, "bytes")?;
            Ok(ScalarValue::Str(text.as_str().into()))
        }
        (ValueType::Bytes { bytes_max }, Value::Bytes(bytes)) => {
            let max = (*bytes_max as usize).min(limits::SCALAR_BYTES_MAX);
            within(bytes.len(), max, "bytes")?;
            Ok(ScalarValue::Bytes(bytes.clone()))
        }
        (ValueType::Time, Value::Time(millis)) => Ok(ScalarValue::Timestamp(*millis)),
        (ValueType::Choice(words), Value::Text(word)) => {
            if !words.contains(word) {
                return Err(ValueFault::Choice(words.len()));
            }
            Ok(ScalarValue::Str(word.as_str().into()))
        }
        (ValueType::Entity, Value::Text(id)) => {
            // One spelling only, or one entity would stand twice in a set.
            if !EntityId::parse(id).is_some_and(|parsed| parsed.to_string() == *id) {
                return Err(ValueFault::Entity);
            }
            Ok(ScalarValue::Str(id.as_str().into()))
        }
        (
            ValueType::Bool
            | ValueType::Int { .. }
            | ValueType::Float
            | ValueType::Text { .. }
            | ValueType::Bytes { .. }
            | ValueType::Time
            | ValueType::Choice(_)
            | ValueType::Entity
            | ValueType::Entry(_),
            _,
        ) => Err(ValueFault::Kind {
            wanted: type_name(of),
            found: value.kind(),
        }),
    }
}

/// The scalars of a group or entry by name. Nulls stand for absent and are left out.
pub(crate) fn to_scalars(
    value: &Value,
    of: &BTreeMap<String, ValueType>,
) -> Result<BTreeMap<String, ScalarValue>, ValueFault> {
    let Value::Map(values) = value else {
        return Err(ValueFault::Kind {
            wanted: "map",
            found: value.kind(),
        });
    };
    let mut scalars = BTreeMap::new();
    for (name, value) in values {
        let Some(of) = of.get(name) else {
            return Err(ValueFault::Unknown(name.clone()));
        };
        if *value != Value::Null {
            scalars.insert(name.clone(), to_scalar(value, of)?);
        }
    }
    Ok(scalars)
}

/// The application's form of a scalar. What no schema type stores (the gate refuses it) reads as
/// null.
pub(crate) fn from_scalar(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Boolean(truth) => Value::Bool(*truth),
        ScalarValue::Int(number) => Value::Int(*number),
        ScalarValue::F64(number) => Finite::new(*number).map_or(Value::Null, Value::Float),
        ScalarValue::Str(text) => Value::Text(text.to_string()),
        ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        ScalarValue::Timestamp(millis) => Value::Time(*millis),
        ScalarValue::Counter(counter) => Value::Int(counter.into()),
        ScalarValue::Uint(_) | ScalarValue::Unknown { .. } | ScalarValue::Null => Value::Null,
    }
}

/// UTF-16 units of a text.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn within(found: usize, max: usize, unit: &'static str) -> Result<(), ValueFault> {
    if found > max {
        return Err(ValueFault::Length { found, max, unit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_reads_back_as_the_value_it_was_made_of() {
        let cases = [
            (ValueType::Bool, Value::Bool(true)),
            (ValueType::Int { min: -3, max: 3 }, Value::Int(-3)),
            (
                ValueType::Float,
                Value::Float(Finite::new(-0.0).expect("finite")),
            ),
            (ValueType::Text { units_max: 4 }, Value::from("a😀b")),
            (ValueType::Bytes { bytes_max: 2 }, Value::Bytes(vec![1, 2])),
            (ValueType::Time, Value::Time(-5)),
            (ValueType::Choice(vec!["on".into()]), Value::from("on")),
            (ValueType::Entity, Value::from("0a".repeat(32))),
        ];
        for (of, value) in cases {
            let scalar = to_scalar(&value, &of).expect("fits its type");
            assert_eq!(from_scalar(&scalar), value);
        }
    }

    #[test]
    fn values_outside_their_type_are_refused_with_the_bound() {
        let int = ValueType::Int { min: 0, max: 9 };
        assert_eq!(
            to_scalar(&Value::Int(10), &int),
            Err(ValueFault::Range {
                found: 10,
                min: 0,
                max: 9
            })
        );
        let text = ValueType::Text { units_max: 1 };
        assert!(to_scalar(&Value::from("😀"), &text).is_err(), "two units");
        assert!(to_scalar(&Value::Int(1), &ValueType::Float).is_err());
        assert!(to_scalar(&Value::from("0A".repeat(32)), &ValueType::Entity).is_err());
        let words = ValueType::Choice(vec!["on".into()]);
        assert_eq!(
            to_scalar(&Value::from("off"), &words),
            Err(ValueFault::Choice(1))
        );
    }
}
