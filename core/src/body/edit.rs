//! Local edits: a list of operations becomes one engine transaction, one update, one change set.
//!
//! Each operation is checked against the state that the ones before it left, inside the
//! transaction, before it touches anything. The first to fail takes the whole list with it: a
//! single operation, or a first one, has left no trace then; after a later one, and where the gate
//! refuses what the engine wrote, the engine's document is made again from its own state as of
//! before the transaction (all history is kept, so it is there). That costs what a load costs, and
//! only in the failing case; a rehearsal on a copy would cost it on every edit.

use super::{
    BodyDoc, BodyOp, EditError,
    canon::sorted,
    doc::Engine,
    ids::{IdRuns, ItemId},
    index::Seat,
    perform::Hand,
    scan::Item,
    undo::Selection,
};
use crate::{
    hlc::Hlc,
    id::ViewId,
    judge::{Candidate, Place},
    limits::{PAYLOAD_BYTES_MAX, UPDATE_BLOCKS_MAX, UPDATE_RANGES_MAX},
    patch::Patch,
};
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use yrs::{
    IdSet, ReadTxn, Snapshot, StateVector, Transact, TransactionMut, updates::encoder::Encoder,
    updates::encoder::EncoderV1,
};

/// A local edit that was made, judged, admitted and applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyEdit {
    /// The update, as the change set carries it.
    pub payload: Vec<u8>,
    /// What changed, where somebody listens.
    pub patches: Vec<Patch>,
    /// After an undo or redo: where the view's selection was beside the step, if it said so.
    pub selection: Option<Selection>,
}

/// What one transaction wrote.
pub(super) struct Written {
    pub(super) payload: Vec<u8>,
    /// The first of the new units.
    pub(super) from: ItemId,
    /// How many there are.
    pub(super) made: u32,
    /// Where they stand.
    pub(super) items: SmallVec<[Item<Seat>; 1]>,
    pub(super) deleted: IdRuns,
}

impl BodyDoc {
    /// Makes an edit: all operations as one change set at `place`, whose past must be all that was
    /// admitted here. It is judged, admitted and applied on return. On an error the document is as
    /// it was; after [`EditError::Stuck`] it has to be rebuilt.
    ///
    /// The edits of one view within 500 ms by stamp are one step of its undo.
    pub fn edit(
        &mut self,
        place: &Place,
        view: ViewId,
        ops: &[BodyOp],
    ) -> Result<BodyEdit, EditError> {
        let written = self.write(place, |hand| {
            ops.iter()
                .enumerate()
                .try_for_each(|(at, op)| hand.perform(at, op))
        })?;
        Ok(self.finish_edit(view, place.hlc, written))
    }

    /// Notes an edit for its view's undo and tells of it.
    pub(super) fn finish_edit(&mut self, view: ViewId, at: Hlc, written: Written) -> BodyEdit {
        self.histories.note(view, at, &written, &self.gate);
        BodyEdit {
            payload: written.payload,
            patches: self.take_patches(),
            selection: None,
        }
    }

