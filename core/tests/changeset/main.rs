//! Change sets through their public face. The bytes of every form stand in `tests/golden/changeset`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod actors;
mod bundle;
mod crypt;
mod fixtures;
mod flush;
mod golden;
mod header;
mod pack;
mod signatures;
mod stored;
mod tip;
