//! What the operations of one change may do: each is resolved against its author's causal past and
//! the earlier ones of the same change, then judged by the rule of the field it works on.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath,
    decode::{Id, Key, Ops, RawOp},
    fresh::Fresh,
    index::Index,
    layout::{self, Site},
    rows::{Kind, LineRef, NO_KEY, NewChange, NewOp, ObjRef, ROOT, Target, View},
    rule::{Forbids, RecordRule},
};
use crate::{
    hlc::Hlc,
    judge::Rule,
    limits::{COUNTER_STEPS_MAX, ENTRIES_MAX, RECORD_KEYS_MAX, RECORD_OPS_MAX, TEXT_UNITS_MAX},
    schema::{FieldMap, MergeRule, Schema, SchemaRule, cut, names_of},
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
        self.fields
            .iter()
            .find_map(|(name, field)| match &field.rule {
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
    pub(super) setting: Setting<'s>,
    pub(super) change: NewChange,
    pub(super) touched: BTreeSet<FieldPath>,
    pub(super) registers: BTreeMap<FieldPath, Value>,
    keys: BTreeMap<(ObjRef, &'a str), KeyState>,
    /// Elements of the past that this change deletes.
    pub(super) gone: BTreeSet<u32>,
    pub(super) fresh: BTreeMap<u32, Fresh<'a, 's>>,
    sizes: BTreeMap<ObjRef, (u64, u64)>,
    /// The object of the operation before: typing works on one again and again.
    site: Option<(Option<Id>, Site<'s>)>,
}

/// A key that this change has written.
pub(super) struct KeyState {
    /// Its place among the change's keys.
    pub(super) place: u32,
    /// What is visible there by now.
    pub(super) visible: Targets,
    /// What its steps add up to, signs left out.
    pub(super) steps: u64,
    pub(super) trace: Trace,
}

/// What a change leaves at a key, for those who ask what it touched.
pub(super) enum Trace {
    /// Nothing yet.
    None,
    /// A register's last value.
    Register(Value),
    /// A group or counter.
    Field,
    /// An element of a set: it is the set that was touched.
    Element,
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
        for ((object, key), state) in std::mem::take(&mut self.keys) {
            if let Some(place) = self.change.keys.get_mut(state.place as usize) {
                *place = key.to_owned();
            }
            let path = match state.trace {
                Trace::None => continue,
                Trace::Element => self.path(object, None),
                Trace::Field => self.path(object, Some(key)),
                Trace::Register(value) => {
                    let path = self.path(object, Some(key));
                    self.registers.insert(path.clone(), value);
                    path
                }
            };
            self.touched.insert(path);
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
    pub(super) fn now(&self) -> u64 {
        self.setting
            .start
            .saturating_add(self.change.ops.len() as u64)
    }

    /// A field's name in full.
    pub(super) fn path(&self, object: ObjRef, key: Option<&str>) -> FieldPath {
        let mut path = self
            .setting
            .index
            .object(object)
            .map_or_else(FieldPath::new, |(field, _)| field.clone());
        path.extend(key.map(cut));
        path
    }

    pub(super) fn forbidden(&self, object: ObjRef, key: Option<&str>, rule: Forbids) -> Rule {
        let field = self.path(object, key);
        RecordRule::Forbidden { field, rule }.into()
    }

    pub(super) fn unknown_field(&self, path: &[String]) -> Rule {
        SchemaRule::unknown_field(self.setting.part, path).into()
    }

    /// What the operation's object is, which must lie in the past or be made earlier here.
    pub(super) fn site(&mut self, raw: &RawOp<'a>) -> Result<Site<'s>, Rule> {
        if let Some((_, site)) = self.site.filter(|(object, _)| *object == raw.object) {
            return Ok(site);
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

    pub(super) fn object(&self, id: Id) -> Result<Site<'s>, Rule> {
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
    pub(super) fn target(&self, id: Id) -> Option<Target> {
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
    pub(super) fn overwrites(
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

    pub(super) fn push(&mut self, kind: Kind, units: u8, object: ObjRef, key: u32, preds: u64) {
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
    pub(super) fn this(&self) -> Target {
        Target::Own(u32::try_from(self.change.ops.len()).unwrap_or(u32::MAX))
    }

    /// What is visible at a key by now.
    pub(super) fn key_state(
        &mut self,
        object: ObjRef,
        key: &'a str,
    ) -> Result<&mut KeyState, Rule> {
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
            trace: Trace::None,
        }))
    }

    /// Writes a key: what was visible there is overwritten, and this operation is visible instead
    /// unless it deletes. Returns whether anything was visible.
    pub(super) fn write_key(
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

    pub(super) fn grow(&mut self, object: ObjRef, plus: u64, minus: u64) {
        let size = self.sizes.entry(object).or_default();
        size.0 = size.0.saturating_add(plus);
        size.1 = size.1.saturating_add(minus);
    }

    /// Judges a container's size in the author's view. What is over the bound already, by
    /// concurrency, may shrink.
    pub(super) fn size(&self, object: ObjRef, plus: u64, minus: u64) -> Result<(), Rule> {
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
