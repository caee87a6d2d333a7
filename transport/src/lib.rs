//! The handle that an application holds ([`Node`]), and how Anabranch's bytes travel. Today that is framing: whole messages over any link that carries
//! bytes in order, a pipe, a socket, a stream of a connection. A peer can neither make a reader
//! take more memory than it has itself sent bytes for, nor make it see half a message. This crate
//! knows links and nothing of disks, and it does not look into what it carries.
//!
//! ```
//! use anabranch_transport::{FrameReader, FrameWriter};
//!
//! let mut link = Vec::new();
//! let mut writer = FrameWriter::new(&mut link);
//! writer.write(b"sealed")?;
//! writer.write(b"change sets")?;
//!
//! let mut reader = FrameReader::new(link.as_slice());
//! assert_eq!(reader.read()?, Some(&b"sealed"[..]));
//! assert_eq!(reader.read()?, Some(&b"change sets"[..]));
//! assert_eq!(reader.read()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A frame is its length as LEB128 (7 bits a byte, lowest first, at most 3 bytes, no needless
//! byte), then so many bytes: 1 to [`FRAME_BYTES_MAX`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`length`] | the length before a frame, and what it may be |
//! | [`reader`] | taking frames off a link |
//! | [`writer`] | putting frames on a link |
//! | [`node`] | the handle that an application holds |

pub mod length;
pub mod node;
pub mod reader;
pub mod writer;

pub use anabranch_core::{fault::Fault, limits::FRAME_BYTES_MAX};
pub use length::FrameRule;
pub use node::{Home, Node, Ticket};
pub use reader::{FrameReader, ReadFrameError};
pub use writer::{FrameWriter, WriteFrameError};
