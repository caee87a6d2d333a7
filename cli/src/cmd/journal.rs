//! `anabranch log`, `verify`: the journal, row by row.

use super::{
    at::At,
    words::{end, short, when},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        changeset::FlushCache,
        control::ControlBody,
        hlc::Hlc,
        id::EntityId,
        replica::Asked,
        store::{Position, Row, Store as _, StoreError},
    },
    storage::{Fault, journal::RedbStore},
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Bytes of the journal that are read at a time.
const PAGE_BYTES: usize = 4 << 20;

/// The journal, in the order in which things became known here.
#[derive(Args)]
pub struct Log {
    /// What concerns this entity alone: its id, or enough of its end.
    entity: Option<String>,
    /// The last so many rows.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    at: At,
}

/// Reads every byte of the store once and checks that it is what was written.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    at: At,
}

/// A row for people and programs.
struct Told {
    at: Position,
    kind: &'static str,
    hlc: Option<Hlc>,
    entity: Option<EntityId>,
    what: String,
    id: Option<String>,
}

/// Walks through the journal.
pub(super) fn each_row(
    store: &RedbStore,
    mut visit: impl FnMut(Position, &[u8]),
) -> Result<Position, StoreError> {
    let mut at = Position(0);
    loop {
        let page = store.read(at, PAGE_BYTES)?;
        if page.is_empty() {
            return Ok(at);
        }
        for row in &page {
            visit(at, row);
            at = at.after(1);
        }
    }
}

/// The name of a row's kind.
pub(super) fn kind(row: &Row) -> &'static str {
    match row {
        Row::Workspace { .. } => "workspace",
        Row::Schema { .. } => "schema",
        Row::Control(_) => "control",
        Row::Pen { .. } => "pen",
        Row::Intent { .. } => "own edit",
        Row::ChangeSet(_) => "change set",
        Row::Settled { .. } => "settled",
    }
}

impl Log {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let (store, _) = self.at.journal()?;
        let mut rows: Vec<Told> = Vec::new();
        let mut all = 0usize;
        let walked = each_row(&store, |at, bytes| {
            let row = told(at, bytes);
            let wanted = self.entity.as_ref().is_none_or(|words| {
                row.entity
                    .is_some_and(|entity| entity.to_string().ends_with(words.as_str()))
            });
            if wanted {
                all += 1;
                rows.push(row);
                if rows.len() > self.limit.saturating_mul(2).max(64) {
                    rows.drain(..rows.len() - self.limit);
                }
            }
        });
        walked.map_err(|error| Failure::new(error.fault(), error))?;
        rows.drain(..rows.len().saturating_sub(self.limit));
        let mut page = Page::new();
        for row in &rows {
            let entity = row.entity.map(|entity| end(&entity)).unwrap_or_default();
            page = page
                .piece(Tone::Strong, format!("{:>6}  ", row.at.0))
                .piece(Tone::Plain, format!("{:<10}  {entity:<8}  ", row.kind))
                .line(Tone::Plain, row.what.as_str());
        }
        page = match all {
            0 => page.line(Tone::Faint, "no row of the journal concerns it"),
            _ => page.line(Tone::Faint, format!("{} of {all} rows", rows.len())),
        };
        Ok(Answer {
            page,
            json: json!({ "of": all, "rows": rows.iter().map(Told::json).collect::<Vec<_>>() }),
            holds: true,
        })
    }
}

impl Told {
    fn json(&self) -> Json {
        json!({
            "at": self.at.0, "kind": self.kind, "what": self.what, "id": self.id,
            "entity": self.entity.map(|entity| entity.to_string()),
            "time_ms": self.hlc.map(Hlc::millis),
        })
    }
}

