//! Replicas with a real Automerge document each, and what they write as a gate is given it.

use anabranch_core::{
    causal::Past,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, DocumentId, Epoch, Lane, OriginId, UserId},
    judge::{Candidate, Place, Rule, Writer},
    record::{JudgedChange, RecordGate},
    schema::Schema,
};
use automerge::{
    ActorId, Automerge, ObjId, ROOT, ReadDoc,
    transaction::{CommitOptions, Transaction},
};
use std::{collections::BTreeMap, sync::Arc};

pub const V1: &str = r#"
kind = "thing"
version = 1
[record.fields]
title = { rule = "lww", type = "text", max = 40 }
done = "lww bool"
rank = { rule = "lww", type = "int", min = -1000000, max = 1000000 }
weight = "lww float"
due = "lww time"
seal = { rule = "lww", type = "bytes", max = 16 }
status = { rule = "lww", choices = ["open", "shut"] }
estimate = "keep int"
sender = "once text"
views = "counter"
tags = { rule = "set", type = "text", max = 64 }
lucky = "set int"
steps = { rule = "list", type = "text", max = 40 }
note = "text"
place = { rule = "group", fields = { lat = "float", lon = "float" } }
extra = { rule = "open", type = "text", max = 40 }
[record.fields.history]
rule = "append"
entry = { by = "text", at = "time" }
[record.fields.inner]
rule = "map"
[record.fields.inner.fields]
color = "lww text"
marks = { rule = "set", type = "text", max = 64 }
hits = "counter"
about = "text"
"#;

pub fn schemas(versions: usize) -> Vec<Arc<Schema>> {
    let second = V1.replace("version = 1", "version = 2").replace(
        "[record.fields.history]",
        "labels = { rule = \"set\", type = \"text\", max = 64, since = 2 }\nmood = { rule = \"lww\", \
         type = \"text\", since = 2 }\n[record.fields.history]",
    );
    [V1, &second]
        .iter()
        .take(versions)
        .map(|text| Arc::new(Schema::parse(text).expect("a schema")))
        .collect()
}

/// A small generator of its own, so that a printed seed says everything.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() >> 11) as usize % bound.max(1)
    }
}

pub type Id = (ChainIdx, u64);

/// A change as it travels.
#[derive(Clone)]
pub struct Sent {
    pub place: Place,
    pub payload: Vec<u8>,
}

impl Sent {
    pub fn id(&self) -> Id {
        (self.place.chain, self.place.seq)
    }

    pub fn candidate(&self) -> Candidate<'_> {
        Candidate {
            place: &self.place,
            payload: &self.payload,
        }
    }
}

#[derive(Clone)]
pub struct Replica {
    pub doc: Automerge,
    pub chain: ChainIdx,
    pub seq: u64,
    pub past: Past,
    pub frontier: Vec<Id>,
    pub genesis_before: u32,
    pub hlc: Hlc,
}

/// Replicas of one document.
#[derive(Clone)]
pub struct World {
    pub schemas: Vec<Arc<Schema>>,
    pub replicas: Vec<Replica>,
    pub sent: BTreeMap<Id, Sent>,
}

pub fn writer(chain: usize) -> Writer {
    Writer {
        chain: Chain {
            origin: OriginId([chain as u8; 32]),
            epoch: Epoch(0),
            lane: Lane(0),
        },
        author: UserId([chain as u8; 16]),
        // Not in the order of the chains: actors sort otherwise.
        actor: Actor::Automerge(actor(chain)),
    }
}

pub fn actor(chain: usize) -> [u8; 16] {
    let mut actor = [(chain as u8).wrapping_mul(151).wrapping_add(7); 16];
    actor[15] = chain as u8;
    actor
}

pub fn gate(schemas: &[Arc<Schema>], chains: usize) -> RecordGate {
    let mut gate = RecordGate::new(DocumentId([9; 32]), "record", schemas);
    for chain in 0..chains {
        gate.register(ChainIdx(chain as u32), &writer(chain));
    }
    gate
}

impl World {
    pub fn new(versions: usize, replicas: usize) -> Self {
        let schemas = schemas(versions);
        let genesis = gate(&schemas, 0).genesis().to_vec();
        let replicas = (0..replicas)
            .map(|chain| {
                let mut doc = Automerge::new().with_actor(ActorId::from(actor(chain)));
                doc.apply_changes(genesis.clone()).expect("genesis applies");
                Replica {
                    doc,
                    chain: ChainIdx(chain as u32),
                    seq: 0,
                    past: Past::default(),
                    frontier: Vec::new(),
                    genesis_before: 0,
                    hlc: Hlc::new(1_700_000_000_000 + chain as u64, 0),
                }
            })
            .collect();
        World {
            schemas,
            replicas,
            sent: BTreeMap::new(),
        }
    }

