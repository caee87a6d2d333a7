//! `anabranch conflicts`, `resolve`: what was written apart and differs.

use super::{
    at::{At, DeskError},
    desk::as_json,
    record::shown,
    words::{cut, end, in_words, when, who},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::record::{Conflict, RecordOp},
    field::assignment,
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Values that were written apart and differ, in the whole workspace or of one entity.
#[derive(Args)]
pub struct Conflicts {
    /// Of this entity alone: its id, or enough of its end.
    entity: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Settles a field that was written apart.
#[derive(Args)]
pub struct Resolve {
    /// The entity's id, or enough of its end.
    entity: String,
    /// The field, and the value that shall stand: `status=done`. With --pick the field alone.
    field: String,
    /// One of the values, as `anabranch conflicts` counts them from 1.
    #[arg(long)]
    pick: Option<usize>,
    #[command(flatten)]
    at: At,
}

impl Conflicts {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let only = match &self.entity {
            Some(words) => Some(desk.entity(words)?.0),
            None => None,
        };
        let own = desk.device();
        let mut records = desk.records();
        desk.close()?;
        records.retain(|(entity, _, view)| {
            !view.conflicts.is_empty() && only.is_none_or(|only| only == *entity)
        });
        let mut page = Page::new();
        for (entity, kind, view) in &records {
            for conflict in &view.conflicts {
                page = page.piece(Tone::Strong, end(entity)).line(
                    Tone::Plain,
                    format!("  {kind}  {}", conflict.field.join(".")),
                );
                for (at, one) in (1..).zip(&conflict.candidates) {
                    let by = format!("{}  {}", who(&one.by.origin, &own), when(one.by.hlc));
                    let tone = if at == 1 { Tone::Good } else { Tone::Plain };
                    page = page
                        .piece(
                            tone,
                            format!("  {at}  {:<32}  ", cut(&in_words(&one.value), 32)),
                        )
                        .line(Tone::Faint, by);
                }
            }
        }
        page = match records.is_empty() {
            true => page.line(Tone::Good, "nothing was written apart that differs"),
            false => page.line(
                Tone::Faint,
                "the first of each is shown; settle one with `anabranch resolve ID FIELD --pick N`",
            ),
        };
        let all: Vec<Json> = records
            .iter()
            .flat_map(|(entity, kind, view)| {
                view.conflicts.iter().map(move |conflict| {
                    json!({
                        "id": entity.to_string(), "kind": kind, "field": conflict.field.join("."),
                        "values": values(conflict),
                    })
                })
            })
            .collect();
        Ok(Answer {
            page,
            json: json!({ "conflicts": all }),
            holds: true,
        })
    }
}

fn values(conflict: &Conflict) -> Vec<Json> {
    let values = conflict.candidates.iter().map(|one| {
        json!({
            "value": one.value.to_json(), "author": one.by.author.to_string(),
            "device": one.by.origin.to_string(), "time_ms": one.by.hlc.millis(),
        })
    });
    values.collect()
}

impl Resolve {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let view = desk.record(&entity);
        let name = self.field.split('=').next().unwrap_or_default();
        let conflict = view
            .conflicts
            .iter()
            .find(|one| one.field.join(".") == name);
        let conflict = conflict.ok_or_else(|| DeskError::Settled {
            field: name.to_owned(),
            open: view
                .conflicts
                .iter()
                .map(|one| one.field.join("."))
                .collect(),
        })?;
        let op = match self.pick {
            None => assignment(&schema, &view, &self.field).map_err(DeskError::from)?,
            Some(pick) => {
                let count = conflict.candidates.len();
                let chosen = pick
                    .checked_sub(1)
                    .and_then(|at| conflict.candidates.get(at));
                let chosen = chosen.ok_or(DeskError::Pick { pick, count })?;
                RecordOp::Put {
                    field: conflict.field.clone(),
                    value: chosen.value.clone(),
                }
            }
        };
        desk.write(schema.kind(), entity, &[op])?;
        let left = desk.record(&entity);
        if left.conflicts.iter().any(|one| one.field.join(".") == name) {
            // A field that is written once keeps its conflict.
            desk.close()?;
            return Ok(Answer {
                page: Page::new().line(
                    Tone::Bad,
                    format!("`{name}` is written once: both values stay"),
                ),
                json: as_json(&entity, schema.kind(), &left),
                holds: false,
            });
        }
        shown(desk, &schema, entity)
    }
}