    /// Runs an edit in a transaction of its own and takes what it wrote through the gate.
    pub(super) fn write(
        &mut self,
        place: &Place,
        run: impl FnOnce(&mut Hand<'_, '_>) -> Result<(), EditError>,
    ) -> Result<Written, EditError> {
        if self.is_poisoned() {
            return Err(EditError::Poisoned);
        }
        let chain = place.chain;
        let client = self
            .client_of(chain)
            .ok_or(EditError::UnknownChain { chain })?;
        if !self.write_as(client) {
            return Err(self.stuck());
        }
        let start = self.gate.clock(chain);
        self.ruler.begin();
        let mut txn = self.engine.doc.transact_mut();
        let root = &self.engine.root;
        let (gate, ruler) = (&self.gate, &mut self.ruler);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut hand = Hand::new(&mut txn, root, gate, ruler, client, start);
            let outcome = run(&mut hand);
            let rich = hand.rich;
            let changed = txn.has_changes();
            outcome.map(|()| (rich, changed))
        }));
        let Ok(ran) = ran else {
            std::mem::forget(txn);
            return Err(self.stuck());
        };
        let gate = &mut self.gate;
        let outcome = ran.and_then(|(rich, changed)| {
            if !changed {
                return Err(EditError::NoChange);
            }
            let payload = encode(&txn, rich);
            check_size(&payload, ranges(txn.delete_set()))?;
            let payload = payload.as_slice();
            gate.judge(&Candidate { place, payload })
                .map_err(|rule| EditError::Refused(Box::new(rule)))
        });
        // Before the commit, which joins new blocks to old ones: the engine cuts a joined block
        // wrongly where one unit is left of it.
        let before = match &outcome {
            Err(_) if txn.has_changes() => Some(before(&txn)),
            Err(_) | Ok(_) => None,
        };
        let deleted = IdRuns::from_yrs(txn.delete_set());
        if catch_unwind(AssertUnwindSafe(|| txn.commit())).is_err() {
            std::mem::forget(txn);
            return Err(self.stuck());
        }
        drop(txn);
        let judged = match outcome {
            Ok(judged) => judged,
            Err(error) => return Err(self.take_back(before, error)),
        };
        self.gate.admit(&judged);
        let made = judged.end().saturating_sub(judged.start());
        self.ruler.end(made);
        Ok(Written {
            made,
            from: ItemId {
                client,
                clock: judged.start(),
            },
            payload: judged.payload,
            items: judged.items,
            deleted,
        })
    }

    fn stuck(&mut self) -> EditError {
        self.poison();
        EditError::Stuck
    }

    /// Makes the engine's document again as it was before a transaction, and passes the error on.
    fn take_back(&mut self, before: Option<Option<Vec<u8>>>, error: EditError) -> EditError {
        // What it deleted the engine's length tells.
        self.ruler.end(0);
        let Some(state) = before else {
            self.watch.forget();
            return error;
        };
        let client = self.engine.client;
        match state.and_then(|state| Engine::load(&self.shape, client, &state)) {
            Some(engine) => {
                self.replace_engine(engine);
                error
            }
            None => self.stuck(),
        }
    }
}

/// The state before an open transaction, as an update; none where the engine cannot say.
fn before(txn: &TransactionMut<'_>) -> Option<Vec<u8>> {
    // The engine cannot encode a client of which nothing was there yet.
    let clocks = txn.before_state().iter().filter(|(_, clock)| **clock > 0);
    let clocks = clocks.fold(StateVector::default(), |mut kept, (client, clock)| {
        kept.set_max(*client, *clock);
        kept
    });
    let deleted = txn.snapshot().delete_set.diff(txn.delete_set());
    catch_unwind(AssertUnwindSafe(|| {
        let mut encoder = EncoderV1::new();
        let snapshot = Snapshot::new(clocks, deleted);
        txn.encode_state_from_snapshot(&snapshot, &mut encoder)
            .ok()?;
        Some(encoder.to_vec())
    }))
    .ok()
    .flatten()
}

/// The transaction as an update. Taken from the open transaction: blocks inserted and deleted in
/// it are still whole.
fn encode(txn: &TransactionMut<'_>, rich: bool) -> Vec<u8> {
    let payload = txn.encode_update_v1();
    // Plain text has no maps, whose keys the engine writes in an order of its own.
    if rich {
        sorted(&payload).unwrap_or(payload)
    } else {
        payload
    }
}

fn ranges(deleted: &IdSet) -> usize {
    deleted.iter().map(|(_, ranges)| ranges.len()).sum()
}

/// Whether one change set may carry it.
pub(super) fn check_size(payload: &[u8], ranges: usize) -> Result<(), EditError> {
    let limits = [
        ("bytes", payload.len(), PAYLOAD_BYTES_MAX),
        ("blocks", block_count(payload), UPDATE_BLOCKS_MAX),
        ("delete ranges", ranges, UPDATE_RANGES_MAX),
    ];
    for (what, had, max) in limits {
        if had > max {
            return Err(EditError::TooLarge { what, had, max });
        }
    }
    Ok(())
}

/// How many blocks an update of one client declares: its second number, after the client count.
fn block_count(payload: &[u8]) -> usize {
    let Some((1, rest)) = payload.split_first().map(|(first, rest)| (*first, rest)) else {
        return 0;
    };
    let mut count = 0_usize;
    for (byte, shift) in rest.iter().zip([0_u32, 7, 14, 21]) {
        count |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    count
}
