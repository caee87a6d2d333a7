//! What an application embeds: one name for everything it needs. Today that is the decisions of
//! [`anabranch_core`] (schemas, both engines, sealed change sets, judging), whole files and framed
//! links; a store and a node that keep and carry change sets by themselves come with later versions.
//!
//! ```
//! use anabranch::core::id::{DocumentId, EntityId, UserId};
//!
//! let task = EntityId { creator: UserId([7; 16]), nonce: [1; 16] };
//! // A part's document has the same id on every replica: nobody has to be asked.
//! assert_eq!(DocumentId::of(&task, "record"), DocumentId::of(&task, "record"));
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`core`] | the decisions: what a field means under concurrency, what a change may do |
//! | [`storage`] | files that are there completely or not at all |
//! | [`transport`] | frames over any ordered byte link |
//! | `trace` (feature `cli`) | recorded histories of typing |

#[cfg(feature = "cli")]
pub mod play;
#[cfg(feature = "cli")]
pub mod trace;

/// The examples of README.md, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use anabranch_core as core;
pub use anabranch_storage as storage;
pub use anabranch_transport as transport;
