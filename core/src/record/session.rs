//! One local edit while it is made: operations run one after another inside one engine
//! transaction, each checked against what the ones before it left.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, OpKey, RecordGate, RecordOp,
    layout::{LIFE_KEY, set_key},
    life::Life,
    read::{Reader, Spot},
    rules::Candidate,
    steps::Step,
    target::Target,
    value::{from_scalar, to_scalar, units},
};
use crate::{
    hlc::Hlc,
    id::ChainIdx,
    judge::Stuck,
    limits,
    patch::{Patch, Step as PathStep},
    schema::MergeRule,
    value::Value,
};
use automerge::{
    ActorId, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// What an edit did, beside the operations themselves.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Patches in order; those of registers are filled in when the change is done.
    pub patches: Vec<Pending>,
    /// What it takes to go back.
    pub step: Step,
    /// Entries that were put in again: old ids to new ones, by field.
    pub renewed: Vec<(FieldPath, BTreeMap<OpKey, OpKey>)>,
}

/// A patch, or a place whose patch depends on the finished change.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A finished patch.
    Done(Patch),
    /// The value at a path of newest names.
    Value(FieldPath),
    /// The entries that this change appended to a field.
    Appended(FieldPath),
    /// The entity's life.
    Life,
}

/// An edit under way.
pub(crate) struct Session<'a, 'd> {
    pub tx: Transaction<'d>,
    pub rules: Rules<'a>,
    pub hlc: Hlc,
    pub life: Life,
    pub effects: Effects,
    /// Elements this edit added to sets.
    added: BTreeSet<(FieldPath, String)>,
}

/// What a register or group holds.
struct Standing {
    /// The candidates.
    values: Vec<Value>,
    /// The one that readers see; null for none.
    shown: Value,
    /// The engine's own choice where this edit writes.
    winner: Option<Value>,
}

/// What reading needs beside the engine.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub history: &'a super::history::History,
    pub names: &'a super::names::Names,
    pub gate: &'a RecordGate,
    /// The counter of the edit's first operation.
    pub start_op: u64,
    pub actor: [u8; 16],
}

impl<'a, 'd> Session<'a, 'd> {
    pub(crate) fn new(tx: Transaction<'d>, rules: Rules<'a>, (hlc, life): (Hlc, Life)) -> Self {
        Session {
            tx,
            rules,
            hlc,
            life,
            effects: Effects::default(),
            added: BTreeSet::new(),
        }
    }

    fn reader(&self) -> Reader<'_, Transaction<'d>> {
        Reader {
            engine: &self.tx,
            history: self.rules.history,
            names: self.rules.names,
            numbers: &super::rules::unnumbered,
            at: None,
        }
    }

    /// Commits what was written; none where nothing was.
    pub(crate) fn commit(self) -> Option<(Effects, ChangeHash)> {
        if self.tx.pending_ops() == 0 {
            return None; // a transaction that is dropped is rolled back
        }
        let options = CommitOptions::default().with_time(self.hlc.as_time());
        let (hash, _) = self.tx.commit_with(options);
        Some((self.effects, hash?))
    }

    /// Does one operation that suits the schema.
    pub(crate) fn run(
        &mut self,
        op: &RecordOp,
        target: Option<Target<'_>>,
    ) -> Result<(), EditError> {
        let Some(target) = target else {
            return self.turn(matches!(op, RecordOp::RestoreEntity));
        };
        if !self.life.is_alive() {
            return Err(EditError::Deleted);
        }
        let newest = self.rules.names.newest_path(&target.path());
        let path = newest.unwrap_or_else(|| target.path());
        match op {
            RecordOp::Put { value, .. } => self.put(target, path, value),
            RecordOp::Increment { by, .. } => self.increment(target, path, *by),
            RecordOp::Add { value, .. } => self.add(target, path, value),
            RecordOp::Remove { value, .. } => self.remove(path, value),
            RecordOp::Insert { at, value, .. } => self.insert(target, path, *at, value),
            RecordOp::Delete { at, count, .. } => self.delete(target, path, *at, *count),
            RecordOp::Append { value, .. } => self.append(target, path, value),
            RecordOp::Splice {
                at, delete, insert, ..
            } => self.splice(target, path, *at, *delete, insert),
            RecordOp::DeleteEntity => self.turn(false),
            RecordOp::RestoreEntity => self.turn(true),
        }
    }

