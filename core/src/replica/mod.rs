//! One device's copy of a workspace, in memory and sans-IO: documents, control log, schema log. It
//! edits, seals, takes in, and says what happened. Time, keys and randomness are parameters.

mod bundle;
mod edit;
mod intake;
mod rebase;
mod restore;
#[cfg(test)]
mod tests;

pub use bundle::{BundleReadError, Founding, FromBundle, Unpacked};
pub use edit::WriteError;
pub use intake::{Arrival, Intake};
pub use rebase::{Asked, Intent, Plan, Rebased, Returned, Step, Why, plan};

use crate::{
    changeset::{Signed, crypt::WorkspaceKey},
    control::{ControlLog, Standing},
    document::{Document, Kept},
    hlc::{Hlc, HlcClock},
    id::{Chain, ChangeSetId, DocumentId, EntityId, Epoch, Lane, OriginId, UserId, WorkspaceId},
    judge::Grounds,
    schema::{Schema, SchemaLog},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who writes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pen {
    /// The device.
    pub origin: OriginId,
    /// The user behind it.
    pub user: UserId,
    /// Its incarnation.
    pub epoch: Epoch,
    /// The attached writer.
    pub lane: Lane,
}

impl Pen {
    /// The chain it writes in every document.
    pub fn chain(&self) -> Chain {
        Chain {
            origin: self.origin,
            epoch: self.epoch,
            lane: self.lane,
        }
    }
}

/// An own change set that no flush has sealed yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    document: DocumentId,
    chain: Chain,
    seq: u64,
    id: ChangeSetId,
}

/// One device's copy of a workspace.
#[derive(Debug)]
pub struct Replica {
    workspace: WorkspaceId,
    control: ControlLog,
    standing: Standing,
    schemas: SchemaLog,
    /// Schemas that arrived, active or not, by id.
    offered: BTreeMap<crate::id::SchemaId, Schema>,
    keys: BTreeMap<u32, WorkspaceKey>,
    clock: HlcClock,
    pen: Option<Pen>,
    documents: BTreeMap<DocumentId, Document>,
    /// Change sets of documents whose schema is not known, so that no document can be opened yet.
    homeless: BTreeMap<DocumentId, Vec<Kept>>,
    /// Own edits as they were asked for, until they are final, with the document they are of. By stamp: a
    /// new one stands last, so keeping it costs the same however many there are.
    intents: BTreeMap<DocumentId, BTreeMap<(Hlc, ChangeSetId), Box<Intent>>>,
    /// Own change sets that no flush has sealed yet, in order.
    open: Vec<Open>,
    /// Whether somebody wants the patches of every body.
    listening: bool,
    /// Documents of whose bodies somebody wants the patches.
    heard: BTreeSet<DocumentId>,
    /// The document that was named last: edits and arrivals come in runs, and its id is a hash.
    named: Option<(EntityId, String, DocumentId)>,
}

