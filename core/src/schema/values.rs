//! Whether a value may stand in a field. Pure, and without recursion beyond one level: a schema's
//! groups and entries hold single values only.

use crate::{
    limits,
    schema::{
        ContainerRule, LogShape, MergeRule, SchemaRule, ValueKind, ValueRule, ValueType, cut,
    },
    value::Value,
};
use std::collections::BTreeMap;

impl ValueType {
    /// Whether `value` is one of this type and within its bounds. Null is of no type: whether a
    /// field may be emptied is its rule's matter ([`MergeRule::check`]).
    pub fn check(&self, value: &Value) -> Result<(), SchemaRule> {
        self.judge(value).map_err(SchemaRule::from)
    }

    fn judge(&self, value: &Value) -> Result<(), ValueRule> {
        match (self, value) {
            (ValueType::Bool, Value::Bool(_))
            | (ValueType::Float, Value::Float(_))
            | (ValueType::Time, Value::Time(_)) => Ok(()),
            (ValueType::Int { min, max }, Value::Int(number)) => {
                if (min..=max).contains(&number) {
                    Ok(())
                } else {
                    Err(ValueRule::OutOfBounds {
                        value: *number,
                        min: *min,
                        max: *max,
                    })
                }
            }
            (ValueType::Text { units_max }, Value::Text(text)) => text_fits(text, *units_max),
            (ValueType::Bytes { bytes_max }, Value::Bytes(bytes)) => {
                if bytes.len() as u64 <= u64::from(*bytes_max) {
                    Ok(())
                } else {
                    Err(ValueRule::TooManyBytes {
                        bytes: bytes.len(),
                        bytes_max: *bytes_max,
                    })
                }
            }
            (ValueType::Choice(words), Value::Text(word)) => {
                if words.contains(word) {
                    Ok(())
                } else {
                    Err(ValueRule::NotAChoice { word: cut(word) })
                }
            }
            (ValueType::Entity, Value::Text(id)) => {
                let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                // One spelling only: equal ids must be equal set elements.
                if id.len() == 64 && id.bytes().all(digit) {
                    Ok(())
                } else {
                    Err(ValueRule::NotAnEntity)
                }
            }
            (ValueType::Entry(members), Value::Map(values)) => members_fit(members, values),
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
            ) => Err(ValueRule::WrongType {
                wanted: self.kind(),
                found: ValueKind::of(value),
            }),
        }
    }

    /// What sort of value this type wants.
    pub fn kind(&self) -> ValueKind {
        match self {
            ValueType::Bool => ValueKind::Bool,
            ValueType::Int { .. } => ValueKind::Int,
            ValueType::Float => ValueKind::Float,
            ValueType::Text { .. } => ValueKind::Text,
            ValueType::Bytes { .. } => ValueKind::Bytes,
            ValueType::Time => ValueKind::Time,
            ValueType::Choice(_) => ValueKind::Choice,
            ValueType::Entity => ValueKind::Entity,
            ValueType::Entry(_) => ValueKind::Map,
        }
    }
}

impl MergeRule {
    /// Whether `value` may be written to a field of this rule: for a register its new value or null
    /// where it can be emptied, for a group the whole of it, for a set, list, append or open map
    /// one element, entry or key's value. Counters, texts and maps are not written by values.
    pub fn check(&self, value: &Value) -> Result<(), SchemaRule> {
        match (self, value) {
            (
                MergeRule::Lww(_) | MergeRule::Keep(_) | MergeRule::Group(_) | MergeRule::Open(_),
                Value::Null,
            ) => Ok(()),
            (
                MergeRule::Lww(_)
                | MergeRule::Group(_)
                | MergeRule::Keep(_)
                | MergeRule::Once(_)
                | MergeRule::Counter
                | MergeRule::Set(_)
                | MergeRule::List(_)
                | MergeRule::Append(_)
                | MergeRule::Text
                | MergeRule::Map(_)
                | MergeRule::Open(_),
                _,
            ) => self.check_set(value),
        }
    }

