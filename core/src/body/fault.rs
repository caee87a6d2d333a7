//! Why an edit was not made. Nothing of it was: an edit is made whole or not at all.

use super::{BlockPath, marks::ValueFault};
use crate::{id::ChainIdx, judge::Rule};

/// Why an edit of a body was not made; the document is as it was. `op` counts from 0 in the list
/// that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// An engine accident left the document unusable.
    #[error("the document is set aside after an engine accident: rebuild it from its change sets")]
    Poisoned,
    /// The writing chain is not known here.
    #[error("chain {} has no client id here: register its writer first", .chain.0)]
    UnknownChain {
        /// The chain.
        chain: ChainIdx,
    },
    /// The operations leave everything as it is.
    #[error("the operations change nothing: no change set is made")]
    NoChange,
    /// A position beyond the text.
    #[error("operation {op}: the text at {path:?} has {len} units; {at} lies past its end")]
    PastEnd {
        /// Which operation.
        op: usize,
        /// The text.
        path: BlockPath,
        /// The position, or the end of the range.
        at: u64,
        /// The text's length in UTF-16 units.
        len: u32,
    },
    /// A position between the halves of a character.
    #[error("operation {op}: position {at} of the text at {path:?} lies inside a surrogate pair")]
    InsidePair {
        /// Which operation.
        op: usize,
        /// The text.
        path: BlockPath,
        /// The position.
        at: u32,
    },
    /// A path to no block.
    #[error("operation {op}: there is no block at {path:?}")]
    NoBlock {
        /// Which operation.
        op: usize,
        /// The path.
        path: BlockPath,
    },
    /// A place among blocks that is beyond the last one.
    #[error("operation {op}: {path:?} lies past the last of {count} blocks")]
    NoPlace {
        /// Which operation.
        op: usize,
        /// The path.
        path: BlockPath,
        /// How many blocks its parent has.
        count: u32,
    },
    /// The root of a tree holds blocks only.
    #[error("operation {op}: the root holds blocks, not text: name a block")]
    NoText {
        /// Which operation.
        op: usize,
    },
    /// Joining a block that is the first among its siblings.
    #[error("operation {op}: no block stands before {path:?} to join it to")]
    NothingBefore {
        /// Which operation.
        op: usize,
        /// The block.
        path: BlockPath,
    },
    /// Moving a block into itself.
    #[error("operation {op}: the block at {from:?} cannot be moved into itself, to {to:?}")]
    IntoItself {
        /// Which operation.
        op: usize,
        /// The block.
        from: BlockPath,
        /// Where to.
        to: BlockPath,
    },
    /// A block operation on a body without blocks.
    #[error("operation {op}: this body is one text and has no blocks")]
    NoBlocks {
        /// Which operation.
        op: usize,
    },
    /// A tag no editor could read.
    #[error("operation {op}: a tag is a letter, then at most 63 letters, digits, '_', '.' or '-'")]
    Tag {
        /// Which operation.
        op: usize,
    },
    /// A block nested too deeply.
    #[error("operation {op}: blocks are nested at most {max} deep")]
    Depth {
        /// Which operation.
        op: usize,
        /// The limit.
        max: usize,
    },
    /// The name of a mark or an attribute.
    #[error("operation {op}: the name of a mark or attribute has 1 to 128 bytes, no control ones")]
    Name {
        /// Which operation.
        op: usize,
    },
    /// A value that cannot stand there.
    #[error("operation {op}: {fault}")]
    Value {
        /// Which operation.
        op: usize,
        /// What is wrong with it.
        fault: ValueFault,
    },
    /// An inline block's form.
    #[error("operation {op}: in a tree an embed is a map of a tag and its attributes")]
    InlineBlock {
        /// Which operation.
        op: usize,
    },
    /// More than one change set may carry.
    #[error("the edit makes {had} {what}, a change set carries at most {max}: split it")]
    TooLarge {
        /// Of what there are too many.
        what: &'static str,
        /// How many.
        had: usize,
        /// The limit.
        max: usize,
    },
    /// The anchored place of an intent is gone.
    #[error("the place of operation {op} is gone: what it stood in was deleted or never came")]
    PlaceGone {
        /// Which operation.
        op: usize,
    },
    /// What was written would not be accepted by others.
    #[error("what the engine wrote would be refused by every replica: {0}")]
    Refused(Box<Rule>),
    /// The engine stopped.
    #[error("the engine stopped at the edit; rebuild the document from its change sets")]
    Stuck,
}
