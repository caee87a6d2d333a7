//! Where the units of a long plain text are, by number. The engine has no such index: for every
//! edit it walks all blocks before the place, deleted ones included, which in a text that was
//! typed for a year takes longer than everything else an edit costs. The ruler counts instead, and
//! tells the engine the two neighbours, as another replica would.
//!
//! It may be wrong without harm only if that is noticed, so it is asked only while it has counted
//! every unit that was made since and its length is the engine's; else the engine walks. Borders
//! of formats have no length, so a text that has any is not measured.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    BodyGate,
    chains::Unit,
    index::Seat,
    scan::Item,
    spans::{Spans, Spliced},
};
use yrs::{ReadTxn, Text, TextRef, TransactionMut};

/// Runs of a text from which on counting is quicker than walking.
const RUNS_MIN: usize = 256;
/// Walks after which measuring a text, which takes as long as some of them, has paid.
const WALKS_MIN: u32 = 64;
/// The ruler of a body's root text, where it has one.
pub(super) struct Ruler {
    spans: Option<Spans>,
    /// Edits that walked since there was none.
    walks: u32,
    /// Units that this transaction made by it.
    made: u32,
    runs_min: usize,
    walks_min: u32,
}

impl Default for Ruler {
    fn default() -> Self {
        Ruler {
            spans: None,
            walks: 0,
            made: 0,
            runs_min: RUNS_MIN,
            walks_min: WALKS_MIN,
        }
    }
}

impl Ruler {
    /// One that measures every text at once.
    #[cfg(test)]
    pub(super) fn eager() -> Self {
        Ruler {
            runs_min: 0,
            walks_min: 0,
            ..Ruler::default()
        }
    }

    #[cfg(test)]
    pub(super) fn is_in_use(&self) -> bool {
        self.spans.is_some()
    }

    /// What was measured may not be so any more.
    pub(super) fn forget(&mut self) {
        if self.spans.take().is_some() {
            self.walks = 0;
        }
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        self.made = 0;
    }

    /// A transaction ended, which made so many units.
    pub(super) fn end(&mut self, made: u32) {
        if made != self.made {
            self.forget();
        }
    }

    /// The unit at a place.
    pub(super) fn unit_at<T: ReadTxn>(
        &self,
        txn: &T,
        text: &TextRef,
        made: u32,
        at: u32,
    ) -> Option<Unit> {
        let spans = self.spans.as_ref()?;
        let fits = self.made == made && spans.live() == text.len(txn);
        fits.then(|| spans.right_of(spans.spot(at)))?
    }

    /// Notes a splice that lies within the text, in an open transaction that has made so many units
    /// before; none where the engine has to walk.
    pub(super) fn splice(
        &mut self,
        txn: &TransactionMut<'_>,
        text: &TextRef,
        gate: &BodyGate,
        made: u32,
        (at, delete): (u32, u32),
        (unit, len): (Unit, u32),
    ) -> Option<Spliced> {
        let live = text.len(txn);
        if self.made != made
            || self
                .spans
                .as_ref()
                .is_some_and(|spans| spans.live() != live)
        {
            self.forget();
        }
        if self.spans.is_none() {
            self.walks = self.walks.saturating_add(1);
            let (_, runs) = gate.run_counts();
            // The gate has not seen what the transaction did.
            if runs < self.runs_min || self.walks < self.walks_min || txn.has_changes() {
                return None;
            }
            self.walks = 0;
            self.spans = Some(Spans::read(txn, gate)).filter(|spans| spans.live() == live);
        }
        let spliced = self.spans.as_mut()?.splice(at, delete, unit, len);
        self.made = self.made.saturating_add(len);
        Some(spliced)
    }

    /// Follows an update that the engine took otherwise: its blocks, and what it deleted.
    pub(super) fn follow(
        &mut self,
        chain: crate::id::ChainIdx,
        items: &[Item<Seat>],
        deleted: impl Iterator<Item = (Unit, u32)>,
    ) {
        if let Some(spans) = &mut self.spans
            && spans.follow(chain, items, deleted).is_none()
        {
            self.forget();
        }
    }
}
