//! Which entities a part links to. A record and a log link by the fields that their schema declares
//! as entities, a body by the addresses of its links.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    id::EntityId,
    limits::{PROJECTION_LINKS_MAX, PROJECTION_TEXT_BYTES_MAX},
    log::LogDoc,
    schema::{FieldMap, MergeRule, ValueType},
    value::{Scalar, Value},
};
use std::collections::{BTreeMap, BTreeSet};

/// The entity that an address names: it is the entity's id, or ends in it after the last `/` or
/// `:`. What follows a `?` or `#` is a place within it.
pub fn entity_of(address: &str) -> Option<EntityId> {
    let within = address.split(['?', '#']).next()?;
    let last = within.rsplit(['/', ':']).next()?;
    EntityId::parse(last)
}

/// What was found in one part.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entities: BTreeSet<EntityId>,
    pub(super) addresses: BTreeSet<String>,
    address_bytes: usize,
    /// Whether there were more than are held.
    pub(super) cut: bool,
}

impl Found {
    pub(super) fn in_fields(&mut self, declared: &FieldMap, fields: &BTreeMap<String, Value>) {
        for (name, value) in fields {
            if let Some(field) = declared.get(name) {
                self.in_field(&field.rule, value);
            }
        }
    }

    fn in_field(&mut self, rule: &MergeRule, value: &Value) {
        match (rule, value) {
            (MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of), value) => {
                self.in_value(of, value);
            }
            (MergeRule::Group(members), Value::Map(values)) => self.in_members(members, values),
            (
                MergeRule::Set(of) | MergeRule::List(of) | MergeRule::Append(of),
                Value::List(items),
            ) => items.iter().for_each(|item| self.in_value(of, item)),
            (MergeRule::Map(fields), Value::Map(values)) => self.in_fields(fields, values),
            (MergeRule::Open(of), Value::Map(values)) => {
                values.values().for_each(|value| self.in_value(of, value));
            }
            (
                MergeRule::Group(_)
                | MergeRule::Set(_)
                | MergeRule::List(_)
                | MergeRule::Append(_)
                | MergeRule::Map(_)
                | MergeRule::Open(_)
                | MergeRule::Counter
                | MergeRule::Text,
                _,
            ) => {}
        }
    }

    fn in_value(&mut self, of: &ValueType, value: &Value) {
        match (of, value) {
            (ValueType::Entity, Value::Text(id)) => self.add(id),
            (ValueType::Entry(members), Value::Map(values)) => self.in_members(members, values),
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
            ) => {}
        }
    }

    /// Members of a group or an entry hold single values, so this goes one level deep.
    fn in_members(
        &mut self,
        members: &BTreeMap<String, ValueType>,
        values: &BTreeMap<String, Value>,
    ) {
        for (name, value) in values {
            if let (Some(ValueType::Entity), Value::Text(id)) = (members.get(name), value) {
                self.add(id);
            }
        }
    }

    /// The newest entries first: if not all links can be held, theirs are.
    pub(super) fn in_entries(&mut self, members: &BTreeMap<String, ValueType>, log: &LogDoc) {
        let is_link = |(_, of): &(&String, &ValueType)| **of == ValueType::Entity;
        let linking: Vec<&String> = members
            .iter()
            .filter(is_link)
            .map(|(name, _)| name)
            .collect();
        if linking.is_empty() {
            return;
        }
        for (_, _, _, entry) in log.entries().rev() {
            for name in &linking {
                if let Some(Scalar::Text(id)) = entry.get(*name) {
                    self.add(id);
                }
            }
            if self.cut {
                return;
            }
        }
    }

    pub(super) fn in_addresses(&mut self, addresses: Vec<String>) {
        for address in addresses {
            if let Some(entity) = entity_of(&address) {
                self.add_entity(entity);
                continue;
            }
            let bytes = self.address_bytes.saturating_add(address.len());
            if self.addresses.contains(&address) {
                continue;
            }
            if bytes > PROJECTION_TEXT_BYTES_MAX {
                self.cut = true;
                continue;
            }
            self.address_bytes = bytes;
            self.addresses.insert(address);
        }
    }

    fn add(&mut self, id: &str) {
        if let Some(entity) = EntityId::parse(id) {
            self.add_entity(entity);
        }
    }

    fn add_entity(&mut self, entity: EntityId) {
        if self.entities.len() < PROJECTION_LINKS_MAX {
            self.entities.insert(entity);
        } else {
            self.cut |= !self.entities.contains(&entity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_entity_that_it_ends_in() {
        let id = "0123456789abcdef".repeat(4);
        let entity = EntityId::parse(&id);
        assert!(entity.is_some());
        for address in [
            id.clone(),
            format!("task:{id}"),
            format!("app://host/page/{id}#heading"),
            format!("/page/{id}?tab=2#a/b"),
        ] {
            assert_eq!(entity_of(&address), entity, "{address}");
        }
        for address in [
            "",
            "https://example.org",
            &id[1..],
            &format!("{id}/comments"),
            &format!("page?of={id}"),
        ] {
            assert_eq!(entity_of(address), None, "{address}");
        }
    }
}
