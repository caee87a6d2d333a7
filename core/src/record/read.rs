//! Reads fields out of the engine by our rules: every concurrent value is a candidate, the
//! engine's own winner counts for nothing.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Conflict, FieldPath,
    conflict::Contender,
    history::{History, Stamp, Written},
    layout::{LIFE_KEY, set_value},
    life::{self, Life},
    names::{Names, rule_in},
    rules::{self, Candidate, Numbers},
    value::from_scalar,
};
use crate::{
    causal::Past,
    schema::{FieldMap, MergeRule, OnDeleteEdit, ValueType},
    value::Value,
};
use automerge::{ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use std::collections::{BTreeMap, BTreeSet};

/// A point at which a record is read; none: now.
pub(crate) struct Point<'d> {
    pub past: &'d Past,
    /// The engine's changes that close it.
    pub heads: Vec<ChangeHash>,
}

/// One look at a record.
pub(crate) struct Reader<'d, D: ReadDoc> {
    /// The document, or a transaction that has written no register yet that is read through this.
    pub engine: &'d D,
    pub history: &'d History,
    pub names: &'d Names,
    pub numbers: &'d Numbers<'d>,
    pub at: Option<Point<'d>>,
}

/// What is read, field by field.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub value: Option<Value>,
    pub written: BTreeMap<FieldPath, Written>,
    pub conflicts: Vec<Conflict>,
}

/// A place of the engine where values of one field stand: an object and a key in it.
pub(crate) type Spot = (ObjId, String);

