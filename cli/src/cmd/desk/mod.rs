//! A store that a command works on. Whatever commands ask of the node and its documents they ask here.
//!
//! | module | what it asks |
//! |---|---|
//! | this one | what entities show now, and writing to them |
//! | `history` | what happened to an entity |
//! | `point` | how an entity was, names for points, and the way back |
//! | `blame` | who wrote what of a text |
//! | `steps` | which own edits can be taken back |
//! | `stock` | what a store holds: workspaces, documents, members |

mod blame;
mod history;
mod point;
mod steps;
mod stock;

pub use blame::text_of;
pub use history::{Change, Did};
pub use point::{Point, name_of};
pub use steps::{Stepped, Way};
pub use stock::{Holding, Stock};

use super::at::DeskError;
use crate::answer::Failure;
use anabranch::{
    core::{
        body::{BodyOp, BodyView},
        causal::Since,
        document::{Document, Draft, EngineDoc},
        engine::{EditError, ImportError, Imported, Place, ReadError, Receipt, Scope},
        id::{EntityId, OriginId, UserId, ViewId, WorkspaceId},
        log::Entry,
        projection::Projection,
        query::{Page, Query},
        record::{Life, RecordOp, RecordView, unnumbered},
        replica::{Replica, Unpacked},
        schema::{BodyLayout, LogShape, PartShape, Residency, Schema},
    },
    transport::{Node, node::CloseError},
};
use serde_json::{Value as Json, json};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a command waits for the disk before it says that it did not answer.
const SAVE_MAX: Duration = Duration::from_secs(30);
/// How long a store may fail before it is said that it does.
const FAILING_MAX: Duration = Duration::from_secs(3);
/// Between two tries of an edit that the disk is too slow for.
const LAG: Duration = Duration::from_millis(5);
/// The view in which commands edit.
const EDITS: ViewId = ViewId(0);

/// A store that a command works on.
pub struct Desk {
    node: Node,
    workspace: WorkspaceId,
    user: UserId,
    /// Why something was not read. Told when the desk is closed, which is before anything is answered.
    unread: RefCell<Option<ReadError>>,
}

impl Desk {
    /// A desk over an open store.
    pub fn new(node: Node, workspace: WorkspaceId, user: UserId) -> Self {
        Desk {
            node,
            workspace,
            user,
            unread: RefCell::new(None),
        }
    }

    /// The workspace that is written in.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The user who writes.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// This device.
    pub fn device(&self) -> OriginId {
        self.node.with(|engine| engine.device())
    }