    fn put(&mut self, target: Target<'_>, path: FieldPath, value: &Value) -> Result<(), EditError> {
        let (_, spots) = self.reader().spots(&path).ok_or_else(missing)?;
        let own = self.spot(target)?;
        let standing = self.standing(&spots, &own)?;
        if matches!(target.rule, MergeRule::Once(_)) && !standing.values.is_empty() {
            return Err(EditError::AlreadySet { field: path });
        }
        let mut others = standing.values.iter().filter(|other| *other != value);
        let other = others.next();
        if other.is_none() && (!standing.values.is_empty() || *value == Value::Null) {
            return Ok(());
        }
        if matches!(target.rule, MergeRule::Open(_)) && standing.values.is_empty() {
            self.room(&path, self.tx.length(&own.0))?;
        }
        match value {
            Value::Map(members) => {
                let group = self.tx.put_object(&own.0, own.1.as_str(), ObjType::Map);
                let group = group.map_err(failed)?;
                for (name, value) in members {
                    let scalar = to_scalar(value).unwrap_or(ScalarValue::Null);
                    self.tx.put(&group, name.as_str(), scalar).map_err(failed)?;
                }
            }
            value => {
                let repeats = standing.winner.as_ref() == Some(value);
                let other = other.and_then(to_scalar).unwrap_or(ScalarValue::Null);
                let wanted = to_scalar(value).unwrap_or(ScalarValue::Null);
                self.write(&own, wanted, repeats.then_some(other))?;
            }
        }
        if !matches!(target.rule, MergeRule::Once(_)) {
            self.effects.step.register(&path, standing.shown);
        }
        self.effects.patches.push(match value {
            // A default may show instead.
            Value::Null => Pending::Value(path),
            value => Pending::Done(Patch::Put {
                path: steps(&path),
                value: value.clone(),
            }),
        });
        Ok(())
    }

    /// Writes a scalar as an operation of its own. The engine leaves a write out that repeats its
    /// winner, or deletes the others instead: the write would have no stamp. So another value goes
    /// in front of such a one.
    fn write(
        &mut self,
        (object, key): &Spot,
        wanted: ScalarValue,
        before: Option<ScalarValue>,
    ) -> Result<(), EditError> {
        for value in before.into_iter().chain([wanted]) {
            self.tx.put(object, key.as_str(), value).map_err(failed)?;
        }
        Ok(())
    }

    /// What a register or group holds at some places. What this edit wrote itself has replaced all
    /// others.
    fn standing(&self, spots: &[Spot], own: &Spot) -> Result<Standing, EditError> {
        let reader = self.reader();
        let mut candidates = Vec::new();
        let mut written = None;
        let mut winner = None;
        for spot in spots {
            let (object, key) = spot;
            for (value, id) in self.tx.get_all(object, key.as_str()).map_err(failed)? {
                let read = match value.as_scalar() {
                    Some(scalar) => from_scalar(scalar),
                    None => reader.entry(&id),
                };
                if spot == own {
                    winner = Some(read.clone());
                }
                match reader.stamp(&id) {
                    Some(stamp) => candidates.push(Candidate { stamp, value: read }),
                    None => written = Some(read),
                }
            }
        }
        if let Some(value) = written {
            return Ok(Standing {
                values: vec![value.clone()],
                shown: value,
                winner,
            });
        }
        let candidates = reader.unreplaced(spots, candidates);
        let shown = super::rules::lww(&candidates).map(|shown| shown.value.clone());
        Ok(Standing {
            shown: shown.unwrap_or(Value::Null),
            values: candidates
                .into_iter()
                .map(|candidate| candidate.value)
                .collect(),
            winner,
        })
    }

    fn increment(&mut self, target: Target<'_>, path: FieldPath, by: i64) -> Result<(), EditError> {
        let (object, key) = self.spot(target)?;
        let value = match self.reader().at_path(&path).value {
            Some(Value::Int(value)) => value,
            _ => return Err(missing()),
        };
        let Some(sum) = value.checked_add(by) else {
            return Err(EditError::CounterRange {
                field: path,
                value,
                by,
            });
        };
        if by != 0 {
            self.tx
                .increment(&object, key.as_str(), by)
                .map_err(failed)?;
            self.effects.step.counter(&path, by);
            self.effects.patches.push(Pending::Done(Patch::Put {
                path: steps(&path),
                value: Value::Int(sum),
            }));
        }
        Ok(())
    }

