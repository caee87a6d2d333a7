//! Names of single units of a body, sets of them, and what became of units that were made again.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yrs::{IdSet, block::ClientID};

/// One unit of a body: a UTF-16 unit of text, a block, an attribute's value. It keeps its name for
/// ever, on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    /// The writer's Yrs client id.
    pub client: u64,
    /// Its number among that writer's units.
    pub clock: u32,
}

impl ItemId {
    /// The id `by` units later in the same run.
    pub(crate) fn plus(self, by: u32) -> ItemId {
        ItemId {
            client: self.client,
            clock: self.clock.saturating_add(by),
        }
    }

    pub(crate) fn to_yrs(self) -> yrs::ID {
        yrs::ID::new(ClientID::new(self.client), self.clock)
    }

    pub(crate) fn from_yrs(id: &yrs::ID) -> ItemId {
        ItemId {
            client: id.client.get(),
            clock: id.clock,
        }
    }
}

/// A set of units, as sorted runs that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdRuns {
    clients: BTreeMap<u64, BTreeMap<u32, u32>>,
    /// How many units they hold together.
    units: u32,
}

impl IdRuns {
    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Adds the units from `id` on, `len` of them.
    pub fn insert(&mut self, id: ItemId, len: u32) {
        if len == 0 {
            return;
        }
        let runs = self.clients.entry(id.client).or_default();
        let mut start = id.clock;
        let mut end = id.clock.saturating_add(len);
        // Typing grows the last run.
        if let Some(mut last) = runs.last_entry()
            && (*last.key()..=*last.get()).contains(&start)
        {
            self.units = self.units.saturating_add(end.saturating_sub(*last.get()));
            *last.get_mut() = end.max(*last.get());
            return;
        }
        if let Some((&at, &to)) = runs.range(..=start).next_back()
            && to >= start
        {
            start = at;
            end = end.max(to);
            runs.remove(&at);
            self.units = self.units.saturating_sub(to.saturating_sub(at));
        }
        while let Some((&at, &to)) = runs.range(start..=end).next() {
            end = end.max(to);
            runs.remove(&at);
            self.units = self.units.saturating_sub(to.saturating_sub(at));
        }
        runs.insert(start, end);
        self.units = self.units.saturating_add(end.saturating_sub(start));
    }

    /// Takes one unit out.
    pub(crate) fn remove(&mut self, id: ItemId) {
        let Some(runs) = self.clients.get_mut(&id.client) else {
            return;
        };
        let Some((&start, &end)) = runs.range(..=id.clock).next_back() else {
            return;
        };
        if id.clock >= end {
            return;
        }
        self.units = self.units.saturating_sub(1);
        runs.remove(&start);
        if start < id.clock {
            runs.insert(start, id.clock);
        }
        let after = id.clock.saturating_add(1);
        if after < end {
            runs.insert(after, end);
        }
        if runs.is_empty() {
            self.clients.remove(&id.client);
        }
    }

    /// Whether a unit is in the set.
    pub fn contains(&self, id: ItemId) -> bool {
        self.clients
            .get(&id.client)
            .and_then(|runs| runs.range(..=id.clock).next_back())
            .is_some_and(|(_, end)| id.clock < *end)
    }

    /// What the set holds of the units from `id` on, `len` of them.
    pub(crate) fn parts(&self, id: ItemId, len: u32) -> Vec<(ItemId, u32)> {
        let end = id.clock.saturating_add(len);
        let mut parts = Vec::new();
        let Some(runs) = self.clients.get(&id.client) else {
            return parts;
        };
        let first = runs
            .range(..=id.clock)
            .next_back()
            .map_or(id.clock, |(start, _)| *start);
        for (start, to) in runs.range(first..end) {
            let clock = (*start).max(id.clock);
            if let Some(len) = (*to).min(end).checked_sub(clock).filter(|len| *len > 0) {
                let client = id.client;
                parts.push((ItemId { client, clock }, len));
            }
        }
        parts
    }

    /// What the set lacks of the units from `id` on, `len` of them.
    pub(crate) fn gaps(&self, id: ItemId, len: u32) -> Vec<(ItemId, u32)> {
        let mut gaps = Vec::new();
        let mut at = id;
        for (start, len) in self.parts(id, len) {
            if let Some(gap) = start.clock.checked_sub(at.clock).filter(|gap| *gap > 0) {
                gaps.push((at, gap));
            }
            at = start.plus(len);
        }
        let end = id.clock.saturating_add(len);
        if let Some(gap) = end.checked_sub(at.clock).filter(|gap| *gap > 0) {
            gaps.push((at, gap));
        }
        gaps
    }

    /// Every run: its first unit and its length, by client and clock.
    pub fn iter(&self) -> impl Iterator<Item = (ItemId, u32)> + '_ {
        self.clients.iter().flat_map(|(client, runs)| {
            runs.iter().map(|(start, end)| {
                let id = ItemId {
                    client: *client,
                    clock: *start,
                };
                (id, end.saturating_sub(*start))
            })
        })
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.clients.values().map(BTreeMap::len).sum()
    }

    /// Number of units.
    pub fn units(&self) -> u32 {
        self.units
    }

    /// Adds everything of another set.
    pub fn join(&mut self, other: &IdRuns) {
        for (id, len) in other.iter() {
            self.insert(id, len);
        }
    }

    pub(crate) fn from_yrs(set: &IdSet) -> IdRuns {
        let mut runs = IdRuns::default();
        for (client, ranges) in set.iter() {
            for range in ranges.iter() {
                let id = ItemId {
                    client: client.get(),
                    clock: range.start,
                };
                runs.insert(id, range.end.saturating_sub(range.start));
            }
        }
        runs
    }
}

