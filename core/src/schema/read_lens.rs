//! Reading lenses: renames as they stand, defaults by the types of their fields.

use crate::{
    schema::{
        Lens, MergeRule, Part, PartShape, ValueType, check_lens,
        read::{Reader, Spot, integer},
    },
    value::{Finite, Value},
};
use std::collections::BTreeMap;
use toml::{Spanned, de::DeValue};

const LENS_KEYS: &[&str] = &["rename", "default"];

impl Reader {
    pub(crate) fn lens(
        &mut self,
        root: &Spot<'_, '_>,
        parts: &BTreeMap<String, Part>,
    ) -> Vec<Lens> {
        let mut lens = Vec::new();
        let Some(spot) = self.table(root, "lens") else {
            return lens;
        };
        self.only(&spot, LENS_KEYS);
        if let Some(renames) = self.table(&spot, "rename") {
            for key in renames.table.keys() {
                let from = key.get_ref().as_ref();
                if let Some(to) = self.text(&renames, from) {
                    let from = from.to_owned();
                    lens.push(Lens::Rename { from, to });
                }
            }
        }
        let fields = match parts.get("record").map(|part| &part.shape) {
            Some(PartShape::Record(fields)) => fields,
            Some(PartShape::Body(_) | PartShape::Log(_)) | None => return lens,
        };
        if let Some(defaults) = self.table(&spot, "default") {
            for (key, value) in defaults.table.iter() {
                let field = key.get_ref().as_ref();
                let path = defaults.path_of(field);
                self.places.insert(path.clone(), key.span().start);
                if self.broken.contains(&format!("record.fields.{field}")) {
                    continue;
                }
                let read = match fields.get(field).map(|declared| &declared.rule) {
                    Some(rule) if check_lens::takes_default(rule) => {
                        self.default_value(&path, value, rule)
                    }
                    // The invariants say what is wrong with the lens itself.
                    Some(_) | None => Some(Value::Null),
                };
                if let Some(value) = read {
                    let field = field.to_owned();
                    lens.push(Lens::Default { field, value });
                }
            }
        }
        lens.sort_by(|a, b| check_lens::key(a).cmp(&check_lens::key(b)));
        lens
    }

    fn default_value(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        rule: &MergeRule,
    ) -> Option<Value> {
        match rule {
            MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of) => {
                self.single_value(path, value, of)
            }
            MergeRule::Group(members) => {
                let Some(table) = value.get_ref().as_table() else {
                    return self.wrong(path, value, "a table with the group's fields");
                };
                let mut values = BTreeMap::new();
                for (key, value) in table.iter() {
                    let name = key.get_ref().as_ref();
                    let value = match members.get(name) {
                        Some(of) => self.single_value(path, value, of)?,
                        None => Value::Null,
                    };
                    values.insert(name.to_owned(), value);
                }
                Some(Value::Map(values))
            }
            MergeRule::Counter
            | MergeRule::Set(_)
            | MergeRule::List(_)
            | MergeRule::Append(_)
            | MergeRule::Text
            | MergeRule::Map(_)
            | MergeRule::Open(_) => None,
        }
    }

    fn single_value(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        of: &ValueType,
    ) -> Option<Value> {
        let toml = value.get_ref();
        let text = || toml.as_str();
        let (read, wanted) = match of {
            ValueType::Bool => (toml.as_bool().map(Value::Bool), "true or false"),
            ValueType::Int { .. } => (integer(toml).map(Value::Int), "a whole number"),
            ValueType::Float => (float(toml).map(Value::Float), "a finite number"),
            ValueType::Time => (
                integer(toml).map(Value::Time),
                "milliseconds since 1970 as a whole number",
            ),
            ValueType::Bytes { .. } => (
                text().and_then(bytes).map(Value::Bytes),
                "bytes as a string of hexadecimal digits",
            ),
            ValueType::Text { .. } | ValueType::Choice(_) | ValueType::Entity => {
                (text().map(Value::from), "a string in quotes")
            }
            ValueType::Entry(_) => (None, "a single value"),
        };
        match read {
            Some(value) => Some(value),
            None => self.wrong(path, value, wanted),
        }
    }
}

fn float(value: &DeValue<'_>) -> Option<Finite> {
    let text = match value {
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Integer(_)
        | DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => return None,
    };
    Finite::new(text.parse().ok()?)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
