//! The port to whatever keeps a node's journal. A journal is the truth: rows that only grow, in the
//! order in which they became known here. Everything else a node shows is made from it again.
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

/// A journal that keeps what it was given. It does not look into rows.
///
/// The contract, beyond what the types say; [`conformance`](self) checks it:
/// 1. `append` is one step: afterwards all its rows are there, or none is, whenever the power fails.
/// 2. What `append` answered Ok for is durable: no crash loses it.
/// 3. After an error the outcome is unknown. The same call made again succeeds, and the rows stand in
///    the journal once.
/// 4. `read` gives exactly the bytes that were appended, or [`StoreError::Corrupt`]: never others.
pub trait Store {
    /// Appends rows at the journal's end, which the caller believes to be `at`. Where the journal
    /// already goes on with exactly these rows, an earlier call was carried out: that is a success.
    ///
    /// # Errors
    /// Why the rows may not be durable.
    fn append(&mut self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError>;

    /// Rows from `from` on, in order: at least one if there is one, and no more once they hold
    /// `bytes_max` together.
    ///
    /// # Errors
    /// Where they cannot be read, or are not what was written.
    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The journal's end.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn end(&self) -> Result<Position, StoreError>;
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
            StoreError::Corrupt { .. } => Fault::Corruption,
            StoreError::Moved { .. } => Fault::Caller,
        }
    }
}
