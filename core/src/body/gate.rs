//! The gate of a body: judges Yrs updates by their bytes, their declared past and facts that never
//! change once admitted. It knows no type of the engine and never asks it.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    adjacent::{self, Overlay},
    chains::{Chains, Unit},
    index::{Container, ContainerIdx, Index, Run, Seat},
    judged::JudgedUpdate,
    order::{NodeIdx, OrderList},
    places::ContainerKind,
    rule::BodyRule,
    scan::{Item, Scan},
    view::View,
};
use crate::{
    causal::Past,
    id::ChainIdx,
    judge::{Candidate, Rule},
    schema::BodyShape,
};
use smallvec::SmallVec;

/// The gate of one body.
///
/// Change sets are judged after everything in their past was admitted, and admitted in causal
/// order. The verdict does not depend on what else was admitted, nor on the order.
#[derive(Clone, Debug)]
pub struct BodyGate {
    root: String,
    chains: Chains,
    index: Index,
    order: OrderList,
    scan: Scan,
    overlay: Overlay,
}

/// Units of one writer that stand side by side in a container, deleted ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitRun {
    /// Whose they are.
    pub chain: ChainIdx,
    /// The chain's client.
    pub client: u64,
    /// The first unit's clock.
    pub clock: u32,
    /// How many there are.
    pub len: u32,
}

impl BodyGate {
    /// The gate of an empty body.
    pub fn new(shape: &BodyShape) -> Self {
        BodyGate {
            root: shape.root.clone(),
            chains: Chains::default(),
            index: Index::new(ContainerKind::root(shape.layout)),
            order: OrderList::default(),
            scan: Scan::default(),
            overlay: Overlay::default(),
        }
    }

    /// Makes a chain's client known, before anything of the chain is judged. A client belongs to
    /// one chain for ever and a chain has one client: answers false, and changes nothing, where
    /// either is bound otherwise. Then two origins claim one client, which is a fork for the
    /// control log to rule on; judging it here would depend on who came first.
    pub fn register(&mut self, chain: ChainIdx, client: u64) -> bool {
        self.chains.bind(chain, client)
    }

    /// Judges a change set. Pure in its payload and its past; `&mut` is for scratch memory.
    pub fn judge(&mut self, candidate: &Candidate<'_>) -> Result<JudgedUpdate, Rule> {
        let place = candidate.place;
        Ok(self.judge_update(place.chain, &place.past, candidate.payload)?)
    }

    /// Judges the update with which a chain follows what it had seen.
    pub fn judge_update(
        &mut self,
        author: ChainIdx,
        past: &Past,
        payload: &[u8],
    ) -> Result<JudgedUpdate, BodyRule> {
        let view = View::new(&self.chains, &self.index, &self.root, author, past)?;
        let base = view.base;
        self.scan.read(&view, payload)?;
        adjacent::check(&self.scan.items, &view, &self.order, &mut self.overlay)?;
        Ok(JudgedUpdate {
            payload: payload.to_vec(),
            chain: author,
            seq: past.seq(author).saturating_add(1),
            start: base,
            end: self.scan.end,
            deleted: self.scan.deleted,
            items: SmallVec::from_slice(&self.scan.items),
            runs: SmallVec::from_slice(&self.scan.runs),
            made: SmallVec::from_slice(&self.scan.made),
            halves: SmallVec::from_slice(self.scan.halves.as_slice()),
        })
    }

