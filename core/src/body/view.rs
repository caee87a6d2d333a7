//! What an author had seen when it wrote an update. Every judgement is made from here: facts about
//! admitted units, cut at the declared past, never this replica's present.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    chains::{Chains, Unit},
    index::Index,
    rule::BodyRule,
};
use crate::{causal::Past, id::ChainIdx};

/// What the author had seen, and the facts about it. Nothing newer is looked at.
pub(super) struct View<'a> {
    pub(super) chains: &'a Chains,
    pub(super) index: &'a Index,
    pub(super) past: &'a Past,
    /// The root's name.
    pub(super) root: &'a str,
    /// The writing chain.
    pub(super) author: ChainIdx,
    /// Its client.
    pub(super) client: u64,
    /// The clock at which the author goes on.
    pub(super) base: u32,
}

impl<'a> View<'a> {
    /// The view of a chain that has a client.
    pub(super) fn new(
        chains: &'a Chains,
        index: &'a Index,
        root: &'a str,
        author: ChainIdx,
        past: &'a Past,
    ) -> Result<Self, BodyRule> {
        Ok(View {
            chains,
            index,
            past,
            root,
            author,
            client: chains.client(author).ok_or(BodyRule::Unregistered)?,
            base: chains.seen(author, past),
        })
    }
}

impl View<'_> {
    /// The unit of an id, if the author had seen it (F3): `known` is how far its own clock is.
    #[inline]
    pub(super) fn unit(&self, client: u64, clock: u32, known: u32) -> Result<Unit, BodyRule> {
        let chain = if client == self.client {
            Some((self.author, known))
        } else {
            let chain = self.chains.chain(client);
            chain.map(|chain| (chain, self.chains.seen(chain, self.past)))
        };
        match chain {
            Some((chain, end)) if clock < end => Ok(Unit { chain, clock }),
            _ => Err(BodyRule::Unknown { client, clock }),
        }
    }

    /// Whether a unit belongs to the update that is being read.
    #[inline]
    pub(super) fn is_own(&self, unit: Unit) -> bool {
        unit.chain == self.author && unit.clock >= self.base
    }

    /// The client of a unit, for messages.
    pub(super) fn client_of(&self, unit: Unit) -> u64 {
        self.chains.client(unit.chain).unwrap_or(self.client)
    }
}
