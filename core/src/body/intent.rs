//! Intents: operations as they were asked for, with their places as anchors, so that they can be
//! made again in a history from which something was taken out.

use super::{
    Anchor, BlockPath, BodyDoc, BodyEdit, BodyOp, EditError, Position, Side,
    anchor::{anchor_in, resolve_in},
    blocks::{block_at, segments},
    doc::Root,
    ids::{IdMap, IdRuns, ItemId},
    kept::unit_of,
    patch::block_path,
    perform::Hand,
    state::{State, Stored},
    undo::ViewId,
};
use crate::judge::Place;
use serde::{Deserialize, Serialize};
use yrs::{BranchID, ReadTxn, Text, XmlElementRef, XmlFragmentRef, block::ItemContent};

/// One operation of an edit that was made, and what its places were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BodyIntent {
    /// The operation as it was asked for; its positions are where to fall back to.
    pub op: BodyOp,
    /// The block it speaks of, or whose text.
    block: Option<ItemId>,
    /// Where its text goes, or its range begins.
    start: Option<Anchor>,
    /// Where its range ends.
    end: Option<Anchor>,
    /// The blocks between which a new one stands: the parent, the one before, the one after.
    between: Option<Between>,
    /// What a splice deleted.
    doomed: Vec<(ItemId, u32)>,
}

/// A place among blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Between {
    parent: Option<ItemId>,
    before: Option<ItemId>,
    after: Option<ItemId>,
}

