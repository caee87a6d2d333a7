//! The decisions of Anabranch: what a field means when two people write it, which bytes from anyone
//! may change a document, and which document two sets of change sets make. Sans-IO: bytes, times and
//! keys are parameters, and what happened comes back as data. Nothing here reads a clock, draws a
//! random number, opens a file or waits.
//!
//! ```
//! use anabranch_core::{
//!     control::{ControlBody, ControlLog}, document::Draft, hlc::Hlc,
//!     id::{ActorSalt, EntityId, Epoch, Lane, OriginId, UserId, ViewId, WorkspaceId},
//!     record::RecordOp, replica::{Pen, Replica}, schema::catalogue,
//! };
//! use ed25519_dalek::SigningKey;
//!
//! // A workspace is founded by a device; its control log says who may write what.
//! let key = SigningKey::from_bytes(&[7; 32]);
//! let device = OriginId(key.verifying_key().to_bytes());
//! let (workspace, owner) = (WorkspaceId([1; 16]), UserId([2; 16]));
//! let mut log = ControlLog::new(workspace, device);
//! let mut ana = Replica::new(workspace, device);
//! let task = catalogue::schema("task").ok_or("no such kind")?;
//! let (kind, version) = (task.kind().to_owned(), task.version());
//! let salt = ActorSalt([3; 16]);
//! for body in [
//!     ControlBody::Found { owner, device, salt, orderer: device, recovery: device },
//!     ControlBody::ActivateSchema { schema: task.id(), kind, version },
//! ] {
//!     let record = log.draft(body, Hlc::new(1_750_000_000_000, 0)).sign(&key);
//!     log.add(record.clone())?;
//!     ana.control_record(record)?;
//! }
//! ana.schema(task);
//! ana.take_pen(Pen { origin: device, user: owner, epoch: Epoch(0), lane: Lane(0) });
//!
//! // An edit is effective at once; a flush seals it under one signature.
//! let weir = EntityId::new(owner, "task", [4; 12]);
//! let ops = [RecordOp::Put { field: vec!["title".into()], value: "Mend the weir".into() }];
//! ana.write(1_750_000_000_001, "task", weir, "record", ViewId(0), &Draft::Record(&ops))?;
//! let sealed = ana.flush(&key)?;
//!
//! // Another replica with the same control log comes to the same document.
//! let mut bo = Replica::from_bundle(1_750_000_000_002, &ana.bundle()?)?.replica;
//! assert_eq!(bo.digest(), ana.digest());
//! assert!(bo.receive(1_750_000_000_003, sealed).events.is_empty()); // nothing is taken twice
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | [`limits`] | every bound, each with its reason |
//! | [`id`], [`hlc`], [`value`], [`fault`] | names, stamps, values, whose fault an error is |
//! | [`wire`] | the compact form between two peers |
//! | [`changeset`] | header, id, signature per flush, encryption, husks, bundles |
//! | [`causal`] | who had seen what |
//! | [`control`] | who may write, what is excluded, which schemas are in force |
//! | [`schema`] | the language, versions, lenses, the catalogue |
//! | [`judge`] | verdicts, and the half of judging that reads headers |
//! | [`record`], [`body`], [`log`] | Automerge, Yrs and grow-only logs, each behind its gate |
//! | [`patch`] | what observers are told |
//! | [`document`] | one part: which of its change sets count, and the engine that shows them |
//! | [`projection`], [`query`] | what is known of entities without opening them; lists, watches, counters |
//! | [`replica`] | one device's copy of a workspace; rebase |
//! | [`store`] | the port to whatever keeps a journal, and what its rows are |
//! | [`engine`] | a node: edits and arrivals in, commits and events out |
//! | `sim` (feature `sim`) | a workspace on one thread, from a seed |

#[cfg(test)]
mod accident;
pub mod body;
pub mod causal;
pub mod changeset;
pub mod control;
pub mod document;
pub mod engine;
pub mod fault;
pub mod hlc;
pub mod id;
pub mod judge;
pub mod limits;
pub mod log;
pub mod patch;
pub mod projection;
pub mod query;
pub mod record;
pub mod replica;
pub mod schema;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod store;
pub mod value;
pub mod wire;
