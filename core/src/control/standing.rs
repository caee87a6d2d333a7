//! What the control log's line says, laid out for the questions that judging asks.

use super::{
    log::ControlLog,
    record::{ControlBody, ControlId, Role, SignedControl, Slot},
};
use crate::{
    changeset::{ControlPosition, RULES_VERSION},
    hlc::Hlc,
    id::{ActorSalt, Chain, ChangeSetId, DocumentId, OriginId, SchemaId, UserId},
    judge::Hold,
};
use std::collections::{BTreeMap, BTreeSet};

/// An admitted device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user behind it.
    pub user: UserId,
    /// Its salt.
    pub salt: ActorSalt,
    /// What it was admitted to do.
    pub role: Role,
    /// The number of the record that admitted it.
    pub since: u64,
}

/// Why a change set does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excluded {
    /// The orderer refused it.
    Refused(ControlId),
    /// Another one in its slot was ruled to count.
    Fork(ControlId),
    /// It stands above the cut of its revoked device.
    Revoked(ControlId),
}

impl Excluded {
    /// The record that says so.
    pub fn record(&self) -> ControlId {
        match self {
            Excluded::Refused(id) | Excluded::Fork(id) | Excluded::Revoked(id) => *id,
        }
    }
}

/// The chains of a revoked device that stay, each with its last change set.
type Stays = BTreeMap<(DocumentId, Chain), u64>;

/// The control log's line, indexed. Grows with the line; made anew where the line turned.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    tip: ControlPosition,
    epochs: Vec<(u32, u64)>,
    members: BTreeMap<OriginId, Member>,
    roles: BTreeMap<UserId, Vec<(u64, Role)>>,
    revoked: BTreeMap<OriginId, (ControlId, Stays)>,
    refused: BTreeMap<(Slot, ChangeSetId), ControlId>,
    forks: BTreeMap<Slot, (ControlId, ChangeSetId)>,
    schemas: BTreeMap<SchemaId, u64>,
    erased: BTreeSet<ChangeSetId>,
    pruned: BTreeMap<DocumentId, Hlc>,
    key_epoch: Option<u32>,
    key_fingerprints: BTreeMap<u32, [u8; 32]>,
}

impl Standing {
    /// What a log's line says.
    pub fn of(log: &ControlLog) -> Self {
        let mut standing = Standing::default();
        log.line().for_each(|signed| standing.extend(signed));
        standing
    }

    /// Takes in the next record of the line.
    pub fn extend(&mut self, signed: &SignedControl) {
        let record = &signed.record;
        let id = record.id();
        let number = record.position.number;
        if self
            .epochs
            .last()
            .is_none_or(|(epoch, _)| *epoch < record.position.epoch)
        {
            self.epochs.push((record.position.epoch, number));
        }
        self.tip = record.position;
        match &record.body {
            ControlBody::Found {
                owner,
                device,
                salt,
                ..
            } => {
                let member = Member {
                    user: *owner,
                    salt: *salt,
                    role: Role::Owner,
                    since: number,
                };
                self.members.insert(*device, member);
            }
            ControlBody::Member {
                user,
                origin,
                role,
                salt,
            } => {
                let member = Member {
                    user: *user,
                    salt: *salt,
                    role: *role,
                    since: number,
                };
                self.members.insert(*origin, member);
            }
            ControlBody::Role { user, role } => {
                self.roles.entry(*user).or_default().push((number, *role))
            }
            ControlBody::Revoke { origin, cut } => {
                let stays = cut
                    .iter()
                    .map(|cut| ((cut.last.document, cut.last.chain), cut.last.seq))
                    .collect();
                self.revoked.entry(*origin).or_insert((id, stays));
            }
            ControlBody::ActivateSchema { schema, .. } => {
                self.schemas.entry(*schema).or_insert(number);
            }
            ControlBody::Refuse {
                slot, id: refused, ..
            } => {
                self.refused.entry((*slot, *refused)).or_insert(id);
            }
            ControlBody::Fork { slot, winner } => {
                self.forks.entry(*slot).or_insert((id, *winner));
            }
            ControlBody::KeyEpoch { epoch, fingerprint } => {
                self.key_epoch = Some(*epoch);
                self.key_fingerprints.entry(*epoch).or_insert(*fingerprint);
            }
            ControlBody::Erase { id: erased, .. } => {
                self.erased.insert(*erased);
            }
            ControlBody::PruneBefore { document, before } => {
                let pruned = self.pruned.entry(*document).or_default();
                *pruned = (*pruned).max(*before);
            }
            ControlBody::Orderer { .. } | ControlBody::ActivateRules { .. } => {}
        }
    }

