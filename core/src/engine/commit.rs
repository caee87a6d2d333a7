//! What is to be written next, what is being written, and what is durable.

use super::{Output, Ticket};
use crate::{
    limits,
    store::{Position, Row},
};

/// What stands between an engine and its store. One commit at a time: whatever gathers while it is
/// carried out shares the next one, and with it one fsync.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Where the store's journal ends.
    end: Position,
    /// Gathers for the next commit.
    next: Vec<Vec<u8>>,
    next_bytes: usize,
    /// Was given out, or is to be given out again.
    commit: Vec<Vec<u8>>,
    commit_bytes: usize,
    /// The last ticket that the commit keeps.
    keeps: Ticket,
    /// The last ticket of an edit.
    last: Ticket,
    /// The last ticket that is kept, and the last that was told of.
    kept: Ticket,
    told: Ticket,
    phase: Phase,
    /// How often in a row the store failed.
    failures: u32,
}

/// What the store is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing.
    #[default]
    Idle,
    /// It was given a commit.
    Busy,
    /// It was given a derivation.
    Deriving,
    /// It failed: again at this time.
    Failed {
        /// In milliseconds since the Unix epoch.
        again_ms: u64,
        /// Whether the time was told.
        told: bool,
    },
}

impl Journal {
    /// The rows before `end` need not be read.
    pub(super) fn resume(&mut self, end: Position) {
        self.end = end;
    }

    /// A row was read at opening.
    pub(super) fn loaded(&mut self, rows: usize) {
        self.end = self.end.after(rows);
    }

    /// Where the journal ends.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Writes a row with the next commit; answers where it will stand.
    pub(super) fn push(&mut self, row: &Row) -> Position {
        let at = self.end.after(self.commit.len()).after(self.next.len());
        let bytes = row.encode();
        self.next_bytes = self.next_bytes.saturating_add(bytes.len());
        self.next.push(bytes);
        at
    }

    /// A ticket that is kept when everything up to now is durable.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.last = Ticket(self.last.0.saturating_add(1));
        self.last
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    pub(super) fn is_saved(&self) -> bool {
        self.next.is_empty() && self.commit.is_empty()
    }

    pub(super) fn unsaved_bytes(&self) -> usize {
        self.next_bytes.saturating_add(self.commit_bytes)
    }

    pub(super) fn poll(&mut self, now_ms: u64) -> Option<Output> {
        if self.told < self.kept {
            self.told = self.kept;
            return Some(Output::Durable(self.kept));
        }
        match &mut self.phase {
            Phase::Busy | Phase::Deriving => None,
            // A time further off than any wait was set by a clock that has gone back since.
            Phase::Failed { again_ms, told }
                if (1..=limits::RETRY_MS << limits::RETRY_DOUBLINGS_MAX)
                    .contains(&again_ms.saturating_sub(now_ms)) =>
            {
                let at = *again_ms;
                (!std::mem::replace(told, true)).then_some(Output::WakeAt(at))
            }
            Phase::Failed { .. } => Some(self.give_out()),
            Phase::Idle if self.next.is_empty() => {
                // Nothing was written since, so whatever was promised is kept.
                self.kept = self.last;
                (self.told < self.kept).then(|| {
                    self.told = self.kept;
                    Output::Durable(self.kept)
                })
            }
            Phase::Idle => {
                self.commit = std::mem::take(&mut self.next);
                self.commit_bytes = std::mem::take(&mut self.next_bytes);
                self.keeps = self.last;
                Some(self.give_out())
            }
        }
    }

    fn give_out(&mut self) -> Output {
        self.phase = Phase::Busy;
        Output::Commit {
            at: self.end,
            rows: self.commit.clone(),
        }
    }

    /// A derivation is given out. Only while nothing else is.
    pub(super) fn deriving(&mut self) {
        self.phase = Phase::Deriving;
    }

    /// The store is done with a derivation, one way or the other. Answers whether it had one.
    pub(super) fn end_deriving(&mut self) -> bool {
        let had = self.phase == Phase::Deriving;
        if had {
            self.phase = Phase::Idle;
        }
        had
    }

    pub(super) fn committed(&mut self) {
        if self.phase == Phase::Busy {
            self.end = self.end.after(self.commit.len());
            self.commit = Vec::new();
            self.commit_bytes = 0;
            self.kept = self.keeps;
            self.failures = 0;
            self.phase = Phase::Idle;
        }
    }

    pub(super) fn failed(&mut self, now_ms: u64) {
        if self.phase == Phase::Busy {
            self.failures = self.failures.saturating_add(1);
            let doublings = self
                .failures
                .saturating_sub(1)
                .min(limits::RETRY_DOUBLINGS_MAX);
            let wait_ms = limits::RETRY_MS << doublings;
            self.phase = Phase::Failed {
                again_ms: now_ms.saturating_add(wait_ms),
                told: false,
            };
        }
    }
}
