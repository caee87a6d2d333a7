//! Undo per view. A step remembers which units it made and which it deleted, nothing else; undoing
//! it deletes the one and makes the other again, so other people's work is never touched. What it
//! writes is composed by hand and judged before the document sees it (see [`super::revert`]).

use super::{
    Anchor, BodyDoc, BodyEdit, BodyGate, EditError,
    edit::{Written, check_size},
    ids::{IdRuns, ItemId},
    revert::Reverted,
};
use crate::{
    causal::Since,
    hlc::Hlc,
    id::ViewId,
    judge::{Candidate, Place},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Edits of one view this close together, in milliseconds of their stamps, are one step.
pub const STEP_MS_MAX: u64 = 500;
/// Units that one step makes again, and runs of them: more would not fit into one change set. What
/// deleted more is several steps.
const STEP_UNITS_MAX: u32 = 65_536;
const STEP_RUNS_MAX: usize = 1_024;
/// Steps one view remembers; the oldest is forgotten first.
pub const STEPS_MAX: usize = 1_000;

/// A selection, as anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Where it began.
    pub anchor: Anchor,
    /// Where the caret is.
    pub head: Anchor,
}

/// What one undo takes back.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) made: IdRuns,
    pub(super) deleted: IdRuns,
    /// The view's selection before it.
    selection: Option<Selection>,
}

/// One view's steps.
#[derive(Default)]
struct History {
    done: VecDeque<Step>,
    undone: VecDeque<Step>,
    /// The stamp of the last edit, while the next may still join it.
    open: Option<Hlc>,
    selection: Option<Selection>,
}

/// The steps of every view.
#[derive(Default)]
pub(super) struct Histories {
    views: BTreeMap<ViewId, History>,
}

/// Which way to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Undo,
    Redo,
}

impl Histories {
    /// Notes an edit of a view.
    pub(super) fn note(&mut self, view: ViewId, at: Hlc, written: &Written, gate: &BodyGate) {
        let history = self.views.entry(view).or_default();
        history.undone.clear();
        let mut parts = parts(&written.deleted, gate).into_iter();
        let first = parts.next().unwrap_or_default();
        let soon = history
            .open
            .is_some_and(|last| at.millis().saturating_sub(last.millis()) < STEP_MS_MAX);
        history.open = Some(at);
        let selection = history.selection.take();
        let joins = soon && history.done.back().is_some_and(|step| step.takes(&first));
        if !joins {
            history.push(
                Way::Redo,
                Step {
                    selection,
                    ..Step::default()
                },
            );
        }
        if let Some(step) = history.done.back_mut() {
            step.made.insert(written.from, written.made);
            step.deleted.join(&first);
        }
        for deleted in parts {
            history.push(
                Way::Redo,
                Step {
                    deleted,
                    selection,
                    ..Step::default()
                },
            );
        }
    }

    fn of(&mut self, view: ViewId) -> &mut History {
        self.views.entry(view).or_default()
    }
}

impl Step {
    /// Whether more deletions fit into the step.
    fn takes(&self, more: &IdRuns) -> bool {
        let units = self.deleted.units().saturating_add(more.units());
        let runs = self.deleted.runs().saturating_add(more.runs());
        units <= STEP_UNITS_MAX && runs <= STEP_RUNS_MAX
    }
}

/// A set in parts that one change set each can make again; no character is cut in half.
fn parts(set: &IdRuns, gate: &BodyGate) -> Vec<IdRuns> {
    if set.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![IdRuns::default()];
    let mut units = 0_u32;
    for (id, len) in set.iter() {
        let mut by = 0_u32;
        while by < len {
            let full = units >= STEP_UNITS_MAX;
            if full
                || parts
                    .last()
                    .is_some_and(|part| part.runs() >= STEP_RUNS_MAX)
            {
                parts.push(IdRuns::default());
                units = 0;
            }
            let mut count = len
                .saturating_sub(by)
                .min(STEP_UNITS_MAX.saturating_sub(units));
            if gate.is_second_half(id.client, id.plus(by.saturating_add(count)).clock) {
                count = count.saturating_add(1);
            }
            if let Some(part) = parts.last_mut() {
                part.insert(id.plus(by), count);
            }
            units = units.saturating_add(count);
            by = by.saturating_add(count);
        }
    }
    parts
}

impl History {
    /// The steps that a way takes back.
    fn source(&mut self, way: Way) -> &mut VecDeque<Step> {
        match way {
            Way::Undo => &mut self.done,
            Way::Redo => &mut self.undone,
        }
    }

    /// Adds what going a way did to the steps of the other.
    fn push(&mut self, way: Way, step: Step) {
        let to = match way {
            Way::Undo => &mut self.undone,
            Way::Redo => &mut self.done,
        };
        to.push_back(step);
        if to.len() > STEPS_MAX {
            to.pop_front();
        }
    }
}

