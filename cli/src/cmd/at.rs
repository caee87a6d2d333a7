//! Where a store is, and what every command that works on one does first.

use crate::answer::Failure;
use anabranch::{
    OpenError,
    core::{
        document::{Draft, EngineDoc},
        engine::{EditError, Place, ReadError, Receipt},
        id::{EntityId, UserId, ViewId, WorkspaceId},
        record::{Life, RecordOp, RecordView, unnumbered},
        replica::Replica,
        schema::Schema,
    },
    field::FieldError,
    storage::Fault,
    transport::{
        Home, Node,
        node::{CloseError, NoChance},
    },
};
use clap::Args;
use serde_json::{Value as Json, json};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// How long a command waits for the disk before it says that it did not answer.
const SAVE_MAX: Duration = Duration::from_secs(30);

/// Where the store is.
#[derive(Args)]
pub struct At {
    /// The store's folder.
    #[arg(
        long,
        global = true,
        default_value = ".anabranch",
        env = "ANABRANCH_STORE"
    )]
    store: PathBuf,
}

/// A store that a command works on.
pub struct Desk {
    /// Its node.
    pub node: Node,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its user.
    pub user: UserId,
}

/// Why a command on a store has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no store.
    #[error(
        "there is no store in {path}: make one with `anabranch init`, or name another with --store"
    )]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// There is one already.
    #[error("there is a store in {path} already")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// It holds no workspace that this device writes in.
    #[error("the store holds no workspace that this device writes in")]
    Empty,
    /// No such kind.
    #[error("no kind `{kind}`: see `anabranch schema list`")]
    Kind {
        /// The kind.
        kind: String,
    },
    /// Words that name no entity.
    #[error(
        "`{words}` names no entity here: give an id, or enough of its end to tell it from others"
    )]
    Entity {
        /// The words.
        words: String,
    },
    /// Words that name several.
    #[error("`{words}` is the end of {count} ids: give more of it")]
    Ambiguous {
        /// The words.
        words: String,
        /// How many.
        count: usize,
    },
    /// An assignment.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The edit was refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It cannot be named.
    #[error(transparent)]
    Name(#[from] NoChance),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It was not saved.
    #[error(transparent)]
    Close(#[from] CloseError),
}

impl DeskError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            DeskError::Missing { .. }
            | DeskError::Exists { .. }
            | DeskError::Empty
            | DeskError::Kind { .. }
            | DeskError::Entity { .. }
            | DeskError::Ambiguous { .. }
            | DeskError::Field(_)
            | DeskError::Edit(EditError::Write(_) | EditError::UnknownWorkspace(_)) => {
                Fault::Caller
            }
            DeskError::Read(error) | DeskError::Edit(EditError::Read(error)) => error.fault(),
            DeskError::Edit(EditError::Closed(_)) => Fault::Corruption,
            DeskError::Edit(EditError::StoreFailing { .. })
            | DeskError::Name(_)
            | DeskError::Close(_) => Fault::Environment,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::new(error.fault(), error)
    }
}

impl From<DeskError> for Failure {
    fn from(error: DeskError) -> Failure {
        Failure::new(error.fault(), error)
    }
}

impl At {
    /// Makes a store.
    pub fn make(&self) -> Result<Desk, Failure> {
        let path = self.store.clone();
        match anabranch::is_store(&path) {
            true => Err(DeskError::Exists { path }.into()),
            false => self.sit(),
        }
    }

    /// Opens the store that is there.
    pub fn open(&self) -> Result<Desk, Failure> {
        let path = self.store.clone();
        match anabranch::is_store(&path) {
            true => self.sit(),
            false => Err(DeskError::Missing { path }.into()),
        }
    }

    fn sit(&self) -> Result<Desk, Failure> {
        let node = anabranch::open(&self.store)?;
        let Home { workspace, user } = node.home().ok_or(DeskError::Empty)?;
        Ok(Desk {
            node,
            workspace,
            user,
        })
    }

    /// The folder.
    pub fn path(&self) -> String {
        self.store.display().to_string()
    }
}

impl Desk {
    /// Waits until everything is durable.
    pub fn close(self) -> Result<(), Failure> {
        Ok(self.node.close(Receipt::Local, SAVE_MAX).map_err(DeskError::from)?)
    }

    /// Looks at the workspace.
    pub fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        self.node
            .with(|engine| engine.replica(&self.workspace).map(look))
    }

    /// The newest schema of a kind.
    pub fn schema(&self, kind: &str) -> Result<Arc<Schema>, DeskError> {
        let schema = self.look(|replica| replica.schemas().newest(kind).cloned());
        schema.flatten().ok_or_else(|| DeskError::Kind {
            kind: kind.to_owned(),
        })
    }

    /// The entity whose id, or its end, was given, and its kind.
    pub fn entity(&self, words: &str) -> Result<(EntityId, Arc<Schema>), DeskError> {
        let kinds = self.look(|replica| replica.schemas().kinds().map(str::to_owned).collect());
        let kinds: Vec<String> = kinds.unwrap_or_default();
        let mut found = Vec::new();
        for kind in kinds {
            let schema = self.schema(&kind)?;
            for one in self.node.projections(&self.workspace, &kind)? {
                if one.entity.to_string().ends_with(words) {
                    found.push((one.entity, Arc::clone(&schema)));
                }
            }
        }
        let words = words.to_owned();
        match (found.len(), found.pop()) {
            (1, Some(one)) => Ok(one),
            (0, _) => Err(DeskError::Entity { words }),
            (count, _) => Err(DeskError::Ambiguous { words, count }),
        }
    }

    /// What a record shows; an empty one where there is none.
    pub fn record(&self, entity: &EntityId) -> Result<RecordView, DeskError> {
        let read = self.node.read(&self.workspace, entity, "record", |document| {
            let EngineDoc::Record(record) = document?.engine() else {
                return None;
            };
            Some(record.project(&unnumbered))
        });
        Ok(read?.unwrap_or_default())
    }

    /// Edits a record.
    pub fn write(&self, kind: &str, entity: EntityId, ops: &[RecordOp]) -> Result<(), DeskError> {
        let place = Place {
            workspace: self.workspace,
            kind,
            entity,
            part: "record",
            view: ViewId(0),
        };
        self.node.edit(&place, &Draft::Record(ops))?;
        Ok(())
    }
}

/// A record for programs.
pub fn as_json(entity: &EntityId, kind: &str, view: &RecordView) -> Json {
    json!({
        "id": entity.to_string(),
        "kind": kind,
        "deleted": view.life == Life::Deleted,
        "version": view.version,
        "fields": view.fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<serde_json::Map<_, _>>(),
        "conflicts": view.conflicts.iter().map(|conflict| json!({
            "field": conflict.field.join("."),
            "shown": conflict.shown.to_json(),
            "values": conflict.candidates.iter().map(|one| one.value.to_json()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
