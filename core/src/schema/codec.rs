#![deny(clippy::arithmetic_side_effects)]
//! The canonical bytes of a schema and its content address.
//!
//! A schema comes in with the workspace's schema log, so its bytes are foreign: they are walked
//! within bounds before anything is built of them, must be the only bytes that say what they say,
//! and pass the same invariants as a text.

use crate::{
    id::{KindTag, SchemaId},
    limits,
    schema::{Schema, SchemaFault, SchemaSpec, check::check, skim},
};

const DOMAIN: &[u8] = b"anabranch schema v1\0";

/// Why bytes are no schema. The peer's fault, unless the disk's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaDecodeError {
    /// More than a schema has.
    #[error("{bytes} bytes are too many for a schema: at most {bytes_max}")]
    TooLarge {
        /// What came.
        bytes: usize,
        /// The most.
        bytes_max: usize,
    },
    /// Cut short, nested too deep or counting too much.
    #[error("the bytes are no schema from byte {at} on: ask for them again, or from another peer")]
    Malformed {
        /// How far they could be followed.
        at: usize,
    },
    /// They say what other, canonical bytes say.
    #[error("the bytes are not canonical: the sender must encode the schema anew")]
    NotCanonical,
    /// They say what no schema may say.
    #[error("the schema is not valid at {path}: {fault}")]
    Invalid {
        /// Where.
        path: String,
        /// What is wrong: the first of all faults.
        fault: SchemaFault,
    },
}

impl SchemaDecodeError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaDecodeError::TooLarge { .. } => "schema-bytes-too-large",
            SchemaDecodeError::Malformed { .. } => "schema-bytes-malformed",
            SchemaDecodeError::NotCanonical => "schema-bytes-not-canonical",
            SchemaDecodeError::Invalid { fault, .. } => fault.code(),
        }
    }
}

impl Schema {
    /// The canonical bytes: postcard over [`SchemaSpec`].
    pub fn encode(&self) -> Vec<u8> {
        // A spec has no type that postcard can refuse.
        postcard::to_allocvec(&self.spec).unwrap_or_default()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// Whatever keeps them from being a schema; never a panic, and nothing larger than a small
    /// multiple of the input is allocated.
    pub fn decode(bytes: &[u8]) -> Result<Schema, SchemaDecodeError> {
        if bytes.len() > limits::SCHEMA_ENCODED_BYTES_MAX {
            return Err(SchemaDecodeError::TooLarge {
                bytes: bytes.len(),
                bytes_max: limits::SCHEMA_ENCODED_BYTES_MAX,
            });
        }
        // serde follows nested maps and lists by recursion without a bound of its own.
        skim::skim(bytes).map_err(|at| SchemaDecodeError::Malformed { at })?;
        let malformed = SchemaDecodeError::Malformed { at: bytes.len() };
        let spec: SchemaSpec = postcard::from_bytes(bytes).map_err(|_| malformed.clone())?;
        if postcard::to_allocvec(&spec).map_err(|_| malformed)? != bytes {
            return Err(SchemaDecodeError::NotCanonical);
        }
        if let Some((path, fault)) = check(&spec).into_iter().next() {
            return Err(SchemaDecodeError::Invalid { path, fault });
        }
        Ok(address(spec, bytes))
    }
}

/// A schema of a spec that passed [`check`], if its canonical form is not too large.
pub(crate) fn seal(spec: SchemaSpec) -> Result<Schema, SchemaFault> {
    let bytes = postcard::to_allocvec(&spec).unwrap_or_default();
    if bytes.len() > limits::SCHEMA_ENCODED_BYTES_MAX {
        return Err(SchemaFault::TooLarge {
            bytes: bytes.len(),
            bytes_max: limits::SCHEMA_ENCODED_BYTES_MAX,
        });
    }
    Ok(address(spec, &bytes))
}

fn address(spec: SchemaSpec, bytes: &[u8]) -> Schema {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    hasher.update(bytes);
    Schema {
        id: SchemaId(*hasher.finalize().as_bytes()),
        tag: KindTag::of(&spec.kind),
        spec,
    }
}
