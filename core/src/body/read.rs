//! A bounded reader of lib0 v1, the encoding of Yjs updates
//! (<https://github.com/dmonad/lib0/blob/main/encoding.js>). It borrows, allocates nothing, and
//! accepts only the one form in which an encoder writes a thing.

#![deny(clippy::arithmetic_side_effects)]

use super::rule::BodyRule;
use crate::limits;

/// Ids below 2^53, the range in which a JavaScript engine counts exactly.
const CLIENT_MAX: u64 = (1 << 53) - 1;
/// Longest key of a format, attribute or map, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// A place in an update.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `bytes`, which must have at most [`limits::PAYLOAD_BYTES_MAX`].
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Where it stands, in bytes. Updates are far smaller than 4 GiB.
    #[inline]
    pub(super) fn at(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    /// How many bytes are left.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The bytes between this place and a later one.
    pub(super) fn until(&self, later: &Reader<'a>) -> &'a [u8] {
        self.bytes.get(self.at..later.at).unwrap_or_default()
    }

    /// The bytes from this place on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// One byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, BodyRule> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at = self.at.saturating_add(1);
                Ok(*byte)
            }
            None => Err(BodyRule::Truncated { at: self.at() }),
        }
    }

    /// An unsigned number: 7 bits a byte, lowest first, at most 8 bytes (every legal number is
    /// below 2^53, and the engine wraps silently past 64 bits), without a trailing zero group.
    #[inline]
    pub(super) fn var(&mut self) -> Result<u64, BodyRule> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.var_tail(first)
    }

    fn var_tail(&mut self, first: u8) -> Result<u64, BodyRule> {
        let at = self.at();
        let mut number = u64::from(first & 0x7f);
        for shift in [7u32, 14, 21, 28, 35, 42, 49] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return match byte {
                    0 => Err(BodyRule::Number { at }),
                    _ => Ok(number),
                };
            }
        }
        Err(BodyRule::Number { at })
    }

    /// A clock or a length in clock units.
    #[inline]
    pub(super) fn clock(&mut self) -> Result<u32, BodyRule> {
        let at = self.at();
        match u32::try_from(self.var()?) {
            Ok(clock) if clock <= limits::CLOCK_MAX => Ok(clock),
            _ => Err(BodyRule::Number { at }),
        }
    }

    /// A client id.
    #[inline]
    pub(super) fn client(&mut self) -> Result<u64, BodyRule> {
        let at = self.at();
        match self.var()? {
            client if client <= CLIENT_MAX => Ok(client),
            _ => Err(BodyRule::Number { at }),
        }
    }

    /// Exactly `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BodyRule> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.first_chunk::<N>() {
            Some(chunk) => {
                self.at = self.at.saturating_add(N);
                Ok(*chunk)
            }
            None => Err(BodyRule::Truncated { at: self.at() }),
        }
    }

    /// Bytes under a length.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BodyRule> {
        let len = self.var()?;
        let taken = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len))
            .and_then(|end| Some((self.bytes.get(self.at..end)?, end)));
        match taken {
            Some((bytes, end)) => {
                self.at = end;
                Ok(bytes)
            }
            None => Err(BodyRule::Truncated { at: self.at() }),
        }
    }

    /// A string under a length.
    #[inline]
    pub(super) fn str(&mut self) -> Result<&'a str, BodyRule> {
        let at = self.at();
        std::str::from_utf8(self.bytes()?).map_err(|_| BodyRule::Utf8 { at })
    }

    /// A key: 1 to 128 bytes without control characters (F8).
    pub(super) fn key(&mut self) -> Result<&'a str, BodyRule> {
        let at = self.at();
        let key = self.str()?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return Err(BodyRule::Key { at });
        }
        Ok(key)
    }
}

/// The client whose blocks an update holds; none where it holds none or its first numbers do not
/// read.
pub fn peek(update: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(update);
    let sections = reader.var().ok()?;
    let _blocks = reader.var().ok()?;
    (sections > 0).then(|| reader.client().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form_each() {
        let read = |bytes: &[u8]| Reader::new(bytes).var();
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0xff, 0x01]), Ok(255));
        assert_eq!(read(&[0x80, 0x00]), Err(BodyRule::Number { at: 1 }));
        assert!(read(&[0xff; 9]).is_err());
        assert_eq!(read(&[0x80]), Err(BodyRule::Truncated { at: 1 }));
    }

    #[test]
    fn ids_stay_in_the_range_of_every_engine() {
        let top = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Reader::new(&top).client(), Ok(CLIENT_MAX));
        let over = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        assert!(Reader::new(&over).client().is_err());
        let clock = [0xff, 0xff, 0xff, 0xff, 0x07];
        assert_eq!(Reader::new(&clock).clock(), Ok(limits::CLOCK_MAX));
        assert!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x08])
                .clock()
                .is_err()
        );
    }

    #[test]
    fn a_length_past_the_end_takes_nothing() {
        let mut reader = Reader::new(&[5, b'a', b'b']);
        assert!(reader.bytes().is_err());
        assert_eq!(reader.left(), 2);
    }
}
