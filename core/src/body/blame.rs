//! Who wrote what.

use super::{
    BodyDoc, blocks::block_at, doc::Root, gate::UnitRun, ids::ItemId, index::ContainerIdx,
    kept::unit_of, state::State,
};
use crate::id::ChainIdx;
use yrs::{Transact, block::ItemContent, types::TypeRef};

/// A stretch of a text that one chain wrote in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Who wrote it.
    pub chain: ChainIdx,
    /// The name of its first unit; [`BodyDoc::written_by`] gives the change set.
    pub unit: ItemId,
    /// Where it begins, in UTF-16 units.
    pub at: u32,
    /// How long it is, in UTF-16 units.
    pub len: u32,
}

impl BodyDoc {
    /// Who wrote a text, from its beginning to its end; none where there is no such text. Text
    /// that a split, a join, a move or an undo made again is of who did that.
    pub fn blame(&self, text: &[u32]) -> Option<Vec<Blame>> {
        let container = {
            let txn = self.engine.doc.transact();
            match &self.engine.root {
                Root::Text(_) if text.is_empty() => ContainerIdx::ROOT,
                Root::Text(_) => return None,
                Root::Tree(tree) => {
                    let block = block_at(&txn, tree, text)?;
                    let unit = unit_of(block.as_ref())?;
                    self.gate.container(unit.client, unit.clock)?
                }
            }
        };
        let state = State::read(&self.engine.state())?;
        let mut out = Vec::new();
        self.blame_runs(&state, container, &mut out);
        Some(out)
    }

    /// The change set that wrote a unit: its chain, and its number there.
    pub fn written_by(&self, unit: ItemId) -> Option<(ChainIdx, u64)> {
        self.gate.written_by(unit.client, unit.clock)
    }

    fn blame_runs(&self, state: &State, container: ContainerIdx, out: &mut Vec<Blame>) {
        for run in self.gate.runs(container) {
            let mut by = 0_u32;
            while by < run.len {
                let id = ItemId {
                    client: run.client,
                    clock: run.clock.saturating_add(by),
                };
                by = by.saturating_add(1);
                let Some(block) = state.block(id) else {
                    continue;
                };
                if state.deleted.contains(id) || !block.counts() {
                    continue;
                }
                let text = match &block.content {
                    ItemContent::Type(inner) => matches!(inner.type_ref(), TypeRef::XmlText),
                    _ => false,
                };
                match self.gate.container(id.client, id.clock) {
                    Some(inner) if text => self.blame_runs(state, inner, out),
                    Some(_) | None => push(out, &run, id),
                }
            }
        }
    }
}

/// Adds a unit to the stretch before it, if it goes on there.
fn push(out: &mut Vec<Blame>, run: &UnitRun, unit: ItemId) {
    if let Some(last) = out.last_mut()
        && last.chain == run.chain
        && last.unit.plus(last.len) == unit
    {
        last.len = last.len.saturating_add(1);
        return;
    }
    let at = out
        .last()
        .map_or(0, |last| last.at.saturating_add(last.len));
    out.push(Blame {
        chain: run.chain,
        unit,
        at,
        len: 1,
    });
}
