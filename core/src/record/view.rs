//! A record as its readers see it.
#![deny(clippy::arithmetic_side_effects)]

use super::{Conflict, FieldPath, Life, Written, read::Reader};
use crate::{schema::OnDeleteEdit, value::Value};
use automerge::Automerge;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record by its schema's rules: the same on every replica that holds the same changes and the
/// same order numbers, in whatever order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// The fields that have a value, by their newest names. Counters, sets, lists, texts and maps
    /// always have one.
    pub fields: BTreeMap<String, Value>,
    /// Who last wrote each field, and when. A register's is that of the value shown, a container's
    /// that of the last change in it.
    pub written: BTreeMap<FieldPath, Written>,
    /// The registers whose values were written apart and differ.
    pub conflicts: Vec<Conflict>,
    /// Whether the entity is there. The fields of a deleted one can still be read.
    pub life: Life,
    /// How many changes made it.
    pub version: u64,
    /// The newest of them by (HLC, origin); none before the first.
    pub last_modified: Option<Written>,
}

impl RecordView {
    /// The user who made the newest change.
    pub fn last_modified_by(&self) -> Option<crate::id::UserId> {
        self.last_modified.map(|written| written.author)
    }

    /// A field by its path: a name, or the names of the maps around it and its own.
    pub fn get(&self, field: &[&str]) -> Option<&Value> {
        let (first, rest) = field.split_first()?;
        let mut value = self.fields.get(*first)?;
        for name in rest {
            let Value::Map(fields) = value else {
                return None;
            };
            value = fields.get(*name)?;
        }
        Some(value)
    }

    /// blake3 of the view's canonical form. Replicas compare this, never engine bytes: those differ
    /// with the order of arrival.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch record view v1\0");
        // Strings, numbers, options and ordered maps always encode.
        hasher.update(&postcard::to_allocvec(self).unwrap_or_default());
        *hasher.finalize().as_bytes()
    }

    pub(crate) fn read(reader: &Reader<'_, Automerge>, policy: OnDeleteEdit, version: u64) -> Self {
        let past = reader.at.as_ref().map(|point| point.past);
        let mut view = RecordView {
            life: reader.life(policy),
            version,
            last_modified: reader.history.newest(past).map(|stamp| stamp.written()),
            ..RecordView::default()
        };
        for (name, _) in reader.names.iter() {
            let found = reader.field(name);
            if let Some(value) = found.value {
                view.fields.insert(name.clone(), value);
            }
            view.written.extend(found.written);
            view.conflicts.extend(found.conflicts);
        }
        view
    }
}
