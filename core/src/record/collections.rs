//! The part of an edit that works on sets, lists and texts.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, OpKey,
    layout::set_key,
    read::Spot,
    session::{Pending, Session, failed, missing, op_key, steps},
    target::Target,
    value::{from_scalar, to_scalar, units},
};
use crate::{limits, patch::Patch, value::Value};
use automerge::{ObjId, ObjType, ReadDoc, ScalarValue, transaction::Transactable};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

impl Session<'_, '_> {
    pub(super) fn add(
        &mut self,
        target: Target<'_>,
        path: FieldPath,
        value: &Value,
    ) -> Result<(), EditError> {
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

    pub(super) fn remove(&mut self, path: FieldPath, value: &Value) -> Result<(), EditError> {
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

    pub(super) fn insert(
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

    pub(super) fn delete(
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

    pub(super) fn append(
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

    pub(super) fn splice(
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
/// The key of an element in a set.
fn spelling(element: &Value, path: &FieldPath) -> Result<String, EditError> {
    let none = || EditError::NoElement {
        field: path.clone(),
    };
    set_key(element).map(Cow::into_owned).ok_or_else(none)
}
