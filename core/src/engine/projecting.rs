//! Projections in an engine: which are behind their documents, which wait for the next derivation, and
//! how many the store should hold. A store need not notice a missing entry; the count does.

use super::{Engine, directory::Shelfmark, shelf::Key};
use crate::{
    control::Effect,
    id::{EntityId, WorkspaceId},
    projection::Part,
    store::Position,
};
use std::collections::{BTreeMap, BTreeSet};

/// Under it lie the projections.
const PROJECTION: &[u8] = b"part";

/// A part's projection that is not in the store yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    key: Key,
    kind: String,
    pub(super) bytes: Vec<u8>,
}

/// What changed for lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Workspaces in which anything may be another.
    pub turned: BTreeSet<WorkspaceId>,
    /// Workspace, kind and entity.
    pub entities: BTreeSet<(WorkspaceId, String, EntityId)>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.turned.is_empty() && self.entities.is_empty()
    }
}

/// The projections of an engine.
#[derive(Debug, Default)]
pub(super) struct Projections {
    /// Documents that changed since they were projected.
    pub(super) behind: BTreeSet<Key>,
    /// What is not in the store yet, by its key there.
    pub(super) pending: BTreeMap<Vec<u8>, Pending>,
    /// How many the store holds, by kind.
    pub(super) counts: BTreeMap<(WorkspaceId, String), u64>,
    /// How many it holds if a derivation was carried out whose answer is not here.
    pub(super) unanswered: Option<BTreeMap<(WorkspaceId, String), u64>>,
    /// Documents in which something waits for a right or a schema.
    pub(super) unsettled: BTreeSet<Key>,
    /// Whether somebody asks what changed, and what did since they asked last.
    noting: bool,
    changed: BTreeSet<Key>,
    turned: BTreeSet<WorkspaceId>,
}

/// What a derivation writes of projections.
#[derive(Debug, Default)]
pub(super) struct Flush {
    /// Key in the store and bytes.
    pub(super) parts: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Documents of which the store held none.
    pub(super) first: BTreeSet<Shelfmark>,
    pub(super) counts: BTreeMap<(WorkspaceId, String), u64>,
    /// Documents that are behind what the derivation takes account of.
    pub(super) behind: BTreeSet<Key>,
}

impl Projections {
    /// A document changed.
    pub(super) fn changed(&mut self, key: Key) {
        self.behind.insert(key);
        if self.noting {
            self.changed.insert(key);
        }
    }

    fn turned(&mut self, workspace: &WorkspaceId) {
        if self.noting {
            self.turned.insert(*workspace);
        }
    }

    /// Whether the store holds as many parts of a kind as it should: those that are known to be written,
    /// or those of a derivation that may be. What is pending is the same either way.
    pub(super) fn are_all(&self, workspace: &WorkspaceId, kind: &str, found: u64) -> bool {
        let of = (*workspace, kind.to_owned());
        let mut counts = std::iter::once(&self.counts).chain(&self.unanswered);
        counts.any(|counts| counts.get(&of).copied().unwrap_or(0) == found)
    }

    /// The store has this now.
    pub(super) fn wrote(&mut self, flush: &Flush) {
        let written = &flush.parts;
        self.pending
            .retain(|key, pending| written.get(key) != Some(&pending.bytes));
        self.counts.clone_from(&flush.counts);
        self.unanswered = None;
    }
}

impl Engine {
    /// Says whether what changes is noted for [`Engine::take_changes`].
    pub fn note_changes(&mut self, on: bool) {
        self.projections.noting = on;
        if !on {
            self.projections.changed.clear();
            self.projections.turned.clear();
        }
    }

    /// What changed for lists since this was asked last.
    pub fn take_changes(&mut self) -> Changes {
        let changed = std::mem::take(&mut self.projections.changed);
        let named = changed.iter().filter_map(|(workspace, document)| {
            let document = self.replicas.get(workspace)?.document_of(document)?;
            let kind = document.schema()?.kind().to_owned();
            Some((*workspace, kind, *document.entity()))
        });
        Changes {
            entities: named.collect(),
            turned: std::mem::take(&mut self.projections.turned),
        }
    }

