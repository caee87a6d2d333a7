//! Encryption at rest, beneath redb: AES-256 in XTS mode (IEEE 1619), with pages of 4,096 bytes as its
//! data units and their numbers as its tweaks. A page is rewritten in place again and again, so a stream
//! cipher would give its keystream away; and there is no room for a tag, so that what was altered is
//! found by redb's sums and the seals of rows, and garbles 16 bytes.
//!
//! Each 16 bytes are encrypted for themselves. Only those that a write touches are written, so what a
//! crash may tear is what it may tear without encryption. Where nothing was ever written there are
//! zeros, and they are read as zeros.

use aes::{Aes256, cipher::KeyInit};
use redb::{BackendError, StorageBackend};
use std::{fmt, io, ops::Bound};
use xts_mode::Xts128;

const UNIT: usize = 4_096;
const BLOCK: usize = 16;

/// A file whose bytes are encrypted.
pub(crate) struct Encrypted {
    file: Box<dyn StorageBackend>,
    xts: Xts128<Aes256>,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted")
            .field("file", &self.file)
            .finish()
    }
}

impl Encrypted {
    pub(crate) fn new(file: Box<dyn StorageBackend>, key: &[u8; 64]) -> Self {
        let (first, second) = key.split_at(32);
        let cipher = |half: &[u8]| {
            let mut key = [0; 32];
            key.copy_from_slice(half);
            Aes256::new(&key.into())
        };
        Encrypted {
            file,
            xts: Xts128::new(cipher(first), cipher(second)),
        }
    }

    /// The plain bytes of whole blocks from a unit's start on.
    fn plain(&self, from: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        // A file may end within a block only where it was cut short.
        let there = self.file.len()?.saturating_sub(from);
        let there = usize::try_from(there).unwrap_or(usize::MAX).min(len);
        self.file
            .read(from, bytes.get_mut(..there).unwrap_or_default())?;
        self.decrypt(from, &mut bytes);
        Ok(bytes)
    }

    fn decrypt(&self, from: u64, bytes: &mut [u8]) {
        for (unit, page) in (from / UNIT as u64..).zip(bytes.chunks_mut(UNIT)) {
            let empty: Vec<bool> = page.chunks(BLOCK).map(is_zero).collect();
            if empty.iter().all(|empty| *empty) {
                continue;
            }
            self.xts.decrypt_sector(page, tweak(unit));
            for (block, empty) in page.chunks_mut(BLOCK).zip(empty) {
                if empty {
                    block.fill(0);
                }
            }
        }
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn tweak(unit: u64) -> aes::cipher::array::Array<u8, aes::cipher::consts::U16> {
    u128::from(unit).to_le_bytes().into()
}

/// The whole blocks around some bytes, from the start of the unit that they begin in: where that is, how
/// many bytes, and how many of them come before the first block that the bytes touch, and before the
/// bytes themselves.
struct Around {
    from: u64,
    len: usize,
    untouched: usize,
    before: usize,
}

fn around(offset: u64, len: usize) -> Around {
    let before = usize::try_from(offset % UNIT as u64).unwrap_or(0);
    Around {
        from: offset.saturating_sub(before as u64),
        len: before.saturating_add(len).next_multiple_of(BLOCK),
        untouched: before / BLOCK * BLOCK,
        before,
    }
}

impl StorageBackend for Encrypted {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(out.len() as u64) > self.file.len()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Around {
            from, len, before, ..
        } = around(offset, out.len());
        let plain = self.plain(from, len)?;
        let wanted = plain.iter().skip(before);
        out.iter_mut()
            .zip(wanted)
            .for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let Around {
            from,
            len,
            untouched,
            before,
        } = around(offset, data.len());
        let mut bytes = match before == 0 && len == data.len() {
            true => data.to_vec(),
            false => {
                let mut bytes = self.plain(from, len)?;
                let to = bytes.iter_mut().skip(before);
                to.zip(data).for_each(|(to, from)| *to = *from);
                bytes
            }
        };
        for (unit, page) in (from / UNIT as u64..).zip(bytes.chunks_mut(UNIT)) {
            self.xts.encrypt_sector(page, tweak(unit));
        }
        let touched = bytes.get(untouched..).unwrap_or_default();
        self.file
            .write(from.saturating_add(untouched as u64), touched)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::sim::Rng;
    use redb::backends::InMemoryBackend;

    fn covered() -> Encrypted {
        let file = InMemoryBackend::new();
        Encrypted::new(Box::new(file), &std::array::from_fn(|at| at as u8))
    }

    #[test]
    fn what_is_written_anywhere_is_read_and_holes_are_zeros() {
        let (file, mut plain) = (covered(), vec![0; 40_000]);
        file.set_len(40_000).unwrap();
        let mut rng = Rng::new(7);
        for _ in 0..400 {
            let (at, len) = (rng.below(30_000), rng.below(9_000));
            let byte = rng.below(256) as u8;
            file.write(at as u64, &vec![byte; len]).unwrap();
            plain[at..at + len].fill(byte);
            let (at, len) = (rng.below(30_000), rng.below(9_000));
            let mut out = vec![1; len];
            file.read(at as u64, &mut out).unwrap();
            assert_eq!(out, plain[at..at + len]);
        }
        assert!(file.read(39_999, &mut [0; 2]).is_err());
    }

    #[test]
    fn a_write_touches_its_blocks_alone_and_each_page_has_its_own_bytes() {
        let file = covered();
        file.set_len(3 * UNIT as u64).unwrap();
        file.write(0, &[7; 3 * UNIT]).unwrap();
        let raw = |file: &Encrypted| {
            let mut raw = vec![0; 3 * UNIT];
            file.file.read(0, &mut raw).unwrap();
            raw
        };
        let before = raw(&file);
        assert_ne!(before[..UNIT], before[UNIT..2 * UNIT]);
        assert_ne!(before[..BLOCK], before[BLOCK..2 * BLOCK]);
        file.write(UNIT as u64 + 100, &[8; 20]).unwrap();
        let after = raw(&file);
        let changed: Vec<usize> = (0..3 * UNIT / BLOCK)
            .filter(|at| before[at * BLOCK..][..BLOCK] != after[at * BLOCK..][..BLOCK])
            .collect();
        assert_eq!(changed, [UNIT / BLOCK + 6, UNIT / BLOCK + 7]);
    }
}
