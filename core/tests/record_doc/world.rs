//! Replicas that edit one record and pass their changes on by hand.

use anabranch_core::{
    causal::Past,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, DocumentId, EntityId, Epoch, Lane, OriginId, UserId, ViewId},
    judge::{Candidate, Place, Rule, Writer},
    patch::Patch,
    record::{EditError, RecordDoc, RecordEdit, RecordOp, RecordView, unnumbered},
    schema::Schema,
    value::Value,
};
use std::{collections::BTreeMap, sync::Arc};

/// One field of every rule.
pub const EVERY_RULE: &str = r#"
kind = "thing"
version = 1
about = "one field of every rule"
on_delete_edit = "recover"
[record.fields]
title = "lww text"
done = "lww bool"
due = "lww time"
rank = { rule = "lww", type = "int", min = -100, max = 100 }
status = { rule = "lww", choices = ["open", "doing", "done"] }
estimate = { rule = "keep", type = "int" }
subject = "once text"
votes = "counter"
tags = "set text"
steps = "list text"
note = "text"
extra = "open text"
[record.fields.spot]
rule = "group"
fields = { lat = "float", lon = "float" }
[record.fields.remarks]
rule = "append"
type = "entry"
entry = { text = "text", stars = "int" }
[record.fields.more]
rule = "map"
[record.fields.more.fields]
colour = "lww text"
count = "counter"
memo = "text"
"#;

/// A change on its way: what an envelope would say of it, by device numbers.
#[derive(Clone, Debug)]
pub struct Message {
    pub device: usize,
    pub seq: u64,
    pub hlc: Hlc,
    pub past: Vec<u64>,
    pub frontier: Vec<(usize, u64)>,
    pub genesis_before: u32,
    pub schema: Arc<Schema>,
    pub payload: Vec<u8>,
}

/// One device.
pub struct Replica {
    pub doc: RecordDoc,
    pub device: usize,
    /// How many changes of each device it holds.
    pub held: Vec<u64>,
    frontier: BTreeMap<usize, u64>,
    genesis: u32,
    pub chain: Vec<Arc<Schema>>,
    /// Chains are numbered otherwise on every replica.
    shift: usize,
    pub made: Vec<Message>,
}

pub const VIEW: ViewId = ViewId(1);

pub fn schema(text: &str) -> Arc<Schema> {
    match Schema::parse(text) {
        Ok(schema) => Arc::new(schema),
        Err(errors) => panic!("{errors}"),
    }
}

pub fn author_of(device: usize) -> UserId {
    UserId([device as u8 + 1; 16])
}

pub fn origin_of(device: usize) -> OriginId {
    // Not in the order of the devices, nor of their actors.
    OriginId([(device as u8).wrapping_mul(97).wrapping_add(13); 32])
}

fn writer(device: usize) -> Writer {
    Writer {
        chain: Chain {
            origin: origin_of(device),
            epoch: Epoch(0),
            lane: Lane(0),
        },
        author: author_of(device),
        actor: Actor::Automerge([(device as u8).wrapping_mul(59).wrapping_add(200); 16]),
    }
}

/// Some replicas of one record.
pub fn replicas(count: usize, chain: &[Arc<Schema>]) -> Vec<Replica> {
    (0..count)
        .map(|device| Replica::new(device, count, chain))
        .collect()
}

/// Replicas of a record with one field of every rule.
pub fn things(count: usize) -> Vec<Replica> {
    replicas(count, &[schema(EVERY_RULE)])
}

impl Replica {
    pub fn new(device: usize, devices: usize, chain: &[Arc<Schema>]) -> Self {
        let entity = EntityId {
            creator: UserId([7; 16]),
            nonce: [9; 16],
        };
        let mut doc = RecordDoc::new(DocumentId::of(&entity, "record"), "record", chain);
        let shift = device;
        for other in 0..devices {
            doc.register(index(other, shift, devices), &writer(other));
        }
        Replica {
            doc,
            device,
            held: vec![0; devices],
            frontier: BTreeMap::new(),
            genesis: 0,
            chain: chain.to_vec(),
            shift,
            made: Vec::new(),
        }
    }

    fn index(&self, device: usize) -> ChainIdx {
        index(device, self.shift, self.held.len())
    }

