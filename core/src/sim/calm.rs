//! The calm phase: every fault stops, every message arrives, everybody gets everything.

use super::{
    Fate, Rng,
    truth::invariant,
    world::{Held, World, broken},
};
use crate::changeset::Signed;

/// How long a device may take to save what waits once its disk is whole, in milliseconds: the longest
/// wait between two tries, and the time of one.
const SAVED_WITHIN_MS: u64 = 7_000;
/// How often everybody gives everybody what they lack, until nobody lacks anything.
const ROUNDS_MAX: usize = 4;

impl World<'_, '_> {
    /// Lets everything come to rest, and looks whether it holds.
    pub(super) fn calm_down(&mut self) -> Held {
        self.log.add(format!("calm at {}", self.now_ms));
        for device in &mut self.devices {
            device.clock_off_ms = 0;
        }
        let mail = std::mem::take(&mut self.mail);
        for message in mail.into_values().filter(|message| !message.damaged) {
            self.take_in(message.to, message.bytes, false)?;
        }
        self.save_all()?;
        for _ in 0..ROUNDS_MAX {
            if !self.exchange_all()? {
                break;
            }
            self.save_all()?;
        }
        self.hold_to_the_end()?;
        for at in 0..self.devices.len() {
            self.hold_to_wishes(at)?;
            self.crash(at, false, 0)?;
        }
        self.hold_to_equal_states()
    }

    fn save_all(&mut self) -> Held {
        self.now_ms = self.now_ms.saturating_add(SAVED_WITHIN_MS);
        for at in 0..self.devices.len() {
            self.commit(at, Fate::Done, 0)?;
            let unsealed = self.replica(at).map_or(0, |replica| replica.open_len());
            let unsaved = self
                .devices
                .get(at)
                .is_some_and(|device| device.is_unsaved());
            self.count(invariant::CALM);
            if unsaved && unsealed == 0 {
                let found = format!("{} has a sound disk and does not save", self.name(at));
                return Err(broken(invariant::CALM, found));
            }
        }
        Ok(())
    }

    /// Everybody gives everybody what they lack. Answers whether anybody lacked anything.
    fn exchange_all(&mut self) -> Result<bool, super::Broken> {
        let mut any = false;
        let mut rng = Rng::new(self.setting.seed ^ 0xca11);
        for to in 0..self.devices.len() {
            for from in 0..self.devices.len() {
                let bundle = self.lacking(from, to, &mut rng);
                if let Some(bundle) = bundle {
                    any = true;
                    self.take_in(to, bundle, false)?;
                    self.commit(to, Fate::Done, 0)?;
                }
            }
        }
        Ok(any)
    }

    /// What one has and the other lacks; none where that is nothing.
    fn lacking(&self, from: usize, to: usize, rng: &mut Rng) -> Option<Vec<u8>> {
        let (from, to) = (self.devices.get(from)?, self.devices.get(to)?);
        // Without the control log nothing can be judged, and a message without it is none.
        (!from.controls.is_empty()).then_some(())?;
        let lacks = |signed: &&Signed| !to.saved_ids.contains(&signed.change.id());
        let mut changes: Vec<&Signed> = from.saved.iter().filter(lacks).collect();
        let records = from.controls.len() > to.controls.len();
        rng.shuffle(&mut changes);
        (!changes.is_empty() || records).then(|| from.bundle(changes.into_iter()))
    }
}
