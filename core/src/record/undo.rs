//! Undo and redo per view: a view takes back its own steps, and of them only what nobody else has
//! written over since.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, JudgedChange, OpKey, RecordOp,
    anchor::{place_of, width_of},
    layout::{LIFE_KEY, set_key},
    names::Names,
    read::Reader,
    session::{Session, op_key},
    steps::{Removed, Sequence, Step, in_order},
    target::Target,
    value::units,
};
use crate::{
    hlc::Hlc,
    id::{ChainIdx, ViewId},
    limits,
    schema::{FieldMap, MergeRule},
    value::Value,
};
use automerge::{
    Automerge, ObjId, ReadDoc,
    legacy::{ElementId, Key, OpId, OpType},
};
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

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
    fn is_own(&self, view: ViewId, path: &[String], change: (ChainIdx, u64)) -> bool {
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

fn element_path(set: &FieldPath, element: &Value) -> FieldPath {
    let mut path = set.clone();
    path.extend(set_key(element).map(Cow::into_owned));
    path
}

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

/// Takes a step back inside a session: does what can be done of its reverse.
pub(crate) fn take_back(
    session: &mut Session<'_, '_>,
    (step, plan, book, view): (&Step, &Plan, &Book, ViewId),
    fields: &FieldMap,
) -> Result<(), EditError> {
    if step.life == Some(true) && owns_life(session, book, view) {
        session.run(&RecordOp::RestoreEntity, None)?;
    }
    for (path, before) in &step.registers {
        if let Some(value) = register_back(session, (path, before), book, view) {
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
            let own = stamps
                .iter()
                .all(|stamp| book.is_own(view, &written, *stamp));
            if own && !stamps.is_empty() {
                attempt(session, fields, &RecordOp::Remove { field, value })?;
            }
        }
    }
    for (path, pieces) in plan {
        sequence_back(session, path, pieces, fields)?;
    }
    if step.life == Some(false) && owns_life(session, book, view) {
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

/// What a register shall hold again; none if the value shown is not this view's any more. Where
/// someone wrote at the same time, their value takes the place of ours, not the one before.
fn register_back(
    session: &Session<'_, '_>,
    (path, before): (&FieldPath, &Value),
    book: &Book,
    view: ViewId,
) -> Option<Value> {
    let newest = session.rules.names.newest_path(path)?;
    let standing = session.candidates(&newest);
    let shown = super::rules::lww(&standing)?.stamp;
    let own = |line, seq| book.is_own(view, path, (line, seq));
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

fn owns_life(session: &Session<'_, '_>, book: &Book, view: ViewId) -> bool {
    let path = [LIFE_KEY.to_owned()];
    let marks = session.life_changes();
    !marks.is_empty() && marks.iter().all(|mark| book.is_own(view, &path, *mark))
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