impl BodyDoc {
    /// Takes back the last step of a view, as one change set at `place`. Answers nothing when
    /// there is none, or when nothing is left of what the steps did. The selection that comes back
    /// is the one the view had before the step ([`BodyDoc::select`]).
    pub fn undo(&mut self, place: &Place, view: ViewId) -> Result<Option<BodyEdit>, EditError> {
        self.revert_last(place, view, Way::Undo)
    }

    /// Does again what the last undo of a view took back.
    pub fn redo(&mut self, place: &Place, view: ViewId) -> Result<Option<BodyEdit>, EditError> {
        self.revert_last(place, view, Way::Redo)
    }

    /// Takes back what happened since an earlier point, as one change set at `place` and a step of the
    /// view: everything that was written goes, and `deleted`, what the change sets in question deleted,
    /// is made again. It is read off the history, so it works in any process. Answers nothing when
    /// nothing is left to take back.
    pub fn take_back_since(
        &mut self,
        place: &Place,
        view: ViewId,
        since: &Since,
        deleted: IdRuns,
    ) -> Result<Option<BodyEdit>, EditError> {
        if self.is_poisoned() {
            return Err(EditError::Poisoned);
        }
        let chain = place.chain;
        let client = self
            .client_of(chain)
            .ok_or(EditError::UnknownChain { chain })?;
        let mut step = Step {
            deleted,
            ..Step::default()
        };
        for (chain, client, writer) in self.writers() {
            if since.is_by(&writer) {
                let clock = self
                    .gate
                    .end_clock(chain, since.past.seq(chain))
                    .unwrap_or(0);
                let made = self.gate.clock(chain).saturating_sub(clock);
                step.made.insert(ItemId { client, clock }, made);
            }
        }
        let start = self.gate.clock(chain);
        // What was made again since is in the step itself: another process would not know it as such.
        let redone = std::mem::take(&mut self.redone);
        let reverted = self.revert(&step, client, start);
        self.redone = redone;
        match reverted {
            None => Ok(None),
            Some(reverted) => {
                let history = self.histories.of(view);
                (history.open, history.undone) = (None, VecDeque::new());
                self.emit(place, view, Way::Redo, &step, reverted).map(Some)
            }
        }
    }

    /// Tells where a view's selection is: said before an edit, the edit's undo brings it back.
    pub fn select(&mut self, view: ViewId, selection: Option<Selection>) {
        self.histories.of(view).selection = selection;
    }

    /// Ends a view's step: the next edit begins another, however soon it comes.
    pub fn end_step(&mut self, view: ViewId) {
        self.histories.of(view).open = None;
    }

    /// How many steps a view can undo and redo.
    pub fn steps(&self, view: ViewId) -> (usize, usize) {
        self.histories
            .views
            .get(&view)
            .map_or((0, 0), |history| (history.done.len(), history.undone.len()))
    }

    fn revert_last(
        &mut self,
        place: &Place,
        view: ViewId,
        way: Way,
    ) -> Result<Option<BodyEdit>, EditError> {
        if self.is_poisoned() {
            return Err(EditError::Poisoned);
        }
        let chain = place.chain;
        let client = self
            .client_of(chain)
            .ok_or(EditError::UnknownChain { chain })?;
        self.histories.of(view).open = None;
        while let Some(step) = self.histories.of(view).source(way).pop_back() {
            let start = self.gate.clock(chain);
            let Some(reverted) = self.revert(&step, client, start) else {
                continue;
            };
            return self.emit(place, view, way, &step, reverted).map(Some);
        }
        Ok(None)
    }

    /// Takes a composed update through the gate and into the document.
    fn emit(
        &mut self,
        place: &Place,
        view: ViewId,
        way: Way,
        step: &Step,
        reverted: Reverted,
    ) -> Result<BodyEdit, EditError> {
        check_size(&reverted.payload, reverted.ranges)?;
        let judged = self
            .gate
            .judge(&Candidate {
                place,
                payload: &reverted.payload,
            })
            .map_err(|rule| EditError::Refused(Box::new(rule)))?;
        self.gate.admit(&judged);
        let deleted = self.apply_judged(&judged).map_err(|_| EditError::Stuck)?;
        for (old, new, len) in reverted.again {
            self.redone.insert(old, new, len);
        }
        let mut back = Step {
            deleted,
            ..Step::default()
        };
        back.made.insert(
            ItemId {
                client: reverted.client,
                clock: judged.start(),
            },
            judged.end().saturating_sub(judged.start()),
        );
        let history = self.histories.of(view);
        back.selection = history.selection.take();
        history.push(way, back);
        Ok(BodyEdit {
            payload: judged.payload,
            patches: self.take_patches(),
            selection: step.selection,
        })
    }
}