    pub fn gate(&self) -> RecordGate {
        gate(&self.schemas, self.replicas.len())
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.schemas.last().expect("a schema").clone()
    }

    /// The stamp that replica `at` will give its next change.
    pub fn next_hlc(&self, at: usize) -> Hlc {
        Hlc(self.replicas[at].hlc.0 + 1)
    }

    /// The place of the next change of replica `at`.
    pub fn next_place(&self, at: usize) -> Place {
        let replica = &self.replicas[at];
        Place {
            chain: replica.chain,
            seq: replica.seq + 1,
            hlc: self.next_hlc(at),
            past: Arc::new(replica.past.clone()),
            frontier: replica.frontier.clone(),
            genesis_before: replica.genesis_before,
            schema: self.schema(),
        }
    }

    /// Lets replica `at` write; none where what it asked for changes nothing.
    pub fn write(&mut self, at: usize, edit: impl FnOnce(&mut Transaction<'_>)) -> Option<Sent> {
        let place = self.next_place(at);
        let replica = &mut self.replicas[at];
        let mut tx = replica.doc.transaction();
        edit(&mut tx);
        let (hash, _) = tx.commit_with(CommitOptions::default().with_time(place.hlc.as_time()));
        hash?;
        let change = replica.doc.get_last_local_change().expect("just made");
        let sent = Sent {
            place,
            payload: change.raw_bytes().to_vec(),
        };
        replica.seq += 1;
        replica.hlc = sent.place.hlc;
        replica.see(&sent);
        self.sent.insert(sent.id(), sent.clone());
        Some(sent)
    }

    /// As [`World::write`], where something must come of it.
    pub fn must_write(&mut self, at: usize, edit: impl FnOnce(&mut Transaction<'_>)) -> Sent {
        self.write(at, edit).expect("a change")
    }

    /// Replica `to` hears everything replica `from` has.
    pub fn pull(&mut self, from: usize, to: usize) {
        let theirs = self.replicas[from].past.clone();
        let missing: Vec<Sent> = self
            .in_causal_order(&mut Dice(1))
            .into_iter()
            .filter(|sent| {
                let (chain, seq) = sent.id();
                theirs.contains(chain, seq) && !self.replicas[to].past.contains(chain, seq)
            })
            .collect();
        let replica = &mut self.replicas[to];
        let changes = missing.iter().map(|sent| {
            automerge::Change::from_bytes(sent.payload.clone()).expect("an honest change")
        });
        replica.doc.apply_changes(changes).expect("applies");
        for sent in &missing {
            replica.see(sent);
            replica.hlc = replica.hlc.max(sent.place.hlc);
        }
    }

    /// Everything sent, in an order that the dice choose among those causality allows.
    pub fn in_causal_order(&self, dice: &mut Dice) -> Vec<Sent> {
        causal_order(self.sent.values().cloned().collect(), dice)
    }

    /// The object at a path of keys.
    pub fn object(&self, path: &[&str]) -> ObjId {
        object(&self.replicas[0].doc, path)
    }
}

pub fn object(doc: &impl ReadDoc, path: &[&str]) -> ObjId {
    path.iter().fold(ROOT, |at, key| {
        doc.get(&at, *key).expect("readable").expect("is there").1
    })
}

pub fn causal_order(mut todo: Vec<Sent>, dice: &mut Dice) -> Vec<Sent> {
    let mut have = Past::default();
    let mut order = Vec::new();
    while !todo.is_empty() {
        let ready: Vec<usize> = (0..todo.len())
            .filter(|at| have.covers(&todo[*at].place.past))
            .collect();
        let sent = todo.remove(ready[dice.below(ready.len())]);
        have.raise(sent.place.chain, sent.place.seq);
        order.push(sent);
    }
    order
}

impl Replica {
    fn see(&mut self, sent: &Sent) {
        let (chain, seq) = sent.id();
        self.past.raise(chain, seq);
        self.frontier
            .retain(|(chain, seq)| !sent.place.past.contains(*chain, *seq));
        self.frontier.push((chain, seq));
        self.frontier.sort_unstable();
        self.genesis_before = self.genesis_before.max(sent.place.schema.version());
    }
}

/// Judges and, if it passes, admits.
pub fn take(gate: &mut RecordGate, sent: &Sent) -> Result<JudgedChange, Rule> {
    let judged = gate.judge(&sent.candidate())?;
    gate.admit(&judged);
    Ok(judged)
}

/// The code of a refusal.
pub fn code(rule: &Rule) -> &'static str {
    match rule {
        Rule::Record(rule) => rule.code(),
        Rule::Schema(rule) => rule.code(),
        Rule::Envelope(_) | Rule::Chain(_) | Rule::Body(_) | Rule::Log(_) => "elsewhere",
    }
}
