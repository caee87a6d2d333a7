//! The port to whatever keeps a node's journal. A journal is the truth: rows that only grow, in the
//! order in which they became known here. Everything else a node shows is made from it again; what of
//! that is worth keeping lies beside it, as derived entries that may be lost at any time.
//!
//! | module | what it holds |
//! |---|---|
//! | `row` | what a row of the journal is, and its bytes |
//! | `memory` | a journal in memory, for tests and for what need not last |
//! | `conformance` (feature `sim`) | what every store must do, as checks that anyone can run |

#[cfg(feature = "sim")]
pub mod conformance;
mod memory;
mod row;

pub use memory::MemoryStore;
pub use row::{ROW_VERSION, Row, RowError};

use crate::fault::Fault;

/// A place in a journal: how many rows stand before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The place `rows` further on.
    pub fn after(self, rows: usize) -> Position {
        Position(self.0.saturating_add(rows as u64))
    }
}

/// One change of what is derived: a key, and what is under it from now on, if anything.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A derived entry: its key, and what is under it.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A journal that keeps what it was given, and entries that are derived from it. It looks into neither.
/// Every call may come from any thread, and reading never waits for an append.
///
/// The contract, beyond what the types say; [`conformance`](self) checks it:
/// 1. `append` is one step: afterwards all its rows are there, or none is, whenever the power fails.
/// 2. What `append` answered Ok for is durable: no crash loses it.
/// 3. After an error the outcome is unknown. The same call made again succeeds, and the rows stand in
///    the journal once.
/// 4. `read` and `rows` give exactly the bytes that were appended, or [`StoreError::Corrupt`]: never
///    others.
/// 5. `derive` and `forget_derived` are one step each, like `append`, and may be made again after an
///    error.
/// 6. `derived` and `derived_range` give exactly the bytes that were put, or [`StoreError::Derived`]:
///    never others. That an entry is missing a store need not notice: who relies on it keeps count.
/// 7. Damage to what is derived never keeps the journal from being read or appended to, nor from
///    being derived from again after `forget_derived`.
pub trait Store {
    /// Appends rows at the journal's end, which the caller believes to be `at`. Where the journal
    /// already goes on with exactly these rows, an earlier call was carried out: that is a success.
    ///
    /// # Errors
    /// Why the rows may not be durable.
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError>;

    /// Rows from `from` on, in order: at least one if there is one, and no more once they hold
    /// `bytes_max` together.
    ///
    /// # Errors
    /// Where they cannot be read, or are not what was written.
    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The rows at these places, in the order in which they are named.
    ///
    /// # Errors
    /// Where one cannot be read, is not what was written, or is not there.
    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The journal's end.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn end(&self) -> Result<Position, StoreError>;

    /// Changes derived entries; they take account of the journal up to `upto` then, which is at most
    /// its end.
    ///
    /// # Errors
    /// Why they may not be durable.
    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError>;

    /// Up to where the derived entries take account of the journal; 0 where there are none.
    ///
    /// # Errors
    /// Where that cannot be read.
    fn derived_upto(&self) -> Result<Position, StoreError>;

    /// What is derived under a key.
    ///
    /// # Errors
    /// Where it cannot be read, or is not what was put.
    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Derived entries in the order of their keys, from `from` on and before `until`: at least one if
    /// there is one, and no more once keys and values hold `bytes_max` together.
    ///
    /// # Errors
    /// Where they cannot be read, or are not what was put.
    fn derived_range(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Forgets every derived entry.
    ///
    /// # Errors
    /// Why they may still be there.
    fn forget_derived(&self) -> Result<(), StoreError>;
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("the disk is full: free some space, what is not saved yet is tried again")]
    Full,
    /// The disk or the operating system failed.
    #[error("the store's file cannot be read or written ({0:?}): what is not saved is tried again")]
    Io(std::io::ErrorKind),
    /// A row is not what was written.
    #[error(
        "row {} of the journal is not what was written there: restore the store from a copy, or fetch \
         what is missing from a peer",
        at.0
    )]
    Corrupt {
        /// The row.
        at: Position,
    },
    /// A derived entry is not what was put.
    #[error("what the store derives from its journal is damaged: it is to be made again")]
    Derived,
    /// The journal does not end where the caller believes it does.
    #[error(
        "the journal ends at row {}, not at {}: another writer has it open, or it was put back from a copy",
        end.0, wanted.0
    )]
    Moved {
        /// Where it ends.
        end: Position,
        /// Where the caller believed it to end.
        wanted: Position,
    },
}

impl StoreError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            StoreError::Full | StoreError::Io(_) => Fault::Environment,
            StoreError::Corrupt { .. } | StoreError::Derived => Fault::Corruption,
            StoreError::Moved { .. } => Fault::Caller,
        }
    }
}
