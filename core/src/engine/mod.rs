//! A node without I/O: the workspaces that a device keeps, what of them is durable, and what is to be
//! written next. Commands change it at once; what has to be done outside comes back from
//! [`Engine::poll`], and what came of it is told by [`Engine::committed`] and [`Engine::failed`].
//!
//! The contract between an engine and its shell:
//! 1. Opening: what is derived, the rows that are wanted first, then every row of the journal behind it,
//!    in order, before anything else. [`Engine::open`] does it.
//! 2. Documents are closed until they are wanted: [`Engine::want`] names the rows to read before a call
//!    that needs one, [`Engine::supply`] takes them. [`Engine::bring`] does both. Without, such a call
//!    says [`Closed`] and changes nothing.
//! 3. After each call, the shell polls until there is nothing to do.
//! 4. A [`Output::Commit`] is carried out by `Store::append` and answered, by `committed` or `failed`,
//!    before the next one is given out. Meanwhile edits go on; they gather for the next commit.
//!    A [`Output::Derive`] is carried out by `Store::derive` and answered by `derived` or
//!    `not_derived`. It is never given out beside a commit.
//! 5. Nothing of a change set leaves the machine before [`Output::Durable`] has named its ticket.
//! 6. After a failure the same commit comes again, byte for byte, at the time that
//!    [`Output::WakeAt`] names: a store that had carried it out answers Ok.
//!
//! Equal calls give equal outputs: the engine reads no clock and draws no randomness.

mod commit;
mod derive;
mod directory;
mod import;
mod news;
mod open;
mod projecting;
mod query;
mod rebase;
mod receipt;
mod shelf;
mod shell;

pub use import::{ImportError, Imported, Importing};
pub use news::News;
pub use open::{LoadError, NotDerived, Wanted};
pub use projecting::Changes;
pub use receipt::{Receipt, Scope};
pub use shell::{ExportError, ReadError};

use crate::{
    changeset::{Verified, crypt::WorkspaceKey},
    control::{Added, ControlBody, ControlError, Effect, SignedControl},
    document::{Draft, Edited},
    hlc::Hlc,
    id::{
        ActorSalt, ChangeSetId, DocumentId, EntityId, Epoch, Lane, OriginId, UserId, ViewId,
        WorkspaceId,
    },
    limits,
    patch::carry::Uncarried,
    replica::{Intake, Pen, Replica, WriteError},
    schema::Schema,
    store::{Change, Position, Row},
};
use commit::Journal;
use derive::{Derived, Known};
use directory::{Directory, Shelfmark};
use ed25519_dalek::SigningKey;
use news::Newsroom;
use projecting::Projections;
use shelf::Shelf;
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
    /// Change what is derived, as one, durably.
    Derive {
        /// Up to where it takes account of the journal then.
        upto: Position,
        /// The changes.
        changes: Vec<Change>,
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

/// A document is needed that is closed: to be brought first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {0} is closed: its rows are to be read first")]
pub struct Closed(pub DocumentId);

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The workspace is not here.
    #[error("workspace {0} is not kept here")]
    UnknownWorkspace(WorkspaceId),
    /// Its document is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Its document cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It names a revision that is too old, or of a document that nobody observes.
    #[error(
        "the edit names revision {revision}, the document is at {now}, and what came between is not kept: \
         read the document again"
    )]
    Outdated {
        /// The revision that it names.
        revision: u64,
        /// The revision now.
        now: u64,
    },
    /// Its places are in blocks that came or went since.
    #[error(transparent)]
    Uncarried(#[from] Uncarried),
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

/// Which of several edits was not made, and why; none of them was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("edit {at}, counted from 0, was not made, and so none of them: {error}")]
pub struct NotEdited {
    /// The edit, counted from 0.
    pub at: usize,
    /// Why.
    pub error: EditError,
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

/// How much an engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Documents that stand open, beyond those with work that is not durable.
    pub open_documents: usize,
    /// Rows since the last derivation at which the next one is due.
    pub derive_rows: u64,
    /// The same when the node closes.
    pub derive_close_rows: u64,
    /// Bytes of work that is not durable at which new edits are refused.
    pub unsaved_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            open_documents: limits::OPEN_DOCUMENTS_MAX,
            derive_rows: limits::DERIVE_ROWS,
            derive_close_rows: limits::DERIVE_CLOSE_ROWS,
            unsaved_bytes: limits::UNSAVED_BYTES_MAX,
        }
    }
}

