//! One operation at a time, checked and then done, inside a transaction.

use super::{
    BlockPath, BodyGate, BodyOp, EditError, Marks, blocks,
    body_view::{Block, Inline, Node, Run, read_block, units},
    chains::Unit,
    compose::{Composer, Spot},
    doc::Root,
    ids::{IdRuns, ItemId},
    marks::{Stands, ValueFault, key_fits},
    ruler::Ruler,
    text,
};
use crate::value::Value;
use std::collections::BTreeMap;
use yrs::{
    BranchID, TextRef, TransactionMut, Update, XmlElementRef, block::ClientID, branch::Branch,
    updates::decoder::Decode,
};

/// An open transaction and what its operations are checked against.
pub(super) struct Hand<'a, 't> {
    pub(super) txn: &'a mut TransactionMut<'t>,
    pub(super) root: &'a Root,
    pub(super) gate: &'a BodyGate,
    pub(super) ruler: &'a mut Ruler,
    /// The writing client, and its clock when the transaction began.
    pub(super) client: u64,
    pub(super) start: u32,
    /// Whether the body holds characters of two units.
    pub(super) pairs: bool,
    /// Whether anything but plain text was written.
    pub(super) rich: bool,
    pub(super) op: usize,
}

/// A text that an operation names.
pub(super) enum Target {
    Whole(TextRef),
    Block(XmlElementRef),
}

impl<'a, 't> Hand<'a, 't> {
    pub(super) fn new(
        txn: &'a mut TransactionMut<'t>,
        root: &'a Root,
        gate: &'a BodyGate,
        ruler: &'a mut Ruler,
        client: u64,
        start: u32,
    ) -> Self {
        Hand {
            txn,
            root,
            gate,
            ruler,
            client,
            start,
            pairs: gate.has_second_halves(),
            rich: false,
            op: 0,
        }
    }