    /// What was read; where it was not, that is told at the end.
    fn read<T>(&self, read: Result<Option<T>, ReadError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.unread.borrow_mut().get_or_insert(error);
            None
        })
    }

    /// Waits until everything is durable. A store that goes on failing is not waited for: a person
    /// would.
    pub fn close(self) -> Result<(), Failure> {
        if let Some(error) = self.unread.take() {
            return Err(DeskError::Read(error).into());
        }
        let mut failing: Option<Instant> = None;
        while self.node.with(|engine| engine.is_unsaved()) {
            match self.node.failure() {
                None => failing = None,
                Some(error) if failing.is_some_and(|since| since.elapsed() > FAILING_MAX) => {
                    let left = self.node.with(|engine| engine.without(Receipt::Local));
                    let failure = Some(error);
                    return Err(DeskError::Close(CloseError { left, failure }).into());
                }
                Some(_) => {
                    failing.get_or_insert_with(Instant::now);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(self
            .node
            .close(Receipt::Local, SAVE_MAX)
            .map_err(DeskError::from)?)
    }

    /// Looks at the workspace.
    fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        self.node
            .with(|engine| engine.replica(&self.workspace).map(look))
    }

    /// Looks at the workspace with every part of an entity open.
    fn look_at<T>(&self, entity: &EntityId, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        let scope = Scope::Entity(self.workspace, *entity);
        self.read(self.node.look(&scope, look))
    }

    /// Looks at the workspace with everything in it open.
    fn look_everywhere<T>(&self, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        let scope = Scope::Workspace(self.workspace);
        self.read(self.node.look(&scope, look))
    }

    /// Looks at a part of an entity, if anything was written to it.
    fn part<T>(
        &self,
        entity: &EntityId,
        part: &str,
        look: impl FnOnce(&Document) -> Option<T>,
    ) -> Option<T> {
        let read = self.node.read(&self.workspace, entity, part, |document| {
            document.and_then(|document| look(document))
        });
        self.read(read)
    }

    /// The newest schema of a kind.
    pub fn schema(&self, kind: &str) -> Result<Arc<Schema>, DeskError> {
        let schema = self.look(|replica| replica.schemas().newest(kind).cloned());
        schema.flatten().ok_or_else(|| DeskError::Kind {
            kind: kind.to_owned(),
        })
    }

    /// The entity whose id, or its end, was given, and its kind.
    pub fn entity(&self, words: &str) -> Result<(EntityId, Arc<Schema>), DeskError> {
        let mut found = BTreeMap::new();
        for kind in self.kinds() {
            let listed = self.node.projections(&self.workspace, &kind)?;
            let named = listed.iter().map(|one| one.entity);
            for entity in named.filter(|one| one.to_string().ends_with(words)) {
                found.insert(entity, self.schema(&kind)?);
            }
        }
        let words = words.to_owned();
        match (found.len(), found.pop_first()) {
            (1, Some(one)) => Ok(one),
            (0, _) => Err(DeskError::Entity { words }),
            (count, _) => Err(DeskError::Ambiguous { words, count }),
        }
    }

    /// A new entity's id.
    pub fn new_entity(&self, kind: &str) -> Result<EntityId, DeskError> {
        Ok(self.node.entity(self.user, kind)?)
    }

    /// The kinds that have a schema in force.
    pub fn kinds(&self) -> Vec<String> {
        let kinds = self.look(|replica| replica.schemas().kinds().map(str::to_owned).collect());
        kinds.unwrap_or_default()
    }

    /// What a query finds.
    pub fn find(&self, query: Query) -> Result<Page<Projection>, DeskError> {
        Ok(self.node.query(&self.workspace, &query)?)
    }

    /// A query with a filter in words.
    pub fn in_words(&self, query: Query, words: &str) -> Result<Query, DeskError> {
        let read = self.look(|replica| {
            let schemas = replica.schemas().iter();
            query.words(words, schemas.map(|schema| -> &Schema { schema }))
        });
        Ok(read.ok_or(DeskError::Empty)??)
    }

    /// Words that are no page.
    pub fn no_page(&self, words: &str) -> DeskError {
        DeskError::NoPage {
            words: words.to_owned(),
        }
    }

    /// Every record, with its kind.
    pub fn records(&self) -> Vec<(EntityId, String, RecordView)> {
        let mut records = Vec::new();
        for kind in self.kinds() {
            let listed = self.node.projections(&self.workspace, &kind);
            let listed = self.read(listed.map(Some)).unwrap_or_default();
            let with = listed.iter().filter(|one| one.parts.contains_key("record"));
            for entity in with.map(|one| one.entity) {
                records.push((entity, kind.clone(), self.record(&entity)));
            }
        }
        records
    }

    /// What a record shows; an empty one where there is none.
    pub fn record(&self, entity: &EntityId) -> RecordView {
        let view = self.part(entity, "record", |document| match document.engine() {
            EngineDoc::Record(record) => Some(record.project(&unnumbered)),
            EngineDoc::Body(_) | EngineDoc::Log(_) => None,
        });
        view.unwrap_or_default()
    }

    /// What a body shows; none where nobody has written it.
    pub fn body(&self, entity: &EntityId, part: &str) -> Option<BodyView> {
        self.part(entity, part, |document| match document.engine() {
            EngineDoc::Body(body) => Some(body.content()),
            EngineDoc::Record(_) | EngineDoc::Log(_) => None,
        })
    }

    /// Edits a record.
    pub fn write(&self, kind: &str, entity: EntityId, ops: &[RecordOp]) -> Result<(), DeskError> {
        self.edit(kind, entity, "record", EDITS, &Draft::Record(ops))
    }

    /// Edits a body.
    pub fn write_body(
        &self,
        (kind, entity, part): (&str, EntityId, &str),
        ops: &[BodyOp],
    ) -> Result<(), DeskError> {
        self.edit(kind, entity, part, EDITS, &Draft::Body(ops))
    }

    /// The same; where the disk does not keep up, waits for it.
    pub fn write_body_waiting(
        &self,
        place: (&str, EntityId, &str),
        ops: &[BodyOp],
    ) -> Result<(), DeskError> {
        let begun = Instant::now();
        loop {
            match self.write_body(place, ops) {
                Err(DeskError::Edit(EditError::StoreFailing { .. }))
                    if begun.elapsed() < SAVE_MAX =>
                {
                    std::thread::sleep(LAG);
                }
                written => return written,
            }
        }
    }

    /// Appends an entry to a log.
    pub fn append(
        &self,
        (kind, entity, log): (&str, EntityId, &str),
        entry: &Entry,
    ) -> Result<(), DeskError> {
        self.edit(kind, entity, log, EDITS, &Draft::Entry(entry))
    }

    /// Takes back what happened to a part since an earlier point.
    fn take_back(
        &self,
        (kind, entity, part): (&str, EntityId, &str),
        view: ViewId,
        since: &Since,
    ) -> Result<(), DeskError> {
        self.edit(kind, entity, part, view, &Draft::TakeBack(since))
    }

    fn edit(
        &self,
        kind: &str,
        entity: EntityId,
        part: &str,
        view: ViewId,
        draft: &Draft<'_>,
    ) -> Result<(), DeskError> {
        let place = Place {
            workspace: self.workspace,
            kind,
            entity,
            part,
            view,
        };
        self.node.edit(&place, draft)?;
        Ok(())
    }

    /// Everything that is here, as a bundle.
    pub fn bundle(&self) -> Result<Vec<u8>, Failure> {
        let bundle = self.node.export(&self.workspace);
        bundle.map_err(|error| Failure::new(error.fault(), error))
    }

    /// Takes a bundle in; one of a workspace that is not here only where `foreign` says so.
    pub fn import(&self, path: &str, bytes: &[u8], foreign: bool) -> Result<Imported, DeskError> {
        let wrong = |error| DeskError::Bundle {
            path: path.to_owned(),
            error,
        };
        if !foreign {
            let of = Unpacked::read(bytes).map_err(wrong)?.founding.workspace;
            let is_here = self.node.with(|engine| engine.replica(&of).is_some());
            if !is_here {
                let (path, home) = (path.to_owned(), self.workspace);
                return Err(DeskError::Foreign { path, of, home });
            }
        }
        self.node.import(bytes).map_err(|error| match error {
            ImportError::Bundle(error) => wrong(error),
            ImportError::Read(error) => error.into(),
        })
    }
}

/// A log of a kind by its name, with or without `log.`, and the name it has in the schema.
pub fn log_of<'s>(schema: &'s Schema, name: &str) -> Result<(&'s String, &'s LogShape), DeskError> {
    let logs = || {
        let parts = schema.spec().parts.iter();
        parts.filter_map(|(name, part)| match &part.shape {
            PartShape::Log(shape) => Some((name, shape)),
            PartShape::Record(_) | PartShape::Body(_) => None,
        })
    };
    let mut named =
        logs().filter(|(part, _)| part.strip_prefix("log.") == Some(name) || *part == name);
    named.next().ok_or_else(|| DeskError::Part {
        kind: schema.kind().to_owned(),
        wanted: "log",
        name: name.to_owned(),
        has: has(logs().map(|(name, _)| name.trim_start_matches("log."))),
    })
}

/// The bodies of a kind.
pub fn bodies(schema: &Schema) -> Vec<(&str, BodyLayout)> {
    let parts = schema.spec().parts.iter();
    let bodies = parts.filter_map(|(name, part)| match &part.shape {
        PartShape::Body(shape) if part.residency == Residency::Synced => {
            Some((name.as_str(), shape.layout))
        }
        PartShape::Body(_) | PartShape::Record(_) | PartShape::Log(_) => None,
    });
    bodies.collect()
}

/// What there is, for an error.
pub fn has<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has {}", names.join(", ")),
    }
}

/// A record for programs.
pub fn as_json(entity: &EntityId, kind: &str, view: &RecordView) -> Json {
    json!({
        "id": entity.to_string(),
        "kind": kind,
        "deleted": view.life == Life::Deleted,
        "version": view.version,
        "fields": view.fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<serde_json::Map<_, _>>(),
        "conflicts": view.conflicts.iter().map(|conflict| json!({
            "field": conflict.field.join("."),
            "shown": conflict.shown.to_json(),
            "values": conflict.candidates.iter().map(|one| one.value.to_json()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
