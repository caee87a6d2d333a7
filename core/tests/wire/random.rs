//! Headers and payloads of every shape, in any order, alone and in parts of flushes, come back.

use crate::{
    streams::Stream,
    workload::{Author, Rng},
};
use anabranch_core::{
    changeset::{
        ChangeSet, Dep, EngineKind, FlushCache, Header, Payload, Signed, Verified, seal_verified,
    },
    hlc::Hlc,
    id::{Actor, Chain, ChangeSetId, Epoch, Lane, SchemaId, UserId},
    value::Value,
    wire::{Encoder, Press, Received},
};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

/// What one change set does out of the ordinary, by bits; and a number for the rest.
#[derive(Clone, Debug)]
struct Step {
    author: usize,
    document: usize,
    bits: u32,
    number: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..3usize,
        0..3usize,
        any::<u32>(),
        any::<u32>(),
        any::<u64>(),
    );
    let step = step.prop_map(|(author, document, a, b, number)| Step {
        author,
        document,
        // Every bit set one time in four.
        bits: a & b,
        number,
    });
    proptest::collection::vec(step, 1..60)
}

struct World {
    keys: Vec<SigningKey>,
    /// Headers by author and document, each as last written.
    headers: Vec<Vec<Header>>,
    ids: Vec<Vec<Option<ChangeSetId>>>,
    carried: Vec<Dep>,
    hlc: u64,
}

impl World {
    fn new(rng: &mut Rng) -> Self {
        let parts = [
            ("record", EngineKind::Automerge),
            ("body", EngineKind::Yrs),
            ("log.comments", EngineKind::Log),
        ];
        let documents: Vec<Author> = parts
            .iter()
            .map(|(part, engine)| Author::new(rng, part, *engine))
            .collect();
        let authors: Vec<Author> = (0..3)
            .map(|_| Author::new(rng, "record", EngineKind::Log))
            .collect();
        let header = |author: &Author, document: &Author| Header {
            chain: author.header.chain,
            workspace: documents[0].header.workspace,
            seq: 0,
            ..document.header.clone()
        };
        World {
            keys: authors.iter().map(|author| author.key.clone()).collect(),
            headers: authors
                .iter()
                .map(|author| {
                    documents
                        .iter()
                        .map(|document| header(author, document))
                        .collect()
                })
                .collect(),
            ids: vec![vec![None; 3]; 3],
            carried: Vec::new(),
            hlc: 1 << 40,
        }
    }

