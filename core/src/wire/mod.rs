//! The wire form.
#![deny(clippy::arithmetic_side_effects)]

mod bytes;
pub mod yrs;

pub use bytes::FormError;
