//! Where a row stands: bytes whose order is the order asked for. One definition serves comparing with
//! a literal, sorting, pages and watched lists.
#![deny(clippy::arithmetic_side_effects)]

use super::seen::Seen;
use crate::value::Finite;

const SOME: u8 = 1;
/// Above [`SOME`] in rising and falling order alike: rows without a value come last.
const NONE: u8 = 2;

/// What values of different types are ordered by; numbers of either type are one.
const BOOL: u8 = 1;
const NUMBER: u8 = 2;
const TIME: u8 = 3;
const WORD: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;
const NESTED: u8 = 7;

/// How the values of a column are ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    /// The words of a choice, in the order in which the schema declares them.
    pub(super) words: &'a [String],
    pub(super) descending: bool,
    /// How much of a text or byte string counts.
    pub(super) bytes_max: usize,
}

impl Manner<'_> {
    /// Appends a value's place.
    pub(super) fn put(&self, key: &mut Vec<u8>, value: Option<Seen<'_>>) {
        let Some(value) = value.filter(|value| !matches!(value, Seen::Null)) else {
            key.push(NONE);
            return;
        };
        key.push(SOME);
        let start = key.len();
        self.put_some(key, value);
        if self.descending {
            let turned = key.iter_mut().skip(start);
            turned.for_each(|byte| *byte = !*byte);
        }
    }

    fn put_some(&self, key: &mut Vec<u8>, value: Seen<'_>) {
        match value {
            Seen::Null => {}
            Seen::Bool(truth) => key.extend([BOOL, u8::from(truth)]),
            Seen::Int(number) => {
                // Past 53 bits a float is the nearest number; what it lacks comes behind it.
                let near = number as f64;
                let lack = i128::from(number).saturating_sub(near as i128);
                put_number(key, near, i16::try_from(lack).unwrap_or_default());
            }
            Seen::Float(number) => put_number(key, Finite::as_f64(number), 0),
            Seen::Time(millis) => {
                key.push(TIME);
                key.extend(raised(millis).to_be_bytes());
            }
            Seen::Text(text) => match self.words.iter().position(|word| word == text) {
                Some(rank) => {
                    key.push(WORD);
                    key.extend(u16::try_from(rank).unwrap_or(u16::MAX).to_be_bytes());
                }
                None => {
                    key.push(TEXT);
                    self.put_bytes(key, text.as_bytes());
                }
            },
            Seen::Bytes(bytes) => {
                key.push(BYTES);
                self.put_bytes(key, bytes);
            }
            Seen::List(_) | Seen::Map(_) => key.push(NESTED),
        }
    }

    /// No key is the beginning of another: a zero is followed by 255, the end is two zeros.
    fn put_bytes(&self, key: &mut Vec<u8>, bytes: &[u8]) {
        let counted = bytes.get(..self.bytes_max).unwrap_or(bytes);
        for byte in counted {
            key.push(*byte);
            if *byte == 0 {
                key.push(0xff);
            }
        }
        key.extend([0, 0]);
    }
}

/// A number as the nearest float, and what it lacks.
fn put_number(key: &mut Vec<u8>, near: f64, lack: i16) {
    let bits = near.to_bits();
    // Floats of one sign are ordered as their bits, those below zero the other way round.
    let ordered = match bits >> 63 {
        0 => bits | (1 << 63),
        _ => !bits,
    };
    key.push(NUMBER);
    key.extend(ordered.to_be_bytes());
    key.extend((lack.cast_unsigned() ^ (1 << 15)).to_be_bytes());
}

fn raised(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn key(value: Option<Seen<'_>>, descending: bool) -> Vec<u8> {
        let manner = Manner {
            words: &["low".into(), "high".into()],
            descending,
            bytes_max: usize::MAX,
        };
        let mut key = Vec::new();
        manner.put(&mut key, value);
        key
    }

    fn float(number: f64) -> Seen<'static> {
        Seen::Float(Finite::new(number).unwrap())
    }

    #[test]
    fn values_of_all_types_stand_in_one_order_and_missing_ones_last_either_way() {
        let rising = [
            Seen::Bool(false),
            Seen::Bool(true),
            Seen::Int(i64::MIN),
            float(-1.5),
            Seen::Int(-1),
            float(-0.5),
            Seen::Int(0),
            float(0.5),
            Seen::Int((1 << 53) - 1),
            Seen::Int(1 << 53),
            Seen::Int((1 << 53) + 1),
            Seen::Int((1 << 53) + 2),
            Seen::Int(i64::MAX),
            float(2f64.powi(63)),
            float(f64::MAX),
            Seen::Time(-1),
            Seen::Time(0),
            Seen::Text("low"),
            Seen::Text("high"),
            Seen::Text(""),
            Seen::Text("\0"),
            Seen::Text("\0a"),
            Seen::Text("a"),
            Seen::Text("a\0"),
            Seen::Text("ab"),
            Seen::Text("ä"),
            Seen::Bytes(&[]),
            Seen::Bytes(&[0, 0]),
            Seen::Bytes(&[1]),
        ];
        let up: Vec<_> = rising.iter().map(|one| key(Some(*one), false)).collect();
        assert!(up.is_sorted_by(|a, b| a < b));
        let down: Vec<_> = rising.iter().map(|one| key(Some(*one), true)).collect();
        assert!(down.is_sorted_by(|a, b| a > b));
        for keys in [up, down] {
            assert!(keys.iter().all(|one| *one < key(None, false)));
        }
        assert_eq!(key(None, true), key(Some(Seen::Null), false));
    }

    /// A whole number and a float compared exactly.
    fn compare(int: i64, float: f64) -> Ordering {
        let floor = float.floor();
        let part = |rest: f64| {
            if rest > 0.0 {
                Ordering::Less
            } else {
                Ordering::Equal
            }
        };
        i128::from(int)
            .cmp(&(floor as i128))
            .then_with(|| part(float - floor))
    }

    proptest! {
        #[test]
        fn numbers_of_either_type_compare_exactly(int: i64, step in -4i32..=4, any: f64, near: bool) {
            let mut number = if near { int as f64 } else { any };
            for _ in 0..step.abs() {
                number = if step < 0 { number.next_down() } else { number.next_up() };
            }
            prop_assume!(number.is_finite());
            let had = key(Some(Seen::Int(int)), false).cmp(&key(Some(float(number)), false));
            prop_assert_eq!(had, compare(int, number));
        }
    }
}
