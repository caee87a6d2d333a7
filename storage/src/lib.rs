//! What Anabranch keeps on disk. Today that is whole files: a bundle of change sets that was
//! exported, a schema, a key. A file written here is there completely or not at all, whenever the
//! power fails, and reading one never takes more memory than the caller allows. This crate knows
//! files and nothing of the network, and it does not look into what it stores.
//!
//! ```
//! use anabranch_storage::{bounded, whole};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("week.bundle");
//! whole::replace(&path, b"sealed change sets")?;
//! assert_eq!(bounded::read(&path, 1 << 20)?, b"sealed change sets");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`whole`] | writing a file atomically, in place of an old one or only where none is |
//! | [`bounded`] | reading a file that may be larger than it should be |
//! | [`leftover`] | temporary files of writers that were killed |

pub mod bounded;
pub mod leftover;
pub mod whole;

pub use anabranch_core::fault::Fault;