    /// The last record's place.
    pub fn tip(&self) -> ControlPosition {
        self.tip
    }

    /// The number on the line of a position that an author had seen. A position of an epoch that
    /// was handed over below it counts as the last one that both share.
    ///
    /// # Errors
    /// Where the line here does not reach it yet.
    pub fn number_of(&self, position: ControlPosition) -> Result<u64, Hold> {
        let hold = Hold::Control {
            wanted: position.number,
            had: self.tip.number,
        };
        if position.number > self.tip.number || position.epoch > self.tip.epoch {
            return Err(hold);
        }
        let handed_over = self
            .epochs
            .iter()
            .find(|(epoch, _)| *epoch > position.epoch);
        Ok(match handed_over {
            Some((_, first)) => position.number.min(first.saturating_sub(1)),
            None => position.number,
        })
    }

    /// A device as admitted at or before record `number`.
    pub fn member(&self, origin: &OriginId, number: u64) -> Option<&Member> {
        self.members
            .get(origin)
            .filter(|member| member.since <= number)
    }

    /// What a device may do at record `number`.
    pub fn role(&self, member: &Member, number: u64) -> Role {
        self.user_role(&member.user, number).unwrap_or(member.role)
    }

    /// What a user's devices were last said to be allowed, at record `number`.
    fn user_role(&self, user: &UserId, number: u64) -> Option<Role> {
        self.roles
            .get(user)?
            .iter()
            .rev()
            .find(|(since, _)| *since <= number)
            .map(|(_, role)| *role)
    }

    /// What a user may do at record `number` through any device, the most of it.
    pub fn user(&self, user: &UserId, number: u64) -> Option<Role> {
        let devices = self
            .members
            .values()
            .filter(|member| member.user == *user && member.since <= number);
        let roles = devices.map(|member| self.role(member, number));
        roles
            .filter(|role| matches!(role, Role::Reader | Role::Member | Role::Owner))
            .max()
    }

    /// The record number at which a schema was activated.
    pub fn schema_active(&self, schema: &SchemaId) -> Option<u64> {
        self.schemas.get(schema).copied()
    }

    /// The newest rules version that may be named.
    pub fn rules_known(&self) -> u16 {
        RULES_VERSION
    }

    /// Why a change set does not count, if a record says so.
    pub fn excludes(&self, slot: &Slot, id: &ChangeSetId) -> Option<Excluded> {
        if let Some(record) = self.refused.get(&(*slot, *id)) {
            return Some(Excluded::Refused(*record));
        }
        if let Some((record, _)) = self.forks.get(slot).filter(|(_, winner)| winner != id) {
            return Some(Excluded::Fork(*record));
        }
        let (record, stays) = self.revoked.get(&slot.chain.origin)?;
        let last = stays
            .get(&(slot.document, slot.chain))
            .copied()
            .unwrap_or(0);
        (slot.seq > last).then_some(Excluded::Revoked(*record))
    }

    /// The one that was ruled to count in a forked slot.
    pub fn fork_winner(&self, slot: &Slot) -> Option<ChangeSetId> {
        self.forks.get(slot).map(|(_, winner)| *winner)
    }

    /// Whether a record asks for the erasure of a payload: by its id, or by a stamp below the first
    /// entry of its log that stays.
    pub fn erases(&self, document: &DocumentId, hlc: Hlc, id: &ChangeSetId) -> bool {
        hlc < self.pruned(document) || self.erased.contains(id)
    }

    /// The stamp below which a log has been pruned; zero where it was not.
    pub fn pruned(&self, document: &DocumentId) -> Hlc {
        self.pruned.get(document).copied().unwrap_or_default()
    }

    /// The workspace key epoch in use; none: in clear.
    pub fn key_epoch(&self) -> Option<u32> {
        self.key_epoch
    }

    /// The fingerprint of a key epoch's key.
    pub fn key_fingerprint(&self, epoch: u32) -> Option<[u8; 32]> {
        self.key_fingerprints.get(&epoch).copied()
    }
}
