//! zstd for payloads, with an output that is declared, capped and checked before anything is
//! allocated.
//!
//! A packed payload is one byte, 0 for the bytes as they are, 1 for zstd; for zstd a `u32` as
//! postcard varint, the length of what comes out; then the bytes or exactly one zstd frame that
//! declares the same length. Frames written without a content size, skippable frames and anything
//! behind the frame are refused.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{
        Form, Malformed,
        codec::{self, Reader},
    },
    limits,
};
use serde::{Deserialize, Serialize};
use zstd::{bulk, zstd_safe};

const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// zstd's own default: above it small payloads cost more time than they save bytes.
const LEVEL: i32 = 3;
/// The magic number of a zstd frame, RFC 8878 section 3.1.1. Skippable frames have others.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a packed payload cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PackFault {
    /// The bytes around the frame.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It says that more comes out than is allowed here.
    #[error("the packed payload unpacks to {had} bytes, at most {max} are allowed")]
    TooLong {
        /// The length it declares.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// Something else than exactly one zstd frame of the declared length.
    #[error(
        "the packed payload is not one zstd frame of its declared {declared} bytes; its author must pack it again"
    )]
    Frame {
        /// The length it declares.
        declared: u64,
    },
}

impl PackFault {
    /// The stable machine code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            PackFault::Malformed(_) => "pack-malformed",
            PackFault::TooLong { .. } => "pack-too-long",
            PackFault::Frame { .. } => "pack-frame",
        }
    }
}

/// Packs bytes: zstd where that is shorter, as they are otherwise.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= limits::COMPRESS_BYTES_MIN
        && let Ok(len) = u32::try_from(bytes.len())
        && let Ok(frame) = bulk::compress(bytes, LEVEL)
    {
        let len = codec::encode(&len);
        if len.len().saturating_add(frame.len()) < bytes.len() {
            return [&[ZSTD], len.as_slice(), &frame].concat();
        }
    }
    [&[RAW], bytes].concat()
}

/// Unpacks at most `max` bytes. Nothing is allocated before the declared length has been held
/// against `max`, and never more than the declared length.
///
/// # Errors
/// See [`PackFault`].
pub fn decompress(packed: &[u8], max: usize) -> Result<Vec<u8>, PackFault> {
    let mut reader = Reader::new(packed);
    match reader.raw(Form::Packed, 1)? {
        [RAW] => {
            let bytes = reader.rest();
            check_length(bytes.len() as u64, max)?;
            Ok(bytes.to_vec())
        }
        [ZSTD] => {
            let (declared, _) = reader.value::<u32>(Form::Packed, 5)?;
            check_length(u64::from(declared), max)?;
            unpack(reader.rest(), declared)
        }
        _ => Err(Malformed::Unreadable {
            form: Form::Packed,
            at: 0,
        }
        .into()),
    }
}

fn unpack(frame: &[u8], declared: u32) -> Result<Vec<u8>, PackFault> {
    let fault = || PackFault::Frame {
        declared: u64::from(declared),
    };
    let alone = frame.starts_with(&MAGIC)
        && matches!(zstd_safe::get_frame_content_size(frame), Ok(Some(size)) if size == u64::from(declared))
        && zstd_safe::find_frame_compressed_size(frame) == Ok(frame.len());
    if !alone {
        return Err(fault());
    }
    let bytes = bulk::decompress(frame, declared as usize).map_err(|_| fault())?;
    if bytes.len() == declared as usize {
        Ok(bytes)
    } else {
        Err(fault())
    }
}

fn check_length(had: u64, max: usize) -> Result<(), PackFault> {
    if had <= max as u64 {
        Ok(())
    } else {
        Err(PackFault::TooLong {
            had,
            max: max as u64,
        })
    }
}
