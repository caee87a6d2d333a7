//! Pages.
#![deny(clippy::arithmetic_side_effects)]

use super::{PageEnd, Plan, plan::Scratch};
use crate::projection::{Projection, ProjectionError};
use std::{cmp::Ordering, collections::BinaryHeap};

/// What a query found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The rows, in order.
    pub rows: Vec<R>,
    /// Where the next page begins; none on the last.
    pub next: Option<PageEnd>,
    /// How many rows there are on all pages.
    pub total: u64,
}

impl<R: AsRef<[u8]>> Page<R> {
    /// The rows, decoded.
    ///
    /// # Errors
    /// A row that is no projection.
    pub fn projections(&self) -> Result<Vec<Projection>, ProjectionError> {
        let rows = self.rows.iter().map(AsRef::as_ref);
        rows.map(Projection::decode).collect()
    }
}

/// A row at its place.
#[derive(Debug)]
pub(super) struct Held<R> {
    pub(super) key: Vec<u8>,
    pub(super) row: R,
}

impl<R> PartialEq for Held<R> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<R> Eq for Held<R> {}
impl<R> PartialOrd for Held<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for Held<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// What stands first in an order.
#[derive(Debug)]
pub(super) struct Firsts<R> {
    pub(super) held: Vec<Held<R>>,
    /// Whether more stands behind it.
    pub(super) more: bool,
    /// How many rows are asked for, also on the pages before.
    pub(super) total: u64,
}

impl Plan {
    /// Runs over the rows of all entities, the bytes of their projections, in any order. Only what a
    /// row is asked for is read of it; only the rows of the page are held.
    ///
    /// # Errors
    /// A row that is no projection.
    pub fn run<R: AsRef<[u8]>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Page<R>, ProjectionError> {
        let firsts = self.firsts(rows, self.limit)?;
        let last = firsts.held.last().filter(|_| firsts.more);
        Ok(Page {
            next: last.map(|held| self.page_end(&held.key)),
            rows: firsts.held.into_iter().map(|held| held.row).collect(),
            total: firsts.total,
        })
    }

    /// How many rows are asked for, on all pages.
    ///
    /// # Errors
    /// A row that is no projection.
    pub fn count<R: AsRef<[u8]>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<u64, ProjectionError> {
        Ok(self.firsts(rows, Some(0))?.total)
    }

    fn page_end(&self, key: &[u8]) -> PageEnd {
        PageEnd {
            tag: self.tag,
            key: key.to_vec(),
        }
    }

    /// The first `limit` rows behind the last page.
    pub(super) fn firsts<R: AsRef<[u8]>>(
        &self,
        rows: impl IntoIterator<Item = R>,
        limit: Option<usize>,
    ) -> Result<Firsts<R>, ProjectionError> {
        let mut scratch = Scratch::new();
        let mut held: Vec<Held<R>> = Vec::new();
        let mut heap: BinaryHeap<Held<R>> = BinaryHeap::new();
        let (mut total, mut more) = (0u64, false);
        for row in rows {
            let bytes = row.as_ref();
            let Some(key) = self.place(bytes, &mut scratch)? else {
                continue;
            };
            total = total.saturating_add(1);
            if !self.is_behind_end(&key) {
                continue;
            }
            let Some(limit) = limit else {
                held.push(Held { key, row });
                continue;
            };
            more |= heap.len() >= limit;
            if heap.len() < limit {
                heap.push(Held { key, row });
            } else if let Some(mut last) = heap.peek_mut()
                && key < last.key
            {
                *last = Held { key, row };
            }
        }
        match limit {
            Some(_) => held = heap.into_sorted_vec(),
            None => held.sort_unstable(),
        }
        Ok(Firsts { held, more, total })
    }

    /// Where a row stands, if it is asked for.
    pub(super) fn place(
        &self,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Vec<u8>>, ProjectionError> {
        let place = || match self.admit(bytes, scratch)? {
            Some(row) => self.key(&row).map(Some),
            None => Some(None),
        };
        let mut place = place;
        place().ok_or_else(|| ProjectionError::of(bytes))
    }

    pub(super) fn is_behind_end(&self, key: &[u8]) -> bool {
        let after = self.after.as_ref();
        after.is_none_or(|page| *page.key < *key)
    }
}
