//! A change set with its proof, as stored.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    changeset::{FlushCache, Header, Payload, Proof, STORED_VERSION, Signed},
    sim::Rng,
};

pub(super) const TARGET: Target = Target {
    name: "signed",
    what: "a change set with its proof, read from stored bytes and verified",
    applies: false,
    run,
    seeds: stock::signed,
    mutate,
    end: super::nothing,
};

fn run(input: &[u8]) -> Reached {
    let signed = match meter::judging(|| Signed::decode(input)) {
        Ok(signed) => signed,
        Err(rule) => return Reached::Rejected(rule.code()),
    };
    assert_eq!(
        signed.encode(),
        input,
        "a change set is written in one way only"
    );
    assert_eq!(signed.change.id(), signed.change.header().id());
    match meter::judging(|| signed.verify(&mut FlushCache::new())) {
        Ok(_) => Reached::Judged,
        Err(rule) => Reached::Rejected(rule.code()),
    }
}

/// Half of them keep the form and hash what they carry.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let parts = input
        .get(1..)
        .and_then(|rest| postcard::from_bytes::<(Header, Payload, Proof)>(rest).ok());
    let Some((mut header, mut payload, mut proof)) = parts.filter(|_| rng.one_in(2)) else {
        return super::bytewise(rng, input);
    };
    match rng.below(6) {
        0 => stock::bend_header(rng, &mut header),
        1 => payload = [Payload::Erased, Payload::Absent][rng.below(2)].clone(),
        2 => proof.index = rng.next() as u16 >> rng.below(16),
        3 => proof.count = rng.next() as u16 >> rng.below(16),
        4 => proof.path.push(rng.bytes()),
        _ => {
            if let Payload::Present(bytes) = &mut payload {
                crate::bytes::mutate(rng, bytes);
            }
        }
    }
    if let Payload::Present(bytes) = &payload
        && !rng.one_in(8)
    {
        header = header.describe(bytes);
    }
    let body = postcard::to_allocvec(&(header, payload, proof)).unwrap();
    [&[STORED_VERSION], body.as_slice()].concat()
}
