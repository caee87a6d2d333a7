//! The decoders: each must refuse with a type or read what it writes again to the same bytes.

mod bundle;
mod control;
mod header;
mod log_entry;
mod pack;
mod schema_bytes;
mod schema_text;
mod signed;
mod wire_automerge;
mod wire_frame;
mod wire_yrs;

use crate::{Target, bytes};
use anabranch_core::sim::Rng;

pub(crate) fn targets() -> Vec<Target> {
    vec![
        header::TARGET,
        signed::TARGET,
        bundle::TARGET,
        control::TARGET,
        schema_text::TARGET,
        schema_bytes::TARGET,
        log_entry::TARGET,
        pack::TARGET,
        wire_automerge::TARGET,
        wire_yrs::TARGET,
        wire_frame::TARGET,
    ]
}

fn bytewise(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    bytes::mutate(rng, &mut bytes);
    bytes
}

/// A decoder keeps nothing.
fn nothing() {}
