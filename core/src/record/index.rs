//! The op index: what every judged operation did, kept beside the engine.

use crate::{
    hlc::Hlc,
    id::{ChainIdx, OriginId, UserId},
};

/// An operation's id, the same on every replica: Automerge's counter and actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        /// The map; none: the root.
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
