//! What happened since an earlier point, as a step that can be taken back. It is read off the history,
//! change by change, so nothing has to be remembered from process to process.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath, OpKey, RecordDoc,
    history::History,
    layout::LIFE_KEY,
    read::{Reader, Spot},
    rules,
    session::op_key,
    steps::Step,
};
use crate::{
    causal::{Past, Since},
    id::ChainIdx,
    schema::MergeRule,
    value::Value,
};
use automerge::Automerge;
use std::collections::BTreeSet;

impl RecordDoc {
    /// The step that everything since an earlier point makes together.
    pub(super) fn step_since(&self, since: &Since) -> Step {
        let now = self.history.past();
        let mut step = match since.by {
            None => self.step_between(&since.past, &now),
            Some(_) => self.steps_of(since),
        };
        self.drop_same(&mut step, &since.past, &now);
        step
    }

    /// The steps of some chains' changes, put together.
    fn steps_of(&self, since: &Since) -> Step {
        let mut step = Step::default();
        let history = &self.history;
        for (chain, seq) in history.since(|chain, seq| history.is_since(since, chain, seq)) {
            let before = history.before(chain, seq);
            step.merge(self.step_between(&before, &before.with(chain, seq)));
        }
        self.leave_deleted(&mut step, since);
        step
    }

    /// Leaves alone what reads as it did: entries that were taken out and put in again have other names
    /// and are the same to a reader.
    fn drop_same(&self, step: &mut Step, before: &Past, after: &Past) {
        let (then, later) = (self.reader_at(before), self.reader_at(after));
        step.sequences.retain(|path, _| {
            let values = |reader| items(reader, path).into_iter().map(|(_, value)| value);
            !values(&then).eq(values(&later))
        });
    }

    /// What others deleted as well stays deleted.
    fn leave_deleted(&self, step: &mut Step, since: &Since) {
        let others = |chain, seq| {
            !since.past.contains(chain, seq) && !self.history.is_since(since, chain, seq)
        };
        for (chain, seq) in self.history.since(others) {
            let before = self.history.before(chain, seq);
            let theirs = self.step_between(&before, &before.with(chain, seq));
            for (path, theirs) in theirs.sequences {
                let gone: BTreeSet<OpKey> = theirs.removed.iter().map(|one| one.id).collect();
                let sequence = step.sequences.get_mut(&path);
                let removed = sequence
                    .into_iter()
                    .flat_map(|sequence| &mut sequence.removed);
                let both = removed.filter(|one| gone.contains(&one.id));
                both.for_each(|one| one.value = None);
            }
        }
    }

    /// What differs between two points, of which the later holds the earlier.
    fn step_between(&self, before: &Past, after: &Past) -> Step {
        let (then, later) = (self.reader_at(before), self.reader_at(after));
        let mut step = Step::default();
        for path in self.history.touched(before, after) {
            if path == [LIFE_KEY] {
                let (was, is) = (then.life(self.policy()), later.life(self.policy()));
                if was.is_alive() != is.is_alive() {
                    step.life(was.is_alive());
                }
            } else if let Some(path) = self.names.newest_path(&path) {
                self.field_between(&then, &later, &path, &mut step);
            }
        }
        step
    }

    fn field_between(
        &self,
        then: &Reader<'_, Automerge>,
        later: &Reader<'_, Automerge>,
        path: &FieldPath,
        step: &mut Step,
    ) {
        let (Some((rule, old)), Some((_, new))) = (then.spots(path), later.spots(path)) else {
            return;
        };
        match rule {
            MergeRule::Lww(_)
            | MergeRule::Keep(_)
            | MergeRule::Once(_)
            | MergeRule::Open(_)
            | MergeRule::Group(_) => {
                let shown = |reader: &Reader<'_, Automerge>, spots: &[Spot]| {
                    let values = match rule {
                        MergeRule::Group(_) => reader.groups(spots),
                        _ => reader.values(spots),
                    };
                    rules::lww(&values).map(|one| one.value.clone())
                };
                let (before, now) = (shown(then, &old), shown(later, &new));
                if before != now {
                    step.register(path, before.unwrap_or(Value::Null));
                }
            }
            MergeRule::Counter => {
                if let (Value::Int(old), Value::Int(new)) =
                    (then.counter(&old), later.counter(&new))
                {
                    step.counter(path, new.saturating_sub(old));
                }
            }
            MergeRule::Set(of) => {
                let elements = |value| match value {
                    Value::List(list) => list.into_iter().collect::<BTreeSet<Value>>(),
                    _ => BTreeSet::new(),
                };
                let (old, new) = (elements(then.set(&old, of)), elements(later.set(&new, of)));
                for value in old.symmetric_difference(&new) {
                    step.element(path, value.clone(), old.contains(value));
                }
            }
            MergeRule::Text | MergeRule::List(_) => sequence_between(then, later, path, step),
            // What is appended stays, and a map's fields come one by one.
            MergeRule::Append(_) | MergeRule::Map(_) => {}
        }
    }
}

