//! The record gate from outside: honest replicas are never refused, hostile bytes never get past,
//! and a verdict depends on a change and its causal past alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod forge;
mod genesis;
mod honest;
mod hostile;
mod purity;
mod rules;
mod world;
