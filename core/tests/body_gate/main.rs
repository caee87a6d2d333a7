//! The body gate against the real engine: honest edits pass and are ordered as yrs orders them,
//! hostile updates are refused or harmless, and verdicts do not depend on arrival.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that its tests share too"
)]

mod bodies;
mod foreign;
mod fuzz;
mod honest;
mod hostile;
mod mirror;
mod mutate;
mod net;
mod places;
mod rng;
mod story;
mod wire;
