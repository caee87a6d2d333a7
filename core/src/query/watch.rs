//! A list that is watched: what a change of some entities does to it, at the cost of the change and
//! not of the list.
#![deny(clippy::arithmetic_side_effects)]

use super::{Plan, plan::Scratch, ranks::Ranks, run::Firsts};
use crate::{
    id::EntityId,
    limits::WATCH_BEYOND_ROWS_MIN,
    projection::{Projection, ProjectionError},
};
use std::collections::{BTreeMap, BTreeSet};

/// What happened to a list. Differences are carried out one after the other, each on the list that
/// the one before left; then the list is what the query finds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A row came in.
    Inserted {
        /// Its place.
        at: usize,
        /// The row.
        row: Projection,
    },
    /// A row is another, at the same place.
    Changed {
        /// Its place.
        at: usize,
        /// The row.
        row: Projection,
    },
    /// A row is another, and at another place.
    Moved {
        /// The place it leaves.
        from: usize,
        /// Its place once it has left.
        to: usize,
        /// The row.
        row: Projection,
    },
    /// A row went.
    Removed {
        /// The place it leaves.
        at: usize,
        /// The row's entity.
        entity: EntityId,
    },
}

impl Difference {
    /// Carries the difference out. Places that the list does not have change nothing.
    pub fn apply(self, list: &mut Vec<Projection>) {
        match self {
            Difference::Inserted { at, row } if at <= list.len() => list.insert(at, row),
            Difference::Changed { at, row } => {
                if let Some(place) = list.get_mut(at) {
                    *place = row;
                }
            }
            Difference::Moved { from, to, row } if from < list.len() && to < list.len() => {
                list.remove(from);
                list.insert(to, row);
            }
            Difference::Removed { at, .. } if at < list.len() => {
                list.remove(at);
            }
            Difference::Inserted { .. } | Difference::Moved { .. } | Difference::Removed { .. } => {
            }
        }
    }
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The differences, in order.
    pub differences: Vec<Difference>,
    /// Whether rows may belong at the list's end that are not known here: all rows are to be given to
    /// [`Watching::again`]. Only lists with a limit come to this, after so many rows left them as the
    /// watch had held beyond the limit.
    pub rerun: bool,
}

/// A query's result that is kept up to date.
///
/// Of a list with a limit it holds as many rows again that stand beyond it, so that those that move up
/// are at hand; of one without, only where each row stands.
#[derive(Clone, Debug)]
pub struct Watching {
    plan: Plan,
    rows: Ranks<Option<Projection>>,
    keys: BTreeMap<EntityId, Vec<u8>>,
    /// Whether every row that is asked for is held.
    whole: bool,
}

impl Plan {
    /// Runs over all rows, as [`Plan::run`] does, and watches what it found from now on.
    ///
    /// # Errors
    /// A row that is no projection.
    pub fn watch<R: AsRef<[u8]>>(
        self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(Watching, Vec<Projection>), ProjectionError> {
        let mut watching = Watching {
            plan: self,
            rows: Ranks::of(Vec::new()),
            keys: BTreeMap::new(),
            whole: true,
        };
        let list = watching.fill(rows)?;
        Ok((watching, list))
    }
}

impl Watching {
    /// What is watched.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes in what some entities became; None: there is nothing of the entity here any more.
    pub fn update(&mut self, changes: &[(EntityId, Option<Projection>)]) -> Update {
        let mut scratch = Scratch::new();
        let mut differences = Vec::new();
        for (entity, row) in changes {
            let placed = row.as_ref().and_then(|row| {
                // A projection's own bytes are one.
                let key = self.plan.place(&row.encode(), &mut scratch).ok()??;
                let behind = self.plan.is_behind_end(&key);
                behind.then(|| (key, row.clone()))
            });
            self.step(*entity, placed, &mut differences);
        }
        Update {
            differences,
            rerun: !self.whole && self.rows.len() < self.shown_max(),
        }
    }

    /// Runs over all rows again, where an update asked for it.
    ///
    /// # Errors
    /// A row that is no projection. The list is then as it was.
    pub fn again<R: AsRef<[u8]>>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<Difference>, ProjectionError> {
        let shown = self.rows.iter().take(self.shown_max());
        let before: Vec<(Vec<u8>, Option<Projection>)> = shown.cloned().collect();
        let list = self.fill(rows)?;
        let mut differences = Vec::new();
        let places = self.rows.iter().map(|(key, _)| key).take(self.shown_max());
        let now: BTreeSet<&Vec<u8>> = places.clone().collect();
        // From the end on, so that no place shifts.
        for (at, (key, _)) in before.iter().enumerate().rev() {
            if !now.contains(key)
                && let Some(entity) = entity_at(key)
            {
                differences.push(Difference::Removed { at, entity });
            }
        }
        // What stayed has kept its order.
        let mut stayed = before
            .iter()
            .filter(|(key, _)| now.contains(key))
            .peekable();
        for (at, (key, row)) in places.zip(list).enumerate() {
            match stayed.next_if(|(had, _)| had == key) {
                Some((_, had)) if had.as_ref() == Some(&row) => {}
                Some(_) => differences.push(Difference::Changed { at, row }),
                None => differences.push(Difference::Inserted { at, row }),
            }
        }
        Ok(differences)
    }

