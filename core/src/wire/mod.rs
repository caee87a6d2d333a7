//! The wire form.
#![deny(clippy::arithmetic_side_effects)]

pub mod automerge;
mod bytes;
mod stream;
pub mod yrs;

pub use bytes::FormError;
pub use stream::{Cause, Decoder, Encoder, FRAME_VERSION, FrameError, Press, Received, frame_len};
