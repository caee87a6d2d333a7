//! The parts of a Yrs update (lib0 v1), read and written without the engine.
//!
//! Only what an honest author of a body emits is understood: at most one client section of String,
//! Any, Format, Type and Embed blocks, and a delete set. Format after `yrs` 0.28, `src/update.rs`
//! and `src/block.rs`; lib0 numbers are LEB128.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    limits,
    wire::bytes::{FormError, Reader, put_bytes, put_number},
};

/// A unit of the body: client and clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) client: u64,
    pub(super) clock: u32,
}

/// One update. Text and values borrow from the bytes it was read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Update<'a> {
    /// Whether there is a client section; without one the update only deletes.
    pub(super) inserts: bool,
    pub(super) client: u64,
    pub(super) clock: u32,
    pub(super) blocks: Vec<Block<'a>>,
    /// Clients in the order they were written, each with its ranges (start, length).
    pub(super) deletes: Vec<(u64, Vec<(u32, u32)>)>,
}

/// One inserted block.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    pub(super) left: Option<Unit>,
    pub(super) right: Option<Unit>,
    /// Written only where there is neither left nor right.
    pub(super) parent: Option<Parent<'a>>,
    /// The bit that says the block stands under a key.
    pub(super) keyed: bool,
    pub(super) key: &'a [u8],
    pub(super) content: Content,
    /// The text without its length for a String, else everything after the block's frame.
    pub(super) body: &'a [u8],
    /// Length in clock units.
    pub(super) units: u32,
}

/// Where a block without neighbours stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent<'a> {
    Root(&'a [u8]),
    Item(Unit),
}

/// What a block carries; the number is the one of the compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    String,
    Any,
    Format,
    Type,
    Embed,
}

impl Content {
    pub(super) const ALL: [Content; 5] = [
        Content::String,
        Content::Any,
        Content::Format,
        Content::Type,
        Content::Embed,
    ];

    /// The content's number in an update's info byte.
    fn reference(self) -> u8 {
        match self {
            Content::String => 4,
            Content::Any => 8,
            Content::Format => 6,
            Content::Type => 7,
            Content::Embed => 5,
        }
    }

    /// The content's number in the compact form.
    pub(super) fn code(self) -> u8 {
        match self {
            Content::String => 0,
            Content::Any => 1,
            Content::Format => 2,
            Content::Type => 3,
            Content::Embed => 4,
        }
    }
}

const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const HAS_KEY: u8 = 0x20;

impl<'a> Update<'a> {
    /// Reads an update. An error means no more than that it travels in the raw form.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormError> {
        let mut r = Reader::new(bytes);
        let mut update = Update::default();
        if r.count(1, "client sections")? == 1 {
            update.inserts = true;
            let blocks = r.count(limits::UPDATE_BLOCKS_MAX.min(r.left()), "blocks")?;
            update.client = r.number("client")?;
            update.clock = clock(&mut r)?;
            let mut next = update.clock;
            for _ in 0..blocks {
                let block = Block::parse(&mut r)?;
                next = next.checked_add(block.units).ok_or(FormError::Range {
                    what: "clock after a block",
                })?;
                update.blocks.push(block);
            }
            if blocks == 0 {
                return Err(FormError::Range { what: "blocks" });
            }
        }
        let mut ranges_left = limits::UPDATE_RANGES_MAX;
        for _ in 0..r.count(ranges_left.min(r.left()), "delete clients")? {
            let client = r.number("delete client")?;
            let count = r.count(ranges_left.min(r.left()), "delete ranges")?;
            ranges_left = ranges_left.saturating_sub(count);
            let mut ranges = Vec::new();
            for _ in 0..count {
                ranges.push((clock(&mut r)?, clock(&mut r)?));
            }
            update.deletes.push((client, ranges));
        }
        r.end("the delete set")?;
        Ok(update)
    }
}

impl<'a> Block<'a> {
    fn parse(r: &mut Reader<'a>) -> Result<Self, FormError> {
        let info = r.byte("block")?;
        let reference = info & 0x1f;
        let content = Content::ALL
            .into_iter()
            .find(|content| content.reference() == reference)
            .ok_or(FormError::Unknown {
                what: "block content",
                value: u64::from(reference),
            })?;
        let keyed = info & HAS_KEY != 0;
        let left = (info & HAS_LEFT != 0).then(|| unit(r)).transpose()?;
        let right = (info & HAS_RIGHT != 0).then(|| unit(r)).transpose()?;
        let (mut parent, mut key) = (None, &[][..]);
        if left.is_none() && right.is_none() {
            parent = Some(match r.number("parent kind")? {
                1 => Parent::Root(r.bytes(limits::PAYLOAD_BYTES_MAX, "root name")?),
                0 => Parent::Item(unit(r)?),
                value => {
                    return Err(FormError::Unknown {
                        what: "parent kind",
                        value,
                    });
                }
            });
            if keyed {
                key = r.bytes(limits::PAYLOAD_BYTES_MAX, "key")?;
            }
        }
        let (body, units) = read_content(content, r)?;
        Ok(Block {
            left,
            right,
            parent,
            keyed,
            key,
            content,
            body,
            units,
        })
    }

