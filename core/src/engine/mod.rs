//! A node without I/O: the workspaces that a device keeps, what of them is durable, and what is to be
//! written next. Commands change it at once; what has to be done outside comes back from
//! [`Engine::poll`], and what came of it is told by [`Engine::committed`] and [`Engine::failed`].
//!
//! The contract between an engine and its shell:
//! 1. Opening: [`Engine::load`] gets every row of the journal, in order, before anything else.
//! 2. After each call, the shell polls until there is nothing to do.
//! 3. A [`Output::Commit`] is carried out by `Store::append` and answered, by `committed` or `failed`,
//!    before the next one is given out. Meanwhile edits go on; they gather for the next commit.
//! 4. Nothing of a change set leaves the machine before [`Output::Durable`] has named its ticket.
//! 5. After a failure the same commit comes again, byte for byte, at the time that
//!    [`Output::WakeAt`] names: a store that had carried it out answers Ok.
//!
//! Equal calls give equal outputs: the engine reads no clock and draws no randomness.

mod commit;
mod import;
mod open;

pub use import::Imported;
pub use open::{LoadError, Loading};

use crate::{
    changeset::{Signed, Verified},
    control::{ControlBody, ControlError, SignedControl},
    document::{Document, Draft, Edited},
    hlc::Hlc,
    id::{ActorSalt, DocumentId, EntityId, Epoch, Lane, OriginId, UserId, ViewId, WorkspaceId},
    limits,
    replica::{Intake, Pen, Replica, WriteError},
    schema::Schema,
    store::{Position, Row},
};
use commit::Journal;
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, btree_map::Entry};

/// A promise of durability. A ticket is kept when every one up to it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append these rows at the journal's end, as one, durably.
    Commit {
        /// Where the journal ends.
        at: Position,
        /// The rows.
        rows: Vec<Vec<u8>>,
    },
    /// What every ticket up to this one promised is durable here.
    Durable(Ticket),
    /// Poll again at this time, in milliseconds since the Unix epoch.
    WakeAt(u64),
}

/// An edit that was made. It is visible now, and durable when its ticket is kept.
#[derive(Clone, Debug)]
pub struct Made {
    /// The document.
    pub document: DocumentId,
    /// What it became.
    pub edited: Edited,
    /// When it is durable.
    pub ticket: Ticket,
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The workspace is not here.
    #[error("workspace {0} is not kept here")]
    UnknownWorkspace(WorkspaceId),
    /// Too much waits for a store that fails, or does not keep up.
    #[error(
        "the store fails or does not keep up, and {unsaved_bytes} bytes wait to be saved (at most \
         {max}): free some space or mend the disk, what waits is tried again"
    )]
    StoreFailing {
        /// What waits, in bytes.
        unsaved_bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The workspace said no.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where an edit goes.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The entity's kind.
    pub kind: &'a str,
    /// The entity.
    pub entity: EntityId,
    /// The part of it.
    pub part: &'a str,
    /// The view that asks, for undo.
    pub view: ViewId,
}

/// A device's workspaces.
#[derive(Debug)]
pub struct Engine {
    key: SigningKey,
    replicas: BTreeMap<WorkspaceId, Replica>,
    journal: Journal,
}

impl Engine {
    /// An engine without workspaces, for the device that has this key.
    pub fn new(key: SigningKey) -> Self {
        Engine {
            key,
            replicas: BTreeMap::new(),
            journal: Journal::default(),
        }
    }

    /// The device.
    pub fn device(&self) -> OriginId {
        OriginId(self.key.verifying_key().to_bytes())
    }

    /// Where the journal ends: what is to be loaded next stands there.
    pub fn journal_end(&self) -> Position {
        self.journal.end()
    }

    /// A workspace that is kept here.
    pub fn replica(&self, workspace: &WorkspaceId) -> Option<&Replica> {
        self.replicas.get(workspace)
    }

