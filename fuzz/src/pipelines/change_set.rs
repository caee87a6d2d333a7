//! Whole change sets, given to a replica as an author with a valid key sends them: the payload is
//! hashed again, the header has its new id, and the flush is signed.
//!
//! An input is a world, a form, the header's length in two bytes, the header and the payload.

use super::{bend, twist};
use crate::{
    Reached, Target, bytes,
    form::{
        chunk::{self, Chunk},
        update::{self, Unit, Update},
    },
    harmless, meter, stock,
    world::{AUTHOR, EDITOR, Member, NOW, World, unstuck},
};
use anabranch_core::{
    changeset::{
        EngineKind, FlushCache, Header, Payload, Proof, Purpose, STORED_VERSION, Signature, Signed,
        Verified, seal_verified, tags,
    },
    document::{Kept, State},
    hlc::Hlc,
    id::{Actor, ChangeSetId, Epoch, Lane, ViewId},
    replica::{Pen, Replica, WriteError},
    sim::Rng,
};
use ed25519_dalek::SigningKey;
use std::{cell::RefCell, collections::BTreeMap};

/// The target.
pub const TARGET: Target = Target {
    name: "change_set",
    what: "a change set, hashed and signed again by a member or gateway, given to a replica",
    applies: true,
    run,
    seeds,
    mutate,
    end,
};

/// The header speaks of the payload that follows.
pub const DESCRIBED: u8 = 1;
/// The payload has its checksum and speaks of the author and the place that the header names.
pub const DRESSED: u8 = 2;

/// What a replica takes in without accepting it, before it is looked at as a whole (it obeys its
/// schema, loads, can be edited and saved) and made anew: what is refused is kept aside and adds up.
pub const REFUSED_MAX: u32 = 256;

thread_local! {
    static STAND: RefCell<Vec<Stand>> = RefCell::new(stands());
}

struct Stand {
    world: World,
    base: Vec<Verified>,
    headers: Vec<(Header, Vec<u8>)>,
    /// How an honest payload names author and place.
    dress: Dress,
    replica: Option<(Replica, [u8; 32])>,
    refused: u32,
}

enum Dress {
    Change(Box<Chunk>),
    Update(Unit),
    None,
}

impl Dress {
    fn of(engine: EngineKind, honest: &[(Header, Vec<u8>)]) -> Self {
        let mut payloads = honest.iter().map(|(_, payload)| payload);
        let dress = match engine {
            EngineKind::Automerge => payloads
                .find_map(|payload| Chunk::parse(chunk::body(payload)?))
                .map(|chunk| Dress::Change(Box::new(chunk))),
            EngineKind::Yrs => payloads
                .filter_map(|payload| Update::parse(payload))
                .find(|update| !update.blocks.is_empty())
                .map(|update| Dress::Update((update.client, update.clock))),
            EngineKind::Log => Some(Dress::None),
        };
        dress.expect("something honest that says who wrote it")
    }

    fn on(&self, payload: &[u8]) -> Option<Vec<u8>> {
        match self {
            Dress::Change(honest) => chunk::dressed(payload, honest),
            Dress::Update((client, clock)) => update::dressed(payload, *client, *clock),
            Dress::None => None,
        }
    }
}

fn stands() -> Vec<Stand> {
    let worlds = [
        ("sampler", "record", 0),
        ("sampler", "record", 12),
        ("page", "body", 0),
        ("page", "body", 12),
        ("markdown", "body", 8),
        ("sampler", "log.remarks", 6),
    ];
    let mut stands: Vec<Stand> = (0u64..)
        .zip(worlds)
        .map(|(seed, (kind, part, rounds))| {
            let mut rng = Rng::new(71 + seed);
            let mut world = World::new(seed, kind, part);
            world.grow(&mut rng, rounds);
            let (header, _) = world.next();
            let author = world.document(&world.seen);
            let mut headers = Vec::new();
            for _ in 0..40 {
                let ask = stock::ask(&mut rng, kind, part, &author);
                if let Ok(kept) = world.wrote(AUTHOR, header.hlc.millis(), &world.seen, &ask) {
                    headers.push(parts(&kept));
                }
            }
            Stand {
                base: verified(&world, &world.base),
                world,
                dress: Dress::of(header.engine, &headers),
                headers,
                replica: None,
                refused: 0,
            }
        })
        .collect();
    stands[0].foreign();
    stands[2].foreign();
    stands
}

fn parts(kept: &Kept) -> (Header, Vec<u8>) {
    let payload = kept.change.payload().bytes().expect("written").to_vec();
    (kept.change.header().clone(), payload)
}