impl<D: ReadDoc> Reader<'_, D> {
    fn past(&self) -> Option<&Past> {
        self.at.as_ref().map(|point| point.past)
    }

    /// A field by its newest name, with everything inside it.
    pub(crate) fn field(&self, name: &str) -> Found {
        let mut found = Found::default();
        let Some((name, field)) = self.names.newest(name) else {
            return found;
        };
        let spots: Vec<Spot> = field.keys.iter().map(|key| (ROOT, key.clone())).collect();
        let read = self.read(&field.rule, &spots, &vec![name.clone()], &mut found);
        found.value = read.or_else(|| field.default.clone());
        found
    }

    /// Whether the entity lives.
    pub(crate) fn life(&self, policy: OnDeleteEdit) -> Life {
        let spots = [(ROOT, LIFE_KEY.to_owned())];
        let marks: Vec<Candidate<bool>> = self
            .scalars(&spots)
            .into_iter()
            .filter_map(|mark| match mark.value {
                ScalarValue::Boolean(value) => Some(Candidate {
                    stamp: mark.stamp,
                    value,
                }),
                _ => None, // the gate lets nothing else stand there
            })
            .collect();
        life::decide(&marks, self.history, self.past(), policy)
    }

    /// The rule and the places of the field at a path of newest names, or of an open map's key.
    pub(crate) fn spots(&self, path: &[String]) -> Option<(&MergeRule, Vec<Spot>)> {
        let (first, rest) = path.split_first()?;
        let (_, field) = self.names.newest(first)?;
        let mut spots: Vec<Spot> = field.keys.iter().map(|key| (ROOT, key.clone())).collect();
        for name in rest {
            let maps = self.containers(&spots, ObjType::Map);
            spots = maps.into_iter().map(|map| (map, name.clone())).collect();
        }
        Some((rule_in(&field.rule, rest)?, spots))
    }

    /// What stands at a path of newest names.
    pub(crate) fn at_path(&self, path: &[String]) -> Found {
        let mut found = Found::default();
        if let [name] = path {
            return self.field(name);
        }
        if let Some((rule, spots)) = self.spots(path) {
            let path = path.to_vec();
            found.value = match (rule, path.as_slice()) {
                // The last step is a key: the rule is that of the map around it.
                (MergeRule::Open(_), [.., _]) if self.is_open_key(&path) => {
                    self.pick(self.values(&spots), &path, &mut found)
                }
                (rule, _) => self.read(rule, &spots, &path, &mut found),
            };
        }
        found
    }

    fn is_open_key(&self, path: &[String]) -> bool {
        let around = path
            .split_last()
            .and_then(|(_, around)| self.names.rule(around));
        matches!(around, Some(MergeRule::Open(_)))
    }

    fn read(
        &self,
        rule: &MergeRule,
        spots: &[Spot],
        path: &FieldPath,
        found: &mut Found,
    ) -> Option<Value> {
        match rule {
            MergeRule::Lww(_) | MergeRule::Keep(_) => {
                let written = self.values(spots);
                self.pick(written, path, found)
            }
            MergeRule::Group(_) => {
                let written = self.groups(spots);
                self.pick(written, path, found)
            }
            MergeRule::Once(_) => {
                let written = self.values(spots);
                let first = rules::once(&written, self.numbers)?;
                found.written.insert(path.clone(), first.stamp.written());
                Some(first.value.clone())
            }
            MergeRule::Open(_) => Some(self.open(spots, path, found)),
            MergeRule::Map(fields) => Some(self.map(fields, spots, path, found)),
            MergeRule::Counter => Some(self.container(path, found, self.counter(spots))),
            MergeRule::Set(of) => Some(self.container(path, found, self.set(spots, of))),
            MergeRule::List(_) => Some(self.container(path, found, self.list(spots))),
            MergeRule::Append(_) => {
                let entries = self.entries(spots).into_iter().map(|entry| entry.value);
                Some(self.container(path, found, Value::List(entries.collect())))
            }
            MergeRule::Text => Some(self.container(path, found, self.text(spots))),
        }
    }

    /// A container's value, with the stamp of the last change that touched it.
    fn container(&self, path: &FieldPath, found: &mut Found, value: Value) -> Value {
        if let Some(stamp) = self.history.newest_of(path, self.past()) {
            found.written.insert(path.clone(), stamp.written());
        }
        value
    }

    /// The last writer's value; the others are reported as a conflict if any of them differs.
    fn pick(
        &self,
        written: Vec<Candidate<Value>>,
        path: &FieldPath,
        found: &mut Found,
    ) -> Option<Value> {
        let shown = rules::lww(&written)?;
        let value = shown.value.clone();
        found.written.insert(path.clone(), shown.stamp.written());
        if written.iter().any(|other| other.value != value) {
            let mut contenders: Vec<(Stamp, Contender)> = written
                .into_iter()
                .map(|one| {
                    let by = one.stamp.written();
                    (
                        one.stamp,
                        Contender {
                            value: one.value,
                            by,
                        },
                    )
                })
                .collect();
            contenders.sort_by_key(|(stamp, _)| std::cmp::Reverse(*stamp));
            found.conflicts.push(Conflict {
                field: path.clone(),
                shown: value.clone(),
                candidates: contenders.into_iter().map(|(_, one)| one).collect(),
            });
        }
        (value != Value::Null).then_some(value)
    }

    /// Everything visible under some keys, each with the stamp of its change.
    fn visible(&self, spots: &[Spot]) -> Vec<(Candidate<automerge::Value<'_>>, ObjId)> {
        let mut all = Vec::new();
        for (object, key) in spots {
            let values = match &self.at {
                None => self.engine.get_all(object, key.as_str()),
                Some(point) => self.engine.get_all_at(object, key.as_str(), &point.heads),
            };
            for (value, id) in values.unwrap_or_default() {
                if let Some(stamp) = self.stamp(&id) {
                    all.push((Candidate { stamp, value }, id));
                }
            }
        }
        all
    }

    /// The stamp of an operation; none for the genesis.
    pub(crate) fn stamp(&self, id: &ObjId) -> Option<Stamp> {
        match id {
            ObjId::Root => None,
            ObjId::Id(counter, actor, _) => self.history.of_op(*counter, actor.to_bytes()),
        }
    }

    fn scalars(&self, spots: &[Spot]) -> Vec<Candidate<ScalarValue>> {
        let visible = self.visible(spots).into_iter();
        let all = visible.filter_map(|(candidate, _)| {
            let value = candidate.value.as_scalar()?.clone();
            Some(Candidate {
                stamp: candidate.stamp,
                value,
            })
        });
        self.unreplaced(spots, all.collect())
    }

    /// The candidates of a register.
    pub(crate) fn values(&self, spots: &[Spot]) -> Vec<Candidate<Value>> {
        let scalars = self.scalars(spots).into_iter();
        scalars
            .map(|one| Candidate {
                stamp: one.stamp,
                value: from_scalar(&one.value),
            })
            .collect()
    }

    /// The candidates of a group.
    pub(crate) fn groups(&self, spots: &[Spot]) -> Vec<Candidate<Value>> {
        let visible = self.visible(spots).into_iter();
        let all = visible.map(|(candidate, id)| {
            let value = match candidate.value.to_objtype() {
                Some(_) => self.entry(&id),
                None => Value::Null,
            };
            Candidate {
                stamp: candidate.stamp,
                value,
            }
        });
        self.unreplaced(spots, all.collect())
    }

    /// Within one key the engine has dropped what was replaced; across two names it cannot.
    pub(crate) fn unreplaced<T>(
        &self,
        spots: &[Spot],
        all: Vec<Candidate<T>>,
    ) -> Vec<Candidate<T>> {
        if spots.len() < 2 || all.len() < 2 {
            return all;
        }
        rules::unreplaced(all, |newer, older| self.history.saw(newer, older))
    }

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

    fn counter(&self, spots: &[Spot]) -> Value {
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

    fn set(&self, spots: &[Spot], of: &ValueType) -> Value {
        let mut elements = BTreeSet::new();
        for set in self.containers(spots, ObjType::Map) {
            let keys = self.keys(&set);
            elements.extend(keys.iter().filter_map(|key| set_value(of, key)));
        }
        Value::List(elements.into_iter().collect())
    }

    fn list(&self, spots: &[Spot]) -> Value {
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

    fn text(&self, spots: &[Spot]) -> Value {
        let texts = self.containers(spots, ObjType::Text);
        let parts = texts.iter().filter_map(|text| match &self.at {
            None => self.engine.text(text).ok(),
            Some(point) => self.engine.text_at(text, &point.heads).ok(),
        });
        Value::Text(parts.collect())
    }

    fn open(&self, spots: &[Spot], path: &FieldPath, found: &mut Found) -> Value {
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

    fn map(&self, fields: &FieldMap, spots: &[Spot], path: &FieldPath, found: &mut Found) -> Value {
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
