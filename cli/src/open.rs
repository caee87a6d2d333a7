//! `open`: a store on disk, a device's key and a node, wired together.

use anabranch_core::{
    fault::Fault,
    id::{UserId, WorkspaceId},
    schema::catalogue::catalogue,
    store::{Position, Store as _, StoreError},
};
use anabranch_storage::{
    journal::{self, RedbStore, Whereabouts},
    keys::{KeyError, KeyFile, KeyStore},
    whole::WriteError,
};
use anabranch_transport::{
    Node,
    node::{FoundError, StartError},
};
use ed25519_dalek::SigningKey;
use std::{io::ErrorKind, path::Path, time::Duration};

/// The file of the device's secret key, in the store's folder.
pub const KEY_FILE: &str = "device.key";

/// How long opening a store that moved waits for its new epoch to be durable.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] journal::OpenError),
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] journal::CreateError),
    /// Its first workspace cannot be founded.
    #[error(transparent)]
    Found(#[from] FoundError),
    /// The device's key cannot be read or kept.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// That the store is at home cannot be written.
    #[error(transparent)]
    Settle(#[from] WriteError),
    /// The device's key is gone.
    #[error(
        "{place} holds no key, but the store was written with one: put it back, or take what the store \
         holds into a new one by a bundle"
    )]
    NoKey {
        /// Where it should be.
        place: String,
    },
    /// The system has no randomness to make a key from.
    #[error("the system gives no randomness to make a key from")]
    Chance,
    /// The journal.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl OpenError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            OpenError::Store(error) => error.fault(),
            OpenError::Make(error) => error.fault(),
            OpenError::Found(error) => error.fault(),
            OpenError::Key(error) => error.fault(),
            OpenError::Settle(error) => error.fault(),
            OpenError::NoKey { .. } => Fault::Caller,
            OpenError::Chance => Fault::Environment,
            OpenError::Start(error) => error.fault(),
        }
    }
}

/// Whether a folder holds a store.
pub fn is_store(folder: impl AsRef<Path>) -> bool {
    RedbStore::exists(folder.as_ref())
}

/// Opens the store in a folder. Where there is none it is made, with a key for this device and a
/// workspace in which every kind of the standard catalogue is in force. A store that was copied or
/// moved goes on under a new epoch: its twin may write under the old one.
///
/// # Errors
/// See [`OpenError`].
pub fn open(folder: impl AsRef<Path>) -> Result<Node, OpenError> {
    let keys = KeyFile::new(folder.as_ref().join(KEY_FILE));
    open_with(folder, &keys)
}

/// The same, with the device's key where the application keeps such things.
///
/// # Errors
/// See [`OpenError`].
pub fn open_with(folder: impl AsRef<Path>, keys: &impl KeyStore) -> Result<Node, OpenError> {
    let node = open_to_join(folder, keys)?;
    if node.with(|engine| engine.workspaces().next().is_none()) {
        let schemas = catalogue().iter().filter_map(|entry| entry.parse().ok());
        node.found(WorkspaceId(chance()?), UserId(chance()?), schemas.collect())?;
    }
    Ok(node)
}

/// The same, but a store that is made has no workspace: this device is to be admitted to another's,
/// which comes as a bundle.
///
/// # Errors
/// See [`OpenError`].
pub fn open_to_join(folder: impl AsRef<Path>, keys: &impl KeyStore) -> Result<Node, OpenError> {
    let folder = folder.as_ref();
    if !is_store(folder) {
        RedbStore::create(folder)?;
    }
    let (store, whereabouts) = RedbStore::open(folder)?;
    let is_new = store.end().map_err(StartError::from)? == Position(0);
    let node = Node::start(store, key(keys, is_new)?)?;
    match whereabouts {
        Whereabouts::Home => {}
        Whereabouts::Moved { .. } => {
            if !node.begin_epochs().wait_local(SETTLE_MAX) {
                let failure = node
                    .failure()
                    .unwrap_or(StoreError::Io(ErrorKind::TimedOut));
                return Err(StartError::from(failure).into());
            }
            RedbStore::settle_in(folder)?;
        }
    }
    Ok(node)
}

/// The device's key; a new one only where the journal is empty.
fn key(keys: &impl KeyStore, is_new: bool) -> Result<SigningKey, OpenError> {
    let key = match keys.device()? {
        Some(key) => key,
        None if is_new => {
            let key = chance()?;
            keys.keep_device(&key)?;
            key
        }
        None => {
            let place = keys.place();
            return Err(OpenError::NoKey { place });
        }
    };
    Ok(SigningKey::from_bytes(&key))
}

fn chance<const N: usize>() -> Result<[u8; N], OpenError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| OpenError::Chance)?;
    Ok(bytes)
}
