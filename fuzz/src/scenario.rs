//! Sets of change sets in which hostile members write beside honest ones: for whoever wants to
//! deliver them in every order.

use crate::{
    form::{chunk, update::Update},
    pipelines::{bend, twist},
    stock,
    world::{NOW, World, merge},
};
use anabranch_core::{
    changeset::{ChangeSet, Dep, EngineKind, Header, Payload, Verified, seal_verified},
    document::{Kept, State},
    id::{Actor, Chain, EntityId, Epoch, Lane},
    replica::Replica,
    sim::Rng,
};
use ed25519_dalek::SigningKey;

/// Honest and hostile change sets of one document.
pub struct Scenario {
    world: World,
    /// An honest history.
    pub base: Vec<Verified>,
    /// What members wrote after it, without having seen each other's; about half of it hostile.
    pub beside: Vec<Verified>,
    /// How many of `beside` were bent.
    pub bent: usize,
}

/// The documents that scenarios are about.
const PARTS: [(&str, &str); 4] = [
    ("sampler", "record"),
    ("page", "body"),
    ("markdown", "body"),
    ("sampler", "log.remarks"),
];
/// The member after the three, the reader: a gateway.
const GATEWAY: usize = 4;

impl Scenario {
    /// A scenario with so many change sets beside each other.
    pub fn new(seed: u64, beside: usize) -> Self {
        let mut rng = Rng::new(seed);
        let (kind, part) = PARTS[rng.below(PARTS.len())];
        let mut world = World::new(rng.next(), kind, part);
        let rounds = rng.below(9);
        world.grow(&mut rng, rounds);
        let mut views = [world.seen.clone(), world.base.clone(), world.base.clone()];
        let (mut written, mut bent) = (Vec::<Kept>::new(), 0);
        for _ in 0..40 * beside {
            if written.len() == beside {
                break;
            }
            let (member, at) = (rng.below(3), NOW + 1_000_000 + rng.below(50) as u64);
            let ask = stock::ask(&mut rng, kind, part, &world.document(&views[member]));
            let Ok(honest) = world.wrote(member, at, &views[member], &ask) else {
                continue;
            };
            let bend = rng.one_in(2);
            let Some(kept) = (if bend {
                bent_of(&mut rng, &world, &honest)
            } else {
                Some(honest)
            }) else {
                continue;
            };
            if written
                .iter()
                .any(|known| known.change.id() == kept.change.id())
            {
                continue;
            }
            bent += usize::from(bend);
            // Whoever can builds on it; now and then it writes twice in one place.
            let mut document = world.document(&views[member]);
            document.receive(vec![kept.clone()], &world.grounds());
            if document.state_of(&kept.change.id()) == Some(State::Effective) && !rng.one_in(4) {
                merge(&mut views[member], std::slice::from_ref(&kept));
            }
            written.push(kept);
        }
        Scenario {
            base: sealed(&world, &world.base),
            beside: sealed(&world, &written),
            world,
            bent,
        }
    }

    /// A replica that holds none of them.
    pub fn replica(&self) -> Replica {
        self.world.lab.empty_replica()
    }

    /// The entity that they are about.
    pub fn entity(&self) -> EntityId {
        self.world.entity
    }

    /// The document's part.
    pub fn part(&self) -> &'static str {
        self.world.part
    }
}

/// Signs change sets with the keys of those who wrote them.
fn sealed(world: &World, kept: &[Kept]) -> Vec<Verified> {
    let seal = |kept: &Kept| {
        let origin = kept.change.header().chain.origin;
        let member = world
            .members
            .iter()
            .find(|member| member.origin == origin)?;
        seal_verified(
            &SigningKey::from_bytes(&member.key),
            vec![kept.change.clone()],
        )
        .ok()
    };
    kept.iter().filter_map(seal).flatten().collect()
}

/// What a hostile author makes of what it would have written.
fn bent_of(rng: &mut Rng, world: &World, honest: &Kept) -> Option<Kept> {
    let mut header = honest.change.header().clone();
    let mut payload = honest.change.payload().bytes()?.to_vec();
    match rng.below(8) {
        0 => stock::bend_header(rng, &mut header),
        1 | 2 => payload = foreign(rng, world, &mut header, &payload)?,
        _ => payload = other(rng, header.engine, &payload)?,
    }
    let origin = header.chain.origin;
    world
        .members
        .iter()
        .find(|member| member.origin == origin)?;
    let change = ChangeSet::new(header.describe(&payload), Payload::Present(payload)).ok()?;
    Some(Kept {
        change,
        proof: None,
    })
}

fn other(rng: &mut Rng, engine: EngineKind, payload: &[u8]) -> Option<Vec<u8>> {
    match engine {
        EngineKind::Automerge => Some(chunk::frame(
            chunk::CHANGE,
            &twist::operations(rng, chunk::body(payload)?)?,
        )),
        EngineKind::Yrs => {
            let mut update = Update::parse(payload)?;
            let (client, clock) = (update.client, update.clock);
            bend::structure(rng, &mut update, &[(client, clock)], client, clock);
            Some(update.encode())
        }
        EngineKind::Log => {
            let mut bytes = payload.to_vec();
            crate::bytes::mutate(rng, &mut bytes);
            Some(bytes)
        }
    }
}

/// The same, sent through a gateway under an actor of its choice: a client's own, one that another
/// lane has too, or that of a member, which everybody can compute.
fn foreign(rng: &mut Rng, world: &World, header: &mut Header, payload: &[u8]) -> Option<Vec<u8>> {
    if let Some(prev) = header.prev.take() {
        header.deps.push(Dep {
            chain: header.chain,
            seq: header.seq - 1,
            id: prev,
        });
        header.deps.sort_unstable();
    }
    let gateway = &world.members[GATEWAY];
    header.on_behalf_of = Some(header.author);
    header.author = gateway.user;
    header.chain = Chain {
        origin: gateway.origin,
        epoch: Epoch(0),
        lane: Lane(rng.below(3) as u16),
    };
    header.seq = 1;
    let victim = world.writer(rng.below(3), header.engine).actor;
    match header.engine {
        EngineKind::Automerge => {
            let actor = if rng.one_in(2) {
                victim
            } else {
                Actor::Automerge([9; 16])
            };
            header.actor = Some(actor);
            let Actor::Automerge(actor) = actor else {
                return None;
            };
            let mut chunk = chunk::Chunk::parse(chunk::body(payload)?)?;
            (chunk.actor, chunk.seq) = (actor.to_vec(), 1);
            chunk.others.retain(|other| *other != actor);
            Some(chunk::frame(chunk::CHANGE, &chunk.body()))
        }
        EngineKind::Yrs => {
            let actor = if rng.one_in(2) {
                victim
            } else {
                Actor::Yrs(99)
            };
            header.actor = Some(actor);
            let Actor::Yrs(client) = actor else {
                return None;
            };
            let mut update = Update::parse(payload)?;
            update.become_first_of(client);
            Some(update.encode())
        }
        EngineKind::Log => None,
    }
}
