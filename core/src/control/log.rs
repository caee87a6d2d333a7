//! The control log: a set of signed records that only grows, and the one line through it that
//! counts. The line is a pure function of the set, so replicas that hold the same records agree
//! whatever the order in which they came.

use super::record::{ControlBody, ControlId, ControlRecord, Role, SignedControl};
use crate::{
    changeset::ControlPosition,
    id::{OriginId, WorkspaceId},
};
use std::collections::BTreeMap;

/// Most records that wait for one before them. The log travels in order; more is a fault or a flood.
const WAITING_MAX: usize = 1_024;

/// A workspace's control log.
#[derive(Clone, Debug)]
pub struct ControlLog {
    workspace: WorkspaceId,
    records: BTreeMap<ControlId, SignedControl>,
    /// Records by the one before them; `None`: foundings.
    children: BTreeMap<Option<ControlId>, Vec<ControlId>>,
    /// The line that counts, in order.
    line: Vec<ControlId>,
    /// Who may write after the line's end.
    office: Option<Office>,
    founder: OriginId,
}

/// What adding a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was there already.
    Known,
    /// It stands at the end of the line.
    Appended,
    /// It is kept, but waits for a record before it or stands beside the line.
    Beside,
    /// It moved the line: everything is to be judged again.
    Turned,
}

/// Why a record cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Another workspace's.
    #[error("the control record belongs to workspace {had}, this log to {wanted}")]
    Workspace {
        /// The record's.
        had: WorkspaceId,
        /// The log's.
        wanted: WorkspaceId,
    },
    /// Its signature does not hold.
    #[error("the signature of control record {number} does not hold: ask another peer for it")]
    Signature {
        /// The record's number.
        number: u64,
    },
    /// Too many wait already.
    #[error("{WAITING_MAX} control records wait for an earlier one: fetch the log in order")]
    Flood,
}

impl ControlLog {
    /// An empty log of a workspace that the device `founder` founded. Who trusts the workspace id
    /// learned both from the same invitation.
    pub fn new(workspace: WorkspaceId, founder: OriginId) -> Self {
        ControlLog {
            workspace,
            records: BTreeMap::new(),
            children: BTreeMap::new(),
            line: Vec::new(),
            office: None,
            founder,
        }
    }

    /// The place after which the next record stands.
    pub fn tip(&self) -> ControlPosition {
        self.line
            .last()
            .and_then(|id| self.records.get(id))
            .map(|s| s.record.position)
            .unwrap_or_default()
    }

