//! What an operation's path names in a schema, and whether the operation suits it. Looks at the
//! schema alone: no document is touched before this has passed.
#![deny(clippy::arithmetic_side_effects)]

use super::{EditError, FieldPath, RecordOp};
use crate::{
    schema::{FieldMap, MergeRule, check_open_key, nearest},
    value::Value,
};

/// A field that an operation may write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'s> {
    /// The path of the field; an open map's key not counted.
    pub field: &'s [String],
    pub rule: &'s MergeRule,
    /// The key, where the field is an open map.
    pub key: Option<&'s str>,
}

impl<'s> Target<'s> {
    /// Finds what `path` names and whether `op` may be done to it.
    pub(crate) fn of(fields: &'s FieldMap, op: &'s RecordOp) -> Result<Option<Self>, EditError> {
        let Some(path) = field_of(op) else {
            return Ok(None); // the entity's life is every schema's
        };
        let target = find(fields, path)?;
        target.suits(op)?;
        Ok(Some(target))
    }

    fn suits(&self, op: &RecordOp) -> Result<(), EditError> {
        let fits = match (op, self.rule) {
            (RecordOp::Put { value, .. }, MergeRule::Open(_)) => match self.key {
                None => return Err(self.wrong(op, instead(self.rule))),
                Some(key) => {
                    check_open_key(key).map_err(|rule| self.refused(rule))?;
                    Some(value)
                }
            },
            (
                RecordOp::Put { value, .. },
                MergeRule::Lww(_) | MergeRule::Keep(_) | MergeRule::Once(_) | MergeRule::Group(_),
            )
            | (RecordOp::Add { value, .. } | RecordOp::Remove { value, .. }, MergeRule::Set(_))
            | (RecordOp::Insert { value, .. }, MergeRule::List(_))
            | (RecordOp::Append { value, .. }, MergeRule::Append(_)) => Some(value),
            (RecordOp::Increment { .. }, MergeRule::Counter)
            | (RecordOp::Delete { .. }, MergeRule::List(_))
            | (RecordOp::Splice { .. }, MergeRule::Text) => None,
            (
                RecordOp::Put { .. }
                | RecordOp::Increment { .. }
                | RecordOp::Add { .. }
                | RecordOp::Remove { .. }
                | RecordOp::Insert { .. }
                | RecordOp::Delete { .. }
                | RecordOp::Append { .. }
                | RecordOp::Splice { .. }
                | RecordOp::DeleteEntity
                | RecordOp::RestoreEntity,
                rule,
            ) => return Err(self.wrong(op, instead(rule))),
        };
        fits.map_or(Ok(()), |value| self.holds(value))
    }

    fn holds(&self, value: &Value) -> Result<(), EditError> {
        self.rule.check(value).map_err(|rule| self.refused(rule))
    }

    fn refused(&self, rule: crate::schema::SchemaRule) -> EditError {
        EditError::Value {
            field: self.path(),
            rule: rule.at(self.field),
        }
    }

    fn wrong(&self, op: &RecordOp, instead: &'static str) -> EditError {
        EditError::WrongOperation {
            field: self.path(),
            rule: self.rule.name(),
            operation: word(op),
            instead,
        }
    }

    /// The whole path, the key of an open map included.
    pub(crate) fn path(&self) -> FieldPath {
        let key = self.key.map(str::to_owned);
        self.field.iter().cloned().chain(key).collect()
    }
}

/// The field an operation names; none for those on the whole entity.
pub(crate) fn field_of(op: &RecordOp) -> Option<&FieldPath> {
    match op {
        RecordOp::Put { field, .. }
        | RecordOp::Increment { field, .. }
        | RecordOp::Add { field, .. }
        | RecordOp::Remove { field, .. }
        | RecordOp::Insert { field, .. }
        | RecordOp::Delete { field, .. }
        | RecordOp::Append { field, .. }
        | RecordOp::Splice { field, .. } => Some(field),
        RecordOp::DeleteEntity | RecordOp::RestoreEntity => None,
    }
}

/// Finds the field at a path of this schema's own names.
pub(crate) fn find<'s>(fields: &'s FieldMap, path: &'s [String]) -> Result<Target<'s>, EditError> {
    let unknown = |nearest: Option<&str>| EditError::UnknownField {
        field: path.to_vec(),
        nearest: nearest.map(str::to_owned),
    };
    let mut fields = fields;
    let mut depth = 0usize;
    loop {
        let Some(name) = path.get(depth) else {
            return Err(unknown(None)); // an empty path
        };
        let Some(field) = fields.get(name) else {
            return Err(unknown(nearest(name, fields.keys().map(String::as_str))));
        };
        depth = depth.saturating_add(1);
        let (at, rest) = path.split_at(depth);
        match (&field.rule, rest) {
            (MergeRule::Map(inner), [_, ..]) => fields = inner,
            (rule @ MergeRule::Open(_), [key]) => {
                return Ok(Target {
                    field: at,
                    rule,
                    key: Some(key),
                });
            }
            (rule, []) => {
                return Ok(Target {
                    field: at,
                    rule,
                    key: None,
                });
            }
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
                _,
            ) => return Err(unknown(None)),
        }
    }
}

/// The word for an operation in messages.
fn word(op: &RecordOp) -> &'static str {
    match op {
        RecordOp::Put { .. } => "put",
        RecordOp::Increment { .. } => "increment",
        RecordOp::Add { .. } => "add",
        RecordOp::Remove { .. } => "remove",
        RecordOp::Insert { .. } => "insert",
        RecordOp::Delete { .. } => "delete",
        RecordOp::Append { .. } => "append",
        RecordOp::Splice { .. } => "splice",
        RecordOp::DeleteEntity => "delete-entity",
        RecordOp::RestoreEntity => "restore-entity",
    }
}

/// What to do with a field of this rule.
fn instead(rule: &MergeRule) -> &'static str {
    match rule {
        MergeRule::Lww(_) | MergeRule::Keep(_) => "put a value, or null to delete it",
        MergeRule::Once(_) => "put a value once",
        MergeRule::Group(_) => "put all its values as one map, or null to delete it",
        MergeRule::Counter => "increment it",
        MergeRule::Set(_) => "add and remove elements",
        MergeRule::List(_) => "insert and delete entries",
        MergeRule::Append(_) => "append entries",
        MergeRule::Text => "splice it",
        MergeRule::Map(_) => "name a field inside it",
        MergeRule::Open(_) => "put a value at a key, the last step of the path",
    }
}
