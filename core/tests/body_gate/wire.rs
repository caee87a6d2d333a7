//! Yrs updates of format v1 taken apart and put together again, independently of the gate.

pub type Id = (u64, u32);

#[derive(Clone, Debug, PartialEq)]
pub enum Parent {
    Root(String),
    Id(Id),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub left: Option<Id>,
    pub right: Option<Id>,
    pub parent: Option<Parent>,
    pub key: Option<String>,
    pub attribute: bool,
    pub reference: u8,
    pub content: Vec<u8>,
    pub len: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    pub client: u64,
    pub clock: u32,
    pub section: bool,
    pub blocks: Vec<Block>,
    pub deletes: Vec<(u64, Vec<(u32, u32)>)>,
}

pub fn var(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    var(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text block with a parent or neighbours.
pub fn text(left: Option<Id>, right: Option<Id>, parent: Option<Parent>, text: &str) -> Block {
    let mut content = vec![];
    bytes(&mut content, text.as_bytes());
    Block {
        left,
        right,
        parent,
        key: None,
        attribute: false,
        reference: 4,
        content,
        len: text.encode_utf16().count() as u32,
    }
}

impl Update {
    pub fn of(client: u64, clock: u32, blocks: Vec<Block>) -> Self {
        Update {
            client,
            clock,
            section: true,
            blocks,
            deletes: vec![],
        }
    }

    pub fn deleting(deletes: Vec<(u64, Vec<(u32, u32)>)>) -> Self {
        Update {
            deletes,
            ..Update::default()
        }
    }

    /// The blocks with the clocks they start at.
    pub fn clocked(&self) -> impl Iterator<Item = (u32, &Block)> {
        let mut clock = self.clock;
        self.blocks.iter().map(move |block| {
            let start = clock;
            clock += block.len;
            (start, block)
        })
    }

    pub fn units(&self) -> u32 {
        self.blocks.iter().map(|block| block.len).sum()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![];
        if self.section {
            var(&mut out, 1);
            var(&mut out, self.blocks.len() as u64);
            var(&mut out, self.client);
            var(&mut out, u64::from(self.clock));
            self.blocks.iter().for_each(|block| block.encode(&mut out));
        } else {
            out.push(0);
        }
        var(&mut out, self.deletes.len() as u64);
        for (client, ranges) in &self.deletes {
            var(&mut out, *client);
            var(&mut out, ranges.len() as u64);
            for (start, len) in ranges {
                var(&mut out, u64::from(*start));
                var(&mut out, u64::from(*len));
            }
        }
        out
    }

    /// Takes an honest update apart.
    pub fn parse(update: &[u8]) -> Option<Update> {
        let mut reader = Reader(update);
        let mut parsed = Update::default();
        if reader.var()? == 1 {
            parsed.section = true;
            let count = reader.var()?;
            parsed.client = reader.var()?;
            parsed.clock = reader.var()? as u32;
            for _ in 0..count {
                parsed.blocks.push(reader.block()?);
            }
        }
        for _ in 0..reader.var()? {
            let client = reader.var()?;
            let count = reader.var()?;
            let range = |_| Some((reader.var()? as u32, reader.var()? as u32));
            parsed
                .deletes
                .push((client, (0..count).map(range).collect::<Option<_>>()?));
        }
        reader.0.is_empty().then_some(parsed)
    }
}

impl Block {
    fn encode(&self, out: &mut Vec<u8>) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(
            self.reference
                | bit(self.left.is_some(), 0x80)
                | bit(self.right.is_some(), 0x40)
                | bit(self.attribute, 0x20),
        );
        for (client, clock) in [self.left, self.right].into_iter().flatten() {
            var(out, client);
            var(out, u64::from(clock));
        }
        if self.left.is_none() && self.right.is_none() {
            match &self.parent {
                Some(Parent::Id((client, clock))) => {
                    out.push(0);
                    var(out, *client);
                    var(out, u64::from(*clock));
                }
                Some(Parent::Root(name)) => {
                    out.push(1);
                    bytes(out, name.as_bytes());
                }
                None => bytes(out, b""),
            }
            if self.attribute {
                bytes(out, self.key.as_deref().unwrap_or("level").as_bytes());
            }
        }
        out.extend_from_slice(&self.content);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn var(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn str(&mut self) -> Option<&'a str> {
        let len = self.var()? as usize;
        std::str::from_utf8(self.take(len)?).ok()
    }

    fn id(&mut self) -> Option<Id> {
        Some((self.var()?, self.var()? as u32))
    }

    fn block(&mut self) -> Option<Block> {
        let header = self.byte()?;
        let left = (header & 0x80 != 0).then(|| self.id());
        let right = (header & 0x40 != 0).then(|| self.id());
        let attribute = header & 0x20 != 0;
        let (mut parent, mut key) = (None, None);
        if left.is_none() && right.is_none() {
            parent = Some(match self.var()? {
                1 => Parent::Root(self.str()?.into()),
                _ => Parent::Id(self.id()?),
            });
            if attribute {
                key = Some(self.str()?.into());
            }
        }
        let before = self.0;
        let len = self.content(header & 15)?;
        Some(Block {
            left: left.flatten(),
            right: right.flatten(),
            parent,
            key,
            attribute,
            reference: header & 15,
            content: before[..before.len() - self.0.len()].to_vec(),
            len,
        })
    }

    fn content(&mut self, reference: u8) -> Option<u32> {
        Some(match reference {
            4 => self.str()?.encode_utf16().count() as u32,
            5 => self.str().map(|_| 1)?,
            6 => self.str().and_then(|_| self.str()).map(|_| 1)?,
            7 => {
                if self.byte()? == 3 {
                    self.str()?;
                }
                1
            }
            8 => {
                let count = self.var()?;
                for _ in 0..count {
                    self.value()?;
                }
                count as u32
            }
            _ => return None,
        })
    }

    fn value(&mut self) -> Option<()> {
        match self.byte()? {
            125 => while self.byte()? >= 0x80 {},
            124 => drop(self.take(4)?),
            123 | 122 => drop(self.take(8)?),
            119 | 116 => {
                let len = self.var()? as usize;
                self.take(len)?;
            }
            118 => {
                for _ in 0..self.var()? {
                    self.str()?;
                    self.value()?;
                }
            }
            117 => {
                for _ in 0..self.var()? {
                    self.value()?;
                }
            }
            _ => {}
        }
        Some(())
    }
}
