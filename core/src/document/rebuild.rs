//! Making a document anew from its change sets, in an order that depends on nothing but them.

use super::{
    Document, Event, Kept, State,
    aside::Room,
    engine::{Admitted, EngineDoc},
    intake::{Claim, Taken},
};
use crate::{
    causal::Graph,
    id::{Actor, Chain, ChangeSetId},
    judge::Grounds,
};
use std::collections::{BTreeMap, BTreeSet};

/// What only one of several change sets can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Prize {
    /// A place in a chain.
    Slot(Chain, u64),
    /// An engine's actor: the first change set of a chain claims it. A gateway can name one that
    /// another chain has.
    Actor(Actor),
}

/// The order in which change sets claim a prize: who derives its actor before who names a foreign
/// one, then by id.
type Rank = (bool, ChangeSetId);

/// What a rebuild has not decided yet.
#[derive(Default)]
struct Work {
    /// To be tried, smallest id first.
    ready: BTreeMap<ChangeSetId, Kept>,
    /// Prizes that several change sets claim: the undecided ones. One is tried only when none
    /// before it is undecided, so that the first that can count does.
    contested: BTreeMap<Prize, BTreeSet<Rank>>,
    /// The contested prizes that a change set claims.
    claims: BTreeMap<ChangeSetId, Vec<(Prize, Rank)>>,
    /// Waiting for one before them.
    deferred: BTreeMap<ChangeSetId, Kept>,
}

impl Work {
    fn new(pool: Vec<Kept>, actor: impl Fn(&Kept) -> Option<Claim>) -> Self {
        let mut work = Work::default();
        for kept in pool {
            let (header, id) = (kept.change.header(), kept.change.id());
            let slot = (Prize::Slot(header.chain, header.seq), (false, id));
            let claim = actor(&kept).map(|claim| (Prize::Actor(claim.actor), (claim.foreign, id)));
            let claims: Vec<(Prize, Rank)> = std::iter::once(slot).chain(claim).collect();
            for (prize, rank) in &claims {
                work.contested.entry(*prize).or_default().insert(*rank);
            }
            work.claims.insert(id, claims);
            work.ready.insert(id, kept);
        }
        work.contested.retain(|_, ranks| ranks.len() > 1);
        let contested = &work.contested;
        work.claims.retain(|_, claims| {
            claims.retain(|(prize, _)| contested.contains_key(prize));
            !claims.is_empty()
        });
        work
    }

    /// The next to be tried.
    fn next(&mut self) -> Option<Kept> {
        while let Some((id, kept)) = self.ready.pop_first() {
            let mut claims = self.claims.get(&id).into_iter().flatten();
            let behind = claims.any(|(prize, rank)| {
                let first = self.contested.get(prize).and_then(BTreeSet::first);
                first.is_some_and(|first| first < rank)
            });
            if behind {
                self.deferred.insert(id, kept);
            } else {
                return Some(kept);
            }
        }
        // What could have gone before has not arrived: the next one counts until it does.
        self.deferred.pop_first().map(|(_, kept)| kept)
    }

    /// One was decided: those behind it may be tried.
    fn decided(&mut self, id: &ChangeSetId) {
        for (prize, rank) in self.claims.remove(id).unwrap_or_default() {
            let Some(ranks) = self.contested.get_mut(&prize) else {
                continue;
            };
            ranks.remove(&rank);
            for (_, next) in ranks.iter() {
                if let Some(kept) = self.deferred.remove(next) {
                    self.ready.insert(*next, kept);
                }
            }
        }
    }
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
        events.push(Event::Rebuilt {
            revision: self.revision,
        });
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
        events.push(Event::Rebuilt {
            revision: self.revision,
        });
    }

    /// Judges everything that is here again, from nothing, and hands over what was admitted.
    fn replay(&mut self, grounds: &Grounds<'_>, each: &mut dyn FnMut(&mut EngineDoc, Admitted)) {
        let mut pool: Vec<Kept> = std::mem::take(&mut self.kept)
            .into_iter()
            .flatten()
            .collect();
        pool.extend(self.asides.drain());
        self.graph = Graph::default();
        if let Some(engine) = EngineDoc::new(self.id, &self.part, &self.schemas) {
            self.engine = engine;
            self.engine.listen(self.listening);
        }
        let mut work = Work::new(pool, |kept| self.claim(kept, grounds));
        while let Some(kept) = work.next() {
            let id = kept.change.id();
            match self.take(kept, grounds, Room::Rebuild) {
                Taken::Aside(State::Held(_)) | Taken::Dropped => continue,
                Taken::Accepted(admitted) => each(&mut self.engine, admitted),
                Taken::Aside(_) | Taken::Known | Taken::Contest => {}
            }
            work.decided(&id);
            work.ready.extend(
                self.asides
                    .wake(&id)
                    .into_iter()
                    .map(|kept| (kept.change.id(), kept)),
            );
        }
    }
}
