//! Bytes that are not the canonical encoding of anything: what, where, needed, had.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What was being read, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Form {
    /// A change set's header.
    Header,
    /// A payload with its state.
    Payload,
    /// A flush proof.
    Proof,
    /// A change set as stored, with its proof.
    ChangeSet,
    /// A payload packed by zstd.
    Packed,
    /// A payload sealed under a workspace key.
    Sealed,
    /// A bundle file.
    Bundle,
    /// An item of a bundle file.
    BundleItem,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Header => "header",
            Form::Payload => "payload",
            Form::Proof => "flush proof",
            Form::ChangeSet => "change set",
            Form::Packed => "packed payload",
            Form::Sealed => "sealed payload",
            Form::Bundle => "bundle",
            Form::BundleItem => "bundle item",
        })
    }
}

/// Bytes that are not the canonical encoding of anything. Offsets count from the start of the
/// bytes that were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Malformed {
    /// The bytes end too early.
    #[error("the {form} is cut short at byte {at}: needs {needed} more, had {had}; fetch it again")]
    Truncated {
        /// What was being read.
        form: Form,
        /// Where.
        at: u64,
        /// How many bytes were needed there, at least.
        needed: u64,
        /// How many there were.
        had: u64,
    },
    /// A byte that stands for no value there: an unknown enum variant, text that is not UTF-8.
    #[error(
        "the {form} cannot be read at byte {at}: no value is written like this; fetch it again"
    )]
    Unreadable {
        /// What was being read.
        form: Form,
        /// Where.
        at: u64,
    },
    /// The value can be read, but its encoding is another one.
    #[error("the {form} is not in canonical form at byte {at}; its author must encode it again")]
    NotCanonical {
        /// What was being read.
        form: Form,
        /// The first byte that differs.
        at: u64,
    },
    /// Bytes follow where none may.
    #[error("{had} bytes follow the end of the {form} at byte {at}; cut them off")]
    Trailing {
        /// What had ended.
        form: Form,
        /// Where it ended.
        at: u64,
        /// How many bytes follow.
        had: u64,
    },
    /// Longer than any may be.
    #[error("the {form} has {had} bytes or more, at most {max} are allowed")]
    TooLong {
        /// What was being read.
        form: Form,
        /// Its length, or the least it can be.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// Written by a version that this build does not know, or not what it is taken for.
    #[error("the {form} is of version {had}; this build reads version {known}")]
    Version {
        /// What was being read.
        form: Form,
        /// The version it names.
        had: u8,
        /// The version known here.
        known: u8,
    },
}

impl Malformed {
    /// The stable machine code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Malformed::Truncated { .. } => "truncated",
            Malformed::Unreadable { .. } => "unreadable",
            Malformed::NotCanonical { .. } => "not-canonical",
            Malformed::Trailing { .. } => "trailing-bytes",
            Malformed::TooLong { .. } => "too-long",
            Malformed::Version { .. } => "version-unknown",
        }
    }
}
