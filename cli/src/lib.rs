//! What an application embeds: one name for everything it needs. [`open`] gives a [`Node`] on a folder:
//! edits are visible at once and durable when their ticket is kept.
//!
//! ```
//! use anabranch::core::{document::Draft, engine::Place, id::ViewId, record::RecordOp};
//! use anabranch::Receipt;
//! use std::time::Duration;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("river");
//! let node = anabranch::open(&folder)?; // made, if it is not there
//! let home = node.home().ok_or("no workspace")?;
//! let weir = node.entity(home.user, "task")?;
//! let workspace = home.workspace;
//! let place = Place { workspace, kind: "task", entity: weir, part: "record", view: ViewId(0) };
//! let title = RecordOp::Put { field: vec!["title".into()], value: "Mend the weir".into() };
//! let (_, ticket) = node.edit(&place, &Draft::Record(&[title]))?; // visible now
//! assert!(ticket.wait_local(Duration::from_secs(10))); // and durable; `ticket.local().await` too
//! node.close(Receipt::Local, Duration::from_secs(10))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`core`] | the decisions: what a field means under concurrency, what a change may do |
//! | [`storage`] | the store on disk, and files that are there completely or not at all |
//! | [`transport`] | the node, and frames over any ordered byte link |
//! | `field` (feature `cli`) | `field=value`, as a schema understands it |
//! | `trace` (feature `cli`) | recorded histories of typing |

#[cfg(feature = "cli")]
pub mod field;
mod open;
#[cfg(feature = "cli")]
pub mod play;
#[cfg(feature = "cli")]
pub mod trace;

/// The examples of README.md, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use open::{KEY_FILE, OpenError, is_store, open, open_to_join, open_with};

pub use anabranch_storage::keys::{KeyFile, KeyStore};

pub use anabranch_core as core;
pub use anabranch_core::engine::Receipt;
pub use anabranch_storage as storage;
pub use anabranch_transport as transport;
pub use anabranch_transport::{Home, Node, Ticket};
