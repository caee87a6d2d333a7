//! Making a document anew from its change sets, in an order that depends on nothing but them: what had
//! seen less before what had seen more. What counts then is what would count in any order of arrival.

use super::{
    Document, Event, Kept, State,
    aside::Room,
    engine::{Admitted, EngineDoc},
    intake::{Rank, Ready, Taken},
};
use crate::{causal::Graph, id::ChangeSetId, judge::Grounds};
use std::collections::{BTreeMap, VecDeque};

/// Who has an actor that a gateway named and another chain derives, as far as it is settled.
#[derive(Default)]
struct Actors {
    /// First change sets of gateways' chains that give it up, each with the one that derives it.
    given_up: BTreeMap<ChangeSetId, ChangeSetId>,
    /// Those that derive it but do not count themselves, with what is said of them: for these nobody
    /// gives it up.
    idle: BTreeMap<ChangeSetId, State>,
}

impl Document {
    /// Makes the document anew.
    pub(super) fn rebuild(&mut self, grounds: &Grounds<'_>, events: &mut Vec<Event>) {
        let admitted = self.replay(grounds);
        if self.engine.apply(admitted).is_err() {
            self.rebuild_carefully(grounds, events);
            return;
        }
        self.rebuilt(events);
    }

    /// Takes the newest change set of a chain away again, which nobody but this replica has seen: it was
    /// to be written together with others that were not. Answers whether it was there.
    pub fn take_back(&mut self, id: &ChangeSetId, grounds: &Grounds<'_>) -> Option<Event> {
        let lines = self.kept.iter_mut();
        let is_newest =
            |line: &&mut Vec<Kept>| line.last().is_some_and(|one| one.change.id() == *id);
        let line = lines.into_iter().find(is_newest)?;
        line.pop();
        let mut events = Vec::new();
        self.rebuild(grounds, &mut events);
        events.pop()
    }

    /// Makes the document anew one change set at a time, setting aside each at which the engine
    /// stops. Ends, since each round sets one more aside.
    pub(super) fn rebuild_carefully(&mut self, grounds: &Grounds<'_>, events: &mut Vec<Event>) {
        loop {
            let mut admitted = self.replay(grounds).into_iter();
            let culprit = admitted.find_map(|one| {
                let id = one.id;
                self.engine.apply(vec![one]).is_err().then_some(id)
            });
            let Some(id) = culprit else { break };
            self.stuck.insert(id);
            events.push(Event::Stuck { id });
        }
        self.rebuilt(events);
    }

    fn rebuilt(&mut self, events: &mut Vec<Event>) {
        self.revision = self.revision.saturating_add(1);
        events.push(Event::Rebuilt {
            revision: self.revision,
        });
    }

    /// Judges everything that is here again, from nothing, and answers what is to be applied.
    fn replay(&mut self, grounds: &Grounds<'_>) -> Vec<Admitted> {
        let mut actors = Actors::default();
        loop {
            match self.replay_with(&actors, grounds) {
                Err((derived, foreign)) => {
                    actors.given_up.insert(foreign, derived);
                }
                Ok(admitted) => {
                    let idle = actors.given_up.iter().find_map(|(foreign, derived)| {
                        let state = self.state_of(derived)?;
                        (state != State::Effective).then_some((*foreign, *derived, state))
                    });
                    let Some((foreign, derived, state)) = idle else {
                        return admitted;
                    };
                    actors.given_up.remove(&foreign);
                    actors.idle.insert(derived, state);
                }
            }
        }
    }

    /// The same, as far as actors are settled.
    ///
    /// # Errors
    /// One that derives its actor, and the one that would have to give it up.
    fn replay_with(
        &mut self,
        actors: &Actors,
        grounds: &Grounds<'_>,
    ) -> Result<Vec<Admitted>, (ChangeSetId, ChangeSetId)> {
        let mut pool: VecDeque<Kept> = std::mem::take(&mut self.kept)
            .into_iter()
            .flatten()
            .collect();
        pool.extend(self.asides.drain());
        self.graph = Graph::default();
        if let Some(engine) = EngineDoc::new(self.id, &self.part, &self.schemas) {
            self.engine = engine;
            self.engine.listen(self.listening);
        }
        let mut admitted = Vec::new();
        let mut contest = None;
        let mut ready: BTreeMap<Rank, Ready> = BTreeMap::new();
        loop {
            while let Some(kept) = pool.pop_front() {
                let id = kept.change.id();
                match self.screen(kept, grounds, Room::Rebuild) {
                    Ok(one) => {
                        ready.insert(one.rank, one);
                    }
                    Err(taken) => pool.extend(self.after(&taken, &id, grounds)),
                }
            }
            let Some((_, one)) = ready.pop_first() else {
                return contest.map_or(Ok(admitted), Err);
            };
            let id = one.kept.change.id();
            let taken = match (actors.given_up.get(&id), actors.idle.get(&id)) {
                (Some(winner), _) => self.fork(one.kept, *winner, false, Room::Rebuild),
                (None, Some(state)) => self.set_aside(one.kept, state.clone(), Room::Rebuild),
                (None, None) => self.decide(one, grounds, Room::Rebuild),
            };
            pool.extend(self.after(&taken, &id, grounds));
            match taken {
                Taken::Accepted(change) => admitted.push(change),
                Taken::Contest { id, over } => contest = contest.or(Some((id, over))),
                Taken::Known | Taken::Aside(_) | Taken::Dropped => {}
            }
        }
    }
}