/// Signs what members wrote.
fn verified(world: &World, kept: &[Kept]) -> Vec<Verified> {
    let mut all = Vec::new();
    for member in &world.members {
        let own = kept
            .iter()
            .filter(|kept| kept.change.header().chain.origin == member.origin);
        let own: Vec<_> = own.map(|kept| kept.change.clone()).collect();
        if !own.is_empty() {
            all.extend(
                seal_verified(&SigningKey::from_bytes(&member.key), own).expect("one origin"),
            );
        }
    }
    all
}

impl Stand {
    /// Adds what a gateway sends of a foreign client, where nothing was written before.
    fn foreign(&mut self) {
        let gateway = &self.world.members[4];
        let extra = self
            .headers
            .iter()
            .take(10)
            .filter_map(|(header, payload)| {
                let mut header = header.clone();
                header.chain.origin = gateway.origin;
                header.author = gateway.user;
                header.on_behalf_of = Some(self.world.members[EDITOR].user);
                let payload = match header.engine {
                    EngineKind::Automerge => {
                        header.actor = Some(Actor::Automerge([9; 16]));
                        let mut chunk = Chunk::parse(chunk::body(payload)?)?;
                        chunk.actor = vec![9; 16];
                        chunk::frame(chunk::CHANGE, &chunk.body())
                    }
                    EngineKind::Yrs => {
                        header.actor = Some(Actor::Yrs(99));
                        let mut update = Update::parse(payload)?;
                        update.become_first_of(99);
                        update.encode()
                    }
                    EngineKind::Log => return None,
                };
                Some((header.describe(&payload), payload))
            });
        let extra: Vec<_> = extra.collect();
        self.headers.extend(extra);
    }

    fn key(&self, header: Option<&Header>) -> SigningKey {
        let origin = header.map(|header| header.chain.origin);
        let member = self
            .world
            .members
            .iter()
            .find(|member| Some(member.origin) == origin);
        SigningKey::from_bytes(&member.unwrap_or(&self.world.members[AUTHOR]).key)
    }

    fn fresh(&self) -> Replica {
        let mut replica = self.world.lab.empty_replica();
        let intake = replica.receive(NOW, self.base.clone());
        let states: BTreeMap<_, _> = intake
            .arrivals
            .iter()
            .map(|arrival| (arrival.id, &arrival.state))
            .collect();
        assert!(
            states.values().all(|state| **state == State::Effective),
            "an honest history is accepted"
        );
        let Member { origin, user, .. } = self.world.members[EDITOR];
        replica.take_pen(Pen {
            origin,
            user,
            epoch: Epoch(7),
            lane: Lane(0),
        });
        replica
    }

    fn receive(&mut self, verified: Verified) -> Reached {
        if self.refused >= REFUSED_MAX {
            self.look_back();
        }
        let (mut replica, before) = self.replica.take().unwrap_or_else(|| {
            let replica = self.fresh();
            let digest = replica.digest();
            (replica, digest)
        });
        let header = verified.change().header().clone();
        let id = verified.change().id();
        let (intake, bytes) =
            meter::measured(|| replica.receive(NOW + 5_000_000, vec![verified.clone()]));
        let events: Vec<_> = intake
            .events
            .iter()
            .map(|(_, event)| event.clone())
            .collect();
        unstuck(&events);
        let arrived = intake
            .arrivals
            .iter()
            .find(|arrival| arrival.id == id)
            .map(|arrival| arrival.state.clone());
        let document = replica.document(&header.entity, &header.part);
        let state = document
            .and_then(|document| document.state(&header.chain, header.seq, &id))
            .or(arrived);
        let crowded_out = intake.dropped.contains(&id);
        assert!(
            state.is_some() != crowded_out,
            "what came in has a state, or found no room among those that wait"
        );
        let digest = replica.digest();
        if state == Some(State::Effective) {
            self.refused = 0;
            self.accepted(replica, &header, verified);
            return Reached::Applied;
        }
        assert_eq!(
            digest, before,
            "only what is effective changes anything: {state:?}"
        );
        if events.is_empty() {
            meter::note(bytes);
        }
        self.replica = Some((replica, before));
        self.refused += 1;
        match state {
            Some(State::Refused(rule)) => Reached::Rejected(super::code(&rule)),
            Some(State::Stuck) => panic!("the engine stopped"),
            Some(
                State::Effective
                | State::Held(_)
                | State::Forked { .. }
                | State::Orphaned { .. }
                | State::Excluded(_),
            )
            | None => Reached::Judged,
        }
    }