impl BodyDoc {
    /// As [`BodyDoc::edit`], and notes what was meant, to be kept until the change set is final.
    pub fn edit_noting(
        &mut self,
        place: &Place,
        view: ViewId,
        ops: &[BodyOp],
    ) -> Result<(BodyEdit, Vec<BodyIntent>), EditError> {
        let mut noted: Vec<(BodyIntent, u32)> = Vec::new();
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
        // Where text went is read from what was written, which is cheaper than looking it up.
        if let Some(update) = State::read(&written.payload) {
            for (intent, from) in &mut noted {
                if let BodyOp::Splice { .. } = &intent.op {
                    let first = written.from.client;
                    intent.start = first_place(&update, ItemId { client: first, clock: *from });
                }
            }
        }
        let edit = self.finish_edit(view, place.hlc, written);
        Ok((edit, noted.into_iter().map(|(intent, _)| intent).collect()))
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
        let gate = self.gate.clone();
        let now = |id: ItemId| redone.follow(ids.follow(id));
        let pieces = |id: ItemId, len: u32| -> Vec<(ItemId, u32)> {
            let mut out = Vec::new();
            for (_, id, len) in ids.pieces(id, len) {
                for (_, id, len) in redone.pieces(id, len) {
                    let mut by = 0_u32;
                    while by < len {
                        let at = id.plus(by);
                        // Only units that stand side by side: what others put between stays.
                        let Some(run) = gate.run_of(at.client, at.clock) else {
                            by = by.saturating_add(1);
                            continue;
                        };
                        let most = run.clock.saturating_add(run.len).saturating_sub(at.clock);
                        let most = most.min(len.saturating_sub(by)).max(1);
                        out.push((at, most));
                        by = by.saturating_add(most);
                    }
                }
            }
            out
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

/// Where the first new block of a sequence went.
fn first_place(update: &State, from: ItemId) -> Option<Anchor> {
    let mut block: &Stored = update.block(from)?;
    while block.key.is_some() {
        block = update.block(ItemId {
            client: from.client,
            clock: block.end(),
        })?;
    }
    Some(match (block.left, block.right) {
        (Some(left), _) => Anchor::at_unit(left, Side::Before),
        (None, Some(right)) => Anchor::at_unit(right, Side::After),
        (None, None) => Anchor::at_end(update.seat(block)?.parent),
    })
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

impl IdMap {
    /// Notes that one update made again what another had made: texts, embeds, blocks and
    /// attributes, each kind in its order. What only one of them holds (borders of formats, which
    /// depend on what stands around) is left out.
    pub fn pair(&mut self, old: &[u8], new: &[u8]) {
        let (Some(old), Some(new)) = (State::read(old), State::read(new)) else {
            return;
        };
        for kind in [Kind::Text, Kind::Embed, Kind::Container, Kind::Attribute] {
            let mut news = units_of_kind(&new, kind);
            for (old, len) in units_of_kind(&old, kind) {
                let mut by = 0_u32;
                while by < len {
                    let Some((new, left)) = news.first_mut() else {
                        return;
                    };
                    let count = (*left).min(len.saturating_sub(by));
                    self.insert(old.plus(by), *new, count);
                    by = by.saturating_add(count);
                    *new = new.plus(count);
                    *left = left.saturating_sub(count);
                    if *left == 0 {
                        news.remove(0);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Embed,
    Container,
    Attribute,
}

fn units_of_kind(update: &State, kind: Kind) -> Vec<(ItemId, u32)> {
    update
        .blocks()
        .filter(|block| match &block.content {
            ItemContent::String(_) => kind == Kind::Text,
            ItemContent::Embed(_) => kind == Kind::Embed,
            ItemContent::Type(_) => kind == Kind::Container,
            ItemContent::Any(_) => kind == Kind::Attribute,
            ItemContent::Format(_, _)
            | ItemContent::Binary(_)
            | ItemContent::Deleted(_)
            | ItemContent::Doc(_, _)
            | ItemContent::JSON(_) => false,
        })
        .map(|block| (block.id, block.len))
        .collect()
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

    /// Does what was meant, in the document as it is.
    fn replay(
        &mut self,
        op: usize,
        intent: &BodyIntent,
        now: &impl Fn(ItemId) -> ItemId,
        pieces: &impl Fn(ItemId, u32) -> Vec<(ItemId, u32)>,
    ) -> Result<(), EditError> {
        let gone = || EditError::PlaceGone { op };
        match &intent.op {
            BodyOp::Splice {
                at, insert, marks, ..
            } => {
                for (id, len) in intent.doomed.iter().flat_map(|(id, len)| pieces(*id, *len)) {
                    self.delete_units(op, id, len)?;
                }
                if insert.is_empty() {
                    return Ok(());
                }
                let to = self.position(intent.start, intent.block, *at, now).ok_or_else(gone)?;
                self.perform(
                    op,
                    &BodyOp::Splice {
                        text: to.path,
                        at: to.at,
                        delete: 0,
                        insert: insert.clone(),
                        marks: marks.clone(),
                    },
                )
            }
            BodyOp::Format { at, len, marks, .. } => {
                let from = self.position(intent.start, intent.block, *at, now).ok_or_else(gone)?;
                let end = at.saturating_add(*len);
                let to = self.position(intent.end, intent.block, end, now).ok_or_else(gone)?;
                let len = to.at.saturating_sub(from.at);
                if from.path != to.path || len == 0 {
                    // All that was formatted is gone.
                    return Ok(());
                }
                self.perform(
                    op,
                    &BodyOp::Format {
                        text: from.path,
                        at: from.at,
                        len,
                        marks: marks.clone(),
                    },
                )
            }
            BodyOp::Embed { at, value, .. } => {
                let to = self.position(intent.start, intent.block, *at, now).ok_or_else(gone)?;
                let value = value.clone();
                self.perform(
                    op,
                    &BodyOp::Embed {
                        text: to.path,
                        at: to.at,
                        value,
                    },
                )
            }
            BodyOp::SplitBlock { at, .. } => {
                let to = self.position(intent.start, intent.block, *at, now).ok_or_else(gone)?;
                self.perform(
                    op,
                    &BodyOp::SplitBlock {
                        block: to.path,
                        at: to.at,
                    },
                )
            }
            BodyOp::InsertBlock {
                at,
                tag,
                attributes,
                text,
            } => {
                let at = self.among(intent.between, at, now).ok_or_else(gone)?;
                self.perform(
                    op,
                    &BodyOp::InsertBlock {
                        at,
                        tag: tag.clone(),
                        attributes: attributes.clone(),
                        text: text.clone(),
                    },
                )
            }
            BodyOp::MoveBlock { to, .. } => {
                let from = self.path(intent.block, now).ok_or_else(gone)?;
                let to = self.among(intent.between, to, now).ok_or_else(gone)?;
                self.perform(op, &BodyOp::MoveBlock { from, to })
            }
            BodyOp::JoinBlock { .. } => {
                let block = self.path(intent.block, now).ok_or_else(gone)?;
                self.perform(op, &BodyOp::JoinBlock { block })
            }
            BodyOp::DeleteBlock { .. } => match self.path(intent.block, now) {
                Some(block) => self.perform(op, &BodyOp::DeleteBlock { block }),
                // Somebody deleted it already.
                None => Ok(()),
            },
            BodyOp::SetAttribute { name, value, .. } => {
                let block = self.path(intent.block, now).ok_or_else(gone)?;
                self.perform(
                    op,
                    &BodyOp::SetAttribute {
                        block,
                        name: name.clone(),
                        value: value.clone(),
                    },
                )
            }
        }
    }

    /// Deletes what is left of units that stand side by side.
    fn delete_units(&mut self, op: usize, id: ItemId, len: u32) -> Result<(), EditError> {
        let last = id.plus(len.saturating_sub(1));
        let from = resolve_in(self.txn(), self.root(), Anchor::at_unit(id, Side::After));
        let to = resolve_in(self.txn(), self.root(), Anchor::at_unit(last, Side::Before));
        let (Some(from), Some(to)) = (from, to) else {
            return Ok(());
        };
        let delete = to.at.saturating_sub(from.at);
        if from.path != to.path || delete == 0 {
            return Ok(());
        }
        self.perform(
            op,
            &BodyOp::Splice {
                text: from.path,
                at: from.at,
                delete,
                insert: String::new(),
                marks: None,
            },
        )
    }

    /// An anchor's place; or, where its unit never came, the place as asked for in the same text.
    fn position(
        &self,
        anchor: Option<Anchor>,
        block: Option<ItemId>,
        at: u32,
        now: &impl Fn(ItemId) -> ItemId,
    ) -> Option<Position> {
        let (txn, root) = (self.txn(), self.root());
        let found = anchor.and_then(|anchor| resolve_in(txn, root, anchor.map(now)));
        if found.is_some() {
            return found;
        }
        let (path, len) = match root {
            Root::Text(text) => (BlockPath::new(), text.len(txn)),
            Root::Tree(tree) => {
                let path = self.path(block, now)?;
                let block = block_at(txn, tree, &path)?;
                let len = segments(txn, &block)
                    .last()
                    .map_or(0, |last| last.start.saturating_add(last.len));
                (path, len)
            }
        };
        let at = self.off_pair(&path, at.min(len));
        Some(Position { path, at })
    }

    fn path(&self, block: Option<ItemId>, now: &impl Fn(ItemId) -> ItemId) -> Option<BlockPath> {
        path_of(self.txn(), self.root(), now(block?))
    }

    /// A place among blocks: before the one that followed, after the one before, or at the end.
    fn among(
        &self,
        between: Option<Between>,
        asked: &BlockPath,
        now: &impl Fn(ItemId) -> ItemId,
    ) -> Option<BlockPath> {
        let between = between?;
        if let Some(path) = self.path(between.after, now) {
            return Some(path);
        }
        if let Some(mut path) = self.path(between.before, now) {
            let last = path.last_mut()?;
            *last = last.saturating_add(1);
            return Some(path);
        }
        let (last, above) = asked.split_last()?;
        let mut path = match between.parent {
            Some(parent) => self.path(Some(parent), now)?,
            None if above.is_empty() => BlockPath::new(),
            None => return None,
        };
        path.push((*last).min(blocks_in(self.txn(), self.root(), &path)?));
        Some(path)
    }
}

fn path_of<T: ReadTxn>(txn: &T, root: &Root, unit: ItemId) -> Option<BlockPath> {
    let Root::Tree(tree) = root else {
        return None;
    };
    let block = XmlElementRef::from(BranchID::get_nested(txn, &unit.to_yrs())?);
    block_path(txn, tree, &block)
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

/// How many blocks stand in the root or in a block.
fn blocks_in<T: ReadTxn>(txn: &T, root: &Root, path: &[u32]) -> Option<u32> {
    let Root::Tree(tree) = root else {
        return None;
    };
    let parent: XmlFragmentRef = if path.is_empty() {
        tree.clone()
    } else {
        let block = block_at(txn, tree, path)?;
        let parent: &XmlFragmentRef = block.as_ref();
        parent.clone()
    };
    // Asking for a place far too late answers how many there are.
    super::blocks::child_index(txn, &parent, u32::MAX).err()
}
