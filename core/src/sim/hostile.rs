//! What a hostile member makes of what it wrote: change sets under its own valid signature that no
//! engine would write, or under one that is not its own.

use super::{Rng, step::Craft};
use crate::{
    changeset::{ChangeSet, EngineKind, Header, Payload, Signed, seal},
    hlc::Hlc,
    id::{ChangeSetId, Epoch, Lane, SchemaId, UserId},
    value::Value,
};
use ed25519_dalek::SigningKey;

/// A change set made of one that the member wrote; none where it would not even be one.
pub(super) fn craft(
    rng: &mut Rng,
    key: &SigningKey,
    honest: &Signed,
    craft: Craft,
) -> Option<Signed> {
    let mut header = honest.change.header().clone();
    let mut payload = honest.change.payload().bytes()?.to_vec();
    match craft {
        Craft::Forged => {
            header.hlc = Hlc(header.hlc.0.wrapping_add(1));
            let change = ChangeSet::new(header, Payload::Present(payload)).ok()?;
            let proof = honest.proof.clone();
            return Some(Signed { change, proof });
        }
        Craft::Bent => bend(rng, &mut header),
        Craft::Mutated => mutate(rng, &mut payload),
        Craft::Fork => header.extension = vec![1; 1 + rng.below(8)],
        Craft::BackDated => header.hlc = Hlc::new(1, 0),
    }
    let change = ChangeSet::describing(header, payload).ok()?;
    if change.id() == honest.change.id() {
        return None;
    }
    seal(key, vec![change]).ok()?.pop()
}

/// One thing of a header says something else.
fn bend(rng: &mut Rng, header: &mut Header) {
    match rng.below(14) {
        0 => header.seq = header.seq.wrapping_add(1 + rng.below(3) as u64),
        1 => header.prev = Some(ChangeSetId(rng.bytes())),
        2 => drop(header.deps.pop()),
        3 => header.deps.clear(),
        4 => header.hlc = Hlc(rng.next() >> rng.below(64)),
        5 => header.schema = SchemaId(rng.bytes()),
        6 => header.schema_version = rng.below(4) as u32,
        7 => header.control.number = header.control.number.wrapping_add(rng.below(9) as u64),
        8 => {
            let engines = [EngineKind::Automerge, EngineKind::Yrs, EngineKind::Log];
            header.engine = engines
                .get(rng.below(3))
                .copied()
                .unwrap_or(EngineKind::Log);
        }
        9 => header.route.push(("title".to_owned(), Value::Int(1))),
        10 => header.replaces = Some(ChangeSetId(rng.bytes())),
        11 => header.chain.lane = Lane(rng.below(3) as u16),
        12 => header.chain.epoch = Epoch(rng.below(3) as u32),
        _ => header.author = UserId(rng.bytes()),
    }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len());
        match rng.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
}
