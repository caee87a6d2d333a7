//! What Anabranch keeps on disk. Today that is whole files: a bundle of change sets exported to a
//! file, a schema, a key. A file written here is there completely or not at all, whenever the power
//! fails, and reading one never takes more memory than the caller allows. This crate knows files
//! and nothing of the network, and it does not look into what it stores.
//!
//! ```
//! use anabranch_storage::bundle;
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("week.anabranch");
//! bundle::replace(&path, b"sealed change sets")?;
//! assert_eq!(bundle::read(&path, 1 << 20)?, b"sealed change sets");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`whole`] | writing a file atomically, in place of an old one or only where none is |
//! | [`bounded`] | reading a file that may be larger than it should be |
//! | [`bundle`] | a file whose content is checked by its blake3 on every read |
//! | [`leftover`] | temporary files of writers that were killed |

pub mod bounded;
pub mod bundle;
pub mod leftover;
pub mod whole;

pub use anabranch_core::fault::Fault;
