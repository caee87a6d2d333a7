//! The tables in the journal's file, and what is in a row of them: `storage/docs/tables.md`.

use redb::{ReadableTable, TableDefinition};

/// The version of the tables that this build writes, and the only one that it reads.
pub const FORMAT: u64 = 1;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const META_FORMAT: &str = "format";
/// The journal's end once more: one flipped bit in the tree above a table makes it an empty one.
pub(super) const META_END: &str = "end";

/// From positions to a seal and the row.
pub(super) const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

const TAG: &[u8] = b"anabranch journal v1\0";
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
    fn the_seal_stays_what_it_is() {
        let hex: String = sealed(7, b"row")
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "e46b1df6c1f60b4f7c0907d1e99f43fc08315321388fa58722bd929fe7383447726f77"
        );
    }
}
