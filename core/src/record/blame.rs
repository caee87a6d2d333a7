//! Who wrote what: of a text, run by run. For other fields see [`super::RecordView::written`].
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Anchor, AnchoredTo, RecordDoc, Side, Written, collections::splits_character, value::units,
};
use crate::{hlc::Hlc, id::OriginId, id::UserId, schema::MergeRule, value::Value};
use automerge::{ObjId, ReadDoc};
use serde::{Deserialize, Serialize};

/// A run of text from one user and device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlameRun {
    /// Where it begins, in UTF-16 units.
    pub at: u32,
    /// How long it is, in UTF-16 units.
    pub len: u32,
    /// The user.
    pub author: UserId,
    /// The device.
    pub origin: OriginId,
    /// The oldest stamp in it.
    pub first: Hlc,
    /// The newest stamp in it.
    pub last: Hlc,
}

impl RecordDoc {
    /// Who wrote what of a text, from front to back, without gaps. None where the field is no text.
    pub fn blame(&self, field: &[String]) -> Option<Vec<BlameRun>> {
        let path = self.names.newest_path(field)?;
        if !matches!(self.names.rule(&path)?, MergeRule::Text) {
            return None;
        }
        let text = self.any_sequence(&path)?;
        let reader = self.reader();
        let mut runs: Vec<BlameRun> = Vec::new();
        let mut at = 0u32;
        for (id, value) in reader.items(&text) {
            let stamp = reader.stamp(&id)?;
            let len = u32::try_from(value.as_text().map_or(0, units)).ok()?;
            let Written {
                hlc,
                origin,
                author,
            } = stamp.written();
            match runs.last_mut() {
                Some(run) if (run.author, run.origin) == (author, origin) => {
                    run.len = run.len.saturating_add(len);
                    run.first = run.first.min(hlc);
                    run.last = run.last.max(hlc);
                }
                _ => runs.push(BlameRun {
                    at,
                    len,
                    author,
                    origin,
                    first: hlc,
                    last: hlc,
                }),
            }
            at = at.saturating_add(len);
        }
        Some(runs)
    }

    /// The entries of an append-only list in its order, each with who wrote it. None where the
    /// field is no such list.
    pub fn entries(&self, field: &[String]) -> Option<Vec<(Value, Written)>> {
        let reader = self.reader();
        let path = self.names.newest_path(field)?;
        let (rule, spots) = reader.spots(&path)?;
        let entries = match rule {
            MergeRule::Append(_) => reader.entries(&spots),
            _ => return None,
        };
        let told = entries
            .into_iter()
            .map(|entry| (entry.value, entry.stamp.written()));
        Some(told.collect())
    }

    /// Hangs a place of a text (in UTF-16 units) or list on what stands beside it. None where the
    /// field is neither or the place lies behind its end or inside a surrogate pair.
    pub fn anchor(&self, field: &[String], at: u32, side: Side) -> Option<Anchor> {
        let field = self.names.newest_path(field)?;
        let object = self.any_sequence(&field)?;
        let length = self.engine.length(&object);
        if splits_character(&self.engine, &object, at as usize, length) {
            return None;
        }
        let on = AnchoredTo::of(&self.engine, &object, at as usize, side)?;
        Some(Anchor { field, on })
    }

    /// Where an anchor's place is now. What it hangs on may be gone: then it is where that stood.
    /// None where this document never held what it hangs on.
    pub fn resolve(&self, anchor: &Anchor) -> Option<u32> {
        let field = self.names.newest_path(&anchor.field)?;
        if let AnchoredTo::Behind(id) | AnchoredTo::Before(id) = anchor.on {
            // The engine panics on an operation of another object.
            let inserted = self.gate.inserted_into(&id)?;
            if self.names.newest_path(inserted)? != field {
                return None;
            }
        }
        let object = self.any_sequence(&field)?;
        let at = anchor.on.resolve(&self.engine, &object)?;
        u32::try_from(at).ok()
    }

    fn any_sequence(&self, path: &[String]) -> Option<ObjId> {
        let path = self.names.newest_path(path)?;
        match self.names.rule(&path)? {
            MergeRule::Text | MergeRule::List(_) => self.reader().sequence(&path),
            MergeRule::Lww(_)
            | MergeRule::Group(_)
            | MergeRule::Keep(_)
            | MergeRule::Once(_)
            | MergeRule::Counter
            | MergeRule::Set(_)
            | MergeRule::Append(_)
            | MergeRule::Map(_)
            | MergeRule::Open(_) => None,
        }
    }
}
