//! Reads fields out of the engine by our rules: every concurrent value is a candidate, the
//! engine's own winner counts for nothing.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Conflict, FieldPath,
    conflict::Contender,
    history::{History, Stamp, Written},
    layout::LIFE_KEY,
    life::{self, Life},
    names::{Names, rule_in},
    rules::{self, Candidate, Numbers},
    value::from_scalar,
};
use crate::{
    causal::Past,
    schema::{MergeRule, OnDeleteEdit},
    value::Value,
};
use automerge::{ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use std::{cmp::Reverse, collections::BTreeMap};

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
    pub(super) fn past(&self) -> Option<&Past> {
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

    pub(super) fn read(
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
                let first = rules::once(&written, self.numbers)?.clone();
                contend(first, written, path, found)
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
    pub(super) fn container(&self, path: &FieldPath, found: &mut Found, value: Value) -> Value {
        if let Some(stamp) = self.history.newest_of(path, self.past()) {
            found.written.insert(path.clone(), stamp.written());
        }
        value
    }

    /// The last writer's value; the others are reported as a conflict if any of them differs.
    pub(super) fn pick(
        &self,
        written: Vec<Candidate<Value>>,
        path: &FieldPath,
        found: &mut Found,
    ) -> Option<Value> {
        let shown = rules::lww(&written)?.clone();
        contend(shown, written, path, found)
    }

    /// Everything visible under some keys, each with the stamp of its change.
    pub(super) fn visible(&self, spots: &[Spot]) -> Vec<(Candidate<automerge::Value<'_>>, ObjId)> {
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
}

/// A value that shows, and the conflict with the others.
fn contend(
    shown: Candidate<Value>,
    written: Vec<Candidate<Value>>,
    path: &FieldPath,
    found: &mut Found,
) -> Option<Value> {
    let value = shown.value;
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
        contenders.sort_by_key(|(stamp, _)| (*stamp != shown.stamp, Reverse(*stamp)));
        found.conflicts.push(Conflict {
            field: path.clone(),
            shown: value.clone(),
            candidates: contenders.into_iter().map(|(_, one)| one).collect(),
        });
    }
    (value != Value::Null).then_some(value)
}
