//! A run in the middle of it: the devices, the messages on their way, the orderer, and what has to be
//! true.

use super::{Device, Fault, Fired, Rng, View, fault::Faults, hooks::Hooks, truth::Truth};
use crate::{
    id::{ActorSalt, ChangeSetId, UserId, WorkspaceId},
    schema::Schema,
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;

/// When every run begins, in milliseconds since the Unix epoch.
pub(super) const BEGIN_MS: u64 = 1_750_000_000_000;
/// The owner's device, which orders.
pub(super) const ORDERER: usize = 0;

const NAMES: [&str; 12] = [
    "Ana", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "Jana", "Kim", "Lea",
];

/// What a run is made with.
pub(super) struct Setting {
    pub(super) schemas: Vec<Schema>,
    pub(super) seed: u64,
    pub(super) devices: usize,
    pub(super) edits: usize,
    pub(super) faults: Faults,
    pub(super) keep_log: bool,
    pub(super) shorten: bool,
}

/// A message on its way.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) ids: Vec<ChangeSetId>,
    pub(super) damaged: bool,
    pub(super) held: bool,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub invariant: String,
    /// What was found.
    pub found: String,
}

pub(super) type Held = Result<(), Broken>;

/// A run in the middle of it.
pub(super) struct World<'r, 's> {
    pub(super) setting: &'r Setting,
    pub(super) hooks: &'r mut Hooks<'s>,
    pub(super) workspace: WorkspaceId,
    pub(super) now_ms: u64,
    pub(super) devices: Vec<Device>,
    /// How many devices there were at first; the others are copies.
    pub(super) originals: usize,
    pub(super) mail: BTreeMap<u64, Message>,
    pub(super) truth: Truth,
    pub(super) fired: BTreeMap<Fault, Fired>,
    pub(super) checked: BTreeMap<String, u64>,
    pub(super) edits_made: u64,
    pub(super) edits_refused: u64,
    pub(super) log: EventLog,
}

/// Everything that happened, line by line.
pub(super) struct EventLog {
    hasher: blake3::Hasher,
    pub(super) lines: Vec<String>,
    keep: bool,
}

impl EventLog {
    fn new(keep: bool) -> Self {
        EventLog {
            hasher: blake3::Hasher::new(),
            lines: Vec::new(),
            keep,
        }
    }

    pub(super) fn add(&mut self, line: String) {
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        if self.keep {
            self.lines.push(line);
        }
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

/// Fails with what was found.
pub(super) fn broken(invariant: &str, found: String) -> Broken {
    Broken {
        invariant: invariant.to_owned(),
        found,
    }
}

impl<'r, 's> World<'r, 's> {
    /// Devices that have the workspace and its schemas, and nothing in it. The last ones are admitted
    /// later, where that is to happen; the last but those is hostile, where one is to be.
    pub(super) fn new(setting: &'r Setting, hooks: &'r mut Hooks<'s>) -> Result<Self, Broken> {
        let mut rng = Rng::new(setting.seed ^ 0x5eed);
        let workspace = WorkspaceId(rng.bytes());
        let count = setting.devices.max(2);
        let late = usize::from(setting.faults.has(Fault::LateAdmission) && count > 3);
        let attacks = [
            Fault::ForgedSignature,
            Fault::BentHeader,
            Fault::MutatedPayload,
            Fault::ForkedSlot,
            Fault::BackDated,
        ];
        let hostile = attacks.iter().any(|fault| setting.faults.has(*fault)) && count > 3;
        let mut devices = Vec::new();
        for at in 0..count {
            let name = NAMES
                .get(at)
                .map_or(format!("No. {at}"), |name| (*name).to_owned());
            let key = SigningKey::from_bytes(&rng.bytes());
            let mut device = Device::new(&name, UserId(rng.bytes()), key);
            device.hostile = hostile && at.saturating_add(late).saturating_add(1) == count;
            devices.push(device);
        }
        let mut world = World {
            setting,
            hooks,
            workspace,
            now_ms: BEGIN_MS,
            originals: count,
            devices,
            mail: BTreeMap::new(),
            truth: Truth::default(),
            fired: BTreeMap::new(),
            checked: BTreeMap::new(),
            edits_made: 0,
            edits_refused: 0,
            log: EventLog::new(setting.keep_log),
        };
        world.found(&mut rng, count.saturating_sub(late));
        for at in 0..world.devices.len() {
            world.watch(at)?;
        }
        Ok(world)
    }

    /// The owner founds the workspace, puts the schemas into force and admits devices; all get it.
    fn found(&mut self, rng: &mut Rng, admitted: usize) {
        let (workspace, now_ms) = (self.workspace, self.now_ms);
        let schemas = self.setting.schemas.clone();
        let salt = ActorSalt(rng.bytes());
        if let Some(owner) = self.devices.get_mut(ORDERER) {
            let user = owner.user;
            owner.engine.found(now_ms, workspace, user, salt).ok();
            for schema in schemas {
                owner.engine.activate(now_ms, &workspace, schema).ok();
            }
        }
        for at in 1..admitted {
            self.admit(at, ActorSalt(rng.bytes()));
        }
        let founded = self.devices.get_mut(ORDERER).map(|owner| {
            owner.drive(now_ms, super::Fate::Done, rng, &mut <[Vec<u8>]>::to_vec);
            owner.bundle(std::iter::empty())
        });
        for device in self.devices.iter_mut().skip(1) {
            device
                .import(now_ms, founded.as_deref().unwrap_or_default())
                .ok();
            device.drive(now_ms, super::Fate::Done, rng, &mut <[Vec<u8>]>::to_vec);
        }
    }

    pub(super) fn replica(&self, at: usize) -> Option<&crate::replica::Replica> {
        self.devices.get(at)?.replica(&self.workspace)
    }

    /// What an application sees on a device.
    pub(super) fn view(&self, at: usize) -> Option<View<'_>> {
        let device = self.devices.get(at)?;
        Some(View {
            device,
            replica: device.replica(&self.workspace)?,
            schemas: &self.setting.schemas,
            workspace: self.workspace,
        })
    }

    pub(super) fn name(&self, at: usize) -> String {
        self.devices
            .get(at)
            .map_or(format!("No. {at}"), |one| one.name.clone())
    }

    pub(super) fn fire(&mut self, fault: Fault, in_flight: bool) {
        self.fired.entry(fault).or_default().add(in_flight);
    }

    pub(super) fn count(&mut self, invariant: &str) {
        match self.checked.get_mut(invariant) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.checked.insert(invariant.to_owned(), 1)),
        }
    }

    /// Whether a device has something that no other has: unsaved edits, or change sets that reached
    /// nobody.
    pub(super) fn in_flight(&self, at: usize) -> bool {
        let Some(device) = self.devices.get(at) else {
            return false;
        };
        device.is_unsaved() || !self.only_here(at).is_empty()
    }

    /// The change sets that are saved on this device and on no other.
    pub(super) fn only_here(&self, at: usize) -> Vec<ChangeSetId> {
        let Some(device) = self.devices.get(at) else {
            return Vec::new();
        };
        let elsewhere = |id: &&ChangeSetId| {
            let others = self.devices.iter().enumerate();
            let mut others = others.filter(|(other, _)| *other != at);
            others.any(|(_, other)| other.saved_ids.contains(*id))
        };
        let here = device.saved_ids.iter();
        here.filter(|id| !elsewhere(id)).copied().collect()
    }
}
