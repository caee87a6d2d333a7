//! The values that fields are compared to: given as values, or as the words of a person.
#![deny(clippy::arithmetic_side_effects)]

use super::QueryError;
use crate::{
    id::EntityId,
    schema::{ValueKind, ValueType, nearest},
    value::{Finite, Value},
};

/// A value that a field of this type can be compared to. Numbers of either type compare, whole ones
/// also serve as times, and texts say what has no other form. Bounds of the type do not matter:
/// nothing is written.
pub(super) fn from_value(field: &str, of: &ValueType, value: &Value) -> Result<Value, QueryError> {
    match (of, value) {
        (ValueType::Bool, Value::Bool(_))
        | (ValueType::Int { .. } | ValueType::Float, Value::Int(_) | Value::Float(_))
        | (ValueType::Text { .. }, Value::Text(_))
        | (ValueType::Bytes { .. }, Value::Bytes(_))
        | (ValueType::Time, Value::Time(_)) => Ok(value.clone()),
        (ValueType::Time, Value::Int(millis)) => Ok(Value::Time(*millis)),
        (
            ValueType::Time | ValueType::Entity | ValueType::Choice(_) | ValueType::Bytes { .. },
            Value::Text(word),
        ) => from_word(field, of, word),
        _ => Err(QueryError::WrongType {
            field: field.to_owned(),
            wanted: of.kind(),
            found: ValueKind::of(value),
        }),
    }
}

/// The value of this type that a word says.
pub(super) fn from_word(field: &str, of: &ValueType, word: &str) -> Result<Value, QueryError> {
    let value = match of {
        ValueType::Bool => match word {
            "true" | "yes" => Some(Value::Bool(true)),
            "false" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        ValueType::Int { .. } | ValueType::Float => {
            let whole = word.parse().ok().map(Value::Int);
            let float = || word.parse().ok().and_then(Finite::new);
            whole.or_else(|| float().map(Value::Float))
        }
        ValueType::Text { .. } => Some(Value::from(word)),
        ValueType::Bytes { .. } => bytes(word).map(Value::Bytes),
        ValueType::Time => millis(word).map(Value::Time),
        ValueType::Entity => EntityId::parse(word).map(|id| Value::Text(id.to_string())),
        ValueType::Choice(words) if words.iter().any(|known| known == word) => {
            Some(Value::from(word))
        }
        ValueType::Choice(words) => {
            let nearest = nearest(word, words.iter().map(String::as_str));
            return Err(QueryError::NotAChoice {
                field: field.to_owned(),
                word: word.to_owned(),
                nearest: nearest.map(str::to_owned),
            });
        }
        ValueType::Entry(_) => None,
    };
    value.ok_or_else(|| QueryError::NotAValue {
        field: field.to_owned(),
        wanted: of.kind(),
        word: word.to_owned(),
    })
}

/// The bytes that hexadecimal digits say.
pub(super) fn bytes(word: &str) -> Option<Vec<u8>> {
    let digits = word.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks_exact(2).map(std::str::from_utf8);
    pairs
        .map(|pair| u8::from_str_radix(pair.ok()?, 16).ok())
        .collect()
}

/// Milliseconds since 1970, or a date and perhaps a time of RFC 3339, in UTC where it names no other
/// offset.
fn millis(word: &str) -> Option<i64> {
    if let Ok(millis) = word.parse() {
        return Some(millis);
    }
    let (date, time) = match word.split_once(['T', ' ']) {
        Some((date, time)) => (date, time),
        None => (word, "00:00"),
    };
    let mut parts = date.splitn(3, '-');
    let mut part = |len| digits(parts.next()?, len);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let days = days(year, month, day)?;
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at_checked(at)?,
        None => (time, "Z"),
    };
    let in_day = time_of_day(time)?;
    let offset = match offset.split_at_checked(1)? {
        ("Z", "") => 0,
        ("+", clock) => clock_minutes(clock)?,
        ("-", clock) => clock_minutes(clock)?.checked_neg()?,
        _ => return None,
    };
    let minutes = offset.checked_mul(60_000)?;
    days.checked_mul(86_400_000)?
        .checked_add(in_day)?
        .checked_sub(minutes)
}

fn digits(text: &str, len: usize) -> Option<i64> {
    let plain = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `HH:MM` in minutes.
fn clock_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    hours.checked_mul(60)?.checked_add(minutes)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm` in milliseconds.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, rest) = text.split_at_checked(5)?;
    let minutes = clock_minutes(clock)?.checked_mul(60_000)?;
    let (seconds, fraction) = match rest.strip_prefix(':') {
        None if rest.is_empty() => (0, 0),
        None => return None,
        Some(rest) => match rest.split_once('.') {
            None => (digits(rest, 2)?, 0),
            Some((seconds, fraction)) => (digits(seconds, 2)?, digits(fraction, 3)?),
        },
    };
    if seconds > 59 {
        return None;
    }
    minutes
        .checked_add(seconds.checked_mul(1_000)?)?
        .checked_add(fraction)
}

/// Days since 1970 of a date of the Gregorian calendar. After Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms" (2013): years begin in March, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_max = match month {
        2 => 28i64.checked_add(i64::from(leap))?,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day < 1 || day > days_max {
        return None;
    }
    let (year, month) = match month.checked_sub(3)? {
        before @ ..0 => (year.checked_sub(1)?, before.checked_add(12)?),
        after => (year, after),
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = month.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let leaps = of_era.div_euclid(4).checked_sub(of_era.div_euclid(100))?;
    of_era
        .checked_mul(365)?
        .checked_add(leaps)?
        .checked_add(of_year)?
        .checked_add(day)?
        .checked_add(era.checked_mul(146_097)?)?
        .checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_writes_them() {
        for (word, wanted) in [
            ("1970-01-01", 0),
            ("0", 0),
            ("-5", -5),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29", 951_782_400_000),
            ("2000-03-01", 951_868_800_000),
            ("2026-12-01", 1_796_083_200_000),
            ("2026-12-01T08:30", 1_796_113_800_000),
            ("2026-12-01 08:30:01", 1_796_113_801_000),
            ("2026-12-01T08:30:00.250+02:00", 1_796_106_600_250),
            ("2026-12-01T08:30-00:30", 1_796_115_600_000),
            ("9999-12-31", 253_402_214_400_000),
            ("0000-01-01", -62_167_219_200_000),
        ] {
            assert_eq!(millis(word), Some(wanted), "{word}");
        }
        for word in [
            "",
            "today",
            "2026-12",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "2026-12-00",
            "2026-12-1",
            "26-12-01",
            "2026-12-01T",
            "2026-12-01T8:30",
            "2026-12-01T24:00",
            "2026-12-01T08:60",
            "2026-12-01T08:30:60",
            "2026-12-01T08:30Zz",
            "2026-12-01T08:30+2",
            "2026-12-01Z",
            "2026-12-01T08:3ö",
            "+026-12-01",
        ] {
            assert_eq!(millis(word), None, "{word}");
        }
    }
}
