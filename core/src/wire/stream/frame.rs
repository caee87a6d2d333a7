//! The frame around a body: version, flags, length, and zstd with the shipped dictionary.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::EnvelopeRule,
    limits,
    wire::bytes::{FormError, Reader, put_number},
};
use std::{borrow::Cow, fmt};
use zstd::bulk::{Compressor, Decompressor};

/// The version of the wire form that this build writes and the only one it reads.
pub const FRAME_VERSION: u8 = 1;

const VERSION_MASK: u8 = 0x07;
const PACKED: u8 = 0x08;
const EXPLICIT: u8 = 0x10;
const RESET: u8 = 0x20;
const SINGLE: u8 = 0x40;
const KNOWN: u8 = VERSION_MASK | PACKED | EXPLICIT | RESET | SINGLE;

/// The dictionary that ships with version 1; `core/docs/wire.md` says how it was made.
static DICTIONARY: &[u8] = include_bytes!("../dictionary.bin");
/// Frames are small: a level above the default costs little and saves one byte in twenty.
const LEVEL: i32 = 9;
/// Every zstd frame begins with it (RFC 8878, 3.1.1), so it is not carried.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a frame gave no change sets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame was written against a context that this end does not hold, or was damaged. It
    /// names no change set: answer by asking for explicit frames. The context is dropped.
    #[error("the frame cannot be rebuilt here ({cause}): ask its sender for explicit frames")]
    SendExplicitly {
        /// What was noticed; for the log, never a verdict.
        cause: Cause,
    },
    /// A version or flags that this build does not know.
    #[error("the frame begins with {had:#04x}; this build reads version {FRAME_VERSION}")]
    Version {
        /// The frame's first byte.
        had: u8,
    },
    /// Longer than a frame may be.
    #[error("the frame has {had} bytes, at most {max} are allowed: close the stream")]
    TooLong {
        /// Its length, packed or unpacked.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// Not one whole frame, or an explicit one that cannot be read: the sender is broken.
    #[error("the frame cannot be read ({0}): close the stream")]
    Malformed(#[from] FormError),
    /// Packed bytes that are not one zstd frame of the declared length.
    #[error("the frame does not unpack to its declared {declared} bytes: close the stream")]
    Packing {
        /// The declared length.
        declared: u64,
    },
}

/// What showed that a frame and this end's context do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is no context: none yet, or dropped after an error.
    #[error("no context")]
    NoContext,
    /// The bytes do not fit the context.
    #[error("{0}")]
    Form(#[from] FormError),
    /// What was rebuilt is not what an origin signed, or no change set at all.
    #[error("{0}")]
    Rebuilt(EnvelopeRule),
}

/// A frame's body and what its first byte says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Body<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Change sets in their canonical bytes.
    pub(super) explicit: bool,
    /// A context begins.
    pub(super) reset: bool,
    /// One change set that is its whole flush: neither count nor group is written.
    pub(super) single: bool,
}

