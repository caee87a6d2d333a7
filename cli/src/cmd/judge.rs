//! `anabranch judge`: what a change would come to, and why.

use super::BUNDLE_BYTES_MAX;
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        changeset::{FlushCache, Signed},
        document::{Document, EngineDoc, State},
        id::{DocumentId, EntityId, UserId},
        judge::Verdict,
        limits,
        replica::{BundleReadError, FromBundle, Replica},
        schema::{self, PartShape, catalogue},
        sim::Lab,
    },
    storage::{Fault, bounded},
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{path::PathBuf, sync::Arc};

/// The wall clock of judging: it moves the replica's clock and decides nothing.
const NOW_MS: u64 = 1_750_000_000_000;

/// What the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// One Automerge change, as its actor would send it next.
    Automerge,
    /// One Yrs update (v1), as its client would send it next.
    Yrs,
    /// One signed change set in its canonical bytes.
    Changeset,
}

/// Judge a change: raw engine bytes are judged as their author would send them.
#[derive(Args)]
pub struct Judge {
    /// What the file holds.
    #[arg(long)]
    engine: Engine,
    /// The schema to judge by; else `task` for records and `page` for bodies.
    #[arg(long)]
    schema: Option<PathBuf>,
    /// A bundle whose documents the change is judged against, in place of an empty built-in one.
    #[arg(long, conflicts_with = "schema")]
    against: Option<PathBuf>,
    /// The document of the bundle that raw engine bytes belong to; else the first of the engine.
    #[arg(long, requires = "against")]
    document: Option<String>,
    /// The bytes.
    file: PathBuf,
}

