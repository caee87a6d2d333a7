//! `anabranch history`, `show`, `blame`: what happened to an entity, how it was, who wrote what.

use super::{
    at::{At, DeskError},
    content::{marked, view_json},
    desk::{Point, as_json, bodies, log_of, text_of},
    record,
    words::{change_json, cut, did, end, in_words, short, state, when, who, wrap},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::{document::State, schema::PartShape};
use clap::Args;
use serde_json::{Map, json};

/// What happened to an entity, newest first.
#[derive(Args)]
pub struct History {
    /// Its id, or enough of its end.
    entity: String,
    /// Of this part alone: `record`, `body`, `log.comments`.
    #[arg(long)]
    part: Option<String>,
    /// So many changes.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    at: At,
}

/// An entity whole: record, texts, and how long its logs are.
#[derive(Args)]
pub struct Show {
    /// Its id, or enough of its end.
    entity: String,
    /// As it was: the id of a change, the name of a version, or a time (UTC where it names no zone).
    #[arg(long = "at", value_name = "POINT")]
    point: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Who wrote what.
#[derive(Args)]
pub struct Blame {
    /// The entity's id, or enough of its end.
    entity: String,
    /// A text or body, run by run; without it, every field.
    field: Option<String>,
    /// The block, in a body of blocks.
    #[arg(long, value_delimiter = '.')]
    block: Vec<u32>,
    #[command(flatten)]
    at: At,
}

impl History {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let own = desk.device();
        let mut changes = desk.changes(&entity, self.part.as_deref(), self.limit);
        desk.close()?;
        let all = changes.len();
        changes.truncate(self.limit);
        let mut page = Page::new()
            .piece(Tone::Strong, schema.kind())
            .piece(Tone::Plain, " ")
            .line(Tone::Faint, entity.to_string());
        for change in &changes {
            page = page
                .piece(Tone::Strong, short(&change.id))
                .piece(Tone::Plain, format!("  {}  ", when(change.hlc)))
                .piece(
                    Tone::Faint,
                    format!("{}  {}", change.part, who(&change.origin, &own)),
                );
            page = match change.state {
                State::Effective => page.gap(),
                _ => page.piece(Tone::Plain, "  ").line(
                    Tone::Bad,
                    format!("{}: see `anabranch explain`", state(&change.state)),
                ),
            };
            for one in &change.did {
                page = page.line(Tone::Plain, format!("          {}", cut(&did(one), 68)));
            }
        }
        if all > changes.len() {
            let more = all - changes.len();
            page = page.line(Tone::Faint, format!("{more} more: --limit {all}"));
        }
        Ok(Answer {
            page,
            json: json!({
                "id": entity.to_string(),
                "changes": changes.iter().map(change_json).collect::<Vec<_>>(),
                "of": all,
            }),
            holds: true,
        })
    }
}

impl Show {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let point: Option<Point> = match &self.point {
            Some(words) => Some(desk.point(&entity, words)?),
            None => None,
        };
        let view = match &point {
            Some(point) => desk.record_at(&entity, point),
            None => desk.record(&entity),
        };
        let mut page = record::page(&entity, schema.kind(), &view);
        let mut parts = Map::new();
        if let Some(point) = &point {
            page = Page::new()
                .line(Tone::Faint, format!("as of {} UTC", when(point.stamp)))
                .then(page);
        }
        for (part, _) in bodies(&schema) {
            let body = match &point {
                Some(point) => desk.body_at(&entity, part, point),
                None => desk.body(&entity, part),
            };
            if let Some(body) = body {
                let both = json!({ "text": body.plain_text(), "content": view_json(&body) });
                parts.insert(part.to_owned(), both);
                let text = marked(&body);
                page = page
                    .line(Tone::Strong, part)
                    .piece(Tone::Plain, text.as_str());
                if !text.ends_with('\n') {
                    page = page.gap();
                }
            }
        }
        for (name, part) in &schema.spec().parts {
            let count = match part.shape {
                PartShape::Log(_) => desk.entries_at(&entity, name, point.as_ref()),
                PartShape::Record(_) | PartShape::Body(_) => 0,
            };
            if count > 0 {
                page = page.line(Tone::Faint, format!("{name}: {count} entries"));
                parts.insert(name.clone(), count.into());
            }
        }
        desk.close()?;
        Ok(Answer {
            page,
            json: json!({
                "id": entity.to_string(),
                "as_of_ms": point.map(|point| point.stamp.millis()),
                "record": as_json(&entity, schema.kind(), &view),
                "parts": parts,
            }),
            holds: true,
        })
    }
}

