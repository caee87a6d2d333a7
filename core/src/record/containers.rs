//! Reads the containers that genesis made: counters, sets, lists, texts and maps.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath,
    layout::set_value,
    read::{Found, Reader, Spot},
    rules::{self, Candidate},
    value::from_scalar,
};
use crate::{
    schema::{FieldMap, MergeRule, ValueType},
    value::Value,
};
use automerge::{ObjId, ObjType, ReadDoc, ScalarValue};
use std::collections::{BTreeMap, BTreeSet};

impl<D: ReadDoc> Reader<'_, D> {
    /// The scalars of a map that was written as one.
    pub(crate) fn entry(&self, map: &ObjId) -> Value {
        let mut values = BTreeMap::new();
        for key in self.keys(map) {
            let value = match &self.at {
                None => self.engine.get(map, key.as_str()),
                Some(point) => self.engine.get_at(map, key.as_str(), &point.heads),
            };
            if let Ok(Some((automerge::Value::Scalar(scalar), _))) = value {
                values.insert(key, from_scalar(&scalar));
            }
        }
        Value::Map(values)
    }

    fn keys(&self, map: &ObjId) -> Vec<String> {
        match &self.at {
            None => self.engine.keys(map).collect(),
            Some(point) => self.engine.keys_at(map, &point.heads).collect(),
        }
    }

    /// The text or list at a path; these are never renamed, so there is one.
    pub(crate) fn sequence(&self, path: &[String]) -> Option<ObjId> {
        let (rule, spots) = self.spots(path)?;
        let of = match rule {
            MergeRule::Text => ObjType::Text,
            _ => ObjType::List,
        };
        self.containers(&spots, of).into_iter().next()
    }

    /// The containers that genesis made at some spots, of one type.
    pub(crate) fn containers(&self, spots: &[Spot], of: ObjType) -> Vec<ObjId> {
        let made = spots.iter().filter_map(|(object, key)| {
            let (value, id) = self.engine.get(object, key.as_str()).ok()??;
            (value.to_objtype() == Some(of)).then_some(id)
        });
        made.collect()
    }

    pub(super) fn counter(&self, spots: &[Spot]) -> Value {
        let sum = spots.iter().fold(0i64, |sum, (object, key)| {
            let value = match &self.at {
                None => self.engine.get(object, key.as_str()),
                Some(point) => self.engine.get_at(object, key.as_str(), &point.heads),
            };
            match value {
                Ok(Some((automerge::Value::Scalar(scalar), _))) => match scalar.as_ref() {
                    ScalarValue::Counter(counter) => sum.saturating_add(counter.into()),
                    _ => sum,
                },
                Ok(_) | Err(_) => sum,
            }
        });
        Value::Int(sum)
    }

    pub(super) fn set(&self, spots: &[Spot], of: &ValueType) -> Value {
        let mut elements = BTreeSet::new();
        for set in self.containers(spots, ObjType::Map) {
            let keys = self.keys(&set);
            elements.extend(keys.iter().filter_map(|key| set_value(of, key)));
        }
        Value::List(elements.into_iter().collect())
    }

    pub(super) fn list(&self, spots: &[Spot]) -> Value {
        let lists = self.containers(spots, ObjType::List);
        let items = lists.iter().flat_map(|list| self.items(list));
        Value::List(items.map(|(_, value)| value).collect())
    }

    /// A list's entries in the engine's order, each with its operation.
    pub(crate) fn items(&self, list: &ObjId) -> Vec<(ObjId, Value)> {
        let range = match &self.at {
            None => self.engine.list_range(list, ..),
            Some(point) => self.engine.list_range_at(list, .., &point.heads),
        };
        range
            .map(|item| {
                let id = item.id();
                let value = match item.value.into_value().as_scalar() {
                    Some(scalar) => from_scalar(scalar),
                    None => self.entry(&id),
                };
                (id, value)
            })
            .collect()
    }

    /// An append-only list in its order.
    pub(crate) fn entries(&self, spots: &[Spot]) -> Vec<Candidate<Value>> {
        let lists = self.containers(spots, ObjType::List);
        let items = lists.iter().flat_map(|list| self.items(list));
        let mut entries: Vec<Candidate<Value>> = items
            .filter_map(|(id, value)| {
                Some(Candidate {
                    stamp: self.stamp(&id)?,
                    value,
                })
            })
            .collect();
        rules::append(&mut entries);
        entries
    }

    pub(super) fn text(&self, spots: &[Spot]) -> Value {
        let texts = self.containers(spots, ObjType::Text);
        let parts = texts.iter().filter_map(|text| match &self.at {
            None => self.engine.text(text).ok(),
            Some(point) => self.engine.text_at(text, &point.heads).ok(),
        });
        Value::Text(parts.collect())
    }

    pub(super) fn open(&self, spots: &[Spot], path: &FieldPath, found: &mut Found) -> Value {
        let maps = self.containers(spots, ObjType::Map);
        let keys: BTreeSet<String> = maps.iter().flat_map(|map| self.keys(map)).collect();
        let mut values = BTreeMap::new();
        for key in keys {
            let spots: Vec<Spot> = maps.iter().map(|map| (map.clone(), key.clone())).collect();
            let mut path = path.clone();
            path.push(key.clone());
            if let Some(value) = self.pick(self.values(&spots), &path, found) {
                values.insert(key, value);
            }
        }
        Value::Map(values)
    }

    pub(super) fn map(
        &self,
        fields: &FieldMap,
        spots: &[Spot],
        path: &FieldPath,
        found: &mut Found,
    ) -> Value {
        let maps = self.containers(spots, ObjType::Map);
        let mut values = BTreeMap::new();
        for (name, field) in fields {
            let spots: Vec<Spot> = maps.iter().map(|map| (map.clone(), name.clone())).collect();
            let mut path = path.clone();
            path.push(name.clone());
            if let Some(value) = self.read(&field.rule, &spots, &path, found) {
                values.insert(name.clone(), value);
            }
        }
        Value::Map(values)
    }
}
