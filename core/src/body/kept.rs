//! A tree as it was last told to a listener. Blocks are known by their units, which never change
//! places among siblings.

use super::{
    body_view::{Block, Node, Run, read_attributes, read_text},
    compare::changes,
    ids::ItemId,
};
use crate::{
    patch::{Patch, Step},
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};
use yrs::{BranchID, ReadTxn, XmlElementRef, XmlFragment, XmlOut, branch::Branch};

/// A block as it was last told.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) unit: Option<ItemId>,
    tag: String,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) children: Vec<KeptNode>,
}

/// What stood in it.
#[derive(Clone, Debug)]
pub(super) enum KeptNode {
    Text(Vec<Run>),
    Block(Kept),
}

impl Kept {
    pub(super) fn read<T: ReadTxn>(txn: &T, element: &XmlElementRef) -> Kept {
        Kept {
            unit: unit_of(element.as_ref()),
            tag: element
                .try_tag()
                .map(|tag| tag.to_string())
                .unwrap_or_default(),
            attributes: read_attributes(txn, element),
            children: keep_children(txn, element),
        }
    }

    /// The block without what it holds, for one that is known already.
    fn named(unit: ItemId) -> Kept {
        Kept {
            unit: Some(unit),
            tag: String::new(),
            attributes: BTreeMap::new(),
            children: Vec::new(),
        }
    }

    pub(super) fn to_block(&self) -> Block {
        let children = self.children.iter().map(|node| match node {
            KeptNode::Text(runs) => Node::Text(runs.clone()),
            KeptNode::Block(block) => Node::Block(block.to_block()),
        });
        Block {
            tag: self.tag.clone(),
            attributes: self.attributes.clone(),
            children: children.collect(),
        }
    }
}

/// The children of a fragment or element, texts side by side joined.
pub(super) fn keep_children<T: ReadTxn, X: XmlFragment>(txn: &T, parent: &X) -> Vec<KeptNode> {
    children_beside(txn, parent, &BTreeSet::new())
}

/// Brings what is kept of a parent's children up to date and tells what changed among them. What
/// the blocks that stay hold is left as it was: their own changes are told by themselves.
pub(super) fn update_children<T: ReadTxn, X: XmlFragment>(
    txn: &T,
    parent: &X,
    path: &[Step],
    kept: &mut Vec<KeptNode>,
    patches: Option<&mut Vec<Patch>>,
) {
    let old = std::mem::take(kept);
    let known = units_of(&old);
    let mut now = children_beside(txn, parent, &known);
    if let Some(patches) = patches {
        changes(path, &old, &now, patches);
    }
    let mut stays: BTreeMap<ItemId, Kept> = old
        .into_iter()
        .filter_map(|node| match node {
            KeptNode::Block(block) => Some((block.unit?, block)),
            KeptNode::Text(_) => None,
        })
        .collect();
    for node in &mut now {
        if let KeptNode::Block(block) = node
            && let Some(before) = block.unit.and_then(|unit| stays.remove(&unit))
        {
            *block = before;
        }
    }
    *kept = now;
}

pub(super) fn units_of(nodes: &[KeptNode]) -> BTreeSet<ItemId> {
    nodes
        .iter()
        .filter_map(|node| match node {
            KeptNode::Block(block) => block.unit,
            KeptNode::Text(_) => None,
        })
        .collect()
}

/// The children, those known only by name.
fn children_beside<T: ReadTxn, X: XmlFragment>(
    txn: &T,
    parent: &X,
    known: &BTreeSet<ItemId>,
) -> Vec<KeptNode> {
    let mut nodes: Vec<KeptNode> = Vec::new();
    for child in parent.children(txn) {
        match child {
            XmlOut::Element(element) => {
                let unit = unit_of(element.as_ref()).filter(|unit| known.contains(unit));
                let block = unit.map_or_else(|| Kept::read(txn, &element), Kept::named);
                nodes.push(KeptNode::Block(block));
            }
            XmlOut::Text(text) => {
                let runs = read_text(txn, text.as_ref());
                if runs.is_empty() {
                    continue;
                }
                if let Some(KeptNode::Text(before)) = nodes.last_mut() {
                    for run in runs {
                        super::body_view::push_run(before, run.content, run.marks);
                    }
                } else {
                    nodes.push(KeptNode::Text(runs));
                }
            }
            XmlOut::Fragment(_) => {}
        }
    }
    nodes
}

/// The unit that a container is; none for the root.
pub(super) fn unit_of(branch: &Branch) -> Option<ItemId> {
    match branch.id() {
        BranchID::Nested(id) => Some(ItemId::from_yrs(&id)),
        BranchID::Root(_) => None,
    }
}
