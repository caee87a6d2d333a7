//! Control records, signed again by a founder whose key is valid.

use crate::{Reached, Target, meter};
use anabranch_core::{
    changeset::ControlPosition,
    control::{
        Added, ControlBody, ControlDecodeError, ControlError, ControlLog, Cut, RefuseReason, Role,
        SignedControl, Slot, Standing,
    },
    hlc::Hlc,
    id::{
        ActorSalt, Chain, ChangeSetId, DocumentId, Epoch, Lane, OriginId, SchemaId, UserId,
        WorkspaceId,
    },
    sim::Rng,
};
use ed25519_dalek::SigningKey;

pub(super) const TARGET: Target = Target {
    name: "control",
    what: "a control record, read, signed again by the founder and added to a log",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

const WORKSPACE: WorkspaceId = WorkspaceId([1; 16]);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn founder() -> OriginId {
    OriginId(key().verifying_key().to_bytes())
}

/// A log of one founding record.
fn log() -> ControlLog {
    let mut log = ControlLog::new(WORKSPACE, founder());
    let body = ControlBody::Found {
        owner: UserId([1; 16]),
        device: founder(),
        salt: ActorSalt([2; 16]),
        orderer: founder(),
        recovery: founder(),
    };
    log.add(log.draft(body, Hlc::new(1, 0)).sign(&key()))
        .unwrap();
    log
}

fn seeds() -> Vec<Vec<u8>> {
    let log = log();
    let slot = Slot {
        document: DocumentId([3; 32]),
        chain: Chain {
            origin: OriginId([4; 32]),
            epoch: Epoch(0),
            lane: Lane(0),
        },
        seq: 2,
    };
    let id = ChangeSetId([5; 32]);
    let bodies = [
        ControlBody::Orderer {
            next: OriginId([4; 32]),
        },
        ControlBody::Member {
            user: UserId([6; 16]),
            origin: OriginId([4; 32]),
            role: Role::Member,
            salt: ActorSalt([7; 16]),
        },
        ControlBody::Role {
            user: UserId([6; 16]),
            role: Role::Reader,
        },
        ControlBody::Revoke {
            origin: OriginId([4; 32]),
            cut: vec![Cut { last: slot }],
        },
        ControlBody::ActivateSchema {
            schema: SchemaId([8; 32]),
            kind: "task".into(),
            version: 1,
        },
        ControlBody::ActivateRules { version: 2 },
        ControlBody::Refuse {
            slot,
            id,
            reason: RefuseReason::Policy("row".into()),
        },
        ControlBody::Fork { slot, winner: id },
        ControlBody::KeyEpoch {
            epoch: 1,
            fingerprint: [9; 32],
        },
        ControlBody::PruneBefore {
            document: slot.document,
            before: Hlc::new(5, 0),
        },
        ControlBody::Erase { slot, id },
    ];
    bodies
        .into_iter()
        .map(|body| log.draft(body, Hlc::new(2, 0)).sign(&key()).encode())
        .collect()
}

fn run(input: &[u8]) -> Reached {
    let decoded = match meter::judging(|| SignedControl::decode(input)) {
        Ok(decoded) => decoded,
        Err(ControlDecodeError::Size { .. }) => return Reached::Rejected("control-size"),
        Err(ControlDecodeError::Form { .. }) => return Reached::Rejected("control-form"),
    };
    assert_eq!(
        decoded.encode(),
        input,
        "a control record is written in one way only"
    );
    let signed = decoded.record.sign(&key());
    let mut log = log();
    let before = log.tip();
    let added = meter::judging(|| log.add(signed));
    let standing = Standing::of(&log);
    assert_eq!(
        standing.tip(),
        log.tip(),
        "the standing is that of the line"
    );
    match added {
        Ok(Added::Appended | Added::Turned) => Reached::Judged,
        Ok(Added::Known | Added::Beside) => {
            assert_eq!(
                log.tip(),
                before,
                "what stands beside the line moves nothing"
            );
            Reached::Rejected("control-beside")
        }
        Err(ControlError::Workspace { .. }) => Reached::Rejected("control-workspace"),
        Err(ControlError::Signature { .. }) => Reached::Rejected("control-signature"),
        Err(ControlError::Flood) => Reached::Rejected("control-flood"),
    }
}

fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    match SignedControl::decode(input) {
        Ok(mut signed) if rng.one_in(2) => {
            let record = &mut signed.record;
            match rng.below(5) {
                0 => record.position.number = rng.next() >> rng.below(64),
                1 => {
                    record.position = ControlPosition {
                        epoch: rng.next() as u32 >> rng.below(32),
                        number: 2,
                    }
                }
                2 => record.prev = None,
                3 => record.hlc = Hlc(rng.next()),
                _ => record.workspace = WorkspaceId([1 + rng.below(2) as u8; 16]),
            }
            signed.encode()
        }
        _ => super::bytewise(rng, input),
    }
}
