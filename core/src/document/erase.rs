//! Erasing: a control record takes the payload of a log's entry away, everywhere and for good. What
//! is left is a husk that counts by its header alone, so the chain above it stands.

use super::{Document, EngineDoc, Event};
use crate::{changeset::Payload, id::ChangeSetId, judge::Grounds, patch::Cause};

impl Document {
    /// Erases what the control log says of this document. A record and a body keep theirs: their
    /// later changes are built on it.
    pub fn erase(&mut self, grounds: &Grounds<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let EngineDoc::Log(log) = &self.engine else {
            return events;
        };
        let document = self.id;
        let erased =
            |(hlc, id, ..): &(_, ChangeSetId, _, _)| grounds.standing.erases(&document, *hlc, id);
        let gone: Vec<_> = log
            .entries()
            .filter(erased)
            .map(|(hlc, id, chain, _)| (hlc, id, chain))
            .collect();
        for (hlc, id, chain) in gone {
            let nodes = self.graph.line(chain).map(|line| line.nodes());
            // Stamps rise within a chain.
            let before = nodes.map_or(0, |nodes| nodes.partition_point(|node| node.hlc < hlc));
            if let Some(kept) = self.kept_mut(chain, (before as u64).saturating_add(1)) {
                kept.change.erase();
            }
            let patch = match &mut self.engine {
                EngineDoc::Log(log) => log.forget(hlc, id),
                EngineDoc::Record(_) | EngineDoc::Body(_) => None,
            };
            let patches = patch.into_iter().collect();
            events.extend(self.tell(id, chain, Cause::Remote, patches));
        }
        // What did not count for its payload does now.
        let beside = self.asides.iter().any(|aside| {
            grounds.erases(&aside.kept.change) && *aside.kept.change.payload() != Payload::Erased
        });
        if beside {
            self.rebuild(grounds, &mut events);
        }
        events
    }
}
