//! Small histories at whose end one more change set is expected: a document, what its author had
//! seen of it, and where the change set would stand.

use crate::stock;
use anabranch_core::{
    body::BodyOp,
    causal::Graph,
    changeset::{ChangeSet, EngineKind, Header, Payload, crypt::WorkspaceKey},
    control::Role,
    document::{Document, Draft, EditError, Event, Kept, Pen, State},
    hlc::Hlc,
    id::{
        Actor, Chain, ChainIdx, EntityId, Epoch, Lane, OriginId, UserId, ViewId, automerge_actor,
        yrs_client,
    },
    judge::{Candidate, Grounds, Place, Rule, Writer},
    log::Entry,
    record::RecordOp,
    replica::Replica,
    schema::Schema,
    sim::{Lab, Rng},
};
use std::{collections::BTreeMap, sync::Arc};

/// The wall clock of every history, in milliseconds.
pub(crate) const NOW: u64 = 1_750_000_000_000;

/// A draft that owns what it asks.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Record(Vec<RecordOp>),
    Body(Vec<BodyOp>),
    Entry(Entry),
}

impl Ask {
    pub(crate) fn draft(&self) -> Draft<'_> {
        match self {
            Ask::Record(ops) => Draft::Record(ops),
            Ask::Body(ops) => Draft::Body(ops),
            Ask::Entry(entry) => Draft::Entry(entry),
        }
    }
}

/// A device that writes.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) origin: OriginId,
    pub(crate) user: UserId,
    /// Bytes of its signing key.
    pub(crate) key: [u8; 32],
}

/// Workspace, members and one document.
pub(crate) struct World {
    pub(crate) lab: Lab,
    /// Knows the control log and the schemas, and no change set.
    pub(crate) ground: Replica,
    pub(crate) members: Vec<Member>,
    pub(crate) kind: &'static str,
    pub(crate) part: &'static str,
    pub(crate) entity: EntityId,
    /// What everybody but the author has seen.
    pub(crate) base: Vec<Kept>,
    /// What the author has seen.
    pub(crate) seen: Vec<Kept>,
    keys: BTreeMap<u32, WorkspaceKey>,
    now: u64,
}

/// The author is the first member.
pub(crate) const AUTHOR: usize = 0;
/// Whoever edits after a foreign change set came in.
pub(crate) const EDITOR: usize = 2;

impl World {
    /// A workspace with three members, and a document of `part` that nobody has written.
    pub(crate) fn new(seed: u64, kind: &'static str, part: &'static str) -> Self {
        let mut schemas = stock::schemas();
        let newer = schemas.pop().unwrap();
        let mut lab = Lab::new(seed, schemas);
        for _ in 0..3 {
            lab.admit(Role::Member);
        }
        lab.activate(newer);
        lab.admit(Role::Reader);
        lab.admit(Role::Gateway);
        lab.admit(Role::Server);
        let members = lab.stations.iter().map(|station| Member {
            origin: OriginId(station.key.verifying_key().to_bytes()),
            user: station.user,
            key: station.key.to_bytes(),
        });
        let members: Vec<Member> = members.collect();
        let entity = lab.entity(members[AUTHOR].user, kind);
        World {
            ground: lab.empty_replica(),
            members,
            lab,
            kind,
            part,
            entity,
            base: Vec::new(),
            seen: Vec::new(),
            keys: BTreeMap::new(),
            now: NOW,
        }
    }

