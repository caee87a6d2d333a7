//! Intents: operations as they were asked for, with their places as anchors, so that they can be
//! made again in a history from which something was taken out.

use super::{
    Anchor, BodyDoc, BodyEdit, BodyOp, EditError, Side,
    anchor::anchor_in,
    blocks::block_at,
    chains::Unit,
    doc::Root,
    edit::Written,
    ids::{IdMap, IdRuns, ItemId},
    index::Seat,
    kept::unit_of,
    perform::Hand,
    scan::Item,
};
use crate::id::ViewId;
use crate::judge::Place;
use serde::{Deserialize, Serialize};
use yrs::ReadTxn;

/// One operation of an edit that was made, and what its places were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyIntent {
    /// The operation as it was asked for; its positions are where to fall back to.
    pub op: BodyOp,
    /// The block it speaks of, or whose text.
    pub(super) block: Option<ItemId>,
    /// Where its text goes, or its range begins.
    pub(super) start: Option<Anchor>,
    /// Where its range ends.
    pub(super) end: Option<Anchor>,
    /// The blocks between which a new one stands: the parent, the one before, the one after.
    pub(super) between: Option<Between>,
    /// What a splice deleted.
    pub(super) doomed: Vec<(ItemId, u32)>,
}

/// A place among blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Between {
    pub(super) parent: Option<ItemId>,
    pub(super) before: Option<ItemId>,
    pub(super) after: Option<ItemId>,
}

impl BodyDoc {
    /// As [`BodyDoc::edit`], and notes what was meant, to be kept until the change set is final.
    pub fn edit_noting(
        &mut self,
        place: &Place,
        view: ViewId,
        ops: &[BodyOp],
    ) -> Result<(BodyEdit, Vec<BodyIntent>), EditError> {
        let mut noted: Vec<(BodyIntent, u32)> = Vec::with_capacity(ops.len());
        let written = self.write(place, |hand| {
            for (at, op) in ops.iter().enumerate() {
                let from = hand.clock();
                let gone = (at > 0).then(|| hand.deleted());
                let mut intent = hand.intent(op);
                hand.perform(at, op)?;
                if let BodyOp::Splice { delete: 1.., .. } = op {
                    let now = hand.deleted();
                    intent.doomed = without(&now, gone.as_ref());
                }
                noted.push((intent, from));
            }
            Ok(())
        })?;
        // Where text went is known from what was written, which is cheaper than looking it up.
        for (intent, from) in &mut noted {
            if let BodyOp::Splice { .. } = &intent.op {
                intent.start = self.first_place(&written, *from);
            }
        }
        let edit = self.finish_edit(view, place.hlc, written);
        Ok((edit, noted.into_iter().map(|(intent, _)| intent).collect()))
    }

    /// Where the first block of a sequence went that was written at a clock or after it.
    fn first_place(&self, written: &Written, from: u32) -> Option<Anchor> {
        let ends = |item: &Item<Seat>| item.clock.saturating_add(item.len) <= from;
        let item = written.items.get(written.items.partition_point(ends))?;
        let id = |unit: Unit| {
            let client = self.gate.client_of(unit.chain)?;
            let clock = unit.clock;
            Some(ItemId { client, clock })
        };
        Some(match (item.left, item.right) {
            (Some(left), _) => Anchor::at_unit(id(left)?, Side::Before),
            (None, Some(right)) => Anchor::at_unit(id(right)?, Side::After),
            (None, None) => {
                let (block, _) = self.gate.stands_in(written.from.client, item.clock)?;
                Anchor::at_end(block.map(|(client, clock)| ItemId { client, clock }))
            }
        })
    }

    /// Makes noted operations again, as one change set at `place`. `ids` says which units of
    /// excluded change sets were made again ([`IdMap::pair`]); anchors and deletions that name the
    /// old ones mean the new. Nothing that others wrote in between is deleted. Where an anchor's
    /// unit never came, the position as it was asked for is taken, as far as the text reaches;
    /// where the block is gone, the answer is [`EditError::PlaceGone`] and nothing is made.
    pub fn replay(
        &mut self,
        place: &Place,
        view: ViewId,
        intents: &[BodyIntent],
        ids: &IdMap,
    ) -> Result<BodyEdit, EditError> {
        let redone = self.redone.clone();
        let now = |id: ItemId| redone.follow(ids.follow(id));
        let pieces = |id: ItemId, len: u32| -> Vec<(ItemId, u32)> {
            let again = ids.pieces(id, len).into_iter();
            again
                .flat_map(|(_, id, len)| redone.pieces(id, len))
                .map(|(_, id, len)| (id, len))
                .collect()
        };
        let written = self.write(place, |hand| {
            for (at, intent) in intents.iter().enumerate() {
                hand.replay(at, intent, &now, &pieces)?;
            }
            Ok(())
        })?;
        Ok(self.finish_edit(view, place.hlc, written))
    }
}

/// Runs of one set without those of another.
fn without(set: &IdRuns, other: Option<&IdRuns>) -> Vec<(ItemId, u32)> {
    let Some(other) = other else {
        return set.iter().collect();
    };
    let mut left = IdRuns::default();
    for (id, len) in set.iter() {
        for by in 0..len {
            if !other.contains(id.plus(by)) {
                left.insert(id.plus(by), 1);
            }
        }
    }
    left.iter().collect()
}

impl Hand<'_, '_> {
    /// What an operation means, before it is done. Where a splice goes is noted afterwards.
    fn intent(&self, op: &BodyOp) -> BodyIntent {
        let (txn, root) = (self.txn(), self.root());
        let mut intent = BodyIntent {
            op: op.clone(),
            block: None,
            start: None,
            end: None,
            between: None,
            doomed: Vec::new(),
        };
        match op {
            BodyOp::Splice { text, .. } => intent.block = unit_at(txn, root, text),
            BodyOp::Format { text, at, len, .. } => {
                let end = at.saturating_add(*len);
                intent.block = unit_at(txn, root, text);
                intent.start = anchor_in(txn, root, text, *at, Side::After);
                intent.end = anchor_in(txn, root, text, end, Side::Before);
            }
            BodyOp::Embed { text, at, .. } | BodyOp::SplitBlock { block: text, at } => {
                intent.block = unit_at(txn, root, text);
                intent.start = anchor_in(txn, root, text, *at, Side::Before);
            }
            BodyOp::InsertBlock { at, .. } => intent.between = between(txn, root, at),
            BodyOp::MoveBlock { from, to } => {
                intent.block = unit_at(txn, root, from);
                intent.between = between(txn, root, to);
            }
            BodyOp::JoinBlock { block }
            | BodyOp::DeleteBlock { block }
            | BodyOp::SetAttribute { block, .. } => intent.block = unit_at(txn, root, block),
        }
        intent
    }
}

fn unit_at<T: ReadTxn>(txn: &T, root: &Root, path: &[u32]) -> Option<ItemId> {
    match root {
        Root::Text(_) => None,
        Root::Tree(tree) => unit_of(block_at(txn, tree, path)?.as_ref()),
    }
}

fn between<T: ReadTxn>(txn: &T, root: &Root, path: &[u32]) -> Option<Between> {
    let (last, above) = path.split_last()?;
    let sibling = |index: Option<u32>| {
        let mut path = above.to_vec();
        path.push(index?);
        unit_at(txn, root, &path)
    };
    Some(Between {
        parent: unit_at(txn, root, above),
        before: sibling(last.checked_sub(1)),
        after: sibling(Some(*last)),
    })
}
