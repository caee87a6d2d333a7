//! The canonical codec: postcard, bounded, and refused where another byte string would mean the
//! same. postcard itself accepts overlong varints and leaves trailing bytes; both would give one
//! value two encodings, and so one change set two ids.
#![deny(clippy::arithmetic_side_effects)]

use crate::changeset::{Form, Malformed};
use postcard::{Error, Result as PostcardResult, de_flavors, ser_flavors};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};
use smallvec::SmallVec;
use std::{fmt, marker::PhantomData};

/// Room for a usual header without a heap allocation.
pub(crate) type Encoded = SmallVec<[u8; 512]>;

struct Memory(Encoded);

impl ser_flavors::Flavor for Memory {
    type Output = Encoded;

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> PostcardResult<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> PostcardResult<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> PostcardResult<Encoded> {
        Ok(self.0)
    }
}

/// The canonical bytes of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Encoded {
    match postcard::serialize_with_flavor(value, Memory(Encoded::new())) {
        Ok(bytes) => bytes,
        // postcard fails only where the flavour does, a sequence hides its length, or a type's own
        // `Serialize` fails. The flavour is memory and the types of this crate do neither.
        Err(_) => unreachable!("a type of the canonical form cannot be serialised"),
    }
}

/// Compares what would be encoded with the bytes that were read, without storing it.
struct Compare<'a> {
    expected: &'a [u8],
    at: &'a mut usize,
}

impl ser_flavors::Flavor for Compare<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> PostcardResult<()> {
        let end = self.at.saturating_add(bytes.len());
        if self.expected.get(*self.at..end) == Some(bytes) {
            *self.at = end;
            return Ok(());
        }
        bytes.iter().try_for_each(|byte| self.try_push(*byte))
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> PostcardResult<()> {
        if self.expected.get(*self.at) != Some(&byte) {
            return Err(Error::SerializeBufferFull);
        }
        *self.at = self.at.saturating_add(1);
        Ok(())
    }

    fn finalize(self) -> PostcardResult<()> {
        if *self.at == self.expected.len() {
            Ok(())
        } else {
            Err(Error::SerializeBufferFull)
        }
    }
}

/// What postcard reads from: a slice that remembers how much was asked of it in vain.
struct Cursor<'de> {
    rest: &'de [u8],
    needed: usize,
}

impl<'de> de_flavors::Flavor<'de> for Cursor<'de> {
    type Remainder = Cursor<'de>;
    type Source = &'de [u8];

    #[inline]
    fn pop(&mut self) -> PostcardResult<u8> {
        if let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            Ok(*first)
        } else {
            self.needed = 1;
            Err(Error::DeserializeUnexpectedEnd)
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }

    #[inline]
    fn try_take_n(&mut self, count: usize) -> PostcardResult<&'de [u8]> {
        if let Some((taken, rest)) = self.rest.split_at_checked(count) {
            self.rest = rest;
            Ok(taken)
        } else {
            self.needed = count;
            Err(Error::DeserializeUnexpectedEnd)
        }
    }

    fn finalize(self) -> PostcardResult<Cursor<'de>> {
        Ok(self)
    }
}

/// Reads canonical values one after another from a slice, and knows where it is.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Where the next value begins.
    pub(crate) fn at(&self) -> u64 {
        self.at as u64
    }

    /// Everything that was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next value, which may take at most `max` bytes, and the bytes it was read from.
    pub(crate) fn value<T>(&mut self, form: Form, max: usize) -> Result<(T, &'a [u8]), Malformed>
    where
        T: Deserialize<'a> + Serialize,
    {
        self.value_as(form, max, |value, expected| {
            let mut at = 0;
            let again = Compare {
                expected,
                at: &mut at,
            };
            match postcard::serialize_with_flavor(value, again) {
                Ok(()) => Ok(()),
                Err(_) => Err(at),
            }
        })
    }

    /// As [`Reader::value`], where `same` says at which byte the canonical encoding differs.
    pub(crate) fn value_as<T: Deserialize<'a>>(
        &mut self,
        form: Form,
        max: usize,
        same: impl FnOnce(&T, &[u8]) -> Result<(), usize>,
    ) -> Result<(T, &'a [u8]), Malformed> {
        let rest = self.rest();
        let within = rest.get(..max).unwrap_or(rest);
        let mut from = de_from(within);
        let value = T::deserialize(&mut from);
        let Cursor { rest: left, needed } = match from.finalize() {
            Ok(cursor) => cursor,
            Err(_) => {
                return Err(Malformed::Unreadable {
                    form,
                    at: self.at(),
                });
            }
        };
        let took = within.len().saturating_sub(left.len());
        let stopped = self.at().saturating_add(took as u64);
        let value = match value {
            Ok(value) => value,
            Err(Error::DeserializeUnexpectedEnd)
                if within.len() < rest.len() && needed <= rest.len().saturating_sub(took) =>
            {
                return Err(Malformed::TooLong {
                    form,
                    had: took.saturating_add(needed) as u64,
                    max: max as u64,
                });
            }
            Err(Error::DeserializeUnexpectedEnd) => {
                return Err(Malformed::Truncated {
                    form,
                    at: stopped,
                    needed: needed as u64,
                    had: left.len() as u64,
                });
            }
            Err(_) => return Err(Malformed::Unreadable { form, at: stopped }),
        };
        let read = within.get(..took).unwrap_or_default();
        if let Err(differs) = same(&value, read) {
            let at = self.at().saturating_add(differs as u64);
            return Err(Malformed::NotCanonical { form, at });
        }
        self.at = self.at.saturating_add(took);
        Ok((value, read))
    }

    /// The next `count` bytes as they are.
    pub(crate) fn raw(&mut self, form: Form, count: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.rest();
        match rest.get(..count) {
            Some(taken) => {
                self.at = self.at.saturating_add(count);
                Ok(taken)
            }
            None => Err(Malformed::Truncated {
                form,
                at: self.at(),
                needed: count as u64,
                had: rest.len() as u64,
            }),
        }
    }

    /// The version byte that every stored form begins with.
    pub(crate) fn version(&mut self, form: Form, known: u8) -> Result<(), Malformed> {
        match self.raw(form, 1)? {
            [had] if *had == known => Ok(()),
            other => Err(Malformed::Version {
                form,
                had: other.first().copied().unwrap_or_default(),
                known,
            }),
        }
    }

    /// That nothing follows.
    pub(crate) fn end(self, form: Form) -> Result<(), Malformed> {
        match self.rest().len() {
            0 => Ok(()),
            had => Err(Malformed::Trailing {
                form,
                at: self.at(),
                had: had as u64,
            }),
        }
    }
}

/// Whether two encodings are one; otherwise the first byte that differs.
pub(crate) fn same(canonical: &[u8], read: &[u8]) -> Result<(), usize> {
    if canonical == read {
        return Ok(());
    }
    Err(canonical
        .iter()
        .zip(read)
        .take_while(|(a, b)| a == b)
        .count())
}

fn de_from(rest: &[u8]) -> postcard::Deserializer<'_, Cursor<'_>> {
    postcard::Deserializer::from_flavor(Cursor { rest, needed: 0 })
}

/// Reads a sequence without believing the length it claims: serde would reserve up to 1 MiB for a
/// claim of three bytes. What is really there bounds it.
pub(crate) fn sequence<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Items<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = from.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
    }
    from.deserialize_seq(Items(PhantomData))
}

/// A byte string written and read as one piece: the bytes of serde's sequence of `u8`, without a
/// call for each of them.
pub(crate) mod byte_string {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = from.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        from.deserialize_bytes(Bytes)
    }
}
