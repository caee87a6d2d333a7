//! Taking a step back: what of it can still be undone, worked out on the record as it stands, and
//! the operations that do it.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, OpKey, RecordOp,
    anchor::{place_of, width_of},
    layout::{LIFE_KEY, set_key},
    read::{Reader, Spot},
    rules::Candidate,
    session::{Session, op_key},
    steps::{Removed, Sequence, Step, in_order},
    target::Target,
    value::units,
};
use crate::{
    id::ChainIdx,
    schema::{FieldMap, MergeRule},
    value::Value,
};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc};
use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

/// How the texts and lists of a step go back: worked out on the record as it stands, before any
/// operation is made. By field: pieces from back to front, so that none moves what comes after it.
pub(crate) type Plan = Vec<(FieldPath, Vec<Piece>)>;

/// One thing to do at a place.
#[derive(Debug)]
pub(crate) enum Piece {
    /// What was put in and is still there goes.
    Remove { at: u32, count: u32 },
    /// What was taken out comes back.
    Restore {
        at: u32,
        entries: Vec<(OpKey, Value)>,
    },
}

/// Works out where everything stands that a step put in or took out.
pub(crate) fn plan(reader: &Reader<'_, Automerge>, step: &Step) -> Plan {
    let mut plan = Plan::new();
    for (path, sequence) in &step.sequences {
        let newest = reader.names.newest_path(path);
        if let Some(object) = newest.and_then(|newest| reader.sequence(&newest)) {
            plan.push((path.clone(), pieces(reader.engine, &object, sequence)));
        }
    }
    plan
}

fn pieces(engine: &Automerge, object: &ObjId, sequence: &Sequence) -> Vec<Piece> {
    let place = |id: &OpKey| u32::try_from(place_of(engine, object, id)?).ok();
    // Where an entry stands, unless someone else deleted it: then something else stands there.
    let standing = |id: &OpKey| {
        let at = place(id)?;
        let (value, found) = engine.get(object, at as usize).ok()??;
        let width = width_of(engine, object, &value);
        (op_key(&found) == Some(*id)).then_some((at, u32::try_from(width).unwrap_or(1)))
    };
    // What comes back stands in front of all that is gone around it. So where the right neighbour
    // came back before, an entry belongs in front of that, not where it stood: rightmost first, so
    // that neighbours which come back together stay together.
    let mut places: BTreeMap<OpKey, u32> = BTreeMap::new();
    let mut gone: BTreeMap<u32, Vec<&Removed>> = BTreeMap::new();
    for removed in in_order(sequence.removed.iter().collect())
        .into_iter()
        .rev()
    {
        let Some(stood) = place(&removed.id) else {
            continue;
        };
        let right = removed.right.and_then(|id| match places.get(&id) {
            Some(at) => Some(*at),
            None => standing(&id).map(|(at, _)| at),
        });
        let at = right.map_or(stood, |right| stood.min(right));
        places.insert(removed.id, at);
        gone.entry(at).or_default().push(removed);
    }
    let mut there: BTreeMap<u32, u32> = BTreeMap::new();
    there.extend(sequence.inserted.iter().filter_map(standing));
    let mut pieces: Vec<(u32, Piece)> = Vec::new();
    for (at, count) in there {
        match pieces.last_mut() {
            Some((
                _,
                Piece::Remove {
                    at: from,
                    count: length,
                },
            )) if from.saturating_add(*length) == at && !gone.contains_key(&at) => {
                *length = length.saturating_add(count);
            }
            _ => pieces.push((at, Piece::Remove { at, count })),
        }
    }
    for (at, removed) in gone {
        let entries = in_order(removed).into_iter();
        let entries = entries.filter_map(|one| Some((one.id, one.value.clone()?)));
        let entries: Vec<(OpKey, Value)> = entries.collect();
        if !entries.is_empty() {
            pieces.push((at, Piece::Restore { at, entries }));
        }
    }
    // At one place the removal comes first: it began behind what comes back.
    pieces.sort_by_key(|(at, piece)| (Reverse(*at), matches!(piece, Piece::Restore { .. })));
    pieces.into_iter().map(|(_, piece)| piece).collect()
}

/// Whether a change, which wrote something last, belongs to whoever takes back. What others have
/// written over stays.
pub(crate) type Mine<'a> = dyn Fn(&[String], (ChainIdx, u64)) -> bool + 'a;

