//! Derivations: what is derived is written to the store now and then, so that opening reads what came
//! since and not the whole journal.

use super::{Engine, Output, projecting::Flush, shelf::Key};
use crate::{
    hlc::Hlc,
    id::{Epoch, WorkspaceId},
    limits,
    projection::PROJECTION_VERSION,
    store::{Change, Position},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of what is derived. Another one is forgotten and derived anew.
const VERSION: (u8, u8) = (1, PROJECTION_VERSION);

/// Under it lies the [`Head`].
pub(super) const HEAD: &[u8] = b"head";

/// Under it and a number lies a piece of the directory.
const SEGMENT: &[u8] = b"rows";

/// What is to be known before anything else that is derived is read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Head {
    version: (u8, u8),
    /// The numbers of the directory's pieces: from here on, and before there.
    pub(super) first: u32,
    pub(super) next: u32,
    /// Derivations since the directory was written in one piece.
    pub(super) added: u32,
    pub(super) workspaces: BTreeMap<WorkspaceId, Known>,
    /// Of projections: how many there are of each kind, which are behind, which documents wait.
    pub(super) counts: Vec<(WorkspaceId, String, u64)>,
    pub(super) behind: BTreeSet<Key>,
    pub(super) unsettled: BTreeSet<Key>,
}

/// What is to be known of a workspace though none of its documents is open.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    /// The clock's last stamp.
    pub(super) last: Hlc,
    /// The highest epoch in which this device wrote a change set.
    pub(super) epoch: Option<Epoch>,
}

impl Known {
    /// This device wrote something.
    pub(super) fn wrote(&mut self, hlc: Hlc, epoch: Epoch) {
        self.last = self.last.max(hlc);
        self.epoch = self.epoch.max(Some(epoch));
    }
}

impl Head {
    /// None where the bytes are of another version, or none at all.
    pub(super) fn decode(bytes: &[u8]) -> Option<Head> {
        let head: Head = postcard::from_bytes(bytes).ok()?;
        (head.version == VERSION).then_some(head)
    }

    fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }
}

/// The key of a piece of the directory.
pub(super) fn segment_key(number: u32) -> Vec<u8> {
    [SEGMENT, &number.to_be_bytes()].concat()
}

/// Where derivations stand.
#[derive(Debug, Default)]
pub(super) struct Derived {
    pub(super) head: Head,
    /// One that was given out.
    given: Option<(Position, Head, Flush)>,
    /// The node closes: what little there is is worth writing.
    closing: bool,
    /// The store failed: not before this time, in milliseconds since the Unix epoch.
    not_before_ms: u64,
}

impl Engine {
    /// The next derivation, if one is due. The store has nothing to do meanwhile.
    pub(super) fn derive(&mut self, now_ms: u64) -> Option<Output> {
        let due = match self.derived.closing {
            true => self.bounds.derive_close_rows,
            false => self.bounds.derive_rows,
        };
        // A time further off than the wait was set by a clock that has gone back since.
        let left_ms = self.derived.not_before_ms.saturating_sub(now_ms);
        let waits = (1..=limits::DERIVE_RETRY_MS).contains(&left_ms);
        if self.directory.fresh_rows() < due || waits {
            return None;
        }
        let upto = self.journal.end();
        self.project_open();
        let flush = self.flush(upto);
        let counts = flush.counts.iter();
        let old = &self.derived.head;
        let mut changes: Vec<Change> = Vec::new();
        let mut head = Head {
            version: VERSION,
            first: old.first,
            next: old.next,
            added: old.added.saturating_add(1),
            workspaces: self.known(),
            counts: counts
                .map(|((workspace, kind), count)| (*workspace, kind.clone(), *count))
                .collect(),
            behind: flush.behind.clone(),
            unsettled: self.projections.unsettled.clone(),
        };
        let mut pieces = self.directory.segment(upto, &flush.first);
        if pieces.is_empty() {
            return None;
        }
        if head.added >= limits::SEGMENTS_MAX {
            // The old pieces go in the same step as that in which the new ones come.
            changes.extend((head.first..head.next).map(|number| (segment_key(number), None)));
            head.first = head.next;
            head.added = 0;
            pieces = self.directory.all_before(upto, &flush.first);
        }
        for piece in pieces {
            changes.push((segment_key(head.next), Some(piece)));
            head.next = head.next.wrapping_add(1);
        }
        let parts = flush.parts.iter();
        changes.extend(parts.map(|(at, bytes)| (at.clone(), Some(bytes.clone()))));
        changes.push((HEAD.to_vec(), Some(head.encode())));
        self.projections.unanswered = Some(flush.counts.clone());
        self.derived.given = Some((upto, head, flush));
        self.journal.deriving();
        Some(Output::Derive { upto, changes })
    }

    /// Makes the projections that are behind, of the documents that are open.
    fn project_open(&mut self) {
        let behind = self.projections.behind.iter();
        let open: Vec<Key> = behind.filter(|key| self.shelf.has(key)).copied().collect();
        open.iter().for_each(|key| self.project(key));
    }

    /// What is known of each workspace by now.
    fn known(&self) -> BTreeMap<WorkspaceId, Known> {
        let replicas = self.replicas.iter();
        let known = replicas.map(|(workspace, replica)| {
            let mut known = self.known.get(workspace).copied().unwrap_or_default();
            known.last = known.last.max(replica.last_stamp());
            (*workspace, known)
        });
        known.collect()
    }

    /// The derivation that was given out is written.
    pub fn derived(&mut self) {
        if self.journal.end_deriving()
            && let Some((upto, head, flush)) = self.derived.given.take()
        {
            self.directory.wrote(upto, &flush.first);
            self.projections.wrote(&flush);
            self.derived.head = head;
        }
    }

    /// The derivation that was given out may not be written. It is derived: commits go on, and another
    /// one is made later. What is derived was forgotten if the store found it damaged; `forgotten`
    /// says so, and everything is then written again.
    pub fn not_derived(&mut self, now_ms: u64, forgotten: bool) {
        if self.journal.end_deriving() {
            self.derived.given = None;
            self.derived.not_before_ms = now_ms.saturating_add(limits::DERIVE_RETRY_MS);
        }
        if forgotten {
            self.lost_projections();
            self.derived.head = Head {
                added: limits::SEGMENTS_MAX,
                ..Head::default()
            };
        }
    }

    /// The node closes: a derivation is made now if it makes opening quicker.
    pub fn closing(&mut self) {
        self.derived.closing = true;
    }
}