    pub(super) fn txn(&self) -> &TransactionMut<'t> {
        self.txn
    }

    pub(super) fn root(&self) -> &'a Root {
        self.root
    }

    /// The writing client's clock by now.
    pub(super) fn clock(&self) -> u32 {
        let made = self.txn.insert_set().get(&ClientID::new(self.client));
        let last = made.and_then(|ranges| ranges.iter().map(|(range, ())| range.end).max());
        last.unwrap_or(self.start)
    }

    /// What the transaction has deleted by now.
    pub(super) fn deleted(&self) -> IdRuns {
        IdRuns::from_yrs(self.txn.delete_set())
    }

    /// The same place of a text, or the one before it where it lies inside a pair.
    pub(super) fn off_pair(&self, path: &BlockPath, at: u32) -> u32 {
        match self.target(path) {
            Ok(target) if self.splits_pair(&target, at) => at.saturating_sub(1),
            Ok(_) | Err(_) => at,
        }
    }

    /// Checks and does one operation, the `op`-th of its list.
    pub(super) fn perform(&mut self, op: usize, what: &BodyOp) -> Result<(), EditError> {
        self.op = op;
        match what {
            BodyOp::Splice {
                text,
                at,
                delete,
                insert,
                marks,
            } => self.splice(text, *at, *delete, insert, marks.as_ref()),
            BodyOp::Format {
                text,
                at,
                len,
                marks,
            } => self.format(text, *at, *len, marks),
            BodyOp::Embed { text, at, value } => self.embed(text, *at, value),
            BodyOp::InsertBlock {
                at,
                tag,
                attributes,
                text,
            } => self.insert_block(at, tag, attributes, text),
            BodyOp::SplitBlock { block, at } => self.split(block, *at),
            BodyOp::JoinBlock { block } => self.join(block),
            BodyOp::MoveBlock { from, to } => self.move_block(from, to),
            BodyOp::DeleteBlock { block } => self.delete_block(block),
            BodyOp::SetAttribute { block, name, value } => self.set_attribute(block, name, value),
        }
    }

    fn splice(
        &mut self,
        path: &BlockPath,
        at: u32,
        delete: u32,
        insert: &str,
        marks: Option<&Marks>,
    ) -> Result<(), EditError> {
        let target = self.target(path)?;
        self.check_range(path, &target, at, delete)?;
        if let Some(marks) = marks {
            self.check_marks(marks)?;
            self.rich |= !marks.is_empty();
        }
        self.pairs |= insert.bytes().any(|byte| byte >= 0xf0);
        if let (Target::Whole(text), None) = (&target, marks)
            && self.splice_measured(text, at, delete, insert)?
        {
            return Ok(());
        }
        match &target {
            Target::Whole(text) => text::remove(self.txn, text, at, delete),
            Target::Block(block) if delete > 0 => {
                blocks::remove_units(self.txn, block, at, delete);
            }
            Target::Block(_) => {}
        }
        if insert.is_empty() {
            return Ok(());
        }
        let (text, at) = match &target {
            Target::Whole(text) => (text.clone(), at),
            Target::Block(block) => {
                let (text, at) = blocks::text_for_insert(self.txn, block, at);
                let text: &TextRef = text.as_ref();
                (text.clone(), at)
            }
        };
        match marks {
            None => text::insert(self.txn, &text, at, insert),
            Some(marks) => {
                // Taking inherited marks away writes their old values, which may be maps.
                self.rich = true;
                text::insert_marked(self.txn, &text, at, insert, marks);
            }
        }
        Ok(())
    }

    /// Splices by the ruler, where it knows the place; else answers false and did nothing. The
    /// engine is told what it would have found, so what it writes is the same.
    fn splice_measured(
        &mut self,
        text: &TextRef,
        at: u32,
        delete: u32,
        insert: &str,
    ) -> Result<bool, EditError> {
        let (client, clock) = (self.client, self.clock());
        let Some(chain) = self.gate.chain_of(client) else {
            return Ok(false);
        };
        let place = (at, delete);
        let new = (Unit { chain, clock }, units(insert));
        let made = clock.saturating_sub(self.start);
        let spliced = self
            .ruler
            .splice(self.txn, text, self.gate, made, place, new);
        let branch: &Branch = text.as_ref();
        let (Some(spliced), BranchID::Root(root)) = (spliced, branch.id()) else {
            return Ok(false);
        };
        let id = |unit: Unit| {
            let client = self.gate.client_of(unit.chain)?;
            let clock = unit.clock;
            Some(ItemId { client, clock })
        };
        let mut composer = Composer::new(&root, client, clock);
        if !insert.is_empty() {
            let spot = Spot {
                parent: None,
                left: spliced.left.and_then(id),
                right: spliced.right.and_then(id),
                key: None,
            };
            composer.put_text(&spot, insert);
        }
        for (unit, len) in spliced.deleted {
            if let Some(id) = id(unit) {
                composer.deleted.insert(id, len);
            }
        }
        let update = Update::decode_v1(&composer.finish()).map_err(|_| EditError::Stuck)?;
        let applied = self.txn.apply_update(update);
        applied.map_err(|_| EditError::Stuck)?;
        Ok(true)
    }

    fn format(
        &mut self,
        path: &BlockPath,
        at: u32,
        len: u32,
        marks: &Marks,
    ) -> Result<(), EditError> {
        let target = self.target(path)?;
        self.check_range(path, &target, at, len)?;
        self.check_marks(marks)?;
        self.rich = true;
        if len == 0 {
            return Ok(());
        }
        for (name, value) in marks {
            match &target {
                Target::Whole(text) => text::format(self.txn, text, at, len, name, value),
                Target::Block(block) => {
                    blocks::format_units(self.txn, block, at, len, name, value);
                }
            }
        }
        Ok(())
    }

    fn embed(&mut self, path: &BlockPath, at: u32, value: &Value) -> Result<(), EditError> {
        let target = self.target(path)?;
        self.check_range(path, &target, at, 0)?;
        self.rich = true;
        match &target {
            Target::Whole(text) => {
                // The engine gives an embedded string back as text, so the two could not be told
                // apart.
                if !matches!(value, Value::Map(_)) {
                    return Err(self.fault(ValueFault::Embed));
                }
                self.check_value(value, Stands::Json)?;
                text::embed(self.txn, text, at, value);
            }
            Target::Block(block) => {
                let inline = self.inline_block(value)?;
                self.check_depth(path.len().saturating_add(1))?;
                blocks::insert_inline(self.txn, block, at, &inline);
            }
        }
        Ok(())
    }

    /// An embed in a tree: an element with a tag and attributes.
    fn inline_block(&self, value: &Value) -> Result<Block, EditError> {
        let error = EditError::InlineBlock { op: self.op };
        let Value::Map(entries) = value else {
            return Err(error);
        };
        let known = ["tag", "attributes", "children"];
        if entries.keys().any(|key| !known.contains(&key.as_str())) {
            return Err(error);
        }
        let attributes = match entries.get("attributes") {
            Some(Value::Map(attributes)) => attributes.clone(),
            Some(_) => return Err(error),
            None => BTreeMap::new(),
        };
        if !matches!(entries.get("children"), None | Some(Value::List(_)))
            || matches!(entries.get("children"), Some(Value::List(list)) if !list.is_empty())
        {
            return Err(error);
        }
        let tag = entries.get("tag").and_then(Value::as_text).ok_or(error)?;
        self.check_block(tag, &attributes)?;
        Ok(Block {
            tag: tag.to_owned(),
            attributes,
            children: Vec::new(),
        })
    }

    fn insert_block(
        &mut self,
        at: &BlockPath,
        tag: &str,
        attributes: &BTreeMap<String, Value>,
        text: &str,
    ) -> Result<(), EditError> {
        self.check_block(tag, attributes)?;
        // The text inside lies one deeper than the block.
        self.check_depth(at.len().saturating_add(1))?;
        let (parent, child) = self.place(at)?;
        self.rich = true;
        self.pairs |= text.bytes().any(|byte| byte >= 0xf0);
        let children = if text.is_empty() {
            Vec::new()
        } else {
            vec![Node::Text(vec![Run {
                content: Inline::Text(text.to_owned()),
                marks: Marks::new(),
            }])]
        };
        let block = Block {
            tag: tag.to_owned(),
            attributes: attributes.clone(),
            children,
        };
        blocks::write_block(self.txn, &parent, child, &block);
        Ok(())
    }

    fn split(&mut self, path: &BlockPath, at: u32) -> Result<(), EditError> {
        let block = self.block(path)?;
        self.check_range(path, &Target::Block(block.clone()), at, 0)?;
        let mut after = path.clone();
        if let Some(last) = after.last_mut() {
            *last = last.saturating_add(1);
        }
        let (parent, child) = self.place(&after)?;
        self.rich = true;
        blocks::split(self.txn, &parent, &block, child, at);
        Ok(())
    }

    fn join(&mut self, path: &BlockPath) -> Result<(), EditError> {
        let block = self.block(path)?;
        let nothing = || EditError::NothingBefore {
            op: self.op,
            path: path.clone(),
        };
        let (last, _) = path.split_last().ok_or_else(nothing)?;
        let before = last.checked_sub(1).ok_or_else(nothing)?;
        let mut to = path.clone();
        if let Some(last) = to.last_mut() {
            *last = before;
        }
        let to = self.block(&to)?;
        let parent = self.parent(path)?;
        self.rich = true;
        let held = read_block(self.txn, &block);
        blocks::remove_block(self.txn, &parent, &block);
        blocks::append(self.txn, &to, &held.children);
        Ok(())
    }

    fn move_block(&mut self, from: &BlockPath, to: &BlockPath) -> Result<(), EditError> {
        let block = self.block(from)?;
        if to.len() > from.len() && to.starts_with(from) {
            return Err(EditError::IntoItself {
                op: self.op,
                from: from.clone(),
                to: to.clone(),
            });
        }
        let (parent, child) = self.place(to)?;
        if stays(from, to) {
            return Ok(());
        }
        let held = read_block(self.txn, &block);
        self.check_depth(to.len().saturating_add(height(&held)))?;
        let old_parent = self.parent(from)?;
        self.rich = true;
        blocks::write_block(self.txn, &parent, child, &held);
        blocks::remove_block(self.txn, &old_parent, &block);
        Ok(())
    }

    fn delete_block(&mut self, path: &BlockPath) -> Result<(), EditError> {
        let block = self.block(path)?;
        let parent = self.parent(path)?;
        blocks::remove_block(self.txn, &parent, &block);
        Ok(())
    }

    fn set_attribute(
        &mut self,
        path: &BlockPath,
        name: &str,
        value: &Value,
    ) -> Result<(), EditError> {
        let block = self.block(path)?;
        if !key_fits(name) {
            return Err(EditError::Name { op: self.op });
        }
        self.check_value(value, Stands::Attribute)?;
        self.rich = true;
        blocks::set_attribute(self.txn, &block, name, value);
        Ok(())
    }
}

/// Whether a move leaves a block where it is: before itself, or before the one that follows it.
fn stays(from: &[u32], to: &[u32]) -> bool {
    match (from.split_last(), to.split_last()) {
        (Some((from_last, from_above)), Some((to_last, to_above))) => {
            from_above == to_above
                && (to_last == from_last || Some(*to_last) == from_last.checked_add(1))
        }
        _ => false,
    }
}

/// How many levels a block's content adds beneath it.
fn height(block: &Block) -> usize {
    block
        .children
        .iter()
        .map(|node| match node {
            Node::Text(_) => 1,
            Node::Block(inner) => height(inner).saturating_add(1),
        })
        .max()
        .unwrap_or(0)
}
