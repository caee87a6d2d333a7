//! Commits and what becomes of them: processes that die and start again, stores that are damaged,
//! stores that are copied.

use super::{
    Broken, Device, Fate, Fault, Rng,
    device::Commit,
    disk::Wreck,
    store::ROWS,
    truth::invariant,
    world::{ORDERER, World, broken},
};
use crate::{engine::ReadError, id::ChangeSetId, store::StoreError};
use std::{cell::RefCell, collections::BTreeSet};

impl World<'_, '_> {
    pub(super) fn commit(&mut self, at: usize, fate: Fate, seed: u64) -> Result<String, Broken> {
        let now_ms = self.now_ms;
        let scribe = &mut self.hooks.scribe;
        let Some(device) = self.devices.get_mut(at) else {
            return Ok(String::new());
        };
        let mut rng = Rng::new(seed);
        let mut write = |rows: &[Vec<u8>]| match scribe {
            Some(scribe) => scribe(at, rows),
            None => rows.to_vec(),
        };
        let (met, wreck) = device.drive(now_ms, fate, &mut rng, &mut write);
        if met == Commit::None {
            return Ok("nothing to save".to_owned());
        }
        let fault = match fate {
            Fate::Done => None,
            Fate::Full => Some(Fault::DiskFull),
            Fate::WriteFails => Some(Fault::WriteFailed),
            Fate::SyncFails => Some(Fault::SyncForgotten),
            Fate::AnswerLost => Some(Fault::AnswerLost),
            Fate::SyncLies => Some(Fault::SyncLied),
            Fate::DiesBefore => Some(Fault::DiedBefore),
            Fate::DiesWithin => Some(Fault::DiedWithin),
            Fate::DiesAfter => Some(Fault::DiedAfter),
        };
        if let Some(fault) = fault {
            self.fire(fault, true);
        }
        if met == Commit::Died {
            return self.start_again(at, wreck, seed);
        }
        self.watch(at)?;
        let saved = self.devices.get(at).map_or(0, |device| device.saved.len());
        Ok(format!("{saved} saved"))
    }

    pub(super) fn crash(
        &mut self,
        at: usize,
        unreadable: bool,
        seed: u64,
    ) -> Result<String, Broken> {
        let Some(device) = self.devices.get_mut(at) else {
            return Ok(String::new());
        };
        device.store.get_mut().unreadable = u32::from(unreadable);
        let wreck = device.store.get_mut().disk.crash(&mut Rng::new(seed));
        self.start_again(at, wreck, seed)
    }

    /// A process died; its store is opened again and held to what it promised.
    fn start_again(&mut self, at: usize, wreck: Wreck, seed: u64) -> Result<String, Broken> {
        if wreck.torn {
            self.fire(Fault::TornWrite, true);
        }
        if wreck.reordered {
            self.fire(Fault::ReorderedWrite, true);
        }
        self.watch(at)?;
        let before = self.picture_if_saved(at);
        let meant = self.kept_intents(at);
        let now_ms = self.now_ms;
        let Some(device) = self.devices.get_mut(at) else {
            return Ok(String::new());
        };
        let had = device.saved_ids.clone();
        let mut opened = device.open(now_ms);
        while let Err(ReadError::Store(StoreError::Io(_))) = &opened {
            let store = device.store.get_mut();
            store.unreadable = store.unreadable.saturating_sub(1);
            opened = device.open(now_ms);
        }
        match opened {
            Ok(()) => {}
            Err(ReadError::Store(StoreError::Corrupt { .. })) if wreck.lied => {
                return self.fetch_again(at, had, seed);
            }
            Err(error) => {
                let found = format!("{}'s store does not open: {error}", self.name(at));
                return Err(broken(invariant::OPENS, found));
            }
        }
        self.count(invariant::OPENS);
        let lost: Vec<ChangeSetId> = had
            .iter()
            .filter(|id| !device_holds(self, at, id))
            .copied()
            .collect();
        self.count(invariant::KEPT);
        if !lost.is_empty() && !wreck.lied {
            let found = format!(
                "{} lost {} of what was saved: {lost:?}",
                self.name(at),
                lost.len()
            );
            return Err(broken(invariant::KEPT, found));
        }
        if wreck.lied {
            self.forget_promises(at, lost.into_iter());
        } else {
            self.hold_to_intents(at, &meant)?;
            self.hold_to_picture(at, before)?;
        }
        // It died before what it had fetched, or all it had on a disk that lies, was saved.
        if self.replica(at).is_none() {
            return self.fetch_again(at, had, seed);
        }
        self.watch(at)?;
        self.hold_to_wishes(at)?;
        Ok(format!("opened again, {} saved", had.len()))
    }