/// A device's workspaces.
#[derive(Debug)]
pub struct Engine {
    key: SigningKey,
    bounds: Bounds,
    replicas: BTreeMap<WorkspaceId, Replica>,
    known: BTreeMap<WorkspaceId, Known>,
    journal: Journal,
    directory: Directory,
    shelf: Shelf,
    derived: Derived,
    news: Newsroom,
    projections: Projections,
}

impl Engine {
    /// An engine without workspaces, for the device that has this key.
    pub fn new(key: SigningKey) -> Self {
        Engine {
            key,
            bounds: Bounds::default(),
            replicas: BTreeMap::new(),
            known: BTreeMap::new(),
            journal: Journal::default(),
            directory: Directory::default(),
            shelf: Shelf::default(),
            derived: Derived::default(),
            news: Newsroom::default(),
            projections: Projections::default(),
        }
    }

    /// Says how much it may hold from now on.
    pub fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// How many documents stand open.
    pub fn open_documents(&self) -> usize {
        self.shelf.len()
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

    /// The documents of a workspace, open or closed, by id.
    pub fn documents(&self, workspace: &WorkspaceId) -> Vec<DocumentId> {
        self.directory.documents(workspace)
    }

    /// Writes a row of this document, or of no document, with the next commit.
    fn write_row(&mut self, mark: Shelfmark, row: &Row) {
        let at = self.journal.push(row);
        self.directory.add(mark, at);
    }

    /// A document is used: it is not among the first to be closed.
    fn touch(&mut self, workspace: &WorkspaceId, document: &DocumentId) {
        let replica = self.replicas.get(workspace);
        if replica.is_some_and(|replica| replica.has(document)) {
            self.shelf.touch((*workspace, *document));
        }
    }

    /// Says where a document is needed that is closed.
    fn open_already(&self, workspace: &WorkspaceId, document: DocumentId) -> Result<(), Closed> {
        let mark = Shelfmark::of(workspace, &document);
        let replica = self.replicas.get(workspace);
        match replica.is_some_and(|one| one.has(&document)) || !self.directory.has(&mark) {
            true => Ok(()),
            false => Err(Closed(document)),
        }
    }

    /// Closes what was used longest ago, as far as it is durable.
    pub fn trim(&mut self) {
        let max = self.bounds.open_documents;
        if self.shelf.len() <= max {
            return;
        }
        for (workspace, document) in self.shelf.oldest_first() {
            if self.shelf.len() <= max {
                break;
            }
            if self.news.observes(&(workspace, document)) {
                continue;
            }
            let last = self.directory.last(&Shelfmark::of(&workspace, &document));
            let durable = last.is_some_and(|last| last < self.journal.end());
            if durable && self.projections.behind.contains(&(workspace, document)) {
                self.project(&(workspace, document));
            }
            let replica = self.replicas.get_mut(&workspace);
            if durable && replica.is_some_and(|replica| replica.close(&document)) {
                self.shelf.remove(&(workspace, document));
            }
        }
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
            let row = Row::Workspace { workspace, founder };
            self.write_row(Shelfmark::common(&workspace), &row);
        }
        self.journal.ticket()
    }

