//! Carrying a step out. Whatever a step names may be missing: it then does nothing.

use super::{
    Action, Broken, Craft, Device, Fate, Fault, Form, Rng, Step, hostile,
    truth::invariant,
    world::{Held, Message, World, broken},
};
use crate::{
    document::State,
    engine::EditError,
    id::{ActorSalt, ChangeSetId},
};

impl World<'_, '_> {
    /// Carries a step out and looks whether everything holds.
    pub(super) fn perform(&mut self, number: usize, step: &Step) -> Held {
        self.now_ms = self.now_ms.saturating_add(37);
        let outcome = match step {
            Step::Edit { device, action } => self.edit(*device, action)?,
            Step::Commit { device, fate, seed } => self.commit(*device, *fate, *seed)?,
            Step::Send {
                from,
                to,
                form,
                mail,
                seed,
            } => self.send(*from, *to, *form, *mail, *seed)?,
            Step::Deliver { mail, again } => self.deliver(*mail, *again)?,
            Step::Lose { mail } => {
                let message = self.mail.remove(mail);
                let flight = message.is_some_and(|one| self.is_news(&one));
                self.fire(Fault::MessageLost, flight);
                String::new()
            }
            Step::Hold { mail } => {
                let held = self.mail.get_mut(mail).map(|message| {
                    message.held = true;
                    message.clone()
                });
                let flight = held.is_some_and(|one| self.is_news(&one));
                self.fire(Fault::MessageLate, flight);
                String::new()
            }
            Step::Damage { mail, seed } => self.damage(*mail, *seed),
            Step::Crash {
                device,
                unreadable,
                seed,
            } => {
                let flight = self.in_flight(*device);
                let fault = match unreadable {
                    true => Fault::ReadFailed,
                    false => Fault::DiedBetween,
                };
                self.fire(fault, flight);
                self.crash(*device, *unreadable, *seed)?
            }
            Step::Rot { device, seed } => self.rot(*device, *seed)?,
            Step::Clock { device, by_ms } => {
                let flight = self.in_flight(*device);
                let fault = match *by_ms > 0 {
                    true => Fault::ClockAhead,
                    false => Fault::ClockBack,
                };
                self.fire(fault, flight);
                if let Some(device) = self.devices.get_mut(*device) {
                    device.clock_off_ms = device.clock_off_ms.saturating_add(*by_ms);
                }
                String::new()
            }
            Step::Copy { of, noticed } => self.copy(*of, *noticed)?,
            Step::Attack {
                device,
                to,
                craft,
                mail,
                seed,
            } => self.attack(*device, *to, *craft, *mail, *seed),
            Step::Admit { device } => {
                let salt = ActorSalt(Rng::new(*device as u64 ^ self.setting.seed).bytes());
                let flight = !self.truth.acknowledged.is_empty();
                let admitted = self.admit(*device, salt);
                if admitted {
                    self.fire(Fault::LateAdmission, flight);
                }
                format!("{admitted}")
            }
            Step::Revoke { device } => self.revoke(*device),
            Step::Refuse { seed } => self.refuse(*seed),
            Step::Rule { seed } => self.rule(*seed),
            Step::Wait { ms } => {
                self.now_ms = self.now_ms.saturating_add(*ms);
                String::new()
            }
        };
        let told = step.tell(|at| self.name(at));
        self.log
            .add(format!("{number} {} {told}: {outcome}", self.now_ms));
        // Both look at every device: in a short run often, in a long one as often as it bears.
        if number.is_multiple_of((self.setting.edits / 8).max(1)) {
            self.hold_to_bounds()?;
            self.hold_to_equal_states()?;
        }
        Ok(())
    }

    fn edit(&mut self, at: usize, action: &Action) -> Result<String, Broken> {
        let (now_ms, workspace) = (self.now_ms, self.workspace);
        let does = match (&self.hooks.only_if, self.view(at)) {
            (Some(looks), Some(view)) => looks(action, &view),
            _ => true,
        };
        if !does {
            return Ok("looks, and does not".to_owned());
        }
        self.foresee_edit(at, action);
        let Some(device) = self.devices.get_mut(at) else {
            return Ok(String::new());
        };
        let outcome = match device.edit(now_ms, workspace, action) {
            Ok(made) => {
                self.edits_made = self.edits_made.saturating_add(1);
                self.count(invariant::READ_OWN);
                let document = self
                    .replica(at)
                    .and_then(|replica| replica.document(&action.entity, &action.part));
                let shown = document.and_then(|document| document.state_of(&made.edited.id));
                if shown != Some(State::Effective) {
                    let found = format!(
                        "{} made {}, which is {shown:?}",
                        self.name(at),
                        made.edited.id
                    );
                    return Err(broken(invariant::READ_OWN, found));
                }
                self.truth_of_edit(at, action, made.edited.id);
                format!("{}", made.edited.id)
            }
            Err(error) => {
                self.edits_refused = self.edits_refused.saturating_add(1);
                if let EditError::UnknownWorkspace(_) = error {
                    return Ok(String::from("has no workspace"));
                }
                format!("refused: {error}")
            }
        };
        self.watch(at)?;
        self.hold_to_wishes(at)?;
        Ok(outcome)
    }

