//! Editing a tree of blocks, laid out as y-prosemirror lays it out: an XmlElement per block with
//! its attributes, an XmlText per stretch of text, inline blocks as elements between the texts.
//!
//! A block's text counts the units of its texts and one for every block that stands in it, so a
//! place between two inline blocks can be named. Child indices in paths count blocks only: how the
//! engine cuts a stretch of text into XmlTexts does not show.

use super::{
    body_view::{Block, Node, Run, read_block, read_text},
    marks::{Stands, to_any},
    text,
};
use crate::value::Value;
use yrs::{
    Any, ReadTxn, Text, TransactionMut, Xml, XmlElementPrelim, XmlElementRef, XmlFragment,
    XmlFragmentRef, XmlOut, XmlTextPrelim, XmlTextRef,
};

/// A child of a block, with its place among the engine's children and in the block's text.
pub(super) struct Segment {
    /// The engine's child index.
    pub(super) child: u32,
    /// Where it begins in the block's text.
    pub(super) start: u32,
    /// Its length there.
    pub(super) len: u32,
    /// The child.
    pub(super) what: Piece,
}

/// What a segment is.
pub(super) enum Piece {
    /// A stretch of text.
    Text(XmlTextRef),
    /// A block: one unit.
    Block(XmlElementRef),
}

/// The children of a block or of the root, in order.
pub(super) fn segments<T: ReadTxn, X: XmlFragment>(txn: &T, parent: &X) -> Vec<Segment> {
    let mut out = Vec::new();
    let mut start = 0_u32;
    for (child, node) in (0_u32..).zip(parent.children(txn)) {
        let (len, what) = match node {
            XmlOut::Text(text) => (text.len(txn), Piece::Text(text)),
            XmlOut::Element(element) => (1, Piece::Block(element)),
            // The gate lets only elements and texts into a tree.
            XmlOut::Fragment(_) => continue,
        };
        out.push(Segment {
            child,
            start,
            len,
            what,
        });
        start = start.saturating_add(len);
    }
    out
}

/// The block at a path, if there is one.
pub(super) fn block_at<T: ReadTxn>(
    txn: &T,
    root: &XmlFragmentRef,
    path: &[u32],
) -> Option<XmlElementRef> {
    let (first, rest) = path.split_first()?;
    let mut at = nth_block(txn, root, *first)?;
    for step in rest {
        at = nth_block(txn, at.as_ref(), *step)?;
    }
    Some(at)
}

fn nth_block<T: ReadTxn>(txn: &T, parent: &XmlFragmentRef, index: u32) -> Option<XmlElementRef> {
    parent
        .children(txn)
        .filter_map(|child| match child {
            XmlOut::Element(element) => Some(element),
            XmlOut::Text(_) | XmlOut::Fragment(_) => None,
        })
        .nth(usize::try_from(index).ok()?)
}

/// The engine's child index for a new block that shall be the `index`-th of its parent, or how
/// many blocks the parent has where that is too far.
pub(super) fn child_index<T: ReadTxn>(
    txn: &T,
    parent: &XmlFragmentRef,
    index: u32,
) -> Result<u32, u32> {
    let mut blocks = 0_u32;
    let mut children = 0_u32;
    for child in parent.children(txn) {
        if let XmlOut::Element(_) = child {
            if blocks == index {
                return Ok(children);
            }
            blocks = blocks.saturating_add(1);
        }
        children = children.saturating_add(1);
    }
    if blocks == index {
        Ok(children)
    } else {
        Err(blocks)
    }
}

/// Removes units from a block's text; blocks that stand within go with all they hold.
pub(super) fn remove_units(txn: &mut TransactionMut<'_>, block: &XmlElementRef, at: u32, len: u32) {
    let to = at.saturating_add(len);
    // From the right, so that the children's indices stay true.
    for segment in segments(txn, block).into_iter().rev() {
        let from = segment.start.max(at);
        let until = segment.start.saturating_add(segment.len).min(to);
        let Some(count) = until.checked_sub(from).filter(|count| *count > 0) else {
            continue;
        };
        match &segment.what {
            Piece::Text(part) => {
                let within = from.saturating_sub(segment.start);
                text::remove(txn, part.as_ref(), within, count);
            }
            Piece::Block(_) => block.remove_range(txn, segment.child, 1),
        }
    }
}

/// The text that takes an insertion at a place, and the place within it: the one before it if
/// there is one, since text takes over the formats of what stands before it. Made where none is.
pub(super) fn text_for_insert(
    txn: &mut TransactionMut<'_>,
    block: &XmlElementRef,
    at: u32,
) -> (XmlTextRef, u32) {
    let mut child = 0_u32;
    let mut found = None;
    for segment in segments(txn, block) {
        let end = segment.start.saturating_add(segment.len);
        if segment.start > at {
            break;
        }
        match segment.what {
            Piece::Text(part) if at <= end => {
                found = Some((part, at.saturating_sub(segment.start)));
                if segment.start < at {
                    break;
                }
            }
            Piece::Text(_) => child = segment.child.saturating_add(1),
            Piece::Block(_) if end <= at => {
                child = segment.child.saturating_add(1);
                // A text before this block does not reach over it.
                found = None;
            }
            Piece::Block(_) => {}
        }
    }
    found.unwrap_or_else(|| (block.insert(txn, child, XmlTextPrelim::new("")), 0))
}