    /// What verdicts rest on.
    pub(crate) fn grounds(&self) -> Grounds<'_> {
        Grounds {
            workspace: self.lab.workspace,
            standing: self.ground.standing(),
            schemas: self.ground.schemas(),
            keys: &self.keys,
        }
    }

    /// Every version of the kind's schema.
    pub(crate) fn chain(&self) -> Vec<Arc<Schema>> {
        self.ground.schemas().chain(self.kind, u32::MAX)
    }

    /// The newest version.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.chain().pop().expect("the kind is active")
    }

    /// A document that has taken these in.
    pub(crate) fn document(&self, kept: &[Kept]) -> Document {
        let mut document =
            Document::new(self.entity, self.part, self.chain()).expect("the part is declared");
        let received = document.receive(kept.to_vec(), &self.grounds());
        let effective = received
            .states
            .iter()
            .all(|(_, state)| *state == State::Effective);
        assert!(
            effective,
            "an honest history is accepted: {:?}",
            received.states
        );
        document
    }

    /// Who writes for a member.
    pub(crate) fn writer(&self, member: usize, engine: EngineKind) -> Writer {
        let Member { origin, user, .. } = self.members[member];
        let chain = Chain {
            origin,
            epoch: Epoch(0),
            lane: Lane(0),
        };
        let standing = self.ground.standing();
        let salt = standing
            .member(&origin, standing.tip().number)
            .expect("admitted")
            .salt;
        let document = anabranch_core::id::DocumentId::of(&self.entity, self.part);
        let actor = match engine {
            EngineKind::Yrs => Actor::Yrs(yrs_client(&chain, &document, &salt)),
            EngineKind::Automerge | EngineKind::Log => {
                Actor::Automerge(automerge_actor(&chain, &document, &salt))
            }
        };
        Writer {
            chain,
            author: user,
            actor,
        }
    }

    /// A member's pen at a wall clock, under a version of the schema (none: the newest).
    pub(crate) fn pen(&self, member: usize, at: u64, version: Option<u32>) -> Pen<'_> {
        let chain = self.chain();
        let schema = match version {
            Some(version) => Arc::clone(&chain[version as usize - 1]),
            None => self.schema(),
        };
        let engine = schema
            .part(self.part)
            .expect("the part is declared")
            .engine();
        Pen {
            workspace: self.lab.workspace,
            user: self.members[member].user,
            writer: self.writer(member, engine),
            hlc: Hlc::new(at, 0),
            schema,
            control: self.ground.standing().tip(),
            key: None,
            foreign: None,
            replaces: None,
            view: ViewId(0),
        }
    }

    fn tick(&mut self) -> u64 {
        self.now += 11;
        self.now
    }

    /// A member writes on top of `seen`; what it wrote.
    pub(crate) fn wrote(
        &self,
        member: usize,
        at: u64,
        seen: &[Kept],
        ask: &Ask,
    ) -> Result<Kept, EditError> {
        self.wrote_under(member, at, None, seen, ask)
    }

    fn wrote_under(
        &self,
        member: usize,
        at: u64,
        version: Option<u32>,
        seen: &[Kept],
        ask: &Ask,
    ) -> Result<Kept, EditError> {
        let mut document = self.document(seen);
        let edited = document.write(&self.pen(member, at, version), &ask.draft())?;
        let kept = document
            .effective()
            .into_iter()
            .find(|kept| kept.change.id() == edited.id);
        Ok(kept.expect("an own edit counts").clone())
    }

    /// Lets three members write for a while, the author seeing only part of it.
    pub(crate) fn grow(&mut self, rng: &mut Rng, rounds: usize) {
        let mut views: [Vec<Kept>; 3] = Default::default();
        for round in 0..rounds {
            let member = rng.below(3);
            let ask = stock::ask(rng, self.kind, self.part, &self.document(&views[member]));
            let (at, version) = (
                self.tick(),
                (self.kind == "sampler" && round < rounds / 2).then_some(1),
            );
            let newer = views[member]
                .iter()
                .any(|kept| kept.change.header().schema_version > 1);
            let version = version.filter(|_| !newer);
            let Ok(kept) = self.wrote_under(member, at, version, &views[member], &ask) else {
                continue;
            };
            views[member].push(kept);
            if rng.one_in(2) {
                let (from, to) = (rng.below(3), rng.below(3));
                let news = views[from].clone();
                merge(&mut views[to], &news);
            }
        }
        let [author, second, third] = views;
        self.seen = author.clone();
        self.base = author;
        merge(&mut self.base, &second);
        merge(&mut self.base, &third);
    }

    /// The header of the author's next change set and its place in a document that holds the base.
    pub(crate) fn next(&self) -> (Header, Place) {
        let mut author = self.document(&self.seen);
        let pen = self.pen(AUTHOR, NOW + 1_000_000, None);
        let (header, _) = author.envelope(&pen).expect("the author may go on");
        let document = self.document(&self.base);
        let place = place(document.graph(), &header, pen.schema);
        (header, place)
    }

    /// The change set of a payload under a header.
    pub(crate) fn sealed(&self, header: &Header, payload: &[u8]) -> Option<Kept> {
        let header = header.clone().describe(payload);
        let change = ChangeSet::new(header, Payload::Present(payload.to_vec())).ok()?;
        Some(Kept {
            change,
            proof: None,
        })
    }
}

