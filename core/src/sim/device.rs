//! One device: the engine that an application runs, its store on a simulated disk, its clock. This is
//! the only file that drives an engine; it is a shell like `Node`, without threads.

use super::{
    Action, Rng,
    disk::{Trouble, Wreck},
    store::SimStore,
};
use crate::{
    changeset::{BundleWriter, Signed},
    control::{Excluded, SignedControl},
    document,
    engine::{
        Bounds, EditError, Engine, ImportError, Imported, Made, Output, Place, ReadError, Scope,
        Ticket,
    },
    id::{ChangeSetId, OriginId, UserId, ViewId, WorkspaceId},
    limits,
    replica::{Replica, WriteError},
    store::{Position, Row, Store},
};
use ed25519_dalek::SigningKey;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out.
    Done,
    /// The disk is full.
    Full,
    /// The write fails.
    WriteFails,
    /// The sync fails and the system forgets that it did.
    SyncFails,
    /// It is carried out, and an error is answered.
    AnswerLost,
    /// The sync says yes and does nothing.
    SyncLies,
    /// The process dies before it is begun.
    DiesBefore,
    /// The power fails while it is written.
    DiesWithin,
    /// The process dies when it is carried out and not answered.
    DiesAfter,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// There was nothing to commit, or it is not the time to try again.
    None,
    /// It met its fate and the device goes on.
    Met,
    /// The process died; the store is to be opened again.
    Died,
}

/// Everything about one device.
pub struct Device {
    pub(super) name: String,
    pub(super) user: UserId,
    pub(super) key: SigningKey,
    pub(super) engine: Engine,
    pub(super) store: RefCell<SimStore>,
    /// How far its clock is off, in milliseconds.
    pub(super) clock_off_ms: i64,
    /// What each ticket promises, until it is kept.
    promises: BTreeMap<Ticket, Vec<ChangeSetId>>,
    /// Own change sets that were promised and whose tickets are kept, in order.
    pub(super) acknowledged: Vec<ChangeSetId>,
    /// What is durable here, in the order in which it became so.
    pub(super) saved: Vec<Signed>,
    pub(super) saved_ids: BTreeSet<ChangeSetId>,
    pub(super) controls: Vec<SignedControl>,
    schemas: Vec<Vec<u8>>,
    /// How much of what is saved went to whom.
    pub(super) sent: BTreeMap<usize, usize>,
    pub(super) hostile: bool,
    /// Which store of all it has, and how much of what is saved was looked at from outside.
    pub(super) store_name: u64,
    pub(super) watched: usize,
}

/// Every document stands open, so that a device can be looked at, but for now and then; derivations are
/// made after a few rows.
const ROOM: Bounds = Bounds {
    open_documents: usize::MAX,
    derive_rows: 24,
    derive_close_rows: 8,
    unsaved_bytes: limits::UNSAVED_BYTES_MAX,
};

fn engine(key: SigningKey) -> Engine {
    let mut engine = Engine::new(key);
    engine.bound(ROOM);
    engine
}

/// What a store is given in place of a commit's rows.
pub(super) type Write<'w> = &'w mut dyn FnMut(&[Vec<u8>]) -> Vec<Vec<u8>>;

impl Device {
    pub(super) fn new(name: &str, user: UserId, key: SigningKey) -> Self {
        Device {
            name: name.to_owned(),
            user,
            engine: engine(key.clone()),
            key,
            store: RefCell::default(),
            clock_off_ms: 0,
            promises: BTreeMap::new(),
            acknowledged: Vec::new(),
            saved: Vec::new(),
            saved_ids: BTreeSet::new(),
            controls: Vec::new(),
            schemas: Vec::new(),
            sent: BTreeMap::new(),
            hostile: false,
            store_name: 0,
            watched: 0,
        }
    }

    pub(super) fn origin(&self) -> OriginId {
        OriginId(self.key.verifying_key().to_bytes())
    }

