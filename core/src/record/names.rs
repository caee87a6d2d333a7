//! Under which names the fields of the newest schema version are found in a document that older
//! versions wrote to as well: what lenses rename, and what they give in default.
#![deny(clippy::arithmetic_side_effects)]

use super::FieldPath;
use crate::{
    schema::{FieldMap, MergeRule, Part, Schema, default_of, names_of},
    value::Value,
};
use std::{collections::BTreeMap, sync::Arc};

/// A field of the newest version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub rule: MergeRule,
    /// Its name, then the names older versions gave it, newest first.
    pub keys: Vec<String>,
    /// What it reads as where no one has written it.
    pub default: Option<Value>,
}

/// The fields of a record by their newest names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    fields: BTreeMap<String, Field>,
}

impl Names {
    /// Reads the versions of one kind, oldest first. The newest has every field: versions only add
    /// and rename.
    pub(crate) fn of(part: &str, chain: &[Arc<Schema>]) -> Self {
        let Some(newest) = chain.last() else {
            return Names::default();
        };
        let declared = newest
            .part(part)
            .and_then(Part::fields)
            .into_iter()
            .flatten();
        let fields = declared.map(|(name, field)| {
            let field = Field {
                rule: field.rule.clone(),
                keys: names_of(chain, part, name),
                default: default_of(newest, part, name).cloned(),
            };
            (name.clone(), field)
        });
        Names {
            fields: fields.collect(),
        }
    }

    /// Every field with its newest name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Field)> {
        self.fields.iter()
    }

    /// The newest name of a field that any version calls `name`.
    pub(crate) fn newest<'n>(&'n self, name: &str) -> Option<(&'n String, &'n Field)> {
        self.fields.get_key_value(name).or_else(|| {
            let known = |field: &Field| field.keys.iter().any(|key| key == name);
            self.fields.iter().find(|(_, field)| known(field))
        })
    }

    /// A path as any version writes it, in the newest names.
    pub(crate) fn newest_path(&self, path: &[String]) -> Option<FieldPath> {
        let (first, rest) = path.split_first()?;
        let (name, _) = self.newest(first)?;
        let mut newest = vec![name.clone()];
        newest.extend_from_slice(rest);
        Some(newest)
    }

    /// The rule that stands at a path of newest names: of a field, a nested field, or of the map
    /// around an open map's key.
    pub(crate) fn rule(&self, path: &[String]) -> Option<&MergeRule> {
        let (first, rest) = path.split_first()?;
        rule_in(&self.fields.get(first)?.rule, rest)
    }
}

/// The rule at the end of a path that starts inside a field of this rule.
pub(crate) fn rule_in<'r>(rule: &'r MergeRule, rest: &[String]) -> Option<&'r MergeRule> {
    match (rule, rest.split_first()) {
        (rule, None) => Some(rule),
        (MergeRule::Map(fields), Some((name, rest))) => rule_at(fields, name, rest),
        (MergeRule::Open(_), Some((_, []))) => Some(rule),
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
            | MergeRule::Open(_),
            Some(_),
        ) => None,
    }
}

fn rule_at<'r>(fields: &'r FieldMap, name: &str, rest: &[String]) -> Option<&'r MergeRule> {
    rule_in(&fields.get(name)?.rule, rest)
}
