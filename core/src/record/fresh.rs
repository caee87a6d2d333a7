//! Groups and entries: maps that the change which makes them also fills, and no other ever writes.

use super::{
    FieldPath,
    decode::{Action, RawOp},
    layout,
    rule::{Forbids, RecordRule},
};
use crate::{
    judge::Rule,
    schema::{SchemaRule, ValueRule, ValueType, cut},
};
use std::collections::{BTreeMap, BTreeSet};

/// A group or entry that the change being judged has made.
pub(super) struct Fresh<'a, 's> {
    pub(super) field: FieldPath,
    fields: &'s BTreeMap<String, ValueType>,
    filled: BTreeSet<&'a str>,
    needs_all: bool,
}

impl<'a, 's> Fresh<'a, 's> {
    /// A group: it stands for one value, so none of its fields may be missing.
    pub(super) fn group(field: FieldPath, fields: &'s BTreeMap<String, ValueType>) -> Self {
        Fresh {
            field,
            fields,
            filled: BTreeSet::new(),
            needs_all: true,
        }
    }

    /// An entry: any of its fields.
    pub(super) fn entry(field: FieldPath, fields: &'s BTreeMap<String, ValueType>) -> Self {
        Fresh {
            needs_all: false,
            ..Fresh::group(field, fields)
        }
    }

    /// Writes one of its fields, each once.
    pub(super) fn fill(&mut self, op: u64, key: &'a str, raw: &RawOp<'a>) -> Result<(), Rule> {
        let path = || {
            let mut field = self.field.clone();
            field.push(cut(key));
            field
        };
        let Some(of) = self.fields.get(key) else {
            let name = cut(key);
            return Err(SchemaRule::from(ValueRule::Unknown { name })
                .at(&self.field)
                .into());
        };
        if raw.action != Action::Put {
            return Err(RecordRule::Forbidden {
                field: path(),
                rule: Forbids::GroupPart,
            }
            .into());
        }
        let value = layout::value_of(op, &raw.value)?;
        of.check(&value).map_err(|rule| rule.at(&path()))?;
        if !self.filled.insert(key) {
            return Err(RecordRule::Preds { op }.into());
        }
        Ok(())
    }

    /// A field that is missing, if one may not be.
    pub(super) fn missing(&self) -> Option<Rule> {
        if !self.needs_all {
            return None;
        }
        let is_missing = |name: &&String| !self.filled.contains(name.as_str());
        let name = self.fields.keys().find(is_missing)?.clone();
        Some(
            SchemaRule::from(ValueRule::Missing { name })
                .at(&self.field)
                .into(),
        )
    }
}
