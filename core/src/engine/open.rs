//! Opening: the journal's rows become workspaces again.

use super::Engine;
use crate::{
    changeset::Signed,
    id::{OriginId, WorkspaceId},
    replica::Replica,
    schema::{Schema, SchemaDecodeError},
    store::{Position, Row, RowError},
};
use std::collections::BTreeMap;

/// Why a journal cannot be loaded. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A row is none.
    #[error("row {} of the journal: {error}", at.0)]
    Row {
        /// Where.
        at: Position,
        /// Why.
        error: RowError,
    },
    /// A schema is none.
    #[error("row {} of the journal: {error}", at.0)]
    Schema {
        /// Where.
        at: Position,
        /// Why.
        error: SchemaDecodeError,
    },
    /// Another device wrote it.
    #[error(
        "row {} of the journal was written by device {wrote}, but the key is that of {key}: put the \
         right key back",
        at.0
    )]
    OtherDevice {
        /// Where.
        at: Position,
        /// The device that wrote it.
        wrote: OriginId,
        /// The device that the key is of.
        key: OriginId,
    },
    /// It speaks of a workspace that it has not named.
    #[error("row {} of the journal is of workspace {workspace}, which no row before it names", at.0)]
    Unnamed {
        /// Where.
        at: Position,
        /// The workspace.
        workspace: WorkspaceId,
    },
}

impl Engine {
    /// Takes in the next rows of the journal. When all have been taken in, [`Engine::loaded`] is
    /// called once.
    ///
    /// # Errors
    /// At the first row that cannot be taken in.
    pub fn load(&mut self, rows: &[Vec<u8>], loading: &mut Loading) -> Result<(), LoadError> {
        for bytes in rows {
            let at = self.journal.end();
            let row = Row::decode(bytes).map_err(|error| LoadError::Row { at, error })?;
            self.load_row(at, row, loading)?;
            self.journal.loaded(1);
        }
        Ok(())
    }

    fn load_row(&mut self, at: Position, row: Row, loading: &mut Loading) -> Result<(), LoadError> {
        let workspace = match &row {
            Row::Workspace { workspace, founder } => {
                let replica = Replica::new(*workspace, *founder);
                self.replicas.entry(*workspace).or_insert(replica);
                return Ok(());
            }
            Row::Schema { workspace, .. }
            | Row::Pen { workspace, .. }
            | Row::Intent { workspace, .. } => *workspace,
            Row::Control(signed) => signed.record.workspace,
            Row::ChangeSet(signed) => signed.change.header().workspace,
        };
        let key = self.device();
        let unnamed = LoadError::Unnamed { at, workspace };
        let replica = self.replicas.get_mut(&workspace).ok_or(unnamed)?;
        match row {
            Row::Workspace { .. } => {}
            Row::Schema { schema, .. } => {
                let schema = Schema::decode(&schema);
                replica.schema(schema.map_err(|error| LoadError::Schema { at, error })?);
            }
            Row::Control(signed) => {
                // It was kept when it came: what does not follow now never did.
                replica.control_record(*signed).ok();
            }
            Row::Pen { pen, .. } if pen.origin != key => {
                let wrote = pen.origin;
                return Err(LoadError::OtherDevice { at, wrote, key });
            }
            Row::Pen { pen, .. } => replica.take_pen(pen),
            Row::Intent { intent, .. } => replica.restore_intent(*intent),
            Row::ChangeSet(signed) => loading.sets.entry(workspace).or_default().push(*signed),
        }
        Ok(())
    }

    /// The journal's end was reached: documents are made of what was read.
    pub fn loaded(&mut self, now_ms: u64, loading: Loading) {
        for (workspace, stored) in loading.sets {
            if let Some(replica) = self.replicas.get_mut(&workspace) {
                replica.restore(now_ms, stored);
            }
        }
    }
}

/// Change sets that were read so far: they are taken in together, when every control record and schema
/// is known.
#[derive(Debug, Default)]
pub struct Loading {
    sets: BTreeMap<WorkspaceId, Vec<Signed>>,
}