impl Judge {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let most = limits::PAYLOAD_BYTES_MAX
            .saturating_add(limits::HEADER_BYTES_MAX)
            .saturating_mul(4);
        let bytes = bounded::read(&self.file, most)?;
        let verdict = match self.engine {
            Engine::Changeset => self.change_set(&bytes)?,
            Engine::Automerge | Engine::Yrs => self.payload(&bytes)?,
        };
        Ok(answer(&verdict))
    }

    fn change_set(&self, bytes: &[u8]) -> Result<Verdict, Failure> {
        let signed = match Signed::decode(bytes) {
            Ok(signed) => signed,
            Err(rule) => return Ok(Verdict::Refuse(rule.into())),
        };
        let mut replica = match &self.against {
            Some(path) => bundle(path)?.replica,
            None => Lab::for_judging(self.schemas()?).empty_replica(),
        };
        let id = signed.change.id();
        let verified = match signed.verify(&mut FlushCache::new()) {
            Ok(verified) => verified,
            Err(rule) => return Ok(Verdict::Refuse(rule.into())),
        };
        let intake = replica.receive(NOW_MS, vec![verified]);
        let state = intake
            .arrivals
            .into_iter()
            .find(|arrival| arrival.id == id)
            .map(|a| a.state);
        state.as_ref().and_then(State::verdict).ok_or_else(|| {
            let error = anyhow::anyhow!(
                "the change set is excluded by the bundle's control log, not judged"
            );
            Failure::new(Fault::Caller, error)
        })
    }

    fn payload(&self, bytes: &[u8]) -> Result<Verdict, Failure> {
        let mut from;
        let mut fresh;
        let document = match &self.against {
            Some(path) => {
                from = bundle(path)?.replica;
                self.of_bundle(&mut from)?
            }
            None => {
                fresh = self.empty()?;
                &mut fresh
            }
        };
        let schema = document.schema().cloned();
        let schema =
            schema.ok_or_else(|| Failure::new(Fault::Caller, anyhow::anyhow!("no schema")))?;
        let stand = document.stand(bytes, &schema);
        Ok(match document.judge_alone(&stand, bytes) {
            Ok(()) => Verdict::Accept,
            Err(rule) => Verdict::Refuse(rule),
        })
    }

    /// An empty document of the schema's first part that the engine holds.
    fn empty(&self) -> Result<Document, Failure> {
        let schema = match self.engine {
            Engine::Yrs => self.schema_or("page")?,
            Engine::Automerge | Engine::Changeset => self.schema_or("task")?,
        };
        let holds = |shape: &PartShape| match shape {
            PartShape::Record(_) => self.engine == Engine::Automerge,
            PartShape::Body(_) => self.engine == Engine::Yrs,
            PartShape::Log(_) => false,
        };
        let parts = &schema.spec().parts;
        // `record` and `body` before the parts beside them.
        let part = parts
            .iter()
            .filter(|(_, part)| holds(&part.shape))
            .max_by_key(|(name, _)| !name.contains('.'));
        let entity = EntityId::new(UserId([0; 16]), schema.kind(), [0; 12]);
        let name = part.map(|(name, _)| name.clone());
        name.and_then(|name| Document::new(entity, &name, vec![Arc::new(schema)]))
            .ok_or_else(|| {
                let error = anyhow::anyhow!(
                    "the schema has no part that {:?} holds: name another one",
                    self.engine
                );
                Failure::new(Fault::Caller, error)
            })
    }

    fn of_bundle<'r>(&self, replica: &'r mut Replica) -> Result<&'r mut Document, Failure> {
        let wanted = self.document.as_deref().map(DocumentId::parse);
        if wanted == Some(None) {
            let error = anyhow::anyhow!("a document id is 64 hexadecimal digits");
            return Err(Failure::new(Fault::Caller, error));
        }
        let holds = |document: &&Document| match document.engine() {
            EngineDoc::Record(_) => self.engine == Engine::Automerge,
            EngineDoc::Body(_) => self.engine == Engine::Yrs,
            EngineDoc::Log(_) => false,
        };
        let found = replica
            .documents()
            .filter(holds)
            .find(|document| wanted.flatten().is_none_or(|id| document.id() == id))
            .map(|document| (*document.entity(), document.part().to_owned()));
        found
            .and_then(|(entity, part)| replica.document_mut(&entity, &part))
            .ok_or_else(|| {
                let error = anyhow::anyhow!(
                    "the bundle has no such document that {:?} holds",
                    self.engine
                );
                Failure::new(Fault::Caller, error)
            })
    }

    fn schemas(&self) -> Result<Vec<schema::Schema>, Failure> {
        match &self.schema {
            Some(_) => Ok(vec![self.schema_or("task")?]),
            None => Ok(["task", "page"]
                .iter()
                .filter_map(|kind| catalogue::schema(kind))
                .collect()),
        }
    }

    fn schema_or(&self, kind: &str) -> Result<schema::Schema, Failure> {
        let text = match &self.schema {
            Some(path) => super::schema::read(path)?,
            None => {
                let entry = catalogue::catalogue()
                    .iter()
                    .find(|entry| entry.kind == kind);
                entry.map(|entry| entry.text.to_owned()).unwrap_or_default()
            }
        };
        let name = self
            .schema
            .as_ref()
            .map_or(kind.to_owned(), |path| path.display().to_string());
        schema::Schema::parse(&text).map_err(|errors| super::schema::mistakes(&name, errors))
    }
}

fn bundle(path: &std::path::Path) -> Result<FromBundle, Failure> {
    let bytes = bounded::read(path, BUNDLE_BYTES_MAX)?;
    Replica::from_bundle(NOW_MS, &bytes).map_err(|error: BundleReadError| {
        Failure::new(Fault::Peer, anyhow::anyhow!("{}: {error}", path.display()))
    })
}

fn answer(verdict: &Verdict) -> Answer {
    let (word, tone, code, reason) = match verdict {
        Verdict::Accept => ("accept", Tone::Good, None, None),
        Verdict::Hold(hold) => (
            "hold",
            Tone::Strong,
            Some(hold.code()),
            Some(hold.to_string()),
        ),
        Verdict::Refuse(rule) => (
            "refuse",
            Tone::Bad,
            Some(rule.code()),
            Some(rule.to_string()),
        ),
    };
    let mut page = Page::new().piece(tone, word);
    if let (Some(code), Some(reason)) = (code, &reason) {
        page = page
            .piece(Tone::Plain, "  ")
            .piece(Tone::Faint, code)
            .gap()
            .line(Tone::Plain, format!("  {reason}"));
    } else {
        page = page.gap();
    }
    Answer {
        page,
        json: json!({ "verdict": word, "code": code, "reason": reason }),
        holds: *verdict == Verdict::Accept,
    }
}