impl Replica {
    /// An empty replica of a workspace that `founder` founded.
    pub fn new(workspace: WorkspaceId, founder: OriginId) -> Self {
        Replica {
            workspace,
            control: ControlLog::new(workspace, founder),
            standing: Standing::default(),
            schemas: SchemaLog::default(),
            offered: BTreeMap::new(),
            keys: BTreeMap::new(),
            clock: HlcClock::default(),
            pen: None,
            documents: BTreeMap::new(),
            homeless: BTreeMap::new(),
            intents: BTreeMap::new(),
            open: Vec::new(),
            listening: false,
            heard: BTreeSet::new(),
            named: None,
        }
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The control log.
    pub fn control(&self) -> &ControlLog {
        &self.control
    }

    /// What the control log says.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The schemas in force.
    pub fn schemas(&self) -> &SchemaLog {
        &self.schemas
    }

    /// Who writes here.
    pub fn pen(&self) -> Option<&Pen> {
        self.pen.as_ref()
    }

    /// Says who writes here from now on: at first, and under a new epoch or lane.
    pub fn take_pen(&mut self, pen: Pen) {
        self.pen = Some(pen);
    }

    /// The clock's last stamp: a replica that continues a stored one resumes after it.
    pub fn last_stamp(&self) -> Hlc {
        self.clock.last()
    }

    /// Lets the clock go on after a stored stamp.
    pub fn resume_clock(&mut self, last: Hlc) {
        self.clock = HlcClock::resume(last.max(self.clock.last()));
    }

    /// Says whether the patches of bodies are wanted from now on; by default they are not made.
    pub fn listen(&mut self, on: bool) {
        self.listening = on;
        for (id, document) in &mut self.documents {
            document.listen(on || self.heard.contains(id));
        }
    }

    /// Says of one document whether the patches of its body are wanted, also where it is not here yet.
    pub fn listen_to(&mut self, document: DocumentId, on: bool) {
        match on {
            true => self.heard.insert(document),
            false => self.heard.remove(&document),
        };
        let on = self.hears(&document);
        if let Some(document) = self.documents.get_mut(&document) {
            document.listen(on);
        }
    }

    fn hears(&self, document: &DocumentId) -> bool {
        self.listening || self.heard.contains(document)
    }

    /// The id of an entity's part.
    fn document_id(&mut self, entity: &EntityId, part: &str) -> DocumentId {
        match &self.named {
            Some((of, name, id)) if of == entity && name == part => *id,
            _ => {
                let id = DocumentId::of(entity, part);
                self.named = Some((*entity, part.to_owned(), id));
                id
            }
        }
    }

    /// A document that is here.
    pub fn document(&self, entity: &EntityId, part: &str) -> Option<&Document> {
        self.documents.get(&DocumentId::of(entity, part))
    }

    /// A document that is here, by id.
    pub fn document_of(&self, id: &DocumentId) -> Option<&Document> {
        self.documents.get(id)
    }

    /// The same, to read what needs its caches.
    pub fn document_mut(&mut self, entity: &EntityId, part: &str) -> Option<&mut Document> {
        self.documents.get_mut(&DocumentId::of(entity, part))
    }

    /// Every document that is here, by id.
    pub fn documents(&self) -> impl Iterator<Item = &Document> + '_ {
        self.documents.values()
    }

    /// Own edits that are not final, of the documents that are open, in the order of their stamps.
    pub fn intents(&self) -> impl DoubleEndedIterator<Item = &Intent> + '_ {
        let by_stamp = self.intents.values().flatten().collect::<BTreeMap<_, _>>();
        by_stamp.into_values().map(Box::as_ref)
    }

    /// The same, of one document.
    pub fn intents_of(&self, document: &DocumentId) -> impl Iterator<Item = &Intent> + '_ {
        let intents = self.intents.get(document).into_iter();
        intents.flat_map(BTreeMap::values).map(Box::as_ref)
    }

    /// Everything that is here and proven, in an order in which each follows what it depends on;
    /// what does not count comes last.
    pub fn signed(&self) -> Vec<Signed> {
        let here = self.documents.keys().chain(self.homeless.keys());
        here.flat_map(|document| self.signed_of(document)).collect()
    }

    /// The same, of one document.
    pub fn signed_of(&self, document: &DocumentId) -> Vec<Signed> {
        let waiting = self.homeless.get(document).into_iter().flatten();
        let Some(document) = self.documents.get(document) else {
            return waiting.filter_map(signed).collect();
        };
        let asides = document.asides().map(|aside| &aside.kept);
        let all = document.effective().into_iter().chain(asides);
        all.filter_map(signed).collect()
    }

    /// blake3 over every document's digest: equal on replicas with the same change sets and
    /// control log.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Digest::default();
        for document in self.documents.keys() {
            self.digest_of(document, &mut digest);
        }
        digest.finish()
    }

    /// Adds one document to a digest. Their order is that of their ids.
    pub fn digest_of(&self, id: &DocumentId, digest: &mut Digest) {
        let document = self.documents.get(id);
        if let Some(document) = document.filter(|one| one.graph().lines().next().is_some()) {
            digest.0.update(&id.0);
            digest.0.update(&document.digest());
        }
    }

    /// What verdicts rest on.
    fn grounds(&self) -> Grounds<'_> {
        Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        }
    }

    /// The chain of a kind's schema versions, version 1 first.
    fn chain_of(&self, kind: &str) -> Vec<Arc<Schema>> {
        self.schemas.chain(kind, u32::MAX)
    }
}

/// A digest of a replica, as far as its documents were added.
#[derive(Clone, Debug)]
pub struct Digest(blake3::Hasher);

impl Default for Digest {
    fn default() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch replica digest v1\0");
        Digest(hasher)
    }
}

impl Digest {
    /// The digest.
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

fn signed(kept: &Kept) -> Option<Signed> {
    Some(Signed {
        change: kept.change.clone(),
        proof: kept.proof.clone()?,
    })
}
