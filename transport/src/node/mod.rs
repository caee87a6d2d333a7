//! The handle that an application holds: an engine, the thread that carries out its commits, and the
//! clock and chance that an engine does not have. It needs no runtime.

mod durability;
mod observe;
mod queue;
mod ticket;
mod watch;
mod writer;

pub use durability::Durability;
pub use observe::{Notice, Observer};
pub use queue::NOTICES_MAX;
pub use ticket::Ticket;
pub use watch::{ListError, Listed, Watch};

use anabranch_core::{
    control::ControlError,
    document::{Document, Draft},
    engine::{
        EditError, Engine, ExportError, ImportError, Imported, Made, NotEdited, Place, ReadError,
        Receipt, Scope,
    },
    fault::Fault,
    id::{ActorSalt, DocumentId, EntityId, UserId, WorkspaceId},
    limits,
    projection::Projection,
    replica::{Replica, Unpacked},
    schema::Schema,
    store::{Store, StoreError},
};
use ed25519_dalek::SigningKey;
use observe::Observers;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use ticket::Progress;
use watch::Watches;

/// How often an import looks whether the disk keeps up with it.
const IMPORT_PAUSE: Duration = Duration::from_millis(2);

/// How long an export waits for the disk.
const EXPORT_WAIT: Duration = Duration::from_secs(30);

/// A node: workspaces in memory, a journal beneath them. Dropping it waits for nothing; [`Node::close`]
/// does.
#[derive(Debug)]
pub struct Node {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What the node's threads share.
struct Shared {
    state: Mutex<State>,
    store: Box<dyn Store + Send + Sync>,
    /// Something is to be written, or the node closes.
    work: Condvar,
    progress: Arc<Progress>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    engine: Engine,
    closing: Closing,
    /// Why the last commit failed, while it does.
    failure: Option<StoreError>,
    observers: Observers,
    watches: Watches,
}

impl State {
    /// Tells observers and watches what happened.
    fn settle(&mut self, store: &dyn Store) {
        let news = self.engine.take_news();
        self.observers.tell(news);
        self.settle_watches(store);
    }
}

/// Where a device writes, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The user.
    pub user: UserId,
}

/// When the writer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    WhenSaved,
    Now,
}

/// The system gives no randomness, so nothing new can be given a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness to make a name from: try again when it has started up")]
pub struct NoChance;

/// Why a workspace was not founded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundError {
    /// There is no randomness.
    #[error(transparent)]
    Chance(#[from] NoChance),
    /// The control log does not take the records.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl FoundError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            FoundError::Chance(_) => Fault::Environment,
            FoundError::Control(_) => Fault::Caller,
        }
    }
}

/// Why a node cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system gave no thread.
    #[error("the operating system gives no thread to write with ({0:?})")]
    Thread(std::io::ErrorKind),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        StartError::Read(error.into())
    }
}

impl StartError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            StartError::Read(error) => error.fault(),
            StartError::Thread(_) => Fault::Environment,
        }
    }
}

/// A node was closed, and not all work had the receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not everything is saved, {} entities have work that is not: {}",
    left.len(),
    failure.as_ref().map_or("the time was up".to_owned(), StoreError::to_string)
)]
pub struct CloseError {
    /// What has not reached it.
    pub left: BTreeSet<(WorkspaceId, EntityId)>,
    /// Why the store failed until the end, if it did.
    pub failure: Option<StoreError>,
}

