//! What the operations of one change may do: each is resolved against its author's causal past and
//! the earlier ones of the same change, then judged by the rule of the field it works on.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath,
    decode::{Action, Id, Key, Ops, RawOp, Scalar},
    fresh::Fresh,
    index::{Index, Kind, LineRef, NO_KEY, NewChange, NewOp, ObjRef, ROOT, SEALED, Target, View},
    layout::{self, LIFE_KEY, LIFE_PART, Site},
    rule::{Forbids, RecordRule},
};
use crate::{
    hlc::Hlc,
    judge::Rule,
    limits::{
        COUNTER_STEPS_MAX, ENTRIES_MAX, RECORD_FRESH_MAX, RECORD_KEYS_MAX, RECORD_OPS_MAX,
        TEXT_UNITS_MAX,
    },
    schema::{FieldMap, MergeRule, Schema, SchemaRule, ValueType, check_open_key, cut, names_of},
    value::Value,
};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Targets = SmallVec<[Target; 2]>;

/// Everything that the operations of one change are judged by.
pub(super) struct Setting<'s> {
    pub(super) index: &'s Index,
    pub(super) view: View<'s>,
    pub(super) part: &'s str,
    pub(super) fields: &'s FieldMap,
    /// The versions up to that of the schema that judges.
    pub(super) chain: &'s [Arc<Schema>],
    pub(super) hlc: Hlc,
    /// The lines of the change's table of actors, the author's first; none: never heard of.
    pub(super) table: SmallVec<[Option<LineRef>; 4]>,
    pub(super) start: u64,
}

impl<'s> Setting<'s> {
    /// The rule of a container, by the path of its field.
    fn rule_of(&self, path: &[String]) -> Option<&'s MergeRule> {
        layout::rule_at(self.fields, path).or_else(|| self.renamed_set(path))
    }

    /// The rule of a set that an older version had under this name: what stands in its container
    /// can be removed only there, so newer versions may go on writing into it.
    fn renamed_set(&self, path: &[String]) -> Option<&'s MergeRule> {
        let [old] = path else {
            return None;
        };
        self.fields.iter().find_map(|(name, field)| match &field.rule {
            rule @ MergeRule::Set(_) => names_of(self.chain, self.part, name)
                .contains(old)
                .then_some(rule),
            MergeRule::Lww(_)
            | MergeRule::Group(_)
            | MergeRule::Keep(_)
            | MergeRule::Once(_)
            | MergeRule::Counter
            | MergeRule::List(_)
            | MergeRule::Append(_)
            | MergeRule::Text
            | MergeRule::Map(_)
            | MergeRule::Open(_) => None,
        })
    }
}

