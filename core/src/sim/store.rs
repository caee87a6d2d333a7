//! A journal on a simulated disk: rows one after another, each under its sum, and two heads, written
//! in turn, that say where it ends. What a head says is there was synced before the head was written.

use super::disk::{Disk, Trouble};
use crate::store::{Change, Entry, Position, Store, StoreError};
use std::{cell::RefCell, collections::BTreeMap};

const HEAD_BYTES: usize = 64;
/// The heads lie in sectors of their own, so that a torn one leaves the other.
const HEADS: [usize; 2] = [0, 512];
/// Where rows begin.
pub(super) const ROWS: usize = 1_024;
const SUM_BYTES: usize = 16;
/// In front of each row: its length and its sum.
const FRAME_BYTES: usize = 4 + SUM_BYTES;

/// What stands in a head.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    turn: u64,
    rows: u64,
    /// The byte behind the last row.
    end: u64,
}

/// A store on a simulated disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimStore {
    pub(super) disk: Disk,
    head: Head,
    /// Where each row begins.
    begins: Vec<usize>,
    /// Reading fails so often.
    pub(super) unreadable: u32,
    /// What is derived from the journal, in a file that no crash tears: the engine forgets it at worst.
    derived: BTreeMap<Vec<u8>, Vec<u8>>,
    derived_upto: u64,
}

fn sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut sum = [0; SUM_BYTES];
    let hash = blake3::hash(bytes);
    sum.iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(to, from)| *to = *from);
    sum
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl Head {
    fn encode(self) -> Vec<u8> {
        let mut bytes = [self.turn, self.rows, self.end]
            .map(u64::to_le_bytes)
            .concat();
        let sum = sum(&bytes);
        bytes.extend(sum);
        bytes.resize(HEAD_BYTES, 0);
        bytes
    }

    fn decode(image: &[u8], at: usize) -> Option<Head> {
        let bytes = image.get(at..at.checked_add(HEAD_BYTES)?)?;
        let (said, rest) = bytes.split_at_checked(24)?;
        (rest.get(..SUM_BYTES)? == sum(said)).then_some(Head {
            turn: number(said, 0)?,
            rows: number(said, 8)?,
            end: number(said, 16)?,
        })
    }
}

impl SimStore {
    /// Reads the heads again, as after a restart.
    pub(super) fn reopen(&mut self) {
        let image = self.disk.image();
        let heads = HEADS.iter().filter_map(|at| Head::decode(image, *at));
        self.head = heads.max_by_key(|head| head.turn).unwrap_or_default();
        self.begins.clear();
        let mut at = ROWS;
        for _ in 0..self.head.rows {
            self.begins.push(at);
            let len = self.frame_len(at).unwrap_or(0);
            at = at.saturating_add(FRAME_BYTES).saturating_add(len);
        }
    }

    fn frame_len(&self, at: usize) -> Option<usize> {
        let bytes = self.disk.image().get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    fn row(&self, number: usize) -> Option<Vec<u8>> {
        let at = *self.begins.get(number)?;
        let from = at.checked_add(FRAME_BYTES)?;
        let image = self.disk.image();
        let row = image.get(from..from.checked_add(self.frame_len(at)?)?)?;
        (image.get(at.checked_add(4)?..from)? == sum(row)).then(|| row.to_vec())
    }

    /// The rows and then the head that names them, each synced.
    fn write(&mut self, rows: &[Vec<u8>]) -> Result<(), Trouble> {
        let mut at = usize::try_from(self.head.end).unwrap_or(ROWS).max(ROWS);
        let mut begins = Vec::with_capacity(rows.len());
        for row in rows {
            begins.push(at);
            let len = u32::try_from(row.len()).unwrap_or(u32::MAX).to_le_bytes();
            let frame = [len.as_slice(), &sum(row), row].concat();
            self.disk.write(at, &frame)?;
            at = at.saturating_add(frame.len());
        }
        self.disk.sync()?;
        let head = Head {
            turn: self.head.turn.saturating_add(1),
            rows: self.head.rows.saturating_add(rows.len() as u64),
            end: at as u64,
        };
        let place = HEADS.get(usize::from(head.turn % 2 == 1)).copied();
        self.disk.write(place.unwrap_or_default(), &head.encode())?;
        self.disk.sync()?;
        self.head = head;
        self.begins.append(&mut begins);
        Ok(())
    }

    /// A commit is written but for the last sync: what a power cut finds in the middle of it.
    pub(super) fn write_unsynced(&mut self, rows: &[Vec<u8>]) {
        let end = usize::try_from(self.head.end).unwrap_or(ROWS).max(ROWS);
        let frames = rows.iter().flat_map(|row| {
            let len = u32::try_from(row.len()).unwrap_or(u32::MAX).to_le_bytes();
            [len.as_slice(), &sum(row), row].concat()
        });
        let frames: Vec<u8> = frames.collect();
        self.disk.write(end, &frames).ok();
    }
}

impl Store for RefCell<SimStore> {
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut store = self.borrow_mut();
        let end = Position(store.head.rows);
        if at != end {
            let from = usize::try_from(at.0).unwrap_or(usize::MAX);
            let there = (from..)
                .zip(rows)
                .all(|(number, row)| store.row(number).as_ref() == Some(row));
            let until = at.after(rows.len());
            return match !rows.is_empty() && there && until == end {
                true => Ok(()),
                false => Err(StoreError::Moved { end, wanted: at }),
            };
        }
        store.write(rows).map_err(|trouble| match trouble {
            Trouble::Full => StoreError::Full,
            Trouble::Write | Trouble::Sync => StoreError::Io(std::io::ErrorKind::Other),
        })
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let store = self.borrow();
        if store.unreadable > 0 {
            return Err(StoreError::Io(std::io::ErrorKind::Other));
        }
        let mut page = Vec::new();
        let mut bytes = 0usize;
        let first = usize::try_from(from.0).unwrap_or(usize::MAX);
        for number in first..store.begins.len() {
            if bytes >= bytes_max && !page.is_empty() {
                break;
            }
            let at = Position(number as u64);
            let row = store.row(number).ok_or(StoreError::Corrupt { at })?;
            bytes = bytes.saturating_add(row.len());
            page.push(row);
        }
        Ok(page)
    }

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        let store = self.borrow();
        let row = |at: &Position| store.row(usize::try_from(at.0).unwrap_or(usize::MAX));
        at.iter()
            .map(|at| row(at).ok_or(StoreError::Corrupt { at: *at }))
            .collect()
    }

    fn end(&self) -> Result<Position, StoreError> {
        Ok(Position(self.borrow().head.rows))
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        let mut store = self.borrow_mut();
        store.derived_upto = upto.0;
        for (key, value) in changes {
            match value {
                Some(value) => store.derived.insert(key.clone(), value.clone()),
                None => store.derived.remove(key),
            };
        }
        Ok(())
    }

    fn derived_upto(&self) -> Result<Position, StoreError> {
        Ok(Position(self.borrow().derived_upto))
    }

    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.borrow().derived.get(key).cloned())
    }

    fn derived_range(&self, from: &[u8], until: &[u8], _: usize) -> Result<Vec<Entry>, StoreError> {
        let store = self.borrow();
        let range = store.derived.range(from.to_vec()..until.to_vec());
        Ok(range
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn forget_derived(&self) -> Result<(), StoreError> {
        let mut store = self.borrow_mut();
        store.derived.clear();
        store.derived_upto = 0;
        Ok(())
    }
}
