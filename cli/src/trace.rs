//! Reading recorded histories of typing, for `anabranch replay`, tests and benchmarks.
//!
//! Both formats are JSON, packed with gzip or not, as the public editing-traces collection has them
//! (<https://github.com/josephg/editing-traces>). A *sequential* trace is one person's history: each
//! patch `[position, deleted, "inserted"]` follows the one before. In a *concurrent* one each
//! transaction names its parents, and its positions refer to the text after merging these.
//!
//! Positions in the files count Unicode code points; everything in this project counts UTF-16 units.
//! A sequential trace is converted as it is read. A concurrent one can only be converted by whoever
//! holds the merged text, with a [`Mirror`] of it.

mod mirror;
mod read;

pub use mirror::{CharSplice, Mirror, OutOfRange, Splice};
pub use read::{TraceError, parse, read};

/// Most bytes of a trace as it lies on disk. The largest public trace has 1 MB.
pub const PACKED_BYTES_MAX: usize = 32 << 20;
/// Most bytes that a trace may unpack to: gzip can promise a thousandfold.
pub const UNPACKED_BYTES_MAX: usize = 128 << 20;
/// Most transactions: four times those of the largest public trace.
pub const TXNS_MAX: usize = 1_000_000;
/// Most agents of a concurrent trace: each transaction carries a number for each.
pub const AGENTS_MAX: usize = 64;

/// A recorded history of typing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// One person's.
    Sequential(Sequential),
    /// Several people's.
    Concurrent(Concurrent),
}

impl Trace {
    /// The text that all of it leads to.
    pub fn end(&self) -> &str {
        match self {
            Trace::Sequential(trace) => &trace.end,
            Trace::Concurrent(trace) => &trace.end,
        }
    }

    /// How many patches it holds.
    pub fn edits(&self) -> usize {
        match self {
            Trace::Sequential(trace) => trace.txns.iter().map(|txn| txn.patches.len()).sum(),
            Trace::Concurrent(trace) => trace.txns.iter().map(|txn| txn.patches.len()).sum(),
        }
    }
}

/// One person's history. Applying every patch in order turns `start` into `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequential {
    /// The text before.
    pub start: String,
    /// The text after.
    pub end: String,
    /// What was done, in order.
    pub txns: Vec<SequentialTxn>,
}

/// What one person did at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequentialTxn {
    /// When, in milliseconds since the Unix epoch, where it was recorded.
    pub time_ms: Option<i64>,
    /// The patches, in UTF-16 units; each refers to the text that the one before left.
    pub patches: Vec<Splice>,
}

/// Several people's history, from an empty text. Its transactions stand in causal order, so each
/// agent can apply them as they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrent {
    /// How many people; agents are numbered from 0.
    pub agents: usize,
    /// The text after merging everything.
    pub end: String,
    /// What was done, each after its parents.
    pub txns: Vec<ConcurrentTxn>,
}

/// What one of several people did at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentTxn {
    /// Who.
    pub agent: usize,
    /// When, in milliseconds since the Unix epoch, where it was recorded.
    pub time_ms: Option<i64>,
    /// What they had seen: of each agent, the first so many transactions. Their own all count.
    pub seen: Vec<u32>,
    /// The patches, in code points of the text that what they had seen makes.
    pub patches: Vec<CharSplice>,
}
