//! Anchors: places in a text that stay where they are while others edit around them.

use super::{
    BlockPath, BodyDoc,
    blocks::{Piece, Segment, block_at, segments},
    doc::Root,
    ids::ItemId,
    kept::unit_of,
    patch::block_path,
};
use serde::{Deserialize, Serialize};
use yrs::{
    Assoc, BranchID, IndexedSequence, ReadTxn, StickyIndex, Text, Transact, Xml, XmlElementRef,
    XmlFragmentRef, XmlOut, XmlTextRef,
};

/// A place between two units of a text, held by one of them. It survives edits on any replica;
/// when its unit is deleted it stays where that was. It does not follow text that is moved to
/// another block: to the engine that is a deletion and an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Anchor {
    held: Held,
    side: Side,
}

/// What holds an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Held {
    /// A unit of the text.
    Unit(ItemId),
    /// The end of a block's text, or its beginning.
    Block(ItemId),
    /// The end of the root text, or its beginning.
    Root,
}

/// Which neighbour holds an anchor, and so on which side of it text appears that is inserted
/// exactly there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// The unit before it: what is inserted there comes after the anchor.
    Before,
    /// The unit after it: what is inserted there comes before the anchor.
    After,
}

/// A place in a body: a text, and how many UTF-16 units into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The text: empty in the `text` layout, else its block's path.
    pub path: BlockPath,
    /// Where in it.
    pub at: u32,
}

impl Anchor {
    /// The same place held by another unit, where its own was made again.
    pub(super) fn map(self, now: impl Fn(ItemId) -> ItemId) -> Anchor {
        let held = match self.held {
            Held::Unit(id) => Held::Unit(now(id)),
            Held::Block(id) => Held::Block(now(id)),
            Held::Root => Held::Root,
        };
        Anchor {
            held,
            side: self.side,
        }
    }

    /// A place held by a unit.
    pub(super) fn at_unit(unit: ItemId, side: Side) -> Anchor {
        Anchor {
            held: Held::Unit(unit),
            side,
        }
    }

    /// The end of a block's text, or of the root's.
    pub(super) fn at_end(block: Option<ItemId>) -> Anchor {
        Anchor {
            held: block.map_or(Held::Root, Held::Block),
            side: Side::After,
        }
    }
}

impl BodyDoc {
    /// Anchors a place; none where there is no such text or it is shorter.
    pub fn anchor(&self, text: &BlockPath, at: u32, side: Side) -> Option<Anchor> {
        let txn = self.engine.doc.transact();
        anchor_in(&txn, &self.engine.root, text, at, side)
    }

    /// Where an anchor is now; none when the block it stood in is gone.
    pub fn resolve(&self, anchor: &Anchor) -> Option<Position> {
        let txn = self.engine.doc.transact();
        let anchor = anchor.map(|id| self.now(id));
        resolve_in(&txn, &self.engine.root, anchor)
    }
}

/// Anchors a place, also inside an open transaction.
pub(super) fn anchor_in<T: ReadTxn>(
    txn: &T,
    root: &Root,
    text: &[u32],
    at: u32,
    side: Side,
) -> Option<Anchor> {
    let (held, len) = match root {
        Root::Text(whole) if text.is_empty() => {
            let len = whole.len(txn);
            let held = unit_beside(at, len, side)
                .and_then(|unit| unit_at(whole.sticky_index(txn, unit, Assoc::After).as_ref()));
            (held.map_or(Held::Root, Held::Unit), len)
        }
        Root::Text(_) => return None,
        Root::Tree(tree) => {
            let block = block_at(txn, tree, text)?;
            let parts = segments(txn, &block);
            let len = length(&parts);
            let held = unit_beside(at, len, side).and_then(|unit| unit_in(txn, &parts, unit));
            let edge = unit_of(block.as_ref()).map(Held::Block)?;
            (held.map_or(edge, Held::Unit), len)
        }
    };
    (at <= len).then_some(Anchor { held, side })
}

