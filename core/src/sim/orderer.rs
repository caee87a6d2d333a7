//! What the orderer writes into the control log.

use super::{
    Device, Fault, Rng,
    world::{ORDERER, World},
};
use crate::{
    control::{ControlBody, Cut, RefuseReason, Role, Slot},
    document::State,
    id::ActorSalt,
};

impl World<'_, '_> {
    /// The orderer writes a record that admits a device.
    pub(super) fn admit(&mut self, at: usize, salt: ActorSalt) -> bool {
        let Some((user, origin)) = self.devices.get(at).map(|one| (one.user, one.origin())) else {
            return false;
        };
        let standing = self.replica(ORDERER).map(|replica| replica.standing());
        let known =
            standing.is_some_and(|known| known.member(&origin, known.tip().number).is_some());
        !known
            && self.order(ControlBody::Member {
                user,
                origin,
                role: Role::Member,
                salt,
            })
    }

    /// The orderer writes a record.
    pub(super) fn order(&mut self, body: ControlBody) -> bool {
        let (workspace, now_ms) = (self.workspace, self.now_ms);
        let Some(owner) = self.devices.get_mut(ORDERER) else {
            return false;
        };
        let now_ms = owner.clock_ms(now_ms);
        owner.engine.order(now_ms, &workspace, body).is_ok()
    }

    /// Shuts a device out: what the orderer has of it stays.
    pub(super) fn revoke(&mut self, at: usize) -> String {
        let Some(origin) = self
            .devices
            .get(at)
            .map(Device::origin)
            .filter(|_| at != ORDERER)
        else {
            return String::new();
        };
        let Some(replica) = self.replica(ORDERER) else {
            return String::new();
        };
        let mut cut: Vec<Cut> = Vec::new();
        for document in replica.documents() {
            for (chain, line) in document.graph().lines() {
                let len = document.graph().len_of(chain);
                if line.writer.chain.origin == origin && len > 0 {
                    let last = Slot {
                        document: document.id(),
                        chain: line.writer.chain,
                        seq: len,
                    };
                    cut.push(Cut { last });
                }
            }
        }
        cut.sort_by_key(|cut| cut.last);
        let flight = self.in_flight(at);
        let done = self.order(ControlBody::Revoke { origin, cut });
        if done {
            self.fire(Fault::Revocation, flight);
        }
        format!("{done}")
    }

    /// Refuses somebody's change set that the orderer holds.
    pub(super) fn refuse(&mut self, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let Some(owner) = self.devices.get(ORDERER) else {
            return String::new();
        };
        let Some(signed) = owner.saved.get(rng.below(owner.saved.len())) else {
            return "has none".to_owned();
        };
        let (header, id) = (signed.change.header(), signed.change.id());
        let slot = Slot {
            document: header.document(),
            chain: header.chain,
            seq: header.seq,
        };
        let reason = RefuseReason::Quota;
        let done = self.order(ControlBody::Refuse { slot, id, reason });
        if done {
            self.fire(Fault::LateRefusal, !self.mail.is_empty());
        }
        format!("{id} {done}")
    }

    /// Rules one of the forks that the orderer sees: for either side.
    pub(super) fn rule(&mut self, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let forks = self.replica(ORDERER).map(|replica| {
            let documents = replica.documents().flat_map(|document| document.asides());
            let forked = documents.filter_map(|aside| match aside.state {
                State::Forked { winner } => {
                    let header = aside.kept.change.header();
                    let slot = Slot {
                        document: header.document(),
                        chain: header.chain,
                        seq: header.seq,
                    };
                    Some((slot, aside.kept.change.id(), winner))
                }
                _ => None,
            });
            forked.collect::<Vec<_>>()
        });
        let forks = forks.unwrap_or_default();
        let Some((slot, loser, winner)) = forks.get(rng.below(forks.len())).copied() else {
            return "sees none".to_owned();
        };
        let winner = if rng.one_in(2) { winner } else { loser };
        let done = self.order(ControlBody::Fork { slot, winner });
        if done {
            self.fire(Fault::ForkRuled, !self.mail.is_empty());
        }
        format!("{winner} {done}")
    }
}
