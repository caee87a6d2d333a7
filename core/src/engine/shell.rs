//! What every shell does: reading from its store what the engine wants. These loops wait for the disk;
//! an engine itself never does.

use super::{Closed, Engine, LoadError, Scope, Wanted, derive::HEAD};
use crate::{
    changeset::{BundleError, BundleWriter},
    document::Document,
    fault::Fault,
    id::{DocumentId, EntityId, WorkspaceId},
    limits,
    store::{Store, StoreError},
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;

/// Why something was not read from the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its rows cannot be understood.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its rows were read and do not make it.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl ReadError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ReadError::Store(error) => error.fault(),
            ReadError::Load(LoadError::OtherDevice { .. }) => Fault::Caller,
            ReadError::Load(_) | ReadError::Closed(_) => Fault::Corruption,
        }
    }
}

/// Why there is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Not everything can be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An item exceeds a bundle's bounds.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Not everything here is durable, and nothing leaves before it is.
    #[error(
        "not everything here is saved yet, and nothing leaves this device before it is: try again"
    )]
    Unsaved,
}

impl ExportError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ExportError::Read(error) => error.fault(),
            ExportError::Bundle(_) => Fault::Caller,
            ExportError::Unsaved => Fault::Environment,
        }
    }
}

impl Engine {
    /// An engine on a store, for the device that has this key.
    ///
    /// # Errors
    /// Where the store cannot be read, or holds no journal that this build reads.
    pub fn open(store: &(impl Store + ?Sized), key: SigningKey) -> Result<Engine, ReadError> {
        let mut engine = Engine::new(key.clone());
        if !engine.open_derived(store)? {
            store.forget_derived()?;
            engine = Engine::new(key);
        }
        let first = engine.wanted_first();
        engine.load_first(&first, &store.rows(&first)?)?;
        loop {
            let page = store.read(engine.journal_end(), limits::OPEN_PAGE_BYTES)?;
            if page.is_empty() {
                return Ok(engine);
            }
            engine.load(&page)?;
        }
    }

    /// Takes in what is derived; answers whether it is sound.
    fn open_derived(&mut self, store: &(impl Store + ?Sized)) -> Result<bool, StoreError> {
        let read = |key: &[u8]| match store.derived(key) {
            Err(StoreError::Derived) => Ok(None),
            read => read,
        };
        let upto = match store.derived_upto() {
            Err(StoreError::Derived) => return Ok(false),
            upto => upto?,
        };
        let Some(head) = read(HEAD)? else {
            return Ok(upto.0 == 0);
        };
        if upto > store.end()? {
            return Ok(false);
        }
        let mut failed = None;
        let loaded = self.load_derived(upto, &head, |key| {
            read(key).unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        failed.map_or(Ok(loaded.is_ok()), Err)
    }

    /// Opens documents that are closed.
    ///
    /// # Errors
    /// Where their rows cannot be read.
    pub fn bring(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
        documents: impl IntoIterator<Item = DocumentId>,
    ) -> Result<(), ReadError> {
        for document in documents {
            match self.want(workspace, &document) {
                Some(wanted) => self.load_wanted(store, now_ms, &wanted)?,
                None => self.touch(workspace, &document),
            }
        }
        Ok(())
    }

    /// Opens every document of an entity, or of a workspace.
    ///
    /// # Errors
    /// Where their rows cannot be read.
    pub fn bring_all(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        scope: &Scope,
    ) -> Result<(), ReadError> {
        let (workspace, documents) = match scope {
            Scope::Workspace(workspace) => (workspace, self.documents(workspace)),
            Scope::Entity(workspace, entity) => (workspace, self.parts_of(workspace, entity)),
        };
        self.bring(store, now_ms, workspace, documents)
    }

    /// The documents that an entity can have.
    fn parts_of(&self, workspace: &WorkspaceId, entity: &EntityId) -> Vec<DocumentId> {
        let schemas = self.replica(workspace).map(|replica| replica.schemas());
        let schemas = schemas.into_iter().flat_map(|schemas| schemas.iter());
        let of_kind = schemas.filter(|schema| entity.of_kind(schema.kind()));
        let parts: BTreeSet<&String> = of_kind.flat_map(|one| one.spec().parts.keys()).collect();
        let documents = parts.into_iter().map(|part| DocumentId::of(entity, part));
        documents.collect()
    }

    /// Reads what is wanted.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn load_wanted(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        wanted: &Wanted,
    ) -> Result<(), ReadError> {
        let rows = store.rows(&wanted.rows)?;
        Ok(self.supply(now_ms, wanted, &rows)?)
    }

    /// A document, opened if it is closed. None where there is none.
    ///
    /// # Errors
    /// Where its rows cannot be read.
    pub fn document(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
        entity: &EntityId,
        part: &str,
    ) -> Result<Option<&mut Document>, ReadError> {
        let document = DocumentId::of(entity, part);
        self.bring(store, now_ms, workspace, [document])?;
        let replica = self.replicas.get_mut(workspace);
        Ok(replica.and_then(|replica| replica.document_mut(entity, part)))
    }

    /// Everything of a workspace that is here and proven, as a bundle.
    ///
    /// # Errors
    /// Where not everything is durable or can be read, or does not fit a bundle.
    pub fn export(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
    ) -> Result<Vec<u8>, ExportError> {
        if self.is_unsaved() {
            return Err(ExportError::Unsaved);
        }
        let mut writer = BundleWriter::new();
        if let Some(replica) = self.replica(workspace) {
            for schema in replica.schemas().iter() {
                writer.schema(&schema.encode())?;
            }
            for control in replica.control().line() {
                writer.control(&control.encode())?;
            }
        }
        for document in self.documents(workspace) {
            self.bring(store, now_ms, workspace, [document])?;
            let replica = self.replica(workspace);
            for signed in replica
                .map(|one| one.signed_of(&document))
                .unwrap_or_default()
            {
                writer.change_set(&signed)?;
            }
            self.trim();
        }
        Ok(writer.finish())
    }

    /// What [`Replica::digest`](crate::replica::Replica::digest) is of a replica all of whose documents
    /// are open.
    ///
    /// # Errors
    /// Where not everything can be read.
    pub fn digest(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
    ) -> Result<[u8; 32], ReadError> {
        let mut digest = crate::replica::Digest::default();
        for document in self.documents(workspace) {
            self.bring(store, now_ms, workspace, [document])?;
            if let Some(replica) = self.replica(workspace) {
                replica.digest_of(&document, &mut digest);
            }
            self.trim();
        }
        Ok(digest.finish())
    }
}
