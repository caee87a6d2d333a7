//! Interning: what a stream has carried once is afterwards named by its place.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    limits,
    wire::bytes::{FormError, Reader, put_bytes, put_number},
};
use std::collections::BTreeMap;

/// A table of things in the order they were first carried. Full, it takes no more: later things
/// are written out each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool<T: Ord> {
    entries: Vec<T>,
    places: BTreeMap<T, usize>,
}

impl<T: Ord> Default for Pool<T> {
    fn default() -> Self {
        Pool {
            entries: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<T: Ord + Clone> Pool<T> {
    fn learn(&mut self, entry: T) {
        if self.entries.len() < limits::STREAM_POOL_MAX && !self.places.contains_key(&entry) {
            self.places.insert(entry.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Writes the place from 1, or 0 and then `literal`.
    fn put(&mut self, out: &mut Vec<u8>, entry: T, literal: impl FnOnce(&mut Vec<u8>, &T)) {
        match self.places.get(&entry) {
            Some(place) => put_number(out, (*place as u64).saturating_add(1)),
            None => {
                out.push(0);
                literal(out, &entry);
                self.learn(entry);
            }
        }
    }

    fn read<'r>(
        &mut self,
        r: &mut Reader<'r>,
        what: &'static str,
        literal: impl FnOnce(&mut Reader<'r>) -> Result<T, FormError>,
    ) -> Result<T, FormError> {
        match r.number(what)?.checked_sub(1) {
            None => {
                let entry = literal(r)?;
                self.learn(entry.clone());
                Ok(entry)
            }
            Some(place) => usize::try_from(place)
                .ok()
                .and_then(|place| self.entries.get(place))
                .cloned()
                .ok_or(FormError::Context { what }),
        }
    }
}

/// The tables of one direction of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pools {
    /// Workspaces and users.
    short: Pool<[u8; 16]>,
    /// Origins and schemas.
    long: Pool<[u8; 32]>,
    /// Part and route names.
    names: Pool<String>,
}

impl Pools {
    pub(super) fn put_short(&mut self, out: &mut Vec<u8>, id: [u8; 16]) {
        self.short.put(out, id, |out, id| out.extend_from_slice(id));
    }

    pub(super) fn put_long(&mut self, out: &mut Vec<u8>, id: [u8; 32]) {
        self.long.put(out, id, |out, id| out.extend_from_slice(id));
    }

    pub(super) fn put_name(&mut self, out: &mut Vec<u8>, name: &str) {
        self.names.put(out, name.to_owned(), |out, name| {
            put_bytes(out, name.as_bytes())
        });
    }

    pub(super) fn short(
        &mut self,
        r: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<[u8; 16], FormError> {
        self.short.read(r, what, |r| r.array(what))
    }

    pub(super) fn long(
        &mut self,
        r: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<[u8; 32], FormError> {
        self.long.read(r, what, |r| r.array(what))
    }

    pub(super) fn name(
        &mut self,
        r: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<String, FormError> {
        self.names.read(r, what, |r| {
            r.text(limits::NAME_BYTES_MAX, what).map(str::to_owned)
        })
    }
}
