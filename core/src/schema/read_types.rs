//! Reading types: a word, or a table with what bounds it.

use crate::{
    limits,
    schema::{
        SchemaFault, ValueType,
        read::{Reader, Spot},
        words::TYPES,
    },
};
use std::collections::BTreeMap;
use toml::{Spanned, de::DeValue};

const TYPE_KEYS: &[&str] = &["type", "min", "max", "choices"];

impl Reader {
    /// The fields of a group or entry: each a type in a word or a table.
    pub(crate) fn members(
        &mut self,
        spot: &Spot<'_, '_>,
        holder: &'static str,
    ) -> BTreeMap<String, ValueType> {
        let mut members = BTreeMap::new();
        for (key, value) in spot.table.iter() {
            let name = key.get_ref().as_ref();
            let path = spot.path_of(name);
            self.places.insert(path.clone(), key.span().start);
            let of = self.member(&path, value, holder);
            members.insert(name.to_owned(), of.unwrap_or(ValueType::Bool));
        }
        members
    }

    fn member(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        holder: &'static str,
    ) -> Option<ValueType> {
        let at = value.span().start;
        if let Some(word) = value.get_ref().as_str() {
            if let Some(of) = plain_type(word) {
                return Some(of);
            }
            let fault = match word {
                "choice" => SchemaFault::Missing {
                    key: "choices",
                    example: "a table: { type = \"choice\", choices = [\"a\", \"b\"] }",
                },
                "entry" => SchemaFault::Container {
                    holder,
                    found: "entry",
                },
                word => SchemaFault::UnknownWord {
                    word: super::cut(word),
                    nearest: super::words::meant(word, TYPES),
                    known: TYPES,
                },
            };
            self.fault(at, path, fault);
            return None;
        }
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong(path, value, "a type, as a string or a table");
        };
        let spot = Spot {
            path: path.to_owned(),
            at: self.place(path),
            table,
        };
        if let Some(container) = ["rule", "fields", "entry"].iter().find(|key| spot.has(key)) {
            let found = if *container == "entry" {
                "entry"
            } else {
                "rule"
            };
            self.fault(at, path, SchemaFault::Container { holder, found });
            return None;
        }
        self.only(&spot, TYPE_KEYS);
        self.value_type(&spot)
    }

    /// `type` with what bounds it.
    pub(crate) fn value_type(&mut self, spot: &Spot<'_, '_>) -> Option<ValueType> {
        let word = match self.text(spot, "type") {
            Some(word) => word,
            None if spot.has("type") => return None,
            None if spot.has("choices") => "choice".to_owned(),
            None if spot.has("entry") => "entry".to_owned(),
            None => {
                self.missing(spot, "type", "type = \"text\", or another type");
                return None;
            }
        };
        let Some(word) = TYPES.iter().find(|known| **known == word).copied() else {
            self.unknown_word(spot, "type", word, TYPES);
            return None;
        };
        let scalar_max = limits::SCALAR_BYTES_MAX as u32;
        let bounds: &[&'static str] = match word {
            "int" => &["choices", "entry"],
            "text" | "bytes" => &["min", "choices", "entry"],
            "choice" => &["min", "max", "entry"],
            "entry" => &["min", "max", "choices"],
            _ => &["min", "max", "choices", "entry"],
        };
        self.not_needed(spot, word, bounds);
        match word {
            "int" => Some(ValueType::Int {
                min: self
                    .number(spot, "min", i64::MIN, i64::MAX)
                    .unwrap_or(i64::MIN),
                max: self
                    .number(spot, "max", i64::MIN, i64::MAX)
                    .unwrap_or(i64::MAX),
            }),
            "text" => Some(ValueType::Text {
                units_max: self
                    .count(spot, "max", scalar_max)
                    .unwrap_or(limits::TEXT_UNITS_MAX as u32),
            }),
            "bytes" => Some(ValueType::Bytes {
                bytes_max: self.count(spot, "max", scalar_max).unwrap_or(scalar_max),
            }),
            "choice" => {
                if !spot.has("choices") {
                    self.missing(spot, "choices", "choices = [\"open\", \"done\"]");
                }
                Some(ValueType::Choice(self.texts(spot, "choices")?))
            }
            "entry" => {
                if !spot.has("entry") {
                    self.missing(spot, "entry", "entry = { at = \"time\", text = \"text\" }");
                }
                let within = self.table(spot, "entry")?;
                Some(ValueType::Entry(self.members(&within, "entry")))
            }
            word => plain_type(word),
        }
    }
}

/// A type that needs no bounds, with those it has unless others are given.
pub(crate) fn plain_type(word: &str) -> Option<ValueType> {
    match word {
        "bool" => Some(ValueType::Bool),
        "int" => Some(ValueType::Int {
            min: i64::MIN,
            max: i64::MAX,
        }),
        "float" => Some(ValueType::Float),
        "text" => Some(ValueType::Text {
            units_max: limits::TEXT_UNITS_MAX as u32,
        }),
        "bytes" => Some(ValueType::Bytes {
            bytes_max: limits::SCALAR_BYTES_MAX as u32,
        }),
        "time" => Some(ValueType::Time),
        "entity" => Some(ValueType::Entity),
        _ => None,
    }
}
