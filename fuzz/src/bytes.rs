//! Mutations of bytes whose meaning is not known.

use anabranch_core::sim::Rng;

/// One to four changes.
pub(crate) fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(4) {
        once(rng, bytes);
    }
}

fn once(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(0);
    }
    let (len, at) = (bytes.len(), rng.below(bytes.len()));
    match rng.below(12) {
        0 | 1 => bytes[at] ^= 1 << rng.below(8),
        2 => bytes[at] = rng.next() as u8,
        3 => bytes[at] = [0, 1, 2, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0xff][rng.below(10)],
        4 => bytes[at] = bytes[at].wrapping_add(1),
        5 => bytes[at] = bytes[at].wrapping_sub(1),
        6 => bytes.insert(at, rng.next() as u8),
        7 => drop(bytes.remove(at)),
        8 => bytes.truncate(at),
        9 => {
            let end = (at + 1 + rng.below(8)).min(len);
            let copy = bytes[at..end].to_vec();
            let to = rng.below(len + 1);
            bytes.splice(to..to, copy);
        }
        10 => {
            let end = (at + 1 + rng.below(8)).min(len);
            drop(bytes.drain(at..end));
        }
        _ => number(rng, bytes, at),
    }
}

/// A number of variable length, at one of the borders where readers go wrong.
fn number(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize) {
    let end = (at..bytes.len())
        .find(|at| bytes[*at] < 0x80)
        .unwrap_or(bytes.len() - 1);
    let number = match rng.below(9) {
        0 => 0,
        1 => u64::from(u32::MAX),
        2 => (1 << 31) - 1,
        3 => 1 << 31,
        4 => 1 << 53,
        5 => u64::MAX,
        6 => 1 << 24,
        7 => rng.next() >> rng.below(64),
        _ => bytes.len() as u64,
    };
    let mut written = Vec::new();
    put_number(&mut written, number);
    bytes.splice(at..=end, written);
}

/// Writes an unsigned LEB128 number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads one off the front, however long it was written.
pub(crate) fn take_number(from: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0u64, 0u32);
    loop {
        let (first, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(first & 0x7f).checked_shl(shift).unwrap_or(0);
        if *first < 0x80 {
            return Some(number);
        }
        shift = shift.checked_add(7).filter(|shift| *shift < 70)?;
    }
}

/// Takes bytes off the front.
pub(crate) fn take<'a>(from: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(usize::try_from(len).ok()?)?;
    *from = rest;
    Some(taken)
}
