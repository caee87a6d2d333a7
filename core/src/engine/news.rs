//! What observers are told. Only of documents that somebody observes is anything kept for them.

use super::{EditError, Engine, Made, Place, shelf::Key};
use crate::{
    document::{Document, Draft, Event},
    id::{DocumentId, WorkspaceId},
    limits,
    patch::{PatchSet, carry::Since},
    replica::Intake,
};
use std::collections::{BTreeMap, VecDeque};

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
    /// The last changes of each observed document, without a gap.
    recent: BTreeMap<Key, VecDeque<PatchSet>>,
}

impl Newsroom {
    pub(super) fn observes(&self, key: &Key) -> bool {
        self.observed.contains_key(key)
    }

    pub(super) fn tell(&mut self, workspace: &WorkspaceId, document: DocumentId, event: &Event) {
        let key = (*workspace, document);
        if self.observes(&key) {
            let recent = self.recent.entry(key).or_default();
            match event {
                Event::Patched(patches) => recent.push_back(patches.clone()),
                Event::Rebuilt { .. } | Event::Stuck { .. } => recent.clear(),
            }
            if recent.len() > limits::RECENT_CHANGES_MAX {
                recent.pop_front();
            }
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
            self.news.recent.remove(&key);
            if let Some(replica) = self.replicas.get_mut(workspace) {
                replica.listen_to(document, false);
            }
        }
    }

    /// Edits a document that is observed, with positions that were read off an earlier revision of it:
    /// they are carried over what came since.
    ///
    /// # Errors
    /// Why nothing was written; [`EditError::Outdated`] and [`EditError::Uncarried`] where the document is
    /// to be read again.
    pub fn edit_at(
        &mut self,
        now_ms: u64,
        place: &Place<'_>,
        revision: u64,
        draft: &Draft<'_>,
    ) -> Result<Made, EditError> {
        let id = DocumentId::of(&place.entity, place.part);
        let replica = self.replicas.get(&place.workspace);
        let document = replica.and_then(|replica| replica.document_of(&id));
        let now = document.map_or(0, Document::revision);
        if revision == now {
            return self.edit(now_ms, place, draft);
        }
        let recent = self.news.recent.get(&(place.workspace, id));
        let recent = recent.into_iter().flatten();
        let since: Vec<&PatchSet> = recent.filter(|set| set.revision > revision).collect();
        if now.checked_sub(revision) != Some(since.len() as u64) {
            return Err(EditError::Outdated { revision, now });
        }
        let since = Since::of(since.iter().flat_map(|set| &set.patches));
        match draft {
            Draft::Body(ops) => {
                let ops = since.body(ops)?;
                self.edit(now_ms, place, &Draft::Body(&ops))
            }
            Draft::Record(ops) => {
                let ops = since.record(ops);
                self.edit(now_ms, place, &Draft::Record(&ops))
            }
            draft => self.edit(now_ms, place, draft),
        }
    }

    /// What happened to observed documents since this was asked last, in order.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news.untold)
    }
}