/// The place that a header names in a graph that holds all it depends on.
fn place(graph: &Graph, header: &Header, schema: Arc<Schema>) -> Place {
    let known = graph.chain(&header.chain);
    let mut deps: Vec<(ChainIdx, u64)> = header
        .deps
        .iter()
        .map(|dep| (graph.chain(&dep.chain).expect("known"), dep.seq))
        .collect();
    deps.sort_unstable();
    let seen = graph
        .seen(known.map(|chain| (chain, header.seq - 1)), &deps)
        .expect("a frontier");
    Place {
        chain: known.unwrap_or(ChainIdx(graph.lines().count() as u32)),
        seq: header.seq,
        hlc: header.hlc,
        past: Arc::new(seen.past),
        frontier: seen.frontier,
        genesis_before: seen.genesis,
        schema,
    }
}

/// Adds what is not there yet.
pub(crate) fn merge(into: &mut Vec<Kept>, from: &[Kept]) {
    for kept in from {
        if !into
            .iter()
            .any(|known| known.change.id() == kept.change.id())
        {
            into.push(kept.clone());
        }
    }
}

/// A world with the document in which the author's next payload is judged.
pub(crate) struct Judging {
    pub(crate) world: World,
    pub(crate) header: Header,
    pub(crate) place: Place,
    pub(crate) document: Document,
    /// What honest authors would write there.
    pub(crate) honest: Vec<Vec<u8>>,
    before: [u8; 32],
}

impl Judging {
    /// Grows a world and asks for so many honest payloads.
    pub(crate) fn new(mut world: World, rng: &mut Rng, rounds: usize, honest: usize) -> Self {
        world.grow(rng, rounds);
        let (header, place) = world.next();
        let mut document = world.document(&world.base);
        let writer = world.writer(AUTHOR, header.engine);
        document.engine_mut().register(place.chain, &writer);
        let author = world.document(&world.seen);
        let mut payloads = Vec::new();
        let mut tries = 0;
        while payloads.len() < honest && tries < 20 * honest {
            tries += 1;
            let ask = stock::ask(rng, world.kind, world.part, &author);
            if let Ok(kept) = world.wrote(AUTHOR, header.hlc.millis(), &world.seen, &ask) {
                payloads.push(kept.change.payload().bytes().expect("written").to_vec());
            }
        }
        let before = document.digest();
        Judging {
            world,
            header,
            place,
            document,
            honest: payloads,
            before,
        }
    }

    /// Judges a payload; nothing may change by it.
    pub(crate) fn judge(&mut self, payload: &[u8]) -> Result<(), Rule> {
        let candidate = Candidate {
            place: &self.place,
            payload,
        };
        let (engine, part) = (self.document.engine_mut(), self.world.part);
        let verdict = crate::meter::judging(|| engine.judge(part, &candidate)).map(|judged| {
            // As its author would send it: the route values are what the change writes.
            self.header.route = judged.route(&self.place.schema, part);
        });
        assert_eq!(
            self.document.digest(),
            self.before,
            "judging changes nothing"
        );
        verdict
    }
}

/// That an engine never stopped.
pub(crate) fn unstuck(events: &[Event]) {
    for event in events {
        assert!(
            !matches!(event, Event::Stuck { .. }),
            "the engine stopped at what its gate let pass"
        );
    }
}
