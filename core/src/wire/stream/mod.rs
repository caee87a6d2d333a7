//! Frames of change sets on a stream.
//!
//! An [`Encoder`] and the [`Decoder`] at the other end hold equal contexts, one per direction, that
//! live and die with the stream. What the other direction carried may be named as well, by handing
//! in one's own other half. Every frame's change sets are rebuilt and verified before anything is
//! said of them: a frame that does not come out right names no change set, it is answered
//! [`FrameError::SendExplicitly`], and the sender [resets](Encoder::reset) and sends
//! [explicit](Encoder::explicit) frames, which need no context and can be judged.
//!
//! | module | idea |
//! |---|---|
//! | `encode`, `columns` | the sending end; a frame's body in the making |
//! | `decode`, `record`, `build` | the receiving end; a body taken apart; change sets rebuilt |
//! | `context`, `pool` | what both know |
//! | `fields`, `routes`, `flush` | parts of a change set's record |
//! | `frame` | version, flags, length, compression |
#![deny(clippy::arithmetic_side_effects)]

mod build;
mod columns;
mod context;
mod decode;
mod encode;
mod fields;
mod flush;
mod frame;
mod pool;
mod record;
mod routes;

pub use decode::{Decoder, Received};
pub use encode::Encoder;
pub use frame::{Cause, FRAME_VERSION, FrameError, Press, frame_len};

// A record's flags.
/// Of the same writer as the record before.
const SAME: u8 = 0x01;
/// No dependencies, though the stream's frontier would imply some.
const DEPS_NONE: u8 = 0x02;
/// Dependencies are written out.
const DEPS_CODED: u8 = 0x04;
/// The stamp is a step of the whole number, not of milliseconds with the counter 0.
const STEP: u8 = 0x08;
/// Some of the standing fields differ.
const FIELDS: u8 = 0x10;
/// Route values follow.
const ROUTE: u8 = 0x20;
/// Number and `prev` are written out.
const JUMP: u8 = 0x40;
/// A husk.
const HUSK: u8 = 0x80;

// A dependency's lowest two bits: where its id stands.
const DEP_FULL: u64 = 0;
const DEP_HERE: u64 = 1;
const DEP_BACK: u64 = 2;
