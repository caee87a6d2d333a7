//! Values of the application and scalars of the engine: which stands for which.
#![deny(clippy::arithmetic_side_effects)]

use crate::value::{Finite, Value};
use automerge::ScalarValue;

/// The engine's form of a single value; none for null, lists and maps.
pub(crate) fn to_scalar(value: &Value) -> Option<ScalarValue> {
    match value {
        Value::Bool(truth) => Some(ScalarValue::Boolean(*truth)),
        Value::Int(number) => Some(ScalarValue::Int(*number)),
        Value::Float(number) => Some(ScalarValue::F64(number.as_f64())),
        Value::Text(text) => Some(ScalarValue::Str(text.as_str().into())),
        Value::Bytes(bytes) => Some(ScalarValue::Bytes(bytes.clone())),
        Value::Time(millis) => Some(ScalarValue::Timestamp(*millis)),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
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
