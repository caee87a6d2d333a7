//! Editing: one document, or several at once, all or none.

use super::{Closed, Engine, ReadError, Ticket, directory::Shelfmark};
use crate::{
    document::{Draft, Edited},
    id::{ChangeSetId, DocumentId, EntityId, ViewId, WorkspaceId},
    patch::carry::Uncarried,
    replica::WriteError,
    store::Row,
};

/// An edit that was made. It is visible now, and durable when its ticket is kept.
#[derive(Clone, Debug)]
pub struct Made {
    /// The document.
    pub document: DocumentId,
    /// What it became.
    pub edited: Edited,
    /// When it is durable.
    pub ticket: Ticket,
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The workspace is not here.
    #[error("workspace {0} is not kept here")]
    UnknownWorkspace(WorkspaceId),
    /// Its document is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Its document cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It names a revision that is too old, or of a document that nobody observes.
    #[error(
        "the edit names revision {revision}, the document is at {now}, and what came between is not kept: \
         read the document again"
    )]
    Outdated {
        /// The revision that it names.
        revision: u64,
        /// The revision now.
        now: u64,
    },
    /// Its places are in blocks that came or went since.
    #[error(transparent)]
    Uncarried(#[from] Uncarried),
    /// Too much waits for a store that fails, or does not keep up.
    #[error(
        "the store fails or does not keep up, and {unsaved_bytes} bytes wait to be saved (at most \
         {max}): free some space or mend the disk, what waits is tried again"
    )]
    StoreFailing {
        /// What waits, in bytes.
        unsaved_bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The workspace said no.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Which of several edits was not made, and why; none of them was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("edit {at}, counted from 0, was not made, and so none of them: {error}")]
pub struct NotEdited {
    /// The edit, counted from 0.
    pub at: usize,
    /// Why.
    pub error: EditError,
}

/// Where an edit goes.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The entity's kind.
    pub kind: &'a str,
    /// The entity.
    pub entity: EntityId,
    /// The part of it.
    pub part: &'a str,
    /// The view that asks, for undo.
    pub view: ViewId,
}

impl Engine {
    /// Edits. What it returns is visible at once and waits for the next commit.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn edit(
        &mut self,
        now_ms: u64,
        place: &Place<'_>,
        draft: &Draft<'_>,
    ) -> Result<Made, EditError> {
        let made = self.edit_all(now_ms, &[(place, draft)]);
        let made = made.map_err(|failed| failed.error)?;
        // One edit was asked for, and one was made.
        let made = made.into_iter().next();
        made.ok_or(EditError::UnknownWorkspace(place.workspace))
    }

    /// Edits several documents, of one workspace or of several: all or none, in one commit.
    ///
    /// # Errors
    /// Which edit was not made, and why. Nothing was written.
    pub fn edit_all(
        &mut self,
        now_ms: u64,
        edits: &[(&Place<'_>, &Draft<'_>)],
    ) -> Result<Vec<Made>, NotEdited> {
        let mut made: Vec<(WorkspaceId, DocumentId, Edited)> = Vec::with_capacity(edits.len());
        for (at, (place, draft)) in edits.iter().enumerate() {
            match self.edit_one(now_ms, place, draft) {
                Ok((document, edited)) => made.push((place.workspace, document, edited)),
                Err(error) => {
                    for (workspace, document, edited) in made.iter().rev() {
                        self.take_back(workspace, document, &edited.id);
                    }
                    return Err(NotEdited { at, error });
                }
            }
        }
        for (workspace, document, edited) in &made {
            self.wrote(workspace, document, edited);
        }
        let ticket = self.journal.ticket();
        let made = made.into_iter().map(|(_, document, edited)| Made {
            document,
            edited,
            ticket,
        });
        Ok(made.collect())
    }

    fn edit_one(
        &mut self,
        now_ms: u64,
        place: &Place<'_>,
        draft: &Draft<'_>,
    ) -> Result<(DocumentId, Edited), EditError> {
        let unsaved_bytes = self.journal.unsaved_bytes();
        let max = self.bounds.unsaved_bytes;
        if unsaved_bytes > max {
            return Err(EditError::StoreFailing { unsaved_bytes, max });
        }
        let workspace = place.workspace;
        self.open_already(&workspace, DocumentId::of(&place.entity, place.part))?;
        let replica = self.replicas.get_mut(&workspace);
        let replica = replica.ok_or(EditError::UnknownWorkspace(workspace))?;
        Ok(replica.write(
            now_ms,
            place.kind,
            place.entity,
            place.part,
            place.view,
            draft,
        )?)
    }

    /// An edit stands: it goes into the next commit, and observers are told.
    fn wrote(&mut self, workspace: &WorkspaceId, document: &DocumentId, edited: &Edited) {
        self.shelf.touch((*workspace, *document));
        self.projections.changed((*workspace, *document));
        if let Some(event) = &edited.event {
            self.news.tell(workspace, *document, event);
        }
        let replica = self.replicas.get(workspace);
        let intents = replica.and_then(|replica| replica.intent(document, &edited.id));
        if let Some(intent) = intents.cloned().map(Box::new) {
            let workspace = *workspace;
            let row = Row::Intent { workspace, intent };
            self.write_row(Shelfmark::of(&workspace, document), &row);
        }
    }

    /// Takes an edit back that stood alone among others that were not made.
    fn take_back(&mut self, workspace: &WorkspaceId, document: &DocumentId, id: &ChangeSetId) {
        let replica = self.replicas.get_mut(workspace);
        let event = replica.and_then(|replica| replica.take_back(document, id));
        self.touch(workspace, document);
        if let Some(event) = event {
            self.news.tell(workspace, *document, &event);
        }
    }
}
