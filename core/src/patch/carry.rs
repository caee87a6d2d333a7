//! Carrying an edit over what came since: positions that were read off an earlier revision are moved to
//! where the same characters and entries are now.
//!
//! Between the two revisions lies a list of runs, in the order in which they stand: what both have, what
//! only the earlier one has (it was deleted since), what only the later one has (it was inserted since).
//! Places of an edit count the first two, those of the document now the first and the third. This is
//! the transformation of operational transformation with one sequence as its state, after Sun and Ellis
//! (1998); where something was inserted since at the very place of an own insertion, the own one stands
//! before it.
#![deny(clippy::arithmetic_side_effects)]

use super::{Patch, Step};
use crate::{body::BodyOp, record::RecordOp};
use std::collections::BTreeMap;

/// Why an edit cannot be carried over: blocks came, went or moved since, and with them what its paths
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blocks came or went since the revision that the edit names: read the document again")]
pub struct Uncarried;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Both(u32),
    Gone(u32),
    Came(u32),
}

/// What lies between two revisions of one text or list.
#[derive(Clone, Debug)]
struct Between {
    runs: Vec<Run>,
}

impl Between {
    fn new() -> Self {
        // Whatever stands behind the last change is in both.
        Between {
            runs: vec![Run::Both(u32::MAX)],
        }
    }

    /// Something was replaced since, in places of now.
    fn changed(&mut self, at: u32, delete: u32, insert: u32) {
        let mut index = self.split(at, Run::now);
        let mut left = delete;
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            let len = run.now();
            if len == 0 {
                index = index.saturating_add(1);
                continue;
            }
            if len > left {
                self.cut(index, left);
            }
            let taken = len.min(left);
            left = left.saturating_sub(taken);
            match run {
                Run::Both(_) => {
                    if let Some(run) = self.runs.get_mut(index) {
                        *run = Run::Gone(taken);
                    }
                    index = index.saturating_add(1);
                }
                Run::Came(_) | Run::Gone(_) => {
                    self.runs.remove(index);
                }
            }
        }
        if insert > 0 {
            let index = self.split(at, Run::now);
            self.runs.insert(index, Run::Came(insert));
        }
    }

    /// An own replacement, in places of the earlier revision: what it is now, one step after the other.
    /// Each is where, how much goes, and whether the insertion happens there.
    fn own(&mut self, at: u32, delete: u32, insert: u32) -> Vec<(u32, u32, bool)> {
        let mut steps = Vec::new();
        let mut index = self.split(at, Run::then);
        let mut now = self.now_before(index);
        let begin = now;
        let mut left = delete;
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            let len = run.then();
            if len == 0 {
                now = now.saturating_add(run.now());
                index = index.saturating_add(1);
                continue;
            }
            if len > left {
                self.cut(index, left);
            }
            let taken = len.min(left);
            left = left.saturating_sub(taken);
            self.runs.remove(index);
            if let Run::Both(_) = run {
                match steps.last_mut() {
                    Some((at, gone, _)) if *at == now => *gone = u32::saturating_add(*gone, taken),
                    _ => steps.push((now, taken, false)),
                }
            }
        }
        if insert > 0 {
            let index = self.split(at, Run::then);
            self.runs.insert(index, Run::Both(insert));
            match steps.first_mut() {
                Some((at, _, inserts)) if *at == begin => *inserts = true,
                _ => {
                    steps.insert(0, (begin, 0, true));
                }
            }
            // Everything that goes behind the insertion stands further on by then.
            let behind = steps.iter_mut().skip(1);
            behind.for_each(|(at, ..)| *at = at.saturating_add(insert));
        }
        steps
    }

    /// Where the run at an index begins now.
    fn now_before(&self, index: usize) -> u32 {
        let before = self.runs.iter().take(index);
        before.fold(0, |sum, run| sum.saturating_add(run.now()))
    }

    /// The index of the run that begins at a place, before runs of no length there; one is cut for it
    /// if need be.
    fn split(&mut self, at: u32, len: fn(&Run) -> u32) -> usize {
        let mut left = at;
        for index in 0..self.runs.len() {
            let run = self.runs.get(index).map_or(0, len);
            if left == 0 {
                return index;
            }
            if run > left {
                self.cut(index, left);
                return index.saturating_add(1);
            }
            left = left.saturating_sub(run);
        }
        self.runs.len()
    }

    fn cut(&mut self, index: usize, len: u32) {
        let Some(run) = self.runs.get_mut(index) else {
            return;
        };
        let (head, tail) = match *run {
            Run::Both(all) => (Run::Both(len), Run::Both(all.saturating_sub(len))),
            Run::Gone(all) => (Run::Gone(len), Run::Gone(all.saturating_sub(len))),
            Run::Came(all) => (Run::Came(len), Run::Came(all.saturating_sub(len))),
        };
        *run = head;
        self.runs.insert(index.saturating_add(1), tail);
    }

    /// The parts of a range that are still there, in places of now.
    fn kept(&mut self, at: u32, len: u32) -> Vec<(u32, u32)> {
        let mut index = self.split(at, Run::then);
        let mut now = self.now_before(index);
        let mut left = len;
        let mut kept = Vec::new();
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            if run.then() > left {
                self.cut(index, left);
            }
            let taken = run.then().min(left);
            left = left.saturating_sub(taken);
            if let Run::Both(_) = run {
                kept.push((now, taken));
                now = now.saturating_add(taken);
            } else {
                now = now.saturating_add(run.now());
            }
            index = index.saturating_add(1);
        }
        kept
    }
}