    /// The workspaces that are kept here.
    pub fn workspaces(&self) -> impl Iterator<Item = WorkspaceId> + '_ {
        self.replicas.keys().copied()
    }

    /// A document, to read what needs its caches.
    pub fn document_mut(
        &mut self,
        workspace: &WorkspaceId,
        entity: &EntityId,
        part: &str,
    ) -> Option<&mut Document> {
        let replica = self.replicas.get_mut(workspace)?;
        replica.document_mut(entity, part)
    }

    /// Founds a workspace: this device orders it until it hands over, and `owner` owns it. `salt` is
    /// drawn once, by chance.
    ///
    /// # Errors
    /// Where a workspace of this name is here already.
    pub fn found(
        &mut self,
        now_ms: u64,
        workspace: WorkspaceId,
        owner: UserId,
        salt: ActorSalt,
    ) -> Result<Ticket, ControlError> {
        let device = self.device();
        self.keep(workspace, device);
        let pen = Pen {
            origin: device,
            user: owner,
            epoch: Epoch(0),
            lane: Lane(0),
        };
        self.order(
            now_ms,
            &workspace,
            ControlBody::Found {
                owner,
                device,
                salt,
                orderer: device,
                recovery: device,
            },
        )?;
        Ok(self.take_pen(workspace, pen))
    }

    /// Keeps a workspace here that another device founded.
    pub fn keep(&mut self, workspace: WorkspaceId, founder: OriginId) -> Ticket {
        if let Entry::Vacant(vacant) = self.replicas.entry(workspace) {
            vacant.insert(Replica::new(workspace, founder));
            self.journal.push(&Row::Workspace { workspace, founder });
        }
        self.journal.ticket()
    }

    /// Says who writes here from now on: always this device, whose key seals.
    fn take_pen(&mut self, workspace: WorkspaceId, pen: Pen) -> Ticket {
        if let Some(replica) = self.replicas.get_mut(&workspace) {
            replica.take_pen(pen);
            self.journal.push(&Row::Pen { workspace, pen });
        }
        self.journal.ticket()
    }

    /// Begins a new epoch in every workspace that this device writes in: the store may have a twin that
    /// writes under the old one.
    pub fn begin_epochs(&mut self) -> Ticket {
        let pens: Vec<(WorkspaceId, Pen)> = self
            .replicas
            .iter()
            .filter_map(|(workspace, replica)| Some((*workspace, *replica.pen()?)))
            .collect();
        for (workspace, pen) in pens {
            let epoch = Epoch(pen.epoch.0.saturating_add(1));
            self.take_pen(workspace, Pen { epoch, ..pen });
        }
        self.journal.ticket()
    }

    /// Writes a control record, as the workspace's orderer.
    ///
    /// # Errors
    /// Where this device is not the orderer, or the record does not follow.
    pub fn order(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        body: ControlBody,
    ) -> Result<Ticket, ControlError> {
        if let Some(replica) = self.replicas.get(workspace) {
            let record = replica.control().draft(body, Hlc::new(now_ms, 0));
            let signed = record.sign(&self.key);
            self.control_record(signed)?;
        }
        Ok(self.journal.ticket())
    }

    /// Puts a schema into force, as the workspace's orderer.
    ///
    /// # Errors
    /// As [`Engine::order`].
    pub fn activate(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        schema: Schema,
    ) -> Result<Ticket, ControlError> {
        let body = ControlBody::ActivateSchema {
            schema: schema.id(),
            kind: schema.kind().to_owned(),
            version: schema.version(),
        };
        self.schema(workspace, schema);
        self.order(now_ms, workspace, body)
    }

    /// Takes a schema in.
    pub fn schema(&mut self, workspace: &WorkspaceId, schema: Schema) -> Intake {
        let Some(replica) = self.replicas.get_mut(workspace) else {
            return Intake::default();
        };
        if !replica.has_schema(&schema.id()) {
            self.journal.push(&Row::Schema {
                workspace: *workspace,
                schema: schema.encode(),
            });
        }
        replica.schema(schema)
    }

    /// Takes a control record in.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn control_record(&mut self, signed: SignedControl) -> Result<Intake, ControlError> {
        let workspace = signed.record.workspace;
        // What stops counting by it is sealed before: a kept ticket must not hang on it.
        self.seal();
        let Some(replica) = self.replicas.get_mut(&workspace) else {
            return Ok(Intake::default());
        };
        let (added, intake) = replica.control_record(signed.clone())?;
        if added != crate::control::Added::Known {
            self.journal.push(&Row::Control(Box::new(signed)));
        }
        Ok(intake)
    }

    /// Edits. What it returns is visible at once and waits for the next commit.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn edit(
        &mut self,
        now_ms: u64,
        place: &Place<'_>,
        draft: &Draft<'_>,
    ) -> Result<Made, EditError> {
        let unsaved_bytes = self.journal.unsaved_bytes();
        if unsaved_bytes > limits::UNSAVED_BYTES_MAX {
            let max = limits::UNSAVED_BYTES_MAX;
            return Err(EditError::StoreFailing { unsaved_bytes, max });
        }
        let workspace = place.workspace;
        let replica = self.replicas.get_mut(&workspace);
        let replica = replica.ok_or(EditError::UnknownWorkspace(workspace))?;
        let (document, edited) = replica.write(
            now_ms,
            place.kind,
            place.entity,
            place.part,
            place.view,
            draft,
        )?;
        if let Some(intent) = replica.newest_intent().filter(|one| one.id == edited.id) {
            self.journal.push(&Row::Intent {
                workspace,
                intent: Box::new(intent.clone()),
            });
        }
        Ok(Made {
            document,
            edited,
            ticket: self.journal.ticket(),
        })
    }

    /// Takes verified change sets of one workspace in.
    pub fn receive(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        batch: Vec<Verified>,
    ) -> (Intake, Ticket) {
        self.seal();
        let intake = match self.replicas.get_mut(workspace) {
            None => Intake::default(),
            Some(replica) => {
                let news = batch.iter().map(Verified::signed);
                for signed in news.filter(|signed| !replica.holds(signed)) {
                    self.journal.push_change_set(signed);
                }
                replica.receive(now_ms, batch)
            }
        };
        (intake, self.journal.ticket())
    }

    /// Seals what was written since the last flush; it goes into the journal.
    fn seal(&mut self) {
        for replica in self.replicas.values_mut() {
            // The key is the pen's: no pen of another device is taken or loaded.
            for verified in replica.flush(&self.key).unwrap_or_default() {
                let signed: &Signed = verified.signed();
                self.journal.push_change_set(signed);
            }
        }
    }

    /// The next thing to be done outside. `now_ms` is the wall clock, in milliseconds since the Unix
    /// epoch.
    pub fn poll(&mut self, now_ms: u64) -> Option<Output> {
        if self.journal.is_idle() {
            self.seal();
        }
        self.journal.poll(now_ms)
    }

    /// The commit that was given out is durable.
    pub fn committed(&mut self) {
        self.journal.committed();
    }

    /// The commit that was given out may not be durable: it comes again.
    pub fn failed(&mut self, now_ms: u64) {
        self.journal.failed(now_ms);
    }

    /// Whether anything here is not durable yet.
    pub fn is_unsaved(&self) -> bool {
        !self.journal.is_saved() || self.replicas.values().any(|one| one.open_len() > 0)
    }
}
