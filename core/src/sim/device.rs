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
    engine::{EditError, Engine, Imported, LoadError, Loading, Made, Output, Place, Ticket},
    id::{ChangeSetId, OriginId, UserId, ViewId, WorkspaceId},
    replica::{BundleReadError, Replica, WriteError},
    store::{Position, Row, Store, StoreError},
};
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, BTreeSet};

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

/// Why a device does not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Everything about one device.
pub struct Device {
    pub(super) name: String,
    pub(super) user: UserId,
    pub(super) key: SigningKey,
    pub(super) engine: Engine,
    pub(super) store: SimStore,
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

/// What a store is given in place of a commit's rows.
pub(super) type Write<'w> = &'w mut dyn FnMut(&[Vec<u8>]) -> Vec<Vec<u8>>;

impl Device {
    pub(super) fn new(name: &str, user: UserId, key: SigningKey) -> Self {
        Device {
            name: name.to_owned(),
            user,
            engine: Engine::new(key.clone()),
            key,
            store: SimStore::default(),
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
                        let wreck = self.store.disk.crash(rng);
                        return (Commit::Died, wreck);
                    }
                }
                Output::Durable(ticket) => self.keep_promises(ticket),
                Output::WakeAt(_) => {}
            }
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
                self.store.write_unsynced(written);
                return false;
            }
            Fate::Full => Some(Trouble::Full),
            Fate::WriteFails => Some(Trouble::Write),
            Fate::SyncFails => Some(Trouble::Sync),
            Fate::Done | Fate::AnswerLost | Fate::SyncLies | Fate::DiesAfter => None,
        };
        self.store.disk.trouble = trouble;
        self.store.disk.lies = fate == Fate::SyncLies;
        let appended = self.store.append(at, written);
        self.store.disk.trouble = None;
        self.store.disk.lies = false;
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
                    | Row::Intent { .. },
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
    pub(super) fn open(&mut self, now_ms: u64) -> Result<(), OpenError> {
        let now_ms = self.clock_ms(now_ms);
        self.store.reopen();
        let mut engine = Engine::new(self.key.clone());
        let mut loading = Loading::default();
        let mut all = Vec::new();
        loop {
            let page = self.store.read(engine.journal_end(), 1 << 16)?;
            if page.is_empty() {
                break;
            }
            engine.load(&page, &mut loading)?;
            all.extend(page);
        }
        engine.loaded(now_ms, loading);
        self.engine = engine;
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
        self.engine = Engine::new(self.key.clone());
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
    pub(super) fn import(
        &mut self,
        now_ms: u64,
        bytes: &[u8],
    ) -> Result<Imported, BundleReadError> {
        let now_ms = self.clock_ms(now_ms);
        self.engine.import(now_ms, bytes)
    }
}
