//! A few honest authors who write and exchange updates: every update with its author, its number
//! and what its author had seen.

use crate::{bodies, bodies::Root, rng::Rng};
use anabranch_core::{body::BodyGate, causal::Past, id::ChainIdx, schema::BodyLayout};
use std::sync::{Arc, Mutex};
use yrs::{Doc, Transact, UndoManager};

pub struct Sent {
    pub chain: ChainIdx,
    pub seq: u64,
    pub past: Past,
    pub bytes: Vec<u8>,
    /// Made by undo or redo.
    pub undo: bool,
}

pub struct Replica {
    doc: Doc,
    root: Root,
    pub client: u64,
    pub have: Past,
    undo: UndoManager,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

pub struct Net {
    pub layout: BodyLayout,
    pub replicas: Vec<Replica>,
    pub log: Vec<Sent>,
}

impl Replica {
    fn new(client: u64, layout: BodyLayout) -> Self {
        let (doc, root) = bodies::new_doc(client, layout);
        let sent = Arc::new(Mutex::new(vec![]));
        let to = sent.clone();
        doc.observe_update_v1("sent", move |_, event| {
            to.lock().unwrap().push(event.update.clone());
        })
        .unwrap();
        let mut undo = UndoManager::with_options(yrs::undo::Options {
            capture_timeout_millis: 0,
            ..Default::default()
        });
        match &root {
            Root::Text(text) => undo.expand_scope(&doc, text),
            Root::Tree(tree) => undo.expand_scope(&doc, tree),
        }
        Replica {
            doc,
            root,
            client,
            have: Past::default(),
            undo,
            sent,
        }
    }

    fn drain(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

impl Net {
    /// Authors who make and deliver `steps` edits. Client ids are small, 32-bit and 53-bit.
    pub fn run(layout: BodyLayout, authors: usize, steps: usize, seed: u64) -> Net {
        let mut rng = Rng::new(seed);
        let replicas = (0..authors)
            .map(|at| {
                let bits = [9, 28, 49][(at + seed as usize) % 3];
                let client = ((rng.next() >> (64 - bits)) << 4) + at as u64 + 1;
                Replica::new(client, layout)
            })
            .collect();
        let mut net = Net {
            layout,
            replicas,
            log: vec![],
        };
        for _ in 0..steps {
            let at = rng.below(authors);
            let ready = net.ready(at);
            if !ready.is_empty() && rng.one_in(2) {
                for _ in 0..1 + rng.below(3) {
                    if let ready @ [_, ..] = net.ready(at).as_slice() {
                        net.deliver(at, rng.pick(ready));
                    }
                }
            } else {
                net.edit(at, &mut rng);
            }
        }
        net
    }

    fn edit(&mut self, at: usize, rng: &mut Rng) {
        let replica = &mut self.replicas[at];
        replica.drain();
        let undo = rng.one_in(8);
        if undo {
            match rng.one_in(3) {
                true => replica.undo.redo_blocking(),
                false => replica.undo.undo_blocking(),
            };
        } else {
            let mut txn = replica.doc.transact_mut();
            let edits = if rng.one_in(6) { 1 + rng.below(4) } else { 1 };
            for _ in 0..edits {
                bodies::edit(&replica.root, &mut txn, rng);
            }
        }
        let chain = ChainIdx(at as u32);
        for bytes in replica.drain() {
            let past = replica.have.clone();
            let seq = past.seq(chain) + 1;
            replica.have.raise(chain, seq);
            self.log.push(Sent {
                chain,
                seq,
                past,
                bytes,
                undo,
            });
        }
    }

    fn ready(&self, at: usize) -> Vec<usize> {
        ready(&self.log, &self.replicas[at].have)
    }

    fn deliver(&mut self, at: usize, sent: usize) {
        let (replica, sent) = (&mut self.replicas[at], &self.log[sent]);
        bodies::apply(&replica.doc, &sent.bytes).unwrap();
        replica.drain();
        replica.have.raise(sent.chain, sent.seq);
    }

    /// A gate that knows all authors.
    pub fn gate(&self) -> BodyGate {
        let mut gate = BodyGate::new(&bodies::shape(self.layout));
        for (at, replica) in self.replicas.iter().enumerate() {
            assert!(gate.register(ChainIdx(at as u32), replica.client));
        }
        gate
    }

    /// The log in some causal order.
    pub fn order(&self, rng: &mut Rng) -> Vec<usize> {
        let (mut have, mut order) = (Past::default(), vec![]);
        while let ready @ [_, ..] = ready(&self.log, &have).as_slice() {
            let next = rng.pick(ready);
            have.raise(self.log[next].chain, self.log[next].seq);
            order.push(next);
        }
        assert_eq!(order.len(), self.log.len());
        order
    }

    /// Everything of the log that a past holds, in the order it was made.
    pub fn within<'a>(&'a self, past: &'a Past) -> impl Iterator<Item = &'a Sent> {
        self.log
            .iter()
            .filter(|sent| past.contains(sent.chain, sent.seq))
    }
}

/// What of a log may follow a past.
pub fn ready(log: &[Sent], have: &Past) -> Vec<usize> {
    let follows = |sent: &Sent| sent.seq == have.seq(sent.chain) + 1 && have.covers(&sent.past);
    (0..log.len()).filter(|at| follows(&log[*at])).collect()
}
