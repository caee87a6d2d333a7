//! A frame's body in the making.
#![deny(clippy::arithmetic_side_effects)]

use super::{flush, frame::Body};
use crate::{
    changeset::{ChangeSet, Header, Proof},
    id::ChangeSetId,
    limits,
    wire::bytes::put_number,
};

/// A frame's body in the making: like beside like, which is what zstd sees best.
pub(super) struct Columns<'a> {
    pub(super) flags: Vec<u8>,
    pub(super) writers: Vec<u8>,
    pub(super) stamps: Vec<u8>,
    pub(super) rare: Vec<u8>,
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) proofs: Vec<(&'a Proof, ChangeSetId)>,
    /// Bytes of the payloads above.
    pub(super) bytes: usize,
    pub(super) ops_left: usize,
    pub(super) deps_left: usize,
    pub(super) rebuilt_left: usize,
}

impl Default for Columns<'_> {
    fn default() -> Self {
        Columns {
            flags: Vec::new(),
            writers: Vec::new(),
            stamps: Vec::new(),
            rare: Vec::new(),
            payloads: Vec::new(),
            proofs: Vec::new(),
            bytes: 0,
            ops_left: limits::FRAME_OPS_MAX,
            deps_left: limits::FRAME_DEPS_MAX,
            rebuilt_left: limits::FRAME_REBUILT_BYTES_MAX,
        }
    }
}

impl Columns<'_> {
    /// Whether one more change set stays within every bound of a frame. A single one always does.
    pub(super) fn takes(&self, change: &ChangeSet) -> bool {
        let header = change.header();
        let payload = header.payload_len as usize;
        // What a record takes beside its payload at the very most: a header that shares nothing
        // with the context, a flush's signature and a path of its own.
        let proofs = self.proofs.len().saturating_add(1).saturating_mul(512);
        let after = [
            self.bytes,
            self.rare.len(),
            self.stamps.len(),
            self.writers.len(),
            proofs,
        ]
        .into_iter()
        .fold(payload, usize::saturating_add)
        .saturating_add(limits::HEADER_BYTES_MAX);
        self.proofs.len() < limits::FRAME_CHANGE_SETS_MAX
            && after <= limits::FRAME_BYTES_MAX
            && self.ops_left >= 3usize.saturating_mul(limits::CHANGE_OPS_MAX)
            && self.deps_left >= header.deps.len()
            && self.rebuilt_left >= payload
    }

    /// Counts a change set against the frame's bounds.
    pub(super) fn charge(&mut self, header: &Header) {
        self.deps_left = self.deps_left.saturating_sub(header.deps.len());
        self.rebuilt_left = self
            .rebuilt_left
            .saturating_sub(header.payload_len as usize);
    }

    /// The body.
    pub(super) fn finish(self) -> Body<'static> {
        let mut body = Vec::with_capacity(self.bytes.saturating_add(128));
        let single = matches!(self.proofs.as_slice(), [(proof, _)] if proof.count == 1);
        if !single {
            put_number(&mut body, self.flags.len() as u64);
        }
        body.extend_from_slice(&self.flags);
        body.extend_from_slice(&self.writers);
        body.extend_from_slice(&self.stamps);
        body.extend_from_slice(&self.rare);
        flush::put(&mut body, &self.proofs, single);
        // The last payload reaches to the end.
        for payload in self.payloads.iter().rev().skip(1).rev() {
            put_number(&mut body, payload.len() as u64);
        }
        body.extend(self.payloads.iter().filter_map(|payload| payload.first()));
        for payload in &self.payloads {
            body.extend_from_slice(payload.get(1..).unwrap_or_default());
        }
        Body {
            bytes: body.into(),
            single,
            ..Body::default()
        }
    }
}
