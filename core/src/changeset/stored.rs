//! The canonical bytes of a change set with its proof, as stored and bundled.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{
        ChangeSet, EnvelopeRule, Form, Header, Payload, Proof, Signed, codec, codec::Reader,
    },
    limits,
};

/// The version that this build writes and the only one it reads.
pub const STORED_VERSION: u8 = 1;

/// Largest encoding of a payload with its state: the bytes, their length in three, the state.
const PAYLOAD_FORM_BYTES_MAX: usize =
    limits::PAYLOAD_BYTES_MAX + limits::SEALED_BYTES_ADDED_MAX + 4;
/// Largest encoding of a proof: signature, two numbers of two bytes, the path and its length.
const PROOF_FORM_BYTES_MAX: usize = 64 + 2 + 2 + 1 + limits::MERKLE_PATH_MAX * 32;
/// Largest change set as stored.
pub const SIGNED_BYTES_MAX: usize =
    1 + limits::HEADER_BYTES_MAX + PAYLOAD_FORM_BYTES_MAX + PROOF_FORM_BYTES_MAX;

impl Signed {
    /// The canonical bytes: version, header, payload with its state, proof.
    pub fn encode(&self) -> Vec<u8> {
        let header = self.change.header().canonical();
        let payload = codec::encode(self.change.payload());
        let proof = codec::encode(&self.proof);
        [
            &[STORED_VERSION],
            header.as_slice(),
            payload.as_slice(),
            proof.as_slice(),
        ]
        .concat()
    }

    /// Reads canonical bytes that hold one change set and nothing else. The signature is not
    /// checked: see [`Signed::verify`].
    ///
    /// # Errors
    /// Bytes that are not canonical, every header rule, a payload that is not the header's, a
    /// proof out of shape.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeRule> {
        let mut reader = Reader::new(bytes);
        reader.version(Form::ChangeSet, STORED_VERSION)?;
        let (header, id) = Header::read(&mut reader)?;
        let (payload, _) = reader.value::<Payload>(Form::Payload, PAYLOAD_FORM_BYTES_MAX)?;
        let change = ChangeSet::decoded(header, id, payload)?;
        let (proof, _) = reader.value::<Proof>(Form::Proof, PROOF_FORM_BYTES_MAX)?;
        reader.end(Form::ChangeSet)?;
        proof.check()?;
        Ok(Signed { change, proof })
    }
}
