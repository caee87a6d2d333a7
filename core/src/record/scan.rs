//! The structural scan: the chunk's frame, the change's header and the layout of its columns,
//! read from foreign bytes without an allocation that their author could choose.
//!
//! The format is Automerge's change chunk (<https://automerge.org/automerge-binary-format-spec>).
//! It is read more strictly than the engine does: what is accepted here is the one spelling that
//! automerge 0.12 writes, since the engine rebuilds a change from its operations when it loads a
//! document, and a second spelling would then have another hash.
#![deny(clippy::arithmetic_side_effects)]

use super::rule::{RecordRule, Region};
use smallvec::SmallVec;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE: u8 = 1;
/// Bytes of an actor of ours; foreign ones are admitted with the same length.
const ACTOR_BYTES: u64 = 16;

/// Foreign bytes, read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Bytes { rest: bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self, place: Region) -> Result<u8, RecordRule> {
        let (first, rest) = self
            .rest
            .split_first()
            .ok_or(RecordRule::Truncated { place })?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: u64, place: Region) -> Result<&'a [u8], RecordRule> {
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| self.rest.split_at_checked(count));
        let (head, rest) = taken.ok_or(RecordRule::Truncated { place })?;
        self.rest = rest;
        Ok(head)
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(super) fn unsigned(&mut self, place: Region) -> Result<u64, RecordRule> {
        let mut number = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.byte(place)?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return Err(RecordRule::Number { place });
            }
            number |= bits.checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(RecordRule::Number { place });
                }
                return Ok(number);
            }
            shift = shift.saturating_add(7);
            if shift > 63 {
                return Err(RecordRule::Number { place });
            }
        }
    }

    /// A signed LEB128 number in its shortest form.
    pub(super) fn signed(&mut self, place: Region) -> Result<i64, RecordRule> {
        let mut number = 0i64;
        let mut shift = 0u32;
        let mut before = 0u8;
        loop {
            let byte = self.byte(place)?;
            // The tenth byte can only repeat the sign.
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(RecordRule::Number { place });
            }
            number |= i64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            let bits = shift.saturating_add(7);
            if byte & 0x80 == 0 {
                let repeats_sign =
                    (byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0);
                if shift > 0 && repeats_sign {
                    return Err(RecordRule::Number { place });
                }
                if bits < 64 && byte & 0x40 != 0 {
                    number |= (-1i64).checked_shl(bits).unwrap_or(0);
                }
                return Ok(number);
            }
            if bits > 63 {
                return Err(RecordRule::Number { place });
            }
            shift = bits;
            before = byte;
        }
    }
}

/// A change's header and where its columns lie.
#[derive(Debug)]
pub(super) struct Header<'a> {
    /// The first four bytes of the hash that the chunk claims.
    pub(super) checksum: [u8; 4],
    /// Hashes in ascending order, 32 bytes each.
    pub(super) deps: &'a [u8],
    pub(super) actor: [u8; 16],
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) time: i64,
    /// In ascending order, without the author.
    pub(super) others: SmallVec<[[u8; 16]; 2]>,
    pub(super) columns: Columns<'a>,
}

/// The columns of a change; an absent one is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns<'a> {
    pub(super) object_actor: &'a [u8],
    pub(super) object_counter: &'a [u8],
    pub(super) key_actor: &'a [u8],
    pub(super) key_counter: &'a [u8],
    pub(super) key_text: &'a [u8],
    pub(super) insert: &'a [u8],
    pub(super) action: &'a [u8],
    pub(super) value_meta: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) pred_count: &'a [u8],
    pub(super) pred_actor: &'a [u8],
    pub(super) pred_counter: &'a [u8],
}

impl<'a> Columns<'a> {
    /// The column of a specification: its id times 16, its type in the lower three bits.
    fn slot(&mut self, spec: u64) -> Option<&mut &'a [u8]> {
        Some(match spec {
            0x01 => &mut self.object_actor,
            0x02 => &mut self.object_counter,
            0x11 => &mut self.key_actor,
            0x13 => &mut self.key_counter,
            0x15 => &mut self.key_text,
            0x34 => &mut self.insert,
            0x42 => &mut self.action,
            0x56 => &mut self.value_meta,
            0x57 => &mut self.value,
            0x70 => &mut self.pred_count,
            0x71 => &mut self.pred_actor,
            0x73 => &mut self.pred_counter,
            _ => return None,
        })
    }
}

/// Whether a specification is one of the two columns that only marks need.
fn is_mark_column(spec: u64) -> bool {
    spec == 0x94 || spec == 0xa5
}

/// Most columns that a change can have, those of marks included.
const COLUMNS_MAX: u64 = 14;