impl Blame {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let own = desk.device();
        let Some(field) = self.field else {
            let view = desk.record(&entity);
            desk.close()?;
            let written: Vec<_> = view
                .written
                .iter()
                .map(|(path, by)| (path.join("."), path, by))
                .collect();
            let rows: Vec<[String; 4]> = written
                .iter()
                .map(|(name, path, by)| {
                    let names: Vec<&str> = path.iter().map(String::as_str).collect();
                    let value = view.get(&names).map(in_words).unwrap_or_default();
                    [
                        name.clone(),
                        cut(&value, 24),
                        who(&by.origin, &own),
                        when(by.hlc),
                    ]
                })
                .collect();
            let fields: Vec<_> = written
                .iter()
                .map(|(name, _, by)| {
                    json!({
                        "field": name, "author": by.author.to_string(), "device": by.origin.to_string(),
                        "time_ms": by.hlc.millis(),
                    })
                })
                .collect();
            return Ok(Answer {
                page: Page::new().table(&rows),
                json: json!({ "id": entity.to_string(), "fields": fields }),
                holds: true,
            });
        };
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let body = bodies(&schema).into_iter().find(|(name, _)| *name == field);
        let part = if body.is_some() {
            field.as_str()
        } else {
            "record"
        };
        let runs = desk.blame(&entity, part, &self.block, &path).ok_or_else(|| {
            let blocks = body.is_some_and(|_| desk.body(&entity, part).is_some_and(|view| text_of(&view, &self.block).is_none()));
            DeskError::Part {
                kind: schema.kind().to_owned(),
                wanted: "text",
                name: field.clone(),
                has: match blocks {
                    true => "name one of its blocks with --block".to_owned(),
                    false => "nobody wrote one, or it is no text: see `anabranch blame` without a field".to_owned(),
                },
            }
        })?;
        desk.close()?;
        let mut page = Page::new();
        for run in &runs {
            let by = format!("{}  {}", who(&run.origin, &own), when(run.hlc));
            page = page
                .piece(Tone::Strong, format!("{:>6}  ", run.at))
                .line(Tone::Faint, by);
            for line in wrap(&run.text, 70) {
                page = page.line(Tone::Plain, format!("        {line}"));
            }
        }
        let runs: Vec<_> = runs
            .iter()
            .map(|run| {
                json!({
                    "at": run.at, "text": run.text, "author": run.author.to_string(),
                    "device": run.origin.to_string(), "time_ms": run.hlc.millis(),
                    "change": run.change.map(|id| id.to_string()),
                })
            })
            .collect();
        Ok(Answer {
            page,
            json: json!({ "id": entity.to_string(), "in": field, "runs": runs }),
            holds: true,
        })
    }
}

/// Entries of a log, newest first.
#[derive(Args)]
pub struct Entries {
    /// The entity's id, or enough of its end.
    entity: String,
    /// The log: `comments`.
    log: String,
    /// So many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    at: At,
}

impl Entries {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let (entity, schema) = desk.entity(&self.entity)?;
        let (log, _) = log_of(&schema, &self.log)?;
        let own = desk.device();
        let mut changes = desk.changes(&entity, Some(log), self.limit);
        desk.close()?;
        changes.retain(|change| change.state == State::Effective);
        let all = changes.len();
        changes.truncate(self.limit);
        let mut page = Page::new().line(
            Tone::Faint,
            format!("{log} of {}: {all} entries", end(&entity)),
        );
        for change in &changes {
            page = page.piece(Tone::Strong, short(&change.id)).line(
                Tone::Faint,
                format!("  {}  {}", when(change.hlc), who(&change.origin, &own)),
            );
            for line in change.did.iter().flat_map(|one| wrap(&did(one), 70)) {
                page = page.line(Tone::Plain, format!("          {line}"));
            }
        }
        Ok(Answer {
            page,
            json: json!({
                "id": entity.to_string(), "log": log, "of": all,
                "entries": changes.iter().map(change_json).collect::<Vec<_>>(),
            }),
            holds: true,
        })
    }
}