fn told(at: Position, bytes: &[u8]) -> Told {
    let mut told = Told {
        at,
        kind: "unreadable",
        hlc: None,
        entity: None,
        what: String::new(),
        id: None,
    };
    let row = match Row::decode(bytes) {
        Ok(row) => row,
        Err(error) => {
            told.what = error.to_string();
            return told;
        }
    };
    told.kind = kind(&row);
    match row {
        Row::Workspace { workspace, .. } => told.what = workspace.to_string(),
        Row::Schema { schema, .. } => told.what = format!("{} bytes", schema.len()),
        Row::Control(signed) => {
            let record = &signed.record;
            told.hlc = Some(record.hlc);
            told.what = format!("{}  {}", record.position.number, control(&record.body));
        }
        Row::Pen { pen, .. } => {
            told.what = format!(
                "device {} epoch {} lane {}",
                short(&pen.origin),
                pen.epoch.0,
                pen.lane.0
            );
        }
        Row::Intent { intent, .. } => {
            (told.hlc, told.entity) = (Some(intent.hlc), Some(intent.entity));
            told.id = Some(intent.id.to_string());
            let asked = match &intent.asked {
                Asked::Record(ops) => format!("{} operations", ops.len()),
                Asked::Body(noted) => format!("{} operations", noted.intents.len()),
                Asked::Entry(_) => "an entry".to_owned(),
                Asked::Step => "taken back".to_owned(),
            };
            told.what = format!("{}  {}  {asked}", short(&intent.id), intent.part);
        }
        Row::Settled { ids, .. } => told.what = format!("{} own edits", ids.len()),
        Row::ChangeSet(signed) => {
            let header = signed.change.header();
            (told.hlc, told.entity) = (Some(header.hlc), Some(header.entity));
            told.id = Some(signed.change.id().to_string());
            told.what = format!(
                "{}  {}  {} bytes  {}",
                short(&signed.change.id()),
                header.part,
                header.payload_len,
                when(header.hlc)
            );
        }
    }
    told
}

fn control(body: &ControlBody) -> String {
    match body {
        ControlBody::Found { owner, .. } => format!("founded by user {}", short(owner)),
        ControlBody::Orderer { next } => format!("device {} orders", short(next)),
        ControlBody::Member { origin, role, .. } => {
            format!("device {} admitted as {role:?}", short(origin))
        }
        ControlBody::Role { user, role } => format!("user {} is {role:?}", short(user)),
        ControlBody::Revoke { origin, .. } => format!("device {} shut out", short(origin)),
        ControlBody::ActivateSchema { kind, version, .. } => {
            format!("schema {kind} {version} in force")
        }
        ControlBody::ActivateRules { version } => format!("rules {version} in force"),
        ControlBody::Refuse { id, .. } => format!("change {} refused", short(id)),
        ControlBody::Fork { winner, .. } => format!("of a fork {} counts", short(winner)),
        ControlBody::KeyEpoch { epoch, .. } => format!("workspace key {epoch} in use"),
        ControlBody::PruneBefore { document, .. } => format!("log {} pruned", short(document)),
        ControlBody::Erase { id, .. } => format!("payload of {} erased", short(id)),
    }
}

impl Verify {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let (store, _) = self.at.journal()?;
        let mut progress = super::replay::progress();
        let found = store.verify(|done, of| {
            let small = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            progress(small(done), small(of));
        });
        let found = found.map_err(|error| Failure::new(error.fault(), error))?;
        let mut flushes = FlushCache::new();
        let (mut change_sets, mut unreadable, mut forged) = (0u64, Vec::new(), Vec::new());
        let walked = each_row(&store, |at, bytes| match Row::decode(bytes) {
            Ok(Row::ChangeSet(signed)) => {
                change_sets += 1;
                if signed.verify(&mut flushes).is_err() {
                    forged.push(at.0);
                }
            }
            Ok(_) => {}
            Err(_) => unreadable.push(at.0),
        });
        match walked {
            // What lies behind damage is counted above, row by row.
            Ok(_) | Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(Failure::new(error.fault(), error)),
        }
        let holds = found.damaged == 0 && unreadable.is_empty() && forged.is_empty();
        let row = |name: &str, count: u64| [name.to_owned(), count.to_string()];
        let mut page = match holds {
            true => Page::new().line(Tone::Good, "every row is what was written"),
            false => Page::new().line(Tone::Bad, "the store is damaged"),
        };
        page = page.table(&[
            row("rows", found.rows),
            row("bytes", found.bytes),
            row("change sets, signatures checked", change_sets),
            row("damaged rows", found.damaged),
            row("rows that do not read", unreadable.len() as u64),
            row("signatures that do not hold", forged.len() as u64),
        ]);
        if !holds {
            let first: Vec<String> = found
                .first_damaged
                .iter()
                .map(|at| at.0.to_string())
                .collect();
            page = page
                .line(Tone::Bad, format!("damaged: row {}", first.join(", ")))
                .line(
                    Tone::Plain,
                    "restore the store from a copy, or make a new one and import what others have",
                );
        }
        Ok(Answer {
            page,
            json: json!({
                "holds": holds, "rows": found.rows, "bytes": found.bytes, "change_sets": change_sets,
                "damaged": found.damaged,
                "first_damaged": found.first_damaged.iter().map(|at| at.0).collect::<Vec<_>>(),
                "unreadable": unreadable, "forged": forged,
            }),
            holds,
        })
    }
}

/// A failure of the store as the command line says it.
pub(super) fn failed(error: StoreError) -> Failure {
    let fault: Fault = error.fault();
    Failure::new(fault, error)
}
