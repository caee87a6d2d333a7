//! What judging a Yrs update finds out, so that admitting it need not read the bytes again.

use super::{
    index::{Run, Seat},
    scan::{Item, Made},
};
use crate::id::ChainIdx;
use smallvec::SmallVec;

/// An update that passed the gate. A typed key needs no memory beside its bytes.
#[derive(Clone, Debug)]
pub struct JudgedUpdate {
    /// The update itself, lib0 v1, for the engine.
    pub payload: Vec<u8>,
    pub(super) chain: ChainIdx,
    pub(super) seq: u64,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) deleted: u32,
    pub(super) items: SmallVec<[Item<Seat>; 1]>,
    pub(super) runs: SmallVec<[Run<Seat>; 1]>,
    pub(super) made: SmallVec<[Made; 1]>,
    pub(super) halves: SmallVec<[u32; 2]>,
}

impl JudgedUpdate {
    /// The writing chain.
    pub fn chain(&self) -> ChainIdx {
        self.chain
    }

    /// Its number in the chain.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The author's clock before it: its units are those from here to [`JudgedUpdate::end`].
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The author's clock after it; equal to the start where it only deletes.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// How many units it names as deleted; some may have been deleted before.
    pub fn deleted(&self) -> u32 {
        self.deleted
    }
}
