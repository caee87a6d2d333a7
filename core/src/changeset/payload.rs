//! A change set's payload, or why there is none.

use crate::changeset::codec;
use serde::{Deserialize, Serialize};

/// A payload and its state. A change set without its payload is a husk: its id and chain hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// The bytes, as carried: an engine's own, or sealed under a workspace key.
    Present(#[serde(with = "codec::byte_string")] Vec<u8>),
    /// Erased for good by a control record: found nowhere, not to be asked for.
    Erased,
    /// Not fetched yet.
    Absent,
}

impl Payload {
    /// The bytes, where they are here.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Payload::Present(bytes) => Some(bytes),
            Payload::Erased | Payload::Absent => None,
        }
    }

    /// Whether only the header is here.
    pub fn is_husk(&self) -> bool {
        match self {
            Payload::Present(_) => false,
            Payload::Erased | Payload::Absent => true,
        }
    }
}
