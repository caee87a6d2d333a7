//! Doing again what an intent meant, in the document as it is.

use super::{
    Anchor, BlockPath, BodyIntent, BodyOp, EditError, Position, Side,
    anchor::resolve_in,
    blocks::{block_at, child_index, segments},
    doc::Root,
    ids::ItemId,
    intent::Between,
    patch::block_path,
    perform::Hand,
};
use yrs::{BranchID, ReadTxn, Text, XmlElementRef, XmlFragmentRef};

impl Hand<'_, '_> {
    /// Does what was meant, in the document as it is.
    pub(super) fn replay(
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
                    for (id, len) in self.side_by_side(id, len) {
                        self.delete_units(op, id, len)?;
                    }
                }
                if insert.is_empty() {
                    return Ok(());
                }
                let to = self
                    .position(intent.start, intent.block, *at, now)
                    .ok_or_else(gone)?;
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
                let from = self
                    .position(intent.start, intent.block, *at, now)
                    .ok_or_else(gone)?;
                let end = at.saturating_add(*len);
                let to = self
                    .position(intent.end, intent.block, end, now)
                    .ok_or_else(gone)?;
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
                let to = self
                    .position(intent.start, intent.block, *at, now)
                    .ok_or_else(gone)?;
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
                let to = self
                    .position(intent.start, intent.block, *at, now)
                    .ok_or_else(gone)?;
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

    /// Units cut where others have put something between them, which is not to be deleted.
    fn side_by_side(&self, id: ItemId, len: u32) -> Vec<(ItemId, u32)> {
        let mut out = Vec::new();
        let mut by = 0_u32;
        while by < len {
            let at = id.plus(by);
            let rest = len.saturating_sub(by);
            let run = self.gate.run_of(at.client, at.clock);
            let count = run.map_or(1, |run| {
                let end = run.clock.saturating_add(run.len);
                end.saturating_sub(at.clock).clamp(1, rest)
            });
            if run.is_some() {
                out.push((at, count));
            }
            by = by.saturating_add(count);
        }
        out
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
    child_index(txn, &parent, u32::MAX).err()
}