    /// What its clock shows.
    pub(super) fn clock_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.clock_off_ms)
    }

    pub(super) fn replica(&self, workspace: &WorkspaceId) -> Option<&Replica> {
        self.engine.replica(workspace)
    }

    /// Whether something here is in no store yet.
    pub(super) fn is_unsaved(&self) -> bool {
        self.engine.is_unsaved()
    }

    /// Edits. A chain that ends in what does not count goes on under a new epoch, as its error says.
    pub(super) fn edit(
        &mut self,
        now_ms: u64,
        workspace: WorkspaceId,
        action: &Action,
    ) -> Result<Made, EditError> {
        let now_ms = self.clock_ms(now_ms);
        let place = Place {
            workspace,
            kind: &action.kind,
            entity: action.entity,
            part: &action.part,
            view: ViewId(0),
        };
        let made = match self.engine.edit(now_ms, &place, &action.ask.draft()) {
            Err(EditError::Write(
                WriteError::Edit(document::EditError::ChainClosed { .. })
                | WriteError::Excluded(Excluded::Fork(_)),
            )) => {
                self.engine.begin_epochs();
                self.engine.edit(now_ms, &place, &action.ask.draft())
            }
            made => made,
        }?;
        self.promises
            .entry(made.ticket)
            .or_default()
            .push(made.edited.id);
        Ok(made)
    }

    /// Polls until there is nothing to do; the first commit meets its fate.
    pub(super) fn drive(
        &mut self,
        now_ms: u64,
        fate: Fate,
        rng: &mut Rng,
        write: Write<'_>,
    ) -> (Commit, Wreck) {
        let now_ms = self.clock_ms(now_ms);
        let mut fate = Some(fate);
        let mut met = Commit::None;
        while let Some(output) = self.engine.poll(now_ms) {
            match output {
                Output::Commit { at, rows } => {
                    met = Commit::Met;
                    let fate = fate.take().unwrap_or(Fate::Done);
                    if !self.commit(now_ms, at, (&rows, &write(&rows)), fate) {
                        let wreck = self.store.get_mut().disk.crash(rng);
                        return (Commit::Died, wreck);
                    }
                }
                Output::Durable(ticket) => self.keep_promises(ticket),
                Output::WakeAt(_) => {}
                Output::Derive { upto, changes } => match rng.below(8) {
                    0 => self.engine.not_derived(now_ms, false),
                    1 => {
                        // Carried out, and an error is answered.
                        self.store.derive(upto, &changes).ok();
                        self.engine.not_derived(now_ms, false);
                    }
                    2 => {
                        self.store.forget_derived().ok();
                        self.engine.not_derived(now_ms, true);
                    }
                    _ => match self.store.derive(upto, &changes) {
                        Ok(()) => self.engine.derived(),
                        Err(_) => self.engine.not_derived(now_ms, false),
                    },
                },
            }
        }
        if rng.one_in(6) && self.close_and_open(now_ms).is_err() {
            // Its store cannot be read: it is opened again, and that found out.
            return (Commit::Died, Wreck::default());
        }
        (met, Wreck::default())
    }

    /// Carries a commit out, as its fate is. Answers whether the process lives.
    fn commit(
        &mut self,
        now_ms: u64,
        at: Position,
        (rows, written): (&[Vec<u8>], &[Vec<u8>]),
        fate: Fate,
    ) -> bool {
        let trouble = match fate {
            Fate::DiesBefore => return false,
            Fate::DiesWithin => {
                self.store.get_mut().write_unsynced(written);
                return false;
            }
            Fate::Full => Some(Trouble::Full),
            Fate::WriteFails => Some(Trouble::Write),
            Fate::SyncFails => Some(Trouble::Sync),
            Fate::Done | Fate::AnswerLost | Fate::SyncLies | Fate::DiesAfter => None,
        };
        self.store.get_mut().disk.trouble = trouble;
        self.store.get_mut().disk.lies = fate == Fate::SyncLies;
        let appended = self.store.append(at, written);
        self.store.get_mut().disk.trouble = None;
        self.store.get_mut().disk.lies = false;
        match (appended, fate) {
            (_, Fate::DiesAfter) => return false,
            (Ok(()), Fate::AnswerLost) | (Err(_), _) => self.engine.failed(now_ms),
            (Ok(()), _) => {
                self.engine.committed();
                self.note(rows);
            }
        }
        true
    }

    /// Notes what became durable.
    fn note(&mut self, rows: &[Vec<u8>]) {
        for row in rows {
            match Row::decode(row) {
                Ok(Row::ChangeSet(signed)) if self.saved_ids.insert(signed.change.id()) => {
                    self.saved.push(*signed);
                }
                Ok(Row::Control(signed)) => self.controls.push(*signed),
                Ok(Row::Schema { schema, .. }) => self.schemas.push(schema),
                Ok(
                    Row::ChangeSet(_)
                    | Row::Workspace { .. }
                    | Row::Pen { .. }
                    | Row::Intent { .. }
                    | Row::Settled { .. },
                )
                | Err(_) => {}
            }
        }
    }

    fn keep_promises(&mut self, ticket: Ticket) {
        let later = self.promises.split_off(&Ticket(ticket.0.saturating_add(1)));
        let kept = std::mem::replace(&mut self.promises, later);
        self.acknowledged.extend(kept.into_values().flatten());
    }

    /// The store is opened again, as by a new process; the engine that was there is gone.
    pub(super) fn open(&mut self, now_ms: u64) -> Result<(), ReadError> {
        let now_ms = self.clock_ms(now_ms);
        self.store.get_mut().reopen();
        let mut all = Vec::new();
        loop {
            let page = self.store.read(Position(all.len() as u64), 1 << 16)?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        self.engine = Engine::open(&self.store, self.key.clone())?;
        self.engine.bound(ROOM);
        self.open_documents(now_ms)?;
        self.forget();
        self.note(&all);
        Ok(())
    }

    /// The process is gone, and with it what it knew of its store.
    pub(super) fn forget(&mut self) {
        self.promises.clear();
        self.saved.clear();
        self.saved_ids.clear();
        self.controls.clear();
        self.schemas.clear();
        self.watched = 0;
    }

    /// The store is put away, and with it everything: only the key is left.
    pub(super) fn put_away(&mut self) {
        self.engine = engine(self.key.clone());
        self.sent.clear();
        self.forget();
    }

    /// What goes to a peer: the control log and the schemas with these change sets.
    pub(super) fn bundle<'a>(&self, changes: impl Iterator<Item = &'a Signed>) -> Vec<u8> {
        let mut writer = BundleWriter::new();
        for schema in &self.schemas {
            writer.schema(schema).ok();
        }
        for control in &self.controls {
            writer.control(&control.encode()).ok();
        }
        for signed in changes {
            writer.change_set(signed).ok();
        }
        writer.finish()
    }

    /// Takes in what a peer sent.
    pub(super) fn import(&mut self, now_ms: u64, bytes: &[u8]) -> Result<Imported, ImportError> {
        let now_ms = self.clock_ms(now_ms);
        self.engine.import(&self.store, now_ms, bytes)
    }

    /// Opens every document, so that what looks at a device from outside sees all of it.
    fn open_documents(&mut self, clock_ms: u64) -> Result<(), ReadError> {
        let workspaces: Vec<WorkspaceId> = self.engine.workspaces().collect();
        for workspace in workspaces {
            let scope = Scope::Workspace(workspace);
            self.engine.bring_all(&self.store, clock_ms, &scope)?;
        }
        Ok(())
    }

    /// Closes whatever can be closed, and opens it again.
    fn close_and_open(&mut self, clock_ms: u64) -> Result<(), ReadError> {
        self.engine.bound(Bounds {
            open_documents: 0,
            ..ROOM
        });
        self.engine.trim();
        self.engine.bound(ROOM);
        self.open_documents(clock_ms)
    }
}
