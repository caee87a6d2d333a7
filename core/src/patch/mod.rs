//! What observers are told: every change as patches, with the document's revision, its cause and
//! its author.

mod between;
pub mod carry;

use crate::{id::ChangeSetId, id::UserId, value::Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a document changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// An edit made here.
    #[default]
    Local,
    /// A change set from elsewhere.
    Remote,
    /// An undo or redo made here.
    Undo,
    /// The document was rebuilt, or an edit was made again, after a control record.
    Rebase,
}

/// One change set's effect on one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatchSet {
    /// The document's revision after it: the number of changes that this replica has applied.
    pub revision: u64,
    /// Why.
    pub cause: Cause,
    /// The user who wrote it.
    pub author: UserId,
    /// The change set.
    pub change: ChangeSetId,
    /// What changed, in order. Each patch refers to the state the one before it left.
    pub patches: Vec<Patch>,
}

/// A step into a document: a field or attribute name, or a child's index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// A field, an entry of a set or open map, an attribute.
    Key(String),
    /// A child block or a list entry.
    Index(u32),
}

/// One change to what a reader sees. All text positions and lengths count UTF-16 units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Patch {
    /// A field, attribute or register has a new value; null where it was removed.
    Put {
        /// Where.
        path: Vec<Step>,
        /// The value now.
        value: Value,
    },
    /// Text was replaced at one place.
    Splice {
        /// The text: empty for a text body's root.
        path: Vec<Step>,
        /// Where, in UTF-16 units.
        at: u32,
        /// How much was removed, in UTF-16 units.
        delete: u32,
        /// What was put there.
        insert: String,
        /// The formats of what was put there.
        marks: BTreeMap<String, Value>,
    },
    /// A range of text has another format.
    Format {
        /// The text.
        path: Vec<Step>,
        /// Where it begins, in UTF-16 units.
        at: u32,
        /// How long it is, in UTF-16 units.
        len: u32,
        /// What changed; null where a format ended.
        marks: BTreeMap<String, Value>,
    },
    /// Something that is no text (an image, a mention) was put into a text.
    Embed {
        /// The text.
        path: Vec<Step>,
        /// Where; it counts as one unit.
        at: u32,
        /// What it is.
        value: Value,
        /// Its formats.
        marks: BTreeMap<String, Value>,
    },
    /// Children were put into a list or block.
    Insert {
        /// The list or block.
        path: Vec<Step>,
        /// Before which child.
        at: u32,
        /// The new children.
        values: Vec<Value>,
    },
    /// Children were removed from a list or block.
    Remove {
        /// The list or block.
        path: Vec<Step>,
        /// The first of them.
        at: u32,
        /// How many.
        count: u32,
    },
}
