//! Logs: an unbounded grow-only set of entries. An entry *is* its change set, so nothing in a log
//! can express a delete, an append costs the same whatever the log's length, and two replicas with
//! the same change sets have the same log by construction.

mod entry;
mod rule;

pub use entry::{Entry, decode, encode};
pub use rule::LogRule;

use crate::{
    hlc::Hlc,
    id::{ChainIdx, ChangeSetId},
    judge::{Candidate, Rule},
    patch::Patch,
    schema::LogShape,
    value::Value,
};
use std::collections::BTreeMap;

/// An entry that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedEntry {
    entry: Entry,
}

/// One log of an entity, in memory: where each entry stands, and the newest first pages of them.
#[derive(Clone, Debug)]
pub struct LogDoc {
    shape: LogShape,
    entries: BTreeMap<(Hlc, ChangeSetId), (ChainIdx, Entry)>,
}

impl LogDoc {
    /// An empty log.
    pub fn new(shape: LogShape) -> Self {
        LogDoc {
            shape,
            entries: BTreeMap::new(),
        }
    }

    /// Judges an entry by the schema that its change set names.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn judge(&self, shape: &LogShape, candidate: &Candidate<'_>) -> Result<JudgedEntry, Rule> {
        let entry = decode(candidate.payload)?;
        entry::check(shape, &entry)?;
        Ok(JudgedEntry { entry })
    }

    /// Takes an entry in. The patch says before which entry it stands now.
    pub fn apply(
        &mut self,
        id: ChangeSetId,
        chain: ChainIdx,
        hlc: Hlc,
        judged: JudgedEntry,
    ) -> Patch {
        let later = self.entries.range((hlc, id)..).count();
        let at = u32::try_from(self.entries.len().saturating_sub(later)).unwrap_or(u32::MAX);
        let fields = judged
            .entry
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()));
        let value = Value::Map(fields.collect());
        self.entries.insert((hlc, id), (chain, judged.entry));
        Patch::Insert {
            path: Vec::new(),
            at,
            values: vec![value],
        }
    }

    /// Takes out an entry that a control record erased.
    pub fn forget(&mut self, hlc: Hlc, id: ChangeSetId) -> Option<Patch> {
        self.entries.remove(&(hlc, id))?;
        // Old entries are erased more often than new ones.
        let before = self.entries.range(..(hlc, id)).count();
        Some(Patch::Remove {
            path: Vec::new(),
            at: u32::try_from(before).unwrap_or(u32::MAX),
            count: 1,
        })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The shape that new entries are written by.
    pub fn shape(&self) -> &LogShape {
        &self.shape
    }

    /// Entries in the order of their stamps, equal stamps by id.
    pub fn entries(
        &self,
    ) -> impl DoubleEndedIterator<Item = (Hlc, ChangeSetId, ChainIdx, &Entry)> + '_ {
        self.entries
            .iter()
            .map(|((hlc, id), (chain, entry))| (*hlc, *id, *chain, entry))
    }

    /// blake3 over the ids in order: an id names its entry.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch log digest v1\0");
        self.entries.keys().for_each(|(_, id)| {
            hasher.update(&id.0);
        });
        *hasher.finalize().as_bytes()
    }
}