impl Run {
    /// How long it is in the earlier revision.
    fn then(&self) -> u32 {
        match self {
            Run::Both(len) | Run::Gone(len) => *len,
            Run::Came(_) => 0,
        }
    }

    /// How long it is now.
    fn now(&self) -> u32 {
        match self {
            Run::Both(len) | Run::Came(len) => *len,
            Run::Gone(_) => 0,
        }
    }
}

/// What lies between two revisions of a document, by text or list.
#[derive(Debug)]
pub struct Since {
    between: BTreeMap<Vec<Step>, Between>,
    /// Whether blocks came or went.
    blocks: bool,
}

impl Since {
    /// What these patches did, in order.
    pub fn of<'p>(patches: impl IntoIterator<Item = &'p Patch>) -> Self {
        let mut since = Since {
            between: BTreeMap::new(),
            blocks: false,
        };
        for patch in patches {
            since.add(patch);
        }
        since
    }

    fn add(&mut self, patch: &Patch) {
        let (path, at, delete, insert) = match patch {
            Patch::Splice {
                path,
                at,
                delete,
                insert,
                ..
            } => (path, *at, *delete, units(insert)),
            Patch::Embed { path, at, .. } => (path, *at, 0, 1),
            Patch::Insert { path, at, values } => {
                self.blocks |= is_block(path);
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
                (path, *at, 0, count)
            }
            Patch::Remove { path, at, count } => {
                self.blocks |= is_block(path);
                (path, *at, *count, 0)
            }
            Patch::Put { .. } | Patch::Format { .. } => return,
        };
        self.at(path).changed(at, delete, insert);
    }

    fn at(&mut self, path: &[Step]) -> &mut Between {
        self.between
            .entry(path.to_vec())
            .or_insert_with(Between::new)
    }

    /// A body's operations, as they are to be made now.
    ///
    /// # Errors
    /// Where their paths name other blocks now.
    pub fn body(mut self, ops: &[BodyOp]) -> Result<Vec<BodyOp>, Uncarried> {
        let mut now = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                BodyOp::Splice {
                    text,
                    at,
                    delete,
                    insert,
                    marks,
                } => {
                    let between = self.text(text)?;
                    for (at, delete, inserts) in between.own(*at, *delete, units(insert)) {
                        let (insert, marks) = match inserts {
                            true => (insert.clone(), marks.clone()),
                            false => (String::new(), None),
                        };
                        now.push(BodyOp::Splice {
                            text: text.clone(),
                            at,
                            delete,
                            insert,
                            marks,
                        });
                    }
                }
                BodyOp::Format {
                    text,
                    at,
                    len,
                    marks,
                } => {
                    for (at, len) in self.text(text)?.kept(*at, *len) {
                        now.push(BodyOp::Format {
                            text: text.clone(),
                            at,
                            len,
                            marks: marks.clone(),
                        });
                    }
                }
                BodyOp::Embed { text, at, value } => {
                    for (at, ..) in self.text(text)?.own(*at, 0, 1) {
                        now.push(BodyOp::Embed {
                            text: text.clone(),
                            at,
                            value: value.clone(),
                        });
                    }
                }
                // Their places lie in a tree, in which nothing else may have happened.
                op if self.between.is_empty() => now.push(op.clone()),
                _ => return Err(Uncarried),
            }
        }
        Ok(now)
    }

    fn text(&mut self, block: &[u32]) -> Result<&mut Between, Uncarried> {
        if self.blocks {
            return Err(Uncarried);
        }
        let path: Vec<Step> = block.iter().map(|at| Step::Index(*at)).collect();
        Ok(self.at(&path))
    }

    /// A record's operations, as they are to be made now.
    pub fn record(mut self, ops: &[RecordOp]) -> Vec<RecordOp> {
        let mut now = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                RecordOp::Splice {
                    field,
                    at,
                    delete,
                    insert,
                } => {
                    let steps = self.field(field).own(*at, *delete, units(insert));
                    now.extend(
                        steps
                            .into_iter()
                            .map(|(at, delete, inserts)| RecordOp::Splice {
                                field: field.clone(),
                                at,
                                delete,
                                insert: if inserts {
                                    insert.clone()
                                } else {
                                    String::new()
                                },
                            }),
                    );
                }
                RecordOp::Insert { field, at, value } => {
                    let steps = self.field(field).own(*at, 0, 1);
                    now.extend(steps.into_iter().map(|(at, ..)| RecordOp::Insert {
                        field: field.clone(),
                        at,
                        value: value.clone(),
                    }));
                }
                RecordOp::Delete { field, at, count } => {
                    let steps = self.field(field).own(*at, *count, 0);
                    now.extend(steps.into_iter().map(|(at, count, _)| RecordOp::Delete {
                        field: field.clone(),
                        at,
                        count,
                    }));
                }
                op => now.push(op.clone()),
            }
        }
        now
    }

    fn field(&mut self, field: &[String]) -> &mut Between {
        let path: Vec<Step> = field.iter().cloned().map(Step::Key).collect();
        self.at(&path)
    }
}