    pub fn device_of(&self, chain: ChainIdx) -> usize {
        (0..self.held.len())
            .find(|device| self.index(*device) == chain)
            .expect("registered")
    }

    pub fn past(&self, held: &[u64]) -> Past {
        let mut past = Past::default();
        for (device, seq) in held.iter().enumerate() {
            if *seq > 0 {
                past.raise(self.index(device), *seq);
            }
        }
        past
    }

    /// Where the next edit of this device stands, under its newest schema.
    pub fn place(&self, hlc: u64) -> Place {
        let mut frontier: Vec<(ChainIdx, u64)> = self
            .frontier
            .iter()
            .map(|(device, seq)| (self.index(*device), *seq))
            .collect();
        frontier.sort_unstable();
        Place {
            chain: self.index(self.device),
            seq: self.held[self.device] + 1,
            hlc: stamp(hlc),
            past: Arc::new(self.past(&self.held)),
            frontier,
            genesis_before: self.genesis,
            schema: self.chain.last().expect("a schema").clone(),
        }
    }

    pub fn edit(&mut self, hlc: u64, ops: &[RecordOp]) -> Result<RecordEdit, EditError> {
        let place = self.place(hlc);
        let edit = self.doc.edit_in(&place, VIEW, ops)?;
        self.made_one(&place, &edit.payload);
        Ok(edit)
    }

    pub fn undo(&mut self, hlc: u64) -> Option<RecordEdit> {
        let place = self.place(hlc);
        let edit = self.doc.undo(&place, VIEW).expect("undo works")?;
        self.made_one(&place, &edit.payload);
        Some(edit)
    }

    pub fn redo(&mut self, hlc: u64) -> Option<RecordEdit> {
        let place = self.place(hlc);
        let edit = self.doc.redo(&place, VIEW).expect("redo works")?;
        self.made_one(&place, &edit.payload);
        Some(edit)
    }

    pub fn made_one(&mut self, place: &Place, payload: &[u8]) {
        let message = Message {
            device: self.device,
            seq: place.seq,
            hlc: place.hlc,
            past: self.held.clone(),
            frontier: self
                .frontier
                .iter()
                .map(|(device, seq)| (*device, *seq))
                .collect(),
            genesis_before: place.genesis_before,
            schema: place.schema.clone(),
            payload: payload.to_vec(),
        };
        self.holds(&message);
        self.made.push(message);
    }

    fn holds(&mut self, message: &Message) {
        self.held[message.device] = message.seq;
        self.frontier
            .retain(|device, seq| *seq > message.past[*device]);
        self.frontier.insert(message.device, message.seq);
        self.genesis = self.genesis.max(message.schema.version());
    }

    /// What a message is to this replica.
    pub fn place_of(&self, message: &Message) -> Place {
        let mut frontier: Vec<(ChainIdx, u64)> = message
            .frontier
            .iter()
            .map(|(device, seq)| (self.index(*device), *seq))
            .collect();
        frontier.sort_unstable();
        Place {
            chain: self.index(message.device),
            seq: message.seq,
            hlc: message.hlc,
            past: Arc::new(self.past(&message.past)),
            frontier,
            genesis_before: message.genesis_before,
            schema: message.schema.clone(),
        }
    }

    pub fn can_take(&self, message: &Message) -> bool {
        message.seq == self.held[message.device] + 1
            && message
                .past
                .iter()
                .zip(&self.held)
                .all(|(needed, held)| needed <= held)
    }

    /// Judges, admits and applies some messages as one batch.
    pub fn take(&mut self, messages: &[&Message]) -> Vec<Vec<Patch>> {
        let mut batch = Vec::new();
        for message in messages {
            assert!(self.can_take(message), "causal order");
            let place = self.place_of(message);
            let candidate = Candidate {
                place: &place,
                payload: &message.payload,
            };
            let judged = self.doc.judge(&candidate);
            let judged = judged.unwrap_or_else(|rule: Rule| panic!("honest work refused: {rule}"));
            self.doc.admit(&judged);
            self.holds(message);
            batch.push(judged);
        }
        self.doc.apply(batch).expect("applies")
    }

    /// Takes in everything of some messages that it lacks, in batches of one causal round each.
    pub fn take_all(&mut self, messages: &[Message]) -> Vec<Patch> {
        let mut patches = Vec::new();
        loop {
            let next = messages
                .iter()
                .find(|message| self.can_take(message))
                .cloned();
            let Some(message) = next else {
                return patches;
            };
            patches.extend(self.take(&[&message]).into_iter().flatten());
        }
    }

