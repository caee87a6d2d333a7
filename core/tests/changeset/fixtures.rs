//! Headers and change sets that keep every rule, to be bent by the tests.

use anabranch_core::{
    changeset::{ChangeSet, ControlPosition, Dep, EngineKind, Header, Payload, tags},
    hlc::Hlc,
    id::{Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId, SchemaId, UserId, WorkspaceId},
    value::{Finite, Value},
};
use ed25519_dalek::SigningKey;

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn chain(first: u8) -> Chain {
    Chain {
        origin: OriginId([first; 32]),
        epoch: Epoch(0),
        lane: Lane(0),
    }
}

pub fn dep(first: u8, seq: u64) -> Dep {
    Dep {
        chain: chain(first),
        seq,
        id: ChangeSetId([first ^ 0xff; 32]),
    }
}

/// The smallest header an author writes: the first change set of a chain that has seen nothing.
pub fn plain(key: &SigningKey) -> Header {
    Header {
        workspace: WorkspaceId([1; 16]),
        entity: EntityId {
            creator: UserId([2; 16]),
            nonce: [3; 16],
        },
        part: "record".into(),
        chain: Chain {
            origin: tags::origin(key),
            epoch: Epoch(0),
            lane: Lane(0),
        },
        author: UserId([2; 16]),
        on_behalf_of: None,
        seq: 1,
        prev: None,
        deps: Vec::new(),
        hlc: Hlc::new(1_700_000_000_000, 1),
        schema: SchemaId([4; 32]),
        schema_version: 1,
        rules: 1,
        control: ControlPosition {
            epoch: 0,
            number: 1,
        },
        engine: EngineKind::Automerge,
        actor: None,
        key_epoch: None,
        route: Vec::new(),
        payload_len: 0,
        payload_hash: [0; 32],
        replaces: None,
        extension: Vec::new(),
    }
}

/// A header with every field filled.
pub fn full(key: &SigningKey) -> Header {
    let mut header = plain(key);
    header.part = "log.comments".into();
    header.chain.epoch = Epoch(2);
    header.chain.lane = Lane(300);
    header.on_behalf_of = Some(UserId([5; 16]));
    header.seq = 130;
    header.prev = Some(ChangeSetId([6; 32]));
    header.deps = vec![dep(8, 1), dep(9, 70_000)];
    header.schema_version = 3;
    header.control.epoch = 1;
    header.control.number = 900;
    header.engine = EngineKind::Yrs;
    header.actor = Some(anabranch_core::id::Actor::Yrs((1 << 53) - 1));
    header.key_epoch = Some(4);
    header.route = vec![
        ("a".into(), Value::Null),
        ("b".into(), Value::Bool(true)),
        ("c".into(), Value::Int(-3)),
        ("d".into(), Value::Float(Finite::new(0.5).unwrap())),
        ("e".into(), Value::Text("é".into())),
        ("f".into(), Value::Bytes(vec![0, 255])),
        ("g".into(), Value::Time(1_700_000_000_000)),
    ];
    header.replaces = Some(ChangeSetId([10; 32]));
    header.extension = b"later".to_vec();
    header
}

pub fn change(header: Header, payload: &[u8]) -> ChangeSet {
    ChangeSet::new(header.describe(payload), Payload::Present(payload.to_vec())).unwrap()
}

/// A chain of `count` change sets, each naming the one before.
pub fn line(key: &SigningKey, count: u64) -> Vec<ChangeSet> {
    let mut prev = None;
    (1..=count)
        .map(|seq| {
            let mut header = plain(key);
            header.seq = seq;
            header.prev = prev;
            header.hlc = Hlc::new(1_700_000_000_000 + seq, 0);
            let change = change(header, &seq.to_le_bytes());
            prev = Some(change.id());
            change
        })
        .collect()
}
