//! Yrs updates, lib0 v1.

use crate::bytes::{put_number, take, take_number};

/// Client and clock.
pub(crate) type Unit = (u64, u64);

/// What a block without neighbours stands in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parent {
    Root(Vec<u8>),
    Unit(Unit),
}

/// One block. What its content is is known by `reference` alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) reference: u8,
    pub(crate) left: Option<Unit>,
    pub(crate) right: Option<Unit>,
    /// Bit 0x20: a map entry, whose key stands there where there is no neighbour.
    pub(crate) keyed: bool,
    pub(crate) parent: Option<Parent>,
    pub(crate) key: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) len: u64,
}

/// One update of at most one client's blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    pub(crate) client: u64,
    pub(crate) clock: u64,
    pub(crate) blocks: Vec<Block>,
    /// Client, and start and length of each range.
    pub(crate) deletes: Vec<(u64, Vec<(u64, u64)>)>,
}

pub(crate) const STRING: u8 = 4;
pub(crate) const EMBED: u8 = 5;
pub(crate) const FORMAT: u8 = 6;
pub(crate) const TYPE: u8 = 7;
pub(crate) const ANY: u8 = 8;

/// Writes bytes with their length.
pub(crate) fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_sized<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_number(from)?;
    take(from, len)
}

fn unit(from: &mut &[u8]) -> Option<Unit> {
    Some((take_number(from)?, take_number(from)?))
}

impl Update {
    /// Takes apart what an honest engine of ours writes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Update> {
        let mut rest = bytes;
        let from = &mut rest;
        let mut update = Update::default();
        match take_number(from)? {
            0 => {}
            1 => {
                let count = take_number(from)?;
                (update.client, update.clock) = unit(from)?;
                for _ in 0..count {
                    update.blocks.push(block(from)?);
                }
            }
            _ => return None,
        }
        for _ in 0..take_number(from)? {
            let client = take_number(from)?;
            let mut ranges = Vec::new();
            for _ in 0..take_number(from)? {
                ranges.push(unit(from)?);
            }
            update.deletes.push((client, ranges));
        }
        from.is_empty().then_some(update)
    }

    /// The bytes again.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.blocks.is_empty() {
            out.push(0);
        } else {
            out.push(1);
            put_number(&mut out, self.blocks.len() as u64);
            put_number(&mut out, self.client);
            put_number(&mut out, self.clock);
            self.blocks.iter().for_each(|block| block.encode(&mut out));
        }
        put_number(&mut out, self.deletes.len() as u64);
        for (client, ranges) in &self.deletes {
            put_number(&mut out, *client);
            put_number(&mut out, ranges.len() as u64);
            for (start, len) in ranges {
                put_number(&mut out, *start);
                put_number(&mut out, *len);
            }
        }
        out
    }

    /// Becomes the first update of another client: what it names of its own moves along.
    pub(crate) fn become_first_of(&mut self, client: u64) {
        let (own, from) = (self.client, self.clock);
        let moved = |unit: &mut Unit| {
            if unit.0 == own && unit.1 >= from {
                *unit = (client, unit.1 - from);
            }
        };
        for block in &mut self.blocks {
            block.left.as_mut().map(moved);
            block.right.as_mut().map(moved);
            if let Some(Parent::Unit(unit)) = &mut block.parent {
                moved(unit);
            }
        }
        (self.client, self.clock) = (client, 0);
    }

    /// How many units its blocks have.
    pub(crate) fn units(&self) -> u64 {
        self.blocks
            .iter()
            .fold(0, |sum, block| sum.wrapping_add(block.len))
    }
}

/// The same bytes as an update of this client from this clock on, where they begin with one section
/// of blocks, whatever follows.
pub(crate) fn dressed(bytes: &[u8], client: u64, clock: u64) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let sections = take_number(&mut rest).filter(|sections| *sections > 0)?;
    let blocks = take_number(&mut rest)?;
    unit(&mut rest)?;
    let mut out = Vec::new();
    [sections, blocks, client, clock]
        .into_iter()
        .for_each(|number| put_number(&mut out, number));
    out.extend_from_slice(rest);
    Some(out)
}

