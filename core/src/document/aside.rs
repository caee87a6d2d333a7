//! Change sets that are here but do not count: held, refused, excluded, stuck. Nothing is thrown
//! away but what exceeds the bound, and that is said.

use super::Kept;
use crate::{
    control::Excluded,
    id::{Chain, ChangeSetId},
    judge::{ChainRule, Hold, Rule, Verdict},
    limits,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where a change set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is part of the effective history.
    Effective,
    /// It waits.
    Held(Hold),
    /// It is refused, here and everywhere.
    Refused(Rule),
    /// A control record excludes it.
    Excluded(Excluded),
    /// Another change set in its slot, or of its actor, counts: by the smaller id, until the
    /// orderer rules.
    Forked {
        /// The one that counts.
        winner: ChangeSetId,
    },
    /// Something in its past does not count.
    Orphaned {
        /// The nearest of them.
        ancestor: ChangeSetId,
    },
    /// The engine stopped at it; on this replica only.
    Stuck,
}

impl State {
    /// The verdict, where the state is one. An exclusion, a fork and an accident are none.
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            State::Effective => Some(Verdict::Accept),
            State::Held(hold) => Some(Verdict::Hold(hold.clone())),
            State::Refused(rule) => Some(Verdict::Refuse(rule.clone())),
            State::Excluded(_) | State::Forked { .. } | State::Orphaned { .. } | State::Stuck => {
                None
            }
        }
    }
}

impl State {
    /// Whether its reason lies in the change set itself, not in what it depends on or in a record.
    pub(super) fn is_own(&self) -> bool {
        match self {
            State::Refused(rule) => {
                !matches!(rule, Rule::Chain(ChainRule::DependsOnRefused { .. }))
            }
            State::Held(hold) => !matches!(hold, Hold::Dependency(_) | Hold::HeldDependency(_)),
            State::Forked { .. } | State::Stuck => true,
            State::Effective | State::Excluded(_) | State::Orphaned { .. } => false,
        }
    }

    /// The dependency that decided.
    fn decided_by(&self) -> Option<ChangeSetId> {
        match self {
            State::Orphaned { ancestor } => Some(*ancestor),
            State::Refused(Rule::Chain(ChainRule::DependsOnRefused { id }))
            | State::Held(Hold::HeldDependency(id)) => Some(*id),
            State::Effective
            | State::Held(_)
            | State::Refused(_)
            | State::Excluded(_)
            | State::Forked { .. }
            | State::Stuck => None,
        }
    }
}

/// A change set that does not count, and why.
#[derive(Clone, Debug)]
pub struct Aside {
    /// The change set.
    pub kept: Kept,
    /// Why.
    pub state: State,
}

impl Aside {
    /// Where it stands.
    pub(super) fn key(&self) -> Key {
        let header = self.kept.change.header();
        (header.chain, header.seq, self.kept.change.id())
    }
}

/// Whether the bound on what waits applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// To what arrives.
    Bounded,
    /// Not to what was here already.
    Rebuild,
}

/// Where one stands.
pub(super) type Key = (Chain, u64, ChangeSetId);

/// Everything set aside in one document.
#[derive(Debug, Default)]
pub(super) struct Asides {
    entries: BTreeMap<Key, Aside>,
    /// Held change sets by what they wait for.
    waiting: BTreeMap<ChangeSetId, BTreeSet<Key>>,
    held: usize,
    held_bytes: usize,
}

