//! Changes whose operations mean something else, written by the engine's own encoder.

use crate::{
    drive::driving,
    form::chunk::{self, Chunk},
};
use anabranch_core::sim::Rng;
use automerge::{
    ActorId, Change, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};

/// Most operations of a change that is taken apart.
const OPERATIONS_MAX: u64 = 4_000;

/// The body of the same change with one to three operations altered; none where the bytes are no
/// change that can be taken apart.
pub(crate) fn operations(rng: &mut Rng, body: &[u8]) -> Option<Vec<u8>> {
    let mut change = expanded(body)?;
    if change.operations.is_empty() {
        return None;
    }
    // Most keep the sort of what they change, so that many come through.
    let mild = rng.one_in(2);
    for _ in 0..1 + rng.below(2) {
        if mild {
            value(rng, &mut change);
        } else {
            meaning(rng, &mut change);
        }
    }
    chunk::body(Change::from(change).raw_bytes()).map(<[u8]>::to_vec)
}

/// Only bodies that the engine would write itself are taken apart by it: others make it panic, or
/// take all memory.
fn expanded(body: &[u8]) -> Option<ExpandedChange> {
    if Chunk::parse(body)?.operations() > OPERATIONS_MAX {
        return None;
    }
    let framed = chunk::frame(chunk::CHANGE, body);
    let taken = driving(|| {
        std::panic::catch_unwind(|| {
            let expanded = Change::from_bytes(framed.clone()).ok()?.decode();
            let again = Change::from(expanded.clone());
            (again.raw_bytes() == framed).then_some(expanded)
        })
    });
    taken.ok().flatten()
}

/// Another value of the same sort, or the same field with its twin.
fn value(rng: &mut Rng, change: &mut ExpandedChange) {
    let at = rng.below(change.operations.len());
    let op = &mut change.operations[at];
    match &mut op.action {
        OpType::Put(scalar) => match scalar {
            ScalarValue::Str(text) => {
                let words = ["x", "two words", "🌊", "", "open", "done", "é"];
                *text = match rng.below(4) {
                    0 => words[rng.below(words.len())].into(),
                    1 => format!("{text}{}", rng.below(10)).into(),
                    _ => words[rng.below(2)].into(),
                };
            }
            ScalarValue::Int(number) => *number = rng.next() as i64 >> rng.below(64),
            ScalarValue::F64(number) => *number = rng.below(1 << 20) as f64 / 64.0,
            ScalarValue::Boolean(truth) => *truth = !*truth,
            ScalarValue::Timestamp(millis) => *millis = rng.next() as i64 >> rng.below(64),
            ScalarValue::Bytes(bytes) => crate::bytes::mutate(rng, bytes),
            _ => {}
        },
        OpType::Increment(by) => *by = rng.next() as i64 >> (20 + rng.below(44)),
        _ => {}
    }
    if rng.one_in(6)
        && let Key::Map(name) = &op.key
    {
        let twins = [
            ("title", "name"),
            ("votes", "votes"),
            ("due", "at"),
            ("a", "d"),
            ("tags", "labels"),
        ];
        let twin = twins.iter().find(|(from, _)| *from == name.as_str());
        if let Some((_, twin)) = twin {
            op.key = Key::Map((*twin).into());
        }
    }
}

/// Another object, key, predecessor or action.
fn meaning(rng: &mut Rng, change: &mut ExpandedChange) {
    let known = ids(change);
    let id = known[rng.below(known.len())].clone();
    let count = change.operations.len();
    let at = rng.below(count);
    let op = &mut change.operations[at];
    match rng.below(13) {
        0 => op.obj = ObjectId::Id(id),
        1 => op.obj = ObjectId::Root,
        2 => op.key = Key::Seq(ElementId::Id(id)),
        3 => op.key = Key::Seq(ElementId::Head),
        4 => {
            let keys = [
                "title", "count", "votes", "tags", "notes", "place", "lat", "name", "extra",
                "~life", "~schema", "7", "",
            ];
            op.key = Key::Map(keys[rng.below(keys.len())].into());
        }
        5 => op.pred = vec![id].into(),
        6 => op.pred = Vec::new().into(),
        7 => op.insert = !op.insert,
        8 | 9 => op.action = action(rng),
        10 => {
            let twin: Op = op.clone();
            change.operations.insert(at, twin);
        }
        11 if count > 1 => drop(change.operations.remove(at)),
        _ => {
            let other = rng.below(count);
            change.operations.swap(at, other);
        }
    }
}

fn action(rng: &mut Rng) -> OpType {
    match rng.below(12) {
        0 => OpType::Delete,
        1 => OpType::Increment(rng.next() as i64),
        2 => OpType::Make(ObjType::Map),
        3 => OpType::Make(ObjType::Text),
        4 => OpType::Make(ObjType::List),
        5 => OpType::Put(ScalarValue::Null),
        6 => OpType::Put(ScalarValue::Int(rng.next() as i64)),
        7 => OpType::Put(ScalarValue::Str("x".into())),
        8 => OpType::Put(ScalarValue::F64(
            [f64::NAN, f64::INFINITY, -0.0, 1.5][rng.below(4)],
        )),
        9 => OpType::Put(ScalarValue::counter(1)),
        10 => OpType::Put(ScalarValue::Uint(7)),
        _ => OpType::Put(ScalarValue::Boolean(true)),
    }
}

/// Operations that a change may name: those of the genesis, its own, those it names already.
fn ids(change: &ExpandedChange) -> Vec<OpId> {
    let (own, start) = (&change.actor_id, change.start_op.get());
    let genesis = ActorId::from(anabranch_core::record::GENESIS_ACTOR);
    let mut ids: Vec<OpId> = (1..14)
        .map(|counter| OpId::new(counter, &genesis))
        .collect();
    for counter in [start, start + 1, start.saturating_sub(1).max(1), start + 99] {
        ids.push(OpId::new(counter, own));
    }
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