    /// As [`MergeRule::check`], where null does not count as a value.
    pub(crate) fn check_set(&self, value: &Value) -> Result<(), SchemaRule> {
        let container = |rule| Err(ValueRule::NotAValue { rule }.into());
        match self {
            MergeRule::Lww(of)
            | MergeRule::Keep(of)
            | MergeRule::Once(of)
            | MergeRule::Set(of)
            | MergeRule::List(of)
            | MergeRule::Append(of)
            | MergeRule::Open(of) => of.check(value),
            MergeRule::Group(members) => Ok(group_fits(members, value)?),
            MergeRule::Counter => container(ContainerRule::Counter),
            MergeRule::Text => container(ContainerRule::Text),
            MergeRule::Map(_) => container(ContainerRule::Map),
        }
    }
}

impl LogShape {
    /// Whether `value` may be an entry: a map of the entry's fields with all that are required.
    pub fn check(&self, value: &Value) -> Result<(), SchemaRule> {
        let values = as_map(value)?;
        members_fit(&self.entry, values)?;
        match self
            .required
            .iter()
            .find(|name| !values.contains_key(*name))
        {
            None => Ok(()),
            Some(name) => Err(ValueRule::Missing { name: name.clone() }.into()),
        }
    }
}

impl ValueKind {
    /// What sort of value this is.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => ValueKind::Null,
            Value::Bool(_) => ValueKind::Bool,
            Value::Int(_) => ValueKind::Int,
            Value::Float(_) => ValueKind::Float,
            Value::Text(_) => ValueKind::Text,
            Value::Bytes(_) => ValueKind::Bytes,
            Value::Time(_) => ValueKind::Time,
            Value::List(_) => ValueKind::List,
            Value::Map(_) => ValueKind::Map,
        }
    }
}

/// Whether a text may be the key of an open map.
pub fn check_open_key(key: &str) -> Result<(), SchemaRule> {
    let fits = !key.is_empty()
        && key.len() <= limits::NAME_BYTES_MAX
        && !key.starts_with('~')
        && !key.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(ValueRule::BadKey.into())
    }
}

fn text_fits(text: &str, units_max: u32) -> Result<(), ValueRule> {
    if text.len() > limits::SCALAR_BYTES_MAX {
        return Err(ValueRule::TooManyBytes {
            bytes: text.len(),
            bytes_max: limits::SCALAR_BYTES_MAX as u32,
        });
    }
    // No unit takes less than one byte, so most texts are known to fit without being read.
    let short = text.len() as u64 <= u64::from(units_max);
    if short || text.encode_utf16().count() as u64 <= u64::from(units_max) {
        Ok(())
    } else {
        Err(ValueRule::TooLong { units_max })
    }
}

/// Every value is of its member's type; members may be absent.
fn members_fit(
    members: &BTreeMap<String, ValueType>,
    values: &BTreeMap<String, Value>,
) -> Result<(), ValueRule> {
    for (name, value) in values {
        match members.get(name) {
            None => return Err(ValueRule::Unknown { name: cut(name) }),
            // `parse` and `decode` let no entry stand in an entry, so this goes one level deep.
            Some(of) => of.judge(value)?,
        }
    }
    Ok(())
}

/// Every member is there and of its type: a group wins or loses whole.
fn group_fits(members: &BTreeMap<String, ValueType>, value: &Value) -> Result<(), ValueRule> {
    let values = as_map(value)?;
    members_fit(members, values)?;
    match members.keys().find(|name| !values.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(ValueRule::Missing { name: name.clone() }),
    }
}

fn as_map(value: &Value) -> Result<&BTreeMap<String, Value>, ValueRule> {
    match value {
        Value::Map(values) => Ok(values),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Time(_)
        | Value::List(_) => Err(ValueRule::WrongType {
            wanted: ValueKind::Map,
            found: ValueKind::of(value),
        }),
    }
}
