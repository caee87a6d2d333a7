//! A journal in memory.

use super::{Change, Entry, Position, Store, StoreError};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A journal that is gone with its process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    held: Mutex<Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    rows: Vec<Vec<u8>>,
    upto: Position,
    derived: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Held {
    fn end(&self) -> Position {
        Position(self.rows.len() as u64)
    }

    fn from(&self, at: Position) -> &[Vec<u8>] {
        let from = usize::try_from(at.0).unwrap_or(usize::MAX);
        self.rows.get(from..).unwrap_or_default()
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        MemoryStore {
            held: Mutex::new(self.lock().clone()),
        }
    }
}

/// As many of them as hold `bytes_max` together, one at least.
fn within<T>(
    all: impl Iterator<Item = T>,
    bytes_max: usize,
    len: impl Fn(&T) -> usize,
) -> impl Iterator<Item = T> {
    let mut room = Some(bytes_max);
    all.take_while(move |one| {
        let left = room;
        room = left
            .and_then(|left| left.checked_sub(len(one)))
            .filter(|left| *left > 0);
        left.is_some()
    })
}

impl Store for MemoryStore {
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut held = self.lock();
        let end = held.end();
        if at != end {
            return match !rows.is_empty() && held.from(at) == rows {
                true => Ok(()),
                false => Err(StoreError::Moved { end, wanted: at }),
            };
        }
        held.rows.extend_from_slice(rows);
        Ok(())
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let held = self.lock();
        Ok(within(held.from(from).iter(), bytes_max, |row| row.len())
            .cloned()
            .collect())
    }

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        let held = self.lock();
        let row = |at: &Position| held.from(*at).first().cloned();
        at.iter()
            .map(|at| row(at).ok_or(StoreError::Corrupt { at: *at }))
            .collect()
    }

    fn end(&self) -> Result<Position, StoreError> {
        Ok(self.lock().end())
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        let mut held = self.lock();
        let end = held.end();
        if upto > end {
            return Err(StoreError::Moved { end, wanted: upto });
        }
        held.upto = upto;
        for (key, value) in changes {
            match value {
                Some(value) => held.derived.insert(key.clone(), value.clone()),
                None => held.derived.remove(key),
            };
        }
        Ok(())
    }

    fn derived_upto(&self) -> Result<Position, StoreError> {
        Ok(self.lock().upto)
    }

    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().derived.get(key).cloned())
    }

    fn derived_range(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let held = self.lock();
        let entries = held.derived.range(from.to_vec()..);
        let entries = entries.take_while(|(key, _)| key.as_slice() < until);
        let len = |(key, value): &(&Vec<u8>, &Vec<u8>)| key.len().saturating_add(value.len());
        Ok(within(entries, bytes_max, len)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn forget_derived(&self) -> Result<(), StoreError> {
        let mut held = self.lock();
        held.upto = Position(0);
        held.derived.clear();
        Ok(())
    }
}
