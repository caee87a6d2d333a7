//! `anabranch append`, `tag`, `incr`: what grows and merges.

use super::{
    at::{At, DeskError},
    desk::{has, log_of},
    record::shown,
    words::{end, in_words},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        record::RecordOp,
        schema::{LogShape, MergeRule, Schema, ValueType},
        value::Value,
    },
    field::{entry, value_of},
};
use clap::Args;
use serde_json::json;

/// Appends an entry to a log. An entry stays: nothing can change it or take it back.
#[derive(Args)]
pub struct Append {
    /// The entity's id, or enough of its end.
    entity: String,
    /// The log: `comments`.
    log: String,
    /// What its fields hold: field=value. Where the log wants one text, the text alone will do.
    #[arg(required = true)]
    fields: Vec<String>,
    #[command(flatten)]
    at: At,
}

/// Adds elements to a set, or removes some.
#[derive(Args)]
pub struct Tag {
    /// The entity's id, or enough of its end.
    entity: String,
    /// What to add.
    words: Vec<String>,
    /// What to remove; as often as needed.
    #[arg(long, short)]
    remove: Vec<String>,
    /// The set, where the kind has several.
    #[arg(long)]
    field: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Counts a counter up or down.
#[derive(Args)]
pub struct Incr {
    /// The entity's id, or enough of its end.
    entity: String,
    /// The counter.
    field: String,
    /// By how much; negative counts down.
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    by: i64,
    #[command(flatten)]
    at: At,
}

impl Append {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let (log, shape) = log_of(&schema, &self.log)?;
        let words = match (self.fields.as_slice(), only_text(shape)) {
            ([text], Some(field)) if !text.contains('=') => vec![format!("{field}={text}")],
            _ => self.fields.clone(),
        };
        let entry = entry(schema.kind(), shape, &words).map_err(DeskError::from)?;
        desk.append((schema.kind(), entity, log), &entry)?;
        let count = desk.entries_at(&entity, log, None);
        let written = desk.changes(&entity, Some(log), 0).into_iter().next();
        desk.close()?;
        let fields: serde_json::Map<_, _> = entry
            .into_iter()
            .map(|(name, value)| (name, Value::from(value).to_json()))
            .collect();
        Ok(Answer {
            page: Page::new().line(
                Tone::Good,
                format!("{log} of {} has {count} entries", end(&entity)),
            ),
            json: json!({
                "id": entity.to_string(), "log": log, "entries": count, "entry": fields,
                "change": written.map(|change| change.id.to_string()),
            }),
            holds: true,
        })
    }
}

/// The field of a log that wants one text and nothing else.
fn only_text(shape: &LogShape) -> Option<&String> {
    match shape.required.as_slice() {
        [field] => matches!(shape.entry.get(field), Some(ValueType::Text { .. })).then_some(field),
        _ => None,
    }
}

impl Tag {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let (field, of) = set_of(&schema, self.field.as_deref())?;
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let op = |words: &String, make: fn(Vec<String>, Value) -> RecordOp| {
            value_of(&field, &of, words).map(|value| make(path.clone(), value))
        };
        let add = |field, value| RecordOp::Add { field, value };
        let take = |field, value| RecordOp::Remove { field, value };
        let added = self.words.iter().map(|words| op(words, add));
        let removed = self.remove.iter().map(|words| op(words, take));
        let ops: Vec<RecordOp> = added
            .chain(removed)
            .collect::<Result<_, _>>()
            .map_err(DeskError::from)?;
        if !ops.is_empty() {
            desk.write(schema.kind(), entity, &ops)?;
        }
        let view = desk.record(&entity);
        desk.close()?;
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let elements = view.get(&names).cloned().unwrap_or(Value::List(Vec::new()));
        Ok(Answer {
            page: Page::new().table(&[[field.clone(), in_words(&elements)]]),
            json: json!({ "id": entity.to_string(), "field": field, "elements": elements.to_json() }),
            holds: true,
        })
    }
}

/// The set that is meant: the one named, or the only one, or the one for labels.
fn set_of(schema: &Schema, named: Option<&str>) -> Result<(String, ValueType), DeskError> {
    let fields = schema.part("record").and_then(|part| part.fields());
    let mut sets = Vec::new();
    for (name, field) in fields.into_iter().flatten() {
        match &field.rule {
            MergeRule::Set(of) => sets.push((name.clone(), of.clone())),
            MergeRule::Map(inner) => {
                sets.extend(inner.iter().filter_map(|(key, field)| match &field.rule {
                    MergeRule::Set(of) => Some((format!("{name}.{key}"), of.clone())),
                    _ => None,
                }))
            }
            _ => {}
        }
    }
    let of_text = |(_, of): &&(String, ValueType)| matches!(of, ValueType::Text { .. });
    let found = match named {
        Some(named) => sets.iter().find(|(name, _)| name == named),
        None => sets.iter().find(of_text).or(sets.first()),
    };
    found.cloned().ok_or_else(|| DeskError::Part {
        kind: schema.kind().to_owned(),
        wanted: "set",
        name: named.unwrap_or_default().to_owned(),
        has: has(sets.iter().map(|(name, _)| name.as_str())),
    })
}

impl Incr {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let field = self.field.split('.').map(str::to_owned).collect();
        let op = RecordOp::Increment { field, by: self.by };
        desk.write(schema.kind(), entity, &[op])?;
        shown(desk, &schema, entity)
    }
}
