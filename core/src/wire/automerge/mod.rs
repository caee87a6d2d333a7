//! The compact form of Automerge changes: a field put is a handful of bytes, a typed key three.
//!
//! Actor, seq, time and dependencies are the header's; object, key, element and predecessors are
//! what both ends of a stream expect from the changes before ([`Pen`] per chain, [`Tables`] per
//! document, [`Geneses`] per stream). The chunk is rebuilt with this module's own writer to the
//! same bytes; what cannot be is carried raw. `core/docs/wire.md` has the grammar.
#![deny(clippy::arithmetic_side_effects)]

mod chunk;
mod chunk_writer;
mod column;
mod column_writer;
mod pack;
mod packer;
mod routes;
mod tables;
mod unpack;
mod walk;

pub use pack::pack;
pub use routes::root_values;
pub use tables::{Geneses, Pen, Tables};
pub use unpack::unpack;

/// What a later change needs to know of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The engine's hash of the change.
    pub hash: [u8; 32],
    /// Its last operation's counter.
    pub max_op: u64,
}

/// What a change's header and the stream already say of it.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The header's number in the chain.
    pub seq: u64,
    /// The header's stamp as Automerge carries it.
    pub time: i64,
    /// That of `prev`, where the stream knows it.
    pub prev: Option<Mark>,
    /// Those of the dependencies that the stream knows.
    pub deps: &'a [Mark],
    /// Whether the change set is the document's first on any chain: no `prev`, no dependencies.
    pub first: bool,
}

// The first byte of a compact change.
const RAW: u8 = 0x01;
const MORE_DEPS: u8 = 0x02;
const START_CODED: u8 = 0x04;
const MESSAGE: u8 = 0x08;
const EXTRA: u8 = 0x10;
const ACTOR: u8 = 0x20;
/// A dependency has `prev` in its past, so the engine does not name it.
const PREV_COVERED: u8 = 0x40;
const CHANGE_FLAGS: u8 = RAW | MORE_DEPS | START_CODED | MESSAGE | EXTRA | ACTOR | PREV_COVERED;

// An operation's byte: kind in the low four bits, flags above.
const PUT: u8 = 0;
const MAKE: u8 = 1;
const DELETE: u8 = 2;
const INCREMENT: u8 = 3;
const TYPE: u8 = 4;
const INSERT: u8 = 5;
const INSERT_MAKE: u8 = 6;
const PUT_ELEMENT: u8 = 7;
const DELETE_ELEMENT: u8 = 8;
const DELETE_RUN: u8 = 9;
const INCREMENT_ELEMENT: u8 = 10;
const GENERAL: u8 = 15;

/// The object is that of the operation before.
const SAME_OBJECT: u8 = 0x10;
/// Predecessors or element are the expected ones.
const EXPECTED: u8 = 0x20;
/// The value reaches to the end of the payload.
const LAST: u8 = 0x40;
/// A deletion goes the other way.
const OTHER_WAY: u8 = 0x80;

#[cfg(test)]
mod tests;
