//! What observers are told. Only of documents that somebody observes is anything kept for them.

use super::{Engine, shelf::Key};
use crate::{
    document::Event,
    id::{DocumentId, WorkspaceId},
    replica::Intake,
};
use std::collections::BTreeMap;

/// Something happened to an observed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The document.
    pub document: DocumentId,
    /// What happened.
    pub event: Event,
}

/// Who is observed, and what they have not been told.
#[derive(Debug, Default)]
pub(super) struct Newsroom {
    observed: BTreeMap<Key, usize>,
    untold: Vec<News>,
}

impl Newsroom {
    pub(super) fn observes(&self, key: &Key) -> bool {
        self.observed.contains_key(key)
    }

    pub(super) fn tell(&mut self, workspace: &WorkspaceId, document: DocumentId, event: &Event) {
        if self.observes(&(*workspace, document)) {
            self.untold.push(News {
                workspace: *workspace,
                document,
                event: event.clone(),
            });
        }
    }

    pub(super) fn tell_all(&mut self, workspace: &WorkspaceId, intake: &Intake) {
        for (document, event) in &intake.events {
            self.tell(workspace, *document, event);
        }
    }
}

impl Engine {
    /// Observes a document from now on: it stays open, and what happens to it comes from
    /// [`Engine::take_news`]. As often as it is observed it is to be [unobserved](Engine::unobserve).
    pub fn observe(&mut self, workspace: &WorkspaceId, document: DocumentId) {
        let count = self
            .news
            .observed
            .entry((*workspace, document))
            .or_default();
        *count = count.saturating_add(1);
        if let Some(replica) = self.replicas.get_mut(workspace) {
            replica.listen_to(document, true);
        }
    }

    /// Observes a document no longer.
    pub fn unobserve(&mut self, workspace: &WorkspaceId, document: DocumentId) {
        let key = (*workspace, document);
        let Some(count) = self.news.observed.get_mut(&key) else {
            return;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.news.observed.remove(&key);
            if let Some(replica) = self.replicas.get_mut(workspace) {
                replica.listen_to(document, false);
            }
        }
    }

    /// What happened to observed documents since this was asked last, in order.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news.untold)
    }
}
