//! What a row of the journal is: a version, a kind, and the canonical bytes of what it holds.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{EnvelopeRule, Signed},
    control::{ControlDecodeError, SignedControl},
    id::{ChangeSetId, DocumentId, OriginId, WorkspaceId},
    replica::{Intent, Pen},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version of rows that this build writes and the only one it reads.
pub const ROW_VERSION: u8 = 1;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A workspace is kept here from now on.
    Workspace {
        /// The workspace.
        workspace: WorkspaceId,
        /// Who founded it.
        founder: OriginId,
    },
    /// A schema that arrived, active or not.
    Schema {
        /// The workspace.
        workspace: WorkspaceId,
        /// Its canonical bytes.
        schema: Vec<u8>,
    },
    /// A control record.
    Control(Box<SignedControl>),
    /// Who writes here from now on.
    Pen {
        /// The workspace.
        workspace: WorkspaceId,
        /// Device, user, epoch, lane.
        pen: Pen,
    },
    /// An own edit as it was asked for, kept until it is final.
    Intent {
        /// The workspace.
        workspace: WorkspaceId,
        /// The edit.
        intent: Box<Intent>,
    },
    /// A change set with its proof.
    ChangeSet(Box<Signed>),
    /// Own edits of a document that are kept no longer: made again, or given back.
    Settled {
        /// The workspace.
        workspace: WorkspaceId,
        /// The document.
        document: DocumentId,
        /// The change sets that they had become.
        ids: Vec<ChangeSetId>,
    },
}

/// Why bytes are no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Of a version that this build does not read.
    #[error("a journal row of version {had}, this build reads version {ROW_VERSION}: upgrade")]
    Version {
        /// Its version.
        had: u8,
    },
    /// Not the bytes of a row.
    #[error("these {had} bytes are not a row of the journal")]
    Form {
        /// Their length.
        had: usize,
    },
    /// A change set that is none.
    #[error(transparent)]
    ChangeSet(#[from] EnvelopeRule),
    /// A control record that is none.
    #[error(transparent)]
    Control(#[from] ControlDecodeError),
}

/// The kinds that postcard writes whole.
#[derive(Serialize, Deserialize)]
enum Plain {
    Workspace(WorkspaceId, OriginId),
    Schema(WorkspaceId, Vec<u8>),
    Pen(WorkspaceId, Pen),
    Intent(WorkspaceId, Box<Intent>),
    Settled(WorkspaceId, DocumentId, Vec<ChangeSetId>),
}

const PLAIN: u8 = 0;
const CONTROL: u8 = 1;
const CHANGE_SET: u8 = 2;

impl Row {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Row::Workspace { workspace, founder } => {
                (PLAIN, plain(&Plain::Workspace(*workspace, *founder)))
            }
            Row::Schema { workspace, schema } => {
                (PLAIN, plain(&Plain::Schema(*workspace, schema.clone())))
            }
            Row::Pen { workspace, pen } => (PLAIN, plain(&Plain::Pen(*workspace, *pen))),
            Row::Intent { workspace, intent } => {
                (PLAIN, plain(&Plain::Intent(*workspace, intent.clone())))
            }
            Row::Settled {
                workspace,
                document,
                ids,
            } => (
                PLAIN,
                plain(&Plain::Settled(*workspace, *document, ids.clone())),
            ),
            Row::Control(control) => (CONTROL, control.encode()),
            Row::ChangeSet(signed) => (CHANGE_SET, signed.encode()),
        };
        [&[ROW_VERSION, kind], body.as_slice()].concat()
    }

    /// Reads a row.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn decode(bytes: &[u8]) -> Result<Row, RowError> {
        let form = || RowError::Form { had: bytes.len() };
        let (version, rest) = bytes.split_first().ok_or_else(form)?;
        if *version != ROW_VERSION {
            return Err(RowError::Version { had: *version });
        }
        let (kind, body) = rest.split_first().ok_or_else(form)?;
        Ok(match *kind {
            PLAIN => match whole(body).ok_or_else(form)? {
                Plain::Workspace(workspace, founder) => Row::Workspace { workspace, founder },
                Plain::Schema(workspace, schema) => Row::Schema { workspace, schema },
                Plain::Pen(workspace, pen) => Row::Pen { workspace, pen },
                Plain::Intent(workspace, intent) => Row::Intent { workspace, intent },
                Plain::Settled(workspace, document, ids) => Row::Settled {
                    workspace,
                    document,
                    ids,
                },
            },
            CONTROL => Row::Control(Box::new(SignedControl::decode(body)?)),
            CHANGE_SET => Row::ChangeSet(Box::new(Signed::decode(body)?)),
            _ => return Err(form()),
        })
    }
}

fn plain(row: &Plain) -> Vec<u8> {
    postcard::to_allocvec(row).unwrap_or_default()
}

fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