impl Block {
    /// A block of text.
    pub(crate) fn text(
        left: Option<Unit>,
        right: Option<Unit>,
        parent: Option<Parent>,
        text: &str,
    ) -> Block {
        let mut content = Vec::new();
        put_sized(&mut content, text.as_bytes());
        Block {
            reference: STRING,
            left,
            right,
            keyed: false,
            parent,
            key: Vec::new(),
            content,
            len: text.encode_utf16().count() as u64,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let ends = bit(self.left.is_some(), 0x80) | bit(self.right.is_some(), 0x40);
        out.push(self.reference | ends | bit(self.keyed, 0x20));
        for (client, clock) in [self.left, self.right].into_iter().flatten() {
            put_number(out, client);
            put_number(out, clock);
        }
        if self.left.is_none() && self.right.is_none() {
            match &self.parent {
                Some(Parent::Unit((client, clock))) => {
                    out.push(0);
                    put_number(out, *client);
                    put_number(out, *clock);
                }
                Some(Parent::Root(name)) => {
                    out.push(1);
                    put_sized(out, name);
                }
                None => out.extend_from_slice(&[1, 0]),
            }
            if self.keyed {
                put_sized(out, &self.key);
            }
        }
        out.extend_from_slice(&self.content);
    }
}

fn block(from: &mut &[u8]) -> Option<Block> {
    let info = take(from, 1)?[0];
    let mut part = |bit| {
        if info & bit == 0 {
            Some(None)
        } else {
            unit(from).map(Some)
        }
    };
    let (left, right) = (part(0x80)?, part(0x40)?);
    let (mut parent, mut key) = (None, Vec::new());
    if left.is_none() && right.is_none() {
        parent = Some(match take_number(from)? {
            1 => Parent::Root(take_sized(from)?.to_vec()),
            _ => Parent::Unit(unit(from)?),
        });
        if info & 0x20 != 0 {
            key = take_sized(from)?.to_vec();
        }
    }
    let before = *from;
    let reference = info & 0x0f;
    let len = content(reference, from)?;
    let content = before[..before.len() - from.len()].to_vec();
    Some(Block {
        reference,
        left,
        right,
        keyed: info & 0x20 != 0,
        parent,
        key,
        content,
        len,
    })
}

/// Passes over a content and answers how many units it has.
fn content(reference: u8, from: &mut &[u8]) -> Option<u64> {
    match reference {
        STRING => {
            let text = std::str::from_utf8(take_sized(from)?).ok()?;
            Some(text.encode_utf16().count() as u64)
        }
        EMBED => take_sized(from).map(|_| 1),
        FORMAT => {
            take_sized(from)?;
            take_sized(from).map(|_| 1)
        }
        TYPE => {
            if take_number(from)? == 3 {
                take_sized(from)?;
            }
            Some(1)
        }
        ANY => {
            let count = take_number(from)?;
            (0..count).try_for_each(|_| any(from, 0))?;
            Some(count)
        }
        _ => None,
    }
}

fn any(from: &mut &[u8], depth: usize) -> Option<()> {
    if depth > 32 {
        return None;
    }
    match take(from, 1)?[0] {
        120 | 121 | 126 | 127 => Some(()),
        125 => take_number(from).map(drop),
        124 => take(from, 4).map(drop),
        122 | 123 => take(from, 8).map(drop),
        119 | 116 => take_sized(from).map(drop),
        117 => (0..take_number(from)?).try_for_each(|_| any(from, depth + 1)),
        118 => (0..take_number(from)?).try_for_each(|_| {
            take_sized(from)?;
            any(from, depth + 1)
        }),
        _ => None,
    }
}