/// The entries of a text or list.
fn items(reader: &Reader<'_, Automerge>, path: &FieldPath) -> Vec<(OpKey, Value)> {
    let object = reader.sequence(path);
    let items = object
        .map(|object| reader.items(&object))
        .into_iter()
        .flatten();
    items
        .filter_map(|(id, value)| Some((op_key(&id)?, value)))
        .collect()
}

fn sequence_between(
    then: &Reader<'_, Automerge>,
    later: &Reader<'_, Automerge>,
    path: &FieldPath,
    step: &mut Step,
) {
    let (old, new) = (items(then, path), items(later, path));
    let was: BTreeSet<OpKey> = old.iter().map(|(id, _)| *id).collect();
    let is: BTreeSet<OpKey> = new.iter().map(|(id, _)| *id).collect();
    step.inserted(path, is.difference(&was).copied());
    let stays = |one: &(OpKey, Value)| is.contains(&one.0);
    let mut left = None;
    let mut rest = old.as_slice();
    while let Some((first, _)) = rest.first() {
        let run = rest.iter().take_while(|one| !stays(one)).count();
        let (gone, after) = rest.split_at(run);
        if run > 0 {
            let right = after.first().map(|(id, _)| *id);
            step.removed(path, (left, right), gone.to_vec());
        }
        left = after.first().map(|(id, _)| *id).or(Some(*first));
        rest = after.get(1..).unwrap_or_default();
    }
}

/// What the history is asked here.
impl History {
    /// Whether a change is meant.
    pub(super) fn is_since(&self, since: &Since, chain: ChainIdx, seq: u64) -> bool {
        let writer = self.writer(chain);
        writer.is_some_and(|writer| since.covers(&writer.chain, chain, seq))
    }

    /// Whether every change that is held is meant.
    pub(super) fn is_all_since(&self, since: &Since) -> bool {
        let all = self.since(|_, _| true);
        !all.is_empty()
            && all
                .iter()
                .all(|(chain, seq)| self.is_since(since, *chain, *seq))
    }

    /// The changes that are wanted, by stamp: none stands before one that its author had seen.
    fn since(&self, wanted: impl Fn(ChainIdx, u64) -> bool) -> Vec<(ChainIdx, u64)> {
        let past = self.past();
        let all = past
            .iter()
            .flat_map(|(chain, held)| (1..=held).map(move |seq| (chain, seq)));
        let mut found: Vec<(ChainIdx, u64)> =
            all.filter(|(chain, seq)| wanted(*chain, *seq)).collect();
        found.sort_by_key(|(chain, seq)| (self.before(*chain, *seq).count(), *chain));
        found
    }

    /// What the author of a change had seen.
    fn before(&self, chain: ChainIdx, seq: u64) -> Past {
        let note = self.note(chain, seq);
        let past = note
            .map(|note| note.past.as_ref().clone())
            .unwrap_or_default();
        past.with(chain, seq.saturating_sub(1))
    }

    /// The fields that changes between two points touch.
    fn touched(&self, before: &Past, after: &Past) -> BTreeSet<FieldPath> {
        let lines = after.iter();
        let between = lines.flat_map(|(chain, seq)| {
            let first = before.seq(chain).saturating_add(1);
            (first..=seq.min(self.held(chain))).filter_map(move |seq| self.note(chain, seq))
        });
        let numbers: BTreeSet<u32> = between
            .flat_map(|note| note.fields.iter().copied())
            .collect();
        self.fields(&numbers)
    }
}
