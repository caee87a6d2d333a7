//! `anabranch text`: bodies and texts of records, written in places.

use super::{
    at::{At, DeskError},
    content::{last_block, len, marked, units, view_json},
    desk::{Desk, bodies, has},
    words::end,
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::{
    body::{BodyOp, BodyView},
    id::EntityId,
    record::RecordOp,
    schema::{BodyLayout, MergeRule, Schema},
    value::Value,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Texts that several people write at once. Places count UTF-16 units from 0.
#[derive(Subcommand)]
pub enum Text {
    /// Show a text.
    Show(Which),
    /// Put text in; at the end, where no place is given.
    Insert(Insert),
    /// Take text out.
    Delete(Range),
    /// Give text a format, or take it away: `bold`, `link=https://...`, `bold=`.
    Format(Format),
}

/// Which text.
#[derive(Args)]
pub struct Which {
    /// The entity's id, or enough of its end.
    entity: String,
    /// The body or the text field; without it the kind's body, or its only text.
    #[arg(long = "in")]
    part: Option<String>,
    /// The block, in a body of blocks: `2`, or `2.0` for the first block in the third.
    #[arg(long)]
    block: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Puts text in.
#[derive(Args)]
pub struct Insert {
    #[command(flatten)]
    which: Which,
    /// The text.
    text: String,
    /// Before which unit.
    #[arg(long, value_name = "UNIT")]
    place: Option<u32>,
    /// Make a new block of this tag for it: `paragraph`, `heading`.
    #[arg(long)]
    tag: Option<String>,
}

/// A range of a text.
#[derive(Args)]
pub struct Range {
    #[command(flatten)]
    which: Which,
    /// The first unit.
    #[arg(long, value_name = "UNIT")]
    place: u32,
    /// How many.
    #[arg(long, value_name = "UNITS")]
    count: u32,
}

/// Formats text.
#[derive(Args)]
pub struct Format {
    #[command(flatten)]
    range: Range,
    /// The formats.
    #[arg(required = true)]
    formats: Vec<String>,
}

/// A text that was found.
struct Found {
    entity: EntityId,
    schema: Arc<Schema>,
    held: Held,
}

/// What holds it.
enum Held {
    /// A field of the record.
    Field(Vec<String>),
    /// A body.
    Body(String, BodyLayout),
}

impl Text {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        match self {
            Text::Show(which) => {
                let desk = which.at.open()?;
                let found = which.find(&desk)?;
                found.shown(desk)
            }
            Text::Insert(insert) => insert.run(),
            Text::Delete(range) => {
                let (place, count) = (range.place, range.count);
                range.which.edit(|_, _| Splice {
                    place: Some(place),
                    delete: count,
                    insert: String::new(),
                })
            }
            Text::Format(format) => format.run(),
        }
    }
}

/// A replacement; at the end, where it has no place.
struct Splice {
    place: Option<u32>,
    delete: u32,
    insert: String,
}

impl Which {
    fn find(&self, desk: &Desk) -> Result<Found, DeskError> {
        let (entity, schema) = desk.entity(&self.entity)?;
        let bodies = bodies(&schema);
        let fields = schema.part("record").and_then(|part| part.fields());
        let texts: Vec<&String> = fields
            .into_iter()
            .flatten()
            .filter(|(_, field)| matches!(field.rule, MergeRule::Text))
            .map(|(name, _)| name)
            .collect();
        let body = |(name, layout): &(&str, BodyLayout)| Held::Body((*name).to_owned(), *layout);
        let field = |name: &String| Held::Field(vec![name.clone()]);
        let held = match &self.part {
            Some(wanted) => {
                let named = bodies.iter().find(|(name, _)| name == wanted).map(body);
                named.or_else(|| {
                    texts
                        .iter()
                        .find(|name| *name == &wanted)
                        .map(|name| field(name))
                })
            }
            None => bodies
                .first()
                .map(body)
                .or_else(|| texts.first().map(|name| field(name))),
        };
        let held = held.ok_or_else(|| DeskError::Part {
            kind: schema.kind().to_owned(),
            wanted: "text",
            name: self.part.clone().unwrap_or_default(),
            has: has(bodies
                .iter()
                .map(|(name, _)| *name)
                .chain(texts.iter().map(|name| name.as_str()))),
        })?;
        Ok(Found {
            entity,
            schema: Arc::clone(&schema),
            held,
        })
    }

    /// The block's path; none where it is no path.
    fn path(&self) -> Result<Vec<u32>, DeskError> {
        let words = self.block.as_deref().unwrap_or_default();
        let steps = words.split('.').filter(|step| !step.is_empty());
        let path: Result<Vec<u32>, _> = steps.map(str::parse).collect();
        path.map_err(|_| DeskError::Part {
            kind: self.entity.clone(),
            wanted: "block",
            name: words.to_owned(),
            has: "a block is named by numbers from 0: `2`, `2.0`".to_owned(),
        })
    }

    /// Replaces text and shows what it is then.
    fn edit(self, splice: impl FnOnce(&Found, &Desk) -> Splice) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let found = self.find(&desk)?;
        let Splice {
            place,
            delete,
            insert,
        } = splice(&found, &desk);
        match &found.held {
            Held::Field(field) => {
                let view = desk.record(&found.entity);
                let names: Vec<&str> = field.iter().map(String::as_str).collect();
                let text = view
                    .get(&names)
                    .and_then(Value::as_text)
                    .unwrap_or_default();
                let op = RecordOp::Splice {
                    field: field.clone(),
                    at: place.unwrap_or_else(|| units(text)),
                    delete,
                    insert,
                };
                desk.write(found.schema.kind(), found.entity, &[op])?;
            }
            Held::Body(part, layout) => {
                let view = desk.body(&found.entity, part);
                let mut path = self.path()?;
                let op = match (layout, last_block(view.as_ref())) {
                    (BodyLayout::ProseMirror, None) if path.is_empty() => BodyOp::InsertBlock {
                        at: vec![0],
                        tag: "paragraph".to_owned(),
                        attributes: BTreeMap::new(),
                        text: insert,
                    },
                    (BodyLayout::ProseMirror, last) => {
                        if path.is_empty() {
                            path = last.into_iter().collect();
                        }
                        let at = place.unwrap_or_else(|| len(view.as_ref(), &path));
                        BodyOp::Splice {
                            text: path,
                            at,
                            delete,
                            insert,
                            marks: None,
                        }
                    }
                    (BodyLayout::Text, _) => {
                        let at = place.unwrap_or_else(|| len(view.as_ref(), &path));
                        BodyOp::Splice {
                            text: path,
                            at,
                            delete,
                            insert,
                            marks: None,
                        }
                    }
                };
                desk.write_body((found.schema.kind(), found.entity, part), &[op])?;
            }
        }
        found.shown(desk)
    }
}

impl Insert {
    fn run(self) -> Result<Answer, Failure> {
        let Insert {
            which,
            text,
            place,
            tag,
        } = self;
        let Some(tag) = tag else {
            return which.edit(|_, _| Splice {
                place,
                delete: 0,
                insert: text,
            });
        };
        let desk = which.at.open()?;
        let found = which.find(&desk)?;
        let Held::Body(part, BodyLayout::ProseMirror) = &found.held else {
            return Err(no_blocks(&found).into());
        };
        let view = desk.body(&found.entity, part);
        let after_last =
            || vec![last_block(view.as_ref()).map_or(0, |last| last.saturating_add(1))];
        let at = Some(which.path()?)
            .filter(|path| !path.is_empty())
            .unwrap_or_else(after_last);
        let attributes = BTreeMap::new();
        let op = BodyOp::InsertBlock {
            at,
            tag,
            attributes,
            text,
        };
        desk.write_body((found.schema.kind(), found.entity, part), &[op])?;
        found.shown(desk)
    }
}

impl Format {
    fn run(self) -> Result<Answer, Failure> {
        let Range {
            which,
            place,
            count,
        } = self.range;
        let desk = which.at.open()?;
        let found = which.find(&desk)?;
        let Held::Body(part, layout) = &found.held else {
            return Err(DeskError::Part {
                kind: found.schema.kind().to_owned(),
                wanted: "formats in its field",
                name: which.part.unwrap_or_default(),
                has: "only a body holds formats".to_owned(),
            }
            .into());
        };
        let mut path = which.path()?;
        if path.is_empty() && *layout == BodyLayout::ProseMirror {
            path = last_block(desk.body(&found.entity, part).as_ref())
                .into_iter()
                .collect();
        }
        let marks = self
            .formats
            .iter()
            .map(|words| match words.split_once('=') {
                None => (words.clone(), Value::Bool(true)),
                Some((name, "")) => (name.to_owned(), Value::Null),
                Some((name, value)) => (name.to_owned(), Value::Text(value.to_owned())),
            });
        let op = BodyOp::Format {
            text: path,
            at: place,
            len: count,
            marks: marks.collect(),
        };
        desk.write_body((found.schema.kind(), found.entity, part), &[op])?;
        found.shown(desk)
    }
}

fn no_blocks(found: &Found) -> DeskError {
    DeskError::Part {
        kind: found.schema.kind().to_owned(),
        wanted: "blocks in its text",
        name: String::new(),
        has: "leave --tag out".to_owned(),
    }
}

impl Found {
    fn shown(self, desk: Desk) -> Result<Answer, Failure> {
        let Found { entity, held, .. } = self;
        let (name, text, content) = match held {
            Held::Field(field) => {
                let view = desk.record(&entity);
                let names: Vec<&str> = field.iter().map(String::as_str).collect();
                let text = view
                    .get(&names)
                    .and_then(Value::as_text)
                    .unwrap_or_default()
                    .to_owned();
                (field.join("."), text, None)
            }
            Held::Body(part, _) => {
                let view = desk.body(&entity, &part);
                let text = view.as_ref().map(marked).unwrap_or_default();
                (part, text, view)
            }
        };
        desk.close()?;
        let plain = content
            .as_ref()
            .map_or_else(|| text.clone(), BodyView::plain_text);
        let heading = format!("{name} of {}: {} units", end(&entity), units(&plain));
        let mut page = Page::new()
            .line(Tone::Faint, heading)
            .piece(Tone::Plain, text.as_str());
        if !text.ends_with('\n') {
            page = page.gap();
        }
        Ok(Answer {
            page,
            json: json!({
                "id": entity.to_string(), "in": name, "text": plain, "units": units(&plain),
                "content": content.as_ref().map(view_json),
            }),
            holds: true,
        })
    }
}
