//! The wire form.
#![deny(clippy::arithmetic_side_effects)]

pub mod automerge;
mod bytes;
pub mod yrs;

pub use bytes::FormError;
