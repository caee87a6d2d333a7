//! What a new version may change. Old documents stay and old replicas go on writing under the old
//! version, so a version may add and widen, and never say otherwise of what is already there.

use crate::schema::{
    Authority, CompatError, CompatFault, Field, FieldMap, Lens, MergeRule, Part, PartShape, Schema,
    ValueType, check::record_fields, words::Word,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Everything that keeps `after` from following the versions before it, oldest first. With none
/// before it, every field must have been there since version 1, which parsing has checked.
pub(crate) fn follows(before: &[Arc<Schema>], after: &Schema) -> Vec<CompatError> {
    let mut found = Compat {
        version: after.version(),
        errors: Vec::new(),
    };
    let Some(last) = before.last() else {
        return found.errors;
    };
    let renames = renames(after);
    for (name, old) in &last.spec.parts {
        match after.spec.parts.get(name) {
            None => found.push(name, CompatFault::PartGone),
            Some(new) => {
                let renames = if name == "record" {
                    renames.clone()
                } else {
                    BTreeMap::new()
                };
                found.part(name, old, new, &renames);
            }
        }
    }
    for (name, new) in &after.spec.parts {
        if let (false, PartShape::Record(fields)) = (last.spec.parts.contains_key(name), &new.shape)
        {
            for (key, field) in fields {
                found.new_field(&format!("{name}.fields.{key}"), field);
            }
        }
    }
    found.lens_names(before, last, after, &renames);
    found.errors
}

/// Old name to new name.
fn renames(schema: &Schema) -> BTreeMap<&str, &str> {
    let mut renames = BTreeMap::new();
    for lens in &schema.spec.lens {
        match lens {
            Lens::Rename { from, to } => {
                renames.insert(from.as_str(), to.as_str());
            }
            Lens::Default { .. } => {}
        }
    }
    renames
}

struct Compat {
    version: u32,
    errors: Vec<CompatError>,
}

impl Compat {
    fn push(&mut self, path: &str, fault: CompatFault) {
        self.errors.push(CompatError {
            path: path.to_owned(),
            fault,
        });
    }

    fn part(&mut self, path: &str, old: &Part, new: &Part, renames: &BTreeMap<&str, &str>) {
        if old.residency != new.residency {
            let before = old.residency.word();
            self.push(path, CompatFault::Residency { before });
        }
        if !tightens(old.authority, new.authority) {
            let (before, after) = (old.authority.word(), new.authority.word());
            self.push(path, CompatFault::Authority { before, after });
        }
        match (&old.shape, &new.shape) {
            (PartShape::Record(old), PartShape::Record(new)) => {
                self.fields(&format!("{path}.fields"), old, new, renames);
            }
            (PartShape::Log(old), PartShape::Log(new)) => {
                self.members(&format!("{path}.entry"), &old.entry, &new.entry);
                if new.required.iter().any(|name| !old.required.contains(name)) {
                    self.push(&format!("{path}.required"), CompatFault::RequiredGrew);
                }
            }
            (PartShape::Body(old), PartShape::Body(new)) if old == new => {}
            (PartShape::Record(_) | PartShape::Body(_) | PartShape::Log(_), _) => {
                self.push(path, CompatFault::PartShape);
            }
        }
    }

    fn fields(
        &mut self,
        path: &str,
        old: &FieldMap,
        new: &FieldMap,
        renames: &BTreeMap<&str, &str>,
    ) {
        for (key, before) in old {
            let same = new.get(key).map(|after| (key.as_str(), after));
            let renamed = || {
                let to = *renames.get(key.as_str())?;
                Some((to, new.get(to)?))
            };
            match same.or_else(renamed) {
                None => self.push(&format!("{path}.{key}"), CompatFault::FieldGone),
                Some((name, after)) => {
                    let path = format!("{path}.{name}");
                    if name == key && after.since != before.since {
                        let before = before.since;
                        self.push(&format!("{path}.since"), CompatFault::SinceOld { before });
                    }
                    self.rule(&path, &before.rule, &after.rule);
                }
            }
        }
        for (key, after) in new {
            if !old.contains_key(key) {
                self.new_field(&format!("{path}.{key}"), after);
            }
        }
    }

    /// What is in a new map needs no look: its `since` lies between the map's and this version.
    fn new_field(&mut self, path: &str, field: &Field) {
        if field.since != self.version {
            let version = self.version;
            self.push(&format!("{path}.since"), CompatFault::SinceNew { version });
        }
    }

    fn rule(&mut self, path: &str, old: &MergeRule, new: &MergeRule) {
        match (old, new) {
            (MergeRule::Lww(old), MergeRule::Lww(new))
            | (MergeRule::Keep(old), MergeRule::Keep(new))
            | (MergeRule::Once(old), MergeRule::Once(new))
            | (MergeRule::Set(old), MergeRule::Set(new))
            | (MergeRule::List(old), MergeRule::List(new))
            | (MergeRule::Append(old), MergeRule::Append(new))
            | (MergeRule::Open(old), MergeRule::Open(new)) => {
                if !widens(old, new) {
                    self.push(path, CompatFault::TypeNarrowed);
                }
            }
            (MergeRule::Group(old), MergeRule::Group(new)) => {
                // A group is whole only with all its fields, so an older writer's group would
                // never be whole under a version that has more of them.
                let same = old.len() == new.len()
                    && old
                        .iter()
                        .all(|(key, of)| new.get(key).is_some_and(|new| widens(of, new)));
                if !same {
                    self.push(path, CompatFault::TypeNarrowed);
                }
            }
            (MergeRule::Map(old), MergeRule::Map(new)) => {
                self.fields(&format!("{path}.fields"), old, new, &BTreeMap::new());
            }
            (MergeRule::Counter, MergeRule::Counter) | (MergeRule::Text, MergeRule::Text) => {}
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
                | MergeRule::Map(_)
                | MergeRule::Open(_),
                _,
            ) => {
                let (before, after) = (old.name(), new.name());
                self.push(path, CompatFault::RuleChanged { before, after });
            }
        }
    }

    fn members(
        &mut self,
        path: &str,
        old: &BTreeMap<String, ValueType>,
        new: &BTreeMap<String, ValueType>,
    ) {
        for (key, before) in old {
            let path = format!("{path}.{key}");
            match new.get(key) {
                None => self.push(&path, CompatFault::EntryFieldGone),
                Some(after) if !widens(before, after) => {
                    self.push(&path, CompatFault::TypeNarrowed);
                }
                Some(_) => {}
            }
        }
    }

    fn lens_names(
        &mut self,
        before: &[Arc<Schema>],
        last: &Schema,
        after: &Schema,
        now: &BTreeMap<&str, &str>,
    ) {
        let (Some(old), Some(new)) = (record_fields(&last.spec), record_fields(&after.spec)) else {
            return;
        };
        for (from, to) in now {
            let path = format!("lens.rename.{from}");
            if !old.contains_key(*from) {
                let nearest = crate::schema::check::nearest_of(from, old.keys());
                let before = last.version();
                self.push(&path, CompatFault::RenameUnknown { before, nearest });
            }
            if old.contains_key(*to) {
                self.push(&path, CompatFault::RenameOntoOld);
            }
        }
        let mut retired = BTreeSet::new();
        for schema in before {
            for name in renames(schema).into_keys() {
                if new.contains_key(name) && retired.insert(name) {
                    let version = schema.version();
                    let path = format!("record.fields.{name}");
                    self.push(&path, CompatFault::NameRetired { version });
                }
            }
        }
    }
}

