//! The length before a frame: LEB128, in the one shortest form.
#![deny(clippy::arithmetic_side_effects)]

use crate::FRAME_BYTES_MAX;

/// Most bytes that a length takes: 3 times 7 bits reach 2 MiB, and a frame may have 1 MiB.
pub const LENGTH_BYTES_MAX: usize = 3;
const _: () = assert!(FRAME_BYTES_MAX < 1 << 21 && FRAME_BYTES_MAX >= 1 << 14);

/// How the other side broke the form of a frame. The link is useless from there on: nothing says
/// where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameRule {
    /// A frame of no bytes.
    #[error("a frame of 0 bytes: a frame holds at least one; close the link")]
    Empty,
    /// A frame longer than allowed.
    #[error("a frame of {bytes} bytes or more: the most is {FRAME_BYTES_MAX}; close the link")]
    Oversized {
        /// The length, as far as it was read.
        bytes: usize,
    },
    /// A length with a needless last byte.
    #[error("a length with a needless last byte: only the shortest form is read; close the link")]
    Overlong,
    /// The link ended within a frame.
    #[error("the link ended after {had} bytes of a frame: dial again and ask for the rest")]
    Truncated {
        /// Bytes of the frame that arrived, its length counted.
        had: usize,
    },
}

impl FrameRule {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            FrameRule::Empty => "frame-empty",
            FrameRule::Oversized { .. } => "frame-oversized",
            FrameRule::Overlong => "frame-overlong",
            FrameRule::Truncated { .. } => "frame-truncated",
        }
    }
}

/// Collects a length byte by byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Length {
    value: usize,
    bytes: u32,
}

impl Length {
    /// Bytes taken so far.
    pub(crate) fn bytes(self) -> u32 {
        self.bytes
    }

    /// Takes one byte; the frame's length once it is whole.
    pub(crate) fn take(&mut self, byte: u8) -> Result<Option<usize>, FrameRule> {
        let bits = usize::from(byte & 0x7f);
        // At most 2 * 7: a third byte always ends the length or breaks it.
        let shift = self.bytes.saturating_mul(7);
        self.value |= bits.checked_shl(shift).unwrap_or(usize::MAX);
        self.bytes = self.bytes.saturating_add(1);
        let more = byte & 0x80 != 0;
        if self.value > FRAME_BYTES_MAX || (more && self.bytes as usize >= LENGTH_BYTES_MAX) {
            return Err(FrameRule::Oversized { bytes: self.value });
        }
        match (more, bits) {
            (true, _) => Ok(None),
            (false, 0) if self.bytes > 1 => Err(FrameRule::Overlong),
            (false, 0) => Err(FrameRule::Empty),
            (false, _) => Ok(Some(self.value)),
        }
    }
}

/// Appends a length that is at most [`FRAME_BYTES_MAX`].
pub(crate) fn put(mut length: usize, out: &mut Vec<u8>) {
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push((length & 0x7f) as u8);
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<usize>, FrameRule> {
        let mut length = Length::default();
        for (at, byte) in bytes.iter().enumerate() {
            if let Some(value) = length.take(*byte)? {
                assert_eq!(at + 1, bytes.len(), "ended early");
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    #[test]
    fn every_length_has_one_form_and_it_reads_back() {
        for length in (1..300).chain([16_383, 16_384, FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX]) {
            let mut bytes = Vec::new();
            put(length, &mut bytes);
            assert!(bytes.len() <= LENGTH_BYTES_MAX);
            assert_eq!(read(&bytes), Ok(Some(length)));
        }
    }

    #[test]
    fn lengths_no_honest_writer_sends_are_told_apart() {
        assert_eq!(read(&[0]), Err(FrameRule::Empty));
        assert_eq!(read(&[0x81, 0]), Err(FrameRule::Overlong));
        assert_eq!(read(&[0x80, 0]), Err(FrameRule::Overlong));
        assert_eq!(read(&[0x80, 0x80, 0]), Err(FrameRule::Overlong));
        let mut bytes = Vec::new();
        put(FRAME_BYTES_MAX + 1, &mut bytes);
        assert!(matches!(read(&bytes), Err(FrameRule::Oversized { .. })));
        assert!(matches!(
            read(&[0xff; 10]),
            Err(FrameRule::Oversized { .. })
        ));
        assert!(matches!(
            read(&[0x80, 0x80, 0x80, 1]),
            Err(FrameRule::Oversized { .. })
        ));
    }
}
