//! The bytes of a projection: a version, then postcard over its types. Maps and sets are sorted, so
//! a projection has one form, and no other bytes are read as it.
#![deny(clippy::arithmetic_side_effects)]

use super::Projection;
use crate::{
    fault::Fault,
    id::EntityId,
    wire::bytes::{put_bytes, put_number},
};

/// The version of projections that this build writes and the only one it reads. Projections of
/// another version are made again from their documents.
pub const PROJECTION_VERSION: u8 = 1;

/// Why bytes are no projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Of a version that this build does not read.
    #[error(
        "a projection of version {had}, this build reads version {PROJECTION_VERSION}: make it again \
         from its documents"
    )]
    Version {
        /// Its version.
        had: u8,
    },
    /// Not the bytes of a projection.
    #[error("these {had} bytes are no projection: make it again from its documents")]
    Form {
        /// Their length.
        had: usize,
    },
}

impl ProjectionError {
    /// What is wrong with bytes that were found to be no projection.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(had) if *had != PROJECTION_VERSION => ProjectionError::Version { had: *had },
            Some(_) | None => ProjectionError::Form { had: bytes.len() },
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            // Left by another build.
            ProjectionError::Version { .. } => Fault::Environment,
            ProjectionError::Form { .. } => Fault::Corruption,
        }
    }
}

/// The bytes of a projection, put together from those of its parts, which come in the order of their
/// names.
pub(crate) fn joined(entity: &EntityId, kind: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![PROJECTION_VERSION];
    bytes.extend_from_slice(&entity.creator.0);
    bytes.extend_from_slice(&entity.nonce);
    put_bytes(&mut bytes, kind.as_bytes());
    put_number(&mut bytes, parts.len() as u64);
    for (name, part) in parts {
        put_bytes(&mut bytes, name.as_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

impl Projection {
    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Strings, numbers, options and sorted maps always encode.
        postcard::to_extend(self, vec![PROJECTION_VERSION]).unwrap_or_default()
    }

    /// Reads a projection from bytes that this build wrote and a seal has kept: their canonical form is
    /// not checked again.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn decode_sealed(bytes: &[u8]) -> Result<Self, ProjectionError> {
        let wrong = ProjectionError::of(bytes);
        let body = bytes.strip_prefix(&[PROJECTION_VERSION]).ok_or(wrong)?;
        postcard::from_bytes(body).map_err(|_| wrong)
    }

    /// Reads a projection from anyone's bytes. What it costs is bounded by their length.
    ///
    /// # Errors
    /// Bytes that [`Projection::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProjectionError> {
        let wrong = ProjectionError::of(bytes);
        let body = bytes.strip_prefix(&[PROJECTION_VERSION]).ok_or(wrong)?;
        let projection: Projection = postcard::from_bytes(body).map_err(|_| wrong)?;
        // Also what stands behind its end makes them other bytes.
        if projection.encode() == bytes {
            Ok(projection)
        } else {
            Err(wrong)
        }
    }
}
