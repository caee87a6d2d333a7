//! The gate: judges a change by its causal past, and keeps the index that this takes.

use super::{FieldPath, OpKey, RecordRule, Slot, Stamp};
use crate::{
    causal::Past,
    hlc::Hlc,
    id::{ChainIdx, DocumentId},
    judge::{Candidate, Rule, Writer},
    schema::Schema,
    value::Value,
};
use std::{collections::BTreeSet, sync::Arc};

/// A change that passed, with what the index and the engine need of it.
#[derive(Clone, Debug)]
pub struct JudgedChange {
    /// The change, as the engine takes it.
    pub change: automerge::Change,
    /// Its engine hash.
    pub hash: automerge::ChangeHash,
    /// The writing chain.
    pub chain: ChainIdx,
    /// Its number there.
    pub seq: u64,
    /// Its stamp.
    pub hlc: Hlc,
    /// What its author had seen.
    pub past: Arc<Past>,
    /// The counter of its last operation.
    pub max_op: u64,
    /// Every field it writes; a key of an open map with the key.
    pub touched: BTreeSet<FieldPath>,
    /// The registers it writes (`lww`, `keep`, `once`, open keys, the entity's life), each with
    /// its last value in this change.
    pub registers: Vec<(FieldPath, Value)>,
}

/// Judges the changes of one record document.
#[derive(Debug)]
pub struct RecordGate {
    document: DocumentId,
    genesis: Vec<automerge::Change>,
}

impl RecordGate {
    /// A gate for a document that has nothing yet but the genesis of the schemas known, v1 first.
    pub fn new(document: DocumentId, part: &str, schema_chain: &[Arc<Schema>]) -> Self {
        let _ = (part, schema_chain);
        RecordGate {
            document,
            genesis: Vec::new(),
        }
    }

    /// Takes note of the next schema version.
    pub fn extend(&mut self, schema: Arc<Schema>) {
        let _ = schema;
    }

    /// The document.
    pub fn document(&self) -> DocumentId {
        self.document
    }

    /// The genesis changes of all versions known, in order: what the engine's document starts from.
    pub fn genesis(&self) -> &[automerge::Change] {
        &self.genesis
    }

    /// Takes note of who writes a chain.
    pub fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        let _ = (chain, writer);
    }

    /// Judges a change by the payload, its place and the facts of `place.past`: nothing else.
    ///
    /// # Errors
    /// The rule it broke.
    pub fn judge(&self, c: &Candidate<'_>) -> Result<JudgedChange, Rule> {
        let _ = c;
        Err(RecordRule::NotCanonical.into())
    }

    /// Takes a judged change into the index. Called in causal order, before the engine applies it.
    pub fn admit(&mut self, j: &JudgedChange) {
        let _ = j;
    }

    /// Whose change holds an operation, and when it was written.
    pub fn stamp(&self, op: &OpKey) -> Option<Stamp> {
        let _ = op;
        None
    }

    /// The value operations visible in a slot at a past, or now: by counter, then actor.
    pub fn visible(&self, slot: &Slot, past: Option<&Past>) -> Vec<OpKey> {
        let _ = (slot, past);
        Vec::new()
    }

    /// The container that genesis made for a field, by its path.
    pub fn container(&self, field: &[String]) -> Option<OpKey> {
        let _ = field;
        None
    }

    /// The engine hash of a chain's change.
    pub fn hash(&self, chain: ChainIdx, seq: u64) -> Option<automerge::ChangeHash> {
        let _ = (chain, seq);
        None
    }
}
