//! The rules at work: what two people did to a task, a log and an email while they were apart.

use super::{broken, pair::Pair};
use crate::answer::Failure;
use anabranch::core::{document::Draft, record::RecordOp, value::Value};
use anabranch::core::{id::EntityId, value::Scalar};
use std::collections::BTreeMap;

/// What it came to.
pub(super) struct Rules {
    pub task: EntityId,
    /// What both show.
    pub fields: Vec<(String, Value)>,
    /// Fields whose values were written apart and are all kept.
    pub conflicts: Vec<String>,
    /// Entries in the log: those of both.
    pub comments: usize,
    /// Why the second write of a field that is written once was refused.
    pub once: String,
    pub converged: bool,
}

pub(super) fn play(pair: &mut Pair) -> Result<Rules, Failure> {
    let task = pair.ana.entity(pair.owner, "task").map_err(broken)?;
    let email = pair.ana.entity(pair.owner, "email").map_err(broken)?;
    let begun = [
        put("title", "Mend the weir"),
        put("status", "open"),
        put("estimate_minutes", 90),
    ];
    pair.write(&pair.ana, "task", task, &begun)?;
    pair.write(&pair.ana, "email", email, &[put("subject", "The weir")])?;
    pair.meet()?;
    // Apart: nobody hears of the other.
    let of_ana = [
        put("status", "doing"),
        add("labels", "river"),
        put("estimate_minutes", 120),
    ];
    pair.write(&pair.ana, "task", task, &of_ana)?;
    say(pair, true, task, "The sluice is open, I begin tomorrow.")?;
    let of_bo = [
        put("assignee", "bo"),
        add("labels", "urgent"),
        put("estimate_minutes", 240),
    ];
    pair.write(&pair.bo, "task", task, &of_bo)?;
    pair.write(&pair.bo, "task", task, &[put("status", "blocked")])?;
    say(pair, false, task, "No sandbags before Friday.")?;
    let again = [put("subject", "Another subject")];
    let place = pair.place("email", email, "record");
    let once = match pair.bo.edit(&place, &Draft::Record(&again)) {
        Err(refused) => refused.to_string(),
        Ok(_) => return Err(broken("a field that is written once was written twice")),
    };
    // Together again.
    pair.meet()?;
    let [ana, bo] = pair.digests()?;
    let view = pair.record(&pair.ana, &task)?;
    let conflicts = view.conflicts.iter().map(|one| one.field.join("."));
    Ok(Rules {
        task,
        conflicts: conflicts.collect(),
        comments: pair.entries(&pair.bo, &task, "log.comments")?,
        once,
        converged: ana == bo,
        fields: view
            .fields
            .into_iter()
            .filter(|(_, value)| !is_empty(value))
            .collect(),
    })
}

/// Appends to the task's log.
fn say(pair: &Pair, ana: bool, task: EntityId, text: &str) -> Result<(), Failure> {
    let node = if ana { &pair.ana } else { &pair.bo };
    let entry = BTreeMap::from([("text".to_owned(), Scalar::Text(text.to_owned()))]);
    let place = pair.place("task", task, "log.comments");
    let said = node.edit(&place, &Draft::Entry(&entry));
    said.map(|_| ()).map_err(broken)
}

/// What a field of the task means, in a few words.
pub(super) fn meaning(field: &str) -> &'static str {
    match field {
        "labels" => "a set: both adds stay",
        "estimate_minutes" => "kept: both stay until a person picks one",
        "status" => "the last writer wins: the other value is kept in view",
        _ => "the last writer wins",
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.values().all(is_empty),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) | Value::Time(_) => {
            false
        }
    }
}

pub(super) fn put(field: &str, value: impl Into<Value>) -> RecordOp {
    RecordOp::Put {
        field: vec![field.to_owned()],
        value: value.into(),
    }
}

fn add(field: &str, value: &str) -> RecordOp {
    RecordOp::Add {
        field: vec![field.to_owned()],
        value: value.into(),
    }
}
