//! `anabranch new`, `set`, `get`, `delete`, `restore`: one record.

use super::words::in_words;
use super::{
    at::{At, DeskError},
    desk::{Desk, as_json},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        id::EntityId,
        record::{Life, RecordOp, RecordView},
        schema::Schema,
        value::Value,
    },
    field::assignment,
};
use clap::Args;

/// Makes an entity.
#[derive(Args)]
pub struct New {
    /// Its kind: see `anabranch schema list`.
    kind: String,
    /// What its fields hold: field=value.
    fields: Vec<String>,
    #[command(flatten)]
    at: At,
}

/// Writes fields of an entity.
#[derive(Args)]
pub struct Set {
    /// Its id, or enough of its end.
    entity: String,
    /// What its fields hold: field=value; a counter is counted up by it, a set gets it.
    #[arg(required = true)]
    fields: Vec<String>,
    #[command(flatten)]
    at: At,
}

/// An entity by itself.
#[derive(Args)]
pub struct One {
    /// Its id, or enough of its end.
    entity: String,
    #[command(flatten)]
    at: At,
}

impl New {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let schema = desk.schema(&self.kind)?;
        let entity = desk.new_entity(&self.kind)?;
        write(&desk, &schema, entity, &self.fields)?;
        shown(desk, &schema, entity)
    }
}

impl Set {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        write(&desk, &schema, entity, &self.fields)?;
        shown(desk, &schema, entity)
    }
}

impl One {
    pub(super) fn get(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        shown(desk, &schema, entity)
    }

    pub(super) fn turn(self, op: &RecordOp) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        desk.write(schema.kind(), entity, std::slice::from_ref(op))?;
        shown(desk, &schema, entity)
    }
}

fn write(
    desk: &Desk,
    schema: &Schema,
    entity: EntityId,
    fields: &[String],
) -> Result<(), DeskError> {
    let view = desk.record(&entity);
    let ops: Result<Vec<RecordOp>, _> = fields
        .iter()
        .map(|words| assignment(schema, &view, words))
        .collect();
    desk.write(schema.kind(), entity, &ops?)
}

/// What the record shows once everything is durable.
pub(super) fn shown(desk: Desk, schema: &Schema, entity: EntityId) -> Result<Answer, Failure> {
    let view = desk.record(&entity);
    desk.close()?;
    Ok(Answer {
        page: page(&entity, schema.kind(), &view),
        json: as_json(&entity, schema.kind(), &view),
        holds: true,
    })
}

pub(super) fn page(entity: &EntityId, kind: &str, view: &RecordView) -> Page {
    let mut page = Page::new()
        .piece(Tone::Strong, kind)
        .piece(Tone::Plain, " ")
        .line(Tone::Faint, entity.to_string());
    if view.life == Life::Deleted {
        page = page.line(Tone::Bad, "deleted: bring it back with `anabranch restore`");
    }
    let rows: Vec<[String; 2]> = view
        .fields
        .iter()
        .filter(|(_, value)| !is_empty(value))
        .map(|(name, value)| [name.clone(), in_words(value)])
        .collect();
    page = page.table(&rows);
    for conflict in &view.conflicts {
        let values = conflict.candidates.iter().map(|one| in_words(&one.value));
        let values = values.collect::<Vec<_>>().join(" | ");
        page = page.line(
            Tone::Bad,
            format!("written apart: {} = {values}", conflict.field.join(".")),
        );
        page = page.line(Tone::Faint, "  choose with `anabranch resolve`");
    }
    page
}

/// Whether a container holds nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.values().all(is_empty),
        Value::Text(text) => text.is_empty(),
        Value::Null => true,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) | Value::Time(_) => {
            false
        }
    }
}
