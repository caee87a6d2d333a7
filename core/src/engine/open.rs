//! Opening: what is derived and the journal's tail become workspaces again; each document when it is
//! wanted.

use super::{
    Engine,
    derive::{Head, Known, segment_key},
    directory::Shelfmark,
};
use crate::{
    id::{DocumentId, OriginId, WorkspaceId},
    replica::Replica,
    schema::{Schema, SchemaDecodeError},
    store::{Position, Row, RowError},
};

/// Why rows of a journal cannot be taken in.
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

/// What is derived is not what was written, or of another version: to be forgotten, and loaded from the
/// journal's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is derived from the journal is not what was written")]
pub struct NotDerived;

/// A document that is to be read from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The document.
    pub document: DocumentId,
    /// Its rows.
    pub rows: Vec<Position>,
}

impl Engine {
    /// Takes in what was derived up to a place: the head, and the pieces of the directory that it
    /// names. The rows that [`Engine::wanted_first`] names come next, then the journal from there on.
    ///
    /// # Errors
    /// Where it is not what was written.
    pub fn load_derived(
        &mut self,
        upto: Position,
        head: &[u8],
        mut piece: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<(), NotDerived> {
        let head = Head::decode(head).ok_or(NotDerived)?;
        let mut directory = super::directory::Directory::default();
        for number in head.first..head.next {
            let segment = piece(&segment_key(number)).ok_or(NotDerived)?;
            directory.read(&segment).ok_or(NotDerived)?;
        }
        self.directory = directory;
        self.known = head.workspaces.clone();
        let counts = head.counts.iter().cloned();
        let counts = counts.map(|(workspace, kind, count)| ((workspace, kind), count));
        self.projections.counts = counts.collect();
        self.projections.behind = head.behind.clone();
        self.projections.unsettled = head.unsettled.clone();
        self.derived.head = head;
        self.journal.resume(upto);
        Ok(())
    }

    /// Rows of which something is to be known before the journal's tail is read.
    pub fn wanted_first(&self) -> Vec<Position> {
        self.directory.common()
    }

    /// Takes in the rows that were wanted first.
    ///
    /// # Errors
    /// At the first row that cannot be taken in.
    pub fn load_first(&mut self, at: &[Position], rows: &[Vec<u8>]) -> Result<(), LoadError> {
        for (at, bytes) in at.iter().zip(rows) {
            let row = decoded(*at, bytes)?;
            self.load_common(*at, row)?;
        }
        for (workspace, known) in &self.known {
            if let Some(replica) = self.replicas.get_mut(workspace) {
                replica.resume_clock(known.last);
            }
        }
        Ok(())
    }

    /// Takes in the next rows of the journal.
    ///
    /// # Errors
    /// At the first row that cannot be taken in.
    pub fn load(&mut self, rows: &[Vec<u8>]) -> Result<(), LoadError> {
        for bytes in rows {
            let at = self.journal.end();
            let row = decoded(at, bytes)?;
            let mark = shelfmark(&row);
            match row {
                Row::Intent { intent, .. } => {
                    self.tail(&mark, intent.chain, intent.hlc);
                }
                Row::ChangeSet(signed) => {
                    let header = signed.change.header();
                    self.tail(&mark, header.chain, header.hlc);
                }
                Row::Settled { .. } => {}
                Row::Control(signed) => {
                    let effect = signed.record.body.effect();
                    self.load_common(at, Row::Control(signed))?;
                    self.behind_by(&mark.workspace, &effect);
                }
                row => self.load_common(at, row)?,
            }
            if !self.replicas.contains_key(&mark.workspace) {
                let workspace = mark.workspace;
                return Err(LoadError::Unnamed { at, workspace });
            }
            self.directory.add(mark, at);
            if let Some(document) = mark.document {
                self.projections.changed((mark.workspace, document));
            }
            self.journal.loaded(1);
        }
        Ok(())
    }

    /// A change set or an own edit stands in the journal's tail.
    fn tail(&mut self, mark: &Shelfmark, chain: crate::id::Chain, hlc: crate::hlc::Hlc) {
        if chain.origin != self.device() {
            return;
        }
        let known: &mut Known = self.known.entry(mark.workspace).or_default();
        known.wrote(hlc, chain.epoch);
        if let Some(replica) = self.replicas.get_mut(&mark.workspace) {
            replica.resume_clock(hlc);
        }
    }

    /// Takes in a row that is of no document.
    fn load_common(&mut self, at: Position, row: Row) -> Result<(), LoadError> {
        let workspace = shelfmark(&row).workspace;
        if let Row::Workspace { workspace, founder } = row {
            let replica = Replica::new(workspace, founder);
            self.replicas.entry(workspace).or_insert(replica);
            return Ok(());
        }
        let key = self.device();
        let unnamed = LoadError::Unnamed { at, workspace };
        let replica = self.replicas.get_mut(&workspace).ok_or(unnamed)?;
        match row {
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
            Row::Workspace { .. }
            | Row::Intent { .. }
            | Row::ChangeSet(_)
            | Row::Settled { .. } => {}
        }
        Ok(())
    }

    /// What is to be read before something can be done with a document; nothing where it is open, or
    /// was never here.
    pub fn want(&self, workspace: &WorkspaceId, document: &DocumentId) -> Option<Wanted> {
        let replica = self.replicas.get(workspace)?;
        let mark = Shelfmark::of(workspace, document);
        if replica.has(document) || !self.directory.has(&mark) {
            return None;
        }
        Some(Wanted {
            workspace: *workspace,
            document: *document,
            rows: self.directory.rows(&mark),
        })
    }

    /// Opens a document that was wanted. What was opened meanwhile stays as it is, and what has grown
    /// since it was wanted is wanted anew.
    ///
    /// # Errors
    /// At the first row that is none. Nothing was changed.
    pub fn supply(
        &mut self,
        now_ms: u64,
        wanted: &Wanted,
        rows: &[Vec<u8>],
    ) -> Result<(), LoadError> {
        let now = self.want(&wanted.workspace, &wanted.document);
        if now.as_ref() != Some(wanted) {
            return Ok(());
        }
        let mut sets = Vec::new();
        let mut intents = Vec::new();
        let mut settled = Vec::new();
        for (at, bytes) in wanted.rows.iter().zip(rows) {
            match decoded(*at, bytes)? {
                Row::ChangeSet(signed) => sets.push(*signed),
                Row::Intent { intent, .. } => intents.push(*intent),
                Row::Settled { ids, .. } => settled.extend(ids),
                Row::Workspace { .. } | Row::Schema { .. } | Row::Control(_) | Row::Pen { .. } => {}
            }
        }
        if let Some(replica) = self.replicas.get_mut(&wanted.workspace) {
            intents
                .into_iter()
                .for_each(|intent| replica.restore_intent(intent));
            replica.settle_intents(&wanted.document, &settled);
            replica.restore(now_ms, sets);
            self.shelf.touch((wanted.workspace, wanted.document));
        }
        Ok(())
    }
}

fn decoded(at: Position, bytes: &[u8]) -> Result<Row, LoadError> {
    Row::decode(bytes).map_err(|error| LoadError::Row { at, error })
}

/// Whose row it is.
fn shelfmark(row: &Row) -> Shelfmark {
    match row {
        Row::Workspace { workspace, .. }
        | Row::Schema { workspace, .. }
        | Row::Pen { workspace, .. } => Shelfmark::common(workspace),
        Row::Control(signed) => Shelfmark::common(&signed.record.workspace),
        Row::Intent { workspace, intent } => {
            Shelfmark::of(workspace, &DocumentId::of(&intent.entity, &intent.part))
        }
        Row::Settled {
            workspace,
            document,
            ..
        } => Shelfmark::of(workspace, document),
        Row::ChangeSet(signed) => {
            let header = signed.change.header();
            Shelfmark::of(&header.workspace, &header.document())
        }
    }
}
