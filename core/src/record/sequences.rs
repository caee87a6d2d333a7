//! Writes by element: lists, append-only lists and texts.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    decode::{Action, Id, Key, Ops, RawOp, Scalar},
    fresh::Fresh,
    layout::{self, Site},
    rows::{Kind, NO_KEY, ObjRef, Target},
    rule::{Forbids, RecordRule},
    writes::{Setting, Writes},
};
use crate::{judge::Rule, schema::ValueType};

impl<'a, 's> Writes<'a, 's> {
    pub(super) fn element(
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
    pub(super) fn element_of(&self, object: ObjRef, id: Id) -> Result<Target, Rule> {
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
    pub(super) fn take_element(&mut self, target: Target) -> Option<u8> {
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
    pub(super) fn inserted(
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
}