    fn add(&mut self, target: Target<'_>, path: FieldPath, value: &Value) -> Result<(), EditError> {
        let key = spelling(value, &path)?;
        let set = self.container(target)?;
        let (_, spots) = self.reader().spots(&path).ok_or_else(missing)?;
        let held = self.holding(&spots, &key);
        if !self.added.insert((path.clone(), key.clone())) {
            return Ok(());
        }
        if held.is_empty() {
            self.room(&path, self.tx.length(&set))?;
        }
        // The stamp makes each add a value of its own, so that it survives a concurrent remove. A
        // stamp that is there already came from another device in the same millisecond.
        let stamp = ScalarValue::Int(self.hlc.as_time());
        let winner = self.tx.get(&set, key.as_str()).map_err(failed)?;
        if winner.is_some_and(|(value, _)| value.as_scalar() == Some(&stamp)) {
            self.tx.delete(&set, key.as_str()).map_err(failed)?;
        }
        self.tx.put(&set, key.as_str(), stamp).map_err(failed)?;
        if held.is_empty() {
            self.effects.step.element(&path, value.clone(), false);
            self.patch_element(path, key, value.clone());
        }
        Ok(())
    }

    fn remove(&mut self, path: FieldPath, value: &Value) -> Result<(), EditError> {
        let key = spelling(value, &path)?;
        let (_, spots) = self.reader().spots(&path).ok_or_else(missing)?;
        let held = self.holding(&spots, &key);
        if held.is_empty() {
            return Ok(());
        }
        for set in &held {
            self.tx.delete(set, key.as_str()).map_err(failed)?;
        }
        self.added.remove(&(path.clone(), key.clone()));
        self.effects.step.element(&path, value.clone(), true);
        self.patch_element(path, key, Value::Null);
        Ok(())
    }

    /// The sets of a field that hold an element.
    fn holding(&self, spots: &[Spot], key: &str) -> Vec<ObjId> {
        let sets = self.reader().containers(spots, ObjType::Map);
        let holds = |set: &ObjId| matches!(self.tx.get(set, key), Ok(Some(_)));
        sets.into_iter().filter(holds).collect()
    }

    fn patch_element(&mut self, mut path: FieldPath, key: String, value: Value) {
        path.push(key);
        let path = steps(&path);
        self.effects
            .patches
            .push(Pending::Done(Patch::Put { path, value }));
    }

    fn insert(
        &mut self,
        target: Target<'_>,
        path: FieldPath,
        at: u32,
        value: &Value,
    ) -> Result<(), EditError> {
        let list = self.container(target)?;
        let entries = self.tx.length(&list);
        if at as usize > entries {
            return Err(EditError::OutOfList {
                field: path,
                at,
                count: 0,
                entries,
            });
        }
        self.room(&path, entries)?;
        let scalar = to_scalar(value).ok_or_else(missing)?;
        self.tx.insert(&list, at as usize, scalar).map_err(failed)?;
        if let Some(id) = self.element(&list, at as usize) {
            self.effects.step.inserted(&path, [id]);
        }
        self.effects.patches.push(Pending::Done(Patch::Insert {
            path: steps(&path),
            at,
            values: vec![value.clone()],
        }));
        Ok(())
    }

    fn delete(
        &mut self,
        target: Target<'_>,
        path: FieldPath,
        at: u32,
        count: u32,
    ) -> Result<(), EditError> {
        let list = self.container(target)?;
        let entries = self.tx.length(&list);
        if (at as usize).saturating_add(count as usize) > entries {
            return Err(EditError::OutOfList {
                field: path,
                at,
                count,
                entries,
            });
        }
        if count == 0 {
            return Ok(());
        }
        let mut entries = Vec::new();
        for place in (at as usize..).take(count as usize) {
            let found = self.tx.get(&list, place).map_err(failed)?;
            if let Some((value, id)) = found
                && let (Some(scalar), Some(id)) = (value.as_scalar(), op_key(&id))
            {
                entries.push((id, from_scalar(scalar)));
            }
        }
        let beside = self.beside(
            &list,
            at as usize,
            (at as usize).saturating_add(count as usize),
        );
        self.effects.step.removed(&path, beside, entries);
        for _ in 0..count {
            self.tx.delete(&list, at as usize).map_err(failed)?;
        }
        self.effects.patches.push(Pending::Done(Patch::Remove {
            path: steps(&path),
            at,
            count,
        }));
        Ok(())
    }

    fn append(
        &mut self,
        target: Target<'_>,
        path: FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
        let list = self.container(target)?;
        let entries = self.tx.length(&list);
        self.room(&path, entries)?;
        match value {
            Value::Map(members) => {
                let entry = self.tx.insert_object(&list, entries, ObjType::Map);
                let entry = entry.map_err(failed)?;
                for (name, value) in members {
                    let scalar = to_scalar(value).ok_or_else(missing)?;
                    self.tx.put(&entry, name.as_str(), scalar).map_err(failed)?;
                }
            }
            value => {
                let scalar = to_scalar(value).ok_or_else(missing)?;
                self.tx.insert(&list, entries, scalar).map_err(failed)?;
            }
        }
        self.effects.patches.push(Pending::Appended(path));
        Ok(())
    }

