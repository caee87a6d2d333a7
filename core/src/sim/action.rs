//! What somebody does on a device: an edit as it is asked for, and in words.

use crate::{
    body::BodyOp,
    document::Draft,
    id::EntityId,
    log::Entry,
    record::RecordOp,
    value::{Scalar, Value},
};
use std::collections::BTreeMap;

/// A draft that owns what it asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Operations on a record.
    Record(Vec<RecordOp>),
    /// Operations on a body.
    Body(Vec<BodyOp>),
    /// A log entry.
    Entry(Entry),
    /// The device's last step is taken back.
    Undo,
    /// The last step taken back is done again.
    Redo,
}

impl Ask {
    /// It as an engine takes it.
    pub fn draft(&self) -> Draft<'_> {
        match self {
            Ask::Record(ops) => Draft::Record(ops),
            Ask::Body(ops) => Draft::Body(ops),
            Ask::Entry(entry) => Draft::Entry(entry),
            Ask::Undo => Draft::Undo,
            Ask::Redo => Draft::Redo,
        }
    }

    /// The same, asking for less: each with one operation left out. A story is told with the least.
    pub(super) fn smaller(&self) -> Vec<Ask> {
        match self {
            Ask::Record(ops) => without_one(ops).map(Ask::Record).collect(),
            Ask::Body(ops) => without_one(ops).map(Ask::Body).collect(),
            Ask::Entry(_) | Ask::Undo | Ask::Redo => Vec::new(),
        }
    }
}

fn without_one<T: Clone>(all: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    let places = 0..if all.len() > 1 { all.len() } else { 0 };
    places.map(move |out| {
        let kept = all.iter().enumerate().filter(|(at, _)| *at != out);
        kept.map(|(_, one)| one.clone()).collect()
    })
}

/// Something that an application does: an edit of a part of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The entity's kind.
    pub kind: String,
    /// The entity.
    pub entity: EntityId,
    /// The part of it.
    pub part: String,
    /// What is asked.
    pub ask: Ask,
    /// What it is called in a story; none: it is described.
    pub called: Option<String>,
}

impl Action {
    /// An edit of a part.
    pub fn new(kind: &str, entity: EntityId, part: &str, ask: Ask) -> Self {
        Action {
            kind: kind.to_owned(),
            entity,
            part: part.to_owned(),
            ask,
            called: None,
        }
    }

    /// An edit of a record.
    pub fn record(kind: &str, entity: EntityId, ops: Vec<RecordOp>) -> Self {
        Action::new(kind, entity, "record", Ask::Record(ops))
    }

    /// What it is called in a story: `sells the last piece`.
    pub fn called(mut self, words: &str) -> Self {
        self.called = Some(words.to_owned());
        self
    }

    /// It in words: `sells the last piece (item 7f3a: stock -1)`.
    pub fn tell(&self) -> String {
        let what = match &self.ask {
            Ask::Record(ops) => list(ops.iter().map(record_op)),
            Ask::Body(ops) => list(ops.iter().map(body_op)),
            Ask::Entry(entry) => format!("says {}", scalars(entry)),
            Ask::Undo => "takes the last step back".to_owned(),
            Ask::Redo => "does again what was taken back".to_owned(),
        };
        let name = short(&self.entity);
        let part = match self.part.as_str() {
            "record" => String::new(),
            part => format!(" {part}"),
        };
        match &self.called {
            Some(called) => format!("{called} ({} {name}{part}: {what})", self.kind),
            None => format!("edits {} {name}{part}: {what}", self.kind),
        }
    }
}

/// The last digits of an entity's id: the first ones name its creator and kind.
pub(super) fn short(entity: &EntityId) -> String {
    let text = entity.to_string();
    let from = text.len().saturating_sub(6);
    text.get(from..).unwrap_or_default().to_owned()
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn value(value: &Value) -> String {
    let text = value.to_json().to_string();
    let shown: String = text.chars().take(40).collect();
    match shown.len() < text.len() {
        true => format!("{shown}…"),
        false => shown,
    }
}

fn text(text: &str) -> String {
    value(&Value::Text(text.to_owned()))
}

fn scalars(entry: &BTreeMap<String, Scalar>) -> String {
    let field = |(name, scalar): (&String, &Scalar)| {
        format!("{name} {}", value(&Value::from(scalar.clone())))
    };
    list(entry.iter().map(field))
}

fn record_op(op: &RecordOp) -> String {
    match op {
        RecordOp::Put { field, value: to } if *to == Value::Null => {
            format!("{} emptied", field.join("."))
        }
        RecordOp::Put { field, value: to } => format!("{} = {}", field.join("."), value(to)),
        RecordOp::Increment { field, by } => format!("{} {by:+}", field.join(".")),
        RecordOp::Add { field, value: one } => format!("{} with {}", field.join("."), value(one)),
        RecordOp::Remove { field, value: one } => {
            format!("{} without {}", field.join("."), value(one))
        }
        RecordOp::Insert {
            field,
            at,
            value: one,
        } => format!("{}[{at}] inserted {}", field.join("."), value(one)),
        RecordOp::Delete { field, at, count } => {
            format!("{}[{at}..+{count}] deleted", field.join("."))
        }
        RecordOp::Append { field, value: one } => {
            format!("{} appended {}", field.join("."), value(one))
        }
        RecordOp::Splice {
            field,
            at,
            delete,
            insert,
        } => format!("{} at {at} -{delete} +{}", field.join("."), text(insert)),
        RecordOp::DeleteEntity => "deleted".to_owned(),
        RecordOp::RestoreEntity => "restored".to_owned(),
    }
}

fn body_op(op: &BodyOp) -> String {
    match op {
        BodyOp::Splice {
            text: place,
            at,
            delete,
            insert,
            ..
        } => format!("text {place:?} at {at} -{delete} +{}", text(insert)),
        BodyOp::Format {
            text: place,
            at,
            len,
            marks,
        } => format!(
            "text {place:?} at {at} for {len} formatted {}",
            value(&Value::Map(marks.clone()))
        ),
        BodyOp::Embed { text, at, value: v } => format!("text {text:?} at {at} + {}", value(v)),
        BodyOp::InsertBlock {
            at, tag, text: own, ..
        } => format!("block {at:?} <{tag}> {}", text(own)),
        BodyOp::SplitBlock { block, at } => format!("block {block:?} split at {at}"),
        BodyOp::JoinBlock { block } => format!("block {block:?} joined to the one before"),
        BodyOp::MoveBlock { from, to } => format!("block {from:?} moved to {to:?}"),
        BodyOp::DeleteBlock { block } => format!("block {block:?} deleted"),
        BodyOp::SetAttribute {
            block,
            name,
            value: to,
        } => {
            format!("block {block:?} {name} = {}", value(to))
        }
    }
}
