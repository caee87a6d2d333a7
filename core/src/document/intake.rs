//! Taking change sets in: the quick path.

use super::{
    Document, Event, Judged, Kept, State, aside::Room, claim::Rival, engine::Admitted, route,
};
use crate::{
    causal::{Node, Seen},
    changeset::{Header, Proof},
    id::{ChainIdx, ChangeSetId},
    judge::{Candidate, ChainRule, Grounds, Hold, Place, Rule, Stop},
    limits,
    patch::{Cause, Patch, PatchSet},
    schema::SchemaRule,
};
use std::{collections::VecDeque, sync::Arc};

/// What taking in a batch came to.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Each change set of the batch, and each that it woke, with its state.
    pub states: Vec<(ChangeSetId, State)>,
    /// What happened to the document, in order.
    pub events: Vec<Event>,
    /// What found no room among those that wait: to be asked for again, dependencies first.
    pub dropped: Vec<ChangeSetId>,
}

/// What became of one change set.
pub(super) enum Taken {
    /// It is effective now.
    Accepted(Admitted),
    /// It was effective already.
    Known,
    /// It is set aside.
    Aside(State),
    /// It was dropped.
    Dropped,
    /// It goes before one that counts: the document is to be rebuilt.
    Contest {
        /// It.
        id: ChangeSetId,
        /// The one that counts.
        over: ChangeSetId,
    },
}

/// What goes first of several change sets that want one place in a chain, or one actor: who had seen
/// less, then the smaller id. What lies in a past always goes before what has it, so deciding in this
/// order never has to be taken back.
pub(super) type Rank = (u64, ChangeSetId);

/// The rank of a change set that had seen this; one that named its past wrongly goes last.
pub(super) fn rank_of(kept: &Kept, seen: &Result<Seen, State>) -> Rank {
    let count = seen.as_ref().map_or(u64::MAX, |seen| seen.past.count());
    (count, kept.change.id())
}

/// A change set whose past is here and counts.
pub(super) struct Ready {
    pub(super) kept: Kept,
    /// Its past, or what is wrong with it.
    pub(super) seen: Result<Seen, State>,
    pub(super) rank: Rank,
}

impl Document {
    /// Takes change sets in, in any order. Equal sets give equal documents.
    pub fn receive(&mut self, batch: Vec<Kept>, grounds: &Grounds<'_>) -> Received {
        let mut received = Received::default();
        let mut work: VecDeque<Kept> = batch.into();
        received.states.reserve_exact(work.len());
        let mut admitted = Vec::with_capacity(work.len());
        let mut contest = false;
        let mut places = Vec::with_capacity(work.len());
        while let Some(kept) = work.pop_front() {
            let id = kept.change.id();
            let header = kept.change.header();
            places.push((header.chain, header.seq, id));
            let taken = self.take(kept, grounds);
            work.extend(self.after(&taken, &id, grounds));
            match taken {
                Taken::Accepted(change) => {
                    received.states.push((id, State::Effective));
                    admitted.push(change);
                }
                Taken::Known => received.states.push((id, State::Effective)),
                Taken::Aside(state) => received.states.push((id, state)),
                Taken::Dropped => received.dropped.push(id),
                Taken::Contest { .. } => contest = true,
            }
        }
        let rebuilt = if contest {
            self.rebuild(grounds, &mut received.events);
            true
        } else {
            self.apply(admitted, grounds, Cause::Remote, &mut received.events)
        };
        if rebuilt {
            // What counted a moment ago may not any more.
            let states = places
                .iter()
                .filter_map(|(chain, seq, id)| Some((*id, self.state(chain, *seq, id)?)));
            received.states = states.collect();
        }
        received
    }

    /// The control log, the schema log or the keys have grown: tries again what waited for them,
    /// and rebuilds where another history counts now.
    ///
    /// `history`: whether the control log has said since what does not count.
    pub fn review(
        &mut self,
        schemas: Vec<Arc<crate::schema::Schema>>,
        history: bool,
        grounds: &Grounds<'_>,
    ) -> Received {
        for schema in schemas.iter().skip(self.schemas.len()) {
            self.engine.extend(schema);
            self.schemas.push(Arc::clone(schema));
        }
        let mut received = Received::default();
        if history && self.history_turned(grounds) {
            self.rebuild(grounds, &mut received.events);
        }
        let woken = self.asides.wake_grounds();
        let more = self.receive(woken, grounds);
        received.states.extend(more.states);
        received.events.extend(more.events);
        received.dropped.extend(more.dropped);
        received
    }

