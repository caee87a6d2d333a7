//! What an application sees on one device.

use super::{Device, Rng};
use crate::{
    body::BodyView,
    document::EngineDoc,
    id::{EntityId, UserId, WorkspaceId},
    log::Entry,
    record::{RecordView, unnumbered},
    replica::Replica,
    schema::Schema,
    value::Value,
};

/// One device, to read from.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(super) device: &'a Device,
    pub(super) replica: &'a Replica,
    pub(super) schemas: &'a [Schema],
    pub(super) workspace: WorkspaceId,
}

impl<'a> View<'a> {
    /// Whose device it is: `Ana`.
    pub fn name(&self) -> &'a str {
        &self.device.name
    }

    /// The user.
    pub fn user(&self) -> UserId {
        self.device.user
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The replica.
    pub fn replica(&self) -> &'a Replica {
        self.replica
    }

    /// The schemas that the simulation was given.
    pub fn schemas(&self) -> &'a [Schema] {
        self.schemas
    }

    /// The entities of a kind that somebody wrote, by id.
    pub fn entities(&self, kind: &str) -> Vec<EntityId> {
        let documents = self.replica.documents();
        let written = documents.filter(|document| document.graph().lines().next().is_some());
        let mut all: Vec<EntityId> = written.map(|document| *document.entity()).collect();
        all.retain(|entity| entity.of_kind(kind));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The name of an entity that this device's user makes.
    pub fn new_entity(&self, rng: &mut Rng, kind: &str) -> EntityId {
        EntityId::new(self.device.user, kind, rng.bytes())
    }

    /// What a part is held by, if it is here.
    pub fn part(&self, entity: &EntityId, part: &str) -> Option<&'a EngineDoc> {
        Some(self.replica.document(entity, part)?.engine())
    }

    /// A record.
    pub fn record(&self, entity: &EntityId) -> Option<RecordView> {
        match self.part(entity, "record")? {
            EngineDoc::Record(record) => Some(record.project(&unnumbered)),
            EngineDoc::Body(_) | EngineDoc::Log(_) => None,
        }
    }

    /// A field of a record, by its name or the names of the maps around it and its own.
    pub fn field(&self, entity: &EntityId, path: &[&str]) -> Option<Value> {
        self.record(entity)?.get(path).cloned()
    }

    /// A field that holds a whole number; 0 where there is none.
    pub fn int(&self, entity: &EntityId, path: &[&str]) -> i64 {
        match self.field(entity, path) {
            Some(Value::Int(number)) => number,
            _ => 0,
        }
    }

    /// A body.
    pub fn body(&self, entity: &EntityId) -> Option<BodyView> {
        match self.part(entity, "body")? {
            EngineDoc::Body(body) => Some(body.content()),
            EngineDoc::Record(_) | EngineDoc::Log(_) => None,
        }
    }

    /// The entries of a log, in order.
    pub fn log(&self, entity: &EntityId, part: &str) -> Vec<Entry> {
        match self.part(entity, part) {
            Some(EngineDoc::Log(log)) => log
                .entries()
                .map(|(_, _, _, entry)| entry.clone())
                .collect(),
            Some(EngineDoc::Record(_) | EngineDoc::Body(_)) | None => Vec::new(),
        }
    }
}