    /// What must hold where nothing of what came took effect.
    fn look_back(&mut self) {
        self.refused = 0;
        if let Some((mut replica, _)) = self.replica.take() {
            replica.documents().for_each(|document| {
                harmless::whole(document);
            });
            self.written_on(&mut replica, 0, NOW + 9_500_000);
        }
    }

    /// What must hold after a change set took effect.
    fn accepted(&self, mut replica: Replica, header: &Header, verified: Verified) {
        replica.documents().for_each(|document| {
            harmless::whole(document);
        });
        let seed = u64::from(verified.change().id().0[0]);
        if seed % 8 == 0 {
            // The same state where it came first.
            let mut other = self.world.lab.empty_replica();
            other.receive(NOW, vec![verified]);
            let intake = other.receive(NOW, self.base.clone());
            unstuck(
                &intake
                    .events
                    .into_iter()
                    .map(|(_, event)| event)
                    .collect::<Vec<_>>(),
            );
            assert_eq!(
                other.digest(),
                replica.digest(),
                "another order gives another state"
            );
        }
        // A header may name a document of its own.
        if header.entity == self.world.entity {
            self.written_on(
                &mut replica,
                seed,
                header.hlc.millis().min(NOW + 9_000_000) + 1,
            );
        }
    }

    /// Somebody goes on writing.
    fn written_on(&self, replica: &mut Replica, seed: u64, now: u64) {
        let World {
            kind, part, entity, ..
        } = self.world;
        let Some(document) = replica.document(&entity, part) else {
            return;
        };
        let ask = stock::ask(&mut Rng::new(seed), kind, part, document);
        if let Err(error) = replica.write(now, kind, entity, part, ViewId(0), &ask.draft()) {
            let WriteError::Edit(error) = &error else {
                panic!("nobody can write after it: {error}")
            };
            assert!(
                harmless::is_callers(error),
                "an honest edit fails after it: {error} ({ask:?})"
            );
        }
        replica.documents().for_each(|document| {
            harmless::whole(document);
        });
    }
}

/// The stored bytes of what an input sends, signed, and the world it is sent in.
pub fn sealed(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    STAND.with_borrow(|stands| {
        let (at, form, header, payload) = taken_apart(input, stands.len())?;
        let parsed = postcard::from_bytes::<Header>(header).ok();
        let key = stands[at].key(parsed.as_ref());
        let derived = parsed.as_ref().is_some_and(|header| header.actor.is_none());
        let dressed = (form & DRESSED != 0 && derived)
            .then(|| stands[at].dress.on(payload))
            .flatten();
        let payload = dressed.as_deref().unwrap_or(payload);
        let header = match parsed {
            Some(parsed) if form & DESCRIBED != 0 => parsed.describe(payload).encode(),
            _ => header.to_vec(),
        };
        Some((at, store(&header, payload, &key)))
    })
}

/// Inputs by which an engine's bytes are sent: by an author in every world of the engine, as they
/// are and with author and place put right, and by a gateway under the actor that they name.
pub fn sending(engine: EngineKind, payload: &[u8]) -> Vec<Vec<u8>> {
    STAND.with_borrow(|stands| {
        let mut inputs = Vec::new();
        for (at, stand) in stands.iter().enumerate() {
            let mut put = |form: u8, header: &Header| {
                inputs.push(put_together(at as u8, form, &header.encode(), payload));
            };
            let mut headers = stand.headers.iter().map(|(header, _)| header);
            let Some(first) = headers.next().filter(|header| header.engine == engine) else {
                continue;
            };
            put(DESCRIBED, first);
            if engine != EngineKind::Log {
                put(DESCRIBED | DRESSED, first);
            }
            if let Some(foreign) = headers.find(|header| header.actor.is_some()) {
                let (actor, stamp) = named(engine, payload);
                let header = Header {
                    actor,
                    hlc: stamp.unwrap_or(foreign.hlc),
                    ..foreign.clone()
                };
                put(DESCRIBED, &header);
            }
        }
        inputs
    })
}

/// The actor and the stamp that an engine's bytes bear.
fn named(engine: EngineKind, payload: &[u8]) -> (Option<Actor>, Option<Hlc>) {
    match engine {
        EngineKind::Automerge => match anabranch_core::record::peek(payload) {
            Some((actor, time)) => {
                let stamp = u64::try_from(time)
                    .ok()
                    .map(Hlc)
                    .filter(|stamp| *stamp <= Hlc::MAX);
                (Some(Actor::Automerge(actor)), stamp)
            }
            None => (Some(Actor::Automerge([1; 16])), None),
        },
        EngineKind::Yrs => {
            let client =
                anabranch_core::body::peek(payload).filter(|client| (1..1 << 53).contains(client));
            (Some(Actor::Yrs(client.unwrap_or(1))), None)
        }
        EngineKind::Log => (None, None),
    }
}

