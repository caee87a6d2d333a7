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
mod edit;
mod import;
mod news;
mod open;
mod projecting;
mod query;
mod rebase;
mod receipt;
mod shelf;
mod shell;
mod workspace;

pub use edit::{EditError, Made, NotEdited, Place};
pub use import::{ImportError, Imported, Importing};
pub use news::News;
pub use open::{LoadError, NotDerived, Wanted};
pub use projecting::Changes;
pub use receipt::{Receipt, Scope};
pub use shell::{ExportError, ReadError};

use crate::{
    changeset::Verified,
    hlc::Hlc,
    id::{DocumentId, OriginId, WorkspaceId},
    limits,
    replica::{Intake, Replica},
    store::{Change, Position, Row},
};
use commit::Journal;
use derive::{Derived, Known};
use directory::{Directory, Shelfmark};
use ed25519_dalek::SigningKey;
use news::Newsroom;
use projecting::Projections;
use shelf::Shelf;
use std::collections::BTreeMap;

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

/// A document is needed that is closed: to be brought first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {0} is closed: its rows are to be read first")]
pub struct Closed(pub DocumentId);

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
