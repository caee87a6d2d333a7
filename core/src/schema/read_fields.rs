//! Reading fields: a rule, a type and what bounds it, in a table or in two words.

use crate::{
    limits,
    schema::{
        Field, FieldMap, MergeRule, SchemaFault, ValueType,
        read::{Reader, Spot, join},
        read_types::plain_type,
        words::{RULES, TYPES},
    },
};
use toml::{Spanned, de::DeValue};

const FIELD_KEYS: &[&str] = &[
    "rule", "type", "min", "max", "choices", "entry", "fields", "since", "about",
];

/// Where a map of fields stands.
#[derive(Clone, Copy)]
pub(crate) struct Around {
    /// What a field's `since` is unless it says so.
    pub(crate) since: u32,
    /// How many maps lie around it.
    pub(crate) depth: usize,
}

impl Reader {
    /// The fields of a record or map.
    pub(crate) fn fields(&mut self, spot: &Spot<'_, '_>, around: Around) -> FieldMap {
        let mut fields = FieldMap::new();
        for (key, value) in spot.table.iter() {
            let name = key.get_ref().as_ref();
            let path = spot.path_of(name);
            self.places.insert(path.clone(), key.span().start);
            let field = self.field(&path, value, around).unwrap_or_else(|| {
                self.broken.insert(path);
                // Fits a route and holds nothing: a stand-in raises no second error.
                Field {
                    rule: MergeRule::Lww(ValueType::Bool),
                    since: around.since,
                    about: String::new(),
                }
            });
            fields.insert(name.to_owned(), field);
        }
        fields
    }

    fn field(&mut self, path: &str, value: &Spanned<DeValue<'_>>, around: Around) -> Option<Field> {
        if let Some(words) = value.get_ref().as_str() {
            let rule = self.short_rule(path, value.span().start, words)?;
            return Some(Field {
                rule,
                since: around.since,
                about: String::new(),
            });
        }
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong(path, value, "a table or \"RULE TYPE\"");
        };
        let spot = Spot {
            path: path.to_owned(),
            at: self.place(path),
            table,
        };
        self.only(&spot, FIELD_KEYS);
        let said = spot.has("since");
        let since = match self.count(&spot, "since", u32::MAX) {
            Some(since) => since,
            None if said => return None,
            None => around.since,
        };
        let about = self.text(&spot, "about").unwrap_or_default();
        let around = Around {
            since,
            depth: around.depth,
        };
        let rule = self.rule(&spot, around)?;
        Some(Field { rule, since, about })
    }

    /// `"lww text"`, `"counter"`.
    fn short_rule(&mut self, path: &str, at: usize, words: &str) -> Option<MergeRule> {
        let mut rest = words.split_whitespace();
        let rule = rest.next().unwrap_or_default();
        let of = rest.next();
        let unknown = |reader: &mut Self, word: &str, known| {
            let nearest = super::words::meant(word, known);
            let word = super::cut(word);
            let fault = SchemaFault::UnknownWord {
                word,
                nearest,
                known,
            };
            reader.fault(at, path, fault);
            None
        };
        if !RULES.contains(&rule) {
            return unknown(self, rule, RULES);
        }
        if let Some(more) = rest.next() {
            return unknown(self, more, &["RULE TYPE, no more: write a table instead"]);
        }
        let plain = match rule {
            "counter" => Some(MergeRule::Counter),
            "text" => Some(MergeRule::Text),
            _ => None,
        };
        if let Some(plain) = plain {
            if of.is_some() {
                let of = plain.name();
                self.fault(at, path, SchemaFault::NotNeeded { key: "type", of });
                return None;
            }
            return Some(plain);
        }
        if rule == "group" || rule == "map" {
            let (key, example) = ("fields", "a table: { rule = \"map\", fields = { … } }");
            self.fault(at, path, SchemaFault::Missing { key, example });
            return None;
        }
        let Some(word) = of else {
            let (key, example) = ("type", "it behind the rule: \"lww text\"");
            self.fault(at, path, SchemaFault::Missing { key, example });
            return None;
        };
        if !TYPES.contains(&word) {
            return unknown(self, word, TYPES);
        }
        let Some(of) = plain_type(word) else {
            let (key, example) = if word == "entry" {
                ("entry", "a table: { rule = \"append\", entry = { … } }")
            } else {
                (
                    "choices",
                    "a table: { rule = \"lww\", choices = [\"a\", \"b\"] }",
                )
            };
            self.fault(at, path, SchemaFault::Missing { key, example });
            return None;
        };
        with_type(rule, of)
    }

    fn rule(&mut self, spot: &Spot<'_, '_>, around: Around) -> Option<MergeRule> {
        let Some(word) = self.text(spot, "rule") else {
            if !spot.has("rule") {
                self.missing(spot, "rule", "rule = \"lww\", or another rule");
            }
            return None;
        };
        let Some(rule) = RULES.iter().find(|known| **known == word).copied() else {
            self.unknown_word(spot, "rule", word, RULES);
            return None;
        };
        match rule {
            "counter" | "text" => {
                self.not_needed(
                    spot,
                    rule,
                    &["type", "min", "max", "choices", "entry", "fields"],
                );
                Some(if rule == "text" {
                    MergeRule::Text
                } else {
                    MergeRule::Counter
                })
            }
            "group" | "map" => {
                self.not_needed(spot, rule, &["type", "min", "max", "choices", "entry"]);
                if !spot.has("fields") {
                    self.missing(
                        spot,
                        "fields",
                        "fields = { lat = \"float\", lon = \"float\" }",
                    );
                }
                let within = self.table(spot, "fields")?;
                if rule == "group" {
                    return Some(MergeRule::Group(self.members(&within, "group")));
                }
                if around.depth >= limits::SCHEMA_DEPTH_MAX {
                    let max = limits::SCHEMA_DEPTH_MAX;
                    self.fault(spot.at, &spot.path, SchemaFault::TooDeep { max });
                    return None;
                }
                let around = Around {
                    since: around.since,
                    depth: around.depth.saturating_add(1),
                };
                Some(MergeRule::Map(self.fields(&within, around)))
            }
            _ => {
                self.not_needed(spot, rule, &["fields"]);
                let of = self.value_type(spot)?;
                with_type(rule, of)
            }
        }
    }

    /// Reports settings that the rule or type has no use for.
    pub(crate) fn not_needed(
        &mut self,
        spot: &Spot<'_, '_>,
        of: &'static str,
        keys: &[&'static str],
    ) {
        for key in keys {
            if let Some((found, _)) = spot.table.get_key_value(*key) {
                let at = found.span().start;
                self.fault(
                    at,
                    &join(&spot.path, key),
                    SchemaFault::NotNeeded { key, of },
                );
            }
        }
    }
}

/// A rule over values of one type.
fn with_type(rule: &str, of: ValueType) -> Option<MergeRule> {
    match rule {
        "lww" => Some(MergeRule::Lww(of)),
        "keep" => Some(MergeRule::Keep(of)),
        "once" => Some(MergeRule::Once(of)),
        "set" => Some(MergeRule::Set(of)),
        "list" => Some(MergeRule::List(of)),
        "append" => Some(MergeRule::Append(of)),
        "open" => Some(MergeRule::Open(of)),
        _ => None,
    }
}