fn taken_apart(input: &[u8], worlds: usize) -> Option<(usize, u8, &[u8], &[u8])> {
    let [world, form, low, high, rest @ ..] = input else {
        return None;
    };
    let len = usize::from(u16::from_le_bytes([*low, *high]));
    let (header, payload) = rest.split_at_checked(len)?;
    Some((usize::from(*world) % worlds, *form, header, payload))
}

fn put_together(world: u8, form: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(header.len()).unwrap_or(u16::MAX);
    [&[world, form], &len.to_le_bytes(), header, payload].concat()
}

/// One change set under a flush of its own.
fn store(header: &[u8], payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let id = ChangeSetId(tags::hash(tags::HEADER, &[header]));
    let leaf = tags::hash(tags::LEAF, &[&id.0]);
    let root = tags::hash(tags::ROOT, &[&1u16.to_le_bytes(), &leaf]);
    let signature = Signature::sign(Purpose::Flush, key, &root);
    let proof = Proof {
        signature,
        index: 0,
        count: 1,
        path: Vec::new(),
    };
    let rest = postcard::to_allocvec(&(Payload::Present(payload.to_vec()), proof)).expect("memory");
    [&[STORED_VERSION], header, rest.as_slice()].concat()
}

fn run(input: &[u8]) -> Reached {
    let Some((at, stored)) = sealed(input) else {
        return Reached::Rejected("no-input");
    };
    let verified = meter::judging(|| Signed::decode(&stored)?.verify(&mut FlushCache::new()));
    match verified {
        Err(rule) => Reached::Rejected(rule.code()),
        Ok(verified) => STAND.with_borrow_mut(|stands| stands[at].receive(verified)),
    }
}

fn end() {
    STAND.with_borrow_mut(|stands| {
        stands.iter_mut().for_each(Stand::look_back);
    });
}

fn seeds() -> Vec<Vec<u8>> {
    STAND.with_borrow(|stands| {
        let all = stands.iter().enumerate().flat_map(|(at, stand)| {
            let inputs = stand.headers.iter();
            inputs.map(move |(header, payload)| {
                put_together(at as u8, DESCRIBED, &header.encode(), payload)
            })
        });
        all.collect()
    })
}

/// Of ten, four change the payload, three the header, one both, two the bytes.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let (Some(world), Some((_, form, header, payload))) = (input.first(), taken_apart(input, 256))
    else {
        return input.to_vec();
    };
    let (mut header, mut payload) = (header.to_vec(), payload.to_vec());
    let kind = rng.below(10);
    if matches!(kind, 4..8)
        && let Ok(mut parsed) = postcard::from_bytes::<Header>(&header)
    {
        match rng.below(3) {
            // A free choice of its author, which changes the id and nothing else.
            0 => parsed.extension = rng.bytes::<8>().to_vec(),
            1 if parsed.engine != EngineKind::Automerge => {
                parsed.hlc = Hlc(parsed.hlc.0.wrapping_add(rng.next() >> 40))
            }
            _ => stock::bend_header(rng, &mut parsed),
        }
        header = parsed.encode();
    }
    if matches!(kind, 0..5) {
        let engine = postcard::from_bytes::<Header>(&header).map(|header| header.engine);
        payload = other_payload(rng, engine.unwrap_or(EngineKind::Log), &payload);
    }
    if kind >= 8 {
        let which = if rng.one_in(2) {
            &mut header
        } else {
            &mut payload
        };
        bytes::mutate(rng, which);
    }
    let form = if rng.one_in(40) {
        form ^ DESCRIBED
    } else {
        form
    };
    put_together(*world, form, &header, &payload)
}

fn other_payload(rng: &mut Rng, engine: EngineKind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    match engine {
        EngineKind::Automerge => {
            if let Some(body) = chunk::body(payload) {
                let mut other = twist::operations(rng, body)
                    .filter(|_| !rng.one_in(4))
                    .unwrap_or_else(|| body.to_vec());
                if rng.one_in(4) {
                    bytes::mutate(rng, &mut other);
                }
                return chunk::frame(chunk::CHANGE, &other);
            }
        }
        EngineKind::Yrs => {
            if let Some(mut update) = Update::parse(payload).filter(|_| !rng.one_in(4)) {
                let (client, clock) = (update.client, update.clock);
                bend::structure(rng, &mut update, &[(client, clock)], client, clock);
                return update.encode();
            }
        }
        EngineKind::Log => {}
    }
    bytes::mutate(rng, &mut bytes);
    bytes
}
