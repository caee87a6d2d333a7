//! What happens next, by chance.

use super::{
    Action, Craft, Fate, Fault, Form, Rng, Step, View, random,
    step::YEAR_MS,
    world::{ORDERER, World},
};
use crate::schema::Authority;

/// How many copies of stores a run makes at most: each is one device more that has to get everything.
const COPIES_MAX: usize = 2;
/// How many entities of a kind the usual work makes: few, so that people meet.
const ENTITIES_MAX: usize = 3;

impl World<'_, '_> {
    /// The next step.
    pub(super) fn draw(&mut self, rng: &mut Rng, number: usize) -> Step {
        let fault = self.setting.faults.drawn(rng.below(1_000));
        if let Some(step) = fault.and_then(|fault| self.draw_fault(rng, number, fault)) {
            return step;
        }
        let mail = number as u64;
        match rng.below(100) {
            0..=41 => self.draw_edit(rng),
            42..=57 => Step::Commit {
                device: rng.below(self.devices.len()),
                fate: Fate::Done,
                seed: rng.next(),
            },
            58..=75 => Step::Send {
                from: rng.below(self.devices.len()),
                to: rng.below(self.devices.len()),
                form: match rng.below(12) {
                    0 => Form::All,
                    1 | 2 => Form::Some,
                    _ => Form::News,
                },
                mail,
                seed: rng.next(),
            },
            76..=77 => Step::Wait {
                ms: 1 << rng.below(14),
            },
            _ => match self.oldest(0) {
                Some(mail) => Step::Deliver { mail, again: false },
                None => self.draw_edit(rng),
            },
        }
    }

    /// The message that has been on its way longest, but so many, of those that are not held back.
    fn oldest(&self, but: usize) -> Option<u64> {
        let mut mail = self.mail.iter().filter(|(_, message)| !message.held);
        mail.nth(but).map(|(mail, _)| *mail)
    }

    fn draw_edit(&mut self, rng: &mut Rng) -> Step {
        let device = rng.below(self.devices.len());
        let mut workload = self.hooks.workload.take();
        let action = self.view(device).and_then(|view| match &mut workload {
            Some(workload) => workload(rng, &view),
            None => usual(rng, &view),
        });
        self.hooks.workload = workload;
        match action {
            Some(action) => Step::Edit { device, action },
            None => Step::Wait { ms: 1 },
        }
    }

    /// Devices with something unsaved, or else any.
    fn unsaved(&self, rng: &mut Rng) -> usize {
        let unsaved: Vec<usize> = (0..self.devices.len())
            .filter(|at| {
                self.devices
                    .get(*at)
                    .is_some_and(|device| device.is_unsaved())
            })
            .collect();
        let any = rng.below(self.devices.len());
        unsaved
            .get(rng.below(unsaved.len()))
            .copied()
            .unwrap_or(any)
    }