/// Takes a step back inside a session: does what can be done of its reverse.
pub(crate) fn take_back(
    session: &mut Session<'_, '_>,
    (step, plan, mine): (&Step, &Plan, &Mine<'_>),
    fields: &FieldMap,
) -> Result<(), EditError> {
    if step.life == Some(true) && owns_life(session, mine) {
        session.run(&RecordOp::RestoreEntity, None)?;
    }
    for (path, before) in &step.registers {
        if let Some(value) = register_back(session, (path, before), mine) {
            let field = session.rules.names.newest_path(path).unwrap_or_default();
            attempt(session, fields, &RecordOp::Put { field, value })?;
        }
    }
    for (path, by) in &step.counters {
        if let (Some(field), Some(by)) = (session.rules.names.newest_path(path), by.checked_neg()) {
            attempt(session, fields, &RecordOp::Increment { field, by })?;
        }
    }
    for ((path, value), held) in &step.elements {
        let Some(field) = session.rules.names.newest_path(path) else {
            continue;
        };
        let value = value.clone();
        if *held {
            if session.element_changes(&field, &value).is_empty() {
                attempt(session, fields, &RecordOp::Add { field, value })?;
            }
        } else {
            let written = element_path(path, &value);
            let stamps = session.element_changes(&field, &value);
            let own = stamps.iter().all(|stamp| mine(&written, *stamp));
            if own && !stamps.is_empty() {
                attempt(session, fields, &RecordOp::Remove { field, value })?;
            }
        }
    }
    for (path, pieces) in plan {
        sequence_back(session, path, pieces, fields)?;
    }
    if step.life == Some(false) && owns_life(session, mine) {
        session.run(&RecordOp::DeleteEntity, None)?;
    }
    Ok(())
}

/// Runs an operation if the schema of today still has a place for it; what no longer fits (a field
/// that is gone, a text that others have filled) stays as it is.
fn attempt(
    session: &mut Session<'_, '_>,
    fields: &FieldMap,
    op: &RecordOp,
) -> Result<(), EditError> {
    let Ok(target) = Target::of(fields, op) else {
        return Ok(());
    };
    match session.run(op, target) {
        Ok(()) => Ok(()),
        Err(error) => match error {
            EditError::Stuck(_) | EditError::Deleted => Err(error),
            EditError::Nothing
            | EditError::UnknownField { .. }
            | EditError::WrongOperation { .. }
            | EditError::Value { .. }
            | EditError::NoElement { .. }
            | EditError::AlreadySet { .. }
            | EditError::OutOfText { .. }
            | EditError::InsideCharacter { .. }
            | EditError::TextTooLong { .. }
            | EditError::OutOfList { .. }
            | EditError::TooManyEntries { .. }
            | EditError::CounterRange { .. }
            | EditError::TooLarge { .. }
            | EditError::UnknownChain { .. }
            | EditError::NotAtHeads { .. }
            | EditError::UnknownSchema { .. }
            | EditError::Refused(_) => Ok(()),
        },
    }
}

/// What a register shall hold again; none if the value shown is not of who takes back. Where
/// someone wrote at the same time, their value takes the place of ours, not the one before.
fn register_back(
    session: &Session<'_, '_>,
    (path, before): (&FieldPath, &Value),
    mine: &Mine<'_>,
) -> Option<Value> {
    let newest = session.rules.names.newest_path(path)?;
    let standing = session.candidates(&newest);
    let shown = super::rules::lww(&standing)?.stamp;
    let own = |line, seq| mine(path, (line, seq));
    if !own(shown.line, shown.seq) {
        return None;
    }
    let others: Vec<_> = standing
        .into_iter()
        .filter(|other| !own(other.stamp.line, other.stamp.seq))
        .collect();
    let value = super::rules::lww(&others).map(|other| other.value.clone());
    Some(value.unwrap_or_else(|| before.clone()))
}

fn owns_life(session: &Session<'_, '_>, mine: &Mine<'_>) -> bool {
    let path = [LIFE_KEY.to_owned()];
    let marks = session.life_changes();
    !marks.is_empty() && marks.iter().all(|mark| mine(&path, *mark))
}

fn sequence_back(
    session: &mut Session<'_, '_>,
    path: &FieldPath,
    pieces: &[Piece],
    fields: &FieldMap,
) -> Result<(), EditError> {
    let Some(field) = session.rules.names.newest_path(path) else {
        return Ok(());
    };
    let is_text = matches!(session.rules.names.rule(&field), Some(MergeRule::Text));
    for piece in pieces {
        match piece {
            Piece::Remove { at, count } => {
                let (field, at, count) = (field.clone(), *at, *count);
                let op = if is_text {
                    RecordOp::Splice {
                        field,
                        at,
                        delete: count,
                        insert: String::new(),
                    }
                } else {
                    RecordOp::Delete { field, at, count }
                };
                attempt(session, fields, &op)?;
            }
            Piece::Restore { at, entries } if is_text => {
                let insert: String = entries
                    .iter()
                    .filter_map(|(_, one)| one.as_text())
                    .collect();
                let wanted = session.length(&field).saturating_add(units(&insert));
                let op = RecordOp::Splice {
                    field: field.clone(),
                    at: *at,
                    delete: 0,
                    insert,
                };
                attempt(session, fields, &op)?;
                if session.length(&field) == wanted {
                    session.renewed(path, *at, entries.iter().map(|(id, _)| *id));
                }
            }
            Piece::Restore { at, entries } => {
                for ((id, value), at) in entries.iter().zip(*at..) {
                    let wanted = session.length(&field).saturating_add(1);
                    let (field, value) = (field.clone(), value.clone());
                    let op = RecordOp::Insert {
                        field: field.clone(),
                        at,
                        value,
                    };
                    attempt(session, fields, &op)?;
                    if session.length(&field) == wanted {
                        session.renewed(path, at, std::iter::once(*id));
                    }
                }
            }
        }
    }
    Ok(())
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

pub(super) fn element_path(set: &FieldPath, element: &Value) -> FieldPath {
    let mut path = set.clone();
    path.extend(set_key(element).map(Cow::into_owned));
    path
}