    pub fn view(&self) -> RecordView {
        self.doc.project(&unnumbered)
    }

    pub fn value(&self, field: &[&str]) -> Value {
        self.view().get(field).cloned().unwrap_or(Value::Null)
    }
}

fn index(device: usize, shift: usize, devices: usize) -> ChainIdx {
    ChainIdx(((device + shift) % devices) as u32)
}

/// A stamp in milliseconds.
pub fn stamp(millis: u64) -> Hlc {
    Hlc::new(millis, 0)
}

/// All messages made by some replicas.
pub fn made(replicas: &[Replica]) -> Vec<Message> {
    replicas
        .iter()
        .flat_map(|replica| replica.made.clone())
        .collect()
}

/// Gives everyone everything, and checks that all read the same.
pub fn settle(replicas: &mut [Replica]) -> RecordView {
    let all = made(replicas);
    for replica in replicas.iter_mut() {
        replica.take_all(&all);
    }
    let first = replicas[0].view();
    for replica in replicas.iter() {
        assert_eq!(replica.view(), first);
        assert_eq!(
            replica.doc.digest(&unnumbered),
            replicas[0].doc.digest(&unnumbered)
        );
    }
    first
}

/// Every order in which some messages can be delivered.
pub fn orders(messages: &[Message], devices: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    extend(messages, &mut vec![0; devices], &mut Vec::new(), &mut found);
    found
}

fn extend(
    messages: &[Message],
    held: &mut Vec<u64>,
    taken: &mut Vec<usize>,
    found: &mut Vec<Vec<usize>>,
) {
    if taken.len() == messages.len() {
        found.push(taken.clone());
        return;
    }
    for (at, message) in messages.iter().enumerate() {
        let ready = message.seq == held[message.device] + 1
            && message
                .past
                .iter()
                .zip(held.iter())
                .all(|(needed, held)| needed <= held);
        if ready {
            held[message.device] += 1;
            taken.push(at);
            extend(messages, held, taken, found);
            taken.pop();
            held[message.device] -= 1;
        }
    }
}

pub fn path(field: &[&str]) -> Vec<String> {
    field.iter().map(|name| (*name).to_owned()).collect()
}

pub fn put(field: &[&str], value: impl Into<Value>) -> RecordOp {
    RecordOp::Put {
        field: path(field),
        value: value.into(),
    }
}

pub fn clear(field: &[&str]) -> RecordOp {
    RecordOp::Put {
        field: path(field),
        value: Value::Null,
    }
}

pub fn splice(field: &[&str], at: u32, delete: u32, insert: &str) -> RecordOp {
    RecordOp::Splice {
        field: path(field),
        at,
        delete,
        insert: insert.to_owned(),
    }
}

pub fn add(field: &[&str], value: &str) -> RecordOp {
    RecordOp::Add {
        field: path(field),
        value: value.into(),
    }
}

pub fn remove(field: &[&str], value: &str) -> RecordOp {
    RecordOp::Remove {
        field: path(field),
        value: value.into(),
    }
}

pub fn increment(field: &[&str], by: i64) -> RecordOp {
    RecordOp::Increment {
        field: path(field),
        by,
    }
}

pub fn insert(field: &[&str], at: u32, value: &str) -> RecordOp {
    RecordOp::Insert {
        field: path(field),
        at,
        value: value.into(),
    }
}

pub fn delete(field: &[&str], at: u32, count: u32) -> RecordOp {
    RecordOp::Delete {
        field: path(field),
        at,
        count,
    }
}

pub fn append(field: &[&str], text: &str) -> RecordOp {
    RecordOp::Append {
        field: path(field),
        value: Value::Map([("text".to_owned(), Value::from(text))].into()),
    }
}

pub fn spot(lat: f64, lon: f64) -> Value {
    let number = |n| Value::Float(anabranch_core::value::Finite::new(n).expect("finite"));
    Value::Map(
        [
            ("lat".to_owned(), number(lat)),
            ("lon".to_owned(), number(lon)),
        ]
        .into(),
    )
}

pub fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| Value::from(*item)).collect())
}
