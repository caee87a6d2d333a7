//! Several people writing one part at once, and mutants of what they would send next: each mutant
//! is a change set that one of them signed, standing on everything that its author had seen.

use super::{
    local_record,
    stage::{Desk, put},
};
use anabranch_core::{
    body::BodyOp,
    changeset::{ChangeSet, Verified, seal},
    document::Draft,
    record::RecordOp,
    replica::Replica,
    sim::Rng,
    value::Value,
};
use sha2::{Digest, Sha256};

const BEGIN_MS: u64 = 1_767_258_000_000;
const WRITERS: usize = 4;

/// What they write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A task's fields, in Automerge.
    Record,
    /// A Markdown text, in Yrs.
    Body,
}

/// The writers, and a reader that has everything but what comes next.
pub struct Crowd {
    /// Who holds everything that the writers had seen.
    pub reader: Replica,
    desk: Desk,
    part: Part,
    rng: Rng,
    now_ms: u64,
    /// Units of the text on which everybody stands.
    units: usize,
}

impl Crowd {
    /// A part that has been written at once so many times.
    pub fn new(part: Part, rounds: usize) -> Self {
        let (kind, name) = match part {
            Part::Record => ("task", "record"),
            Part::Body => ("markdown", "body"),
        };
        let desk = Desk::new(kind, name, WRITERS);
        let mut crowd = Crowd {
            reader: desk.reader(),
            desk,
            part,
            rng: Rng::new(21),
            now_ms: BEGIN_MS,
            units: 0,
        };
        for _ in 0..rounds {
            let next = crowd.write();
            crowd.hear(next);
        }
        crowd
    }

    /// The entity's part, in the reader's hands.
    pub fn document(&mut self) -> &mut anabranch_core::document::Document {
        let name = match self.part {
            Part::Record => "record",
            Part::Body => "body",
        };
        let entity = self.desk.entity;
        self.reader.document_mut(&entity, name).unwrap()
    }

    /// What each writer does next, none having heard of the others'.
    pub fn write(&mut self) -> Vec<Verified> {
        self.now_ms += 700;
        let units = self.units;
        let mut next = Vec::new();
        for at in 0..WRITERS {
            match self.part {
                Part::Record => loop {
                    let ops = self.record_ops(units);
                    if self.desk.takes_at(at, self.now_ms, &Draft::Record(&ops)) {
                        break;
                    }
                },
                Part::Body => {
                    let ops = self.body_ops(at, units);
                    self.desk.write_at(at, self.now_ms, &Draft::Body(&ops));
                }
            }
            next.extend(self.desk.lab.stations[at].flush_verified().unwrap());
        }
        next
    }

    /// Everybody hears of it.
    pub fn hear(&mut self, next: Vec<Verified>) {
        for station in &mut self.desk.lab.stations {
            station.replica.receive(self.now_ms, next.clone());
        }
        self.reader.receive(self.now_ms, next);
    }

    /// A change set that the author of one of these might sign instead: its bytes, as sent.
    pub fn mutant(&mut self, next: &[Verified]) -> Vec<u8> {
        let rng = &mut self.rng;
        let author = rng.below(next.len());
        let (header, payload) = next[author].change().clone().into_parts();
        let mut bytes = payload.bytes().unwrap().to_vec();
        let kind = rng.below(16);
        match kind {
            // What another writer says, said by this one.
            0 => bytes = payload_of(&next[rng.below(next.len())]),
            // A number that is another one, most often of something that is there.
            1..=9 => (0..1 + rng.below(2)).for_each(|_| {
                let at = rng.below(bytes.len());
                let by = 1 + rng.below(3) as u8;
                let up = rng.one_in(2);
                bytes[at] = bytes[at].wrapping_add(if up { by } else { by.wrapping_neg() });
            }),
            _ => havoc(&mut bytes, rng),
        }
        if self.part == Part::Record {
            bytes = repaired(bytes);
        }
        let change = ChangeSet::describing(header, bytes).unwrap();
        let mut signed = seal(&self.desk.lab.stations[author].key, vec![change]).unwrap();
        let mut sent = signed.remove(0).encode();
        if kind == 15 {
            havoc(&mut sent, rng);
        }
        sent
    }

