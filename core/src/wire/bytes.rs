//! Reading and writing the numbers and texts that every form of the wire is made of.
#![deny(clippy::arithmetic_side_effects)]

/// Why compact bytes could not be rebuilt, or engine bytes not be re-encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The bytes end inside a part.
    #[error("{what} is cut off at byte {at}: ask for the frame again")]
    Cut {
        /// The part.
        what: &'static str,
        /// Offset in the section being read, in bytes.
        at: usize,
    },
    /// A number is longer than its canonical form or than 64 bits.
    #[error("{what} at byte {at} is not a canonical LEB128 number of at most 64 bits")]
    Number {
        /// The part.
        what: &'static str,
        /// Offset in the section being read, in bytes.
        at: usize,
    },
    /// More of something than a bound allows.
    #[error("{what}: {count} is more than the {max} allowed")]
    TooMany {
        /// The part.
        what: &'static str,
        /// How many were claimed.
        count: u64,
        /// The bound.
        max: u64,
    },
    /// Text that is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    Text {
        /// The part.
        what: &'static str,
        /// Offset in the section being read, in bytes.
        at: usize,
    },
    /// A form, flag or version that this build does not know.
    #[error("{what} {value} is not known to this version")]
    Unknown {
        /// The part.
        what: &'static str,
        /// The value found.
        value: u64,
    },
    /// A reference to something the stream's context does not hold.
    #[error("{what} refers to what this stream never carried: ask for explicit frames")]
    Context {
        /// The part.
        what: &'static str,
    },
    /// A number outside what its place allows.
    #[error("{what} lies outside its range")]
    Range {
        /// The part.
        what: &'static str,
    },
    /// Bytes after the end.
    #[error("{count} bytes are left over after {what}")]
    Trailing {
        /// The part that should have been the last.
        what: &'static str,
        /// How many.
        count: usize,
    },
}

/// A place in foreign bytes; nothing it does can read outside them.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    #[inline]
    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, FormError> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at = self.at.saturating_add(1);
                Ok(*byte)
            }
            None => Err(FormError::Cut { what, at: self.at }),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], FormError> {
        let cut = FormError::Cut { what, at: self.at };
        let end = self.at.checked_add(count).ok_or_else(|| cut.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(cut)?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], FormError> {
        let at = self.at;
        <[u8; N]>::try_from(self.take(N, what)?).map_err(|_| FormError::Cut { what, at })
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    /// The bytes from `start` to here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// An unsigned LEB128 number in its shortest form.
    #[inline]
    pub(crate) fn number(&mut self, what: &'static str) -> Result<u64, FormError> {
        let at = self.at;
        let mut value = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.byte(what)?;
            let low = u64::from(byte & 0x7f);
            // The tenth group has room for one bit; a last group of 0 is a longer form than needed.
            if (shift == 63 && low > 1) || (byte == 0 && shift > 0) {
                return Err(FormError::Number { what, at });
            }
            value |= low.wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift = shift.saturating_add(7);
            if shift > 63 {
                return Err(FormError::Number { what, at });
            }
        }
    }

    /// A number as [`put_span`] writes it.
    pub(crate) fn span(&mut self, what: &'static str) -> Result<u64, FormError> {
        let first = u64::from(self.byte(what)?);
        match first.checked_sub(SPAN_TWO) {
            None => Ok(first),
            Some(high) if first < SPAN_LONG => {
                let low = u64::from(self.byte(what)?);
                Ok((high.wrapping_shl(8) | low).saturating_add(SPAN_TWO))
            }
            Some(_) => self.number(what),
        }
    }

    /// A count or length of at most `max`.
    pub(crate) fn count(&mut self, max: usize, what: &'static str) -> Result<usize, FormError> {
        let count = self.number(what)?;
        match usize::try_from(count) {
            Ok(fits) if fits <= max => Ok(fits),
            Ok(_) | Err(_) => Err(FormError::TooMany {
                what,
                count,
                max: max as u64,
            }),
        }
    }

    /// A signed number, zigzag over [`Reader::number`].
    #[inline]
    pub(crate) fn signed(&mut self, what: &'static str) -> Result<i64, FormError> {
        Ok(unzigzag(self.number(what)?))
    }

    /// A length-prefixed byte string of at most `max` bytes.
    pub(crate) fn bytes(&mut self, max: usize, what: &'static str) -> Result<&'a [u8], FormError> {
        let len = self.count(max, what)?;
        self.take(len, what)
    }

    /// A length-prefixed text of at most `max` bytes.
    pub(crate) fn text(&mut self, max: usize, what: &'static str) -> Result<&'a str, FormError> {
        let at = self.at;
        std::str::from_utf8(self.bytes(max, what)?).map_err(|_| FormError::Text { what, at })
    }

    /// That nothing is left.
    pub(crate) fn end(&self, what: &'static str) -> Result<(), FormError> {
        match self.left() {
            0 => Ok(()),
            count => Err(FormError::Trailing { what, count }),
        }
    }
}

/// Writes an unsigned LEB128 number in its shortest form.
#[inline]
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Where a span takes two bytes: below it, one.
const SPAN_TWO: u64 = 240;
/// The byte behind which a span stands as [`put_number`] writes it.
const SPAN_LONG: u64 = 255;

/// Writes a number most often below 240, in one byte where it is; in two below 4,080. Between two
/// keys lie 60 to 250 ms.
pub(crate) fn put_span(out: &mut Vec<u8>, value: u64) {
    match value.checked_sub(SPAN_TWO) {
        None => out.push((value & 0xff) as u8),
        Some(over) if over >> 8 < SPAN_LONG.wrapping_sub(SPAN_TWO) => {
            out.push((SPAN_TWO | over >> 8) as u8);
            out.push((over & 0xff) as u8);
        }
        Some(_) => {
            out.push(SPAN_LONG as u8);
            put_number(out, value);
        }
    }
}

/// Writes a signed number, zigzag over [`put_number`].
#[inline]
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_number(out, zigzag(value));
}

/// Writes a length-prefixed byte string.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Small numbers of either sign become small unsigned ones.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ value.wrapping_shr(63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ (value as i64 & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_longer_forms_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.number("n"), Ok(value));
            assert!(reader.is_empty());
            assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
        }
        for value in [0, 239, 240, 241, 500, 4_079, 4_080, 70_000, u64::MAX] {
            let mut out = Vec::new();
            put_span(&mut out, value);
            let short = [(240, 1), (4_080, 2)]
                .into_iter()
                .find(|(end, _)| value < *end);
            assert!(short.is_none_or(|(_, len)| out.len() == len));
            assert_eq!(Reader::new(&out).span("n"), Ok(value));
        }
        for bad in [&[0x80u8, 0x00][..], &[0xff; 10], &[0x80]] {
            assert!(Reader::new(bad).number("n").is_err());
        }
        let too_long = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02];
        assert!(Reader::new(&too_long).number("n").is_err());
    }
}