/// Whether whoever may write after could write before. `owner` and `creator` are different people.
fn tightens(before: Authority, after: Authority) -> bool {
    match (before, after) {
        (Authority::Member, _)
        | (Authority::Owner, Authority::Owner)
        | (Authority::Creator, Authority::Creator)
        | (_, Authority::Server) => true,
        (
            Authority::Owner | Authority::Creator | Authority::Server,
            Authority::Member | Authority::Owner | Authority::Creator,
        ) => false,
    }
}

/// Whether every value of `before` is one of `after`.
fn widens(before: &ValueType, after: &ValueType) -> bool {
    match (before, after) {
        (ValueType::Bool, ValueType::Bool)
        | (ValueType::Float, ValueType::Float)
        | (ValueType::Time, ValueType::Time)
        | (ValueType::Entity, ValueType::Entity) => true,
        (
            ValueType::Int { min, max },
            ValueType::Int {
                min: lower,
                max: higher,
            },
        ) => lower <= min && max <= higher,
        (ValueType::Text { units_max: old }, ValueType::Text { units_max: new })
        | (ValueType::Bytes { bytes_max: old }, ValueType::Bytes { bytes_max: new }) => old <= new,
        (ValueType::Choice(old), ValueType::Choice(new)) => {
            old.iter().all(|word| new.contains(word))
        }
        (ValueType::Entry(old), ValueType::Entry(new)) => old
            .iter()
            .all(|(key, of)| new.get(key).is_some_and(|new| widens(of, new))),
        (
            ValueType::Bool
            | ValueType::Int { .. }
            | ValueType::Float
            | ValueType::Text { .. }
            | ValueType::Bytes { .. }
            | ValueType::Time
            | ValueType::Choice(_)
            | ValueType::Entity
            | ValueType::Entry(_),
            _,
        ) => false,
    }
}
