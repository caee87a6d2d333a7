//! Taking frames off a link.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    Fault,
    length::{FrameRule, Length},
};
use std::{
    fmt,
    io::{self, Read},
};

/// Bytes asked of the link at a time, and so the most by which memory runs ahead of what arrived.
const CHUNK_BYTES: usize = 8 << 10;

/// Why no frame was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The other side broke the form. Every further read answers the same.
    #[error(transparent)]
    Peer(#[from] FrameRule),
    /// The link failed. Nothing is lost: where the link goes on (after `WouldBlock`, say), reading
    /// goes on within the frame.
    #[error("the link failed while a frame was read: {0}")]
    Link(#[from] io::Error),
}

impl ReadFrameError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            // A link that was cut is nobody's malice.
            ReadFrameError::Peer(FrameRule::Truncated { .. }) | ReadFrameError::Link(_) => {
                Fault::Environment
            }
            ReadFrameError::Peer(
                FrameRule::Empty | FrameRule::Oversized { .. } | FrameRule::Overlong,
            ) => Fault::Peer,
        }
    }
}

/// Takes frames off a link. It reads ahead, so the link is its own until it is dropped.
pub struct FrameReader<L> {
    link: L,
    /// Bytes from the link; those in `ahead` belong to no frame yet.
    chunk: Box<[u8]>,
    ahead: std::ops::Range<usize>,
    frame: Vec<u8>,
    state: State,
}

/// Where in the stream of frames the reader stands.
#[derive(Clone, Copy, Debug)]
enum State {
    /// In a length; at its beginning no frame is open.
    Length(Length),
    /// In a frame of so many bytes, of which `frame` holds the first.
    Content { wanted: usize, length: Length },
    /// `frame` was handed out and goes with the next read.
    Done,
    /// The form was broken, for good.
    Broken(FrameRule),
}

impl<L> fmt::Debug for FrameReader<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<L: Read> FrameReader<L> {
    /// A reader at the beginning of a link.
    pub fn new(link: L) -> Self {
        FrameReader {
            link,
            chunk: vec![0; CHUNK_BYTES].into(),
            ahead: 0..0,
            frame: Vec::new(),
            state: State::Done,
        }
    }

    /// The next frame; none where the link ended between two frames.
    pub fn read(&mut self) -> Result<Option<&[u8]>, ReadFrameError> {
        if let State::Done = self.state {
            self.frame.clear();
            self.state = State::Length(Length::default());
        }
        loop {
            match self.step() {
                Ok(true) => return Ok(Some(&self.frame)),
                Ok(false) => {}
                Err(rule) => {
                    self.state = State::Broken(rule);
                    return Err(rule.into());
                }
            }
            if self.ahead.is_empty() && !self.fill()? {
                return self.end();
            }
        }
    }

    /// Uses up what was read ahead, or as much of it as belongs to this frame; whether the frame
    /// is whole.
    fn step(&mut self) -> Result<bool, FrameRule> {
        match self.state {
            State::Length(mut length) => {
                while let Some(byte) = self.ahead.next().and_then(|at| self.chunk.get(at)) {
                    if let Some(wanted) = length.take(*byte)? {
                        self.state = State::Content { wanted, length };
                        return self.step();
                    }
                }
                self.state = State::Length(length);
                Ok(false)
            }
            State::Content { wanted, .. } => {
                let missing = wanted.saturating_sub(self.frame.len());
                let end = self.ahead.start.saturating_add(missing).min(self.ahead.end);
                let arrived = self.chunk.get(self.ahead.start..end).unwrap_or_default();
                self.frame.extend_from_slice(arrived);
                self.ahead.start = end;
                let whole = self.frame.len() == wanted;
                if whole {
                    self.state = State::Done;
                }
                Ok(whole)
            }
            State::Done => Ok(false),
            State::Broken(rule) => Err(rule),
        }
    }

