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
    changeset::{EnvelopeRule, FlushCache, SIGNED_BYTES_MAX, Signed, Verified},
    limits,
    wire::bytes::{FormError, Reader},
};

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
        let context = self.context.take();
        let body = press.body(frame)?;
        if body.explicit {
            let received = explicit(&body.bytes)?;
            self.context = context;
            return Ok(Received::Explicit(received));
        }
        let fresh = body.reset.then(Context::default);
        let ask = |cause| FrameError::SendExplicitly { cause };
        let mut context = fresh.or(context).ok_or_else(|| ask(Cause::NoContext))?;
        let back = back.map(Encoder::context);
        let verified = frame_body(&mut context, &body, back, flushes).map_err(ask)?;
        self.context = Some(context);
        Ok(Received::Rebuilt(verified))
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
    body: &Body,
    back: Option<&Context>,
    flushes: &mut FlushCache,
) -> Result<Vec<Verified>, Cause> {
    let columns = Columns::read(context, body)?;
    let mut builder = Builder::new(context, back);
    let mut changes = Vec::new();
    for record in columns.records {
        changes.push(builder.change(record)?);
    }
    let mut changes = changes.into_iter();
    let mut verified = Vec::new();
    for group in columns.groups {
        verified.extend(
            group
                .verify(&mut changes, flushes)
                .map_err(Cause::Rebuilt)?,
        );
    }
    Ok(verified)
}
