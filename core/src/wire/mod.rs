//! The wire form: change sets on a stream in a few bytes each, rebuilt exactly.
//!
//! A change set is mostly what both ends of a stream already know. An [`Encoder`] leaves that out, a
//! [`Decoder`] puts it back and checks, before it says anything, that what it rebuilt is what the
//! origin signed. `core/docs/wire.md` gives every byte.
//!
//! | module | idea |
//! |---|---|
//! | `stream` | frames, contexts, headers, signatures |
//! | [`yrs`], [`automerge`] | the engines' payloads, re-encoded |
//! | `bytes` | numbers and texts, bounded |
#![deny(clippy::arithmetic_side_effects)]

pub mod automerge;
pub(crate) mod bytes;
mod stream;
pub mod yrs;

pub use bytes::FormError;
pub use stream::{Cause, Decoder, Encoder, FRAME_VERSION, FrameError, Press, Received, frame_len};