    fn splice(
        &mut self,
        target: Target<'_>,
        path: FieldPath,
        at: u32,
        delete: u32,
        insert: &str,
    ) -> Result<(), EditError> {
        let text = self.container(target)?;
        let length = self.tx.length(&text);
        let end = (at as usize).saturating_add(delete as usize);
        if end > length {
            return Err(EditError::OutOfText {
                field: path,
                at,
                delete,
                units: length,
            });
        }
        for place in BTreeSet::from([at as usize, end]) {
            if splits_character(&self.tx, &text, place, length) {
                let at = u32::try_from(place).unwrap_or(at);
                return Err(EditError::InsideCharacter { field: path, at });
            }
        }
        let coming = units(insert);
        let after = length
            .saturating_sub(delete as usize)
            .saturating_add(coming);
        if after > limits::TEXT_UNITS_MAX && coming > 0 {
            return Err(EditError::TextTooLong {
                field: path,
                units: after,
            });
        }
        if delete == 0 && insert.is_empty() {
            return Ok(());
        }
        let mut place = at as usize;
        let mut characters = Vec::new();
        while place < end {
            let Some((value, id)) = self.tx.get(&text, place).map_err(failed)? else {
                break;
            };
            let one = value.as_str().unwrap_or_default().to_owned();
            place = place.saturating_add(units(&one).max(1));
            characters.extend(op_key(&id).map(|id| (id, Value::Text(one))));
        }
        if !characters.is_empty() {
            let beside = self.beside(&text, at as usize, end);
            self.effects.step.removed(&path, beside, characters);
        }
        // The engine writes one operation per character that comes, then the deletions.
        let first = self
            .rules
            .start_op
            .saturating_add(self.tx.pending_ops() as u64);
        let ids = insert.chars().zip(first..);
        let ids = ids.map(|(_, counter)| OpKey {
            counter,
            actor: self.rules.actor,
        });
        self.effects.step.inserted(&path, ids);
        let count = isize::try_from(delete).map_err(|_| missing())?;
        self.tx
            .splice_text(&text, at as usize, count, insert)
            .map_err(failed)?;
        self.effects.patches.push(Pending::Done(Patch::Splice {
            path: steps(&path),
            at,
            delete,
            insert: insert.to_owned(),
            marks: BTreeMap::new(),
        }));
        Ok(())
    }

    /// Deletes or restores the entity.
    fn turn(&mut self, alive: bool) -> Result<(), EditError> {
        let wanted = if alive { Life::Alive } else { Life::Deleted };
        if self.life == wanted {
            return Ok(());
        }
        let spot = (ROOT, LIFE_KEY.to_owned());
        let winner = self.tx.get(ROOT, LIFE_KEY).map_err(failed)?;
        let (word, other) = (ScalarValue::Boolean(alive), ScalarValue::Boolean(!alive));
        let repeats = winner.is_some_and(|(value, _)| value.as_scalar() == Some(&word));
        self.write(&spot, word, repeats.then_some(other))?;
        self.effects.step.life(self.life.is_alive());
        self.life = wanted;
        self.effects.patches.push(Pending::Life);
        Ok(())
    }

    /// Refuses one more entry where there are as many as there may be.
    fn room(&self, path: &FieldPath, entries: usize) -> Result<(), EditError> {
        if entries >= limits::ENTRIES_MAX {
            let entries = entries.saturating_add(1);
            return Err(EditError::TooManyEntries {
                field: path.clone(),
                entries,
            });
        }
        Ok(())
    }

    /// Where a register, group or counter stands under its own schema's name.
    fn spot(&self, target: Target<'_>) -> Result<Spot, EditError> {
        let path = target.path();
        let (key, around) = path.split_last().ok_or_else(missing)?;
        Ok((self.object(around)?, key.clone()))
    }

    /// The object that genesis made for a field.
    fn container(&self, target: Target<'_>) -> Result<ObjId, EditError> {
        self.object(target.field)
    }

    fn object(&self, path: &[String]) -> Result<ObjId, EditError> {
        if path.is_empty() {
            return Ok(ROOT);
        }
        let made = self.rules.gate.container(path).ok_or_else(missing)?;
        // The engine finds the actor's place by its name.
        Ok(ObjId::Id(made.counter, ActorId::from(made.actor), 0))
    }