/// What became of units that were made again with the same content, offset by offset: by an undo,
/// or by a rebase after a control record excluded the first ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMap {
    runs: BTreeMap<ItemId, (u32, ItemId)>,
}

impl IdMap {
    /// Whether nothing was made again.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Notes that `len` units from `old` on were made again from `new` on.
    pub fn insert(&mut self, old: ItemId, new: ItemId, len: u32) {
        if let Some((&at, (had, image))) = self.runs.range(..old).next_back()
            && at.client == old.client
            && at.clock.checked_add(*had) == Some(old.clock)
            && image.client == new.client
            && image.clock.checked_add(*had) == Some(new.clock)
        {
            let joined = (had.saturating_add(len), *image);
            self.runs.insert(at, joined);
            return;
        }
        if len > 0 {
            self.runs.insert(old, (len, new));
        }
    }

    /// The unit that replaced this one, if one did.
    pub fn image(&self, id: ItemId) -> Option<ItemId> {
        let (start, (len, image)) = self.runs.range(..=id).next_back()?;
        let by = id.clock.checked_sub(start.clock)?;
        (start.client == id.client && by < *len).then(|| image.plus(by))
    }

    /// A run of units, cut into pieces that were replaced alike: each old unit, the one that now
    /// stands for it ([`IdMap::follow`]), and how many.
    pub(crate) fn pieces(&self, id: ItemId, len: u32) -> Vec<(ItemId, ItemId, u32)> {
        let mut done = Vec::new();
        let mut waiting = vec![(id, id, len)];
        // As in `follow`, the bound only guards against a circle.
        let mut turns = self.runs.len().saturating_mul(4).saturating_add(64);
        while let Some((old, at, len)) = waiting.pop() {
            turns = turns.saturating_sub(1);
            let cut = self.same_fate(at, len);
            if cut < len {
                waiting.push((old.plus(cut), at.plus(cut), len.saturating_sub(cut)));
            }
            match self.image(at) {
                Some(image) if turns > 0 => waiting.push((old, image, cut)),
                Some(_) | None => done.push((old, at, cut)),
            }
        }
        done.sort();
        done
    }

    /// How many units from `id` on, at most `len`, lie in one replaced run or in none.
    fn same_fate(&self, id: ItemId, len: u32) -> u32 {
        let before = self.runs.range(..=id).next_back();
        if let Some((start, (had, _))) = before
            && start.client == id.client
            && let Some(left) = start.clock.saturating_add(*had).checked_sub(id.clock)
            && left > 0
        {
            return left.min(len);
        }
        let next = self.runs.range(id..).find(|(start, _)| **start > id);
        match next {
            Some((start, _)) if start.client == id.client => {
                start.clock.saturating_sub(id.clock).min(len)
            }
            Some(_) | None => len,
        }
    }

    /// The last of a chain of replacements; the unit itself if nothing replaced it.
    pub fn follow(&self, id: ItemId) -> ItemId {
        let mut at = id;
        // A replacement is always younger than what it replaces, so the chain ends; the bound
        // only guards against a map that a caller built in a circle.
        for _ in 0..=self.runs.len() {
            match self.image(at) {
                Some(next) => at = next,
                None => return at,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(client: u64, clock: u32) -> ItemId {
        ItemId { client, clock }
    }

    #[test]
    fn runs_that_touch_become_one() {
        let mut set = IdRuns::default();
        set.insert(id(1, 0), 2);
        set.insert(id(1, 4), 2);
        set.insert(id(2, 0), 1);
        assert_eq!(set.runs(), 3);
        set.insert(id(1, 2), 2);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [(id(1, 0), 6), (id(2, 0), 1)]
        );
        set.insert(id(1, 8), 2);
        assert_eq!(set.parts(id(1, 4), 5), [(id(1, 4), 2), (id(1, 8), 1)]);
        assert_eq!(set.gaps(id(1, 4), 8), [(id(1, 6), 2), (id(1, 10), 2)]);
        assert_eq!(set.gaps(id(1, 8), 2), []);
        set.remove(id(1, 8));
        set.remove(id(1, 9));
        assert!(set.contains(id(1, 5)) && !set.contains(id(1, 6)) && !set.contains(id(3, 0)));
    }

    #[test]
    fn a_chain_of_replacements_is_followed_to_its_end() {
        let mut map = IdMap::default();
        map.insert(id(1, 10), id(1, 20), 3);
        map.insert(id(1, 21), id(2, 5), 1);
        assert_eq!(map.follow(id(1, 11)), id(2, 5));
        assert_eq!(map.follow(id(1, 12)), id(1, 22));
        assert_eq!(map.follow(id(1, 13)), id(1, 13));
        let pieces = [
            (id(1, 9), id(1, 9), 1),
            (id(1, 10), id(1, 20), 1),
            (id(1, 11), id(2, 5), 1),
            (id(1, 12), id(1, 22), 1),
            (id(1, 13), id(1, 13), 2),
        ];
        assert_eq!(map.pieces(id(1, 9), 6), pieces);
    }
}