/// The unit at a place of a block's text.
fn unit_in<T: ReadTxn>(txn: &T, parts: &[Segment], unit: u32) -> Option<ItemId> {
    let part = parts
        .iter()
        .find(|part| unit < part.start.saturating_add(part.len))?;
    match &part.what {
        Piece::Block(inner) => unit_of(inner.as_ref()),
        Piece::Text(text) => {
            let within = unit.checked_sub(part.start)?;
            unit_at(text.sticky_index(txn, within, Assoc::After).as_ref())
        }
    }
}

/// Where an anchor is, also inside an open transaction.
pub(super) fn resolve_in<T: ReadTxn>(txn: &T, root: &Root, anchor: Anchor) -> Option<Position> {
    match (root, anchor.held) {
        (Root::Text(text), Held::Root) => Some(Position {
            path: BlockPath::new(),
            at: edge(anchor.side, text.len(txn)),
        }),
        (Root::Text(_), Held::Block(_)) | (Root::Tree(_), Held::Root) => None,
        (Root::Tree(tree), Held::Block(unit)) => {
            let block = XmlElementRef::from(BranchID::get_nested(txn, &unit.to_yrs())?);
            Some(Position {
                path: block_path(txn, tree, &block)?,
                at: edge(anchor.side, length(&segments(txn, &block))),
            })
        }
        (root, Held::Unit(unit)) => resolve_unit(txn, root, unit, anchor.side),
    }
}

fn resolve_unit<T: ReadTxn>(txn: &T, root: &Root, unit: ItemId, side: Side) -> Option<Position> {
    let assoc = match side {
        Side::Before => Assoc::Before,
        Side::After => Assoc::After,
    };
    let place = StickyIndex::from_id(unit.to_yrs(), assoc).get_offset(txn)?;
    let tree = match root {
        Root::Text(_) => {
            return Some(Position {
                path: BlockPath::new(),
                at: place.index,
            });
        }
        Root::Tree(tree) => tree,
    };
    let holder = match XmlOut::try_from(place.branch).ok()? {
        XmlOut::Text(text) => return in_text(txn, tree, &text, place.index),
        XmlOut::Element(element) => element,
        // A top-level block is no place in a text.
        XmlOut::Fragment(_) => return None,
    };
    // The unit is a block among text: the engine counts children, positions count units.
    let parts = segments(txn, &holder);
    let before = usize::try_from(place.index).ok()?;
    let at = match parts.get(before) {
        Some(part) => part.start,
        None => length(&parts),
    };
    Some(Position {
        path: block_path(txn, tree, &holder)?,
        at,
    })
}

fn length(parts: &[Segment]) -> u32 {
    parts
        .last()
        .map_or(0, |last| last.start.saturating_add(last.len))
}

fn in_text<T: ReadTxn>(
    txn: &T,
    tree: &XmlFragmentRef,
    text: &XmlTextRef,
    within: u32,
) -> Option<Position> {
    let XmlOut::Element(block) = text.parent()? else {
        return None;
    };
    let wanted = unit_of(text.as_ref());
    let parts = segments(txn, &block);
    let found = parts.iter().find(|part| match &part.what {
        Piece::Text(part) => unit_of(part.as_ref()) == wanted,
        Piece::Block(_) => false,
    });
    Some(Position {
        path: block_path(txn, tree, &block)?,
        // A text that was deleted as a whole leaves its anchors at the block's beginning.
        at: found.map_or(0, |part| part.start.saturating_add(within)),
    })
}

/// The unit that holds an anchor; none at the edge.
fn unit_beside(at: u32, len: u32, side: Side) -> Option<u32> {
    match side {
        Side::Before => at.checked_sub(1),
        Side::After => Some(at),
    }
    .filter(|unit| *unit < len)
}

fn edge(side: Side, len: u32) -> u32 {
    match side {
        Side::Before => 0,
        Side::After => len,
    }
}

fn unit_at(index: Option<&StickyIndex>) -> Option<ItemId> {
    index.and_then(StickyIndex::id).map(ItemId::from_yrs)
}
