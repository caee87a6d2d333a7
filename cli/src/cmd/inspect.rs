//! `anabranch inspect`: what a store holds.

use super::{
    at::At,
    desk::{Holding, Stock},
    journal::{each_row, failed, kind},
    words::{count, end, short},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::store::Row;
use clap::Args;
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fs};

/// What a store holds: files, rows, workspaces, documents.
#[derive(Args)]
pub struct Inspect {
    /// Every document, not only the largest.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    at: At,
}

/// Documents that are shown unless all are asked for.
const SHOWN: usize = 10;

impl Inspect {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let (store, _) = self.at.journal()?;
        let mut rows: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        let walked = each_row(&store, |_, bytes| {
            let name = Row::decode(bytes).map_or("unreadable", |row| kind(&row));
            let (count, sum) = rows.entry(name).or_default();
            *count += 1;
            *sum += bytes.len() as u64;
        });
        walked.map_err(failed)?;
        drop(store);
        let files = files(&self.at);
        let desk = self.at.open()?;
        let stock = desk.stock();
        desk.close()?;
        let mut page = Page::new().line(Tone::Strong, self.at.path());
        let listed = files
            .iter()
            .map(|(name, bytes)| [format!("  {name}"), format!("{bytes} bytes")]);
        page = page
            .table(&listed.collect::<Vec<_>>())
            .line(Tone::Strong, "journal");
        let listed = rows.iter().map(|(name, (rows, bytes))| {
            [
                format!("  {name}"),
                format!("{rows} rows"),
                format!("{bytes} bytes"),
            ]
        });
        page = page.table(&listed.collect::<Vec<_>>());
        for one in &stock {
            page = workspace(page, one, self.all);
        }
        let rows: Vec<Json> = rows
            .iter()
            .map(|(name, (count, bytes))| json!({ "kind": name, "rows": count, "bytes": bytes }))
            .collect();
        let files: Vec<Json> = files
            .iter()
            .map(|(name, bytes)| json!({ "name": name, "bytes": bytes }))
            .collect();
        Ok(Answer {
            page,
            json: json!({
                "store": self.at.path(), "files": files, "journal": rows,
                "workspaces": stock.iter().map(as_json).collect::<Vec<_>>(),
            }),
            holds: true,
        })
    }
}

fn files(at: &At) -> Vec<(String, u64)> {
    let entries = fs::read_dir(at.folder()).into_iter().flatten().flatten();
    let mut files: Vec<(String, u64)> = entries
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, about.len()))
        })
        .collect();
    files.sort();
    files
}

fn workspace(page: Page, one: &Stock, all: bool) -> Page {
    let mut documents: Vec<&Holding> = one.documents.iter().collect();
    documents.sort_by_key(|document| std::cmp::Reverse(document.bytes));
    let shown = if all { documents.len() } else { SHOWN };
    let rows: Vec<[String; 5]> = documents
        .iter()
        .take(shown)
        .map(|document| {
            [
                format!("  {}", end(&document.entity)),
                format!("{} {}", document.kind, document.part),
                count(document.change_sets, "change set"),
                count(document.chains, "chain"),
                match document.asides.len() {
                    0 => format!("{} bytes", document.bytes),
                    aside => format!("{} bytes, {aside} aside", document.bytes),
                },
            ]
        })
        .collect();
    let page = page
        .piece(Tone::Strong, format!("workspace {}", short(&one.workspace)))
        .line(
            Tone::Faint,
            format!(
                "  {}, {}, {}, {}",
                count(one.documents.len(), "document"),
                count(one.members.len(), "member"),
                count(one.schemas, "schema"),
                count(one.controls, "control record")
            ),
        )
        .table(&rows);
    match documents.len().saturating_sub(shown) {
        0 => page,
        more => page.line(Tone::Faint, format!("  {more} more: --all")),
    }
}

fn as_json(one: &Stock) -> Json {
    let documents: Vec<Json> = one
        .documents
        .iter()
        .map(|document| {
            json!({
                "entity": document.entity.to_string(), "kind": document.kind, "part": document.part,
                "engine": document.engine, "chains": document.chains,
                "change_sets": document.change_sets, "bytes": document.bytes,
                "aside": document.asides.len(),
            })
        })
        .collect();
    json!({
        "workspace": one.workspace.to_string(),
        "role": one.role.map(|role| format!("{role:?}").to_lowercase()),
        "members": one.members.len(), "schemas": one.schemas, "control_records": one.controls,
        "own_edits": one.intents, "documents": documents,
    })
}
