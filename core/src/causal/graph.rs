//! One document's effective history as a graph: chains of nodes, each with what its author had
//! seen. It knows ids and counts, no payloads.

use super::Past;
use crate::{
    hlc::Hlc,
    id::{Chain, ChainIdx, ChangeSetId},
    judge::Writer,
};
use std::collections::BTreeMap;

/// One change set of the effective history.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: ChangeSetId,
    /// Its stamp.
    pub hlc: Hlc,
    /// What its author had seen, itself excluded.
    pub past: Past,
    /// The highest schema version in its past, itself included.
    pub genesis: u32,
}

/// One chain: who writes it, and its change sets in order.
#[derive(Clone, Debug)]
pub struct Line {
    /// Who writes it.
    pub writer: Writer,
    nodes: Vec<Node>,
}

impl Line {
    /// Its change sets, `seq` 1 first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// The graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    index: BTreeMap<Chain, ChainIdx>,
    lines: Vec<Line>,
    present: Past,
    /// By chain. Almost always one, or as many as write at once.
    heads: Vec<(ChainIdx, u64)>,
    genesis: u32,
}

/// The union of what a change set's own chain and its dependencies had seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The past.
    pub past: Past,
    /// Its maximal elements, by chain.
    pub frontier: Vec<(ChainIdx, u64)>,
    /// The highest schema version in it.
    pub genesis: u32,
}

/// A dependency that another dependency, or the change set before, had seen already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redundant {
    /// Its chain.
    pub chain: ChainIdx,
    /// Its number.
    pub seq: u64,
}

impl Graph {
    /// A chain's index, if it is known.
    pub fn chain(&self, chain: &Chain) -> Option<ChainIdx> {
        self.index.get(chain).copied()
    }

    /// A chain's line.
    pub fn line(&self, chain: ChainIdx) -> Option<&Line> {
        self.lines.get(chain.at())
    }

    /// Every chain, by index.
    pub fn lines(&self) -> impl Iterator<Item = (ChainIdx, &Line)> + '_ {
        self.lines
            .iter()
            .enumerate()
            .map(|(at, line)| (ChainIdx(u32::try_from(at).unwrap_or(u32::MAX)), line))
    }

    /// Makes a chain known. Its writer never changes.
    pub fn intern(&mut self, writer: Writer) -> ChainIdx {
        let next = ChainIdx(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        let at = *self.index.entry(writer.chain).or_insert(next);
        if at == next {
            self.lines.push(Line {
                writer,
                nodes: Vec::new(),
            });
        }
        at
    }

    /// A change set by its place.
    pub fn node(&self, chain: ChainIdx, seq: u64) -> Option<&Node> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.lines.get(chain.at())?.nodes.get(at)
    }

    /// How many change sets of a chain there are.
    pub fn len_of(&self, chain: ChainIdx) -> u64 {
        self.lines
            .get(chain.at())
            .map_or(0, |line| line.nodes.len() as u64)
    }

    /// Everything that is here.
    pub fn present(&self) -> &Past {
        &self.present
    }

    /// The maximal elements of everything that is here, by chain.
    pub fn heads(&self) -> impl Iterator<Item = (ChainIdx, u64)> + '_ {
        self.heads.iter().copied()
    }

    /// The highest schema version that any change set here names.
    pub fn genesis(&self) -> u32 {
        self.genesis
    }

    /// What an author had seen who wrote after `prev` in the same chain and named `deps` beside it.
    ///
    /// # Errors
    /// Where one of them is no maximal element. All must be here.
    pub fn seen(
        &self,
        prev: Option<(ChainIdx, u64)>,
        deps: &[(ChainIdx, u64)],
    ) -> Result<Seen, Redundant> {
        let prev = prev.and_then(|(chain, seq)| Some((chain, seq, self.node(chain, seq)?)));
        let mut past = prev.map_or_else(Past::default, |(_, _, node)| node.past.clone());
        let mut genesis = prev.map_or(0, |(_, _, node)| node.genesis);
        for (dep_chain, dep_seq) in deps {
            if let Some(node) = self.node(*dep_chain, *dep_seq) {
                past.join(&node.past);
                genesis = genesis.max(node.genesis);
            }
        }
        if let Some((chain, seq)) = deps.iter().find(|(chain, seq)| past.contains(*chain, *seq)) {
            return Err(Redundant {
                chain: *chain,
                seq: *seq,
            });
        }
        let mut frontier = deps.to_vec();
        for (chain, seq) in deps {
            past.raise(*chain, *seq);
        }
        if let Some((chain, seq, _)) = prev {
            if !past.contains(chain, seq) {
                let at = frontier.partition_point(|(other, _)| *other < chain);
                frontier.insert(at, (chain, seq));
            }
            // Last, so that the next change set of the same run shares everything else.
            past.raise(chain, seq);
        }
        frontier.sort_unstable();
        Ok(Seen {
            past,
            frontier,
            genesis,
        })
    }

    /// Takes in a chain's next change set.
    pub fn push(&mut self, chain: ChainIdx, node: Node) {
        let seq = self.len_of(chain).saturating_add(1);
        if let Some(line) = self.lines.get_mut(chain.at()) {
            self.heads
                .retain(|(head, head_seq)| *head != chain && !node.past.contains(*head, *head_seq));
            let at = self.heads.partition_point(|(head, _)| *head < chain);
            self.heads.insert(at, (chain, seq));
            self.present.raise(chain, seq);
            self.genesis = self.genesis.max(node.genesis);
            line.nodes.push(node);
        }
    }
}
