//! Writes by key: registers, groups, counters, sets and open maps, each by its field's rule.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    decode::{Action, Ops, RawOp, Scalar},
    fresh::Fresh,
    layout::{self, LIFE_KEY, LIFE_PART},
    rows::{Kind, NO_KEY, ObjRef, ROOT, SEALED},
    rule::{Forbids, RecordRule},
    writes::{Trace, Writes},
};
use crate::{
    judge::Rule,
    limits::RECORD_FRESH_MAX,
    schema::{FieldMap, MergeRule, ValueType, check_open_key},
    value::Value,
};
use std::collections::BTreeMap;

impl<'a, 's> Writes<'a, 's> {
    pub(super) fn field(
        &mut self,
        object: ObjRef,
        fields: &'s FieldMap,
        key: &'a str,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let setting = &self.setting;
        if object == ROOT && key == LIFE_KEY && setting.part == LIFE_PART {
            return self.register(object, key, &ValueType::Bool, false, raw, ops);
        }
        let Some(field) = fields.get(key) else {
            return Err(self.unknown_field(&self.path(object, Some(key))));
        };
        match &field.rule {
            MergeRule::Lww(of) | MergeRule::Keep(of) => {
                self.register(object, key, of, true, raw, ops)
            }
            MergeRule::Once(of) => {
                if !self.key_state(object, key)?.visible.is_empty() {
                    return Err(self.forbidden(object, Some(key), Forbids::OnceAgain));
                }
                self.register(object, key, of, false, raw, ops)
            }
            MergeRule::Group(of) => self.group(object, key, of, raw, ops),
            MergeRule::Counter => self.step(object, key, raw, ops),
            MergeRule::Set(_)
            | MergeRule::List(_)
            | MergeRule::Append(_)
            | MergeRule::Text
            | MergeRule::Map(_)
            | MergeRule::Open(_) => Err(self.forbidden(object, Some(key), Forbids::Container)),
        }
    }

    pub(super) fn register(
        &mut self,
        object: ObjRef,
        key: &'a str,
        of: &ValueType,
        may_be_null: bool,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        match raw.action {
            Action::Put => {}
            Action::Delete => {
                return Err(self.forbidden(object, Some(key), Forbids::RegisterDelete));
            }
            Action::MakeMap | Action::MakeList | Action::MakeText | Action::Increment => {
                return Err(self.forbidden(object, Some(key), Forbids::RegisterShape));
            }
        }
        let value = layout::value_of(self.now(), &raw.value)?;
        if !(may_be_null && value == Value::Null) {
            let fits = of.check(&value);
            fits.map_err(|rule| rule.at(&self.path(object, Some(key))))?;
        }
        self.write_key(object, key, Kind::Put, raw, ops)?;
        self.trace(object, key, Trace::Register(value))
    }

    /// Notes what stands at a key now. A change may write it a thousand times, so names are spelled
    /// out once, in the end.
    pub(super) fn trace(&mut self, object: ObjRef, key: &'a str, trace: Trace) -> Result<(), Rule> {
        self.key_state(object, key)?.trace = trace;
        Ok(())
    }

    pub(super) fn group(
        &mut self,
        object: ObjRef,
        key: &'a str,
        of: &'s BTreeMap<String, ValueType>,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let deletes = raw.action == Action::Put && raw.value == Scalar::Null;
        if deletes {
            self.write_key(object, key, Kind::Put, raw, ops)?;
            return self.trace(object, key, Trace::Field);
        }
        if raw.action != Action::MakeMap {
            return Err(self.forbidden(object, Some(key), Forbids::GroupPart));
        }
        self.make(Fresh::group(self.path(object, Some(key)), of))?;
        self.write_key(object, key, Kind::Make, raw, ops)?;
        self.trace(object, key, Trace::Field)
    }

    /// Notes that the operation about to be pushed makes a group or entry.
    pub(super) fn make(&mut self, fresh: Fresh<'a, 's>) -> Result<(), Rule> {
        if self.fresh.len() >= RECORD_FRESH_MAX {
            return Err(RecordRule::TooManyOps.into());
        }
        let at = u32::try_from(self.change.ops.len()).unwrap_or(u32::MAX);
        self.fresh.insert(at, fresh);
        Ok(())
    }

    /// Writes a value of a group or entry that this change made.
    pub(super) fn fill(&mut self, made: u32, key: &'a str, raw: &RawOp<'a>) -> Result<(), Rule> {
        let op = self.now();
        if raw.insert {
            return Err(RecordRule::Key { op }.into());
        }
        if raw.preds != 0 {
            return Err(RecordRule::Preds { op }.into());
        }
        if let Some(fresh) = self.fresh.get_mut(&made) {
            fresh.fill(op, key, raw)?;
        }
        self.push(Kind::Put, 0, SEALED, NO_KEY, 0);
        Ok(())
    }

    pub(super) fn step(
        &mut self,
        object: ObjRef,
        key: &'a str,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let (Action::Increment, Scalar::Int(by)) = (raw.action, raw.value) else {
            return Err(self.forbidden(object, Some(key), Forbids::CounterPut));
        };
        if raw.insert {
            return Err(RecordRule::Key { op: self.now() }.into());
        }
        let state = self.key_state(object, key)?;
        state.steps = state.steps.saturating_add(by.unsigned_abs());
        let (place, counter) = (state.place, state.visible.clone());
        // The counter itself, which genesis put and nothing overwrites.
        if counter.is_empty() {
            return Err(RecordRule::Preds { op: self.now() }.into());
        }
        self.overwrites(raw, &counter, ops)?;
        self.push(Kind::Step, 0, object, place, raw.preds);
        self.trace(object, key, Trace::Field)
    }

    pub(super) fn set_element(
        &mut self,
        object: ObjRef,
        of: &ValueType,
        key: &'a str,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let stamp = Scalar::Int(self.setting.hlc.as_time());
        let kind = match raw.action {
            // Unique per change: an equal value would make no operation, and the add would lose
            // to a concurrent removal.
            Action::Put if raw.value == stamp => Kind::Put,
            Action::Delete => Kind::Delete,
            Action::Put
            | Action::MakeMap
            | Action::MakeList
            | Action::MakeText
            | Action::Increment => {
                return Err(self.forbidden(object, None, Forbids::SetAdd));
            }
        };
        // A removal need not fit the type: only what was added can be removed.
        if kind == Kind::Put && layout::set_value(of, key).is_none() {
            return Err(self.forbidden(object, None, Forbids::SetAdd));
        }
        let was_there = self.write_key(object, key, kind, raw, ops)?;
        let op = self.now().saturating_sub(1);
        match (kind, was_there) {
            (Kind::Delete, false) => return Err(RecordRule::Preds { op }.into()),
            (Kind::Delete, true) => self.grow(object, 0, 1),
            (_, false) => self.grow(object, 1, 0),
            (_, true) => {}
        }
        self.trace(object, key, Trace::Element)
    }

    pub(super) fn open_key(
        &mut self,
        object: ObjRef,
        of: &ValueType,
        key: &'a str,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        check_open_key(key).map_err(|rule| rule.at(&self.path(object, Some(key))))?;
        if self.key_state(object, key)?.visible.is_empty() {
            self.grow(object, 1, 0);
        }
        self.register(object, key, of, true, raw, ops)
    }
}
