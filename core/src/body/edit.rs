//! Local edits: a list of operations becomes one engine transaction, one update, one change set.
//!
//! Each operation is checked against the state that the ones before it left, inside the
//! transaction, before it touches anything. The first to fail takes the whole list with it: a
//! single operation, or a first one, has left no trace then; after a later one, and where the gate
//! refuses what the engine wrote, the engine's document is made again from its own state as of
//! before the transaction (all history is kept, so it is there). That costs what a load costs, and
//! only in the failing case; a rehearsal on a copy would cost it on every edit.

use super::{
    BlockPath, BodyDoc, BodyOp, EditError, Marks,
    blocks::{self, block_at, child_blocks},
    doc::{Engine, Root},
    gate_calls::Halves,
    ids::IdRuns,
    marks::{Stands, key_fits, order_is_free, tag_fits, to_any},
    text,
    undo::{Selection, ViewId},
    view::{Block, read_block},
};
use crate::{
    judge::{Candidate, Place},
    limits::{DEPTH_MAX, PAYLOAD_BYTES_MAX, UPDATE_BLOCKS_MAX, UPDATE_RANGES_MAX},
    patch::Patch,
    value::Value,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};
use yrs::{
    IdSet, ReadTxn, Snapshot, StateVector, TextRef, Transact, TransactionMut, Xml, XmlElementRef,
    XmlFragment, XmlFragmentRef, block::ClientID, types::text, updates::encoder::Encoder,
};

/// A local edit that was made, judged, admitted and applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyEdit {
    /// The update, as the change set carries it.
    pub payload: Vec<u8>,
    /// What changed, where somebody listens.
    pub patches: Vec<Patch>,
    /// After an undo or redo: where the view's selection was before the step it took back.
    pub selection: Option<Selection>,
}