impl Node {
    /// Opens the journal and starts to write to it. `key` is the device's.
    ///
    /// # Errors
    /// Where the store cannot be read, or holds no journal that this build reads.
    pub fn start(
        store: impl Store + Send + Sync + 'static,
        key: SigningKey,
    ) -> Result<Self, StartError> {
        let engine = Engine::open(&store, key)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                engine,
                closing: Closing::No,
                failure: None,
                observers: Observers::default(),
                watches: Watches::default(),
            }),
            store: Box::new(store),
            work: Condvar::new(),
            progress: Arc::default(),
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("anabranch-writer".into())
            .spawn(move || writer::run(&writing))
            .map_err(|error| StartError::Thread(error.kind()))?;
        Ok(Node {
            shared,
            writer: Some(writer),
        })
    }

    /// Edits. The edit is visible at once and never waits for the disk; its ticket says when it is
    /// durable.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn edit(&self, place: &Place<'_>, draft: &Draft<'_>) -> Result<(Made, Ticket), EditError> {
        let now_ms = now_ms();
        let document = DocumentId::of(&place.entity, place.part);
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        state
            .engine
            .bring(store, now_ms, &place.workspace, [document])?;
        let made = state.engine.edit(now_ms, place, draft)?;
        state.settle(store);
        drop(state);
        let ticket = self.promised(made.ticket);
        Ok((made, ticket))
    }

    /// Edits several documents: all or none, in one commit. They may be of several entities.
    ///
    /// # Errors
    /// Which edit was not made, and why. Nothing was written.
    pub fn edit_all(
        &self,
        edits: &[(&Place<'_>, &Draft<'_>)],
    ) -> Result<(Vec<Made>, Ticket), NotEdited> {
        let now_ms = now_ms();
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        for (at, (place, _)) in edits.iter().enumerate() {
            let document = DocumentId::of(&place.entity, place.part);
            let brought = state
                .engine
                .bring(store, now_ms, &place.workspace, [document]);
            brought.map_err(|error| NotEdited {
                at,
                error: error.into(),
            })?;
        }
        let made = state.engine.edit_all(now_ms, edits);
        state.settle(store);
        let made = made?;
        let ticket = state.engine.ticket();
        drop(state);
        Ok((made, self.promised(ticket)))
    }

    /// The projections of a kind's entities, without opening their documents.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn projections(
        &self,
        workspace: &WorkspaceId,
        kind: &str,
    ) -> Result<Vec<Projection>, ReadError> {
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        state.engine.projections(store, now_ms(), workspace, kind)
    }

    /// Founds a workspace of `owner`, with these schemas in force. This device orders it.
    ///
    /// # Errors
    /// Where a workspace of this name is here already, or no control record can be made.
    pub fn found(
        &self,
        workspace: WorkspaceId,
        owner: UserId,
        schemas: Vec<Schema>,
    ) -> Result<Ticket, FoundError> {
        let salt = ActorSalt(chance()?);
        let mut state = self.shared.lock();
        let mut ticket = state.engine.found(now_ms(), workspace, owner, salt)?;
        for schema in schemas {
            ticket = state.engine.activate(now_ms(), &workspace, schema)?;
        }
        drop(state);
        Ok(self.promised(ticket))
    }

    /// The workspace that this device writes in, and its user. None before one was founded or joined.
    pub fn home(&self) -> Option<Home> {
        let state = self.shared.lock();
        let mut workspaces = state.engine.workspaces();
        workspaces.find_map(|workspace| {
            let user = state.engine.replica(&workspace)?.pen()?.user;
            Some(Home { workspace, user })
        })
    }

    /// Goes on under a new epoch in every workspace: see [`Engine::begin_epochs`].
    pub fn begin_epochs(&self) -> Ticket {
        let ticket = self.shared.lock().engine.begin_epochs();
        self.promised(ticket)
    }

    /// A new entity's id.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn entity(&self, creator: UserId, kind: &str) -> Result<EntityId, NoChance> {
        Ok(EntityId::new(creator, kind, chance()?))
    }

    /// Takes a bundle in. Edits go on meanwhile.
    ///
    /// # Errors
    /// Where the bytes are no bundle, tell of no workspace, or add to a document that cannot be read.
    pub fn import(&self, bytes: &[u8]) -> Result<Imported, ImportError> {
        let unpacked = Unpacked::read(bytes)?;
        let mut importing = self.with(|engine| engine.begin_import(unpacked));
        let store = &*self.shared.store;
        loop {
            let mut state = self.shared.lock();
            let more = state.engine.import_step(store, now_ms(), &mut importing)?;
            let unsaved_bytes = state.engine.unsaved_bytes();
            state.settle(store);
            drop(state);
            self.shared.work.notify_one();
            if !more {
                return Ok(self.with(|engine| engine.end_import(importing)));
            }
            // What waits for the disk is held in memory.
            if unsaved_bytes > limits::UNSAVED_BYTES_MAX / 4 {
                std::thread::sleep(IMPORT_PAUSE);
            }
        }
    }

    /// Everything of a workspace that is here, as a bundle. It waits until all of it is durable.
    ///
    /// # Errors
    /// Where not everything can be saved or read, or does not fit a bundle.
    pub fn export(&self, workspace: &WorkspaceId) -> Result<Vec<u8>, ExportError> {
        let until = Instant::now() + EXPORT_WAIT;
        loop {
            let ticket = self.with(|engine| engine.ticket());
            self.promised(ticket).wait_local(EXPORT_WAIT);
            let mut state = self.shared.lock();
            let store = &*self.shared.store;
            match state.engine.export(store, now_ms(), workspace) {
                // Somebody wrote meanwhile.
                Err(ExportError::Unsaved) if Instant::now() < until => {}
                exported => return exported,
            }
        }
    }

    /// blake3 of a workspace's documents: equal on devices that have the same change sets and control
    /// log. It opens every document once.
    ///
    /// # Errors
    /// Where not everything can be read.
    pub fn digest(&self, workspace: &WorkspaceId) -> Result<[u8; 32], ReadError> {
        let mut state = self.shared.lock();
        state
            .engine
            .digest(&*self.shared.store, now_ms(), workspace)
    }

    /// Reads a document; none where there is none. Keep it short: edits wait meanwhile.
    ///
    /// # Errors
    /// Where it is closed and cannot be read.
    pub fn read<T>(
        &self,
        workspace: &WorkspaceId,
        entity: &EntityId,
        part: &str,
        read: impl FnOnce(Option<&mut Document>) -> T,
    ) -> Result<T, ReadError> {
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        let document = state
            .engine
            .document(store, now_ms(), workspace, entity, part)?;
        Ok(read(document))
    }

    /// Looks at an entity, or a whole workspace, with every document of it open. None where the
    /// workspace is not here. Keep it short: edits wait meanwhile.
    ///
    /// # Errors
    /// Where a document is closed and cannot be read.
    pub fn look<T>(
        &self,
        scope: &Scope,
        look: impl FnOnce(&Replica) -> T,
    ) -> Result<Option<T>, ReadError> {
        let mut state = self.shared.lock();
        state
            .engine
            .bring_all(&*self.shared.store, now_ms(), scope)?;
        let (Scope::Workspace(workspace) | Scope::Entity(workspace, _)) = scope;
        let seen = state.engine.replica(workspace).map(look);
        state.engine.trim();
        Ok(seen)
    }

    /// Looks at the engine, or tells it something that [`Node`] has no word for. Keep it short: edits
    /// wait meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&mut Engine) -> T) -> T {
        let mut state = self.shared.lock();
        let seen = look(&mut state.engine);
        state.settle(&*self.shared.store);
        drop(state);
        self.shared.work.notify_one();
        seen
    }

    /// Why the store fails, while it does. What is not saved is tried again.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.lock().failure.clone()
    }

    /// Waits until all work has this receipt, at most so long, and lets go of the store.
    ///
    /// # Errors
    /// What has not reached it.
    pub fn close(mut self, receipt: Receipt, timeout: Duration) -> Result<(), CloseError> {
        let mut state = self.shared.lock();
        state.closing = Closing::WhenSaved;
        state.engine.closing();
        drop(state);
        self.shared.work.notify_one();
        let saved = self.shared.progress.closed(timeout);
        if saved {
            if let Some(writer) = self.writer.take() {
                writer.join().ok();
            }
            return Ok(());
        }
        let mut state = self.shared.lock();
        state.closing = Closing::Now;
        Err(CloseError {
            left: state.engine.without(receipt),
            failure: state.failure.clone(),
        })
    }

    fn promised(&self, ticket: anabranch_core::engine::Ticket) -> Ticket {
        self.shared.promised(ticket)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.closing == Closing::No {
            state.closing = Closing::WhenSaved;
            state.engine.closing();
        }
        drop(state);
        self.shared.work.notify_one();
    }
}

impl Shared {
    /// Something was written: the writer has work, and whoever wrote a promise.
    fn promised(self: &Arc<Self>, ticket: anabranch_core::engine::Ticket) -> Ticket {
        self.work.notify_one();
        self.progress.wrote();
        Ticket::new(ticket, Arc::clone(&self.progress))
    }

    /// A panic elsewhere leaves an engine that is as good as before its last call.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock, in milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Bytes drawn by chance.
fn chance<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}
