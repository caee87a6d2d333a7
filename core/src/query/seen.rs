//! Values read in place: from a projection's bytes, without building anything.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    limits::DEPTH_MAX,
    value::{Finite, Value},
};

/// A value in a projection's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(Finite),
    Text(&'a str),
    Bytes(&'a [u8]),
    Time(i64),
    List(Items<'a>),
    Map(Items<'a>),
}

impl<'a> Seen<'a> {
    /// A value that holds no others.
    pub(super) fn scalar(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => Seen::Null,
            Value::Bool(truth) => Seen::Bool(*truth),
            Value::Int(number) => Seen::Int(*number),
            Value::Float(number) => Seen::Float(*number),
            Value::Text(text) => Seen::Text(text),
            Value::Bytes(bytes) => Seen::Bytes(bytes),
            Value::Time(millis) => Seen::Time(*millis),
            Value::List(_) | Value::Map(_) => return None,
        })
    }

    /// The value, unless it is nothing or holds others.
    pub(super) fn to_value(self) -> Option<Value> {
        Some(match self {
            Seen::Null | Seen::List(_) | Seen::Map(_) => return None,
            Seen::Bool(truth) => Value::Bool(truth),
            Seen::Int(number) => Value::Int(number),
            Seen::Float(number) => Value::Float(number),
            Seen::Text(text) => Value::from(text),
            Seen::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Seen::Time(millis) => Value::Time(millis),
        })
    }

    /// Whether it is nothing, or holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Seen::Null => true,
            Seen::Text(text) => text.is_empty(),
            Seen::List(items) | Seen::Map(items) => items.is_empty(),
            Seen::Bool(_) | Seen::Int(_) | Seen::Float(_) | Seen::Bytes(_) | Seen::Time(_) => false,
        }
    }
}

/// What a list holds, or a map: there each value follows its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items<'a> {
    count: u64,
    bytes: Walk<'a>,
}

/// A place in the bytes. Whatever it answers None to is not what a projection is written as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a>(pub(super) &'a [u8]);

impl<'a> Walk<'a> {
    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A LEB128 number.
    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number whose sign is its lowest bit.
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
    }

    /// Bytes after their length.
    #[inline]
    pub(super) fn slice(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.slice()?).ok()
    }

    /// A value; lists and maps are not walked through.
    #[inline]
    fn open(&mut self) -> Option<Seen<'a>> {
        Some(match self.byte()? {
            0 => Seen::Null,
            1 => Seen::Bool(self.byte()? != 0),
            2 => Seen::Int(self.signed()?),
            3 => {
                let bits = <[u8; 8]>::try_from(self.take(8)?).ok()?;
                Seen::Float(Finite::new(f64::from_le_bytes(bits))?)
            }
            4 => Seen::Text(self.text()?),
            5 => Seen::Bytes(self.slice()?),
            6 => Seen::Time(self.signed()?),
            7 => Seen::List(self.items()?),
            8 => Seen::Map(self.items()?),
            _ => return None,
        })
    }

    /// A list or map, from its count on; what it holds is not walked through.
    pub(super) fn items(&mut self) -> Option<Items<'a>> {
        let count = self.number()?;
        Some(Items {
            count,
            bytes: *self,
        })
    }

    /// Walks past a value.
    #[inline]
    fn skip(&mut self) -> Option<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Option<()> {
        match *self.0.first()? {
            // A text is not looked into.
            4 | 5 => {
                self.byte()?;
                self.slice().map(|_| ())
            }
            _ => {
                let seen = self.open()?;
                self.leave(&seen, depth)
            }
        }
    }

    /// Walks past what a list or map that was opened here holds.
    fn leave(&mut self, seen: &Seen<'a>, depth: usize) -> Option<()> {
        match seen {
            Seen::List(items) => self.leave_items(items.count, false, depth),
            Seen::Map(items) => self.leave_items(items.count, true, depth),
            Seen::Null
            | Seen::Bool(_)
            | Seen::Int(_)
            | Seen::Float(_)
            | Seen::Text(_)
            | Seen::Bytes(_)
            | Seen::Time(_) => Some(()),
        }
    }

    fn leave_items(&mut self, count: u64, named: bool, depth: usize) -> Option<()> {
        let depth = depth.checked_add(1).filter(|depth| *depth <= DEPTH_MAX)?;
        for _ in 0..count {
            if named {
                self.slice()?;
            }
            self.skip_at(depth)?;
        }
        Some(())
    }
}

impl<'a> Items<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What follows a map.
    pub(super) fn end(mut self) -> Option<Walk<'a>> {
        self.bytes.leave_items(self.count, true, 0)?;
        Some(self.bytes)
    }

    /// The value under a name, in a map.
    #[inline]
    pub(super) fn get(mut self, name: &[u8]) -> Option<Option<Seen<'a>>> {
        for _ in 0..self.count {
            let had = self.bytes.slice()?;
            if had == name {
                return self.bytes.open().map(Some);
            }
            if had > name {
                break; // they are sorted
            }
            self.bytes.skip()?;
        }
        Some(None)
    }

    /// Whether any value of a list passes.
    pub(super) fn any(self, test: impl FnMut(Seen<'a>) -> Option<bool>) -> Option<bool> {
        self.any_of(false, test)
    }

    /// Whether any value of a map passes.
    pub(super) fn any_named(self, test: impl FnMut(Seen<'a>) -> Option<bool>) -> Option<bool> {
        self.any_of(true, test)
    }

    fn any_of(
        mut self,
        named: bool,
        mut test: impl FnMut(Seen<'a>) -> Option<bool>,
    ) -> Option<bool> {
        for _ in 0..self.count {
            if named {
                self.bytes.slice()?;
            }
            let seen = self.bytes.open()?;
            if test(seen)? {
                return Some(true);
            }
            self.bytes.leave(&seen, 0)?;
        }
        Some(false)
    }
}
