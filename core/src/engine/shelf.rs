//! Which documents stand open, and which of them was used longest ago.

use crate::id::{DocumentId, WorkspaceId};
use std::collections::BTreeMap;

/// A document of a workspace.
pub(super) type Key = (WorkspaceId, DocumentId);

/// The open documents, by when they were used last.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    used: BTreeMap<Key, u64>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

impl Shelf {
    /// A document was opened or used.
    pub(super) fn touch(&mut self, key: Key) {
        if self.by_use.last_key_value().map(|(_, last)| *last) == Some(key) {
            return;
        }
        self.uses = self.uses.saturating_add(1);
        if let Some(before) = self.used.insert(key, self.uses) {
            self.by_use.remove(&before);
        }
        self.by_use.insert(self.uses, key);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(use_) = self.used.remove(key) {
            self.by_use.remove(&use_);
        }
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.used.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// The open documents, the one that was used longest ago first.
    pub(super) fn oldest_first(&self) -> Vec<Key> {
        self.by_use.values().copied().collect()
    }
}
