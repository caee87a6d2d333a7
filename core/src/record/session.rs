//! One local edit while it is made: operations run one after another inside one engine
//! transaction, each checked against what the ones before it left.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, OpKey, RecordGate, RecordOp,
    layout::LIFE_KEY,
    life::Life,
    read::{Reader, Spot},
    rules::Candidate,
    steps::Step,
    target::Target,
    value::{from_scalar, to_scalar},
};
use crate::{
    hlc::Hlc,
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
use std::collections::{BTreeMap, BTreeSet};

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
    pub(super) added: BTreeSet<(FieldPath, String)>,
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

    pub(super) fn reader(&self) -> Reader<'_, Transaction<'d>> {
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
    pub(super) fn room(&self, path: &FieldPath, entries: usize) -> Result<(), EditError> {
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
    pub(super) fn container(&self, target: Target<'_>) -> Result<ObjId, EditError> {
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
    pub(super) fn beside(
        &self,
        list: &ObjId,
        from: usize,
        to: usize,
    ) -> (Option<OpKey>, Option<OpKey>) {
        let left = from
            .checked_sub(1)
            .and_then(|before| self.element(list, before));
        (left, self.element(list, to))
    }

    pub(super) fn element(&self, list: &ObjId, at: usize) -> Option<OpKey> {
        let (_, id) = self.tx.get(list, at).ok()??;
        op_key(&id)
    }
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

pub(super) fn failed(_: AutomergeError) -> EditError {
    EditError::Stuck(Stuck {
        doing: "writing an operation of a local edit",
    })
}

/// Genesis makes every container and the checks admit only values with a scalar form, so this is
/// a defect of ours.
pub(super) fn missing() -> EditError {
    EditError::Stuck(Stuck {
        doing: "finding the place of a local edit",
    })
}