    /// Says who writes here from now on: always this device, whose key seals.
    fn take_pen(&mut self, workspace: WorkspaceId, pen: Pen) -> Ticket {
        if let Some(replica) = self.replicas.get_mut(&workspace) {
            replica.take_pen(pen);
            self.write_row(Shelfmark::common(&workspace), &Row::Pen { workspace, pen });
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
            // A twin may have written in epochs that this device has not begun.
            let known = self.known.get(&workspace).and_then(|known| known.epoch);
            let last = known.map_or(pen.epoch, |known| known.max(pen.epoch));
            let epoch = Epoch(last.0.saturating_add(1));
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
        let is_new = !replica.has_schema(&schema.id());
        let bytes = schema.encode();
        let intake = replica.schema(schema);
        self.news.tell_all(workspace, &intake);
        if is_new {
            self.all_behind(workspace);
            let row = Row::Schema {
                workspace: *workspace,
                schema: bytes,
            };
            self.write_row(Shelfmark::common(workspace), &row);
        }
        intake
    }

    /// Takes a key of a workspace in, which the application keeps. What was sealed under it can be
    /// read from then on, and written where it is the one in use.
    pub fn workspace_key(&mut self, workspace: &WorkspaceId, key: WorkspaceKey) -> Intake {
        let Some(replica) = self.replicas.get_mut(workspace) else {
            return Intake::default();
        };
        let intake = replica.workspace_key(key);
        self.news.tell_all(workspace, &intake);
        self.all_behind(workspace);
        intake
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
        let before = replica.control().tip();
        let (added, intake) = replica.control_record(signed.clone())?;
        let news = replica.control().line().skip(before.number as usize);
        let effects: Vec<Effect> = news.map(|one| one.record.body.effect()).collect();
        self.news.tell_all(&workspace, &intake);
        match added {
            Added::Known | Added::Beside => {}
            Added::Appended => effects
                .iter()
                .for_each(|effect| self.behind_by(&workspace, effect)),
            Added::Turned => self.all_behind(&workspace),
        }
        if added != Added::Known {
            let row = Row::Control(Box::new(signed));
            self.write_row(Shelfmark::common(&workspace), &row);
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
        let made = self.edit_all(now_ms, &[(place, draft)]);
        let made = made.map_err(|failed| failed.error)?;
        // One edit was asked for, and one was made.
        let made = made.into_iter().next();
        made.ok_or(EditError::UnknownWorkspace(place.workspace))
    }

    /// Edits several documents, of one workspace or of several: all or none, in one commit.
    ///
    /// # Errors
    /// Which edit was not made, and why. Nothing was written.
    pub fn edit_all(
        &mut self,
        now_ms: u64,
        edits: &[(&Place<'_>, &Draft<'_>)],
    ) -> Result<Vec<Made>, NotEdited> {
        let mut made: Vec<(WorkspaceId, DocumentId, Edited)> = Vec::with_capacity(edits.len());
        for (at, (place, draft)) in edits.iter().enumerate() {
            match self.edit_one(now_ms, place, draft) {
                Ok((document, edited)) => made.push((place.workspace, document, edited)),
                Err(error) => {
                    for (workspace, document, edited) in made.iter().rev() {
                        self.take_back(workspace, document, &edited.id);
                    }
                    return Err(NotEdited { at, error });
                }
            }
        }
        for (workspace, document, edited) in &made {
            self.wrote(workspace, document, edited);
        }
        let ticket = self.journal.ticket();
        let made = made.into_iter().map(|(_, document, edited)| Made {
            document,
            edited,
            ticket,
        });
        Ok(made.collect())
    }

    fn edit_one(
        &mut self,
        now_ms: u64,
        place: &Place<'_>,
        draft: &Draft<'_>,
    ) -> Result<(DocumentId, Edited), EditError> {
        let unsaved_bytes = self.journal.unsaved_bytes();
        let max = self.bounds.unsaved_bytes;
        if unsaved_bytes > max {
            return Err(EditError::StoreFailing { unsaved_bytes, max });
        }
        let workspace = place.workspace;
        self.open_already(&workspace, DocumentId::of(&place.entity, place.part))?;
        let replica = self.replicas.get_mut(&workspace);
        let replica = replica.ok_or(EditError::UnknownWorkspace(workspace))?;
        Ok(replica.write(
            now_ms,
            place.kind,
            place.entity,
            place.part,
            place.view,
            draft,
        )?)
    }

    /// An edit stands: it goes into the next commit, and observers are told.
    fn wrote(&mut self, workspace: &WorkspaceId, document: &DocumentId, edited: &Edited) {
        self.shelf.touch((*workspace, *document));
        self.projections.changed((*workspace, *document));
        if let Some(event) = &edited.event {
            self.news.tell(workspace, *document, event);
        }
        let replica = self.replicas.get(workspace);
        let intents = replica.and_then(|replica| replica.intent(document, &edited.id));
        if let Some(intent) = intents.cloned().map(Box::new) {
            let workspace = *workspace;
            let row = Row::Intent { workspace, intent };
            self.write_row(Shelfmark::of(&workspace, document), &row);
        }
    }

    /// Takes an edit back that stood alone among others that were not made.
    fn take_back(&mut self, workspace: &WorkspaceId, document: &DocumentId, id: &ChangeSetId) {
        let replica = self.replicas.get_mut(workspace);
        let event = replica.and_then(|replica| replica.take_back(document, id));
        self.touch(workspace, document);
        if let Some(event) = event {
            self.news.tell(workspace, *document, &event);
        }
    }

    /// Takes verified change sets of one workspace in.
    ///
    /// # Errors
    /// Where one is of a document that is closed. Nothing was changed.
    pub fn receive(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        batch: Vec<Verified>,
    ) -> Result<(Intake, Ticket), Closed> {
        let documents: Vec<DocumentId> = batch.iter().map(document_of).collect();
        for document in &documents {
            self.open_already(workspace, *document)?;
        }
        self.seal();
        let device = self.device();
        let mut intake = Intake::default();
        if let Some(replica) = self.replicas.get_mut(workspace) {
            let known = self.known.entry(*workspace).or_default();
            for (verified, document) in batch.iter().zip(&documents) {
                let signed = verified.signed();
                if replica.holds(document, signed) {
                    continue;
                }
                let chain = signed.change.header().chain;
                if chain.origin == device {
                    known.wrote(Hlc::default(), chain.epoch);
                }
                let at = self.journal.push(&Row::ChangeSet(Box::new(signed.clone())));
                self.directory.add(Shelfmark::of(workspace, document), at);
            }
            intake = replica.receive(now_ms, batch);
            self.news.tell_all(workspace, &intake);
            for document in documents.into_iter().filter(|one| replica.has(one)) {
                self.shelf.touch((*workspace, document));
                self.projections.changed((*workspace, document));
            }
        }
        Ok((intake, self.journal.ticket()))
    }

    /// Seals what was written since the last flush; it goes into the journal.
    fn seal(&mut self) {
        for (workspace, replica) in &mut self.replicas {
            // The key is the pen's: no pen of another device is taken or loaded.
            for verified in replica.flush(&self.key).unwrap_or_default() {
                let header = verified.change().header();
                let known = self.known.entry(*workspace).or_default();
                known.wrote(header.hlc, header.chain.epoch);
                let mark = Shelfmark::of(workspace, &document_of(&verified));
                let row = Row::ChangeSet(Box::new(verified.into_signed()));
                let at = self.journal.push(&row);
                self.directory.add(mark, at);
            }
        }
    }

    /// The next thing to be done outside. `now_ms` is the wall clock, in milliseconds since the Unix
    /// epoch.
    pub fn poll(&mut self, now_ms: u64) -> Option<Output> {
        if self.journal.is_idle() {
            self.seal();
            self.trim();
            if let Some(derive) = self.derive(now_ms) {
                return Some(derive);
            }
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

    /// A ticket for everything that was written so far.
    pub fn ticket(&mut self) -> Ticket {
        self.journal.ticket()
    }

    /// How many bytes wait to be durable.
    pub fn unsaved_bytes(&self) -> usize {
        self.journal.unsaved_bytes()
    }

    /// Whether anything here is not durable yet.
    pub fn is_unsaved(&self) -> bool {
        !self.journal.is_saved() || self.replicas.values().any(|one| one.open_len() > 0)
    }
}

fn document_of(verified: &Verified) -> DocumentId {
    verified.change().header().document()
}