    /// Whether the control log excludes what counts, or no longer excludes what it did.
    fn history_turned(&self, grounds: &Grounds<'_>) -> bool {
        let standing = grounds.standing;
        let lost = self.graph.lines().any(|(_, line)| {
            line.nodes().iter().zip(1u64..).any(|(node, seq)| {
                standing
                    .excludes(&self.slot(line.writer.chain, seq), &node.id)
                    .is_some()
            })
        });
        let won = self.asides.iter().any(|aside| {
            let header = aside.kept.change.header();
            let slot = self.slot(header.chain, header.seq);
            let excluded = standing.excludes(&slot, &aside.kept.change.id());
            match &aside.state {
                State::Excluded(before) => excluded != Some(*before),
                State::Forked { .. } => excluded.is_some() || standing.fork_winner(&slot).is_some(),
                State::Refused(_) | State::Held(_) | State::Orphaned { .. } => excluded.is_some(),
                State::Stuck | State::Effective => false,
            }
        });
        lost || won
    }

    /// Takes one change set in, without applying it.
    fn take(&mut self, kept: Kept, grounds: &Grounds<'_>) -> Taken {
        match self.screen(kept, grounds, Room::Bounded) {
            Ok(ready) => self.decide(ready, grounds, Room::Bounded),
            Err(taken) => taken,
        }
    }

    /// Whether a change set can be decided: nothing excludes it, and what it depends on counts.
    pub(super) fn screen(
        &mut self,
        mut kept: Kept,
        grounds: &Grounds<'_>,
        room: Room,
    ) -> Result<Ready, Taken> {
        let header = kept.change.header();
        let (chain, seq, id) = (header.chain, header.seq, kept.change.id());
        if let Some(aside) = self.asides.get(&chain, seq, &id) {
            let fills = aside.state == State::Held(Hold::Payload);
            if !fills || kept.change.payload().bytes().is_none() {
                return Err(Taken::Aside(aside.state.clone()));
            }
            self.asides.remove(&(chain, seq, id));
        }
        if grounds.erases(&kept.change) {
            kept.change.erase();
        }
        if let Some(excluded) = grounds.standing.excludes(&self.slot(chain, seq), &id) {
            return Err(self.set_aside(kept, State::Excluded(excluded), room));
        }
        let at = self.graph.chain(&chain);
        let known = at.and_then(|at| Some((at, self.graph.node(at, seq)?)));
        if let Some((at, _)) = known.filter(|(_, node)| node.id == id) {
            self.prove(at, seq, kept.proof);
            return Err(Taken::Known);
        }
        match self.resolve(kept.change.header()) {
            Ok(seen) => {
                let rank = rank_of(&kept, &seen);
                Ok(Ready { kept, seen, rank })
            }
            Err(state) => Err(self.set_aside(kept, state, room)),
        }
    }

    /// Decides over a change set whose past counts.
    pub(super) fn decide(&mut self, ready: Ready, grounds: &Grounds<'_>, room: Room) -> Taken {
        let Ready { kept, seen, rank } = ready;
        let header = kept.change.header();
        let (chain, seq, id) = (header.chain, header.seq, kept.change.id());
        let at = self.graph.chain(&chain);
        if let Some(node) = at.and_then(|at| self.graph.node(at, seq)) {
            let (winner, contest) = (node.id, rank < (node.past.count(), node.id));
            return self.fork(kept, winner, contest, room);
        }
        if let (None, Ok(seen)) = (at, &seen)
            && let Some(rival) = self.rival(&kept, rank, seen, grounds)
        {
            return match rival {
                Rival::InPast(id) => {
                    let rule = ChainRule::ActorTaken { id };
                    self.set_aside(kept, State::Refused(rule.into()), room)
                }
                Rival::Beside { winner, contest } => self.fork(kept, winner, contest, room),
            };
        }
        if self.stuck.contains(&id) {
            return self.set_aside(kept, State::Stuck, room);
        }
        match seen.and_then(|seen| self.judge(&kept, at, seen, grounds)) {
            Ok(admitted) => {
                self.keep(admitted.chain, kept);
                Taken::Accepted(admitted)
            }
            Err(state) => self.set_aside(kept, state, room),
        }
    }

