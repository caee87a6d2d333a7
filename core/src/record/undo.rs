//! Undo and redo per view: a view takes back its own steps, and of them only what nobody else has
//! written over since.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath, JudgedChange, OpKey,
    layout::LIFE_KEY,
    names::Names,
    steps::{Sequence, Step},
    take_back::element_path,
};
use crate::{
    hlc::Hlc,
    id::{ChainIdx, ViewId},
    limits,
};
use automerge::legacy::{ElementId, Key, OpId, OpType};
use std::collections::{BTreeMap, BTreeSet};

/// The steps of all views of one record.
#[derive(Debug, Default)]
pub(crate) struct Book {
    views: BTreeMap<ViewId, Pages>,
}

/// The steps of one view.
#[derive(Debug, Default)]
struct Pages {
    done: Vec<Step>,
    undone: Vec<Step>,
    /// The stamp of the last edit, while the next may continue its step.
    open: Option<Hlc>,
    /// The change by which this view last wrote a register, element or the entity's life.
    wrote: BTreeMap<FieldPath, (ChainIdx, u64)>,
}

/// What sort of change is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    Edit,
    Undo,
    Redo,
}

impl Book {
    /// The step that an edit under this stamp continues.
    fn continued(&self, view: ViewId, hlc: Hlc) -> Option<&Step> {
        let pages = self.views.get(&view)?;
        let since = hlc.millis().saturating_sub(pages.open?.millis());
        pages.done.last().filter(|_| since <= limits::UNDO_STEP_MS)
    }

    /// The steps to try, newest first.
    pub(crate) fn steps(&self, view: ViewId, making: Making) -> &[Step] {
        let pages = self.views.get(&view);
        let steps = pages.map(|pages| match making {
            Making::Undo | Making::Edit => pages.done.as_slice(),
            Making::Redo => pages.undone.as_slice(),
        });
        steps.unwrap_or_default()
    }

    /// Forgets steps that can no longer be taken back, and the one that just was.
    pub(crate) fn drop_last(&mut self, view: ViewId, making: Making, count: usize) {
        let Some(pages) = self.views.get_mut(&view) else {
            return;
        };
        let steps = match making {
            Making::Undo | Making::Edit => &mut pages.done,
            Making::Redo => &mut pages.undone,
        };
        steps.truncate(steps.len().saturating_sub(count));
    }

    /// Writes down what a change did that is now part of the record.
    pub(crate) fn note(
        &mut self,
        view: ViewId,
        making: Making,
        (step, hlc, place): (Step, Hlc, (ChainIdx, u64)),
    ) {
        let continues = self.continued(view, hlc).is_some();
        let pages = self.views.entry(view).or_default();
        for path in step.written() {
            pages.wrote.insert(path, place);
        }
        match making {
            Making::Edit => {
                pages.undone.clear();
                pages.open = Some(hlc);
                match pages.done.last_mut() {
                    Some(last) if continues => last.merge(step),
                    _ if step.is_empty() => {}
                    _ => pages.done.push(step),
                }
            }
            Making::Undo => {
                pages.open = None;
                pages.undone.push(step);
            }
            Making::Redo => {
                pages.open = None;
                pages.done.push(step);
            }
        }
        let over = pages.done.len().saturating_sub(limits::UNDO_STEPS_MAX);
        pages.done.drain(..over);
    }

    /// Entries that were put in again have new ids: older steps mean these from now on.
    pub(crate) fn renew(&mut self, path: &FieldPath, ids: &BTreeMap<OpKey, OpKey>) {
        for sequence in self.sequences(path) {
            let old: Vec<OpKey> = sequence.inserted.iter().copied().collect();
            for id in old {
                if let Some(new) = ids.get(&id) {
                    sequence.inserted.remove(&id);
                    sequence.inserted.insert(*new);
                }
            }
            for removed in &mut sequence.removed {
                for beside in [&mut removed.left, &mut removed.right] {
                    if let Some(new) = beside.and_then(|id| ids.get(&id)) {
                        *beside = Some(*new);
                    }
                }
            }
        }
    }

    /// What someone else deletes as well stays deleted when this side takes its own delete back.
    pub(crate) fn forget_deleted(&mut self, judged: &JudgedChange, names: &Names) {
        if self.views.is_empty() {
            return;
        }
        for path in judged
            .touched
            .iter()
            .filter_map(|path| names.newest_path(path))
        {
            if !self.may_restore(&path) {
                continue;
            }
            let deleted = judged
                .change
                .decode()
                .operations
                .into_iter()
                .filter_map(|op| {
                    let (OpType::Delete, Key::Seq(ElementId::Id(id))) = (op.action, op.key) else {
                        return None;
                    };
                    let OpId(counter, actor) = id;
                    Some(OpKey {
                        counter,
                        actor: actor.to_bytes().try_into().ok()?,
                    })
                });
            let deleted: BTreeSet<OpKey> = deleted.collect();
            for sequence in self.sequences(&path) {
                let gone = sequence
                    .removed
                    .iter_mut()
                    .filter(|one| deleted.contains(&one.id));
                gone.for_each(|removed| removed.value = None);
            }
        }
    }

    /// Whether any step took something out of this text or list.
    fn may_restore(&self, path: &FieldPath) -> bool {
        let pages = self.views.values();
        let mut steps = pages.flat_map(|pages| pages.done.iter().chain(&pages.undone));
        steps.any(|step| {
            let sequence = step.sequences.get(path);
            sequence.is_some_and(|sequence| !sequence.removed.is_empty())
        })
    }

    fn sequences<'b>(&'b mut self, path: &'b FieldPath) -> impl Iterator<Item = &'b mut Sequence> {
        let pages = self.views.values_mut();
        let steps = pages.flat_map(|pages| pages.done.iter_mut().chain(&mut pages.undone));
        steps.filter_map(move |step| step.sequences.get_mut(path))
    }

    /// Whether the view's own last write of something is the change given.
    pub(super) fn is_own(&self, view: ViewId, path: &[String], change: (ChainIdx, u64)) -> bool {
        let pages = self.views.get(&view);
        pages.is_some_and(|pages| pages.wrote.get(path) == Some(&change))
    }
}

impl Step {
    /// Everything it wrote that another write can replace.
    fn written(&self) -> Vec<FieldPath> {
        let registers = self.registers.keys().cloned();
        let elements = self.elements.keys();
        let elements = elements.map(|(path, value)| element_path(path, value));
        let life = self.life.map(|_| vec![LIFE_KEY.to_owned()]);
        registers.chain(elements).chain(life).collect()
    }
}
