//! `anabranch list`: entities of a kind.

use super::{at::At, desk::as_json, words::in_words};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::{
    record::{Life, RecordView},
    value::Value,
};
use clap::Args;
use serde_json::json;

/// Lists entities.
#[derive(Args)]
pub struct List {
    /// Of this kind; without it, of every kind.
    kind: Option<String>,
    /// Only those that show this: field=value.
    #[arg(long = "where")]
    having: Vec<String>,
    /// Deleted ones too.
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    at: At,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        if let Some(kind) = &self.kind {
            desk.schema(kind)?;
        }
        let mut found = desk.records();
        found.retain(|(_, kind, view)| {
            let of_kind = self.kind.as_ref().is_none_or(|wanted| wanted == kind);
            of_kind && (self.deleted || view.life != Life::Deleted) && self.holds(view)
        });
        desk.close()?;
        let rows: Vec<[String; 3]> = found
            .iter()
            .map(|(entity, kind, view)| {
                let id = entity.to_string();
                [id[id.len() - 8..].to_owned(), kind.clone(), headline(view)]
            })
            .collect();
        let all: Vec<_> = found
            .iter()
            .map(|(entity, kind, view)| as_json(entity, kind, view))
            .collect();
        let page = match rows.is_empty() {
            true => Page::new().line(Tone::Faint, "nothing here yet: see `anabranch new --help`"),
            false => Page::new().table(&rows),
        };
        Ok(Answer {
            page,
            json: json!({ "entities": all }),
            holds: true,
        })
    }

    fn holds(&self, view: &RecordView) -> bool {
        self.having.iter().all(|words| {
            let (name, wanted) = words.split_once('=').unwrap_or((words, ""));
            let path: Vec<&str> = name.split('.').collect();
            match view.get(&path) {
                Some(Value::List(list)) => list.iter().any(|one| in_words(one) == wanted),
                value => value.map(in_words).unwrap_or_default() == wanted,
            }
        })
    }
}

/// What a person would know an entity by.
fn headline(view: &RecordView) -> String {
    let named = ["title", "name", "subject", "summary", "label"];
    let field = named.iter().find_map(|name| view.get(&[name]));
    let any = || view.fields.values().find(|value| value.as_text().is_some());
    field.or_else(any).map(in_words).unwrap_or_default()
}