    /// A disk broke its promise: what it alone had is excused, and its name has two histories from now
    /// on.
    fn forget_promises(&mut self, at: usize, lost: impl Iterator<Item = ChangeSetId>) {
        let gone: Vec<ChangeSetId> = lost.filter(|id| !self.is_anywhere(id)).collect();
        self.excuse(gone.into_iter());
        let name = self.truth.new_store();
        if let Some(device) = self.devices.get_mut(at) {
            device.store_name = name;
            device.sent.clear();
        }
    }

    pub(super) fn is_anywhere(&self, id: &ChangeSetId) -> bool {
        self.devices
            .iter()
            .any(|device| device.saved_ids.contains(id))
    }

    /// A bit of the store turns, and the device is started again.
    pub(super) fn rot(&mut self, at: usize, seed: u64) -> Result<String, Broken> {
        let flight = self.in_flight(at);
        let mut rng = Rng::new(seed);
        let now_ms = self.now_ms;
        let Some(device) = self.devices.get_mut(at).filter(|_| at != ORDERER) else {
            return Ok(String::new());
        };
        let had = device.saved_ids.clone();
        device.store.get_mut().disk.crash(&mut rng);
        device.store.get_mut().disk.rot(ROWS, &mut rng);
        let opened = device.open(now_ms);
        self.fire(Fault::BitRot, flight);
        self.count(invariant::KEPT);
        match opened {
            Err(ReadError::Store(StoreError::Corrupt { .. })) => self.fetch_again(at, had, seed),
            Err(error) => {
                let found = format!("{}'s damaged store: {error}", self.name(at));
                Err(broken(invariant::OPENS, found))
            }
            // What turned was none of the journal.
            Ok(()) => {
                let lost: Vec<&ChangeSetId> = had
                    .iter()
                    .filter(|id| !device_holds(self, at, id))
                    .collect();
                match lost.is_empty() {
                    true => Ok("harmless".to_owned()),
                    false => {
                        let found = format!("{} lost {lost:?} in silence", self.name(at));
                        Err(broken(invariant::KEPT, found))
                    }
                }
            }
        }
    }

    /// A store that is damaged is put away, and the workspace fetched from a peer, all that it has.
    fn fetch_again(
        &mut self,
        at: usize,
        had: BTreeSet<ChangeSetId>,
        seed: u64,
    ) -> Result<String, Broken> {
        let name = self.truth.new_store();
        if let Some(device) = self.devices.get_mut(at) {
            device.store = RefCell::default();
            device.store_name = name;
            device.put_away();
        }
        let gone: Vec<ChangeSetId> = had.into_iter().filter(|id| !self.is_anywhere(id)).collect();
        let lost = gone.len();
        self.excuse(gone.into_iter());
        let peers: Vec<usize> = (0..self.devices.len()).filter(|peer| *peer != at).collect();
        let mut rng = Rng::new(seed);
        let peer = peers
            .get(rng.below(peers.len()))
            .copied()
            .unwrap_or(ORDERER);
        let bundle = self
            .devices
            .get(peer)
            .map(|peer| peer.bundle(peer.saved.iter()));
        let now_ms = self.now_ms;
        if let (Some(device), Some(bundle)) = (self.devices.get_mut(at), bundle) {
            device.import(now_ms, &bundle).ok();
        }
        self.watch(at)?;
        self.hold_to_wishes(at)?;
        Ok(format!(
            "fetched again from {}, {lost} gone",
            self.name(peer)
        ))
    }

    pub(super) fn copy(&mut self, of: usize, noticed: bool) -> Result<String, Broken> {
        let flight = self.in_flight(of);
        let now_ms = self.now_ms;
        let store_name = self.truth.new_store();
        let Some(original) = self
            .devices
            .get(of)
            .filter(|one| of != ORDERER && !one.hostile)
        else {
            return Ok(String::new());
        };
        let name = format!("{}'s copy", original.name);
        let mut copy = Device::new(&name, original.user, original.key.clone());
        copy.store = original.store.clone();
        copy.store.get_mut().disk.settle();
        copy.clock_off_ms = original.clock_off_ms;
        copy.store_name = store_name;
        match copy.open(now_ms) {
            Ok(()) => {}
            // The original's disk broke a promise before: the copy has only what it finds.
            Err(_) => return Ok("cannot be opened".to_owned()),
        }
        if noticed {
            copy.engine.begin_epochs();
        }
        let fault = match noticed {
            true => Fault::CopyNoticed,
            false => Fault::CopyUnnoticed,
        };
        self.fire(fault, flight);
        self.devices.push(copy);
        let at = self.devices.len().saturating_sub(1);
        self.watch(at)?;
        Ok(name)
    }
}

fn device_holds(world: &World<'_, '_>, at: usize, id: &ChangeSetId) -> bool {
    world
        .devices
        .get(at)
        .is_some_and(|device| device.saved_ids.contains(id))
}
