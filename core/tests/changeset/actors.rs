//! Derived actors: nobody can choose one, and no two writers share one.

use anabranch_core::id::{
    ActorSalt, Chain, DocumentId, Epoch, Lane, OriginId, automerge_actor, yrs_client,
};
use std::collections::BTreeSet;

const CHAIN: Chain = Chain {
    origin: OriginId([1; 32]),
    epoch: Epoch(0),
    lane: Lane(0),
};
const DOCUMENT: DocumentId = DocumentId([2; 32]);
const SALT: ActorSalt = ActorSalt([3; 16]);

#[test]
fn every_input_changes_both_actors() {
    let chain = |bend: fn(&mut Chain)| {
        let mut chain = CHAIN;
        bend(&mut chain);
        chain
    };
    let inputs = [
        (CHAIN, DOCUMENT, SALT),
        (chain(|c| c.origin.0[31] ^= 1), DOCUMENT, SALT),
        (chain(|c| c.epoch.0 = 1), DOCUMENT, SALT),
        (chain(|c| c.epoch.0 = 1 << 24), DOCUMENT, SALT),
        (chain(|c| c.lane.0 = 1), DOCUMENT, SALT),
        (chain(|c| c.lane.0 = 1 << 8), DOCUMENT, SALT),
        (CHAIN, DocumentId([4; 32]), SALT),
        (CHAIN, DOCUMENT, ActorSalt([5; 16])),
    ];
    let automerge: BTreeSet<_> = inputs
        .iter()
        .map(|(chain, document, salt)| automerge_actor(chain, document, salt))
        .collect();
    let yrs: BTreeSet<_> = inputs
        .iter()
        .map(|(chain, document, salt)| yrs_client(chain, document, salt))
        .collect();
    assert_eq!((automerge.len(), yrs.len()), (inputs.len(), inputs.len()));
}

#[test]
fn yrs_clients_use_53_bits_and_are_never_zero() {
    let mut seen = 0;
    for lane in 0..=u16::MAX {
        let chain = Chain {
            lane: Lane(lane),
            ..CHAIN
        };
        let client = yrs_client(&chain, &DOCUMENT, &SALT);
        assert!((1..1 << 53).contains(&client));
        seen |= client;
    }
    assert_eq!(seen, (1 << 53) - 1, "every bit is used");
}

/// The author picks epoch and lane; without the salt it could search for a client id it wants
/// before it is admitted. The salt is fixed by whoever admits the device, after its key is known.
#[test]
fn ids_found_under_one_salt_are_worth_nothing_under_another() {
    let wanted = |salt: &ActorSalt| {
        (0..2_000u32)
            .map(|epoch| {
                let chain = Chain {
                    epoch: Epoch(epoch),
                    ..CHAIN
                };
                yrs_client(&chain, &DOCUMENT, salt)
            })
            .collect::<BTreeSet<_>>()
    };
    let (here, there) = (wanted(&SALT), wanted(&ActorSalt([9; 16])));
    assert_eq!((here.len(), there.len()), (2_000, 2_000));
    assert!(here.is_disjoint(&there));
}

#[test]
fn derived_actors_stay_what_they_are() {
    assert_eq!(
        (
            automerge_actor(&CHAIN, &DOCUMENT, &SALT),
            yrs_client(&CHAIN, &DOCUMENT, &SALT)
        ),
        derived_by_hand()
    );
}

/// The derivation as `change-set.md` words it, written a second time.
fn derived_by_hand() -> ([u8; 16], u64) {
    let mut bytes = b"anabranch actor v1\0".to_vec();
    bytes.extend([1; 32]);
    bytes.extend([2; 32]);
    bytes.extend([0; 4]);
    bytes.extend([0; 2]);
    bytes.extend([3; 16]);
    let hash = blake3::hash(&bytes);
    let low = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
    (
        hash.as_bytes()[..16].try_into().unwrap(),
        low & ((1 << 53) - 1),
    )
}
