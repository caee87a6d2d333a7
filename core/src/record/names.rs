//! Under which names the fields of the newest schema version are found in a document that older
//! versions wrote to as well: what lenses rename, and what they give in default.
#![deny(clippy::arithmetic_side_effects)]

use super::FieldPath;
use crate::{
    schema::{FieldMap, Lens, MergeRule, PartShape, Schema},
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
    /// Reads the versions of one kind, oldest first.
    pub(crate) fn of(part: &str, chain: &[Arc<Schema>]) -> Self {
        let mut names = Names::default();
        for schema in chain {
            names.extend(part, schema);
        }
        names
    }

    /// Takes in the next version.
    pub(crate) fn extend(&mut self, part: &str, schema: &Schema) {
        let Some(PartShape::Record(fields)) = schema.part(part).map(|part| &part.shape) else {
            return; // another engine's part: nothing of it is a record's field
        };
        let mut before = std::mem::take(&mut self.fields);
        let renamed = |to: &str| {
            schema.spec().lens.iter().find_map(|lens| match lens {
                Lens::Rename { from, to: new } if new == to => Some(from.clone()),
                Lens::Rename { .. } | Lens::Default { .. } => None,
            })
        };
        let default = |of: &str| {
            schema.spec().lens.iter().find_map(|lens| match lens {
                Lens::Default { field, value } if field == of => Some(value.clone()),
                Lens::Rename { .. } | Lens::Default { .. } => None,
            })
        };
        for (name, field) in fields {
            let old = before.remove(name);
            let renamed = renamed(name).and_then(|from| before.remove(&from));
            let mut keys = vec![name.clone()];
            let mut given = default(name);
            for old in old.into_iter().chain(renamed) {
                keys.extend(old.keys.into_iter().filter(|key| key != name));
                given = given.or(old.default);
            }
            let rule = field.rule.clone();
            let field = Field { rule, keys, default: given };
            self.fields.insert(name.clone(), field);
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