    fn send(
        &mut self,
        from: usize,
        to: usize,
        form: Form,
        mail: u64,
        seed: u64,
    ) -> Result<String, Broken> {
        if from == to || to >= self.devices.len() {
            return Ok(String::new());
        }
        self.commit(from, Fate::Done, seed)?;
        let mut rng = Rng::new(seed);
        let Some(device) = self.devices.get_mut(from) else {
            return Ok(String::new());
        };
        if device.controls.is_empty() {
            return Ok("has no workspace".to_owned());
        }
        let sent = device.sent.get(&to).copied().unwrap_or(0);
        let mut places: Vec<usize> = match form {
            Form::News => (sent..device.saved.len()).collect(),
            Form::Some => (0..device.saved.len()).filter(|_| rng.one_in(3)).collect(),
            Form::All => (0..device.saved.len()).collect(),
        };
        match form {
            Form::News => drop(device.sent.insert(to, device.saved.len())),
            Form::Some => rng.shuffle(&mut places),
            Form::All => {}
        }
        let changes: Vec<_> = places
            .iter()
            .filter_map(|at| device.saved.get(*at))
            .collect();
        let ids: Vec<ChangeSetId> = changes.iter().map(|one| one.change.id()).collect();
        let whole = form == Form::All && !device.is_unsaved();
        // Everything, where all of it is saved, is what the product exports.
        let exported = match whole {
            true => device
                .replica(&self.workspace)
                .and_then(|one| one.bundle().ok()),
            false => None,
        };
        let bytes = exported.unwrap_or_else(|| device.bundle(changes.into_iter()));
        let outcome = format!("{} change sets", ids.len());
        let message = Message {
            from,
            to,
            bytes,
            ids,
            damaged: false,
            held: false,
        };
        self.mail.insert(mail, message);
        Ok(outcome)
    }

    /// Whether a message holds something that its receiver lacks.
    pub(super) fn is_news(&self, message: &Message) -> bool {
        let to = self.devices.get(message.to);
        to.is_some_and(|to| message.ids.iter().any(|id| !to.saved_ids.contains(id)))
    }

    fn deliver(&mut self, mail: u64, again: bool) -> Result<String, Broken> {
        let Some(message) = self.mail.get(&mail).cloned() else {
            return Ok("is not on its way".to_owned());
        };
        let news = self.is_news(&message);
        let overtaken = self
            .mail
            .range(..mail)
            .any(|(_, older)| (older.from, older.to) == (message.from, message.to) && !older.held);
        if overtaken {
            self.fire(Fault::MessageOvertaken, news);
        }
        if again {
            self.fire(Fault::MessageTwice, news);
        } else {
            self.mail.remove(&mail);
        }
        self.take_in(message.to, message.bytes, message.damaged)
    }

    /// A device takes a message in, as the link hands it over.
    pub(super) fn take_in(
        &mut self,
        to: usize,
        bytes: Vec<u8>,
        damaged: bool,
    ) -> Result<String, Broken> {
        let bytes = match &mut self.hooks.link {
            Some(link) => match link(to, bytes) {
                Some(bytes) => bytes,
                None => return Ok("came to nothing".to_owned()),
            },
            None => bytes,
        };
        let now_ms = self.now_ms;
        let Some(device) = self.devices.get_mut(to) else {
            return Ok(String::new());
        };
        let outcome = match device.import(now_ms, &bytes) {
            Ok(imported) => {
                let stuck = imported
                    .intake
                    .arrivals
                    .iter()
                    .find(|arrival| arrival.state == State::Stuck);
                if let Some(stuck) = stuck {
                    let found = format!("{} stopped at {}", device.name, stuck.id);
                    return Err(broken(invariant::UNSTUCK, found));
                }
                let (forged, strange) = (imported.forged.len(), imported.strange);
                let arrived = imported.intake.arrivals.len();
                self.count(invariant::UNSTUCK);
                format!("{arrived} arrived, {forged} forged, {strange} strange")
            }
            Err(error) if damaged => format!("refused: {error}"),
            Err(error) => {
                let found = format!("{} refuses a whole message: {error}", device.name);
                return Err(broken(invariant::CALM, found));
            }
        };
        self.watch(to)?;
        self.hold_to_wishes(to)?;
        Ok(outcome)
    }

    fn damage(&mut self, mail: u64, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let Some(message) = self.mail.get_mut(&mail) else {
            return String::new();
        };
        let at = rng.below(message.bytes.len());
        match rng.below(3) {
            0 => message.bytes.truncate(at),
            _ => {
                if let Some(byte) = message.bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
        message.damaged = true;
        let message = message.clone();
        let flight = self.is_news(&message);
        self.fire(Fault::MessageDamaged, flight);
        String::new()
    }

    fn attack(&mut self, at: usize, to: usize, craft: Craft, mail: u64, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let Some(device) = self.devices.get(at).filter(|_| at != to) else {
            return String::new();
        };
        let origin = device.origin();
        let own: Vec<_> = device
            .saved
            .iter()
            .filter(|signed| signed.change.header().chain.origin == origin)
            .collect();
        let honest = own.get(rng.below(own.len()));
        let crafted = honest.and_then(|honest| {
            Some((
                *honest,
                hostile::craft(&mut rng, &device.key, honest, craft)?,
            ))
        });
        let Some((honest, crafted)) = crafted else {
            return "has nothing to make it of".to_owned();
        };
        let message = Message {
            from: at,
            to,
            bytes: device.bundle([&crafted].into_iter()),
            ids: vec![crafted.change.id()],
            damaged: false,
            held: false,
        };
        let outcome = format!("{} of {}", crafted.change.id(), honest.change.id());
        self.mail.insert(mail, message);
        let fault = match craft {
            Craft::Forged => Fault::ForgedSignature,
            Craft::Bent => Fault::BentHeader,
            Craft::Mutated => Fault::MutatedPayload,
            Craft::Fork => Fault::ForkedSlot,
            Craft::BackDated => Fault::BackDated,
        };
        let flight = self.devices.iter().any(Device::is_unsaved) || !self.only_here(to).is_empty();
        self.fire(fault, flight);
        outcome
    }
}
