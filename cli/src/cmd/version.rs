//! `anabranch version`, `revert`, `undo`, `redo`: names for points, and ways back.

use super::{
    at::At,
    desk::{Stepped, Way, name_of},
    words::{cut, did, end, short, when},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use clap::Args;
use serde_json::json;

/// Names what an entity is now, for everyone; without a name, lists the versions it has.
#[derive(Args)]
pub struct Version {
    /// Its id, or enough of its end.
    entity: String,
    /// The name: "before the review".
    name: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Brings an entity back to what it was, as a new change: nothing of its history is lost.
#[derive(Args)]
pub struct Revert {
    /// Its id, or enough of its end.
    entity: String,
    /// The point: the id of a change, the name of a version, or a time.
    #[arg(long, value_name = "POINT")]
    to: String,
    #[command(flatten)]
    at: At,
}

/// One step back or forth among this device's own edits.
#[derive(Args)]
pub struct Step {
    /// Of this entity alone: its id, or enough of its end.
    entity: Option<String>,
    #[command(flatten)]
    at: At,
}

impl Version {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, _) = desk.entity(&self.entity)?;
        if let Some(name) = &self.name {
            let version = desk.name_version(&entity, name)?;
            desk.close()?;
            let said = format!("{} is now called \"{name}\"", end(&entity));
            return Ok(Answer {
                page: Page::new().line(Tone::Good, said).line(
                    Tone::Faint,
                    format!(
                        "see it with `anabranch show {} --at \"{name}\"`",
                        end(&entity)
                    ),
                ),
                json: json!({ "id": entity.to_string(), "name": name, "version": version.to_string() }),
                holds: true,
            });
        }
        let versions = desk.versions(&entity);
        desk.close()?;
        let time = |view: &anabranch::core::record::RecordView| {
            view.written.get(&vec!["of".to_owned()]).map(|by| by.hlc)
        };
        let rows: Vec<[String; 2]> = versions
            .iter()
            .map(|(_, view, _)| {
                [
                    name_of(view).to_owned(),
                    time(view).map(when).unwrap_or_default(),
                ]
            })
            .collect();
        let page = match rows.is_empty() {
            true => Page::new().line(
                Tone::Faint,
                "no version has a name yet: `anabranch version ID NAME`",
            ),
            false => Page::new().table(&rows),
        };
        let all: Vec<_> = versions
            .iter()
            .map(|(id, view, heads)| {
                json!({
                    "version": id.to_string(), "name": name_of(view),
                    "time_ms": time(view).map(|hlc| hlc.millis()),
                    "heads": heads.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            })
            .collect();
        Ok(Answer {
            page,
            json: json!({ "id": entity.to_string(), "versions": all }),
            holds: true,
        })
    }
}

impl Revert {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let point = desk.point(&entity, &self.to)?;
        let parts = desk.revert(entity, &schema, &point)?;
        desk.close()?;
        let said = match parts.is_empty() {
            true => format!("{} is as it was then already", end(&entity)),
            false => format!(
                "{} is as it was at {} UTC: {}",
                end(&entity),
                when(point.stamp),
                parts.join(", ")
            ),
        };
        let mut page = Page::new().line(Tone::Good, said);
        if !parts.is_empty() {
            page = page.line(
                Tone::Faint,
                "logs stay as they are; `anabranch undo` takes this back",
            );
        }
        Ok(Answer {
            page,
            json: json!({
                "id": entity.to_string(), "as_of_ms": point.stamp.millis(), "changed": parts,
            }),
            holds: true,
        })
    }
}

impl Step {
    pub(super) fn run(self, way: Way) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let entity = match &self.entity {
            Some(words) => Some(desk.entity(words)?.0),
            None => None,
        };
        let stepped = desk.step(way, entity.as_ref())?;
        let word = match way {
            Way::Undo => "undo",
            Way::Redo => "redo",
        };
        let Some(Stepped { of, entity, kind }) = stepped else {
            desk.close()?;
            let said = format!("there is nothing of this device's edits to {word}");
            return Ok(Answer {
                page: Page::new().line(Tone::Faint, said),
                json: json!({ "done": false }),
                holds: false,
            });
        };
        let last = desk.changes(&entity, None, 1).into_iter().next();
        let did: Vec<String> = last.iter().flat_map(|last| &last.did).map(did).collect();
        desk.close()?;
        let mut page = Page::new()
            .piece(Tone::Good, format!("{word} of {}", short(&of)))
            .line(Tone::Faint, format!("  {} {}", kind, end(&entity)));
        for one in &did {
            page = page.line(Tone::Plain, format!("  {}", cut(one, 76)));
        }
        Ok(Answer {
            page,
            json: json!({
                "done": true, "of": of.to_string(), "id": entity.to_string(),
                "change": last.as_ref().map(|last| last.id.to_string()),
                "did": last.iter().flat_map(|last| &last.did).map(super::words::did_json).collect::<Vec<_>>(),
            }),
            holds: true,
        })
    }
}
