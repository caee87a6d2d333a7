//! `anabranch attach`, `content`: files, whose bytes lie in blobs and whose names and versions in an entity.

use super::{
    at::{At, DeskError},
    desk::Desk,
    record::shown,
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        id::EntityId,
        record::RecordOp,
        value::{Scalar, Value},
    },
    storage::{
        Fault,
        blobs::{BlobError, BlobId, Blobs},
        whole,
    },
};
use clap::Args;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Largest file that is attached.
const ATTACHED_BYTES_MAX: u64 = 4 << 30;
/// Largest content that is written out again: it is written as a whole file.
const CONTENT_BYTES_MAX: usize = 1 << 30;
/// The kind whose entities have content.
const KIND: &str = "file";

/// Take a file in: its bytes into the store's blobs, its name and version into an entity.
#[derive(Args)]
pub struct Attach {
    /// The file.
    file: PathBuf,
    /// The `file` entity that it is a new version of; without it a new one is made.
    entity: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Write the content of a `file` entity out again.
#[derive(Args)]
pub struct Content {
    /// The entity: its id, or enough of its end.
    entity: String,
    /// Where to.
    to: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    at: At,
}

impl Attach {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let known = self.entity.as_deref().map(|words| file_of(&desk, words));
        let known = known.transpose()?;
        let mut file = opened(&self.file)?;
        let blobs = blobs(&self.at);
        let id = blobs
            .put(&mut file, ATTACHED_BYTES_MAX)
            .map_err(DeskError::from)?;
        let size = blobs.open(id).map_err(DeskError::from)?.len();
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let entity = known.map_or_else(|| desk.new_entity(KIND), Ok)?;
        let hash = || Value::Bytes(id.0.to_vec());
        let content = BTreeMap::from([
            ("hash".to_owned(), hash()),
            ("size".to_owned(), Value::Int(size)),
        ]);
        let put = |field: &str, value: Value| RecordOp::Put {
            field: vec![field.to_owned()],
            value,
        };
        let mut ops = vec![put("content", Value::Map(content))];
        if known.is_none() {
            let name = self.file.file_name().unwrap_or_default().to_string_lossy();
            ops.insert(0, put("name", Value::Text(name.into_owned())));
        }
        desk.write(KIND, entity, &ops)?;
        let version = BTreeMap::from([
            ("hash".to_owned(), Scalar::Bytes(id.0.to_vec())),
            ("size".to_owned(), Scalar::Int(size)),
        ]);
        desk.append((KIND, entity, "log.versions"), &version)?;
        let schema = desk.schema(KIND)?;
        shown(desk, &schema, entity)
    }
}

impl Content {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let entity = file_of(&desk, &self.entity)?;
        let view = desk.record(&entity);
        desk.close()?;
        let none = || DeskError::NoContent {
            entity: self.entity.clone(),
        };
        let hash = match view.get(&["content", "hash"]) {
            Some(Value::Bytes(hash)) => <[u8; 32]>::try_from(hash.as_slice()).ok(),
            _ => None,
        };
        let id = BlobId(hash.ok_or_else(none)?);
        let blob = blobs(&self.at).open(id).map_err(DeskError::from)?;
        let mut bytes = Vec::new();
        let read = blob.take(CONTENT_BYTES_MAX as u64).read_to_end(&mut bytes);
        read.map_err(|error| match error.downcast::<BlobError>() {
            Ok(damage) => DeskError::from(damage).into(),
            Err(error) => unread(&self.to, error),
        })?;
        let written = match self.replace {
            true => whole::replace(&self.to, &bytes),
            false => whole::create(&self.to, &bytes),
        };
        written.map_err(|error| Failure::new(error.fault(), error))?;
        let (to, bytes) = (self.to.display().to_string(), bytes.len());
        Ok(Answer {
            page: Page::new().line(Tone::Good, format!("wrote {to}: {bytes} bytes")),
            json: json!({ "file": to, "bytes": bytes, "hash": id.to_string() }),
            holds: true,
        })
    }
}

fn blobs(at: &At) -> Blobs {
    Blobs::in_folder(&at.folder().join(anabranch::storage::journal::BLOBS))
}

/// The `file` entity that words name.
fn file_of(desk: &Desk, words: &str) -> Result<EntityId, DeskError> {
    match desk.entity(words)? {
        (entity, schema) if schema.kind() == KIND => Ok(entity),
        _ => Err(DeskError::NoContent {
            entity: words.to_owned(),
        }),
    }
}

/// Opens a file that is one: a pipe would wait for ever.
fn opened(path: &Path) -> Result<File, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unread(path, error))?;
    if !metadata.is_file() {
        let path = path.display();
        let error = anyhow::anyhow!("{path} is not a file: name one");
        return Err(Failure::new(Fault::Caller, error));
    }
    File::open(path).map_err(|error| unread(path, error))
}

fn unread(path: &Path, error: std::io::Error) -> Failure {
    let path = path.display().to_string();
    Failure::new(Fault::Environment, anyhow::anyhow!("{path}: {error}"))
}
