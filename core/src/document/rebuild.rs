//! Making a document anew from its change sets, in an order that depends on nothing but them.

use super::{
    Document, Event, Kept, State,
    aside::Room,
    engine::{Admitted, EngineDoc},
    intake::Taken,
};
use crate::{
    causal::Graph,
    id::{Chain, ChangeSetId},
    judge::Grounds,
};
use std::collections::{BTreeMap, BTreeSet};

type SlotKey = (Chain, u64);

/// What a rebuild has not decided yet.
#[derive(Default)]
struct Work {
    /// To be tried, smallest id first.
    ready: BTreeMap<ChangeSetId, Kept>,
    /// In slots with several change sets: the undecided ones. One is tried only when none of a
    /// smaller id is undecided, so that the smallest that can count does.
    contested: BTreeMap<SlotKey, BTreeSet<ChangeSetId>>,
    /// Waiting for a smaller id in their slot.
    deferred: BTreeMap<ChangeSetId, Kept>,
}

impl Work {
    fn new(pool: Vec<Kept>) -> Self {
        let mut slots: BTreeMap<SlotKey, BTreeSet<ChangeSetId>> = BTreeMap::new();
        for kept in &pool {
            slots.entry(slot(kept)).or_default().insert(kept.change.id());
        }
        slots.retain(|_, ids| ids.len() > 1);
        let ready = pool.into_iter().map(|kept| (kept.change.id(), kept)).collect();
        Work { ready, contested: slots, deferred: BTreeMap::new() }
    }

    /// The next to be tried.
    fn next(&mut self) -> Option<Kept> {
        while let Some((id, kept)) = self.ready.pop_first() {
            let first = self.contested.get(&slot(&kept)).and_then(|ids| ids.first().copied());
            if first.is_some_and(|first| first < id) {
                self.deferred.insert(id, kept);
            } else {
                return Some(kept);
            }
        }
        // What could have gone before has not arrived: the next one counts until it does.
        self.deferred.pop_first().map(|(_, kept)| kept)
    }

    /// One was decided: the next in its slot may be tried.
    fn decided(&mut self, slot: SlotKey, id: &ChangeSetId) {
        let Some(ids) = self.contested.get_mut(&slot) else { return };
        ids.remove(id);
        for next in ids.iter() {
            if let Some(kept) = self.deferred.remove(next) {
                self.ready.insert(*next, kept);
            }
        }
    }
}

fn slot(kept: &Kept) -> SlotKey {
    let header = kept.change.header();
    (header.chain, header.seq)
}

impl Document {
    /// Makes the document anew.
    pub(super) fn rebuild(&mut self, grounds: &Grounds<'_>, events: &mut Vec<Event>) {
        let mut admitted = Vec::new();
        self.replay(grounds, &mut |_, change| admitted.push(change));
        if self.engine.apply(admitted).is_err() {
            self.rebuild_carefully(grounds, events);
            return;
        }
        self.revision = self.revision.saturating_add(1);
        events.push(Event::Rebuilt { revision: self.revision });
    }

    /// Makes the document anew one change set at a time, setting aside each at which the engine
    /// stops. Ends, since each round sets one more aside.
    pub(super) fn rebuild_carefully(&mut self, grounds: &Grounds<'_>, events: &mut Vec<Event>) {
        loop {
            let mut culprit = None;
            self.replay(grounds, &mut |engine, admitted| {
                let id = admitted.id;
                if culprit.is_none() && engine.apply(vec![admitted]).is_err() {
                    culprit = Some(id);
                }
            });
            let Some(id) = culprit else { break };
            self.stuck.insert(id);
            events.push(Event::Stuck { id });
        }
        self.revision = self.revision.saturating_add(1);
        events.push(Event::Rebuilt { revision: self.revision });
    }

    /// Judges everything that is here again, from nothing, and hands over what was admitted.
    fn replay(&mut self, grounds: &Grounds<'_>, each: &mut dyn FnMut(&mut EngineDoc, Admitted)) {
        let mut pool: Vec<Kept> = std::mem::take(&mut self.kept).into_iter().flatten().collect();
        pool.extend(self.asides.drain());
        self.graph = Graph::default();
        if let Some(engine) = EngineDoc::new(self.id, &self.part, &self.schemas) {
            self.engine = engine;
        }
        let mut work = Work::new(pool);
        while let Some(kept) = work.next() {
            let (slot, id) = (slot(&kept), kept.change.id());
            match self.take(kept, grounds, Room::Rebuild) {
                Taken::Aside(State::Held(_)) | Taken::Dropped => continue,
                Taken::Accepted(admitted) => each(&mut self.engine, admitted),
                Taken::Aside(_) | Taken::Known | Taken::Contest => {}
            }
            work.decided(slot, &id);
            work.ready.extend(self.asides.wake(&id).into_iter().map(|kept| (kept.change.id(), kept)));
        }
    }
}
