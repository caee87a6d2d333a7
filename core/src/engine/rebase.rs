//! Making own work again that a control record took away: found document by document, made in one
//! commit.

use super::{EditError, Engine, ReadError, Ticket, directory::Shelfmark};
use crate::{
    id::{DocumentId, WorkspaceId},
    replica::Rebased,
    store::{Row, Store},
};

impl Engine {
    /// Makes own work again that a record in hand took away, under a new epoch; what is not made again
    /// comes back with its reason, once. New epoch and new change sets are one commit.
    ///
    /// # Errors
    /// Where a document cannot be read, or nobody writes here. Nothing was changed.
    pub fn rebase(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
    ) -> Result<(Rebased, Ticket), EditError> {
        let lost = self.lost_work(store, now_ms, workspace)?;
        // They stay open until what is made of them is durable.
        self.bring(store, now_ms, workspace, lost.iter().copied())?;
        let replica = self.replicas.get_mut(workspace);
        let replica = replica.ok_or(EditError::UnknownWorkspace(*workspace))?;
        let before = replica.pen().copied();
        let rebased = replica.rebase(now_ms)?;
        let pen = replica.pen().copied().filter(|pen| Some(*pen) != before);
        if let Some(pen) = pen {
            let workspace = *workspace;
            self.write_row(Shelfmark::common(&workspace), &Row::Pen { workspace, pen });
        }
        for (document, event) in &rebased.events {
            self.news.tell(workspace, *document, event);
        }
        for document in lost {
            self.note_settled(workspace, document, &rebased);
        }
        Ok((rebased, self.journal.ticket()))
    }

    /// The documents with own work that does not count for good.
    fn lost_work(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
    ) -> Result<Vec<DocumentId>, ReadError> {
        let mut lost = Vec::new();
        for document in self.documents(workspace) {
            self.bring(store, now_ms, workspace, [document])?;
            let replica = self.replicas.get(workspace);
            if replica.is_some_and(|replica| replica.has_lost_work(&document)) {
                lost.push(document);
            }
            self.trim();
        }
        Ok(lost)
    }

    /// Writes down which own edits of a document are settled, and those that were made again.
    fn note_settled(&mut self, workspace: &WorkspaceId, document: DocumentId, rebased: &Rebased) {
        let Some(replica) = self.replicas.get(workspace) else {
            return;
        };
        let returned = rebased.returned.iter().map(|one| one.id);
        let failed = rebased.failed.iter().map(|(id, _)| *id);
        let again = rebased.again.iter().map(|(old, _)| *old);
        let here = replica.document_of(&document);
        let is_here = |id: &_| here.is_some_and(|document| document.state_of(id).is_some());
        let ids = returned
            .chain(failed)
            .chain(again)
            .filter(is_here)
            .collect();
        let new: Vec<_> = rebased
            .again
            .iter()
            .filter_map(|(_, new)| replica.intent(&document, new).cloned())
            .collect();
        let workspace = *workspace;
        let mark = Shelfmark::of(&workspace, &document);
        self.shelf.touch((workspace, document));
        self.projections.changed((workspace, document));
        let settled = Row::Settled {
            workspace,
            document,
            ids,
        };
        self.write_row(mark, &settled);
        for intent in new.into_iter().map(Box::new) {
            self.write_row(mark, &Row::Intent { workspace, intent });
        }
    }
}
