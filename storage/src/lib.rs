//! What Anabranch keeps on disk: the journal of a node, and whole files such as an exported bundle, a
//! schema, a key. What was acknowledged is there whenever the power fails; a file is there completely
//! or not at all; reading one never takes more memory than the caller allows. This crate knows files
//! and nothing of the network, and it does not look into what it stores.
//!
//! ```
//! use anabranch_core::store::{Position, Store};
//! use anabranch_storage::journal::{RedbStore, Whereabouts};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("store");
//! RedbStore::create(&folder)?;
//! let (store, whereabouts) = RedbStore::open(&folder)?;
//! assert_eq!(whereabouts, Whereabouts::Home); // a copied store answers `Moved`
//! store.append(Position(0), &[b"a row".to_vec()])?; // durable from here on
//! assert_eq!(store.read(Position(0), usize::MAX)?, [b"a row"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`journal`] | the store port of core in a file of redb; its bytes: `storage/docs/tables.md` |
//! | [`blobs`] | large payloads, in files that are named by their content |
//! | `key`, `crypt` | encryption at rest, with the feature `encryption` |
//! | [`keys`] | where a device keeps its secret key |
//! | [`whole`] | writing a file atomically, in place of an old one or only where none is |
//! | [`bounded`] | reading a file that may be larger than it should be |
//! | [`leftover`] | temporary files of writers that were killed |

pub mod blobs;
pub mod bounded;
#[cfg(feature = "encryption")]
mod crypt;
pub mod journal;
mod key;
pub mod keys;
pub mod leftover;
pub mod whole;

pub use anabranch_core::fault::Fault;
#[cfg(feature = "encryption")]
pub use key::Key;