/// Reads a change chunk's frame and header.
///
/// # Errors
/// The first structural rule that the bytes break.
pub(super) fn scan(payload: &[u8]) -> Result<Header<'_>, RecordRule> {
    let mut bytes = Bytes::new(payload);
    if bytes.take(4, Region::Chunk)? != MAGIC {
        return Err(RecordRule::Magic);
    }
    let mut checksum = [0; 4];
    checksum.copy_from_slice(bytes.take(4, Region::Chunk)?);
    let found = bytes.byte(Region::Chunk)?;
    if found != CHANGE {
        return Err(RecordRule::ChunkType { found });
    }
    let declared = bytes.unsigned(Region::Chunk)?;
    let found = bytes.len() as u64;
    if declared != found {
        return Err(RecordRule::Length { declared, found });
    }

    let deps = deps(&mut bytes)?;
    let actor = actor(&mut bytes, Region::Actor)?;
    let seq = bytes.unsigned(Region::Seq)?;
    let start_op = bytes.unsigned(Region::StartOp)?;
    let time = bytes.signed(Region::Time)?;
    if bytes.unsigned(Region::Message)? != 0 {
        return Err(RecordRule::Message);
    }
    let others = others(&mut bytes, &actor)?;
    let columns = columns(&mut bytes)?;
    if !bytes.is_empty() {
        return Err(RecordRule::Trailing { bytes: bytes.len() });
    }
    Ok(Header {
        checksum,
        deps,
        actor,
        seq,
        start_op,
        time,
        others,
        columns,
    })
}

fn deps<'a>(bytes: &mut Bytes<'a>) -> Result<&'a [u8], RecordRule> {
    let place = Region::Deps;
    let count = bytes.unsigned(place)?;
    let length = count
        .checked_mul(32)
        .ok_or(RecordRule::Truncated { place })?;
    let hashes = bytes.take(length, place)?;
    let ascending = hashes
        .chunks_exact(32)
        .zip(hashes.chunks_exact(32).skip(1))
        .all(|(before, after)| before < after);
    ascending.then_some(hashes).ok_or(RecordRule::Deps)
}

fn actor(bytes: &mut Bytes<'_>, place: Region) -> Result<[u8; 16], RecordRule> {
    let length = bytes.unsigned(place)?;
    if length != ACTOR_BYTES {
        return Err(RecordRule::Actor);
    }
    let mut actor = [0; 16];
    actor.copy_from_slice(bytes.take(length, place)?);
    Ok(actor)
}

fn others(bytes: &mut Bytes<'_>, author: &[u8; 16]) -> Result<SmallVec<[[u8; 16]; 2]>, RecordRule> {
    let count = bytes.unsigned(Region::Others)?;
    // Each takes 17 bytes, so nothing is reserved for more than have come.
    if count > (bytes.len() as u64) / 17 {
        return Err(RecordRule::Truncated {
            place: Region::Others,
        });
    }
    let mut others: SmallVec<[[u8; 16]; 2]> = SmallVec::new();
    for _ in 0..count {
        let other = actor(bytes, Region::Others)?;
        if other == *author || others.last().is_some_and(|last| *last >= other) {
            return Err(RecordRule::ActorTable);
        }
        others.push(other);
    }
    Ok(others)
}

fn columns<'a>(bytes: &mut Bytes<'a>) -> Result<Columns<'a>, RecordRule> {
    let place = Region::Columns;
    let count = bytes.unsigned(place)?;
    if count > COLUMNS_MAX {
        return Err(RecordRule::Column { spec: count });
    }
    let mut layout: SmallVec<[(u64, u64); 14]> = SmallVec::new();
    for _ in 0..count {
        let spec = bytes.unsigned(place)?;
        let length = bytes.unsigned(place)?;
        let in_order = layout.last().is_none_or(|(last, _)| *last < spec);
        if !in_order || length == 0 {
            return Err(RecordRule::Column { spec });
        }
        layout.push((spec, length));
    }
    let mut columns = Columns::default();
    for (spec, length) in layout {
        if is_mark_column(spec) {
            return Err(RecordRule::Marks);
        }
        let slot = columns.slot(spec).ok_or(RecordRule::Column { spec })?;
        *slot = bytes.take(length, place)?;
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        let unsigned = |bytes: &[u8]| Bytes::new(bytes).unsigned(Region::Seq);
        assert_eq!(unsigned(&[0x81, 0x01]), Ok(129));
        assert_eq!(
            unsigned(&[0xff; 9].iter().copied().chain([1]).collect::<Vec<_>>()),
            Ok(u64::MAX)
        );
        assert!(unsigned(&[0x81, 0x00]).is_err(), "needless byte");
        assert!(unsigned(&[0xff; 11]).is_err(), "never ends");
        assert!(unsigned(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]).is_err());
        let signed = |bytes: &[u8]| Bytes::new(bytes).signed(Region::Time);
        assert_eq!(signed(&[0x7f]), Ok(-1));
        assert_eq!(signed(&[0x40]), Ok(-64));
        assert_eq!(signed(&[0xc0, 0x00]), Ok(64));
        assert!(signed(&[0xff, 0x7f]).is_err(), "needless sign");
        assert!(signed(&[0x80, 0x00]).is_err(), "needless zero");
        let lowest = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        assert_eq!(signed(&lowest), Ok(i64::MIN));
        let highest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
        assert_eq!(signed(&highest), Ok(i64::MAX));
    }
}
