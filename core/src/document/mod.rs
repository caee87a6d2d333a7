//! A document: its change sets, which of them count, and the engine that shows them.
//!
//! **The state is a pure function of two grow-only sets**, the change sets and the control log. The
//! quick path takes in a change set whose past is here; whatever could make an earlier decision
//! another one (a second id in a slot, a control record that excludes) rebuilds the document from
//! its change sets instead, in an order that depends on nothing but them.

mod alone;
mod aside;
mod claim;
mod edit;
mod engine;
mod erase;
mod intake;
mod rebuild;
mod route;
#[cfg(test)]
mod tests;

pub use alone::Stand;
pub use aside::{Aside, State};
pub use edit::{Draft, EditError, Edited, Noted, Pen};
pub use engine::{Admitted, EngineDoc, Judged};
pub use intake::Received;

use crate::{
    causal::{Graph, Past},
    changeset::{ChangeSet, Proof, Signed},
    control::Slot,
    id::{Chain, ChainIdx, ChangeSetId, DocumentId, EntityId},
    judge::Grounds,
    patch::PatchSet,
    schema::Schema,
};
use aside::Asides;
use std::{collections::BTreeSet, sync::Arc};

/// A change set with the proof that its author signed it; none while its own flush is not sealed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The change set.
    pub change: ChangeSet,
    /// Its proof.
    pub proof: Option<Proof>,
}

impl From<Signed> for Kept {
    fn from(signed: Signed) -> Kept {
        Kept {
            change: signed.change,
            proof: Some(signed.proof),
        }
    }
}

/// What happened to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A change set took effect.
    Patched(PatchSet),
    /// The effective history is another one: read the document again.
    Rebuilt {
        /// The revision it has now.
        revision: u64,
    },
    /// The engine stopped at a change set, which is set aside on this replica only.
    Stuck {
        /// The change set.
        id: ChangeSetId,
    },
}

/// One part of one entity.
#[derive(Debug)]
pub struct Document {
    entity: EntityId,
    part: String,
    id: DocumentId,
    schemas: Vec<Arc<Schema>>,
    engine: EngineDoc,
    graph: Graph,
    /// The effective change sets of each chain, in step with the graph's nodes.
    kept: Vec<Vec<Kept>>,
    /// Everything else.
    asides: Asides,
    /// What made this machine's engine stop.
    stuck: BTreeSet<ChangeSetId>,
    revision: u64,
    /// Whether somebody wants a body's patches.
    listening: bool,
}

impl Document {
    /// An empty document. `schemas` is the chain of its kind's versions, version 1 first. None where
    /// no version declares the part.
    pub fn new(entity: EntityId, part: &str, schemas: Vec<Arc<Schema>>) -> Option<Self> {
        let id = DocumentId::of(&entity, part);
        Some(Document {
            engine: EngineDoc::new(id, part, &schemas)?,
            entity,
            part: part.to_owned(),
            id,
            schemas,
            graph: Graph::default(),
            kept: Vec::new(),
            asides: Asides::default(),
            stuck: BTreeSet::new(),
            revision: 0,
            listening: false,
        })
    }

    /// The document's id.
    pub fn id(&self) -> DocumentId {
        self.id
    }

    /// The entity.
    pub fn entity(&self) -> &EntityId {
        &self.entity
    }

    /// The part's name.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The newest schema of its kind that is known here.
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.schemas.last()
    }

    /// How many times it changed here.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Says whether patches of a body are wanted from now on. They cost a walk through each touched
    /// text, so by default there are none: a body's patch sets are then empty.
    pub fn listen(&mut self, on: bool) {
        self.listening = on;
        self.engine.listen(on);
    }

    /// The engine, to read from.
    pub fn engine(&self) -> &EngineDoc {
        &self.engine
    }

    /// The engine, to read what needs its caches.
    pub fn engine_mut(&mut self) -> &mut EngineDoc {
        &mut self.engine
    }

    /// The effective history.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// blake3 of the content: equal on replicas that hold the same change sets and control log.
    pub fn digest(&self) -> [u8; 32] {
        self.engine.digest()
    }

    /// The effective change sets in an order in which each follows what it depends on.
    pub fn effective(&self) -> Vec<&Kept> {
        let mut order = Vec::new();
        let mut taken = Past::default();
        let mut progress = true;
        while progress {
            progress = false;
            for (chain, line) in self.graph.lines() {
                let ready = line
                    .nodes()
                    .iter()
                    .enumerate()
                    .skip(taken.seq(chain) as usize);
                for (at, node) in ready {
                    if !taken.covers(&node.past) {
                        break;
                    }
                    if let Some(kept) = self.kept.get(chain.at()).and_then(|chain| chain.get(at)) {
                        order.push(kept);
                    }
                    taken.raise(chain, (at as u64).saturating_add(1));
                    progress = true;
                }
            }
        }
        order
    }

    /// Gives up everything that is here: first what counts, each after what it depends on.
    pub fn into_kept(mut self) -> Vec<Kept> {
        let mut all: Vec<Kept> = self.effective().into_iter().cloned().collect();
        all.extend(self.asides.drain());
        all
    }

    /// An effective change set by place.
    pub fn kept(&self, chain: ChainIdx, seq: u64) -> Option<&Kept> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.kept.get(chain.at())?.get(at)
    }

    fn kept_mut(&mut self, chain: ChainIdx, seq: u64) -> Option<&mut Kept> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.kept.get_mut(chain.at())?.get_mut(at)
    }

    /// What is here but does not count, and why.
    pub fn asides(&self) -> impl Iterator<Item = &Aside> + '_ {
        self.asides.iter()
    }

    /// The state of a change set that is here.
    pub fn state(&self, chain: &Chain, seq: u64, id: &ChangeSetId) -> Option<State> {
        let effective = self
            .graph
            .chain(chain)
            .and_then(|chain| self.graph.node(chain, seq));
        if effective.is_some_and(|node| node.id == *id) {
            return Some(State::Effective);
        }
        self.asides
            .get(chain, seq, id)
            .map(|aside| aside.state.clone())
    }

    /// The state of a change set that is here, by id alone.
    pub fn state_of(&self, id: &ChangeSetId) -> Option<State> {
        let aside = self
            .asides
            .iter()
            .find(|aside| aside.kept.change.id() == *id);
        aside.map(|aside| aside.state.clone()).or_else(|| {
            let mut nodes = self.graph.lines().flat_map(|(_, line)| line.nodes());
            nodes.any(|node| node.id == *id).then_some(State::Effective)
        })
    }

    /// The change sets that effective ones make again.
    pub fn replaced(&self) -> BTreeSet<ChangeSetId> {
        self.kept
            .iter()
            .flatten()
            .filter_map(|kept| kept.change.header().replaces)
            .collect()
    }

    /// The document as it was at an earlier point, or as one of its authors saw it.
    pub fn at(&self, past: &Past, grounds: &Grounds<'_>) -> Option<Document> {
        let mut then = Document::new(self.entity, &self.part, self.schemas.clone())?;
        let kept = self.effective().into_iter().filter(|kept| {
            let header = kept.change.header();
            self.graph
                .chain(&header.chain)
                .is_some_and(|chain| past.contains(chain, header.seq))
        });
        then.receive(kept.cloned().collect(), grounds);
        Some(then)
    }

    /// The slot of a change set of this document.
    fn slot(&self, chain: Chain, seq: u64) -> Slot {
        Slot {
            document: self.id,
            chain,
            seq,
        }
    }
}
