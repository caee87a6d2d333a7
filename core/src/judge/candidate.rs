//! What an engine's gate is told of a change set beside its payload.

use crate::{
    causal::Past,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, UserId},
    schema::Schema,
};
use std::sync::Arc;

/// Who writes a chain. Made known to a document once, when the chain is first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The chain itself; its origin breaks ties between equal stamps.
    pub chain: Chain,
    /// The user behind it.
    pub author: UserId,
    /// The engine's name for it: derived, or a gateway's foreign one.
    pub actor: Actor,
}

/// The place at which a change stands: whose, which one, when, and what its author had seen.
#[derive(Clone, Debug)]
pub struct Place {
    /// The writing chain.
    pub chain: ChainIdx,
    /// Its number in the chain, from 1.
    pub seq: u64,
    /// Its stamp.
    pub hlc: Hlc,
    /// Everything its author had seen of this document, its own chain up to `seq - 1` included.
    pub past: Arc<Past>,
    /// The maximal elements of `past`: what no other element of it has seen. By chain index.
    pub frontier: Vec<(ChainIdx, u64)>,
    /// The highest schema version that a change in `past` names; 0 where `past` is empty.
    pub genesis_before: u32,
    /// The schema the change set names.
    pub schema: Arc<Schema>,
}

/// A change set as a gate judges it: envelope, chain and dependencies already hold.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Where it stands.
    pub place: &'a Place,
    /// The engine's bytes.
    pub payload: &'a [u8],
}