    /// Writes the block as the engine does.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut info = self.content.reference();
        for (bit, set) in [
            (HAS_LEFT, self.left.is_some()),
            (HAS_RIGHT, self.right.is_some()),
            (HAS_KEY, self.keyed),
        ] {
            info |= if set { bit } else { 0 };
        }
        out.push(info);
        for unit in [self.left, self.right].into_iter().flatten() {
            put_number(out, unit.client);
            put_number(out, u64::from(unit.clock));
        }
        if self.left.is_none() && self.right.is_none() {
            match self.parent {
                Some(Parent::Root(name)) => {
                    out.push(1);
                    put_bytes(out, name);
                }
                Some(Parent::Item(unit)) => {
                    out.push(0);
                    put_number(out, unit.client);
                    put_number(out, u64::from(unit.clock));
                }
                None => {}
            }
            if self.keyed {
                put_bytes(out, self.key);
            }
        }
        match self.content {
            Content::String => put_bytes(out, self.body),
            Content::Any | Content::Format | Content::Type | Content::Embed => {
                out.extend_from_slice(self.body)
            }
        }
    }
}

/// How many clock units a block of this content takes, from the body of its compact form.
pub(super) fn units_of(content: Content, body: &[u8]) -> Result<u32, FormError> {
    match content {
        Content::String => utf16_units(body),
        Content::Any => Ok(Reader::new(body).count(body.len(), "values")? as u32),
        Content::Format | Content::Type | Content::Embed => Ok(1),
    }
}

fn read_content<'a>(content: Content, r: &mut Reader<'a>) -> Result<(&'a [u8], u32), FormError> {
    let start = r.at();
    let max = limits::PAYLOAD_BYTES_MAX;
    match content {
        Content::String => {
            let text = r.bytes(max, "text")?;
            return Ok((text, utf16_units(text)?));
        }
        Content::Any => {
            for _ in 0..r.count(r.left(), "values")? {
                skip_any(r)?;
            }
        }
        Content::Format => {
            r.bytes(max, "format key")?;
            r.bytes(max, "format value")?;
        }
        Content::Embed => {
            r.bytes(max, "embed")?;
        }
        Content::Type => match r.number("type")? {
            0 | 1 | 2 | 4 | 6 => {}
            3 => {
                r.bytes(max, "element name")?;
            }
            value => {
                return Err(FormError::Unknown {
                    what: "type",
                    value,
                });
            }
        },
    }
    let body = r.since(start);
    Ok((body, units_of(content, body)?))
}

fn utf16_units(text: &[u8]) -> Result<u32, FormError> {
    if text.is_ascii() {
        return u32::try_from(text.len()).map_err(|_| FormError::Range { what: "text" });
    }
    let text = std::str::from_utf8(text).map_err(|_| FormError::Text {
        what: "text",
        at: 0,
    })?;
    u32::try_from(text.encode_utf16().count()).map_err(|_| FormError::Range { what: "text" })
}

fn clock(r: &mut Reader<'_>) -> Result<u32, FormError> {
    u32::try_from(r.number("clock")?).map_err(|_| FormError::Range { what: "clock" })
}

fn unit(r: &mut Reader<'_>) -> Result<Unit, FormError> {
    Ok(Unit {
        client: r.number("client")?,
        clock: clock(r)?,
    })
}

/// Skips one lib0 value without recursion: what is open is a stack of how many are still to come.
fn skip_any(r: &mut Reader<'_>) -> Result<(), FormError> {
    let mut open: Vec<(usize, bool)> = vec![(1, false)];
    while let Some((left, in_map)) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left = left.saturating_sub(1);
        if *in_map {
            r.bytes(limits::PAYLOAD_BYTES_MAX, "value key")?;
        }
        match r.byte("value")? {
            127 | 126 | 121 | 120 => {}
            // A signed lib0 number: the first byte holds six bits, so its groups end as LEB128's do.
            125 => while r.byte("integer")? & 0x80 != 0 {},
            124 => {
                r.take(4, "float")?;
            }
            123 | 122 => {
                r.take(8, "float")?;
            }
            119 | 116 => {
                r.bytes(limits::PAYLOAD_BYTES_MAX, "value text")?;
            }
            tag @ (118 | 117) => {
                if open.len() > limits::DEPTH_MAX {
                    return Err(FormError::TooMany {
                        what: "value depth",
                        count: open.len() as u64,
                        max: limits::DEPTH_MAX as u64,
                    });
                }
                let count = r.count(r.left(), "values")?;
                open.push((count, tag == 118));
            }
            tag => {
                return Err(FormError::Unknown {
                    what: "value tag",
                    value: u64::from(tag),
                });
            }
        }
    }
    Ok(())
}