    /// What a chain had seen, for [`BodyGate::straighten`].
    pub(super) fn view<'a>(
        &'a self,
        author: ChainIdx,
        past: &'a Past,
    ) -> Result<View<'a>, BodyRule> {
        View::new(&self.chains, &self.index, &self.root, author, past)
    }

    /// The order of all sequences.
    pub(super) fn order(&self) -> &OrderList {
        &self.order
    }

    /// Takes a judged update in, in causal order, each once: a second time changes nothing.
    pub fn admit(&mut self, judged: &JudgedUpdate) {
        let chain = judged.chain;
        if self.chains.admitted(chain).checked_add(1) != Some(judged.seq) {
            debug_assert!(
                self.chains.admitted(chain) >= judged.seq,
                "admitted before its past"
            );
            return;
        }
        // Containers that it makes get the next numbers, whatever was admitted since the verdict.
        let first = self.index.container_count();
        for made in &judged.made {
            let clock = made.clock;
            self.index.push_container(Container {
                kind: made.kind,
                depth: made.depth,
                unit: Some(Unit { chain, clock }),
            });
        }
        let settle = |seat| match seat {
            Seat::Held(container) => container,
            Seat::Made(number) => ContainerIdx(
                u32::try_from(first)
                    .unwrap_or(u32::MAX)
                    .saturating_add(number),
            ),
        };
        for run in &judged.runs {
            let run = Run {
                start: run.start,
                seat: settle(run.seat),
                attribute: run.attribute,
                own: run.own.map(settle),
            };
            self.index.push_run(chain, run);
        }
        for item in &judged.items {
            let item = Item {
                seat: settle(item.seat),
                left: item.left,
                right: item.right,
                clock: item.clock,
                len: item.len,
            };
            let placed = self.order.integrate(&self.chains, chain, &item);
            debug_assert!(placed.is_some(), "a judged block has its neighbours");
        }
        self.chains.push(chain, judged.end, &judged.halves);
    }

    /// The clock after change set `seq` of a chain; 0 before its first; none if not admitted.
    pub fn end_clock(&self, chain: ChainIdx, seq: u64) -> Option<u32> {
        self.chains.end(chain, seq)
    }

    /// The clock of a chain after everything admitted of it.
    pub fn clock(&self, chain: ChainIdx) -> u32 {
        let seq = self.chains.admitted(chain);
        self.chains.end(chain, seq).unwrap_or(0)
    }

    /// The chain that a client writes.
    pub fn chain_of(&self, client: u64) -> Option<ChainIdx> {
        self.chains.chain(client)
    }

    /// The client of a chain.
    pub fn client_of(&self, chain: ChainIdx) -> Option<u64> {
        self.chains.client(chain)
    }

    /// The change set that wrote a unit: its chain and number.
    pub fn written_by(&self, client: u64, clock: u32) -> Option<(ChainIdx, u64)> {
        let chain = self.chains.chain(client)?;
        Some((chain, self.chains.seq_of(Unit { chain, clock })?))
    }

    /// Whether a unit is the second half of a surrogate pair, before which nothing may be cut.
    pub fn is_second_half(&self, client: u64, clock: u32) -> bool {
        let chain = self.chains.chain(client);
        chain.is_some_and(|chain| self.chains.is_second_half(Unit { chain, clock }))
    }

    /// Whether any text of the body, deleted ones included, holds surrogate pairs.
    pub fn has_second_halves(&self) -> bool {
        self.chains.has_second_halves()
    }

    /// The container that a unit is: an element or text of a `prosemirror` body.
    pub fn container(&self, client: u64, clock: u32) -> Option<ContainerIdx> {
        let chain = self.chains.chain(client)?;
        self.index.made_by(Unit { chain, clock })
    }

    /// Every container, the root first, in the order of admission: its kind, and the unit that it
    /// is (client, clock), none for the root.
    pub fn containers(
        &self,
    ) -> impl Iterator<Item = (ContainerIdx, ContainerKind, Option<(u64, u32)>)> + '_ {
        let count = u32::try_from(self.index.container_count()).unwrap_or(u32::MAX);
        (0..count).map(ContainerIdx).filter_map(|at| {
            let container = self.index.container(at)?;
            let unit = container
                .unit
                .and_then(|unit| Some((self.chains.client(unit.chain)?, unit.clock)));
            Some((at, container.kind, unit))
        })
    }

    /// Where a unit stands: the unit that its container is (none: the root), and whether it stands
    /// there as an attribute's value.
    pub fn stands_in(&self, client: u64, clock: u32) -> Option<(Option<(u64, u32)>, bool)> {
        let chain = self.chains.chain(client)?;
        let run = self.index.locate(Unit { chain, clock })?;
        let unit = match self.index.container(run.seat)?.unit {
            Some(unit) => Some((self.chains.client(unit.chain)?, unit.clock)),
            None => None,
        };
        Some((unit, run.attribute))
    }

    /// The run of its container's sequence that a unit stands in; none for attributes.
    pub fn run_of(&self, client: u64, clock: u32) -> Option<UnitRun> {
        let chain = self.chains.chain(client)?;
        let node = self.order.node(self.order.find(Unit { chain, clock })?)?;
        let last = node.first.clock.checked_add(node.len)?;
        (clock < last).then_some(UnitRun {
            chain,
            client,
            clock: node.first.clock,
            len: node.len,
        })
    }

    /// A container's sequence in document order, deleted units included, attributes not.
    pub fn runs(&self, container: ContainerIdx) -> Runs<'_> {
        Runs {
            gate: self,
            at: self.order.head(container),
        }
    }

    /// How much the gate keeps: runs of places and runs of order, for measuring.
    pub fn run_counts(&self) -> (usize, usize) {
        (self.index.run_count(), self.order.len())
    }
}