impl Asides {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Aside> + '_ {
        self.entries.values()
    }

    pub(super) fn get(&self, chain: &Chain, seq: u64, id: &ChangeSetId) -> Option<&Aside> {
        self.entries.get(&(*chain, seq, *id))
    }

    /// Those that stand in one slot.
    pub(super) fn in_slot(&self, chain: &Chain, seq: u64) -> impl Iterator<Item = &Aside> + '_ {
        let (low, high) = (ChangeSetId([0; 32]), ChangeSetId([u8::MAX; 32]));
        self.entries
            .range((*chain, seq, low)..=(*chain, seq, high))
            .map(|(_, aside)| aside)
    }

    /// Keeps one; answers whether there was room. Only what waits is bounded: it alone can come
    /// from a writer whose past nobody has seen. A rebuild puts back what was here and loses none.
    pub(super) fn insert(&mut self, kept: Kept, state: State, room: Room) -> bool {
        let header = kept.change.header();
        let key = (header.chain, header.seq, kept.change.id());
        self.remove(&key);
        if let State::Held(hold) = &state {
            let bytes = size(&kept);
            let full = self.held >= limits::PARKED_MAX
                || self.held_bytes.saturating_add(bytes) > limits::PARKED_BYTES_MAX;
            if full && room == Room::Bounded {
                return false;
            }
            self.held = self.held.saturating_add(1);
            self.held_bytes = self.held_bytes.saturating_add(bytes);
            if let Hold::Dependency(id) | Hold::HeldDependency(id) = hold {
                self.waiting.entry(*id).or_default().insert(key);
            }
        }
        self.entries.insert(key, Aside { kept, state });
        true
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Aside> {
        let aside = self.entries.remove(key)?;
        if let State::Held(hold) = &aside.state {
            self.held = self.held.saturating_sub(1);
            self.held_bytes = self.held_bytes.saturating_sub(size(&aside.kept));
            if let Hold::Dependency(id) | Hold::HeldDependency(id) = hold
                && let Some(keys) = self.waiting.get_mut(id)
            {
                keys.remove(key);
                if keys.is_empty() {
                    self.waiting.remove(id);
                }
            }
        }
        Some(aside)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes out these, and whatever was decided by them.
    pub(super) fn remove_with_dependents(&mut self, keys: Vec<Key>) -> Vec<Kept> {
        let mut out = Vec::new();
        let mut next = keys;
        while !next.is_empty() {
            let gone: BTreeSet<ChangeSetId> = next.iter().map(|key| key.2).collect();
            out.extend(next.iter().filter_map(|key| self.remove(key)));
            let by_gone = |aside: &&Aside| {
                let by = aside.state.decided_by();
                by.is_some_and(|id| gone.contains(&id))
            };
            next = self.iter().filter(by_gone).map(Aside::key).collect();
        }
        out.into_iter().map(|aside| aside.kept).collect()
    }

    /// Says of what waits for `id` that it is here, but is itself held.
    pub(super) fn hold(&mut self, id: &ChangeSetId) {
        for key in self.waiting.get(id).into_iter().flatten() {
            if let Some(aside) = self.entries.get_mut(key) {
                aside.state = State::Held(Hold::HeldDependency(*id));
            }
        }
    }

    /// Takes out what waits for `id`.
    pub(super) fn wake(&mut self, id: &ChangeSetId) -> Vec<Kept> {
        let keys = self.waiting.get(id).cloned().unwrap_or_default();
        keys.iter()
            .filter_map(|key| self.remove(key))
            .map(|aside| aside.kept)
            .collect()
    }

    /// Takes out what waits for anything but another change set: a schema, a control record, a key.
    pub(super) fn wake_grounds(&mut self) -> Vec<Kept> {
        let waits = |aside: &Aside| {
            matches!(&aside.state, State::Held(hold)
                if !matches!(hold, Hold::Dependency(_) | Hold::HeldDependency(_)))
        };
        let keys: Vec<Key> = self
            .entries
            .iter()
            .filter(|(_, a)| waits(a))
            .map(|(key, _)| *key)
            .collect();
        keys.iter()
            .filter_map(|key| self.remove(key))
            .map(|aside| aside.kept)
            .collect()
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Kept> {
        self.waiting.clear();
        (self.held, self.held_bytes) = (0, 0);
        std::mem::take(&mut self.entries)
            .into_values()
            .map(|aside| aside.kept)
            .collect()
    }
}

/// What a held change set is counted as.
fn size(kept: &Kept) -> usize {
    (kept.change.header().payload_len as usize).saturating_add(512)
}
