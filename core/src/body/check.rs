//! What an operation names, and whether it may be done: checked before anything is touched.

use super::{
    BlockPath, EditError, Marks,
    blocks::{Piece, block_at, child_index, segments},
    doc::Root,
    ids::ItemId,
    marks::{Stands, ValueFault, key_fits, tag_fits, to_any},
    perform::{Hand, Target},
    text,
};
use crate::{limits::DEPTH_MAX, value::Value};
use std::collections::BTreeMap;
use yrs::{Assoc, IndexedSequence, Text, TextRef, XmlElementRef, XmlFragmentRef};

impl<'a> Hand<'a, '_> {
    pub(super) fn target(&self, path: &BlockPath) -> Result<Target, EditError> {
        match self.root {
            Root::Text(text) if path.is_empty() => Ok(Target::Whole(text.clone())),
            Root::Text(_) => Err(EditError::NoBlocks { op: self.op }),
            Root::Tree(_) if path.is_empty() => Err(EditError::NoText { op: self.op }),
            Root::Tree(_) => Ok(Target::Block(self.block(path)?)),
        }
    }

    pub(super) fn tree(&self) -> Result<&'a XmlFragmentRef, EditError> {
        match self.root {
            Root::Text(_) => Err(EditError::NoBlocks { op: self.op }),
            Root::Tree(tree) => Ok(tree),
        }
    }

    pub(super) fn block(&self, path: &[u32]) -> Result<XmlElementRef, EditError> {
        block_at(self.txn, self.tree()?, path).ok_or_else(|| EditError::NoBlock {
            op: self.op,
            path: path.to_vec(),
        })
    }

    /// The fragment or block that a path's last step counts in.
    pub(super) fn parent(&self, path: &BlockPath) -> Result<XmlFragmentRef, EditError> {
        let above = path
            .split_last()
            .map_or(path.as_slice(), |(_, above)| above);
        if above.is_empty() {
            return Ok(self.tree()?.clone());
        }
        let block = self.block(above)?;
        let parent: &XmlFragmentRef = block.as_ref();
        Ok(parent.clone())
    }

    /// Where a new block shall stand: its parent, and the engine's child index there.
    pub(super) fn place(&self, path: &BlockPath) -> Result<(XmlFragmentRef, u32), EditError> {
        let parent = self.parent(path)?;
        let Some(index) = path.last() else {
            return Err(EditError::NoBlock {
                op: self.op,
                path: path.clone(),
            });
        };
        match child_index(self.txn, &parent, *index) {
            Ok(child) => Ok((parent, child)),
            Err(count) => Err(EditError::NoPlace {
                op: self.op,
                path: path.clone(),
                count,
            }),
        }
    }

    pub(super) fn check_range(
        &self,
        path: &BlockPath,
        target: &Target,
        at: u32,
        count: u32,
    ) -> Result<(), EditError> {
        let len = match target {
            Target::Whole(text) => text.len(self.txn),
            Target::Block(block) => segments(self.txn, block)
                .last()
                .map_or(0, |last| last.start.saturating_add(last.len)),
        };
        let end = u64::from(at).saturating_add(u64::from(count));
        if end > u64::from(len) {
            return Err(EditError::PastEnd {
                op: self.op,
                path: path.clone(),
                at: end,
                len,
            });
        }
        for at in [at, at.saturating_add(count)] {
            if self.splits_pair(target, at) {
                return Err(EditError::InsidePair {
                    op: self.op,
                    path: path.clone(),
                    at,
                });
            }
        }
        Ok(())
    }

    pub(super) fn splits_pair(&self, target: &Target, at: u32) -> bool {
        if !self.pairs {
            return false;
        }
        match target {
            Target::Whole(text) => self.splits_pair_in(text, at),
            Target::Block(block) => segments(self.txn, block).iter().any(|segment| {
                let within = at.checked_sub(segment.start);
                match (&segment.what, within) {
                    (Piece::Text(text), Some(within)) if within < segment.len => {
                        self.splits_pair_in(text.as_ref(), within)
                    }
                    (Piece::Text(_) | Piece::Block(_), _) => false,
                }
            }),
        }
    }

    pub(super) fn splits_pair_in(&self, text: &TextRef, at: u32) -> bool {
        if at == 0 || at >= text.len(self.txn) {
            return false;
        }
        match self.unit_at(text, at) {
            Some(id) if id.client != self.client || id.clock < self.start => {
                self.gate.is_second_half(id.client, id.clock)
            }
            // Written in this very transaction: the gate has not seen it.
            Some(_) | None => text::inside_pair(self.txn, text, at),
        }
    }

    fn unit_at(&self, text: &TextRef, at: u32) -> Option<ItemId> {
        let made = self.clock().saturating_sub(self.start);
        if let Some(unit) = self.ruler.unit_at(self.txn, text, made, at) {
            let (client, clock) = (self.gate.client_of(unit.chain)?, unit.clock);
            return Some(ItemId { client, clock });
        }
        let unit = text.sticky_index(self.txn, at, Assoc::After)?;
        unit.id().map(ItemId::from_yrs)
    }

    pub(super) fn check_marks(&self, marks: &Marks) -> Result<(), EditError> {
        for (name, value) in marks {
            if !key_fits(name) {
                return Err(EditError::Name { op: self.op });
            }
            self.check_value(value, Stands::Json)?;
        }
        Ok(())
    }

    pub(super) fn check_block(
        &self,
        tag: &str,
        attributes: &BTreeMap<String, Value>,
    ) -> Result<(), EditError> {
        if !tag_fits(tag) {
            return Err(EditError::Tag { op: self.op });
        }
        for (name, value) in attributes {
            if !key_fits(name) {
                return Err(EditError::Name { op: self.op });
            }
            self.check_value(value, Stands::Attribute)?;
        }
        Ok(())
    }

    pub(super) fn check_value(&self, value: &Value, stands: Stands) -> Result<(), EditError> {
        match to_any(value, stands) {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    pub(super) fn check_depth(&self, depth: usize) -> Result<(), EditError> {
        if depth > DEPTH_MAX {
            return Err(EditError::Depth {
                op: self.op,
                max: DEPTH_MAX,
            });
        }
        Ok(())
    }

    pub(super) fn fault(&self, fault: ValueFault) -> EditError {
        EditError::Value { op: self.op, fault }
    }
}