    fn draw_fault(&mut self, rng: &mut Rng, number: usize, fault: Fault) -> Option<Step> {
        let mail = number as u64;
        let seed = rng.next();
        let any = rng.below(self.devices.len());
        let copied = self.devices.len().saturating_sub(self.originals);
        let commit = |device, fate| Some(Step::Commit { device, fate, seed });
        let hostile = self.devices.iter().position(|device| device.hostile);
        let attack = |craft| {
            hostile.map(|device| Step::Attack {
                device,
                to: any,
                craft,
                mail,
                seed,
            })
        };
        match fault {
            Fault::MessageLost => Some(Step::Lose {
                mail: self.oldest(0)?,
            }),
            Fault::MessageTwice => Some(Step::Deliver {
                mail: self.oldest(0)?,
                again: true,
            }),
            Fault::MessageOvertaken => {
                let first = self.mail.values().find(|message| !message.held)?;
                let way = (first.from, first.to);
                let mut same = self.mail.iter();
                let mut same = same
                    .by_ref()
                    .filter(|(_, other)| !other.held && (other.from, other.to) == way);
                same.nth(1).map(|(mail, _)| Step::Deliver {
                    mail: *mail,
                    again: false,
                })
            }
            Fault::MessageLate => Some(Step::Hold {
                mail: self.oldest(0)?,
            }),
            Fault::MessageDamaged => Some(Step::Damage {
                mail: self.oldest(0)?,
                seed,
            }),
            Fault::DiskFull => commit(self.unsaved(rng), Fate::Full),
            Fault::WriteFailed => commit(self.unsaved(rng), Fate::WriteFails),
            Fault::SyncForgotten => commit(self.unsaved(rng), Fate::SyncFails),
            Fault::AnswerLost => commit(self.unsaved(rng), Fate::AnswerLost),
            Fault::SyncLied => {
                let device = self.unsaved(rng);
                (device != ORDERER).then_some(())?;
                commit(device, Fate::SyncLies)
            }
            Fault::DiedBefore => commit(self.unsaved(rng), Fate::DiesBefore),
            Fault::DiedWithin => commit(self.unsaved(rng), Fate::DiesWithin),
            Fault::DiedAfter => commit(self.unsaved(rng), Fate::DiesAfter),
            Fault::TornWrite | Fault::ReorderedWrite => None,
            Fault::DiedBetween | Fault::ReadFailed => Some(Step::Crash {
                device: self.unsaved(rng),
                unreadable: fault == Fault::ReadFailed,
                seed,
            }),
            Fault::BitRot => Some(Step::Rot {
                device: (any != ORDERER).then_some(any)?,
                seed,
            }),
            Fault::ClockAhead | Fault::ClockBack => {
                let far = 50 * YEAR_MS;
                let off_ms = self.devices.get(any)?.clock_off_ms;
                let ahead = fault == Fault::ClockAhead;
                // Not before 1970, and not a hundred years off.
                (off_ms == 0 || ahead == (off_ms < 0)).then_some(())?;
                Some(Step::Clock {
                    device: any,
                    by_ms: if ahead { far } else { -far },
                })
            }
            Fault::CopyNoticed | Fault::CopyUnnoticed => {
                let room = copied < COPIES_MAX && any < self.originals && any != ORDERER;
                (room && Some(any) != hostile).then_some(Step::Copy {
                    of: any,
                    noticed: fault == Fault::CopyNoticed,
                })
            }
            Fault::ForgedSignature => attack(Craft::Forged),
            Fault::BentHeader => attack(Craft::Bent),
            Fault::MutatedPayload => attack(Craft::Mutated),
            Fault::ForkedSlot => attack(Craft::Fork),
            Fault::BackDated => attack(Craft::BackDated),
            Fault::LateAdmission => {
                let writes = |at: &usize| {
                    let pen = self.replica(*at).and_then(|replica| replica.pen());
                    pen.is_some()
                };
                let device = (0..self.originals).find(|at| !writes(at))?;
                Some(Step::Admit { device })
            }
            Fault::Revocation => {
                (any != ORDERER && rng.one_in(2)).then_some(Step::Revoke { device: any })
            }
            Fault::LateRefusal => Some(Step::Refuse { seed }),
            Fault::ForkRuled => Some(Step::Rule { seed }),
        }
    }
}

/// What people do where nobody says otherwise: any edit that the schema allows.
fn usual(rng: &mut Rng, view: &View<'_>) -> Option<Action> {
    let schemas = view.schemas();
    let kind = schemas.get(rng.below(schemas.len()))?.kind();
    let schema = view.replica().schemas().newest(kind)?;
    let parts: Vec<_> = random::parts(schema).collect();
    let (name, part) = parts.get(rng.below(parts.len())).copied()?;
    let mut known = view.entities(kind);
    if part.authority == Authority::Creator {
        known.retain(|entity| entity.creator == view.user());
    }
    let new = known.len() < ENTITIES_MAX && rng.one_in(1 + 6 * known.len());
    let entity = match new {
        true => view.new_entity(rng, kind),
        false => known.get(rng.below(known.len())).copied()?,
    };
    let ask = random::ask(rng, name, &part.shape, view.part(&entity, name))?;
    Some(Action::new(kind, entity, name, ask))
}