/// The operations of one change judged so far.
pub(super) struct Writes<'a, 's> {
    setting: Setting<'s>,
    pub(super) change: NewChange,
    pub(super) touched: BTreeSet<FieldPath>,
    pub(super) registers: BTreeMap<FieldPath, Value>,
    keys: BTreeMap<(ObjRef, &'a str), KeyState>,
    /// Elements of the past that this change deletes.
    gone: BTreeSet<u32>,
    fresh: BTreeMap<u32, Fresh<'a, 's>>,
    sizes: BTreeMap<ObjRef, (u64, u64)>,
    /// The object of the operation before: typing works on one again and again.
    site: Option<(Option<Id>, Site<'s>)>,
}

/// A key that this change has written.
struct KeyState {
    /// Its place among the change's keys.
    place: u32,
    /// What is visible there by now.
    visible: Targets,
    /// What its steps add up to, signs left out.
    steps: u64,
}

impl<'a, 's> Writes<'a, 's> {
    pub(super) fn new(setting: Setting<'s>) -> Self {
        Writes {
            change: NewChange {
                start: setting.start,
                ..NewChange::default()
            },
            setting,
            touched: BTreeSet::new(),
            registers: BTreeMap::new(),
            keys: BTreeMap::new(),
            gone: BTreeSet::new(),
            fresh: BTreeMap::new(),
            sizes: BTreeMap::new(),
            site: None,
        }
    }

    /// Judges all operations of a change.
    pub(super) fn judge(&mut self, ops: &mut Ops<'a>) -> Result<(), Rule> {
        while let Some(raw) = ops.next()? {
            if self.change.ops.len() >= RECORD_OPS_MAX {
                return Err(RecordRule::TooManyOps.into());
            }
            let site = self.site(&raw)?;
            match (site, raw.key) {
                (Site::Fields(object, fields), Key::Text(key)) => {
                    self.field(object, fields, key, &raw, ops)?;
                }
                (Site::Set(object, of), Key::Text(key)) => {
                    self.set_element(object, of, key, &raw, ops)?;
                }
                (Site::Open(object, of), Key::Text(key)) => {
                    self.open_key(object, of, key, &raw, ops)?;
                }
                (Site::Fresh(made), Key::Text(key)) => self.fill(made, key, &raw)?,
                (
                    Site::List(object, _) | Site::Append(object, _) | Site::Text(object),
                    Key::Head | Key::Element(_),
                ) => self.element(object, site, &raw, ops)?,
                (
                    Site::Fields(..) | Site::Set(..) | Site::Open(..) | Site::Fresh(_),
                    Key::Head | Key::Element(_),
                )
                | (Site::List(..) | Site::Append(..) | Site::Text(_), Key::Text(_)) => {
                    return Err(RecordRule::Key { op: self.now() }.into());
                }
            }
        }
        Ok(ops.finish()?)
    }

    /// Judges what only the whole change shows, and hands over what the index keeps of it.
    pub(super) fn finish(mut self) -> Result<Judged, Rule> {
        if self.change.ops.is_empty() {
            return Err(RecordRule::Empty.into());
        }
        if let Some(missing) = self.fresh.values().find_map(Fresh::missing) {
            return Err(missing);
        }
        for (object, (plus, minus)) in &self.sizes {
            self.size(*object, *plus, *minus)?;
        }
        for ((object, key), state) in &self.keys {
            if state.steps == 0 {
                continue;
            }
            let before = self.setting.index.steps(*object, key, &self.setting.view);
            if before.saturating_add(state.steps) > COUNTER_STEPS_MAX {
                return Err(RecordRule::CounterStep {
                    field: self.path(*object, Some(key)),
                    max: COUNTER_STEPS_MAX,
                }
                .into());
            }
            self.change.steps.push((*object, state.place, state.steps));
        }
        self.change.keys = vec![String::new(); self.keys.len()];
        for ((_, key), state) in &self.keys {
            if let Some(place) = self.change.keys.get_mut(state.place as usize) {
                *place = (*key).to_owned();
            }
        }
        let sizes = self.sizes.iter();
        self.change.sizes = sizes.map(|(object, (p, m))| (*object, *p, *m)).collect();
        Ok(Judged {
            change: self.change,
            touched: self.touched,
            registers: self.registers,
        })
    }

    /// The counter of the operation being judged.
    fn now(&self) -> u64 {
        self.setting
            .start
            .saturating_add(self.change.ops.len() as u64)
    }

    /// A field's name in full.
    fn path(&self, object: ObjRef, key: Option<&str>) -> FieldPath {
        let mut path = self
            .setting
            .index
            .object(object)
            .map_or_else(FieldPath::new, |(field, _)| field.clone());
        path.extend(key.map(cut));
        path
    }

    fn forbidden(&self, object: ObjRef, key: Option<&str>, rule: Forbids) -> Rule {
        let field = self.path(object, key);
        RecordRule::Forbidden { field, rule }.into()
    }

    fn unknown_field(&self, path: &[String]) -> Rule {
        SchemaRule::unknown_field(self.setting.part, path).into()
    }

    /// What the operation's object is, which must lie in the past or be made earlier here.
    fn site(&mut self, raw: &RawOp<'a>) -> Result<Site<'s>, Rule> {
        if let Some((object, site)) = self.site {
            if object == raw.object {
                return Ok(site);
            }
        }
        let site = match raw.object {
            None => Site::Fields(ROOT, self.setting.fields),
            Some(id) => self.object(id)?,
        };
        if let Site::List(object, _) | Site::Append(object, _) | Site::Text(object) = site {
            let path = self.path(object, None);
            self.touched.insert(path);
        }
        self.site = Some((raw.object, site));
        Ok(site)
    }

    fn object(&self, id: Id) -> Result<Site<'s>, Rule> {
        let index = self.setting.index;
        let unknown = RecordRule::Object { op: self.now() };
        let made = match self.target(id) {
            None => return Err(unknown.into()),
            Some(Target::Past(made)) => made,
            Some(Target::Own(at)) if self.fresh.contains_key(&at) => return Ok(Site::Fresh(at)),
            Some(Target::Own(_)) => return Err(unknown.into()),
        };
        let Some(object) = index.container(made) else {
            // A group or entry of an earlier change was written whole.
            return Err(match index.op(made) {
                Some((Kind::Make, parent, _)) => self.forbidden(parent, None, Forbids::GroupPart),
                Some((Kind::Insert, list, _)) => self.forbidden(list, None, Forbids::AppendOnly),
                _ => unknown.into(),
            });
        };
        let (path, container) = index.object(object).ok_or(unknown)?;
        self.setting
            .rule_of(path)
            .and_then(|rule| Site::of(rule, object, container))
            .ok_or_else(|| self.unknown_field(path))
    }

    /// An id that lies in the past or earlier in this change.
    fn target(&self, id: Id) -> Option<Target> {
        let setting = &self.setting;
        if id.actor == 0 && id.counter >= setting.start {
            let at = u32::try_from(id.counter.checked_sub(setting.start)?).ok()?;
            return ((at as usize) < self.change.ops.len()).then_some(Target::Own(at));
        }
        let line = (*setting.table.get(id.actor)?)?;
        setting
            .index
            .find(line, id.counter, &setting.view)
            .map(Target::Past)
    }

    /// Checks that the operation overwrites exactly these, in the one order the engine writes:
    /// by counter, then actor.
    fn overwrites(
        &mut self,
        raw: &RawOp<'a>,
        expected: &[Target],
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let wrong = RecordRule::Preds { op: self.now() };
        if raw.preds != expected.len() as u64 {
            return Err(wrong.into());
        }
        for expected in expected {
            if self.target(ops.pred()?) != Some(*expected) {
                return Err(wrong.into());
            }
            self.change.preds.push(*expected);
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, units: u8, object: ObjRef, key: u32, preds: u64) {
        self.change.ops.push(NewOp {
            kind,
            units,
            gone: false,
            object,
            key,
            preds: u32::try_from(preds).unwrap_or(u32::MAX),
        });
    }

    /// The operation about to be pushed, as what later ones overwrite.
    fn this(&self) -> Target {
        Target::Own(u32::try_from(self.change.ops.len()).unwrap_or(u32::MAX))
    }

    /// What is visible at a key by now.
    fn key_state(&mut self, object: ObjRef, key: &'a str) -> Result<&mut KeyState, Rule> {
        let place = self.keys.len();
        if place >= RECORD_KEYS_MAX && !self.keys.contains_key(&(object, key)) {
            return Err(RecordRule::TooManyOps.into());
        }
        let Setting { index, view, .. } = &self.setting;
        Ok(self.keys.entry((object, key)).or_insert_with(|| KeyState {
            place: u32::try_from(place).unwrap_or(NO_KEY),
            visible: index
                .visible_at_key(object, key, view)
                .into_iter()
                .map(Target::Past)
                .collect(),
            steps: 0,
        }))
    }

    /// Writes a key: what was visible there is overwritten, and this operation is visible instead
    /// unless it deletes. Returns whether anything was visible.
    fn write_key(
        &mut self,
        object: ObjRef,
        key: &'a str,
        kind: Kind,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<bool, Rule> {
        if raw.insert {
            return Err(RecordRule::Key { op: self.now() }.into());
        }
        let now = if kind == Kind::Delete {
            Targets::new()
        } else {
            Targets::from_slice(&[self.this()])
        };
        let state = self.key_state(object, key)?;
        let place = state.place;
        let before = std::mem::replace(&mut state.visible, now);
        self.overwrites(raw, &before, ops)?;
        self.push(kind, 0, object, place, raw.preds);
        Ok(!before.is_empty())
    }

    fn field(
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

    fn register(
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
        let path = self.path(object, Some(key));
        let value = layout::value_of(self.now(), &raw.value)?;
        if !(may_be_null && value == Value::Null) {
            of.check(&value).map_err(|rule| rule.at(&path))?;
        }
        self.write_key(object, key, Kind::Put, raw, ops)?;
        self.touched.insert(path.clone());
        self.registers.insert(path, value);
        Ok(())
    }

    fn group(
        &mut self,
        object: ObjRef,
        key: &'a str,
        of: &'s BTreeMap<String, ValueType>,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        if raw.action != Action::MakeMap {
            return Err(self.forbidden(object, Some(key), Forbids::GroupPart));
        }
        let path = self.path(object, Some(key));
        self.make(Fresh::group(path.clone(), of))?;
        self.write_key(object, key, Kind::Make, raw, ops)?;
        self.touched.insert(path);
        Ok(())
    }

    /// Notes that the operation about to be pushed makes a group or entry.
    fn make(&mut self, fresh: Fresh<'a, 's>) -> Result<(), Rule> {
        if self.fresh.len() >= RECORD_FRESH_MAX {
            return Err(RecordRule::TooManyOps.into());
        }
        let at = u32::try_from(self.change.ops.len()).unwrap_or(u32::MAX);
        self.fresh.insert(at, fresh);
        Ok(())
    }

    /// Writes a value of a group or entry that this change made.
    fn fill(&mut self, made: u32, key: &'a str, raw: &RawOp<'a>) -> Result<(), Rule> {
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

    fn step(
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
        let path = self.path(object, Some(key));
        self.touched.insert(path);
        Ok(())
    }

    fn set_element(
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
        let path = self.path(object, None);
        self.touched.insert(path);
        Ok(())
    }

    fn open_key(
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

    fn element(
        &mut self,
        object: ObjRef,
        site: Site<'s>,
        raw: &RawOp<'a>,
        ops: &mut Ops<'a>,
    ) -> Result<(), Rule> {
        let op = self.now();
        let at = match raw.key {
            Key::Element(id) => Some(self.element_of(object, id)?),
            Key::Head | Key::Text(_) => None,
        };
        if raw.insert {
            if raw.preds != 0 {
                return Err(RecordRule::Preds { op }.into());
            }
            let (kind, units) = self.inserted(object, site, raw)?;
            self.push(kind, units, object, NO_KEY, 0);
            self.grow(object, u64::from(units), 0);
            return Ok(());
        }
        let (Action::Delete, Site::List(..) | Site::Text(_)) = (raw.action, site) else {
            let rule = layout::sequence_forbids(&site);
            return Err(self.forbidden(object, None, rule));
        };
        let target = at.ok_or(RecordRule::Element { op })?;
        let units = self.take_element(target).ok_or(RecordRule::Preds { op })?;
        self.overwrites(raw, &[target], ops)?;
        self.push(Kind::Delete, 0, object, NO_KEY, 1);
        self.grow(object, 0, u64::from(units));
        Ok(())
    }

    /// An element of this very sequence, in the past or inserted earlier here, deleted or not.
    fn element_of(&self, object: ObjRef, id: Id) -> Result<Target, Rule> {
        let op = self.now();
        let target = self.target(id).ok_or(RecordRule::Element { op })?;
        let is_element = match target {
            Target::Past(at) => matches!(
                self.setting.index.op(at),
                Some((Kind::Insert, holder, _)) if holder == object
            ),
            Target::Own(at) => self
                .change
                .ops
                .get(at as usize)
                .is_some_and(|own| own.kind == Kind::Insert && own.object == object),
        };
        if is_element {
            Ok(target)
        } else {
            Err(RecordRule::Element { op }.into())
        }
    }

    /// Deletes an element that is still visible and says what it counted for.
    fn take_element(&mut self, target: Target) -> Option<u8> {
        match target {
            Target::Past(at) => {
                let Setting { index, view, .. } = &self.setting;
                let is_there = index.is_element_visible(at, view) && self.gone.insert(at);
                is_there.then(|| index.op(at).map(|(_, _, units)| units))?
            }
            Target::Own(at) => {
                let own = self.change.ops.get_mut(at as usize)?;
                (!std::mem::replace(&mut own.gone, true)).then_some(own.units)
            }
        }
    }

    /// What an insertion puts there, and what that counts for.
    fn inserted(
        &mut self,
        object: ObjRef,
        site: Site<'s>,
        raw: &RawOp<'a>,
    ) -> Result<(Kind, u8), Rule> {
        match (site, raw.action, raw.value) {
            (Site::Text(_), Action::Put, Scalar::Text(text)) => {
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    // 1 or 2.
                    (Some(one), None) => Ok((Kind::Insert, one.len_utf16() as u8)),
                    _ => Err(self.forbidden(object, None, Forbids::TextUnit)),
                }
            }
            (Site::Text(_), ..) => Err(self.forbidden(object, None, Forbids::TextUnit)),
            (Site::Append(_, ValueType::Entry(fields)), Action::MakeMap, _) => {
                let path = self.path(object, None);
                self.make(Fresh::entry(path, fields))?;
                Ok((Kind::Insert, 1))
            }
            (Site::List(_, of) | Site::Append(_, of), Action::Put, value) => {
                let value = layout::value_of(self.now(), &value)?;
                let fits = of.check(&value);
                fits.map_err(|rule| rule.at(&self.path(object, None)))?;
                Ok((Kind::Insert, 1))
            }
            _ => Err(self.forbidden(object, None, Forbids::EntryShape)),
        }
    }

    fn grow(&mut self, object: ObjRef, plus: u64, minus: u64) {
        let size = self.sizes.entry(object).or_default();
        size.0 = size.0.saturating_add(plus);
        size.1 = size.1.saturating_add(minus);
    }

    /// Judges a container's size in the author's view. What is over the bound already, by
    /// concurrency, may shrink.
    fn size(&self, object: ObjRef, plus: u64, minus: u64) -> Result<(), Rule> {
        let Setting { index, view, .. } = &self.setting;
        if plus <= minus {
            return Ok(());
        }
        let Some((path, _)) = index.object(object) else {
            return Ok(());
        };
        let rule = self.setting.rule_of(path);
        let before = match rule {
            Some(MergeRule::Set(_)) => index.live_keys(object, view),
            Some(MergeRule::Open(_)) => index.written_keys(object, view),
            _ => index.size(object, view),
        };
        let found = before.saturating_add(plus).saturating_sub(minus);
        let is_text = matches!(rule, Some(MergeRule::Text));
        let max = if is_text { TEXT_UNITS_MAX } else { ENTRIES_MAX } as u64;
        let field = path.clone();
        match (found > max, is_text) {
            (false, _) => Ok(()),
            (true, true) => Err(RecordRule::TextTooLong { field, found, max }.into()),
            (true, false) => Err(RecordRule::TooManyEntries { field, found, max }.into()),
        }
    }
}

/// What judging a change's operations gives.
pub(super) struct Judged {
    pub(super) change: NewChange,
    pub(super) touched: BTreeSet<FieldPath>,
    pub(super) registers: BTreeMap<FieldPath, Value>,
}