/// How many bytes the frame at the start of `bytes` has, its head included; none where too few
/// bytes are there to say.
///
/// # Errors
/// A version that is not known, a length that is malformed or past the bound: nothing after it on
/// the stream can be read.
pub fn frame_len(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    check_first(*first)?;
    let mut r = Reader::new(bytes.get(1..).unwrap_or_default());
    match r.number("frame length") {
        Ok(len) => {
            check_len(len)?;
            // Bounded just above.
            let head = r.at().saturating_add(1);
            Ok(Some(head.saturating_add(len as usize)))
        }
        Err(FormError::Cut { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn check_first(first: u8) -> Result<(), FrameError> {
    if first & VERSION_MASK == FRAME_VERSION && first & !KNOWN == 0 {
        Ok(())
    } else {
        Err(FrameError::Version { had: first })
    }
}

fn check_len(had: u64) -> Result<(), FrameError> {
    let max = limits::FRAME_BYTES_MAX as u64;
    if had <= max {
        Ok(())
    } else {
        Err(FrameError::TooLong { had, max })
    }
}

/// What packs and unpacks frames: zstd's memory, a few MiB once both were used. One serves any
/// number of streams, one after another.
pub struct Press {
    packs: bool,
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Press")
    }
}

impl Default for Press {
    fn default() -> Self {
        Press::new()
    }
}

impl Press {
    /// A press; it takes its memory when it is first used.
    pub fn new() -> Self {
        Press {
            packs: true,
            compressor: None,
            decompressor: None,
        }
    }

    /// A press that unpacks but never packs: for links that compress by themselves, and for the
    /// samples that the dictionary is made from.
    pub fn plain() -> Self {
        Press {
            packs: false,
            ..Press::new()
        }
    }

    /// Puts the frame around a body of at most [`limits::FRAME_BYTES_MAX`] bytes.
    pub(super) fn frame(&mut self, body: &Body<'_>) -> Vec<u8> {
        let mut first = FRAME_VERSION;
        for (flag, set) in [
            (EXPLICIT, body.explicit),
            (RESET, body.reset),
            (SINGLE, body.single),
        ] {
            first |= if set { flag } else { 0 };
        }
        let packed = self.pack(&body.bytes);
        let content = match &packed {
            Some(packed) => packed.as_slice(),
            None => &body.bytes,
        };
        first |= if packed.is_some() { PACKED } else { 0 };
        let mut frame = Vec::with_capacity(content.len().saturating_add(4));
        frame.push(first);
        put_number(&mut frame, content.len() as u64);
        frame.extend_from_slice(content);
        frame
    }

    /// Takes the frame off; `bytes` are exactly one.
    pub(super) fn body<'a>(&mut self, bytes: &'a [u8]) -> Result<Body<'a>, FrameError> {
        let mut r = Reader::new(bytes);
        let first = r.byte("frame")?;
        check_first(first)?;
        let len = r.number("frame length")?;
        check_len(len)?;
        let content = r.take(len as usize, "frame")?;
        r.end("the frame")?;
        let bytes = if first & PACKED == 0 {
            Cow::Borrowed(content)
        } else {
            Cow::Owned(self.unpack(content)?)
        };
        Ok(Body {
            bytes,
            explicit: first & EXPLICIT != 0,
            reset: first & RESET != 0,
            single: first & SINGLE != 0,
        })
    }

    /// The declared length and the zstd frame without its magic number; none where that is no
    /// shorter, or would be refused for unpacking to too much.
    fn pack(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        if !self.packs || body.len() < limits::COMPRESS_BYTES_MIN {
            return None;
        }
        if self.compressor.is_none() {
            let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARY).ok()?;
            compressor.include_contentsize(false).ok()?;
            compressor.include_dictid(false).ok()?;
            compressor.include_checksum(false).ok()?;
            self.compressor = Some(compressor);
        }
        let packed = self.compressor.as_mut()?.compress(body).ok()?;
        let packed = packed.strip_prefix(&MAGIC)?;
        let mut content = Vec::with_capacity(packed.len().saturating_add(3));
        put_number(&mut content, body.len() as u64);
        content.extend_from_slice(packed);
        let pays = content.len() < body.len() && body.len() <= unpacked_max(content.len());
        pays.then_some(content)
    }

    fn unpack(&mut self, content: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut r = Reader::new(content);
        let had = r.number("unpacked length")?;
        let max = limits::FRAME_BYTES_MAX.min(unpacked_max(content.len())) as u64;
        if had > max {
            return Err(FrameError::TooLong { had, max });
        }
        let fault = || FrameError::Packing { declared: had };
        if self.decompressor.is_none() {
            self.decompressor =
                Some(Decompressor::with_dictionary(DICTIONARY).map_err(|_| fault())?);
        }
        let decompressor = self.decompressor.as_mut().ok_or_else(fault)?;
        let packed = [&MAGIC, r.rest()].concat();
        // Bounded just above.
        let bytes = decompressor
            .decompress(&packed, had as usize)
            .map_err(|_| fault())?;
        if bytes.len() as u64 == had {
            Ok(bytes)
        } else {
            Err(fault())
        }
    }
}

fn unpacked_max(packed: usize) -> usize {
    packed
        .saturating_mul(16)
        .saturating_add(limits::FRAME_UNPACKED_FREE_BYTES)
}