    /// Reads from the link once; false where it has ended.
    fn fill(&mut self) -> io::Result<bool> {
        let read = loop {
            match self.link.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.ahead = 0..read.min(self.chunk.len());
        Ok(read > 0)
    }

    /// The link has ended: between two frames, or within one.
    fn end(&mut self) -> Result<Option<&[u8]>, ReadFrameError> {
        let had = match self.state {
            State::Length(length) if length.bytes() == 0 => return Ok(None),
            State::Done => return Ok(None),
            State::Length(length) => length.bytes() as usize,
            State::Content { length, .. } => {
                (length.bytes() as usize).saturating_add(self.frame.len())
            }
            State::Broken(rule) => return Err(rule.into()),
        };
        let rule = FrameRule::Truncated { had };
        self.state = State::Broken(rule);
        Err(rule.into())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::{FRAME_BYTES_MAX, FrameWriter};
    use proptest::prelude::*;

    /// A link that gives at most so many bytes at a time, and before each says that it is
    /// interrupted, or that it would block.
    struct Trickle<'a> {
        bytes: &'a [u8],
        at_once: usize,
        next: Option<io::ErrorKind>,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.next = match self.next {
                None => Some(io::ErrorKind::Interrupted),
                Some(io::ErrorKind::Interrupted) => Some(io::ErrorKind::WouldBlock),
                Some(_) => None,
            };
            if let Some(kind) = self.next {
                return Err(kind.into());
            }
            let size = self.at_once.min(out.len());
            self.bytes.read(&mut out[..size])
        }
    }

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut link = Vec::new();
        let mut writer = FrameWriter::new(&mut link);
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        link
    }

    /// All frames of a link, and what ended it.
    fn drain(link: impl Read) -> (Vec<Vec<u8>>, Option<FrameRule>) {
        let mut reader = FrameReader::new(link);
        let mut frames = Vec::new();
        loop {
            match reader.read() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => return (frames, None),
                Err(ReadFrameError::Peer(rule)) => {
                    assert!(matches!(
                        reader.read(),
                        Err(ReadFrameError::Peer(again)) if again == rule
                    ));
                    return (frames, Some(rule));
                }
                Err(ReadFrameError::Link(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                }
            }
        }
    }

    #[test]
    fn frames_cross_a_link_that_gives_one_byte_at_a_time() {
        let frames = vec![vec![1], vec![2; 127], vec![3; 128], vec![4; 20_000]];
        let bytes = framed(&frames);
        let link = Trickle {
            bytes: &bytes,
            at_once: 1,
            next: None,
        };
        assert_eq!(drain(link), (frames, None));
    }

    #[test]
    fn the_largest_frame_passes_and_one_byte_more_does_not() {
        let frames = vec![vec![5; FRAME_BYTES_MAX]];
        assert_eq!(drain(framed(&frames).as_slice()), (frames, None));
        let one_more = [0x81, 0x80, 0x40, 0, 0];
        let (frames, rule) = drain(one_more.as_slice());
        assert!(frames.is_empty());
        assert_eq!(
            rule,
            Some(FrameRule::Oversized {
                bytes: FRAME_BYTES_MAX + 1
            })
        );
    }

    #[test]
    fn a_claimed_length_takes_no_memory_until_its_bytes_arrive() {
        let mut claim = framed(&[vec![6; FRAME_BYTES_MAX]]);
        claim.truncate(3 + 10);
        let mut reader = FrameReader::new(claim.as_slice());
        let error = reader.read().unwrap_err();
        assert!(matches!(
            error,
            ReadFrameError::Peer(FrameRule::Truncated { had: 13 })
        ));
        assert_eq!(error.fault(), Fault::Environment);
        assert!(reader.frame.capacity() <= CHUNK_BYTES);
    }

    #[test]
    fn a_broken_form_is_the_peers_fault_and_stays_broken() {
        let mut bytes = framed(&[vec![7; 3]]);
        bytes.push(0);
        bytes.extend(framed(&[vec![8; 3]]));
        let (frames, rule) = drain(bytes.as_slice());
        assert_eq!(frames, [vec![7; 3]]);
        assert_eq!(rule, Some(FrameRule::Empty));
        assert_eq!(ReadFrameError::Peer(FrameRule::Empty).fault(), Fault::Peer);
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_link_cuts_them(
            sizes in prop::collection::vec(1usize..40_000, 0..6),
            at_once in 1usize..10_000,
        ) {
            let frames: Vec<_> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
            let bytes = framed(&frames);
            let link = Trickle { bytes: &bytes, at_once, next: None };
            prop_assert_eq!(drain(link), (frames, None));
        }

        #[test]
        fn a_link_cut_anywhere_gives_whole_frames_and_then_says_so(
            sizes in prop::collection::vec(1usize..300, 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let frames: Vec<_> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
            let bytes = framed(&frames);
            let cut = cut.index(bytes.len());
            let (had, rule) = drain(&bytes[..cut]);
            prop_assert!(frames.starts_with(&had));
            let whole = framed(&had).len();
            prop_assert_eq!(rule, (whole < cut).then(|| FrameRule::Truncated { had: cut - whole }));
        }

        #[test]
        fn no_bytes_make_a_reader_panic_or_run_ahead(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000),
            at_once in 1usize..100,
        ) {
            let (frames, _) = drain(Trickle { bytes: &bytes, at_once, next: None });
            prop_assert!(frames.iter().map(Vec::len).sum::<usize>() <= bytes.len());
        }
    }
}
