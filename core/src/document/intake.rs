//! Taking change sets in: the quick path.

use super::{Document, Event, Kept, State, aside::Room, engine::Admitted, route};
use crate::{
    causal::Node,
    changeset::{EngineKind, Header, Proof},
    id::{Actor, ChainIdx, ChangeSetId},
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
    /// It may count in place of another one: the document is to be rebuilt.
    Contest,
}

/// An engine's actor that a chain claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) actor: Actor,
    /// Named by a gateway, not derived.
    pub(super) foreign: bool,
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
            match self.take(kept, grounds, Room::Bounded) {
                Taken::Accepted(change) => {
                    received.states.push((id, State::Effective));
                    admitted.push(change);
                    work.extend(self.asides.wake(&id));
                }
                Taken::Known => received.states.push((id, State::Effective)),
                Taken::Aside(state) => {
                    if !matches!(state, State::Held(_)) {
                        work.extend(self.asides.wake(&id));
                    }
                    received.states.push((id, state));
                }
                Taken::Dropped => received.dropped.push(id),
                Taken::Contest => contest = true,
            }
        }
        if contest {
            self.rebuild(grounds, &mut received.events);
            // What counted a moment ago may not any more.
            let states = places
                .iter()
                .filter_map(|(chain, seq, id)| Some((*id, self.state(chain, *seq, id)?)));
            received.states = states.collect();
        } else {
            self.apply(admitted, grounds, Cause::Remote, &mut received.events);
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
    pub(super) fn take(&mut self, kept: Kept, grounds: &Grounds<'_>, room: Room) -> Taken {
        let header = kept.change.header();
        let (chain, seq, id) = (header.chain, header.seq, kept.change.id());
        let slot = self.slot(chain, seq);
        let at = self.graph.chain(&chain);
        if let Some(aside) = self.asides.get(&chain, seq, &id) {
            return Taken::Aside(aside.state.clone());
        }
        if let Some(excluded) = grounds.standing.excludes(&slot, &id) {
            return self.set_aside(kept, State::Excluded(excluded), room);
        }
        if let Some(node) = at.and_then(|at| self.graph.node(at, seq)) {
            if node.id == id {
                if let Some(at) = at {
                    self.prove(at, seq, kept.proof);
                }
                return Taken::Known;
            }
            let (winner, contest) = (node.id, id < node.id && room == Room::Bounded);
            let taken = self.set_aside(kept, State::Forked { winner }, room);
            return if contest { Taken::Contest } else { taken };
        }
        if at.is_none()
            && let Some((winner, before)) = self.rival(&kept, grounds)
        {
            let contest = before && room == Room::Bounded;
            let taken = self.set_aside(kept, State::Forked { winner }, room);
            return if contest { Taken::Contest } else { taken };
        }
        if self.stuck.contains(&id) {
            return self.set_aside(kept, State::Stuck, room);
        }
        match self.judge(&kept, at, grounds) {
            Ok(admitted) => {
                self.keep(admitted.chain, kept);
                // Others in its slot were looked at before it came; a rebuild says of each what it
                // would say in any order.
                let crowded = self.asides.in_slot(&chain, seq).next().is_some();
                if crowded && room == Room::Bounded {
                    return Taken::Contest;
                }
                Taken::Accepted(admitted)
            }
            Err(state) => self.set_aside(kept, state, room),
        }
    }

    /// The actor that a chain's first change set claims; none where it claims none.
    pub(super) fn claim(&self, kept: &Kept, grounds: &Grounds<'_>) -> Option<Claim> {
        let header = kept.change.header();
        if header.seq != 1 || header.engine == EngineKind::Log {
            return None;
        }
        let cleared = grounds.clear(&kept.change, None).ok()?;
        Some(Claim {
            actor: cleared.writer.actor,
            foreign: header.actor.is_some(),
        })
    }

    /// Another chain that has the actor which a new chain claims: its first change set, and whether
    /// the new one goes before it.
    fn rival(&self, kept: &Kept, grounds: &Grounds<'_>) -> Option<(ChangeSetId, bool)> {
        let claim = self.claim(kept, grounds)?;
        let (at, _) = self
            .graph
            .lines()
            .find(|(_, line)| line.writer.actor == claim.actor)?;
        let (first, has) = (self.graph.node(at, 1)?, self.kept(at, 1)?);
        let rank = (has.change.header().actor.is_some(), first.id);
        Some((first.id, (claim.foreign, kept.change.id()) < rank))
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

    fn set_aside(&mut self, kept: Kept, state: State, room: Room) -> Taken {
        if self.asides.insert(kept, state.clone(), room) {
            Taken::Aside(state)
        } else {
            Taken::Dropped
        }
    }

    /// Keeps the proof of a change set whose proof was not here.
    pub(super) fn prove(&mut self, chain: ChainIdx, seq: u64, proof: Option<Proof>) {
        let line = self.kept.get_mut(chain.at());
        let at = seq.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        if let Some(kept) = line.zip(at).and_then(|(line, at)| line.get_mut(at)) {
            kept.proof = kept.proof.take().or(proof);
        }
    }

    /// Judges one and feeds it to graph and gate.
    fn judge(
        &mut self,
        kept: &Kept,
        at: Option<ChainIdx>,
        grounds: &Grounds<'_>,
    ) -> Result<Admitted, State> {
        let header = kept.change.header();
        let known = at
            .and_then(|at| self.graph.line(at))
            .map(|line| &line.writer);
        let cleared = grounds.clear(&kept.change, known).map_err(State::from)?;
        let deps = self.resolve(header)?;
        if at.is_none() && self.graph.lines().count() >= limits::CHAINS_MAX {
            return Err(State::Refused(
                ChainRule::Chains {
                    max: limits::CHAINS_MAX as u64,
                }
                .into(),
            ));
        }
        let seen = self.graph.seen(at, &deps).map_err(|redundant| {
            let id = self
                .graph
                .node(redundant.chain, redundant.seq)
                .map_or(kept.change.id(), |node| node.id);
            State::Refused(ChainRule::Redundant { id }.into())
        })?;
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
        let candidate = Candidate {
            place: &place,
            payload: &cleared.payload,
        };
        let judged = self
            .engine
            .judge(&self.part, &candidate)
            .map_err(State::Refused)?;
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

    /// The dependencies' places; all must be effective, and the one before it in its chain too.
    fn resolve(&self, header: &Header) -> Result<Vec<(ChainIdx, u64)>, State> {
        let mut places = Vec::with_capacity(header.deps.len());
        let mut missing = None;
        let prev = header
            .seq
            .checked_sub(1)
            .filter(|seq| *seq > 0)
            .zip(header.prev);
        let prev = prev.map(|(seq, id)| (header.chain, seq, id));
        for (chain, seq, id) in prev
            .into_iter()
            .chain(header.deps.iter().map(|d| (d.chain, d.seq, d.id)))
        {
            let at = self.graph.chain(&chain);
            let node = at.and_then(|at| Some((at, self.graph.node(at, seq)?)));
            match node {
                Some((at, node)) if node.id == id => {
                    if chain != header.chain {
                        places.push((at, seq));
                    }
                }
                Some(_) | None => {
                    let state = self.absent(chain, seq, id);
                    if rank(&state) > missing.as_ref().map_or(0, rank) {
                        missing = Some(state);
                    }
                }
            }
        }
        places.sort_unstable();
        missing.map_or(Ok(places), Err)
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

    /// Applies what was admitted and tells of it.
    pub(super) fn apply(
        &mut self,
        admitted: Vec<Admitted>,
        grounds: &Grounds<'_>,
        cause: Cause,
        events: &mut Vec<Event>,
    ) {
        if admitted.is_empty() {
            return;
        }
        let about: Vec<(ChangeSetId, ChainIdx)> =
            admitted.iter().map(|a| (a.id, a.chain)).collect();
        match self.engine.apply(admitted) {
            Ok(patches) => {
                for ((change, chain), patches) in about.into_iter().zip(patches) {
                    let told = self.tell(change, chain, cause, patches);
                    events.extend(told);
                }
            }
            Err(_) => self.rebuild_carefully(grounds, events),
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

/// Which of several absent dependencies decides: a refusal is for ever, an exclusion lasts while
/// its record does, an absence only until it arrives.
fn rank(state: &State) -> u8 {
    match state {
        State::Refused(_) => 3,
        State::Excluded(_) | State::Forked { .. } | State::Orphaned { .. } => 2,
        State::Held(_) | State::Stuck | State::Effective => 1,
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