/// Gives one mark to every stretch of text in a range.
pub(super) fn format_units(
    txn: &mut TransactionMut<'_>,
    block: &XmlElementRef,
    at: u32,
    len: u32,
    name: &str,
    value: &Value,
) {
    let to = at.saturating_add(len);
    for segment in segments(txn, block) {
        let Piece::Text(part) = &segment.what else {
            continue;
        };
        let from = segment.start.max(at);
        let until = segment.start.saturating_add(segment.len).min(to);
        if let Some(count) = until.checked_sub(from).filter(|count| *count > 0) {
            let within = from.saturating_sub(segment.start);
            text::format(txn, part.as_ref(), within, count, name, value);
        }
    }
}

/// Puts an inline block into a block's text. A stretch of text is cut there: the engine has no
/// other way to place an element inside it.
pub(super) fn insert_inline(
    txn: &mut TransactionMut<'_>,
    block: &XmlElementRef,
    at: u32,
    inline: &Block,
) {
    let mut child = 0_u32;
    let mut tail: Vec<Run> = Vec::new();
    for segment in segments(txn, block) {
        let end = segment.start.saturating_add(segment.len);
        if end <= at {
            child = segment.child.saturating_add(1);
            continue;
        }
        if let Piece::Text(part) = &segment.what
            && segment.start < at
        {
            child = segment.child.saturating_add(1);
            let within = at.saturating_sub(segment.start);
            tail = text::runs_from(&read_text(txn, part.as_ref()), within);
            text::remove(
                txn,
                part.as_ref(),
                within,
                segment.len.saturating_sub(within),
            );
        }
        break;
    }
    write_block(txn, block.as_ref(), child, inline);
    if !tail.is_empty() {
        write_text(txn, block.as_ref(), child.saturating_add(1), &tail);
    }
}

/// Writes a block with all it holds as the engine's `child`-th child of a parent.
pub(super) fn write_block(
    txn: &mut TransactionMut<'_>,
    parent: &XmlFragmentRef,
    child: u32,
    block: &Block,
) -> XmlElementRef {
    let element = parent.insert(txn, child, XmlElementPrelim::empty(block.tag.as_str()));
    for (name, value) in &block.attributes {
        set_attribute(txn, &element, name, value);
    }
    write_nodes(txn, &element, 0, &block.children);
    element
}

/// Writes nodes as the engine's children from `child` on.
pub(super) fn write_nodes(
    txn: &mut TransactionMut<'_>,
    parent: &XmlElementRef,
    child: u32,
    nodes: &[Node],
) {
    for (at, node) in (child..).zip(nodes) {
        match node {
            Node::Text(runs) => write_text(txn, parent.as_ref(), at, runs),
            Node::Block(block) => {
                write_block(txn, parent.as_ref(), at, block);
            }
        }
    }
}

fn write_text(txn: &mut TransactionMut<'_>, parent: &XmlFragmentRef, child: u32, runs: &[Run]) {
    let text = parent.insert(txn, child, XmlTextPrelim::new(""));
    text::insert_runs(txn, text.as_ref(), 0, runs);
}

/// Sets an attribute to a value that was checked, or removes it.
pub(super) fn set_attribute(
    txn: &mut TransactionMut<'_>,
    element: &XmlElementRef,
    name: &str,
    value: &Value,
) {
    if *value == Value::Null {
        if element.get_attribute(txn, name).is_some() {
            element.remove_attribute(txn, &name);
        }
    } else {
        let any = to_any(value, Stands::Attribute).unwrap_or(Any::Null);
        element.insert_attribute(txn, name, any);
    }
}

/// Cuts a block in two: the tail of its text, and the blocks in it, move to a new block of the
/// same tag and attributes, written as the engine's `child`-th child of `parent`.
pub(super) fn split(
    txn: &mut TransactionMut<'_>,
    parent: &XmlFragmentRef,
    block: &XmlElementRef,
    child: u32,
    at: u32,
) {
    let mut copy = read_block(txn, block);
    let len = copy.units();
    copy.children = nodes_from(&copy.children, at);
    remove_units(txn, block, at, len.saturating_sub(at));
    write_block(txn, parent, child, &copy);
}

/// Appends all that a block holds to the one before it.
pub(super) fn append(txn: &mut TransactionMut<'_>, to: &XmlElementRef, nodes: &[Node]) {
    let last = segments(txn, to).pop();
    let mut child = last
        .as_ref()
        .map_or(0, |segment| segment.child.saturating_add(1));
    let mut rest = nodes;
    if let (
        Some(Segment {
            what: Piece::Text(text),
            len,
            ..
        }),
        Some((Node::Text(runs), more)),
    ) = (&last, nodes.split_first())
    {
        text::insert_runs(txn, text.as_ref(), *len, runs);
        rest = more;
    }
    for node in rest {
        write_nodes(txn, to, child, std::slice::from_ref(node));
        child = child.saturating_add(1);
    }
}

fn nodes_from(nodes: &[Node], at: u32) -> Vec<Node> {
    let mut tail = Vec::new();
    let mut start = 0_u32;
    for node in nodes {
        let end = start.saturating_add(node.units());
        if start >= at {
            tail.push(node.clone());
        } else if end > at
            && let Node::Text(runs) = node
        {
            tail.push(Node::Text(text::runs_from(runs, at.saturating_sub(start))));
        }
        start = end;
    }
    tail
}

/// Removes a block from its parent.
pub(super) fn remove_block<T: XmlFragment>(
    txn: &mut TransactionMut<'_>,
    parent: &T,
    block: &XmlElementRef,
) {
    let child = (0_u32..).zip(parent.children(txn)).find_map(|(at, node)| {
        matches!(&node, XmlOut::Element(element) if element == block).then_some(at)
    });
    if let Some(child) = child {
        parent.remove_range(txn, child, 1);
    }
}
