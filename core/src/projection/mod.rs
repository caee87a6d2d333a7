//! Projections: what lists, queries and counters know of an entity, so that none of them opens a
//! document. One is made of its parts, each from its own document alone; where a document changed,
//! its part is made again and takes the old one's place.
//!
//! Equal documents give equal projections, and equal projections equal bytes: a projection may be
//! thrown away at any time and made again.
//!
//! | module | holds |
//! |---|---|
//! | `part` | what is known of one document |
//! | `links` | which entities fields, entries and bodies link to |
//! | `codec` | the bytes |

mod codec;
mod links;
mod part;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use codec::joined;
pub use codec::{PROJECTION_VERSION, ProjectionError};
pub use links::entity_of;
pub use part::{Content, Part};

use crate::{
    document::Document,
    id::EntityId,
    record::{FieldPath, Life, Written},
    value::Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of an entity without its documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// The entity.
    pub entity: EntityId,
    /// Its kind.
    pub kind: String,
    /// Its parts by name, those that have a document here.
    pub parts: BTreeMap<String, Part>,
}

impl Projection {
    /// An entity of which nothing is known yet.
    pub fn new(entity: EntityId, kind: &str) -> Self {
        Projection {
            entity,
            kind: kind.to_owned(),
            parts: BTreeMap::new(),
        }
    }

    /// The projection of an entity from all its documents. None without any; documents of other
    /// entities are left out.
    pub fn of<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Option<Self> {
        let mut documents = documents.into_iter().peekable();
        let first = documents.peek()?;
        let mut projection = Projection::new(*first.entity(), first.schema()?.kind());
        documents.for_each(|document| projection.take(document));
        Some(projection)
    }

    /// Takes in what one of the entity's documents became. One of another entity changes nothing.
    pub fn take(&mut self, document: &Document) {
        if *document.entity() != self.entity {
            return;
        }
        if let Some(part) = Part::of(document) {
            self.parts.insert(document.part().to_owned(), part);
        }
    }

    /// Whether the entity is there.
    pub fn life(&self) -> Life {
        match self.parts.get("record").map(|part| &part.content) {
            Some(Content::Record { life, .. }) => *life,
            Some(Content::Body { .. } | Content::Log { .. }) | None => Life::Alive,
        }
    }

    /// The fields of the record by name.
    pub fn fields(&self) -> &BTreeMap<String, Value> {
        const NONE: &BTreeMap<String, Value> = &BTreeMap::new();
        match self.parts.get("record").map(|part| &part.content) {
            Some(Content::Record { fields, .. }) => fields,
            Some(Content::Body { .. } | Content::Log { .. }) | None => NONE,
        }
    }

    /// A field of the record by its path: a name, or the names of the maps around it and its own.
    pub fn field(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let mut value = self.fields().get(*first)?;
        for name in rest {
            let Value::Map(fields) = value else {
                return None;
            };
            value = fields.get(*name)?;
        }
        Some(value)
    }

    /// The fields whose values were written apart and differ, each with its part.
    pub fn conflicts(&self) -> impl Iterator<Item = (&str, &FieldPath)> + '_ {
        self.parts.iter().flat_map(|(name, part)| {
            let fields = match &part.content {
                Content::Record { conflicts, .. } => Some(conflicts),
                Content::Body { .. } | Content::Log { .. } => None,
            };
            let fields = fields.into_iter().flatten();
            fields.map(move |field| (name.as_str(), field))
        })
    }

    /// Every entity that it links to, by part; twice where two parts do.
    pub fn links(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.parts.values().flat_map(|part| &part.links).copied()
    }

    /// The newest change set of any part by (stamp, origin); none before the first.
    pub fn updated(&self) -> Option<Written> {
        self.parts.values().filter_map(|part| part.last).max()
    }

    /// The oldest change set of any part by (stamp, origin); none before the first.
    pub fn created(&self) -> Option<Written> {
        self.parts.values().filter_map(|part| part.first).min()
    }

    /// How many change sets made it.
    pub fn changes(&self) -> u64 {
        let counts = self.parts.values().map(|part| part.changes);
        counts.fold(0, u64::saturating_add)
    }

    /// The oldest schema version that any part was read by. Below the newest that is in force, the
    /// parts are to be made again.
    pub fn schema_version(&self) -> u32 {
        let versions = self.parts.values().map(|part| part.schema_version);
        versions.min().unwrap_or(0)
    }
}