    fn change(&mut self, step: &Step, rng: &mut Rng) -> ChangeSet {
        let bit = |at: u32| step.bits >> at & 1 == 1;
        let number = step.number;
        let header = &mut self.headers[step.author][step.document];
        header.seq += 1;
        header.prev = self.ids[step.author][step.document];
        header.replaces = None;
        header.route.clear();
        header.deps.clear();
        if bit(0) {
            header.seq = 2 + number % 1_000;
            header.prev = Some(ChangeSetId(rng.bytes()));
        }
        if bit(1) {
            header.chain.epoch = Epoch(number as u32 % 5);
            header.chain.lane = Lane(number as u16 % 3);
            (header.seq, header.prev) = (1, None);
        }
        if bit(2) {
            header.author = UserId(rng.bytes());
        }
        if bit(3) {
            header.on_behalf_of = number.is_multiple_of(2).then(|| UserId(rng.bytes()));
        }
        if bit(4) {
            header.schema = SchemaId(rng.bytes());
            header.schema_version = 1 + number as u32 % 9;
        }
        if bit(5) {
            header.rules = 1 + number as u16 % 9;
        }
        if bit(6) {
            header.control.epoch = number as u32;
            header.control.number = number.rotate_left(9);
        }
        if bit(7) {
            header.actor = match header.engine {
                EngineKind::Automerge => Some(Actor::Automerge(rng.bytes())),
                EngineKind::Yrs => Some(Actor::Yrs(1 + number % (1 << 52))),
                EngineKind::Log => None,
            };
        }
        if bit(8) {
            header.key_epoch = number.is_multiple_of(2).then_some(number as u32);
        }
        if bit(9) {
            header.extension = vec![number as u8; number as usize % 50];
        }
        if bit(10) {
            header.replaces = Some(ChangeSetId(rng.bytes()));
        }
        if bit(11) {
            header
                .route
                .push(("kind".into(), Value::from(format!("k{}", number % 5))));
        }
        if bit(12) {
            header
                .route
                .push(("place".into(), Value::Int(number as i64)));
        }
        for at in 13..16 {
            if bit(at) {
                let place = number.rotate_left(at) as usize;
                let dep = self.carried.get(place % self.carried.len().max(1)).copied();
                let stranger = Dep {
                    chain: Chain {
                        lane: Lane(at as u16),
                        ..header.chain
                    },
                    seq: 1 + number % 7,
                    id: ChangeSetId(rng.bytes()),
                };
                let dep = dep.filter(|_| !bit(16)).unwrap_or(stranger);
                if dep.chain != header.chain && !header.deps.iter().any(|d| d.chain == dep.chain) {
                    header.deps.push(dep);
                }
            }
        }
        header.deps.sort_by_key(|dep| dep.chain);
        self.hlc = match number % 4 {
            0 => self.hlc + 1,
            1 => (self.hlc | 0xffff) + 1 + (((number >> 32) % 500) << 16),
            2 => self.hlc.saturating_sub(number >> 40),
            _ => number >> 1,
        } % Hlc::MAX.0;
        header.hlc = Hlc(self.hlc);
        let payload: Vec<u8> = (0..number % 40).map(|_| rng.next() as u8).collect();
        let header = header.clone().describe(&payload);
        let mut change = ChangeSet::new(header, Payload::Present(payload)).unwrap();
        self.ids[step.author][step.document] = Some(change.id());
        self.carried.push(Dep {
            chain: change.header().chain,
            seq: change.header().seq,
            id: change.id(),
        });
        if bit(17) {
            change.erase();
        } else if bit(18) {
            change = change.husk();
        }
        change
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_change_sets_come_back_in_any_mixture(steps in steps(), seed in any::<u64>()) {
        let mut rng = Rng(seed);
        let mut world = World::new(&mut rng);
        let mut sealed: Vec<Verified> = Vec::new();
        for run in steps.chunk_by(|a, b| a.author == b.author) {
            let key = &world.keys[run[0].author].clone();
            let changes = run.iter().map(|step| world.change(step, &mut rng)).collect();
            sealed.extend(seal_verified(key, changes).unwrap());
        }
        sealed.retain(|_| !rng.one_in(5));
        let mut stream = Stream::default();
        while !sealed.is_empty() {
            let some: Vec<Verified> = sealed.drain(..(1 + rng.below(9)).min(sealed.len())).collect();
            stream.carry(&some);
        }
    }

    #[test]
    fn explicit_frames_give_back_any_change_sets(steps in steps(), seed in any::<u64>()) {
        let mut rng = Rng(seed);
        let mut world = World::new(&mut rng);
        let key = world.keys[0].clone();
        let changes = steps.iter().map(|step| world.change(&Step { author: 0, ..step.clone() }, &mut rng));
        let sealed = seal_verified(&key, changes.collect()).unwrap();
        let (mut press, mut stream) = (Press::new(), Stream::default());
        let mut got: Vec<Signed> = Vec::new();
        for frame in Encoder::explicit(&mut press, &sealed) {
            let Ok(Received::Explicit(items)) = stream.decode(&frame) else {
                panic!("an explicit frame");
            };
            got.extend(items.into_iter().map(Result::unwrap));
        }
        let got: Vec<Verified> =
            got.into_iter().map(|signed| signed.verify(&mut FlushCache::new()).unwrap()).collect();
        prop_assert_eq!(got, sealed);
    }
}
