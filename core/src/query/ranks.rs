//! A sorted list that knows the place of each entry: what is done to it costs what the logarithm of
//! its length is, and a block.
#![deny(clippy::arithmetic_side_effects)]

use std::mem;

/// Entries in the order of their keys, in blocks, with a tree of counts over them (Fenwick, "A New
/// Data Structure for Cumulative Frequency Tables", 1994).
#[derive(Clone, Debug)]
pub(super) struct Ranks<T> {
    /// None is empty, but where there is one alone.
    blocks: Vec<Vec<Entry<T>>>,
    counts: Vec<usize>,
}

/// A key, and what stands there.
pub(super) type Entry<T> = (Vec<u8>, T);

/// Twice as many split a block: moving them costs less than finding another block.
const BLOCK_ENTRIES: usize = 128;

impl<T> Ranks<T> {
    /// A list of entries that are in order.
    pub(super) fn of(mut sorted: Vec<Entry<T>>) -> Self {
        let mut blocks = Vec::new();
        while sorted.len() > BLOCK_ENTRIES {
            let rest = sorted.split_off(BLOCK_ENTRIES);
            blocks.push(mem::replace(&mut sorted, rest));
        }
        blocks.push(sorted);
        let mut ranks = Ranks {
            blocks,
            counts: Vec::new(),
        };
        ranks.recount();
        ranks
    }

    pub(super) fn len(&self) -> usize {
        self.before(self.blocks.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<T>> + Clone {
        self.blocks.iter().flatten()
    }

    pub(super) fn last(&self) -> Option<&Entry<T>> {
        self.blocks.last()?.last()
    }

    /// What stands at a place.
    pub(super) fn get(&self, at: usize) -> Option<&Entry<T>> {
        // Down the tree of counts to the last block that begins at or before the place.
        let (mut block, mut left) = (0usize, at);
        let mut step = self.blocks.len().checked_next_power_of_two()?;
        while step > 0 {
            let ahead = block.saturating_add(step);
            if let Some(count) = self.counts.get(ahead)
                && *count <= left
            {
                (block, left) = (ahead, left.saturating_sub(*count));
            }
            step >>= 1;
        }
        self.blocks.get(block)?.get(left)
    }

    /// Puts an entry in; answers its place. A key stands in the list once.
    pub(super) fn insert(&mut self, key: Vec<u8>, entry: T) -> usize {
        let (block, at) = self.find(&key);
        let before = self.before(block);
        if let Some(entries) = self.blocks.get_mut(block) {
            entries.insert(at, (key, entry));
            if entries.len() > BLOCK_ENTRIES.saturating_mul(2) {
                let upper = entries.split_off(BLOCK_ENTRIES);
                self.blocks.insert(block.saturating_add(1), upper);
                self.recount();
            } else {
                self.count(block, true);
            }
        }
        before.saturating_add(at)
    }

    /// Takes an entry out; answers its place.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<(usize, T)> {
        let (block, at) = self.find(key);
        let before = self.before(block);
        let entries = self.blocks.get_mut(block)?;
        entries.get(at).filter(|(had, _)| had == key)?;
        let (_, entry) = entries.remove(at);
        if entries.is_empty() && self.blocks.len() > 1 {
            self.blocks.remove(block);
            self.recount();
        } else {
            self.count(block, false);
        }
        Some((before.saturating_add(at), entry))
    }

    /// The block in which a key stands or belongs, and its place there.
    fn find(&self, key: &[u8]) -> (usize, usize) {
        let begins_before = |entries: &Vec<Entry<T>>| {
            entries
                .first()
                .is_some_and(|(first, _)| first.as_slice() <= key)
        };
        let block = self.blocks.partition_point(begins_before).saturating_sub(1);
        let at = self.blocks.get(block).map_or(0, |entries| {
            entries.partition_point(|(had, _)| had.as_slice() < key)
        });
        (block, at)
    }

    /// How many entries stand before a block.
    fn before(&self, block: usize) -> usize {
        let (mut node, mut count) = (block, 0usize);
        while node > 0 {
            count = count.saturating_add(self.counts.get(node).copied().unwrap_or(0));
            node &= node.saturating_sub(1);
        }
        count
    }

    /// Counts one entry more in a block, or less.
    fn count(&mut self, block: usize, more: bool) {
        let mut node = block.saturating_add(1);
        while let Some(count) = self.counts.get_mut(node) {
            *count = match more {
                true => count.saturating_add(1),
                false => count.saturating_sub(1),
            };
            node = node.saturating_add(lowest_bit(node));
        }
    }

    /// Counts anew, after a block came or went: once in as many changes as a block holds.
    fn recount(&mut self) {
        let lens = self.blocks.iter().map(Vec::len);
        self.counts = [0].into_iter().chain(lens).collect();
        for node in 1..self.counts.len() {
            let count = self.counts.get(node).copied().unwrap_or(0);
            if let Some(above) = self.counts.get_mut(node.saturating_add(lowest_bit(node))) {
                *above = above.saturating_add(count);
            }
        }
    }
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Rng;

    #[test]
    fn places_are_those_of_a_sorted_list() {
        let mut rng = Rng::new(5);
        let mut list: Vec<(Vec<u8>, usize)> = Vec::new();
        let mut ranks = Ranks::of(Vec::new());
        for round in 0..20_000usize {
            // It grows, then shrinks to nothing.
            let key = rng.below(3_000).to_be_bytes().to_vec();
            let had = list.binary_search_by(|(one, _)| one.cmp(&key));
            let grow = rng.below(20_000) > round;
            match had {
                Ok(at) if !grow => {
                    assert_eq!(ranks.remove(&key), Some((at, list.remove(at).1)));
                }
                Err(at) if grow => {
                    list.insert(at, (key.clone(), round));
                    assert_eq!(ranks.insert(key, round), at);
                }
                Ok(_) => {}
                Err(_) => assert_eq!(ranks.remove(&key), None),
            }
            assert_eq!(ranks.len(), list.len());
            assert_eq!(ranks.last(), list.last());
            let at = rng.below(list.len() + 2);
            assert_eq!(ranks.get(at), list.get(at));
        }
        assert!(ranks.iter().eq(&list));
        let again = Ranks::of(list.clone());
        assert!((0..=list.len()).all(|at| again.get(at) == list.get(at)));
        for (at, (key, value)) in list.iter().enumerate().rev() {
            assert_eq!(ranks.remove(key), Some((at, *value)));
        }
        assert_eq!((ranks.len(), ranks.get(0), ranks.last()), (0, None, None));
    }
}
