//! What the op index is made of: the rows it keeps, and what it is given to keep.
#![deny(clippy::arithmetic_side_effects)]

use super::{FieldPath, genesis::Container, tally::Tally};
use crate::{
    causal::Past,
    hlc::Hlc,
    id::{ChainIdx, OriginId, UserId},
    judge::Writer,
};
use automerge::ChangeHash;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// An operation's id, the same on every replica: Automerge's counter and actor.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct OpKey {
    /// The Lamport counter, from 1.
    pub counter: u64,
    /// The actor.
    pub actor: [u8; 16],
}

/// A place that holds concurrent values: a key of a map or an element of a list or text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A key of a map.
    Key {
        /// The map, which genesis made; none: the root. Groups and entries are written once, by
        /// the change that makes them, and have no slots.
        object: Option<OpKey>,
        /// The key.
        key: String,
    },
    /// An element of a list or text, named by the operation that inserted it.
    Element(OpKey),
}

/// Whose change holds an operation, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The stamp of the change; zero for genesis.
    pub hlc: Hlc,
    /// The chain; none: genesis.
    pub chain: Option<ChainIdx>,
    /// The change's number in its chain; for genesis the schema version.
    pub seq: u64,
    /// The origin; zeros for genesis.
    pub origin: OriginId,
    /// The user; zeros for genesis.
    pub author: UserId,
}

/// An operation's place in the index.
pub(super) type OpRef = u32;
/// A container's place in the index.
pub(super) type ObjRef = u32;
/// A writer's place in the index: genesis, then chain 0, 1, …
pub(super) type LineRef = u32;

/// The root map.
pub(super) const ROOT: ObjRef = 0;
/// Operations inside groups and entries, which nothing refers to later.
pub(super) const SEALED: ObjRef = u32::MAX;
/// The line of genesis.
pub(super) const GENESIS: LineRef = 0;
pub(super) const END: u32 = u32::MAX;

/// The line of a chain.
pub(super) fn line_of(chain: ChainIdx) -> LineRef {
    chain.0.saturating_add(1)
}

/// What an operation did, as far as later ones are judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made an object at a key.
    Make,
    /// Put a scalar at a key.
    Put,
    /// Put an element into a sequence.
    Insert,
    /// Deleted a key or an element.
    Delete,
    /// Added to a counter: hides nothing and is hidden by nothing.
    Step,
}

impl Kind {
    pub(super) fn is_value(self) -> bool {
        match self {
            Kind::Make | Kind::Put | Kind::Insert => true,
            Kind::Delete | Kind::Step => false,
        }
    }
}

/// One operation for the index to keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewOp {
    pub(super) kind: Kind,
    /// What an element counts towards its sequence's size.
    pub(super) units: u8,
    /// Overwritten within its own change. Only judging needs it.
    pub(super) gone: bool,
    pub(super) object: ObjRef,
    /// Its place among the change's keys; [`NO_KEY`] for elements.
    pub(super) key: u32,
    /// How many of the change's `preds` are its.
    pub(super) preds: u32,
}

/// An operation that works on no key.
pub(super) const NO_KEY: u32 = u32::MAX;

/// A change for the index to keep.
#[derive(Clone, Debug, Default)]
pub(super) struct NewChange {
    pub(super) start: u64,
    pub(super) ops: Vec<NewOp>,
    /// What the operations overwrite, in order.
    pub(super) preds: Vec<Target>,
    pub(super) keys: Vec<String>,
    /// Growth and shrinking of sequences, in units.
    pub(super) sizes: Vec<(ObjRef, u64, u64)>,
    /// Steps of counters, signs left out: object, key, sum.
    pub(super) steps: Vec<(ObjRef, u32, u64)>,
}

/// An overwritten operation: admitted before, or an earlier one of the same change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Past(OpRef),
    Own(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) actor: [u8; 16],
    pub(super) writer: Option<Writer>,
    /// By `seq` - 1.
    pub(super) changes: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct ChangeRow {
    pub(super) hash: ChangeHash,
    pub(super) max_op: u64,
    pub(super) line: LineRef,
    pub(super) seq: u64,
    pub(super) hlc: Hlc,
    pub(super) start: u64,
    pub(super) first: OpRef,
}

/// 20 bytes: a text has one for every character that was ever in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpRow {
    pub(super) change: u32,
    pub(super) object: ObjRef,
    pub(super) preds: u32,
    pub(super) succs: u32,
    pub(super) kind: Kind,
    pub(super) units: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) op: OpRef,
    pub(super) next: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) field: FieldPath,
    pub(super) container: Container,
    pub(super) keys: BTreeMap<String, KeyRow>,
    /// Keys with a value now.
    pub(super) live: u64,
    pub(super) size: Tally,
}

#[derive(Clone, Debug, Default)]
pub(super) struct KeyRow {
    /// Operations that nothing overwrites, deletes among them.
    pub(super) heads: SmallVec<[OpRef; 2]>,
    /// Operations that overwrite nothing.
    pub(super) roots: SmallVec<[OpRef; 2]>,
    pub(super) steps: Tally,
}

/// A causal past to look through.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'p> {
    pub(super) past: &'p Past,
    /// The last genesis change in it.
    pub(super) genesis: u64,
    /// Whether it holds everything admitted: the common case, in which nothing need be looked up.
    pub(super) whole: bool,
}

impl View<'_> {
    /// The last number of a line in it.
    pub(super) fn seq(&self, line: LineRef) -> u64 {
        line.checked_sub(1)
            .map_or(self.genesis, |chain| self.past.seq(ChainIdx(chain)))
    }

    pub(super) fn holds(&self, line: LineRef, seq: u64) -> bool {
        self.whole || seq <= self.seq(line)
    }
}
