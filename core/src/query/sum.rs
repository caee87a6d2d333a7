//! Sums of floats that do not depend on the order, and from which what was added can be taken again
//! without a rest: a counter that is kept then equals one that is counted anew. After Kulisch's exact
//! accumulator ("Arithmetic Operations for Floating-Point Numbers", 2011).
#![deny(clippy::arithmetic_side_effects)]

use crate::value::Finite;

/// A sum, exact.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Digits of 32 bits, the lowest first; its last bit is worth 2^-1074, the smallest float. A digit
    /// may be far outside its range in between: 2^42 floats fit.
    digits: Vec<i128>,
}

/// The largest float ends below bit 2,098.
const DIGITS: usize = 68;
const DIGIT_BITS: u32 = 32;
const DIGIT: i128 = 1 << DIGIT_BITS;

impl Sum {
    /// Adds a number, or takes it away.
    pub(super) fn add(&mut self, number: Finite, take: bool) {
        let bits = number.as_f64().to_bits();
        let exponent = u32::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
        let leading = u64::from(exponent > 0) << 52;
        let mantissa = i128::from((bits & ((1 << 52) - 1)) | leading);
        let shift = exponent.saturating_sub(1);
        let negative = (bits >> 63 == 1) != take;
        let signed = if negative {
            mantissa.wrapping_neg()
        } else {
            mantissa
        };
        self.digits.resize(DIGITS, 0);
        let at = usize::try_from(shift / DIGIT_BITS).unwrap_or_default();
        if let Some(digit) = self.digits.get_mut(at) {
            *digit = digit.saturating_add(signed.wrapping_shl(shift % DIGIT_BITS));
        }
    }

    /// The sum as the nearest float; past the largest it is infinite.
    pub(super) fn value(&self) -> f64 {
        let (negative, digits) = self.magnitude();
        let Some(highest) = digits.iter().rposition(|digit| *digit != 0) else {
            return 0.0;
        };
        // Three digits hold at least 65 bits. Of what lies below only matters whether it is nothing.
        let lowest = highest.saturating_sub(2);
        let top = digits.iter().skip(lowest).take(3).rev();
        let mut near = top.fold(0u128, |sum, digit| (sum << DIGIT_BITS) | u128::from(*digit));
        let rest = digits.iter().take(lowest).any(|digit| *digit != 0);
        near |= u128::from(rest);
        let exponent = i64::try_from(lowest).unwrap_or_default().saturating_mul(32);
        let value = scaled(near as f64, exponent.saturating_sub(1_074));
        if negative { -value } else { value }
    }

    /// The sign, and digits within their range.
    fn magnitude(&self) -> (bool, Vec<u32>) {
        let carried = |sign: i128| {
            let mut carry = 0i128;
            let digits = self.digits.iter().map(|digit| {
                let sum = digit.saturating_mul(sign).saturating_add(carry);
                carry = sum.div_euclid(DIGIT);
                u32::try_from(sum.rem_euclid(DIGIT)).unwrap_or_default()
            });
            let mut digits: Vec<u32> = digits.collect();
            let negative = carry < 0;
            while carry > 0 {
                digits.push(u32::try_from(carry.rem_euclid(DIGIT)).unwrap_or_default());
                carry = carry.div_euclid(DIGIT);
            }
            (negative, digits)
        };
        match carried(1) {
            (false, digits) => (false, digits),
            (true, _) => (true, carried(-1).1),
        }
    }
}

/// A number times a power of two, in steps that a float can hold.
fn scaled(mut number: f64, mut exponent: i64) -> f64 {
    while exponent != 0 {
        let step = exponent.clamp(-1_000, 1_000);
        let biased = step.saturating_add(1_023).cast_unsigned();
        number *= f64::from_bits(biased << 52);
        exponent = exponent.saturating_sub(step);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*};

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = Sum::default();
        for number in numbers {
            sum.add(Finite::new(*number).unwrap(), false);
        }
        sum.value()
    }

    #[test]
    fn sums_are_exact_where_adding_one_by_one_is_not() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[0.1, 0.2, 0.3]), 0.6);
        assert_eq!(sum(&[1e300, 1.0, -1e300]), 1.0);
        assert_eq!(
            sum(&[1.0, 2f64.powi(-53), 2f64.powi(-1074)]),
            1.0 + f64::EPSILON
        );
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        for one in [5e-324, -5e-324, 2f64.powi(-1022), f64::MAX, f64::MIN, -2.5] {
            assert_eq!(sum(&[one]), one);
        }
    }

    proptest! {
        #[test]
        fn what_was_added_can_be_taken_again_in_any_order(
            stays in collection::vec(any::<f64>(), 0..20),
            goes in collection::vec(any::<f64>(), 0..20),
        ) {
            let finite = |numbers: &[f64]| -> Vec<Finite> {
                numbers.iter().filter_map(|one| Finite::new(*one)).collect()
            };
            let (stays, goes) = (finite(&stays), finite(&goes));
            let mut kept = Sum::default();
            goes.iter().chain(&stays).for_each(|one| kept.add(*one, false));
            goes.iter().rev().for_each(|one| kept.add(*one, true));
            let mut counted = Sum::default();
            stays.iter().rev().for_each(|one| counted.add(*one, false));
            prop_assert_eq!(kept.value().to_bits(), counted.value().to_bits());
        }

        #[test]
        fn whole_numbers_add_up(numbers in collection::vec(-(1i64 << 50)..1 << 50, 0..100)) {
            let floats: Vec<f64> = numbers.iter().map(|one| *one as f64).collect();
            prop_assert_eq!(sum(&floats), numbers.iter().sum::<i64>() as f64);
        }
    }
}