    /// Sets aside what another one stands in the way of. `contest`: that one would have to give way.
    pub(super) fn fork(
        &mut self,
        kept: Kept,
        winner: ChangeSetId,
        contest: bool,
        room: Room,
    ) -> Taken {
        let id = kept.change.id();
        let taken = self.set_aside(kept, State::Forked { winner }, room);
        match contest {
            true => Taken::Contest { id, over: winner },
            false => taken,
        }
    }

    /// One was decided: what waits for it, and what has to be looked at again.
    pub(super) fn after(
        &mut self,
        taken: &Taken,
        id: &ChangeSetId,
        grounds: &Grounds<'_>,
    ) -> Vec<Kept> {
        match taken {
            Taken::Accepted(admitted) => {
                let mut work = self.crowded_out(admitted.chain, grounds);
                work.extend(self.asides.wake(id));
                work
            }
            Taken::Aside(State::Held(_)) => {
                self.asides.hold(id);
                Vec::new()
            }
            Taken::Aside(_) => self.asides.wake(id),
            Taken::Known | Taken::Dropped | Taken::Contest { .. } => Vec::new(),
        }
    }

    /// Keeps an effective change set, in step with the graph.
    pub(super) fn keep(&mut self, chain: ChainIdx, kept: Kept) {
        if self.kept.len() <= chain.at() {
            self.kept
                .resize_with(chain.at().saturating_add(1), Vec::new);
        }
        if let Some(line) = self.kept.get_mut(chain.at()) {
            line.push(kept);
        }
    }

    pub(super) fn set_aside(&mut self, kept: Kept, state: State, room: Room) -> Taken {
        if self.asides.insert(kept, state.clone(), room) {
            Taken::Aside(state)
        } else {
            Taken::Dropped
        }
    }

    /// Keeps the proof of a change set whose proof was not here.
    pub(super) fn prove(&mut self, chain: ChainIdx, seq: u64, proof: Option<Proof>) {
        if let Some(kept) = self.kept_mut(chain, seq) {
            kept.proof = kept.proof.take().or(proof);
        }
    }

    /// Judges one and feeds it to graph and gate.
    fn judge(
        &mut self,
        kept: &Kept,
        at: Option<ChainIdx>,
        seen: Seen,
        grounds: &Grounds<'_>,
    ) -> Result<Admitted, State> {
        let header = kept.change.header();
        let known = at
            .and_then(|at| self.graph.line(at))
            .map(|line| &line.writer);
        let cleared = grounds.clear(&kept.change, known).map_err(State::from)?;
        if at.is_none() && seen.past.iter().count() >= limits::CHAINS_MAX {
            let max = limits::CHAINS_MAX as u64;
            return Err(State::Refused(ChainRule::Chains { max }.into()));
        }
        let before = at.and_then(|at| self.graph.node(at, self.graph.len_of(at)));
        if before.is_some_and(|node| header.hlc <= node.hlc) {
            return Err(State::Refused(ChainRule::Stamp.into()));
        }
        if header.schema_version < seen.genesis {
            let rule = SchemaRule::VersionBelowPast {
                kind: cleared.schema.kind().to_owned(),
                named: header.schema_version,
                past: seen.genesis,
            };
            return Err(State::Refused(Rule::from(rule)));
        }
        // The chain gets its index only when its first change set is accepted: until then the gate
        // is asked under the index it would get.
        let chain = at.unwrap_or(ChainIdx(
            u32::try_from(self.graph.lines().count()).unwrap_or(u32::MAX),
        ));
        if at.is_none() {
            self.engine.register(chain, &cleared.writer);
        }
        let place = Place {
            chain,
            seq: header.seq,
            hlc: header.hlc,
            past: Arc::new(seen.past.clone()),
            frontier: seen.frontier,
            genesis_before: seen.genesis,
            schema: cleared.schema,
        };
        let judged = match &cleared.payload {
            None => Judged::Erased,
            Some(payload) => {
                let place = &place;
                let candidate = Candidate { place, payload };
                self.engine
                    .judge(&self.part, &candidate)
                    .map_err(State::Refused)?
            }
        };
        route::judge(header, &place.schema, &judged).map_err(Rule::from)?;
        self.engine.admit(&judged);
        let chain = self.graph.intern(cleared.writer);
        let node = Node {
            id: kept.change.id(),
            hlc: header.hlc,
            past: seen.past,
            genesis: seen.genesis.max(header.schema_version),
        };
        self.graph.push(chain, node);
        Ok(Admitted {
            id: kept.change.id(),
            chain,
            hlc: header.hlc,
            judged,
        })
    }

