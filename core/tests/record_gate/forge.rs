//! Changes as an author with a valid key could send them: altered, with length and checksum right.

use crate::world::{Dice, Sent, World};
use automerge::{
    ActorId, Change, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
    transaction::Transaction,
};
use sha2::{Digest, Sha256};

const CHANGE: u8 = 1;

/// The bytes behind the chunk's header.
pub fn body(payload: &[u8]) -> &[u8] {
    let length = payload[9..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count()
        + 1;
    &payload[9 + length..]
}

/// A chunk around a body, with the length and checksum it needs.
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    let mut rest = body.len();
    loop {
        let byte = (rest & 0x7f) as u8;
        rest >>= 7;
        length.push(if rest == 0 { byte } else { byte | 0x80 });
        if rest == 0 {
            break;
        }
    }
    let hash = Sha256::new()
        .chain_update([kind])
        .chain_update(&length)
        .chain_update(body)
        .finalize();
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83];
    chunk.extend_from_slice(&hash[..4]);
    chunk.push(kind);
    chunk.extend_from_slice(&length);
    chunk.extend_from_slice(body);
    chunk
}

/// The same change with its operations or header altered, written canonically.
pub fn altered(sent: &Sent, alter: impl FnOnce(&mut ExpandedChange)) -> Sent {
    let mut change = Change::from_bytes(sent.payload.clone())
        .expect("valid")
        .decode();
    alter(&mut change);
    Sent {
        place: sent.place.clone(),
        payload: Change::from(change).raw_bytes().to_vec(),
    }
}

/// What replica `at` would write next, altered. The world stays as it was.
pub fn forged(
    world: &World,
    at: usize,
    edit: impl FnOnce(&mut Transaction<'_>),
    alter: impl FnOnce(&mut ExpandedChange),
) -> Sent {
    let mut world = world.clone();
    altered(&world.must_write(at, edit), alter)
}

/// Alters a few bytes of the body and mends length and checksum.
pub fn mutated(sent: &Sent, other: &Sent, dice: &mut Dice) -> Sent {
    let mut bytes = body(&sent.payload).to_vec();
    // Behind the dependencies, where most of the bytes are the operations'.
    let fixed = (1 + 32 * usize::from(bytes[0])).min(bytes.len() - 1);
    for _ in 0..1 + dice.below(3) {
        let from = if dice.below(8) == 0 { 0 } else { fixed };
        let at = from + dice.below(bytes.len() - from);
        match dice.below(8) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.roll() as u8,
            2 => bytes.insert(at, dice.roll() as u8),
            3 if bytes.len() > fixed + 2 => {
                bytes.remove(at);
            }
            4 => bytes[at] = [0, 1, 2, 0x7f, 0x7e, 0x80, 0xff, 0x40][dice.below(8)],
            5 => {
                let donor = body(&other.payload);
                let from = dice.below(donor.len());
                let count = dice.below(8).min(donor.len() - from).min(bytes.len() - at);
                bytes[at..at + count].copy_from_slice(&donor[from..from + count]);
            }
            6 => {
                let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
                bytes.splice(at..at, huge);
            }
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
        if bytes.len() <= fixed + 1 {
            break;
        }
    }
    Sent {
        place: sent.place.clone(),
        payload: chunk(CHANGE, &bytes),
    }
}

/// Alters one operation's meaning; the engine writes it canonically.
pub fn twisted(sent: &Sent, dice: &mut Dice) -> Sent {
    altered(sent, |change| {
        let own = change.actor_id.clone();
        let start = change.start_op.get();
        let at = dice.below(change.operations.len());
        let ids = ids(change, &own, start);
        let id = ids[dice.below(ids.len())].clone();
        let op = &mut change.operations[at];
        match dice.below(10) {
            0 => op.obj = ObjectId::Id(id),
            1 => op.obj = ObjectId::Root,
            2 => op.key = Key::Seq(ElementId::Id(id)),
            3 => op.key = Key::Seq(ElementId::Head),
            4 => {
                let keys = [
                    "title", "tags", "views", "sender", "place", "lat", "~life", "7", "",
                ];
                op.key = Key::Map(keys[dice.below(keys.len())].into());
            }
            5 => op.pred = vec![id].into(),
            6 => op.pred = Vec::new().into(),
            7 => op.insert = !op.insert,
            8 => {
                op.action = match dice.below(9) {
                    0 => OpType::Delete,
                    1 => OpType::Increment(dice.roll() as i64),
                    2 => OpType::Make(ObjType::Map),
                    3 => OpType::Make(ObjType::Text),
                    4 => OpType::Put(ScalarValue::Null),
                    5 => OpType::Put(ScalarValue::Int(dice.roll() as i64)),
                    6 => OpType::Put(ScalarValue::Str("x".into())),
                    7 => OpType::Put(ScalarValue::F64(f64::NAN)),
                    _ => OpType::Put(ScalarValue::counter(1)),
                }
            }
            _ => {
                let twin: Op = op.clone();
                change.operations.insert(at, twin);
            }
        }
    })
}

fn ids(change: &ExpandedChange, own: &ActorId, start: u64) -> Vec<OpId> {
    let mut ids = vec![
        OpId::new(1, &ActorId::from(*b"anabranch:genes1")),
        OpId::new(7, &ActorId::from(*b"anabranch:genes1")),
        OpId::new(start, own),
        OpId::new(start + 1, own),
        OpId::new(start.saturating_sub(1).max(1), own),
        OpId::new(start + 99, own),
    ];
    for op in &change.operations {
        ids.extend(op.pred.iter().cloned());
        if let ObjectId::Id(id) = &op.obj {
            ids.push(id.clone());
        }
        if let Key::Seq(ElementId::Id(id)) = &op.key {
            ids.push(id.clone());
        }
    }
    ids
}
