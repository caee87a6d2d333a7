//! What is known of one document of an entity.
#![deny(clippy::arithmetic_side_effects)]

use super::links;
use crate::{
    body::{BodyDoc, BodyView},
    causal::Graph,
    document::{Document, EngineDoc},
    id::EntityId,
    limits::PROJECTION_TEXT_BYTES_MAX,
    log::LogDoc,
    record::{FieldPath, Life, RecordDoc, Written, unnumbered},
    schema::{Part as Declared, PartShape},
    value::Value,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The schema version that it was read by.
    pub schema_version: u32,
    /// How many change sets made it.
    pub changes: u64,
    /// The oldest of them by (stamp, origin).
    pub first: Option<Written>,
    /// The newest.
    pub last: Option<Written>,
    /// The entities that it links to.
    pub links: BTreeSet<EntityId>,
    /// Whether its text, links or addresses were too many to be held whole.
    pub cut: bool,
    /// What stands in it.
    pub content: Content,
}

/// What stands in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A record.
    Record {
        /// Whether the entity is there, as this part says; the part `record` decides.
        life: Life,
        /// The fields that have a value, by their newest names.
        fields: BTreeMap<String, Value>,
        /// The registers whose values were written apart and differ.
        conflicts: BTreeSet<FieldPath>,
    },
    /// A body.
    Body {
        /// Its text without formats, at most [`PROJECTION_TEXT_BYTES_MAX`] bytes from its beginning.
        text: String,
        /// The addresses of its links that are no entities.
        addresses: BTreeSet<String>,
    },
    /// A log.
    Log {
        /// How many entries it has; those that were erased are not counted.
        entries: u64,
    },
}

impl Part {
    /// Its bytes, which name no version: whoever keeps them does.
    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// What is to be known of a document. None where the newest schema does not declare it.
    pub fn of(document: &Document) -> Option<Self> {
        let schema = document.schema()?;
        let declared = schema.part(document.part())?;
        let (first, last) = ends(document.graph());
        let part = Part {
            schema_version: schema.version(),
            changes: document.graph().present().count(),
            first,
            last,
            links: BTreeSet::new(),
            cut: false,
            content: Content::Log { entries: 0 },
        };
        Some(match document.engine() {
            EngineDoc::Record(record) => part.with_record(record, declared),
            EngineDoc::Body(body) => part.with_body(body),
            EngineDoc::Log(log) => part.with_log(log, declared),
        })
    }

    fn with_record(mut self, record: &RecordDoc, declared: &Declared) -> Self {
        let view = record.project(&unnumbered);
        let mut found = links::Found::default();
        if let Some(fields) = declared.fields() {
            found.in_fields(fields, &view.fields);
        }
        (self.links, self.cut) = (found.entities, found.cut);
        self.content = Content::Record {
            life: view.life,
            fields: view.fields,
            conflicts: view.conflicts.into_iter().map(|one| one.field).collect(),
        };
        self
    }

    fn with_body(mut self, body: &BodyDoc) -> Self {
        let view: BodyView = body.content();
        let mut text = view.plain_text();
        let mut found = links::Found::default();
        found.in_addresses(view.links());
        found.cut |= cut_text(&mut text);
        (self.links, self.cut) = (found.entities, found.cut);
        self.content = Content::Body {
            text,
            addresses: found.addresses,
        };
        self
    }

    fn with_log(mut self, log: &LogDoc, declared: &Declared) -> Self {
        let mut found = links::Found::default();
        match &declared.shape {
            PartShape::Log(shape) => found.in_entries(&shape.entry, log),
            PartShape::Record(_) | PartShape::Body(_) => {}
        }
        (self.links, self.cut) = (found.entities, found.cut);
        self.content = Content::Log {
            entries: log.len() as u64,
        };
        self
    }
}

/// The oldest and the newest change set of an effective history.
fn ends(graph: &Graph) -> (Option<Written>, Option<Written>) {
    let lines = || {
        graph.lines().filter_map(|(_, line)| {
            // Stamps rise within a chain.
            let (oldest, newest) = (line.nodes().first()?, line.nodes().last()?);
            let written = |hlc| Written {
                hlc,
                origin: line.writer.chain.origin,
                author: line.writer.author,
            };
            Some((written(oldest.hlc), written(newest.hlc)))
        })
    };
    (
        lines().map(|(oldest, _)| oldest).min(),
        lines().map(|(_, newest)| newest).max(),
    )
}

/// Cuts a text to its bound, between characters; whether it had to be.
fn cut_text(text: &mut String) -> bool {
    if text.len() <= PROJECTION_TEXT_BYTES_MAX {
        return false;
    }
    let mut end = PROJECTION_TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.truncate(end);
    true
}
