//! A simulation, from the outside: what it is made with, and what comes of it.

use super::{
    Action, Broken, Fault, Faults, Fired, Rng, Step, View,
    hooks::{Hooks, Invariant, Link, OnlyIf, Scribe, Workload},
    shrink,
    world::{Setting, World},
};
use crate::schema::Schema;
use std::{collections::BTreeMap, fmt};

/// How many steps a run takes at most for one edit that it is to make.
const STEPS_PER_EDIT_MAX: usize = 12;

/// A simulation of a workspace: devices that work apart, exchange what they wrote over links that fail,
/// on disks that fail, under clocks that jump, beside a hostile member; then everything calms down, and
/// all must have come to one state and have lost nothing.
///
/// ```
/// use anabranch_core::{schema::catalogue, sim::Sim};
/// let schemas = vec![catalogue::schema("task").expect("in the catalogue")];
/// let report = Sim::new(schemas, 7).devices(3).edits(20).run().expect("everything holds");
/// assert!(report.edits_made >= 20);
/// ```
pub struct Sim<'s> {
    setting: Setting,
    hooks: Hooks<'s>,
}

/// What a run came to in which everything held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// blake3 of what everybody shows in the end.
    pub digest: [u8; 32],
    /// blake3 of everything that happened: the same for the same seed.
    pub event_log: [u8; 32],
    /// Everything that happened, where it was asked for.
    pub events: Vec<String>,
    /// How many devices there were in the end, copies included.
    pub devices: usize,
    /// How many steps it took.
    pub steps: usize,
    /// How many edits were made.
    pub edits_made: u64,
    /// How many edits the rules of the schema or the workspace refused.
    pub edits_refused: u64,
    /// How often each fault happened.
    pub fired: BTreeMap<Fault, Fired>,
    /// How often each invariant was checked.
    pub checked: BTreeMap<String, u64>,
}

/// A run in which something did not hold, told as short as it could be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step at which it showed; the calm phase comes after the last.
    pub step: usize,
    /// What does not hold.
    pub broken: Broken,
    /// The steps that are enough for it.
    pub steps: Vec<Step>,
    /// They in words, a line each; the last says what is found.
    pub story: Vec<String>,
    /// How many steps there were before.
    pub steps_before: usize,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: `{}` does not hold",
            self.seed, self.broken.invariant
        )?;
        for (number, line) in (1..).zip(&self.story) {
            writeln!(f, "{number:>3}. {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl<'s> Sim<'s> {
    /// A simulation with these schemas in force: five devices, 200 edits, every fault.
    pub fn new(schemas: Vec<Schema>, seed: u64) -> Self {
        Sim {
            setting: Setting {
                schemas,
                seed,
                devices: 5,
                edits: 200,
                faults: Faults::all(),
                keep_log: false,
                shorten: true,
            },
            hooks: Hooks::default(),
        }
    }

    /// With so many devices, at least two.
    pub fn devices(mut self, count: usize) -> Self {
        self.setting.devices = count;
        self
    }

    /// With so many edits.
    pub fn edits(mut self, count: usize) -> Self {
        self.setting.edits = count;
        self
    }

    /// With these faults.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.setting.faults = faults;
        self
    }

    /// With this in place of random edits of any schema.
    pub fn workload(
        mut self,
        workload: impl FnMut(&mut Rng, &View<'_>) -> Option<Action> + 's,
    ) -> Self {
        self.hooks.workload = Some(Box::new(workload) as Workload<'s>);
        self
    }

    /// An application that looks before it acts: what it would not do when it has looked is not done,
    /// also where a shortened story has taken away what it saw.
    pub fn only_if(mut self, looks: impl Fn(&Action, &View<'_>) -> bool + 's) -> Self {
        self.hooks.only_if = Some(Box::new(looks) as OnlyIf<'s>);
        self
    }

    /// Tells what breaks in all the steps that it took, without looking for a shorter story.
    pub fn unshortened(mut self) -> Self {
        self.setting.shorten = false;
        self
    }

    /// Something that must hold on every device after whatever happens there.
    pub fn invariant(
        mut self,
        name: &str,
        holds: impl Fn(&View<'_>) -> Result<(), String> + 's,
    ) -> Self {
        let holds = Box::new(holds) as Invariant<'s>;
        self.hooks.invariants.push((name.to_owned(), holds));
        self
    }

    /// Keeps what happened, line by line.
    pub fn keep_events(mut self) -> Self {
        self.setting.keep_log = true;
        self
    }

    /// A link that makes of each message to a device what it wants: to see whether a broken one is
    /// noticed.
    pub fn link(mut self, link: impl FnMut(usize, Vec<u8>) -> Option<Vec<u8>> + 's) -> Self {
        self.hooks.link = Some(Box::new(link) as Link<'s>);
        self
    }

    /// A store that writes other rows than it was given, as many: to see whether it is noticed.
    pub fn scribe(mut self, scribe: impl FnMut(usize, &[Vec<u8>]) -> Vec<Vec<u8>> + 's) -> Self {
        self.hooks.scribe = Some(Box::new(scribe) as Scribe<'s>);
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// The first thing that does not hold, with the shortest story that was found.
    pub fn run(mut self) -> Result<Report, Box<Failure>> {
        let mut steps = Vec::new();
        match self.draw(&mut steps) {
            Ok(report) => Ok(report),
            Err(broken) => Err(Box::new(shrink::shrink(
                &self.setting,
                &mut self.hooks,
                steps,
                broken,
            ))),
        }
    }

    fn draw(&mut self, steps: &mut Vec<Step>) -> Result<Report, Broken> {
        let mut rng = Rng::new(self.setting.seed);
        let wanted = self.setting.edits as u64;
        let steps_max = self.setting.edits.saturating_mul(STEPS_PER_EDIT_MAX);
        let mut world = World::new(&self.setting, &mut self.hooks)?;
        while world.edits_made < wanted && steps.len() < steps_max {
            let step = world.draw(&mut rng, steps.len());
            steps.push(step.clone());
            world.perform(steps.len().saturating_sub(1), &step)?;
        }
        world.calm_down()?;
        Ok(world.report(steps.len()))
    }
}

impl World<'_, '_> {
    fn report(self, steps: usize) -> Report {
        Report {
            seed: self.setting.seed,
            digest: self.replica(0).map_or([0; 32], |replica| replica.digest()),
            event_log: self.log.digest(),
            devices: self.devices.len(),
            steps,
            edits_made: self.edits_made,
            edits_refused: self.edits_refused,
            fired: self.fired,
            checked: self.checked,
            events: self.log.lines,
        }
    }
}