    /// Makes the projection of an open document.
    pub(super) fn project(&mut self, key: &Key) {
        let (workspace, id) = key;
        self.projections.behind.remove(key);
        let replica = self.replicas.get(workspace);
        let Some(document) = replica.and_then(|replica| replica.document_of(id)) else {
            // It waits for its schema.
            self.projections.unsettled.insert(*key);
            return;
        };
        match document.asides().next() {
            Some(_) => self.projections.unsettled.insert(*key),
            None => self.projections.unsettled.remove(key),
        };
        if let Some((schema, part)) = document.schema().zip(Part::of(document)) {
            let kind = schema.kind().to_owned();
            let at = part_key(workspace, &kind, document.entity(), document.part());
            let pending = Pending {
                key: *key,
                kind,
                bytes: part.encode(),
            };
            self.projections.pending.insert(at, pending);
        }
    }

    /// What the next derivation writes of projections: of documents that are durable whole.
    pub(super) fn flush(&self, upto: Position) -> Flush {
        let mut flush = Flush {
            counts: self.projections.counts.clone(),
            behind: self.projections.behind.clone(),
            ..Flush::default()
        };
        for (at, pending) in &self.projections.pending {
            let (workspace, document) = &pending.key;
            let mark = Shelfmark::of(workspace, document);
            if self.directory.last(&mark).is_none_or(|last| last >= upto) {
                flush.behind.insert(pending.key);
                continue;
            }
            if !self.directory.is_projected(&mark) && flush.first.insert(mark) {
                let count = flush.counts.entry((*workspace, pending.kind.clone()));
                let count = count.or_default();
                *count = count.saturating_add(1);
            }
            flush.parts.insert(at.clone(), pending.bytes.clone());
        }
        flush
    }

    /// A control record came: projections may be behind of documents that are closed.
    pub(super) fn behind_by(&mut self, workspace: &WorkspaceId, effect: &Effect) {
        match effect {
            Effect::Rights => {
                let unsettled = self.projections.unsettled.iter();
                let here: Vec<Key> = unsettled
                    .filter(|key| key.0 == *workspace)
                    .copied()
                    .collect();
                self.projections.turned(workspace);
                self.projections.behind.extend(here);
            }
            Effect::Schema(_) | Effect::History => self.all_behind(workspace),
            Effect::Erasure(document) => {
                self.projections.turned(workspace);
                self.projections.changed((*workspace, *document));
            }
        }
    }

    /// Every projection of a workspace is to be made again.
    pub(super) fn all_behind(&mut self, workspace: &WorkspaceId) {
        self.projections.turned(workspace);
        let documents = self.directory.documents(workspace).into_iter();
        let keys = documents.map(|document| (*workspace, document));
        self.projections.behind.extend(keys);
    }

    /// The store holds no projections any more: all are to be made again.
    pub(super) fn lost_projections(&mut self) {
        self.directory.forget_projected();
        self.projections.counts.clear();
        self.projections.unanswered = None;
        let workspaces: Vec<WorkspaceId> = self.workspaces().collect();
        workspaces.iter().for_each(|one| self.all_behind(one));
    }
}

/// The keys of a kind's projections lie between these.
pub(super) fn kind_range(workspace: &WorkspaceId, kind: &str) -> (Vec<u8>, Vec<u8>) {
    let from = [PROJECTION, workspace.as_bytes(), kind.as_bytes(), &[0]].concat();
    let until = [PROJECTION, workspace.as_bytes(), kind.as_bytes(), &[1]].concat();
    (from, until)
}

/// The keys of an entity's projections lie between these. No part's name begins with this byte.
pub(super) fn entity_range(kind: &[u8], entity: &EntityId) -> (Vec<u8>, Vec<u8>) {
    let from = [kind, &entity.creator.0, &entity.nonce].concat();
    let until = [from.as_slice(), &[u8::MAX]].concat();
    (from, until)
}

/// The key of a part's projection: a kind's lie together, and in it an entity's.
fn part_key(workspace: &WorkspaceId, kind: &str, entity: &EntityId, part: &str) -> Vec<u8> {
    let (kind, _) = kind_range(workspace, kind);
    let (entity, _) = entity_range(&kind, entity);
    [entity.as_slice(), part.as_bytes()].concat()
}

/// The entity and the part's name in a key that begins with its kind's.
pub(super) fn named(key: &[u8], prefix: &[u8]) -> Option<(EntityId, String)> {
    let rest = key.strip_prefix(prefix)?;
    let (creator, rest) = rest.split_first_chunk()?;
    let (nonce, part) = rest.split_first_chunk()?;
    let entity = EntityId {
        creator: crate::id::UserId(*creator),
        nonce: *nonce,
    };
    Some((entity, std::str::from_utf8(part).ok()?.to_owned()))
}
