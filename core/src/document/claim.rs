//! Who has an engine's actor. It is derived from its chain, but a gateway brings the ids that foreign
//! clients chose, and can name one that another chain has: then the derived one goes first.

use super::{
    Document, Event, Kept,
    aside::Key,
    intake::{Rank, rank_of},
};
use crate::{
    causal::Seen,
    changeset::EngineKind,
    id::{Actor, ChainIdx, ChangeSetId},
    judge::{Grounds, Writer},
};

/// An engine's actor that a chain claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) actor: Actor,
    /// Named by a gateway, not derived.
    pub(super) foreign: bool,
}

/// A chain whose actor another chain's first change set claims.
pub(super) enum Rival {
    /// Its author had seen it: nobody who does can mean the same actor.
    InPast(ChangeSetId),
    /// It stands beside it.
    Beside {
        /// The first change set of the chain.
        winner: ChangeSetId,
        /// Whether the new one goes before it.
        contest: bool,
    },
}

impl Document {
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

    /// Another chain that has the actor which a new chain claims.
    pub(super) fn rival(
        &self,
        kept: &Kept,
        rank: Rank,
        seen: &Seen,
        grounds: &Grounds<'_>,
    ) -> Option<Rival> {
        let claim = self.claim(kept, grounds)?;
        let mut lines = self.graph.lines();
        let (at, _) = lines.find(|(_, line)| line.writer.actor == claim.actor)?;
        let (first, has) = (self.graph.node(at, 1)?, self.kept(at, 1)?);
        if seen.past.contains(at, 1) {
            return Some(Rival::InPast(first.id));
        }
        let foreign = has.change.header().actor.is_some();
        Some(Rival::Beside {
            winner: first.id,
            contest: (claim.foreign, rank) < (foreign, (first.past.count(), first.id)),
        })
    }

    /// Takes out what was decided before a chain's newest change set took its slot or actor, and what
    /// was decided by that: it is to be looked at again, so that what is said of it is what would be
    /// said in any order.
    pub(super) fn crowded_out(&mut self, chain: ChainIdx, grounds: &Grounds<'_>) -> Vec<Kept> {
        let seq = self.graph.len_of(chain);
        let new = self.graph.line(chain).zip(self.graph.node(chain, seq));
        let Some((line, node)) = new.filter(|_| !self.asides.is_empty()) else {
            return Vec::new();
        };
        let rank = (node.past.count(), node.id);
        let mut out: Vec<Key> = Vec::new();
        for aside in self.asides.in_slot(&line.writer.chain, seq) {
            if aside.state.is_own() && self.rank(&aside.kept) > Some(rank) {
                out.push(aside.key());
            }
        }
        if seq == 1 {
            let kept = self.kept(chain, 1);
            let foreign = kept.is_some_and(|kept| kept.change.header().actor.is_some());
            for aside in self.asides.iter().filter(|aside| aside.state.is_own()) {
                let claim = self.claim(&aside.kept, grounds);
                if claim.is_some_and(|claim| {
                    claim.actor == line.writer.actor
                        && (claim.foreign, self.rank(&aside.kept)) > (foreign, Some(rank))
                }) {
                    out.push(aside.key());
                }
            }
        }
        self.asides.remove_with_dependents(out)
    }

    /// The rank of a change set whose past counts.
    fn rank(&self, kept: &Kept) -> Option<Rank> {
        let seen = self.resolve(kept.change.header()).ok()?;
        Some(rank_of(kept, &seen))
    }

    /// Sets aside the gateways' chains that have the actor of a chain about to be written. They give
    /// way to its first change set, but nothing is there yet for which they could.
    pub(crate) fn make_way(&mut self, writer: &Writer, grounds: &Grounds<'_>) -> Vec<ChangeSetId> {
        let mut aside = Vec::new();
        while self.graph.chain(&writer.chain).is_none()
            && let Some(first) = self.usurper(writer)
        {
            aside.push(first);
            self.stuck.insert(first);
            self.rebuild(grounds, &mut Vec::new());
        }
        aside
    }

    /// The change set is written, or was not: those set aside are decided over again.
    pub(crate) fn settle(&mut self, aside: &[ChangeSetId], grounds: &Grounds<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        self.stuck.retain(|id| !aside.contains(id));
        self.rebuild(grounds, &mut events);
        events
    }

    /// The first change set of a gateway's chain that has this writer's actor.
    fn usurper(&self, writer: &Writer) -> Option<ChangeSetId> {
        self.graph.lines().find_map(|(chain, line)| {
            let foreign = self.kept(chain, 1)?.change.header().actor.is_some();
            let first = self.graph.node(chain, 1)?.id;
            (foreign && line.writer.actor == writer.actor).then_some(first)
        })
    }
}
