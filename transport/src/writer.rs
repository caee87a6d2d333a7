//! Putting frames on a link.
#![deny(clippy::arithmetic_side_effects)]

use crate::{FRAME_BYTES_MAX, Fault, length};
use std::{
    fmt,
    io::{self, Write},
};

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFrameError {
    /// It holds nothing. The link is as it was.
    #[error("a frame of 0 bytes cannot be written: leave it out")]
    Empty,
    /// It is too long. The link is as it was.
    #[error("a frame of {bytes} bytes cannot be written: the most is {FRAME_BYTES_MAX}; divide it")]
    Oversized {
        /// Its length.
        bytes: usize,
    },
    /// The link failed. How much of the frame it took is not known, so it takes no more.
    #[error("the link failed while a frame was written: {0}; dial again")]
    Link(#[from] io::Error),
    /// The link failed while an earlier frame was written.
    #[error("the link failed while an earlier frame was written: dial again")]
    Torn,
}

impl WriteFrameError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            WriteFrameError::Empty | WriteFrameError::Oversized { .. } => Fault::Caller,
            WriteFrameError::Link(_) | WriteFrameError::Torn => Fault::Environment,
        }
    }
}

/// Puts frames on a link. The link must block until it takes bytes: after an error within a frame
/// the reader on the other side could not tell where the next begins, so nothing more is written.
pub struct FrameWriter<L> {
    link: L,
    /// Length and frame in one piece: a short frame is one write and so, mostly, one packet.
    piece: Vec<u8>,
    torn: bool,
}

impl<L> fmt::Debug for FrameWriter<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameWriter")
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}

impl<L: Write> FrameWriter<L> {
    /// A writer at the beginning of a link.
    pub fn new(link: L) -> Self {
        FrameWriter {
            link,
            piece: Vec::new(),
            torn: false,
        }
    }

    /// Writes one frame of 1 to [`FRAME_BYTES_MAX`] bytes. It may wait in the link's own buffer
    /// until [`FrameWriter::flush`].
    pub fn write(&mut self, frame: &[u8]) -> Result<(), WriteFrameError> {
        if self.torn {
            return Err(WriteFrameError::Torn);
        }
        let bytes = frame.len();
        if bytes == 0 {
            return Err(WriteFrameError::Empty);
        }
        if bytes > FRAME_BYTES_MAX {
            return Err(WriteFrameError::Oversized { bytes });
        }
        self.piece.clear();
        length::put(bytes, &mut self.piece);
        self.piece.extend_from_slice(frame);
        // Set first: a link that panics leaves a torn frame as well.
        self.torn = true;
        self.link.write_all(&self.piece)?;
        self.torn = false;
        Ok(())
    }

    /// Sends what the link still holds in its own buffer.
    pub fn flush(&mut self) -> Result<(), WriteFrameError> {
        if self.torn {
            return Err(WriteFrameError::Torn);
        }
        Ok(self.link.flush()?)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    /// A link that breaks after so many bytes.
    struct BreaksAfter {
        left: usize,
        taken: Vec<u8>,
    }

    impl Write for BreaksAfter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                self.left = 1_000;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let fits = bytes.len().min(self.left);
            self.left -= fits;
            self.taken.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_follows_a_torn_frame() {
        let mut link = BreaksAfter {
            left: 8,
            taken: Vec::new(),
        };
        let mut writer = FrameWriter::new(&mut link);
        writer.write(b"one").unwrap();
        let error = writer.write(b"two three").unwrap_err();
        assert!(matches!(error, WriteFrameError::Link(_)));
        assert_eq!(error.fault(), Fault::Environment);
        assert!(matches!(
            writer.write(b"four").unwrap_err(),
            WriteFrameError::Torn
        ));
        assert!(matches!(writer.flush().unwrap_err(), WriteFrameError::Torn));
        assert_eq!(link.taken, b"\x03one\x09two");
    }

    #[test]
    fn an_empty_or_oversized_frame_leaves_the_link_as_it_was() {
        let mut link = Vec::new();
        let mut writer = FrameWriter::new(&mut link);
        assert!(matches!(
            writer.write(b"").unwrap_err(),
            WriteFrameError::Empty
        ));
        let error = writer.write(&vec![0; FRAME_BYTES_MAX + 1]).unwrap_err();
        assert!(matches!(error, WriteFrameError::Oversized { .. }));
        assert_eq!(error.fault(), Fault::Caller);
        writer.write(b"x").unwrap();
        assert_eq!(link, b"\x01x");
    }
}
