//! Taking judged changes into the op index.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath,
    genesis::{Container, Genesis},
    index::Index,
    rows::{
        ChangeRow, GENESIS, KeyRow, Kind, Link, NewChange, NewOp, ObjRef, Object, OpRef, OpRow,
        ROOT, Target, line_of,
    },
    rows::{END, LineRef},
};
use crate::{hlc::Hlc, id::ChainIdx};
use automerge::ChangeHash;

impl Index {
    /// Takes in the genesis change of the next schema version.
    pub(super) fn admit_genesis(&mut self, genesis: &Genesis) {
        let mut change = NewChange {
            start: genesis.change.start_op().get(),
            ..NewChange::default()
        };
        for made in &genesis.made {
            let parent = made.field.split_last().map_or(ROOT, |(_, parent)| {
                let found = self.paths.get(parent).map(|(_, object)| *object);
                found.unwrap_or(ROOT)
            });
            let kind = match made.container {
                Container::Version | Container::Counter => Kind::Put,
                Container::Map | Container::List | Container::Text => Kind::Make,
            };
            let name = made.field.last().map_or(super::VERSION_KEY, String::as_str);
            let key = change.keys.len() as u32;
            change.keys.push(name.to_owned());
            // Only the version's note is ever written again.
            let overwrites = self.visible_at_key(parent, name, &self.now());
            change
                .preds
                .extend(overwrites.iter().map(|op| Target::Past(*op)));
            change.ops.push(NewOp {
                kind,
                units: 0,
                gone: false,
                object: parent,
                key,
                preds: overwrites.len() as u32,
            });
            // The containers inside this one follow in the same change.
            let object = self.objects.len() as ObjRef;
            let op = (self.ops.len() as OpRef).saturating_add(key);
            if kind == Kind::Make {
                self.objects
                    .push(Object::new(made.field.clone(), made.container));
                self.made.insert(op, object);
            }
            let container = if kind == Kind::Make { object } else { parent };
            if !made.field.is_empty() {
                self.paths.insert(made.field.clone(), (op, container));
            }
        }
        let seq = genesis.change.seq();
        self.take(GENESIS, seq, Hlc(0), genesis.change.hash(), &change);
    }

    /// Takes in a judged change of a chain; one that is already there, or that does not follow the
    /// chain's last, leaves everything as it is.
    pub(super) fn admit(
        &mut self,
        chain: ChainIdx,
        seq: u64,
        hlc: Hlc,
        hash: ChangeHash,
        change: &NewChange,
    ) {
        if self.known.seq(chain).checked_add(1) != Some(seq) {
            return;
        }
        let line = line_of(chain);
        self.take(line, seq, hlc, hash, change);
        self.known.raise(chain, seq);
    }

    fn take(&mut self, line: LineRef, seq: u64, hlc: Hlc, hash: ChangeHash, new: &NewChange) {
        let Some(row) = self.lines.get_mut(line as usize) else {
            return;
        };
        let change = self.changes.len() as u32;
        let first = self.ops.len() as OpRef;
        row.changes.push(change);
        self.changes.push(ChangeRow {
            hash,
            max_op: new
                .start
                .saturating_add(new.ops.len() as u64)
                .saturating_sub(1),
            line,
            seq,
            hlc,
            start: new.start,
            first,
        });
        let mut preds = new.preds.iter();
        for op in &new.ops {
            let place = self.ops.len() as OpRef;
            self.ops.push(OpRow {
                change,
                object: op.object,
                preds: END,
                succs: END,
                kind: op.kind,
                units: op.units,
            });
            let count = op.preds as usize;
            let overwrites: smallvec::SmallVec<[OpRef; 4]> = preds
                .by_ref()
                .take(count)
                .map(|target| match target {
                    Target::Past(op) => *op,
                    Target::Own(at) => first.saturating_add(*at),
                })
                .collect();
            // A step leaves the counter it adds to as visible as it was.
            if op.kind != Kind::Step {
                for overwritten in &overwrites {
                    self.link(*overwritten, place);
                }
            }
            // None for elements: NO_KEY is no place.
            if let Some(key) = new.keys.get(op.key as usize) {
                self.write_key(op.object, key, op.kind, place, &overwrites);
            }
        }
        for (object, plus, minus) in &new.sizes {
            if let Some(row) = self.objects.get_mut(*object as usize) {
                row.size.add(line, seq, *plus, *minus);
            }
        }
        for (object, key, sum) in &new.steps {
            let row = self.objects.get_mut(*object as usize);
            let key = new.keys.get(*key as usize);
            if let Some(row) = row.zip(key).and_then(|(row, key)| row.keys.get_mut(key)) {
                row.steps.add(line, seq, *sum, 0);
            }
        }
    }

    fn link(&mut self, overwritten: OpRef, by: OpRef) {
        let succ = self.links.len() as u32;
        let pred = succ.saturating_add(1);
        let (mut next_succ, mut next_pred) = (END, END);
        if let Some(row) = self.ops.get_mut(overwritten as usize) {
            next_succ = std::mem::replace(&mut row.succs, succ);
        }
        if let Some(row) = self.ops.get_mut(by as usize) {
            next_pred = std::mem::replace(&mut row.preds, pred);
        }
        self.links.push(Link {
            op: by,
            next: next_succ,
        });
        self.links.push(Link {
            op: overwritten,
            next: next_pred,
        });
    }

    fn write_key(&mut self, object: ObjRef, key: &str, kind: Kind, op: OpRef, over: &[OpRef]) {
        let Some(object) = self.objects.get_mut(object as usize) else {
            return;
        };
        if !object.keys.contains_key(key) {
            object.keys.insert(key.to_owned(), KeyRow::default());
        }
        let Some(row) = object.keys.get_mut(key) else {
            return;
        };
        if kind == Kind::Step {
            return;
        }
        let ops = &self.ops;
        let is_live = |row: &KeyRow| {
            row.heads
                .iter()
                .any(|op| ops.get(*op as usize).is_some_and(|row| row.kind.is_value()))
        };
        let before = is_live(row);
        row.heads.retain(|head| !over.contains(head));
        row.heads.push(op);
        if over.is_empty() {
            row.roots.push(op);
        }
        let after = is_live(row);
        object.live = match (before, after) {
            (false, true) => object.live.saturating_add(1),
            (true, false) => object.live.saturating_sub(1),
            (true, true) | (false, false) => object.live,
        };
    }
}

impl Object {
    pub(super) fn new(field: FieldPath, container: Container) -> Self {
        Object {
            field,
            container,
            keys: std::collections::BTreeMap::new(),
            live: 0,
            size: super::tally::Tally::default(),
        }
    }
}
