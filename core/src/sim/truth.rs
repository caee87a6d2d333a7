//! What is known from outside: what was acknowledged, which names are used by one store alone, and
//! what no store can be blamed for. Against it devices are held.

use super::{
    check::Picture,
    register::Register,
    world::{Broken, Held, World, broken},
};
use crate::id::{Chain, ChangeSetId, DocumentId, OriginId};
use std::collections::{BTreeMap, BTreeSet};

/// The names of the invariants that every run checks, I1 to I12.
pub mod invariant {
    /// I1. What was acknowledged is in the store that acknowledged it, and in the end everywhere.
    pub const KEPT: &str = "I1 what was acknowledged is kept";
    /// I2. Equal sets of change sets and control records show equal states.
    pub const SAME_STATE: &str = "I2 equal sets show equal states";
    /// I3. A store opened again shows what it showed.
    pub const OPENED_AGAIN: &str = "I3 a store opened again shows the same";
    /// I4. No name stands for two histories, but where a copied store was not noticed.
    pub const ONE_HISTORY: &str = "I4 no name stands for two histories";
    /// I5. Each effective change set stands on the one before it in its chain and on all it names.
    pub const WHOLE: &str = "I5 chains and pasts are whole";
    /// I6. A log shows each effective entry once, and nothing else.
    pub const APPEND_ONLY: &str = "I6 a log shows each entry once";
    /// I7. Of writes to a register that had not seen each other, the latest shows.
    pub const LATEST: &str = "I7 the latest write shows";
    /// I8. Everybody says the same of each change set.
    pub const SAME_LABELS: &str = "I8 everybody labels alike";
    /// I9. Own edits are kept as they were asked for.
    pub const INTENTS: &str = "I9 own edits are kept as asked";
    /// I10. What waits is bounded.
    pub const BOUNDED: &str = "I10 what waits is bounded";
    /// I11. Whoever writes sees it at once.
    pub const READ_OWN: &str = "I11 whoever writes reads it";
    /// I12. When all faults have stopped, everything is saved and is everywhere.
    pub const CALM: &str = "I12 after the faults all is saved everywhere";
    /// A hostile member, a fork or a copy harms nobody else's work.
    pub const UNHARMED: &str = "nobody else's work is harmed";
    /// A store that nothing happened to opens.
    pub const OPENS: &str = "a sound store opens";
    /// No engine stops at what its gate let pass.
    pub const UNSTUCK: &str = "no engine stops";

    /// All of them.
    pub const ALL: &[&str] = &[
        KEPT,
        SAME_STATE,
        OPENED_AGAIN,
        ONE_HISTORY,
        WHOLE,
        APPEND_ONLY,
        LATEST,
        SAME_LABELS,
        INTENTS,
        BOUNDED,
        READ_OWN,
        CALM,
        UNHARMED,
        OPENS,
        UNSTUCK,
    ];
}

/// What is known from outside.
#[derive(Default)]
pub(super) struct Truth {
    /// What was acknowledged, and by which device.
    pub(super) acknowledged: BTreeMap<ChangeSetId, usize>,
    /// What stood on a disk that broke its promise, and nowhere else.
    pub(super) gone: BTreeSet<ChangeSetId>,
    /// What stands in each place of a chain.
    places: BTreeMap<(DocumentId, Chain, u64), ChangeSetId>,
    /// Which store writes under each epoch of a device.
    epochs: BTreeMap<(OriginId, u32), u64>,
    /// Devices whose name more than one store uses, or which are hostile: their places may fork.
    pub(super) twins: BTreeSet<OriginId>,
    stores: u64,
    /// What was shown of each set of change sets and control records: contents and labels.
    pub(super) states: BTreeMap<[u8; 32], Picture>,
    pub(super) register: Register,
}

impl Truth {
    /// A name for a store that there was not before.
    pub(super) fn new_store(&mut self) -> u64 {
        self.stores = self.stores.saturating_add(1);
        self.stores
    }
}

impl World<'_, '_> {
    /// Looks at what a device has acknowledged and saved since the last time, and under which name it
    /// writes.
    pub(super) fn watch(&mut self, at: usize) -> Held {
        let Some(device) = self.devices.get_mut(at) else {
            return Ok(());
        };
        let origin = device.origin();
        if device.store_name == 0 {
            device.store_name = self.truth.new_store();
        }
        if device.hostile {
            self.truth.twins.insert(origin);
        }
        let pen = device
            .engine
            .replica(&self.workspace)
            .and_then(|one| one.pen());
        if let Some(epoch) = pen.map(|pen| pen.epoch.0) {
            let store = self
                .truth
                .epochs
                .entry((origin, epoch))
                .or_insert(device.store_name);
            if *store != device.store_name {
                self.truth.twins.insert(origin);
            }
        }
        for id in std::mem::take(&mut device.acknowledged) {
            self.truth.acknowledged.insert(id, at);
        }
        let news = device.saved.get(device.watched..).unwrap_or_default();
        let mut checks = 0u64;
        for signed in news {
            let header = signed.change.header();
            let id = signed.change.id();
            if self.truth.twins.contains(&header.chain.origin) {
                continue;
            }
            let place = (header.document(), header.chain, header.seq);
            let there = *self.truth.places.entry(place).or_insert(id);
            checks = checks.saturating_add(1);
            if there != id {
                let found = format!(
                    "{} holds {id} where another device has {there}: number {} of chain {:?}",
                    device.name, header.seq, header.chain
                );
                return Err(broken(invariant::ONE_HISTORY, found));
            }
        }
        device.watched = device.saved.len();
        if checks > 0 {
            self.count(invariant::ONE_HISTORY);
        }
        Ok(())
    }

    /// Excuses what stood on a broken disk alone.
    pub(super) fn excuse(&mut self, lost: impl Iterator<Item = ChangeSetId>) {
        self.truth.gone.extend(lost);
    }

    /// What users want to hold, on one device.
    pub(super) fn hold_to_wishes(&mut self, at: usize) -> Held {
        if self.hooks.invariants.is_empty() {
            return Ok(());
        }
        let mut checked = Vec::new();
        let mut failed: Option<Broken> = None;
        if let Some(view) = self.view(at) {
            for (name, holds) in &self.hooks.invariants {
                checked.push(name.clone());
                if let Err(found) = holds(&view) {
                    failed = Some(broken(name, format!("on {}: {found}", view.name())));
                    break;
                }
            }
        }
        checked.iter().for_each(|name| self.count(name));
        failed.map_or(Ok(()), Err)
    }
}
