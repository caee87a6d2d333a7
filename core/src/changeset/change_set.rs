//! The change set: a header, its id, and the payload it speaks of.

use crate::{
    changeset::{EnvelopeRule, Header, Payload, check, header},
    id::ChangeSetId,
};
use std::sync::Arc;

/// A change set. Its header keeps every rule a header alone can break, its payload is the one the
/// header speaks of (or a husk's none), and its id is the header's. It may still be forged: see
/// [`Verified`](crate::changeset::Verified).
///
/// It is passed from hand to hand and kept in several places at once: a clone shares everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    header: Header,
    payload: Payload,
    id: ChangeSetId,
}

impl ChangeSet {
    /// Checks and puts together. The header must already speak of the payload
    /// ([`Header::describe`]).
    ///
    /// # Errors
    /// Every header rule, and a payload of another length or hash.
    pub fn new(header: Header, payload: Payload) -> Result<Self, EnvelopeRule> {
        let change = ChangeSet::put_together(header, payload)?;
        if let Payload::Present(bytes) = change.payload() {
            check_payload(change.header(), bytes)?;
        }
        Ok(change)
    }

    /// As [`ChangeSet::new`], making the header speak of the payload.
    ///
    /// # Errors
    /// Every header rule.
    pub fn describing(header: Header, payload: Vec<u8>) -> Result<Self, EnvelopeRule> {
        ChangeSet::put_together(header.describe(&payload), Payload::Present(payload))
    }

    /// A header that speaks of the payload.
    fn put_together(header: Header, payload: Payload) -> Result<Self, EnvelopeRule> {
        header.check_fields()?;
        let bytes = header.canonical();
        check::check_length(bytes.len())?;
        let id = header::id_of(&bytes);
        Ok(ChangeSet(Arc::new(Inner {
            header,
            payload,
            id,
        })))
    }

    /// As [`ChangeSet::new`], for a header whose id was computed from the bytes it was read from.
    pub(crate) fn decoded(
        header: Header,
        id: ChangeSetId,
        payload: Payload,
    ) -> Result<Self, EnvelopeRule> {
        header.check_fields()?;
        if let Payload::Present(bytes) = &payload {
            check_payload(&header, bytes)?;
        }
        Ok(ChangeSet(Arc::new(Inner {
            header,
            payload,
            id,
        })))
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Its payload, or why there is none.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// The blake3 of its header.
    pub fn id(&self) -> ChangeSetId {
        self.0.id
    }

    /// Erases the payload: what is left is a husk for good, whose id and chain still hold.
    pub fn erase(&mut self) {
        Arc::make_mut(&mut self.0).payload = Payload::Erased;
    }

    /// The same change set without its payload's bytes, for a reader that gets them later.
    pub fn husk(&self) -> Self {
        ChangeSet(Arc::new(Inner {
            header: self.0.header.clone(),
            payload: match self.0.payload {
                Payload::Present(_) | Payload::Absent => Payload::Absent,
                Payload::Erased => Payload::Erased,
            },
            id: self.0.id,
        }))
    }

    /// Takes the payload that was absent.
    ///
    /// # Errors
    /// Bytes that are not the payload, and any bytes where it was erased. The husk stays a husk.
    pub fn fill(&mut self, bytes: Vec<u8>) -> Result<(), EnvelopeRule> {
        if self.0.payload == Payload::Erased {
            return Err(EnvelopeRule::PayloadErased);
        }
        check_payload(&self.0.header, &bytes)?;
        Arc::make_mut(&mut self.0).payload = Payload::Present(bytes);
        Ok(())
    }

    /// Taken apart.
    pub fn into_parts(self) -> (Header, Payload) {
        let Inner {
            header, payload, ..
        } = Arc::unwrap_or_clone(self.0);
        (header, payload)
    }
}

fn check_payload(header: &Header, bytes: &[u8]) -> Result<(), EnvelopeRule> {
    if bytes.len() as u64 != u64::from(header.payload_len) {
        return Err(EnvelopeRule::PayloadLength {
            wanted: u64::from(header.payload_len),
            had: bytes.len() as u64,
        });
    }
    if blake3::hash(bytes) != header.payload_hash {
        return Err(EnvelopeRule::PayloadHash);
    }
    Ok(())
}
