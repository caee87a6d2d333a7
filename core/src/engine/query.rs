//! Reading projections: what the store holds, what waits for the next derivation, and, before either is
//! looked at, what is behind.

use super::{
    Engine, ReadError,
    projecting::{entity_range, kind_range, named},
};
use crate::{
    id::{EntityId, WorkspaceId},
    limits,
    projection::{Projection, joined},
    store::{Entry, Store, StoreError},
};
use std::collections::BTreeMap;

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
        let rows = self.rows(store, now_ms, workspace, kind)?;
        let decoded = rows.iter().map(|row| Projection::decode_sealed(row));
        let decoded: Result<_, _> = decoded.collect();
        // They are what was written: the store has checked its bytes, and the head their version.
        Ok(decoded.map_err(|_| StoreError::Derived)?)
    }

    /// The same, as the bytes that a query runs over.
    ///
    /// # Errors
    /// As [`Engine::projections`].
    pub fn rows(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
        kind: &str,
    ) -> Result<Vec<Vec<u8>>, ReadError> {
        self.refresh(store, now_ms, workspace)?;
        match self.refreshed_rows(store, workspace, kind) {
            Err(StoreError::Derived) => {
                // What is derived is made again, from the journal.
                store.forget_derived()?;
                self.not_derived(now_ms, true);
                self.refresh(store, now_ms, workspace)?;
                Ok(self.refreshed_rows(store, workspace, kind)?)
            }
            rows => Ok(rows?),
        }
    }

    fn refreshed_rows(
        &self,
        store: &(impl Store + ?Sized),
        workspace: &WorkspaceId,
        kind: &str,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let (prefix, until) = kind_range(workspace, kind);
        let entries = whole_range(store, &prefix, &until)?;
        let found = entries.len() as u64;
        if !self.projections.are_all(workspace, kind, found) {
            return Err(StoreError::Derived);
        }
        let pending = self.projections.pending.range(prefix.clone()..until);
        let mut pending = pending.peekable();
        let mut rows = Rows::new(&prefix, kind);
        for (key, bytes) in entries {
            while let Some((earlier, one)) = pending.next_if(|(at, _)| **at < key) {
                rows.add(earlier, one.bytes.clone())?;
            }
            match pending.next_if(|(at, _)| **at == key) {
                Some((_, newer)) => rows.add(&key, newer.bytes.clone())?,
                None => rows.add(&key, bytes)?,
            }
        }
        for (later, one) in pending {
            rows.add(later, one.bytes.clone())?;
        }
        Ok(rows.finish())
    }

    /// One entity's projection as its bytes; none where nothing is known of it.
    ///
    /// # Errors
    /// Where the store, or a document that is behind, cannot be read.
    pub fn row(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        workspace: &WorkspaceId,
        kind: &str,
        entity: &EntityId,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.refresh(store, now_ms, workspace)?;
        let (kind_prefix, _) = kind_range(workspace, kind);
        let (prefix, until) = entity_range(&kind_prefix, entity);
        let mut parts: BTreeMap<Vec<u8>, Vec<u8>> =
            whole_range(store, &prefix, &until)?.into_iter().collect();
        for (key, pending) in self.projections.pending.range(prefix..until) {
            parts.insert(key.clone(), pending.bytes.clone());
        }
        let mut rows = Rows::new(&kind_prefix, kind);
        for (key, bytes) in parts {
            rows.add(&key, bytes)?;
        }
        Ok(rows.finish().pop())
    }
}

fn whole_range(
    store: &(impl Store + ?Sized),
    from: &[u8],
    until: &[u8],
) -> Result<Vec<Entry>, StoreError> {
    let mut from = from.to_vec();
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = store.derived_range(&from, until, limits::OPEN_PAGE_BYTES)?;
        let Some((last, _)) = page.last() else {
            return Ok(entries);
        };
        from = [last.as_slice(), &[0]].concat();
        entries.extend(page);
    }
}

/// Parts that come one after another, put together by entity.
struct Rows<'a> {
    prefix: &'a [u8],
    kind: &'a str,
    rows: Vec<Vec<u8>>,
    open: Option<Parts>,
}

/// The parts of one entity so far: names and bytes.
struct Parts {
    entity: EntityId,
    parts: Vec<(String, Vec<u8>)>,
}

impl<'a> Rows<'a> {
    fn new(prefix: &'a [u8], kind: &'a str) -> Self {
        Rows {
            prefix,
            kind,
            rows: Vec::new(),
            open: None,
        }
    }

    fn add(&mut self, key: &[u8], bytes: Vec<u8>) -> Result<(), StoreError> {
        let (entity, name) = named(key, self.prefix).ok_or(StoreError::Derived)?;
        match &mut self.open {
            Some(open) if open.entity == entity => open.parts.push((name, bytes)),
            _ => {
                self.close();
                let parts = vec![(name, bytes)];
                self.open = Some(Parts { entity, parts });
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.rows.push(joined(&open.entity, self.kind, &open.parts));
        }
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.rows
    }
}
