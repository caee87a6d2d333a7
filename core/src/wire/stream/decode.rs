//! The receiving end. Everything here faces hostile bytes.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    build::Builder,
    context::Context,
    encode::Encoder,
    frame::{Body, Cause, FrameError, Press},
    record::Columns,
};
use crate::{
    changeset::{ChangeSet, EnvelopeRule, FlushCache, SIGNED_BYTES_MAX, Signed, Verified},
    limits,
    wire::bytes::{FormError, Reader},
};
use smallvec::SmallVec;

/// Reads the frames of one direction of a stream.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    context: Option<Context>,
}

/// What a frame held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Change sets rebuilt from the context, each proven to be what its origin signed.
    Rebuilt(Vec<Verified>),
    /// Change sets as sent, yet to be verified; where one breaks a rule of the envelope, the rule.
    Explicit(Vec<Result<Signed, EnvelopeRule>>),
}

impl Decoder {
    /// The receiving end of a new stream.
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Reads exactly one frame (see [`frame_len`](super::frame_len)). `back` is the sending end of
    /// the same stream here, if there is one: the frame may name what it has sent. After an error
    /// the context is gone, and only explicit frames or one that begins a context are read.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(
        &mut self,
        press: &mut Press,
        flushes: &mut FlushCache,
        frame: &[u8],
        back: Option<&Encoder>,
    ) -> Result<Received, FrameError> {
        let received = self.read(press, flushes, frame, back);
        if received.is_err() {
            self.context = None;
        }
        received
    }

    fn read(
        &mut self,
        press: &mut Press,
        flushes: &mut FlushCache,
        frame: &[u8],
        back: Option<&Encoder>,
    ) -> Result<Received, FrameError> {
        let body = press.body(frame)?;
        if body.explicit {
            return explicit(&body.bytes).map(Received::Explicit);
        }
        if body.reset {
            self.context = Some(Context::default());
        }
        let context = self.context.as_mut().ok_or(Cause::NoContext);
        let back = back.map(Encoder::context);
        context
            .and_then(|context| frame_body(context, &body, back, flushes))
            .map(Received::Rebuilt)
            .map_err(|cause| FrameError::SendExplicitly { cause })
    }

    pub(super) fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }
}

fn explicit(body: &[u8]) -> Result<Vec<Result<Signed, EnvelopeRule>>, FrameError> {
    let mut r = Reader::new(body);
    let mut received = Vec::new();
    while !r.is_empty() {
        if received.len() >= limits::FRAME_CHANGE_SETS_MAX {
            return Err(FrameError::Malformed(FormError::TooMany {
                what: "change sets",
                count: received.len() as u64,
                max: limits::FRAME_CHANGE_SETS_MAX as u64,
            }));
        }
        received.push(Signed::decode(r.bytes(SIGNED_BYTES_MAX, "change set")?));
    }
    Ok(received)
}

fn frame_body(
    context: &mut Context,
    body: &Body<'_>,
    back: Option<&Context>,
    flushes: &mut FlushCache,
) -> Result<Vec<Verified>, Cause> {
    let Columns { records, groups } = Columns::read(context, body)?;
    let mut verified = Vec::with_capacity(records.len());
    let mut builder = Builder::new(context, back);
    let mut changes: SmallVec<[ChangeSet; 4]> = SmallVec::with_capacity(records.len());
    for record in records {
        changes.push(builder.change(record)?);
    }
    let mut changes = changes.into_iter();
    for group in groups {
        group
            .verify(&mut changes, flushes, &mut verified)
            .map_err(Cause::Rebuilt)?;
    }
    Ok(verified)
}
