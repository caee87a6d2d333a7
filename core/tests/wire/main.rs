//! The wire form, seen from outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod golden;
mod hostile;
mod random;
mod streams;
mod workload;
