//! A workspace with its owner, orderer and devices.

use super::Rng;
use crate::{
    changeset::{FlushCache, SealError, Signed, Verified},
    control::{ControlBody, ControlError, ControlLog, Role, SignedControl},
    hlc::Hlc,
    id::{ActorSalt, EntityId, Epoch, Lane, OriginId, UserId, WorkspaceId},
    replica::{Intake, Pen, Replica},
    schema::Schema,
};
use ed25519_dalek::SigningKey;

/// A workspace on one thread. Its owner's device orders.
#[derive(Debug)]
pub struct Lab {
    /// What every choice comes from.
    pub rng: Rng,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The owner, who is also the orderer.
    pub owner: UserId,
    owner_key: SigningKey,
    control: ControlLog,
    schemas: Vec<Schema>,
    /// The devices.
    pub stations: Vec<Station>,
}

/// One device: a replica and the key that it signs with.
#[derive(Debug)]
pub struct Station {
    /// Its replica.
    pub replica: Replica,
    /// Its key.
    pub key: SigningKey,
    /// Its user.
    pub user: UserId,
    flushes: FlushCache,
}

impl Lab {
    /// A workspace in which these schemas are in force.
    pub fn new(seed: u64, schemas: Vec<Schema>) -> Self {
        let mut rng = Rng::new(seed);
        let owner_key = SigningKey::from_bytes(&rng.bytes());
        let device = OriginId(owner_key.verifying_key().to_bytes());
        let workspace = WorkspaceId(rng.bytes());
        let owner = UserId(rng.bytes());
        let mut lab = Lab {
            workspace,
            owner,
            control: ControlLog::new(workspace, device),
            schemas: Vec::new(),
            stations: Vec::new(),
            owner_key,
            rng,
        };
        let salt = ActorSalt(lab.rng.bytes());
        lab.record(ControlBody::Found {
            owner,
            device,
            salt,
            orderer: device,
            recovery: device,
        });
        for schema in schemas {
            lab.activate(schema);
        }
        lab
    }

    /// The workspace in which `anabranch judge` holds a change set where no other is named: from seed
    /// 0, a second device of the owner, four members' devices, a reader's and a gateway's.
    pub fn for_judging(schemas: Vec<Schema>) -> Self {
        let mut lab = Lab::new(0, schemas);
        lab.admit_owner();
        for role in [
            Role::Member,
            Role::Member,
            Role::Member,
            Role::Member,
            Role::Reader,
            Role::Gateway,
        ] {
            lab.admit(role);
        }
        lab
    }

    /// Writes a control record and gives it to every device.
    pub fn record(&mut self, body: ControlBody) -> SignedControl {
        let signed = self.sign(body);
        for station in &mut self.stations {
            station.replica.control_record(signed.clone()).ok();
        }
        signed
    }

    /// Writes a control record and gives it to nobody.
    pub fn sign(&mut self, body: ControlBody) -> SignedControl {
        let at = Hlc::new(1_700_000_000_000, 0);
        let signed = self.control.draft(body, at).sign(&self.owner_key);
        self.control.add(signed.clone()).ok();
        signed
    }

    /// Puts a schema into force and gives it to every device.
    pub fn activate(&mut self, schema: Schema) {
        self.record(ControlBody::ActivateSchema {
            schema: schema.id(),
            kind: schema.kind().to_owned(),
            version: schema.version(),
        });
        for station in &mut self.stations {
            station.replica.schema(schema.clone());
        }
        self.schemas.push(schema);
    }

    /// The control log, as the orderer has it.
    pub fn control(&self) -> &ControlLog {
        &self.control
    }

    /// The schemas in force.
    pub fn schemas(&self) -> &[Schema] {
        &self.schemas
    }

    /// Admits a device of a new user and answers its number.
    pub fn admit(&mut self, role: Role) -> usize {
        let user = UserId(self.rng.bytes());
        self.admit_for(user, role)
    }

    /// Admits a device of the owner and answers its number.
    pub fn admit_owner(&mut self) -> usize {
        self.admit_for(self.owner, Role::Owner)
    }

    /// Admits a device of a user and answers its number.
    pub fn admit_for(&mut self, user: UserId, role: Role) -> usize {
        let key = SigningKey::from_bytes(&self.rng.bytes());
        let origin = OriginId(key.verifying_key().to_bytes());
        let salt = ActorSalt(self.rng.bytes());
        self.record(ControlBody::Member {
            user,
            origin,
            role,
            salt,
        });
        let mut replica = self.empty_replica();
        replica.take_pen(Pen {
            origin,
            user,
            epoch: Epoch(0),
            lane: Lane(0),
        });
        self.stations.push(Station::new(replica, key, user));
        self.stations.len().saturating_sub(1)
    }

    /// A replica without change sets that knows the control log and the schemas.
    pub fn empty_replica(&self) -> Replica {
        self.replica_at(self.control.tip().number)
    }

    /// A replica without change sets that knows the control log up to record `number` and the
    /// schemas.
    pub fn replica_at(&self, number: u64) -> Replica {
        let founder = OriginId(self.owner_key.verifying_key().to_bytes());
        let mut replica = Replica::new(self.workspace, founder);
        let known = usize::try_from(number).unwrap_or(usize::MAX);
        for signed in self.control.line().take(known) {
            replica.control_record(signed.clone()).ok();
        }
        for schema in &self.schemas {
            replica.schema(schema.clone());
        }
        replica
    }

    /// A new entity's id.
    pub fn entity(&mut self, creator: UserId, kind: &str) -> EntityId {
        EntityId::new(creator, kind, self.rng.bytes())
    }
}

impl Station {
    /// A device.
    pub fn new(replica: Replica, key: SigningKey, user: UserId) -> Self {
        Station {
            replica,
            key,
            user,
            flushes: FlushCache::new(),
        }
    }

    /// Seals what it wrote since the last time.
    ///
    /// # Errors
    /// Where the key is not the writer's.
    pub fn flush(&mut self) -> Result<Vec<Signed>, SealError> {
        Ok(self
            .flush_verified()?
            .into_iter()
            .map(Verified::into_signed)
            .collect())
    }

    /// The same, with the proof that it was sealed here.
    ///
    /// # Errors
    /// Where the key is not the writer's.
    pub fn flush_verified(&mut self) -> Result<Vec<Verified>, SealError> {
        self.replica.flush(&self.key)
    }

    /// Verifies and takes in what another device sealed; what does not verify is left out and
    /// counted.
    pub fn receive(&mut self, now_ms: u64, signed: Vec<Signed>) -> (Intake, usize) {
        let all = signed.len();
        let verified: Vec<Verified> = signed
            .into_iter()
            .filter_map(|one| one.verify(&mut self.flushes).ok())
            .collect();
        let refused = all.saturating_sub(verified.len());
        (self.replica.receive(now_ms, verified), refused)
    }

    /// Takes a control record in.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn control(&mut self, signed: SignedControl) -> Result<Intake, ControlError> {
        self.replica
            .control_record(signed)
            .map(|(_, intake)| intake)
    }
}
