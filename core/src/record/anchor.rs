//! Places in a record's texts and lists that survive edits: they hang on an operation, not on a
//! number.
#![deny(clippy::arithmetic_side_effects)]

use super::{FieldPath, OpKey, session::op_key, value::units};
use automerge::{ActorId, Automerge, Cursor, ObjId, ObjType, ReadDoc};
use serde::{Deserialize, Serialize};

/// A place between two characters of a text or two entries of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The text or list.
    pub field: FieldPath,
    /// What it hangs on.
    pub on: AnchoredTo,
}

/// What a place hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnchoredTo {
    /// The beginning: what is inserted there comes after the place.
    Start,
    /// The end: what is inserted there comes before the place.
    End,
    /// Just behind what this operation inserted; text typed at the place comes after it.
    Behind(OpKey),
    /// Just before what this operation inserted; text typed at the place comes before it.
    Before(OpKey),
}

/// To which side a place belongs when something is inserted right at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// It stays with what stands before it.
    Left,
    /// It moves with what stands after it.
    Right,
}

impl AnchoredTo {
    /// Hangs a place of a text or list on its neighbour; none behind the end.
    pub(crate) fn of(engine: &Automerge, object: &ObjId, at: usize, side: Side) -> Option<Self> {
        let length = engine.length(object);
        if at > length {
            return None;
        }
        let id_at = |place: usize| op_key(&engine.get(object, place).ok()??.1);
        match side {
            Side::Left => match at.checked_sub(1) {
                None => Some(AnchoredTo::Start),
                Some(before) => id_at(before).map(AnchoredTo::Behind),
            },
            Side::Right if at == length => Some(AnchoredTo::End),
            Side::Right => id_at(at).map(AnchoredTo::Before),
        }
    }

    /// Where the place is now. What it hangs on may be gone: then it is where that stood.
    pub(crate) fn resolve(self, engine: &Automerge, object: &ObjId) -> Option<usize> {
        match self {
            AnchoredTo::Start => Some(0),
            AnchoredTo::End => Some(engine.length(object)),
            AnchoredTo::Before(id) => place_of(engine, object, &id),
            AnchoredTo::Behind(id) => {
                let at = place_of(engine, object, &id)?;
                match engine.get(object, at).ok()? {
                    Some((value, other)) if op_key(&other) == Some(id) => {
                        Some(at.saturating_add(width_of(engine, object, &value)))
                    }
                    Some(_) | None => Some(at),
                }
            }
        }
    }
}

/// Where an entry of a text or list stands, or, if it is gone, where it stood. The caller knows
/// that the operation inserted into this object: the engine panics on one of another.
pub(crate) fn place_of(engine: &Automerge, object: &ObjId, id: &OpKey) -> Option<usize> {
    let name = format!("{}@{}", id.counter, ActorId::from(id.actor));
    let cursor = Cursor::try_from(name).ok()?;
    if cfg!(debug_assertions) {
        // In debug builds automerge 0.12 compares its fast answer with a slow one, and they differ
        // for a last entry that is gone: it panics. Heads that name an old change as well take the
        // slow way alone, which has no answer for such an entry.
        let mut heads = engine.get_heads();
        let head = heads
            .first()
            .and_then(|head| engine.get_change_by_hash(head))?;
        heads.extend(head.deps().first());
        let found = engine.get_cursor_position(object, &cursor, Some(&heads));
        return Some(found.unwrap_or_else(|_| engine.length(object)));
    }
    engine.get_cursor_position(object, &cursor, None).ok()
}

/// How many places an entry takes: its UTF-16 units in a text, one in a list.
pub(crate) fn width_of<D: ReadDoc>(
    engine: &D,
    object: &ObjId,
    value: &automerge::Value<'_>,
) -> usize {
    match engine.object_type(object) {
        Ok(ObjType::Text) => value.as_str().map_or(1, units),
        Ok(ObjType::List | ObjType::Map | ObjType::Table) | Err(_) => 1,
    }
}
