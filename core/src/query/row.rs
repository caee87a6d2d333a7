//! A projection read in place. Most rows of a query are looked at in two or three fields and let go,
//! so nothing is decoded that is not asked for.
#![deny(clippy::arithmetic_side_effects)]

use super::seen::{Items, Seen, Walk};
use crate::projection::{PROJECTION_VERSION, ProjectionError};
use smallvec::SmallVec;

/// A projection's bytes, its parts found.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) entity: &'a [u8],
    parts: SmallVec<[PartRow<'a>; 4]>,
}

/// What stands before a projection's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) entity: &'a [u8],
    pub(super) kind: &'a str,
    rest: Walk<'a>,
}

/// One part.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartRow<'a> {
    pub(super) name: &'a [u8],
    pub(super) changes: u64,
    pub(super) first: Option<Stamp<'a>>,
    pub(super) last: Option<Stamp<'a>>,
    /// 32 bytes each.
    pub(super) links: &'a [u8],
    /// What stands in it, from its first byte on.
    content: Walk<'a>,
}

/// When something was written, and by whom, in the order of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp<'a> {
    pub(super) hlc: u64,
    origin: &'a [u8],
    pub(super) author: &'a [u8],
}

const RECORD: u8 = 0;
const BODY: u8 = 1;
const LOG: u8 = 2;
const DELETED: u8 = 2;

/// The head of a projection's bytes.
pub(super) fn head(bytes: &[u8]) -> Result<Head<'_>, ProjectionError> {
    match bytes.split_first() {
        Some((&PROJECTION_VERSION, rest)) => {
            let mut walk = Walk(rest);
            let head = || {
                Some(Head {
                    entity: walk.take(32)?,
                    kind: walk.text()?,
                    rest: walk,
                })
            };
            let mut head = head;
            head().ok_or(form(bytes))
        }
        Some((had, _)) => Err(ProjectionError::Version { had: *had }),
        None => Err(form(bytes)),
    }
}

/// What is wrong with bytes that are no projection.
pub(super) fn form(bytes: &[u8]) -> ProjectionError {
    ProjectionError::Form { had: bytes.len() }
}
