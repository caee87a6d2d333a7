//! Blocks of a foreign update on their own: read, cut in two, given other neighbours, written.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    any,
    compose::slice_units,
    content,
    read::Reader,
    rule::BodyRule,
    state::{HAS_KEY, HAS_LEFT, HAS_RIGHT},
    surrogate::SecondHalves,
};
use crate::limits;
use yrs::encoding::write::Write;

/// Most units of a block that is cut: a character takes at most three bytes for each of its units.
pub(super) const BLOCK_UNITS_MAX: u32 = (limits::PAYLOAD_BYTES_MAX / 8) as u32;

/// One block.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    pub(super) clock: u32,
    pub(super) len: u32,
    /// None for units without a place.
    pub(super) header: u8,
    pub(super) left: Option<(u64, u32)>,
    pub(super) right: Option<(u64, u32)>,
    /// The unit that is its parent, where it says so.
    pub(super) parent: Option<(u64, u32)>,
    /// Parent and key as they were written.
    pub(super) place: &'a [u8],
    pub(super) content: Content<'a>,
}

/// A block's content, as far as a block may have to be cut.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    Text(&'a str),
    /// Several values of an attribute, without their count.
    Values(&'a [u8]),
    /// Only the number of units is left.
    Gone,
    /// One unit.
    Whole(&'a [u8]),
}

impl<'a> Block<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, clock: u32) -> Result<Self, BodyRule> {
        let at = reader.at();
        let header = reader.byte()?;
        let id = |reader: &mut Reader<'a>, bit| match header & bit {
            0 => Ok(None),
            _ => Ok(Some((reader.client()?, reader.clock()?))),
        };
        let left = id(reader, HAS_LEFT)?;
        let right = id(reader, HAS_RIGHT)?;
        let from = reader.clone();
        let mut parent = None;
        if left.is_none() && right.is_none() && header != 0 {
            match reader.var()? {
                1 => {
                    reader.str()?;
                }
                0 => parent = Some((reader.client()?, reader.clock()?)),
                _ => return Err(BodyRule::ParentForm { at }),
            }
            if header & HAS_KEY != 0 {
                reader.str()?;
            }
        }
        let place = from.until(reader);
        let (content, len) = match header & 0x1f {
            0 if header != 0 => return Err(BodyRule::Content { at, reference: 0 }),
            0 | 1 => (Content::Gone, reader.clock()?),
            4 => {
                let text = reader.str()?;
                let len = SecondHalves::default().read(text, 0);
                (Content::Text(text), len)
            }
            8 => {
                let count = reader.var()?;
                let from = reader.clone();
                let len = u32::try_from(count).unwrap_or(0);
                if count > reader.left() as u64 {
                    return Err(BodyRule::ValueCount { at, count });
                }
                any::values(reader, count)?;
                (Content::Values(from.until(reader)), len)
            }
            reference => {
                let from = reader.clone();
                let (_, len) =
                    content::read(reader, reference, clock, &mut SecondHalves::default())?;
                (Content::Whole(from.until(reader)), len)
            }
        };
        if len == 0 {
            return Err(BodyRule::EmptyText { clock });
        }
        Ok(Block {
            clock,
            len,
            header,
            left,
            right,
            parent,
            place,
            content,
        })
    }

    /// What it takes in bytes, at most.
    pub(super) fn bytes(&self) -> usize {
        let content = match self.content {
            Content::Text(text) => text.len(),
            Content::Values(bytes) | Content::Whole(bytes) => bytes.len(),
            Content::Gone if self.len > BLOCK_UNITS_MAX => usize::MAX,
            Content::Gone => 0,
        };
        content.saturating_add(self.place.len()).saturating_add(48)
    }

    /// The same without its first units, which are known: a border between characters, since they
    /// came in a change set.
    pub(super) fn after(self, client: u64, units: u32) -> Option<Block<'a>> {
        if units == 0 {
            return Some(self);
        }
        self.cut(client, units).map(|(_, rest)| rest)
    }

    /// The block in two, as the engine cuts one: the second stands right after the first. None
    /// where it cannot be cut.
    pub(super) fn cut(&self, client: u64, units: u32) -> Option<(Block<'a>, Block<'a>)> {
        let mut units = units;
        let rest_len = self.len.checked_sub(units).filter(|len| *len > 0)?;
        let (head, rest) = match self.content {
            Content::Text(text) => {
                if SecondHalves::cuts(text, units) {
                    units = units.checked_sub(1).filter(|units| *units > 0)?;
                }
                let head = slice_units(text, 0, units);
                (Content::Text(head), Content::Text(text.get(head.len()..)?))
            }
            Content::Values(values) => {
                let mut reader = Reader::new(values);
                any::values(&mut reader, u64::from(units)).ok()?;
                let (head, rest) = values.split_at_checked(reader.at() as usize)?;
                (Content::Values(head), Content::Values(rest))
            }
            Content::Gone => (Content::Gone, Content::Gone),
            Content::Whole(_) => return None,
        };
        let rest_len = match self.content {
            Content::Text(_) => self.len.checked_sub(units)?,
            Content::Values(_) | Content::Gone | Content::Whole(_) => rest_len,
        };
        let first = Block {
            len: units,
            content: head,
            ..self.clone()
        };
        let clock = self.clock.checked_add(units)?;
        let mut second = Block {
            clock,
            len: rest_len,
            content: rest,
            ..self.clone()
        };
        if self.header != 0 {
            second.header |= HAS_LEFT;
            second.left = Some((client, clock.checked_sub(1)?));
            (second.parent, second.place) = (None, &[]);
        }
        Some((first, second))
    }

    /// Gives it other neighbours, of which it has one at least.
    pub(super) fn stand_between(&mut self, left: Option<(u64, u32)>, right: Option<(u64, u32)>) {
        self.header &= !(HAS_LEFT | HAS_RIGHT);
        for (bit, is) in [(HAS_LEFT, left.is_some()), (HAS_RIGHT, right.is_some())] {
            self.header |= if is { bit } else { 0 };
        }
        (self.left, self.right) = (left, right);
        // Neighbours say where it stands; without any the parent that it named stays.
        if left.is_some() || right.is_some() {
            (self.parent, self.place) = (None, &[]);
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.header);
        for (client, clock) in [self.left, self.right].into_iter().flatten() {
            out.write_var(client);
            out.write_var(clock);
        }
        out.extend_from_slice(self.place);
        match self.content {
            Content::Text(text) => out.write_string(text),
            Content::Values(values) => {
                out.write_var(self.len);
                out.extend_from_slice(values);
            }
            Content::Gone => out.write_var(self.len),
            Content::Whole(content) => out.extend_from_slice(content),
        }
    }
}
