//! A disk that does what disks do: it keeps what was synced, and of the rest some sectors, whole or
//! in part, in no order.

use super::Rng;
use std::collections::BTreeSet;

/// A sector is what a disk writes at once, though even that not always.
const SECTOR_BYTES: usize = 512;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No room.
    Full,
    /// The write failed.
    Write,
    /// The sync failed, and the system takes the pages for clean: asked again, it says yes and writes
    /// nothing.
    Sync,
}

/// One file on a simulated disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// What a reader sees.
    image: Vec<u8>,
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// Sectors of the image that no sync wrote yet.
    dirty: BTreeSet<usize>,
    /// Sectors of the image that are taken for clean and are not.
    forgotten: BTreeSet<usize>,
    /// What the next call that can fail so does.
    pub(super) trouble: Option<Trouble>,
    /// Syncs say yes and do nothing.
    pub(super) lies: bool,
    /// One of them did, so that what was promised since may go with the power.
    lied: bool,
}

/// What a crash did to what was not synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wreck {
    /// A sector holds the new bytes up to somewhere and the old ones from there.
    pub(super) torn: bool,
    /// A sector was written though one before it was not.
    pub(super) reordered: bool,
    /// A sync had promised what it did not do.
    pub(super) lied: bool,
}

impl Disk {
    /// The file, as a reader sees it.
    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Trouble> {
        match self.trouble {
            Some(Trouble::Full | Trouble::Write) => {
                return Err(self.trouble.take().unwrap_or(Trouble::Write));
            }
            Some(Trouble::Sync) | None => {}
        }
        let end = at.saturating_add(bytes.len());
        if self.image.len() < end {
            self.image.resize(end, 0);
        }
        if let Some(there) = self.image.get_mut(at..end) {
            there.copy_from_slice(bytes);
        }
        let sectors = at / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
        for sector in sectors {
            self.forgotten.remove(&sector);
            self.dirty.insert(sector);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), Trouble> {
        if self.trouble == Some(Trouble::Sync) {
            self.trouble = None;
            self.forgotten.append(&mut self.dirty);
            return Err(Trouble::Sync);
        }
        if self.lies {
            self.lied = true;
            self.forgotten.append(&mut self.dirty);
            return Ok(());
        }
        for sector in std::mem::take(&mut self.dirty) {
            self.reach(sector, SECTOR_BYTES);
        }
        Ok(())
    }

    /// So many bytes of a sector reach the disk.
    fn reach(&mut self, sector: usize, bytes: usize) {
        let from = sector.saturating_mul(SECTOR_BYTES);
        let end = from.saturating_add(bytes).min(self.image.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        let there = self.durable.get_mut(from..end);
        if let Some((there, new)) = there.zip(self.image.get(from..end)) {
            there.copy_from_slice(new);
        }
    }

    /// The power fails.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> Wreck {
        let mut wreck = Wreck {
            lied: std::mem::take(&mut self.lied),
            ..Wreck::default()
        };
        let mut gap = false;
        let mut pending = std::mem::take(&mut self.dirty);
        pending.append(&mut self.forgotten);
        for sector in pending {
            match rng.below(4) {
                0 | 1 => gap = true,
                2 => {
                    wreck.torn = true;
                    wreck.reordered |= gap;
                    self.reach(sector, 1 + rng.below(SECTOR_BYTES - 1));
                }
                _ => {
                    wreck.reordered |= gap;
                    self.reach(sector, SECTOR_BYTES);
                }
            }
        }
        self.image = self.durable.clone();
        self.trouble = None;
        self.lies = false;
        wreck
    }

    /// A copy of the file: what a reader of it saw is what it holds.
    pub(super) fn settle(&mut self) {
        self.durable = self.image.clone();
        self.dirty.clear();
        self.forgotten.clear();
        self.lied = false;
    }

    /// A bit of what is stored turns.
    pub(super) fn rot(&mut self, from: usize, rng: &mut Rng) {
        let at = from.saturating_add(rng.below(self.image.len().saturating_sub(from)));
        let bit = 1u8 << rng.below(8);
        for copy in [&mut self.image, &mut self.durable] {
            if let Some(byte) = copy.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
}
