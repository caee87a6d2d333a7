//! Where a store is, and what every command that works on one may fail with.

use super::desk::Desk;
use crate::answer::Failure;
use anabranch::{
    OpenError,
    core::{
        engine::{EditError, ReadError},
        id::WorkspaceId,
        query::WordsError,
        replica::BundleReadError,
    },
    field::FieldError,
    storage::{
        Fault,
        blobs::{BlobError, PutError},
        journal::{RedbStore, Whereabouts},
    },
    transport::{
        Home,
        node::{CloseError, ListError, NoChance},
    },
};
use clap::Args;
use std::path::{Path, PathBuf};

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
    /// A part that is not there, or that something else holds.
    #[error("kind `{kind}` has no {wanted} `{name}`: {has}")]
    Part {
        /// The kind.
        kind: String,
        /// What was looked for.
        wanted: &'static str,
        /// Its name.
        name: String,
        /// What there is.
        has: String,
    },
    /// Words that name no point of a history.
    #[error(
        "`{words}` names no point in this entity's history: give the id of a change (see `anabranch history`), \
         the name of a version, or a time such as 2026-11-21T18:00:00Z"
    )]
    Point {
        /// The words.
        words: String,
    },
    /// A named version whose change sets are not all here.
    #[error(
        "version `{name}` names {missing} change sets that are not here yet: import a bundle of a store \
         that has them"
    )]
    Incomplete {
        /// The version.
        name: String,
        /// How many.
        missing: usize,
    },
    /// Words that nothing can be said about.
    #[error(
        "`{words}` is no change, entity or topic: topics are conflict, offline, queue, error, \
         permission, events"
    )]
    Unexplained {
        /// The words.
        words: String,
    },
    /// A field that has one value.
    #[error(
        "`{field}` was not written apart, there is nothing to settle{}",
        open_fields(open)
    )]
    Settled {
        /// The field.
        field: String,
        /// The fields that were.
        open: Vec<String>,
    },
    /// A choice that is none.
    #[error("there are {count} values: --pick takes 1 to {count}, not {pick}")]
    Pick {
        /// What was picked.
        pick: usize,
        /// How many there are.
        count: usize,
    },
    /// A name that is taken.
    #[error("there is a version `{name}` of this entity already: choose another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// An assignment.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A bundle of a workspace that is not here.
    #[error(
        "{path} is of workspace {of}, this store is of {home}: take it in beside its own with --foreign"
    )]
    Foreign {
        /// The file.
        path: String,
        /// Its workspace.
        of: WorkspaceId,
        /// The store's.
        home: WorkspaceId,
    },
    /// A bundle that is none.
    #[error("{path}: {error}")]
    Bundle {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: BundleReadError,
    },
    /// Words that are no page.
    #[error("`{words}` is not what a list said as `next`: take it from the answer before")]
    NoPage {
        /// The words.
        words: String,
    },
    /// Conditions that are none.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// A list that cannot be made.
    #[error(transparent)]
    List(#[from] ListError),
    /// A file that cannot be attached.
    #[error(transparent)]
    Put(#[from] PutError),
    /// A blob that cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// An entity without content.
    #[error("{entity} has no content: attach a file to it with `anabranch attach FILE {entity}`")]
    NoContent {
        /// The entity.
        entity: String,
    },
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
    #[error("{0}. This command has given up: repeat it when that is mended")]
    Close(#[from] CloseError),
}

fn open_fields(open: &[String]) -> String {
    match open.is_empty() {
        true => ": no field of this entity was".to_owned(),
        false => format!(": these were: {}", open.join(", ")),
    }
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
            | DeskError::Part { .. }
            | DeskError::Point { .. }
            | DeskError::Incomplete { .. }
            | DeskError::Unexplained { .. }
            | DeskError::Settled { .. }
            | DeskError::Pick { .. }
            | DeskError::Taken { .. }
            | DeskError::NoPage { .. }
            | DeskError::NoContent { .. }
            | DeskError::Words(_)
            | DeskError::Field(_)
            | DeskError::Edit(
                EditError::Write(_)
                | EditError::UnknownWorkspace(_)
                | EditError::Outdated { .. }
                | EditError::Uncarried(_),
            ) => Fault::Caller,
            DeskError::Bundle { .. } | DeskError::Foreign { .. } => Fault::Peer,
            DeskError::List(error) => error.fault(),
            DeskError::Put(error) => error.fault(),
            DeskError::Blob(error) => error.fault(),
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

    /// The journal beneath the store, to read its rows. Nothing about the store is settled by it.
    pub fn journal(&self) -> Result<(RedbStore, Whereabouts), Failure> {
        let path = self.store.clone();
        if !anabranch::is_store(&path) {
            return Err(DeskError::Missing { path }.into());
        }
        let opened = RedbStore::open(&path);
        opened.map_err(|error| Failure::new(error.fault(), error))
    }

    fn sit(&self) -> Result<Desk, Failure> {
        let node = anabranch::open(&self.store)?;
        let Home { workspace, user } = node.home().ok_or(DeskError::Empty)?;
        Ok(Desk::new(node, workspace, user))
    }

    /// The folder.
    pub fn path(&self) -> String {
        self.store.display().to_string()
    }

    /// The folder, for what looks at files.
    pub fn folder(&self) -> &Path {
        &self.store
    }
}
