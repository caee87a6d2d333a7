//! A journal in memory.

use super::{Position, Store, StoreError};

/// A journal that is gone with its process.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    rows: Vec<Vec<u8>>,
}

impl Store for MemoryStore {
    fn append(&mut self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let end = Position(self.rows.len() as u64);
        if at != end {
            let from = usize::try_from(at.0).unwrap_or(usize::MAX);
            let there = self.rows.get(from..).unwrap_or_default();
            return match !rows.is_empty() && there == rows {
                true => Ok(()),
                false => Err(StoreError::Moved { end, wanted: at }),
            };
        }
        self.rows.extend_from_slice(rows);
        Ok(())
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let from = usize::try_from(from.0).unwrap_or(usize::MAX);
        let mut room = Some(bytes_max);
        let rows = self.rows.get(from..).unwrap_or_default().iter();
        let within = rows.take_while(|row| {
            let left = room;
            room = left
                .and_then(|left| left.checked_sub(row.len()))
                .filter(|left| *left > 0);
            left.is_some()
        });
        Ok(within.cloned().collect())
    }

    fn end(&self) -> Result<Position, StoreError> {
        Ok(Position(self.rows.len() as u64))
    }
}
