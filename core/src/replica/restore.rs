//! Putting back what was stored: what this replica had verified before it wrote it down.

use super::{Intake, Intent, Replica};
use crate::{
    changeset::Signed,
    document::Kept,
    id::{ChangeSetId, DocumentId, SchemaId},
};

impl Replica {
    /// Puts change sets back that this replica verified before they were stored, and goes on after the
    /// stamps of its own.
    pub fn restore(&mut self, now_ms: u64, stored: Vec<Signed>) -> Intake {
        let own = stored.iter().map(|signed| signed.change.header());
        let own = own.filter(|header| Some(header.chain.origin) == self.pen.map(|pen| pen.origin));
        if let Some(last) = own.map(|header| header.hlc).max() {
            self.resume_clock(last);
        }
        self.receive_kept(now_ms, stored.into_iter().map(Kept::from))
    }

    /// Puts an own edit back that is not final.
    pub fn restore_intent(&mut self, intent: Intent) {
        let document = DocumentId::of(&intent.entity, &intent.part);
        let intents = self.intents.entry(document).or_default();
        intents.insert(intent.key(), Box::new(intent));
    }

    /// Own edits of a document are kept no longer.
    pub fn settle_intents(&mut self, document: &DocumentId, ids: &[ChangeSetId]) {
        if let Some(intents) = self.intents.get_mut(document) {
            intents.retain(|(_, id), _| !ids.contains(id));
        }
    }

    /// The own edit of a document with the highest stamp: the one made last.
    pub fn newest_intent(&self, document: &DocumentId) -> Option<&Intent> {
        let intents = self.intents.get(document)?;
        intents.values().next_back().map(Box::as_ref)
    }

    /// The own edit of a document that became this change set.
    pub fn intent(&self, document: &DocumentId, id: &ChangeSetId) -> Option<&Intent> {
        let intents = self.intents.get(document)?.values();
        // Most often it is the one made last.
        intents.rev().map(Box::as_ref).find(|one| one.id == *id)
    }

    /// Whether a document is in memory: open, or waiting for its schema.
    pub fn has(&self, document: &DocumentId) -> bool {
        self.documents.contains_key(document) || self.homeless.contains_key(document)
    }

    /// Lets go of a document and of the own edits of it, which can be restored. Answers whether it did:
    /// what no flush has sealed is nowhere else.
    pub fn close(&mut self, document: &DocumentId) -> bool {
        if self.open.iter().any(|open| open.document == *document) {
            return false;
        }
        self.intents.remove(document);
        self.documents.remove(document).is_some()
    }

    /// Whether a schema has arrived, active or not.
    pub fn has_schema(&self, id: &SchemaId) -> bool {
        self.offered.contains_key(id)
    }

    /// Whether a change set of a document that is in memory is here, whatever became of it.
    pub fn holds(&self, document: &DocumentId, signed: &Signed) -> bool {
        let (header, id) = (signed.change.header(), signed.change.id());
        let in_document = self
            .documents
            .get(document)
            .is_some_and(|document| document.state(&header.chain, header.seq, &id).is_some());
        in_document || self.waits(document, &id)
    }

    fn waits(&self, document: &DocumentId, id: &ChangeSetId) -> bool {
        let mut waiting = self.homeless.get(document).into_iter().flatten();
        waiting.any(|kept| kept.change.id() == *id)
    }
}
