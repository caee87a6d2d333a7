//! A projection read in place. Most rows of a query are looked at in two or three fields and let go,
//! so nothing is decoded that is not asked for.
#![deny(clippy::arithmetic_side_effects)]

use super::seen::{Items, Seen, Walk};
use crate::projection::PROJECTION_VERSION;
use smallvec::SmallVec;

/// What stands before a projection's parts. Whatever is None here is no projection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) entity: &'a [u8],
    pub(super) kind: &'a str,
    rest: Walk<'a>,
}

/// A projection's bytes, its parts found.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) head: Head<'a>,
    pub(super) parts: SmallVec<[PartRow<'a>; 4]>,
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
    pub(super) content: ContentRow<'a>,
}

/// When something was written, and by whom: compared in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp<'a> {
    pub(super) hlc: u64,
    origin: &'a [u8],
    pub(super) author: &'a [u8],
}

/// What stands in a part.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContentRow<'a> {
    Record {
        deleted: bool,
        recovered: bool,
        /// The fields, and the conflicts behind them.
        fields: Items<'a>,
    },
    Body {
        text: &'a str,
    },
    Log {
        entries: u64,
    },
}

impl<'a> Head<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut walk = Walk(bytes);
        if walk.byte()? != PROJECTION_VERSION {
            return None;
        }
        Some(Head {
            entity: walk.take(32)?,
            kind: walk.text()?,
            rest: walk,
        })
    }

    /// The whole row.
    pub(super) fn open(self) -> Option<Row<'a>> {
        let mut walk = self.rest;
        let count = walk.number()?;
        let mut parts = SmallVec::new();
        for at in 1..=count {
            let part = part(&mut walk)?;
            parts.push(part);
            // The last part is the record, the longest: what stands in it is walked when asked for.
            if at < count {
                part.content.leave(&mut walk)?;
            }
        }
        Some(Row { head: self, parts })
    }
}

fn part<'a>(walk: &mut Walk<'a>) -> Option<PartRow<'a>> {
    let name = walk.slice()?;
    let _schema_version = walk.number()?;
    let changes = walk.number()?;
    let (first, last) = (stamp(walk)?, stamp(walk)?);
    let links = usize::try_from(walk.number()?).ok()?;
    let links = walk.take(links.checked_mul(32)?)?;
    let _cut = walk.byte()?;
    let content = match walk.byte()? {
        0 => {
            let life = walk.byte()?;
            ContentRow::Record {
                recovered: life == 1,
                deleted: life == 2,
                fields: walk.items()?,
            }
        }
        1 => ContentRow::Body { text: walk.text()? },
        2 => ContentRow::Log {
            entries: walk.number()?,
        },
        _ => return None,
    };
    Some(PartRow {
        name,
        changes,
        first,
        last,
        links,
        content,
    })
}

fn stamp<'a>(walk: &mut Walk<'a>) -> Option<Option<Stamp<'a>>> {
    if walk.byte()? == 0 {
        return Some(None);
    }
    Some(Some(Stamp {
        hlc: walk.number()?,
        origin: walk.take(32)?,
        author: walk.take(16)?,
    }))
}

impl<'a> ContentRow<'a> {
    /// Walks on to the end of the part.
    fn leave(&self, walk: &mut Walk<'a>) -> Option<()> {
        match self {
            ContentRow::Record { fields, .. } => {
                *walk = fields.end()?;
                for _ in 0..walk.number()? {
                    texts(walk)?;
                }
                Some(())
            }
            ContentRow::Body { .. } => texts(walk),
            ContentRow::Log { .. } => Some(()),
        }
    }
}

/// Walks past a list of texts.
fn texts(walk: &mut Walk<'_>) -> Option<()> {
    for _ in 0..walk.number()? {
        walk.slice()?;
    }
    Some(())
}

impl<'a> Row<'a> {
    pub(super) fn part(&self, name: &str) -> Option<&PartRow<'a>> {
        let mut parts = self.parts.iter();
        parts.find(|part| part.name == name.as_bytes())
    }

    /// A field of a record part.
    pub(super) fn field(&self, part: &str, path: &[String]) -> Option<Option<Seen<'a>>> {
        let Some(ContentRow::Record { fields, .. }) = self.part(part).map(|part| part.content)
        else {
            return Some(None);
        };
        let Some((first, rest)) = path.split_first() else {
            return Some(None);
        };
        let mut seen = fields.get(first.as_bytes())?;
        for name in rest {
            seen = match seen {
                Some(Seen::Map(within)) => within.get(name.as_bytes())?,
                _ => return Some(None),
            };
        }
        Some(seen)
    }

    /// Whether the entity is deleted, and whether it was brought back.
    pub(super) fn life(&self) -> (bool, bool) {
        match self.part("record").map(|part| part.content) {
            Some(ContentRow::Record {
                deleted, recovered, ..
            }) => (deleted, recovered),
            Some(ContentRow::Body { .. } | ContentRow::Log { .. }) | None => (false, false),
        }
    }

    /// Whether any register's values were written apart and differ.
    pub(super) fn has_conflicts(&self) -> Option<bool> {
        for part in &self.parts {
            if let ContentRow::Record { fields, .. } = part.content
                && fields.end()?.number()? > 0
            {
                return Some(true);
            }
        }
        Some(false)
    }
}