    /// The records that count, in order.
    pub fn line(&self) -> impl DoubleEndedIterator<Item = &SignedControl> + '_ {
        self.line.iter().filter_map(|id| self.records.get(id))
    }

    /// Every record that is kept, those beside the line included.
    pub fn all(&self) -> impl Iterator<Item = &SignedControl> + '_ {
        self.records.values()
    }

    /// The record that would follow the line, ready to be signed by the orderer; `next_epoch` for a
    /// hand-over.
    pub fn draft(&self, body: ControlBody, hlc: crate::hlc::Hlc) -> ControlRecord {
        let tip = self.tip();
        let epoch = match body {
            ControlBody::Orderer { .. } => tip.epoch.saturating_add(1),
            ControlBody::Found { .. }
            | ControlBody::Member { .. }
            | ControlBody::Role { .. }
            | ControlBody::Revoke { .. }
            | ControlBody::ActivateSchema { .. }
            | ControlBody::ActivateRules { .. }
            | ControlBody::Refuse { .. }
            | ControlBody::Fork { .. }
            | ControlBody::KeyEpoch { .. }
            | ControlBody::PruneBefore { .. }
            | ControlBody::Erase { .. } => tip.epoch,
        };
        ControlRecord {
            workspace: self.workspace,
            position: ControlPosition {
                epoch,
                number: tip.number.saturating_add(1),
            },
            prev: self.line.last().copied(),
            hlc,
            signer: self.founder,
            body,
        }
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// Where it is another workspace's, is not signed by whom it names, or too many wait.
    pub fn add(&mut self, signed: SignedControl) -> Result<Added, ControlError> {
        let id = signed.record.id();
        if self.records.contains_key(&id) {
            return Ok(Added::Known);
        }
        if signed.record.workspace != self.workspace {
            return Err(ControlError::Workspace {
                had: signed.record.workspace,
                wanted: self.workspace,
            });
        }
        if self.records.len().saturating_sub(self.line.len()) >= WAITING_MAX {
            return Err(ControlError::Flood);
        }
        if !signed.signature_holds() {
            return Err(ControlError::Signature {
                number: signed.record.position.number,
            });
        }
        let prev = signed.record.prev;
        self.children.entry(prev).or_default().push(id);
        self.records.insert(id, signed);
        if prev == self.line.last().copied() {
            // Nothing followed the end of the line, so whatever follows now only lengthens it.
            let before = self.line.len();
            self.walk();
            return Ok(if self.line.len() > before {
                Added::Appended
            } else {
                Added::Beside
            });
        }
        let before = std::mem::take(&mut self.line);
        self.office = None;
        self.walk();
        Ok(if self.line == before {
            Added::Beside
        } else {
            Added::Turned
        })
    }

    /// Goes on from the end of the line: among the valid records that follow, to the one of the
    /// highest order epoch, then of the smallest id. A higher epoch is a hand-over, so an orderer
    /// that goes on numbering after it was replaced moves nobody.
    fn walk(&mut self) {
        loop {
            let at = self.line.last().copied();
            let next = self
                .children
                .get(&at)
                .into_iter()
                .flatten()
                .filter_map(|id| {
                    let record = &self.records.get(id)?.record;
                    let office = Office::after(self.office.as_ref(), record, &self.founder)?;
                    Some((std::cmp::Reverse(record.position.epoch), *id, office))
                });
            match next.min_by_key(|(epoch, id, _)| (*epoch, *id)) {
                Some((_, id, after)) => {
                    self.line.push(id);
                    self.office = Some(after);
                }
                None => return,
            }
        }
    }
}

/// Who may write the next record. An owner is a device admitted as one and not shut out since.
#[derive(Clone, Debug)]
struct Office {
    position: ControlPosition,
    orderer: OriginId,
    recovery: OriginId,
    owners: BTreeMap<OriginId, bool>,
}

impl Office {
    /// The office after `record`, if it may follow.
    fn after(
        before: Option<&Office>,
        record: &ControlRecord,
        founder: &OriginId,
    ) -> Option<Office> {
        let Some(before) = before else {
            let ControlBody::Found {
                orderer,
                recovery,
                device,
                ..
            } = &record.body
            else {
                return None;
            };
            let first = ControlPosition {
                epoch: 0,
                number: 1,
            };
            let holds = record.position == first && record.signer == *founder && device == founder;
            return holds.then(|| Office {
                position: first,
                orderer: *orderer,
                recovery: *recovery,
                owners: BTreeMap::from([(*device, true)]),
            });
        };
        if record.position.number != before.position.number.checked_add(1)? {
            return None;
        }
        let by_orderer = record.signer == before.orderer;
        let by_owner = record.signer == before.recovery
            || before.owners.get(&record.signer).copied() == Some(true);
        let mut after = before.clone();
        after.position = record.position;
        let same_epoch = record.position.epoch == before.position.epoch;
        match &record.body {
            ControlBody::Found { .. } => return None,
            ControlBody::Orderer { next } => {
                let next_epoch = record.position.epoch == before.position.epoch.checked_add(1)?;
                if !next_epoch || !(by_orderer || by_owner) {
                    return None;
                }
                after.orderer = *next;
                return Some(after);
            }
            ControlBody::Member { origin, role, .. } => {
                // A device is admitted once: a salt is fixed, and who was shut out makes a new key.
                if after.owners.contains_key(origin) {
                    return None;
                }
                after.owners.insert(*origin, *role == Role::Owner);
            }
            ControlBody::Revoke { origin, .. } => {
                after.owners.insert(*origin, false);
            }
            ControlBody::Role { .. }
            | ControlBody::ActivateSchema { .. }
            | ControlBody::ActivateRules { .. }
            | ControlBody::Refuse { .. }
            | ControlBody::Fork { .. }
            | ControlBody::KeyEpoch { .. }
            | ControlBody::PruneBefore { .. }
            | ControlBody::Erase { .. } => {}
        }
        (same_epoch && by_orderer).then_some(after)
    }
}