    /// What stands before one place and at another.
    fn beside(&self, list: &ObjId, from: usize, to: usize) -> (Option<OpKey>, Option<OpKey>) {
        let left = from
            .checked_sub(1)
            .and_then(|before| self.element(list, before));
        (left, self.element(list, to))
    }

    fn element(&self, list: &ObjId, at: usize) -> Option<OpKey> {
        let (_, id) = self.tx.get(list, at).ok()??;
        op_key(&id)
    }
}

/// What undo asks.
impl Session<'_, '_> {
    /// The candidates of a register or group, by its newest path.
    pub(crate) fn candidates(&self, path: &[String]) -> Vec<Candidate<Value>> {
        let reader = self.reader();
        match reader.spots(path) {
            Some((MergeRule::Group(_), spots)) => reader.groups(&spots),
            Some((_, spots)) => reader.values(&spots),
            None => Vec::new(),
        }
    }

    /// The changes that hold an element in a set.
    pub(crate) fn element_changes(&self, set: &[String], element: &Value) -> Vec<(ChainIdx, u64)> {
        let reader = self.reader();
        let (Some((_, spots)), Some(key)) = (reader.spots(set), set_key(element)) else {
            return Vec::new();
        };
        let sets = reader.containers(&spots, ObjType::Map);
        let spots: Vec<Spot> = sets.into_iter().map(|set| (set, key.to_string())).collect();
        changes(reader.values(&spots))
    }

    /// The changes by which the entity's life stands as it does.
    pub(crate) fn life_changes(&self) -> Vec<(ChainIdx, u64)> {
        changes(self.reader().values(&[(ROOT, LIFE_KEY.to_owned())]))
    }

    /// The text or list at a path; these are never renamed, so there is one.
    fn sequence(&self, path: &[String]) -> Option<ObjId> {
        self.reader().sequence(path)
    }

    pub(crate) fn length(&self, path: &[String]) -> usize {
        self.sequence(path)
            .map_or(0, |object| self.tx.length(&object))
    }

    /// Notes that entries which were gone stand at a place again, under new ids.
    pub(crate) fn renewed(&mut self, path: &FieldPath, at: u32, old: impl Iterator<Item = OpKey>) {
        let newest = self.rules.names.newest_path(path);
        let object = newest.and_then(|newest| self.sequence(&newest));
        let first = object.and_then(|object| self.element(&object, at as usize));
        if let Some(first) = first {
            let new = (first.counter..).map(|counter| OpKey {
                counter,
                actor: first.actor,
            });
            self.effects
                .renewed
                .push((path.clone(), old.zip(new).collect()));
        }
    }
}

fn changes(candidates: Vec<Candidate<Value>>) -> Vec<(ChainIdx, u64)> {
    let stamps = candidates.into_iter().map(|candidate| candidate.stamp);
    stamps.map(|stamp| (stamp.line, stamp.seq)).collect()
}

/// Whether a place lies between the two units of one character.
pub(crate) fn splits_character<D: ReadDoc>(
    engine: &D,
    text: &ObjId,
    at: usize,
    length: usize,
) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return false;
    };
    if at >= length {
        return false;
    }
    let Ok(Some((value, id))) = engine.get(text, at) else {
        return false;
    };
    if value.as_str().is_some_and(|one| units(one) < 2) {
        return false;
    }
    matches!(engine.get(text, before), Ok(Some((_, other))) if other == id)
}

/// The id of an operation; none for the root.
pub(crate) fn op_key(id: &ObjId) -> Option<OpKey> {
    match id {
        ObjId::Root => None,
        ObjId::Id(counter, actor, _) => Some(OpKey {
            counter: *counter,
            actor: actor.to_bytes().try_into().ok()?,
        }),
    }
}

/// A field's path as patches write it.
pub(crate) fn steps(path: &[String]) -> Vec<PathStep> {
    path.iter().cloned().map(PathStep::Key).collect()
}

/// The key of an element in a set.
fn spelling(element: &Value, path: &FieldPath) -> Result<String, EditError> {
    let none = || EditError::NoElement {
        field: path.clone(),
    };
    set_key(element).map(Cow::into_owned).ok_or_else(none)
}

fn failed(_: AutomergeError) -> EditError {
    EditError::Stuck(Stuck {
        doing: "writing an operation of a local edit",
    })
}

/// Genesis makes every container and the checks admit only values with a scalar form, so this is
/// a defect of ours.
fn missing() -> EditError {
    EditError::Stuck(Stuck {
        doing: "finding the place of a local edit",
    })
}
