//! The tables in a store's two files, and what is in a row of them: `storage/docs/tables.md`.

use redb::{ReadableTable, TableDefinition};

/// The version of a store's folder that this build writes. Older ones become it when they are opened.
pub const FORMAT: u64 = 2;

/// The version of what is derived. Of another version it is made again.
pub(super) const DERIVED_FORMAT: u64 = 1;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const META_FORMAT: &str = "format";
/// The journal's end once more: one flipped bit in the tree above a table makes it an empty one.
pub(super) const META_END: &str = "end";
/// Up to where what is derived takes account of the journal.
pub(super) const META_UPTO: &str = "upto";
/// Which journal that is.
pub(super) const META_TIE: &str = "tie";

/// From keys to a seal and the entry.
pub(super) const DERIVED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("derived");

/// From positions to a seal and the row.
pub(super) const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

const TAG: &[u8] = b"anabranch journal v1\0";
const DERIVED_TAG: &[u8] = b"anabranch derived v1\0";
const SEAL_BYTES: usize = blake3::OUT_LEN;

/// It covers the position, so that a row in another's place is found too.
fn seal(at: u64, row: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(TAG);
    hasher.update(&at.to_le_bytes());
    hasher.update(row);
    hasher.finalize()
}

/// The value of a row.
pub(super) fn sealed(at: u64, row: &[u8]) -> Vec<u8> {
    [seal(at, row).as_bytes(), row].concat()
}

/// The row in a value, if it is the one that was written at this position.
pub(super) fn unsealed(at: u64, value: &[u8]) -> Option<&[u8]> {
    let (hash, row) = value.split_first_chunk::<SEAL_BYTES>()?;
    (seal(at, row) == *hash).then_some(row)
}

/// It covers the key, so that an entry under another's key is found too.
fn seal_entry(key: &[u8], entry: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DERIVED_TAG);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(entry);
    hasher.finalize()
}

/// The value of a derived entry.
pub(super) fn sealed_entry(key: &[u8], entry: &[u8]) -> Vec<u8> {
    [seal_entry(key, entry).as_bytes(), entry].concat()
}

/// The entry in a value, if it is the one that was put under this key.
pub(super) fn unsealed_entry<'v>(key: &[u8], value: &'v [u8]) -> Option<&'v [u8]> {
    let (hash, entry) = value.split_first_chunk::<SEAL_BYTES>()?;
    (seal_entry(key, entry) == *hash).then_some(entry)
}

/// What of a row's value names the journal that it ends: no other one has this row here.
pub(super) fn tie(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Where a journal ends, said by the table's length, by its last key and by `meta`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The smallest of them: from here on nothing can be relied on if they differ.
    pub sure: u64,
    /// Whether they are the same. If not, the file is damaged.
    pub agreed: bool,
}

pub(super) fn extent(
    journal: &impl ReadableTable<u64, &'static [u8]>,
    meta: &impl ReadableTable<&'static str, u64>,
) -> Result<Extent, redb::StorageError> {
    let last = journal.last()?.map(|(key, _)| key.value());
    let counted = journal.len()?;
    let keyed = last.map_or(0, |last| last.saturating_add(1));
    let told = meta.get(META_END)?.map(|end| end.value());
    let sure = counted.min(keyed);
    Ok(Extent {
        sure: told.map_or(sure, |told| sure.min(told)),
        agreed: counted == keyed && told == Some(counted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_one_row_in_one_place() {
        let value = sealed(7, b"row");
        assert_eq!(unsealed(7, &value), Some(&b"row"[..]));
        assert_eq!(unsealed(8, &value), None, "in another place");
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unsealed(7, &flipped), None, "bit {bit}");
        }
        for len in 0..value.len() {
            assert_eq!(unsealed(7, &value[..len]), None, "{len} bytes");
        }
        assert_eq!(unsealed(0, &sealed(0, b"")), Some(&b""[..]));
    }

    #[test]
    fn a_seal_holds_for_one_entry_under_one_key() {
        let value = sealed_entry(b"key", b"entry");
        assert_eq!(unsealed_entry(b"key", &value), Some(&b"entry"[..]));
        assert_eq!(unsealed_entry(b"other", &value), None);
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unsealed_entry(b"key", &flipped), None, "bit {bit}");
        }
        // Where the key ends is part of it.
        let moved = [&value[..SEAL_BYTES], b"yentry"].concat();
        assert_eq!(unsealed_entry(b"ke", &moved), None);
    }

    #[test]
    fn the_seals_stay_what_they_are() {
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        assert_eq!(
            hex(&sealed(7, b"row")),
            "e46b1df6c1f60b4f7c0907d1e99f43fc08315321388fa58722bd929fe7383447726f77"
        );
        assert_eq!(
            hex(&sealed_entry(b"key", b"entry")),
            "ce558d9f72cf8b612f07d10861cc9b8130bf088e5c2943201b3a2a276b98f64c656e747279"
        );
        assert_eq!(tie(&sealed(7, b"row")), Some(0x4f0b_f6c1_f61d_6be4));
    }
}
