//! Reading projections: what the store holds, what waits for the next checkpoint, and, before either is
//! looked at, what is behind.

use super::{
    Engine, ReadError,
    projecting::{kind_range, named},
};
use crate::{
    id::WorkspaceId,
    limits,
    projection::{Part, Projection},
    store::{Entry, Store, StoreError},
};

impl Engine {
    /// Brings every projection of a workspace up to its documents.
    ///
    /// # Errors
    /// Where a document that is behind cannot be read.
    pub fn refresh(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
    ) -> Result<(), ReadError> {
        let behind = self.projections.behind.iter();
        let behind: Vec<_> = behind.filter(|key| key.0 == *workspace).copied().collect();
        for key in behind {
            self.bring(store, now_ms, workspace, [key.1])?;
            self.project(&key);
            self.trim();
        }
        Ok(())
    }

    /// The projections of a kind, by entity.
    ///
    /// # Errors
    /// Where the store, or a document that is behind, cannot be read.
    pub fn projections(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
        kind: &str,
    ) -> Result<Vec<Projection>, ReadError> {
        self.refresh(store, now_ms, workspace)?;
        match self.projected(store, workspace, kind) {
            Err(StoreError::Derived) => {
                // What is derived is made again, from the journal.
                store.forget_derived()?;
                self.not_derived(now_ms, true);
                self.refresh(store, now_ms, workspace)?;
                Ok(self.projected(store, workspace, kind)?)
            }
            projected => Ok(projected?),
        }
    }

    fn projected(
        &self,
        store: &(impl Store + ?Sized),
        workspace: &WorkspaceId,
        kind: &str,
    ) -> Result<Vec<Projection>, StoreError> {
        let (mut from, until) = kind_range(workspace, kind);
        let prefix = from.clone();
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let page = store.derived_range(&from, &until, limits::OPEN_PAGE_BYTES)?;
            let Some((last, _)) = page.last() else { break };
            from = [last.as_slice(), &[0]].concat();
            entries.extend(page);
        }
        if entries.len() as u64 != self.projections.count(workspace, kind) {
            return Err(StoreError::Derived);
        }
        let pending = self.projections.pending.range(prefix.clone()..until);
        let mut pending = pending.peekable();
        let mut all = Assembled::new(&prefix, kind);
        for (key, bytes) in &entries {
            while let Some((earlier, one)) = pending.next_if(|(at, _)| *at < key) {
                all.add(earlier, &one.bytes)?;
            }
            match pending.next_if(|(at, _)| *at == key) {
                Some((_, newer)) => all.add(key, &newer.bytes)?,
                None => all.add(key, bytes)?,
            }
        }
        for (later, one) in pending {
            all.add(later, &one.bytes)?;
        }
        Ok(all.projections)
    }
}

/// Parts that come one after another, put together.
struct Assembled<'a> {
    prefix: &'a [u8],
    kind: &'a str,
    projections: Vec<Projection>,
}

impl<'a> Assembled<'a> {
    fn new(prefix: &'a [u8], kind: &'a str) -> Self {
        Assembled {
            prefix,
            kind,
            projections: Vec::new(),
        }
    }

    fn add(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let (entity, name) = named(key, self.prefix).ok_or(StoreError::Derived)?;
        let part = Part::decode(bytes).ok_or(StoreError::Derived)?;
        match self.projections.last_mut() {
            Some(last) if last.entity == entity => {
                last.parts.insert(name, part);
            }
            _ => {
                let mut projection = Projection::new(entity, self.kind);
                projection.parts.insert(name, part);
                self.projections.push(projection);
            }
        }
        Ok(())
    }
}
