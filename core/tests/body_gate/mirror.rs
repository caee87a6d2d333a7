//! The gate's order list held against the engine: the same updates in a yrs document, once with
//! and once without their deletes, must show the same units in the same order.

use crate::{
    bodies::{self, Root},
    wire::{Id, Update},
};
use anabranch_core::{
    body::{BodyGate, ContainerIdx},
    schema::BodyLayout,
};
use std::collections::{BTreeMap, BTreeSet};
use yrs::{
    Doc, ReadTxn, Transact, XmlFragment, XmlOut,
    branch::{Branch, BranchID},
};

/// A unit as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Text(u16),
    Child(Id),
    Hidden,
}

pub struct Mirror {
    layout: BodyLayout,
    pub live: Doc,
    keeper: Doc,
    units: BTreeMap<Id, Seen>,
    deleted: BTreeSet<Id>,
}

impl Mirror {
    pub fn new(layout: BodyLayout) -> Self {
        Mirror {
            layout,
            live: bodies::new_doc(900, layout).0,
            keeper: bodies::new_doc(901, layout).0,
            units: BTreeMap::new(),
            deleted: BTreeSet::new(),
        }
    }

    pub fn apply(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut update = Update::parse(bytes).expect("accepted updates can be taken apart");
        bodies::apply(&self.live, bytes)?;
        for (clock, block) in update.clocked() {
            for (at, unit) in seen(update.client, clock, block).into_iter().enumerate() {
                self.units.insert((update.client, clock + at as u32), unit);
            }
        }
        for (client, ranges) in &update.deletes {
            for (start, len) in ranges {
                let clocks = *start..*start + *len;
                self.deleted.extend(clocks.map(|clock| (*client, clock)));
            }
        }
        update.deletes.clear();
        if update.section {
            bodies::apply(&self.keeper, &update.encode())?;
        }
        Ok(())
    }

    /// Compares every visible sequence, with and without deletes.
    pub fn check(&self, gate: &BodyGate) -> Result<(), String> {
        self.check_doc(gate, &self.live, &self.deleted)?;
        self.check_doc(gate, &self.keeper, &BTreeSet::new())
    }

    fn check_doc(&self, gate: &BodyGate, doc: &Doc, deleted: &BTreeSet<Id>) -> Result<(), String> {
        let root = bodies::root(doc, self.layout);
        let txn = doc.transact();
        match &root {
            Root::Text(text) => {
                let units = bodies::units(text, &txn).into_iter().map(Seen::Text);
                self.compare(gate, ContainerIdx::ROOT, deleted, units.collect())
            }
            Root::Tree(tree) => self.check_tree(gate, ContainerIdx::ROOT, deleted, tree, &txn),
        }
    }

    fn check_tree<R: ReadTxn>(
        &self,
        gate: &BodyGate,
        at: ContainerIdx,
        deleted: &BTreeSet<Id>,
        tree: &impl XmlFragment,
        txn: &R,
    ) -> Result<(), String> {
        let mut children = vec![];
        for node in tree.children(txn) {
            let id = match &node {
                XmlOut::Element(block) => nested(block.as_ref()),
                XmlOut::Text(text) => nested(text.as_ref()),
                XmlOut::Fragment(_) => return Err("a fragment inside".into()),
            };
            children.push(Seen::Child(id));
            let inner = gate.container(id.0, id.1).ok_or("no such container")?;
            match &node {
                XmlOut::Element(block) => self.check_tree(gate, inner, deleted, block, txn)?,
                XmlOut::Text(text) => {
                    let units = bodies::units(text, txn).into_iter().map(Seen::Text);
                    self.compare(gate, inner, deleted, units.collect())?;
                }
                XmlOut::Fragment(_) => {}
            }
        }
        self.compare(gate, at, deleted, children)
    }

    fn compare(
        &self,
        gate: &BodyGate,
        at: ContainerIdx,
        deleted: &BTreeSet<Id>,
        engine: Vec<Seen>,
    ) -> Result<(), String> {
        let mut ours = vec![];
        for run in gate.runs(at) {
            for clock in run.clock..run.clock + run.len {
                let id = (run.client, clock);
                if !deleted.contains(&id) {
                    ours.push(self.units[&id]);
                }
            }
        }
        ours.retain(|unit| *unit != Seen::Hidden);
        if ours != engine {
            return Err(format!("{at:?}: gate {ours:?}, engine {engine:?}"));
        }
        Ok(())
    }
}

fn nested(branch: &Branch) -> Id {
    match branch.id() {
        BranchID::Nested(id) => (id.client.get(), id.clock),
        BranchID::Root(name) => panic!("root {name} inside a tree"),
    }
}

fn seen(client: u64, clock: u32, block: &crate::wire::Block) -> Vec<Seen> {
    match block.reference {
        4 => {
            let skip = block.content.iter().position(|byte| *byte < 0x80).unwrap() + 1;
            let text = std::str::from_utf8(&block.content[skip..]).unwrap();
            text.encode_utf16().map(Seen::Text).collect()
        }
        5 => vec![Seen::Text(0xfffc)],
        7 => vec![Seen::Child((client, clock))],
        _ => vec![Seen::Hidden; block.len as usize],
    }
}
