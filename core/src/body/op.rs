//! What an application asks of a body. All positions and lengths count UTF-16 units.

use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A block's place in a tree: at each level the how-manieth block it is among its siblings, from
/// the root fragment on. Texts do not count: how the engine cuts them up is an accident. Empty:
/// the root itself.
pub type BlockPath = Vec<u32>;

/// Formats by name; null takes a format away.
pub type Marks = BTreeMap<String, Value>;

/// One thing asked of a body. `text` names a text by the path of its block (`prosemirror`); in the
/// `text` layout it is empty. A block's text is its XmlText children one after the other, and one
/// unit for each block that stands in it, so that places around an inline block can be told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BodyOp {
    /// Replaces text at one place.
    Splice {
        /// The text.
        text: BlockPath,
        /// Where.
        at: u32,
        /// How much goes.
        delete: u32,
        /// What comes.
        insert: String,
        /// The formats of what comes; none given: those of the text before it.
        marks: Option<Marks>,
    },
    /// Gives a range another format.
    Format {
        /// The text.
        text: BlockPath,
        /// Where it begins.
        at: u32,
        /// How long it is.
        len: u32,
        /// The formats; null takes one away.
        marks: Marks,
    },
    /// Puts something that is no text into a text; it counts as one unit. In the `text` layout any
    /// map; in a tree an inline block, as a map of `tag` and `attributes`.
    Embed {
        /// The text.
        text: BlockPath,
        /// Where.
        at: u32,
        /// What.
        value: Value,
    },
    /// Puts a block into the tree, with attributes and text.
    InsertBlock {
        /// Where it will stand: the last step is its index among its siblings.
        at: BlockPath,
        /// Its tag: `paragraph`, `heading`.
        tag: String,
        /// Its attributes.
        attributes: BTreeMap<String, Value>,
        /// Its text.
        text: String,
    },
    /// Splits a block's text in two; the tail moves to a new block of the same tag after it.
    SplitBlock {
        /// The block.
        block: BlockPath,
        /// Where its text is cut.
        at: u32,
    },
    /// Joins a block to the one before it: its text is appended there and the block goes.
    JoinBlock {
        /// The second of the two.
        block: BlockPath,
    },
    /// Moves a block with all it holds: a copy is inserted and the original deleted.
    MoveBlock {
        /// The block.
        from: BlockPath,
        /// Where it will stand, in the tree as it is before the move.
        to: BlockPath,
    },
    /// Deletes a block with all it holds.
    DeleteBlock {
        /// The block.
        block: BlockPath,
    },
    /// Sets an attribute of a block; null removes it.
    SetAttribute {
        /// The block.
        block: BlockPath,
        /// The attribute.
        name: String,
        /// Its value.
        value: Value,
    },
}
