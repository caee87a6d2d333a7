//! Checks that a text is compact JSON as `JSON.stringify` and `serde_json` write it (F11): no white
//! space, bounded depth, numbers that come back unchanged. Iterative; one bit per open level tells
//! objects from arrays.

#![deny(clippy::arithmetic_side_effects)]

use super::rule::BodyRule;

/// Deepest nesting: one bit each of the level stack.
const DEPTH_MAX: u32 = 64;
/// Whole numbers of more digits may not fit 64 bits.
const INT_DIGITS_MAX: usize = 18;
/// Longest number: 17 significant digits, sign, point and exponent.
const NUMBER_BYTES_MAX: usize = 26;
/// Beyond this exponent a decimal with 17 digits may leave the range of a float.
const EXPONENT_MAX: u32 = 280;

/// A text that is being checked. `base` is where it stands in the update.
struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u32,
}

/// Checks a whole text that stands at byte `base` of the update.
pub(super) fn compact(text: &str, base: u32) -> Result<(), BodyRule> {
    let mut json = Json {
        bytes: text.as_bytes(),
        at: 0,
        base,
    };
    let (mut objects, mut depth) = (0u64, 0u32);
    loop {
        // A value begins here.
        let opened = match json.peek() {
            Some(open @ (b'{' | b'[')) => {
                json.skip(1);
                let object = open == b'{';
                if depth >= DEPTH_MAX {
                    return Err(BodyRule::ValueDepth { at: json.place() });
                }
                if json.take(if object { b'}' } else { b']' }) {
                    false
                } else {
                    objects = objects << 1 | u64::from(object);
                    depth = depth.saturating_add(1);
                    if object {
                        json.name()?;
                    }
                    true
                }
            }
            Some(b'"') => json.string().map(|()| false)?,
            Some(b't') => json.word(b"true").map(|()| false)?,
            Some(b'f') => json.word(b"false").map(|()| false)?,
            Some(b'n') => json.word(b"null").map(|()| false)?,
            Some(b'-' | b'0'..=b'9') => json.number().map(|()| false)?,
            Some(_) | None => return json.wrong(),
        };
        if opened {
            continue;
        }
        // A value ended here.
        loop {
            if depth == 0 {
                return if json.peek().is_none() {
                    Ok(())
                } else {
                    json.wrong()
                };
            }
            let object = objects & 1 == 1;
            if json.take(b',') {
                if object {
                    json.name()?;
                }
                break;
            }
            if !json.take(if object { b'}' } else { b']' }) {
                return json.wrong();
            }
            objects >>= 1;
            depth = depth.saturating_sub(1);
        }
    }
}

impl Json<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn place(&self) -> u32 {
        self.base
            .saturating_add(u32::try_from(self.at).unwrap_or(u32::MAX))
    }

    fn wrong<T>(&self) -> Result<T, BodyRule> {
        Err(BodyRule::Json { at: self.place() })
    }

    fn word(&mut self, word: &[u8]) -> Result<(), BodyRule> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return self.wrong();
        }
        self.skip(word.len());
        Ok(())
    }

    /// An object's key with its colon.
    fn name(&mut self) -> Result<(), BodyRule> {
        self.string()?;
        if self.take(b':') {
            Ok(())
        } else {
            self.wrong()
        }
    }

    /// The text is UTF-8 already; what remains are escapes, which must not leave half a pair.
    fn string(&mut self) -> Result<(), BodyRule> {
        if !self.take(b'"') {
            return self.wrong();
        }
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(());
                }
                Some(b'\\') => {
                    self.skip(1);
                    self.escape()?;
                }
                Some(0..=0x1f) | None => return self.wrong(),
                Some(_) => self.skip(1),
            }
        }
    }

    fn escape(&mut self) -> Result<(), BodyRule> {
        let kind = self.peek();
        self.skip(1);
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.hex4()? {
                0xdc00..=0xdfff => self.wrong(),
                0xd800..=0xdbff => {
                    if !(self.take(b'\\') && self.take(b'u')) {
                        return self.wrong();
                    }
                    match self.hex4()? {
                        0xdc00..=0xdfff => Ok(()),
                        _ => self.wrong(),
                    }
                }
                _ => Ok(()),
            },
            Some(_) | None => self.wrong(),
        }
    }

    fn hex4(&mut self) -> Result<u32, BodyRule> {
        let mut unit = 0u32;
        for _ in 0..4 {
            match self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => unit = unit << 4 | digit,
                None => return self.wrong(),
            }
            self.skip(1);
        }
        Ok(unit)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip(1);
        }
        self.at.saturating_sub(start)
    }

    fn number(&mut self) -> Result<(), BodyRule> {
        let (start, place) = (self.at, self.place());
        let inexact = Err(BodyRule::JsonNumber { at: place });
        let minus = self.take(b'-');
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return self.wrong();
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            if self.digits() == 0 {
                return self.wrong();
            }
        }
        let mantissa = self.bytes.get(start..self.at).unwrap_or_default();
        // A reload turns -0 into 0.
        if minus
            && mantissa
                .iter()
                .all(|byte| matches!(byte, b'-' | b'0' | b'.'))
        {
            return inexact;
        }
        if self.take(b'e') || self.take(b'E') {
            integer = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            let from = self.at;
            let digits = self.digits();
            if digits == 0 {
                return self.wrong();
            }
            let exponent = self.bytes.get(from..self.at).unwrap_or_default();
            let exponent = exponent.iter().fold(0u32, |sum, digit| {
                sum.saturating_mul(10)
                    .saturating_add(u32::from(digit.saturating_sub(b'0')))
            });
            if digits > 3 || exponent > EXPONENT_MAX {
                return inexact;
            }
        }
        let bytes = self.bytes.get(start..self.at).unwrap_or_default();
        if (integer && whole > INT_DIGITS_MAX) || bytes.len() > NUMBER_BYTES_MAX {
            return inexact;
        }
        if !integer && is_whole(bytes) {
            return inexact;
        }
        Ok(())
    }
}

/// Whether a number that is written as a float is a whole one, which engines write as an integer:
/// `1e5` would come back as `100000`.
fn is_whole(bytes: &[u8]) -> bool {
    let number = std::str::from_utf8(bytes).map(str::parse::<f64>);
    match number {
        Ok(Ok(number)) => (number as i64) as f64 == number,
        Ok(Err(_)) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_texts_pass() {
        for text in [
            "true",
            "null",
            "-12",
            "1.5e-7",
            "1e+21",
            "\"a\\u00e9\\ud83d\\ude00\"",
            "{}",
            "[]",
            "{\"href\":\"x\",\"n\":[1,[2,{}]]}",
        ] {
            assert_eq!(compact(text, 0), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_an_engine_would_not_write_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "01",
            "1.",
            ".5",
            "+1",
            "tru",
            "truex",
            "[1,]",
            "[1 ,2]",
            "{\"a\"}",
            "{a:1}",
            "[1}",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\n\"",
            "\"",
            "1,2",
            "}",
            "NaN",
        ] {
            assert!(compact(text, 0).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_that_change_on_reload_are_refused() {
        for text in [
            "-0",
            "-0.0",
            "-0e5",
            "1234567890123456789",
            "1e281",
            "1e0001",
        ] {
            assert!(
                matches!(compact(text, 0), Err(BodyRule::JsonNumber { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |deep: usize| format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(compact(&nested(64), 0), Ok(()));
        assert!(compact(&nested(65), 0).is_err());
        assert!(compact(&"[".repeat(100_000), 0).is_err());
    }
}