/// The runs of a container, see [`BodyGate::runs`].
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    gate: &'a BodyGate,
    at: Option<NodeIdx>,
}

impl Iterator for Runs<'_> {
    type Item = UnitRun;

    fn next(&mut self) -> Option<UnitRun> {
        let node = self.gate.order.node(self.at?)?;
        self.at = node.next;
        Some(UnitRun {
            chain: node.first.chain,
            client: self.gate.chains.client(node.first.chain)?,
            clock: node.first.clock,
            len: node.len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hlc::Hlc,
        id::{KindTag, SchemaId},
        judge::Place,
        schema::{
            BodyLayout, FanOut, HistoryPolicy, Index as SearchIndex, OnDeleteEdit, Schema,
            SchemaSpec,
        },
    };
    use std::{collections::BTreeMap, sync::Arc};

    fn schema() -> Arc<Schema> {
        Arc::new(Schema {
            id: SchemaId([0; 32]),
            tag: KindTag::of("page"),
            spec: SchemaSpec {
                kind: "page".into(),
                version: 1,
                about: String::new(),
                parts: BTreeMap::new(),
                route: vec![],
                on_delete_edit: OnDeleteEdit::Recover,
                history: HistoryPolicy::Full,
                retention_days: None,
                evict: false,
                index: SearchIndex::None,
                fan_out: FanOut::Optimistic,
                lens: vec![],
            },
        })
    }

    #[test]
    fn a_candidate_is_judged_at_its_place_and_admitted_once() {
        let mut gate = BodyGate::new(&BodyShape {
            layout: BodyLayout::Text,
            root: "t".into(),
        });
        let chain = ChainIdx(0);
        assert!(gate.register(chain, 7));
        let mut place = Place {
            chain,
            seq: 1,
            hlc: Hlc(1),
            past: Arc::new(Past::default()),
            frontier: vec![],
            genesis_before: 0,
            schema: schema(),
        };
        // One block of client 7 at clock 0: "ab" in the root "t".
        let payload = &[1, 1, 7, 0, 4, 1, 1, b't', 2, b'a', b'b', 0];
        let judged = gate.judge(&Candidate {
            place: &place,
            payload,
        });
        let judged = judged.expect("honest");
        assert_eq!((judged.seq(), judged.start(), judged.end()), (1, 0, 2));
        gate.admit(&judged);
        gate.admit(&judged);
        let runs: Vec<_> = gate.runs(ContainerIdx::ROOT).collect();
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].client, runs[0].clock, runs[0].len), (7, 0, 2));

        let mut past = Past::default();
        past.raise(chain, 1);
        (place.seq, place.past) = (2, Arc::new(past));
        let again = gate.judge(&Candidate {
            place: &place,
            payload,
        });
        let rule = BodyRule::Clock {
            found: 0,
            expected: 2,
        };
        assert_eq!(again.err(), Some(Rule::Body(rule)));
    }
}