    /// How many rows the list shows at most.
    fn shown_max(&self) -> usize {
        self.plan.limit.unwrap_or(usize::MAX)
    }

    /// How many rows are held at most.
    fn held_max(&self) -> Option<usize> {
        let limit = self.plan.limit?;
        Some(limit.saturating_add(limit.max(WATCH_BEYOND_ROWS_MIN)))
    }

    /// Holds what stands first of these rows; answers what is shown.
    fn fill<R: AsRef<[u8]>>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<Projection>, ProjectionError> {
        let Firsts { held, more, .. } = self.plan.firsts(rows, self.held_max())?;
        let mut list = Vec::new();
        let mut keys = BTreeMap::new();
        let mut entries = Vec::with_capacity(held.len());
        for held in held {
            let row = Projection::decode(held.row.as_ref())?;
            keys.insert(row.entity, held.key.clone());
            let limited = self.plan.limit.is_some();
            entries.push((held.key, limited.then(|| row.clone())));
            if list.len() < self.shown_max() {
                list.push(row);
            }
        }
        (self.rows, self.keys, self.whole) = (Ranks::of(entries), keys, !more);
        Ok(list)
    }

    /// One entity changed: where it stands now, if it is asked for.
    fn step(
        &mut self,
        entity: EntityId,
        placed: Option<(Vec<u8>, Projection)>,
        differences: &mut Vec<Difference>,
    ) {
        let old = self.keys.remove(&entity);
        let from = old.and_then(|old| Some(self.rows.remove(&old)?.0));
        let placed = placed.filter(|(key, _)| self.reaches(key));
        let (mut to, mut new) = (None, None);
        if let Some((key, row)) = placed {
            self.keys.insert(entity, key.clone());
            let kept = self.plan.limit.is_some().then(|| row.clone());
            to = Some(self.rows.insert(key, kept));
            new = Some(row);
        }
        let shown = |at: &usize| *at < self.shown_max();
        let (from, to) = (from.filter(shown), to.filter(shown));
        match (from, to, new) {
            (Some(from), Some(at), Some(row)) if from == at => {
                differences.push(Difference::Changed { at, row });
            }
            (Some(from), Some(to), Some(row)) => {
                differences.push(Difference::Moved { from, to, row });
            }
            (None, Some(at), Some(row)) => {
                differences.push(Difference::Inserted { at, row });
                // The last row is pushed out.
                let at = self.shown_max();
                if let Some(entity) = self.rows.get(at).and_then(|(key, _)| entity_at(key)) {
                    differences.push(Difference::Removed { at, entity });
                }
            }
            (Some(at), _, _) => {
                differences.push(Difference::Removed { at, entity });
                // The next one moves up.
                let at = self.shown_max().saturating_sub(1);
                if let Some((_, Some(row))) = self.rows.get(at) {
                    let row = row.clone();
                    differences.push(Difference::Inserted { at, row });
                }
            }
            (None, _, _) => {}
        }
        self.let_go();
    }

    /// Whether a place is among those of which everything is held.
    fn reaches(&self, key: &[u8]) -> bool {
        self.whole
            || self
                .rows
                .last()
                .is_some_and(|(last, _)| key < last.as_slice())
    }

    /// Lets the last row go where more are held than have to be.
    fn let_go(&mut self) {
        let over = self.held_max().is_some_and(|max| self.rows.len() > max);
        let Some((last, _)) = self.rows.last().filter(|_| over) else {
            return;
        };
        let last = last.clone();
        self.rows.remove(&last);
        entity_at(&last).map(|entity| self.keys.remove(&entity));
        self.whole = false;
    }
}

/// The entity that stands at a place: its id is the end of the key.
fn entity_at(key: &[u8]) -> Option<EntityId> {
    let (_, id) = key.split_last_chunk::<32>()?;
    let (creator, nonce) = id.split_first_chunk::<16>()?;
    Some(EntityId {
        creator: crate::id::UserId(*creator),
        nonce: nonce.try_into().ok()?,
    })
}
