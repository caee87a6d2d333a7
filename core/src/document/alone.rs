//! Judging an engine's bytes alone, as the next change set of their own author would carry them:
//! for `anabranch judge`, fuzzing, and whoever wants to know what a payload would come to.

use super::{Document, EngineDoc};
use crate::{
    body,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, Epoch, Lane, OriginId, UserId},
    judge::{Candidate, Place, Rule, Writer},
    record,
    schema::Schema,
};
use std::sync::Arc;

/// The place at which a payload would stand, if the writer it names sent it now.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Who would send it.
    pub writer: Writer,
    /// Where it would stand.
    pub place: Place,
}

impl Document {
    /// Where a payload would stand: on everything that is here, by the writer whose actor it names,
    /// with the stamp it bears. Bytes that name nobody stand under actor 0 and are refused by their
    /// form.
    pub fn stand(&self, payload: &[u8], schema: &Arc<Schema>) -> Stand {
        let (actor, hlc) = match self.engine {
            EngineDoc::Record(_) => {
                let (actor, time) = record::peek(payload).unwrap_or_default();
                (
                    Actor::Automerge(actor),
                    Hlc(u64::try_from(time).unwrap_or(0)),
                )
            }
            EngineDoc::Body(_) => (Actor::Yrs(body::peek(payload).unwrap_or(1)), Hlc::new(0, 1)),
            EngineDoc::Log(_) => (Actor::Automerge([0; 16]), Hlc::new(0, 1)),
        };
        let known = self
            .graph
            .lines()
            .find(|(_, line)| line.writer.actor == actor);
        let next = ChainIdx(u32::try_from(self.graph.lines().count()).unwrap_or(u32::MAX));
        let chain = known.map_or(next, |(chain, _)| chain);
        let writer = known
            .map(|(_, line)| line.writer.clone())
            .unwrap_or_else(|| Writer {
                chain: Chain {
                    origin: OriginId([0; 32]),
                    epoch: Epoch(0),
                    lane: Lane(0),
                },
                author: UserId([0; 16]),
                actor,
            });
        let seq = self.graph.len_of(chain).saturating_add(1);
        let place = Place {
            chain,
            seq,
            hlc,
            past: Arc::new(self.graph.present().with(chain, seq.saturating_sub(1))),
            frontier: self.graph.heads().collect(),
            genesis_before: self.graph.genesis(),
            schema: Arc::clone(schema),
        };
        Stand { writer, place }
    }

    /// Judges a payload at a place. Nothing changes.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn judge_alone(&mut self, stand: &Stand, payload: &[u8]) -> Result<(), Rule> {
        self.engine.register(stand.place.chain, &stand.writer);
        let candidate = Candidate {
            place: &stand.place,
            payload,
        };
        self.engine.judge(&self.part, &candidate).map(|_| ())
    }
}