    fn record_ops(&mut self, units: usize) -> Vec<RecordOp> {
        let rng = &mut self.rng;
        let field = |name: &str| vec![name.to_owned()];
        let word = Value::Text(format!("label {}", rng.below(300)));
        let one = match rng.below(5) {
            0 => {
                let insert = letters(rng);
                self.units += insert.len();
                RecordOp::Splice {
                    field: field("notes"),
                    at: rng.below(units + 1) as u32,
                    delete: 0,
                    insert,
                }
            }
            1 => RecordOp::Add {
                field: field("labels"),
                value: word,
            },
            _ => {
                let (name, value) = local_record::edits(1, rng.next()).remove(0);
                put(name, Value::Text(value))
            }
        };
        vec![one]
    }

    /// Each writer deletes in a stretch of its own, so that the length is known; they insert where
    /// they like, also at one place.
    fn body_ops(&mut self, writer: usize, units: usize) -> Vec<BodyOp> {
        let rng = &mut self.rng;
        let part = units / WRITERS;
        let begin = part * writer;
        let mut ops = Vec::new();
        for _ in 0..1 + rng.below(2) {
            let insert = letters(rng);
            let at = match rng.below(3) {
                0 => units / 2,
                _ => begin + rng.below(part + 1),
            };
            self.units += insert.len();
            ops.push(splice(at, 0, insert));
        }
        // First, so that the places of the others are still as they were meant.
        if part > 8 && rng.one_in(3) {
            let delete = 1 + rng.below(4);
            let at = begin + rng.below(part - delete);
            self.units -= delete;
            let shift = |op: &mut BodyOp| {
                if let BodyOp::Splice { at: place, .. } = op
                    && *place as usize > at
                {
                    *place = place.saturating_sub(delete as u32).max(at as u32);
                }
            };
            ops.iter_mut().for_each(shift);
            ops.insert(0, splice(at, delete, String::new()));
        }
        ops
    }
}

fn splice(at: usize, delete: usize, insert: String) -> BodyOp {
    BodyOp::Splice {
        text: Vec::new(),
        at: at as u32,
        delete: delete as u32,
        insert,
        marks: None,
    }
}

fn letters(rng: &mut Rng) -> String {
    let count = 1 + rng.below(5);
    let letter = |_| char::from(b'a' + rng.below(26) as u8);
    (0..count).map(letter).collect()
}

fn payload_of(verified: &Verified) -> Vec<u8> {
    verified.change().payload().bytes().unwrap().to_vec()
}

/// Changes one to four bytes, takes them out or puts some in.
pub fn havoc(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 if bytes.len() > 1 => drop(bytes.remove(at)),
            1 => bytes.insert(at, rng.next() as u8),
            2 => bytes[at] ^= 1 << rng.below(8),
            _ => bytes[at] = rng.next() as u8 >> rng.below(8),
        }
    }
}

/// An Automerge chunk whose frame holds again: magic bytes, kind, length, checksum.
fn repaired(bytes: Vec<u8>) -> Vec<u8> {
    // Magic (4), checksum (4), kind (1), length (LEB128).
    let Some(rest) = bytes.get(9..) else {
        return bytes;
    };
    let length_len = rest
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .map_or(0, |at| at + 1);
    let body = rest.get(length_len..).unwrap_or_default();
    let mut hashed = vec![1u8];
    let mut len = body.len();
    while len >= 0x80 {
        hashed.push(len as u8 | 0x80);
        len >>= 7;
    }
    hashed.push(len as u8);
    hashed.extend_from_slice(body);
    let hash = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &hashed].concat()
}