/// Whether a list at this path holds blocks: those of records are named.
fn is_block(path: &[Step]) -> bool {
    !matches!(path.first(), Some(Step::Key(_)))
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text whose letters know where they come from.
    fn splice(text: &mut Vec<u32>, at: u32, delete: u32, insert: &[u32]) {
        let at = at as usize;
        text.splice(at..at + delete as usize, insert.iter().copied());
    }

    fn edits() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
        prop::collection::vec((0u32..1_000, 0u32..6, 0u32..4), 0..8)
    }

    proptest! {
        /// What the edits delete goes, whatever is inserted stays, and nothing else changes: on a text of
        /// letters that are all different, so that each is known again.
        #[test]
        fn an_edit_carried_over_does_to_each_letter_what_it_meant_to(
            theirs in edits(),
            ours in edits(),
        ) {
            let base: Vec<u32> = (0..40).collect();
            let mut now = base.clone();
            let mut between = Between::new();
            let mut fresh = 1_000u32;
            for (at, delete, insert) in theirs {
                let at = at % (now.len() as u32 + 1);
                let delete = delete.min(now.len() as u32 - at);
                let inserted: Vec<u32> = (0..insert).map(|more| fresh + more).collect();
                fresh += insert;
                splice(&mut now, at, delete, &inserted);
                between.changed(at, delete, insert);
            }
            let theirs = now.clone();
            let mut mine = base.clone();
            for (at, delete, insert) in ours {
                let at = at % (mine.len() as u32 + 1);
                let delete = delete.min(mine.len() as u32 - at);
                let inserted: Vec<u32> = (0..insert).map(|more| fresh + more).collect();
                fresh += insert;
                splice(&mut mine, at, delete, &inserted);
                for (at, delete, inserts) in between.own(at, delete, insert) {
                    prop_assert!((at + delete) as usize <= now.len(), "outside the text");
                    splice(&mut now, at, delete, if inserts { &inserted } else { &[] });
                }
            }
            // Each letter is there if neither deleted it.
            let is_there = |letter: &u32| {
                let known_to_them = base.contains(letter) || theirs.contains(letter);
                let known_to_me = base.contains(letter) || mine.contains(letter);
                (!known_to_them || theirs.contains(letter)) && (!known_to_me || mine.contains(letter))
            };
            let expected: std::collections::BTreeSet<u32> =
                theirs.iter().chain(&mine).copied().filter(is_there).collect();
            prop_assert_eq!(now.iter().copied().collect::<std::collections::BTreeSet<_>>(), expected);
            prop_assert!(now.len() <= theirs.len() + mine.len());
            // Letters stand in the order in which each side has them.
            for side in [&theirs, &mine] {
                let order: Vec<u32> = side.iter().copied().filter(|one| now.contains(one)).collect();
                let shown: Vec<u32> = now.iter().copied().filter(|one| side.contains(one)).collect();
                prop_assert_eq!(shown, order);
            }
        }
    }

    #[test]
    fn a_deletion_leaves_what_was_inserted_within_it_since() {
        let patch = Patch::Splice {
            path: Vec::new(),
            at: 3,
            delete: 0,
            insert: "new".to_owned(),
            marks: BTreeMap::new(),
        };
        let op = BodyOp::Splice {
            text: Vec::new(),
            at: 1,
            delete: 4,
            insert: "X".to_owned(),
            marks: None,
        };
        let carried = Since::of([&patch]).body(&[op]).unwrap_or_default();
        let places: Vec<(u32, u32, String)> = carried
            .into_iter()
            .filter_map(|op| match op {
                BodyOp::Splice {
                    at, delete, insert, ..
                } => Some((at, delete, insert)),
                _ => None,
            })
            .collect();
        assert_eq!(places, [(1, 2, "X".to_owned()), (5, 2, String::new())]);
    }
}
