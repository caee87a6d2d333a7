//! The compact form of Yrs updates: one typed key is two bytes.
//!
//! Both ends of a stream hold, per chain, a [`Pen`] (where its author last wrote and deleted) and,
//! per document, a [`Crowd`] (which clients were named). An update is written relative to them and
//! rebuilt to the same bytes; what cannot be is carried raw. `core/docs/wire.md` has the grammar.
#![deny(clippy::arithmetic_side_effects)]

mod pack;
mod unpack;
mod update;

pub use pack::pack;
pub use unpack::unpack;

use smallvec::SmallVec;
use std::collections::BTreeMap;
use update::Unit;

/// Most clients one document's table holds; later ones are written out each time.
pub const CLIENTS_MAX: usize = 1_024;

/// Where the author of one chain last wrote and deleted, as far as the stream has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    client: Option<u64>,
    next: u32,
    right: Option<Unit>,
    deleted: Option<Span>,
}

/// The clients that a document's updates have named on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    clients: Vec<Client>,
    places: BTreeMap<u64, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Client {
    id: u64,
    /// The clock last named of this client: the next reference is likely near it.
    near: u32,
}

/// A deleted run of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    client: u64,
    start: u32,
    end: u32,
}

/// What an update taught: the same on both ends, since both take it from the compact bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Trail {
    /// Client, next clock and right origin after the last block.
    inserted: Option<(u64, u32, Option<Unit>)>,
    deleted: Option<Span>,
    /// References in the order they were made.
    named: SmallVec<[Unit; 2]>,
}

impl Pen {
    /// The place that references of this author are measured from.
    fn home(&self) -> Unit {
        Unit {
            client: self.client.unwrap_or(0),
            clock: self.next,
        }
    }

    fn learn(&mut self, trail: &Trail) {
        if let Some((client, next, right)) = trail.inserted {
            self.client = Some(client);
            self.next = next;
            self.right = right;
        }
        self.deleted = trail.deleted.or(self.deleted);
    }
}

impl Crowd {
    /// How many clients it holds.
    pub fn entries(&self) -> usize {
        self.clients.len()
    }

    fn place(&self, client: u64) -> Option<usize> {
        self.places.get(&client).copied()
    }

    fn near(&self, client: u64) -> u32 {
        self.place(client)
            .and_then(|at| self.clients.get(at))
            .map_or(0, |known| known.near)
    }

    fn learn(&mut self, trail: &Trail) {
        for unit in &trail.named {
            match self.place(unit.client) {
                Some(at) => {
                    if let Some(known) = self.clients.get_mut(at) {
                        known.near = unit.clock;
                    }
                }
                None if self.clients.len() < CLIENTS_MAX => {
                    self.places.insert(unit.client, self.clients.len());
                    self.clients.push(Client {
                        id: unit.client,
                        near: unit.clock,
                    });
                }
                None => {}
            }
        }
    }
}

// First byte: its low three bits are the form; a single block's form is its content's code.
const FORM_DELETE: u8 = 5;
const FORM_SEVERAL: u8 = 6;
const FORM_CONTROL: u8 = 7;

// The high five bits of a delete form.
const DELETE_OWN_LAST: u8 = 0;
const DELETE_BEFORE: u8 = 1;
const DELETE_AFTER: u8 = 2;
const DELETE_ONE: u8 = 3;
const DELETE_RANGE: u8 = 4;

// The high five bits of the form of several parts.
const SEVERAL_GENERAL: u8 = 0;
const SEVERAL_REPLACE: u8 = 1;

// The high five bits of a control form.
const CONTROL_RAW: u8 = 0;
const CONTROL_CLOCK: u8 = 1;
const CONTROL_CLIENT: u8 = 2;

// A block's byte: content | left << 3 | right << 5 | keyed << 7.
const LEFT_NONE: u8 = 0;
const LEFT_OWN_LAST: u8 = 1;
const LEFT_CODED: u8 = 2;
const LEFT_SPLIT: u8 = 3;
const RIGHT_NONE: u8 = 0;
const RIGHT_SAME: u8 = 1;
const RIGHT_CODED: u8 = 2;

/// The unit just before `unit` of the same client.
fn before(unit: Unit) -> Option<Unit> {
    Some(Unit {
        client: unit.client,
        clock: unit.clock.checked_sub(1)?,
    })
}

/// The unit just after `unit` of the same client.
fn after(unit: Unit) -> Option<Unit> {
    Some(Unit {
        client: unit.client,
        clock: unit.clock.checked_add(1)?,
    })
}

#[cfg(test)]
mod tests;
