//! How safe own work is.

use super::Engine;
use crate::id::{DocumentId, EntityId, WorkspaceId};
use std::collections::BTreeSet;

/// Proof of durability: how far a piece of work is known to be safe. What is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Receipt {
    /// On this device's disk.
    Local,
}

/// Whose work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of a workspace.
    Workspace(WorkspaceId),
    /// One entity's, in a workspace.
    Entity(WorkspaceId, EntityId),
}

impl Engine {
    /// The least receipt of all work in a scope; none while some of it is not durable anywhere.
    pub fn durability(&self, scope: &Scope) -> Option<Receipt> {
        let (workspace, wanted) = match scope {
            Scope::Workspace(workspace) => (workspace, None),
            Scope::Entity(workspace, entity) => (workspace, Some(entity)),
        };
        let unsaved = self.unsaved_documents(workspace);
        let mut entities = unsaved.iter().map(|one| self.entity_of(workspace, one));
        let is_unsaved = entities.any(|one| wanted.is_none() || one.as_ref() == wanted);
        (!is_unsaved).then_some(Receipt::Local)
    }

    /// The entities with work that has not reached a receipt, in every workspace.
    pub fn without(&self, receipt: Receipt) -> BTreeSet<(WorkspaceId, EntityId)> {
        match receipt {
            Receipt::Local => {}
        }
        let of = |workspace: &WorkspaceId| {
            let unsaved = self.unsaved_documents(workspace).into_iter();
            let entities = unsaved.filter_map(|one| self.entity_of(workspace, &one));
            let workspace = *workspace;
            entities
                .map(move |entity| (workspace, entity))
                .collect::<Vec<_>>()
        };
        self.replicas.keys().flat_map(of).collect()
    }

    /// Documents with work that is not durable. They stand open.
    fn unsaved_documents(&self, workspace: &WorkspaceId) -> BTreeSet<DocumentId> {
        let mut unsaved = self.directory.since(self.journal.end(), workspace);
        if let Some(replica) = self.replicas.get(workspace) {
            unsaved.extend(replica.unsealed());
        }
        unsaved
    }

    fn entity_of(&self, workspace: &WorkspaceId, document: &DocumentId) -> Option<EntityId> {
        let replica = self.replicas.get(workspace)?;
        Some(*replica.document_of(document)?.entity())
    }
}