    /// What its author had seen; all of it must count, the one before it in its chain too.
    pub(super) fn resolve(&self, header: &Header) -> Result<Result<Seen, State>, State> {
        let mut deps = Vec::with_capacity(header.deps.len());
        let mut before = None;
        let mut missing = None;
        let prev = header.seq.checked_sub(1).zip(header.prev);
        let prev = prev.map(|(seq, id)| (header.chain, seq, id));
        let named = header.deps.iter().map(|dep| (dep.chain, dep.seq, dep.id));
        for (chain, seq, id) in prev.into_iter().chain(named) {
            let at = self.graph.chain(&chain);
            let node = at.and_then(|at| Some((at, self.graph.node(at, seq)?)));
            match node {
                Some((at, node)) if node.id == id => match chain == header.chain {
                    true => before = Some((at, seq)),
                    false => deps.push((at, seq)),
                },
                Some(_) | None => {
                    let state = self.absent(chain, seq, id);
                    if rank(&state) > missing.as_ref().map_or(0, rank) {
                        missing = Some(state);
                    }
                }
            }
        }
        if let Some(state) = missing {
            return Err(state);
        }
        deps.sort_unstable();
        Ok(self.graph.seen(before, &deps).map_err(|redundant| {
            let node = self.graph.node(redundant.chain, redundant.seq);
            let id = node.map_or(ChangeSetId([0; 32]), |node| node.id);
            State::Refused(ChainRule::Redundant { id }.into())
        }))
    }

    /// What becomes of a change set whose dependency is not effective.
    fn absent(&self, chain: crate::id::Chain, seq: u64, id: ChangeSetId) -> State {
        match self.asides.get(&chain, seq, &id).map(|aside| &aside.state) {
            None | Some(State::Effective) => State::Held(Hold::Dependency(id)),
            Some(State::Held(_) | State::Stuck) => State::Held(Hold::HeldDependency(id)),
            Some(State::Refused(_)) => State::Refused(ChainRule::DependsOnRefused { id }.into()),
            Some(State::Excluded(_) | State::Forked { .. } | State::Orphaned { .. }) => {
                State::Orphaned { ancestor: id }
            }
        }
    }

    /// Applies what was admitted and tells of it. Answers whether the engine stopped, and the
    /// document was made anew without what it stopped at.
    pub(super) fn apply(
        &mut self,
        admitted: Vec<Admitted>,
        grounds: &Grounds<'_>,
        cause: Cause,
        events: &mut Vec<Event>,
    ) -> bool {
        if admitted.is_empty() {
            return false;
        }
        let about: Vec<(ChangeSetId, ChainIdx)> =
            admitted.iter().map(|a| (a.id, a.chain)).collect();
        match self.engine.apply(admitted) {
            Ok(patches) => {
                for ((change, chain), patches) in about.into_iter().zip(patches) {
                    let told = self.tell(change, chain, cause, patches);
                    events.extend(told);
                }
                false
            }
            Err(_) => {
                self.rebuild_carefully(grounds, events);
                true
            }
        }
    }

    /// Counts a change and makes its patch set.
    pub(super) fn tell(
        &mut self,
        change: ChangeSetId,
        chain: ChainIdx,
        cause: Cause,
        patches: Vec<Patch>,
    ) -> Option<Event> {
        self.revision = self.revision.saturating_add(1);
        let author = self.graph.line(chain)?.writer.author;
        Some(Event::Patched(PatchSet {
            revision: self.revision,
            cause,
            author,
            change,
            patches,
        }))
    }
}

/// Which of several absent dependencies decides. One that is undecided comes first: an answer that
/// another dependency can still change would hang on the order of arrival.
fn rank(state: &State) -> u8 {
    match state {
        State::Held(_) | State::Stuck | State::Effective => 3,
        State::Refused(_) => 2,
        State::Excluded(_) | State::Forked { .. } | State::Orphaned { .. } => 1,
    }
}

impl From<Stop> for State {
    fn from(stop: Stop) -> State {
        match stop {
            Stop::Hold(hold) => State::Held(hold),
            Stop::Refuse(rule) => State::Refused(rule),
        }
    }
}

impl From<Rule> for State {
    fn from(rule: Rule) -> State {
        State::Refused(rule)
    }
}
