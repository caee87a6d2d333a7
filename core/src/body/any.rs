//! Checks lib0 `any` values without building them (F10). The walk is iterative: nesting costs a
//! slot of a fixed stack, never a frame of ours, while the engine's decoder recurses. Every count
//! is held against the bytes left, which bounds what the engine reserves.

#![deny(clippy::arithmetic_side_effects)]

use super::{read::Reader, rule::BodyRule};
use crate::limits;

/// Whole numbers beyond this are written as floats by JavaScript engines.
const INT_MAX: u64 = 0x7fff_ffff;
/// The one NaN that every engine writes.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// A list or map that is being read.
#[derive(Clone, Copy, Default)]
struct Level {
    left: u64,
    keyed: bool,
}

/// Reads `count` values standing side by side.
pub(super) fn values(reader: &mut Reader<'_>, count: u64) -> Result<(), BodyRule> {
    let mut levels = [Level::default(); limits::DEPTH_MAX];
    let mut depth = 0usize;
    let mut level = Level {
        left: count,
        keyed: false,
    };
    loop {
        let Some(left) = level.left.checked_sub(1) else {
            let Some(outer) = depth.checked_sub(1) else {
                return Ok(());
            };
            depth = outer;
            level = levels.get(outer).copied().unwrap_or_default();
            continue;
        };
        level.left = left;
        if level.keyed {
            map_key(reader)?;
        }
        if let Some(inner) = value(reader)? {
            let at = reader.at();
            // The value's own level counts, so the outermost list fills slot 0.
            match levels.get_mut(depth) {
                Some(slot) if depth.saturating_add(1) < limits::DEPTH_MAX => *slot = level,
                _ => return Err(BodyRule::ValueDepth { at }),
            }
            depth = depth.saturating_add(1);
            level = inner;
        }
    }
}

/// A map's key may be empty, unlike an attribute's.
fn map_key(reader: &mut Reader<'_>) -> Result<(), BodyRule> {
    let at = reader.at();
    match reader.str()? {
        key if key.len() <= 128 => Ok(()),
        _ => Err(BodyRule::Key { at }),
    }
}

/// Reads one value; a list or map is answered with what stands in it.
fn value(reader: &mut Reader<'_>) -> Result<Option<Level>, BodyRule> {
    let at = reader.at();
    let odd = Err(BodyRule::ValueNumber { at });
    match reader.byte()? {
        // undefined, null, false, true
        127 | 126 | 121 | 120 => {}
        125 => integer(reader)?,
        124 => {
            if f32::from_be_bytes(reader.array()?).is_nan() {
                return odd;
            }
        }
        123 => {
            let bits = u64::from_be_bytes(reader.array()?);
            let number = f64::from_bits(bits);
            let narrow = f64::from(number as f32) == number;
            if narrow || (number.is_nan() && bits != NAN_BITS) {
                return odd;
            }
        }
        122 => {
            let number = i64::from_be_bytes(reader.array()?);
            if (number as f64) as i64 == number {
                return odd;
            }
        }
        119 => {
            reader.str()?;
        }
        116 => {
            reader.bytes()?;
        }
        tag @ (118 | 117) => {
            let keyed = tag == 118;
            let count = reader.var()?;
            let smallest = if keyed { 2 } else { 1 };
            if count.saturating_mul(smallest) > reader.left() as u64 {
                return Err(BodyRule::ValueCount { at, count });
            }
            return Ok(Some(Level { left: count, keyed }));
        }
        tag => return Err(BodyRule::ValueTag { at, tag }),
    }
    Ok(None)
}

/// A signed number: 6 bits and the sign in the first byte, then 7 bits a byte.
fn integer(reader: &mut Reader<'_>) -> Result<(), BodyRule> {
    let at = reader.at();
    let odd = Err(BodyRule::ValueNumber { at });
    let first = reader.byte()?;
    let mut number = u64::from(first & 0x3f);
    if first & 0x80 != 0 {
        let mut shifts = [6u32, 13, 20, 27].into_iter();
        loop {
            let Some(shift) = shifts.next() else {
                return odd;
            };
            let byte = reader.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 {
                    return odd;
                }
                break;
            }
        }
    }
    let minus_zero = first & 0x40 != 0 && number == 0;
    if minus_zero || number > INT_MAX {
        return odd;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<(), BodyRule> {
        values(&mut Reader::new(bytes), 1)
    }

    #[test]
    fn the_forms_engines_write_pass() {
        for bytes in [
            &[126][..],
            &[125, 0x05],
            &[125, 0xbf, 0x01],
            &[124, 0x3f, 0xc0, 0, 0],
            &[119, 1, b'x'],
            &[117, 2, 120, 121],
            &[118, 1, 1, b'k', 126],
            &[118, 1, 0, 126],
        ] {
            assert_eq!(check(bytes), Ok(()), "{bytes:?}");
        }
        let mut third = vec![123];
        third.extend((1.0f64 / 3.0).to_be_bytes());
        assert_eq!(check(&third), Ok(()));
    }

    #[test]
    fn numbers_that_change_on_reload_are_refused() {
        let mut half = vec![123];
        half.extend(0.5f64.to_be_bytes());
        let mut nan = vec![123];
        nan.extend(0x7ff8_0000_0000_0001u64.to_be_bytes());
        let mut small = vec![122];
        small.extend(7i64.to_be_bytes());
        for bytes in [
            &[125, 0x40][..],
            &[125, 0x80, 0x00],
            &[125, 0xbf, 0xff, 0xff, 0xff, 0x7f],
            &[124, 0x7f, 0xc0, 0, 0],
            &half,
            &nan,
            &small,
        ] {
            assert!(
                matches!(check(bytes), Err(BodyRule::ValueNumber { .. })),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn depth_and_counts_are_bounded() {
        let nested = |deep: usize| {
            let mut bytes = [117u8, 1].repeat(deep);
            bytes.push(126);
            check(&bytes)
        };
        assert_eq!(nested(limits::DEPTH_MAX - 1), Ok(()));
        assert!(matches!(
            nested(limits::DEPTH_MAX),
            Err(BodyRule::ValueDepth { .. })
        ));
        assert!(nested(10_000).is_err());
        assert!(matches!(
            check(&[117, 0xff, 0xff, 0x03]),
            Err(BodyRule::ValueCount { .. })
        ));
        assert!(matches!(
            check(&[118, 2, 0, 126]),
            Err(BodyRule::ValueCount { .. })
        ));
    }
}
