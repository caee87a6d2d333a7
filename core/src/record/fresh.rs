//! Groups and entries: maps that the change which makes them also fills, and no other ever writes.

use super::{
    FieldPath,
    decode::{Action, RawOp},
    layout,
    rule::{Forbids, RecordRule},
};
use crate::schema::ValueType;
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

    /// An entry: any of its fields, but one at least.
    pub(super) fn entry(field: FieldPath, fields: &'s BTreeMap<String, ValueType>) -> Self {
        Fresh {
            needs_all: false,
            ..Fresh::group(field, fields)
        }
    }

    /// Writes one of its fields, each once.
    pub(super) fn fill(
        &mut self,
        op: u64,
        key: &'a str,
        raw: &RawOp<'a>,
    ) -> Result<(), RecordRule> {
        let in_full = || {
            let mut field = self.field.clone();
            field.push(layout::cut(key));
            field
        };
        let Some(of) = self.fields.get(key) else {
            return Err(RecordRule::FieldUnknown {
                op,
                field: in_full(),
            });
        };
        if raw.action != Action::Put {
            return Err(RecordRule::Forbidden {
                field: in_full(),
                rule: Forbids::GroupPart,
            });
        }
        if !layout::value_of(&raw.value).is_some_and(|value| layout::fits(of, &value)) {
            return Err(RecordRule::Value { field: in_full() });
        }
        if !self.filled.insert(key) {
            return Err(RecordRule::Preds { op });
        }
        Ok(())
    }

    /// Whether it holds what it must.
    pub(super) fn is_full(&self) -> bool {
        if self.needs_all {
            self.filled.len() == self.fields.len()
        } else {
            !self.filled.is_empty()
        }
    }
}
