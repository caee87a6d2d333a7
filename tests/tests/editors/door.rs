//! A gateway as a relay's door would run it: it wraps what Yjs clients send into change sets of its
//! own, on behalf of a member, each at what that client had seen.

use super::{
    super::common::{NOW, Session, verified},
    node::Node,
};
use anabranch_core::{
    body::{BodyDoc, BodyRule, Had, IdRuns, Piece, split},
    changeset::{ChangeSet, Signed, seal},
    control::Role,
    document::{EngineDoc, Pen, Stand, State},
    hlc::Hlc,
    id::{Actor, Chain, EntityId, Epoch, Lane, OriginId, ViewId},
    judge::{Rule, Writer},
    replica::Replica,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Most blocks of a payload where nothing asks for fewer.
const ALL: usize = usize::MAX;

/// One client behind the door.
struct Client {
    editor: String,
    /// Its Yjs client id.
    id: u64,
    /// What it is known to have seen.
    seen: Replica,
    /// What was sent to it and it may have seen or not, in order.
    sent: VecDeque<Signed>,
    /// The tail of it that the network still has.
    flying: usize,
}

/// The door and what stands behind it.
pub struct Door {
    station: usize,
    kind: &'static str,
    entity: EntityId,
    /// What the gateway has.
    pub hub: Replica,
    clients: Vec<Client>,
    lanes: BTreeMap<u64, Lane>,
    now: u64,
    /// How many change sets it made.
    pub carried: usize,
    /// How many of them had to be made straight first.
    pub straightened: usize,
    /// How often a client's provider had kept something back, so that it was asked for all.
    pub asked: usize,
}

impl Door {
    /// Opens a door to a body of which `begun` is all there is.
    pub fn open(
        session: &mut Session,
        kind: &'static str,
        entity: EntityId,
        begun: &[Signed],
    ) -> Door {
        let station = session.lab.admit(Role::Gateway);
        let mut hub = session.lab.empty_replica();
        hub.receive(NOW, begun.iter().map(verified).collect());
        Door {
            station,
            kind,
            entity,
            hub,
            clients: Vec::new(),
            lanes: BTreeMap::new(),
            now: NOW + 1_000_000,
            carried: 0,
            straightened: 0,
            asked: 0,
        }
    }

    /// Lets a client in, who gets all that is here; answers its number.
    pub fn admit(
        &mut self,
        session: &Session,
        node: &mut Node,
        id: u64,
        layout: &str,
        undo: bool,
    ) -> usize {
        let at = self.clients.len();
        let editor = format!("{id}");
        node.open(&editor, layout, id, undo);
        let mut seen = session.lab.empty_replica();
        let all = self.hub.signed();
        seen.receive(NOW, all.iter().map(verified).collect());
        let state = self.body().save().unwrap();
        self.clients.push(Client {
            editor: editor.clone(),
            id,
            seen,
            sent: VecDeque::new(),
            flying: 0,
        });
        let said = node.receive(&editor, &[state]);
        assert!(said.is_empty(), "it changes what it opens");
        at
    }

    /// The gateway's body.
    pub fn body(&self) -> &BodyDoc {
        match self.hub.document(&self.entity, "body").unwrap().engine() {
            EngineDoc::Body(body) => body,
            EngineDoc::Record(_) | EngineDoc::Log(_) => panic!("no body"),
        }
    }

    /// A member's change sets come in, and go out to all clients.
    pub fn bring(&mut self, signed: &[Signed]) {
        self.hub
            .receive(self.now, signed.iter().map(verified).collect());
        for client in &mut self.clients {
            client.sent.extend(signed.iter().cloned());
            client.flying += signed.len();
        }
    }

    /// The next of what was sent to a client arrive there; what it says to them comes back.
    pub fn deliver(
        &mut self,
        session: &mut Session,
        node: &mut Node,
        at: usize,
        most: usize,
    ) -> usize {
        let client = &mut self.clients[at];
        let count = client.flying.min(most);
        let from = client.sent.len() - client.flying;
        let arrived: Vec<Vec<u8>> = client
            .sent
            .iter()
            .skip(from)
            .take(count)
            .map(|signed| signed.change.payload().bytes().unwrap().to_vec())
            .collect();
        client.flying -= count;
        let editor = client.editor.clone();
        for update in node.receive(&editor, &arrived) {
            self.carry(session, node, at, &update);
        }
        count
    }

    /// A client's user does something random.
    pub fn act(&mut self, session: &mut Session, node: &mut Node, at: usize, seed: u64) -> String {
        let editor = self.clients[at].editor.clone();
        let (did, sent) = node.act(&editor, seed);
        for update in sent {
            self.carry(session, node, at, &update);
        }
        did
    }

    /// A client's user works without a network, loads the page again, works on, and comes back: all
    /// of it arrives at once, written under two client ids. Answers in how many change sets.
    pub fn act_apart(
        &mut self,
        session: &mut Session,
        node: &mut Node,
        at: usize,
        seeds: [u64; 4],
        id: u64,
    ) -> usize {
        let editor = self.clients[at].editor.clone();
        for (act, seed) in seeds.into_iter().enumerate() {
            if act == 2 {
                node.reload(&editor, id);
                self.clients[at].id = id;
            }
            node.act(&editor, seed);
        }
        self.resync(session, node, at)
    }

    /// Takes in what one transaction of a client made.
    fn carry(&mut self, session: &mut Session, node: &mut Node, at: usize, update: &[u8]) {
        let nothing = IdRuns::default();
        match self.wrap(session, at, update, &nothing, true, ALL) {
            Ok(_) => {}
            // Its provider keeps back what was made within its own transactions.
            Err(BodyRule::Clock { .. } | BodyRule::Unknown { .. }) => {
                self.asked += 1;
                self.resync(session, node, at);
            }
            Err(rule) => panic!("{rule}"),
        }
    }

    /// Asks a client for all that is lacking here, as both do when it connects; answers in how many
    /// change sets it came.
    pub fn resync(&mut self, session: &mut Session, node: &mut Node, at: usize) -> usize {
        let writers = self
            .hub
            .document(&self.entity, "body")
            .unwrap()
            .graph()
            .lines();
        let ids: Vec<u64> = writers
            .filter_map(|(_, line)| match line.writer.actor {
                Actor::Yrs(client) => Some(client),
                Actor::Automerge(_) => None,
            })
            .collect();
        let vector: Vec<(u64, u32)> = ids
            .iter()
            .map(|id| (*id, self.body().clock_of(*id)))
            .collect();
        let editor = self.clients[at].editor.clone();
        let update = node.missing(&editor, &vector);
        let deleted = self.body().deleted();
        self.wrap(session, at, &update, &deleted, false, ALL)
            .unwrap()
    }

    /// Makes change sets of an update. `once`: it was all made at one past.
    fn wrap(
        &mut self,
        session: &mut Session,
        at: usize,
        update: &[u8],
        deleted: &IdRuns,
        once: bool,
        blocks: usize,
    ) -> Result<usize, BodyRule> {
        let id = self.clients[at].id;
        let mut made = 0;
        let body = self.body();
        let had = Had {
            clock: &|client| body.clock_of(client),
            deleted,
        };
        for piece in split(update, id, &had, blocks)? {
            match self.seal(session, at, &piece, once || blocks == 1) {
                Ok(signed) => {
                    made += 1;
                    self.spread(at, signed);
                }
                // Its parts were written at different pasts.
                Err(_) if !once && blocks > 1 => {
                    let fewer = blocks.min(64) / 2;
                    return Ok(made + self.wrap(session, at, update, deleted, once, fewer)?);
                }
                Err(rule) => panic!(
                    "an honest update of {id} is refused: {rule}\n{}",
                    super::node::to_hex(update)
                ),
            }
        }
        Ok(made)
    }

    /// Seals a piece at the earliest past, of those that the client may have seen, at which it passes.
    fn seal(
        &mut self,
        session: &Session,
        at: usize,
        piece: &Piece,
        straighten: bool,
    ) -> Result<Signed, Rule> {
        let station = &session.lab.stations[self.station];
        let next = u16::try_from(self.lanes.len()).unwrap();
        let lane = *self.lanes.entry(piece.client).or_insert(Lane(next));
        let actor = Actor::Yrs(piece.client);
        let writer = Writer {
            chain: Chain {
                origin: OriginId(station.key.verifying_key().to_bytes()),
                epoch: Epoch(0),
                lane,
            },
            author: session.lab.stations[0].user,
            actor,
        };
        self.now += 1;
        let pen = Pen {
            workspace: session.lab.workspace,
            writer: writer.clone(),
            user: station.user,
            hlc: Hlc::new(self.now, 0),
            schema: Arc::clone(self.hub.schemas().newest(self.kind).unwrap()),
            control: self.hub.standing().tip(),
            key: None,
            foreign: Some(actor),
            replaces: None,
            view: ViewId(0),
        };
        let client = &mut self.clients[at];
        let mut payload = piece.payload.clone();
        loop {
            let document = client.seen.document_mut(&self.entity, "body").unwrap();
            let (header, place) = document.envelope(&pen).unwrap();
            let stand = Stand {
                writer: writer.clone(),
                place,
            };
            match document.judge_alone(&stand, &payload) {
                Ok(()) => {
                    let change = ChangeSet::describing(header, payload).unwrap();
                    let signed = seal(&station.key, vec![change]).unwrap().remove(0);
                    accept(&mut client.seen, self.now, &signed);
                    return Ok(signed);
                }
                // Or it had seen more by then. What still flies it cannot have seen.
                Err(rule) => match client.sent.len() > client.flying {
                    true => {
                        let next = client.sent.pop_front().unwrap();
                        accept(&mut client.seen, self.now, &next);
                    }
                    false if straighten && payload == piece.payload => {
                        let EngineDoc::Body(body) = document.engine() else {
                            panic!("no body")
                        };
                        payload = body.straighten(&stand.place, &payload)?;
                        self.straightened += 1;
                    }
                    false => return Err(rule),
                },
            }
        }
    }

    /// Gives a client's change set to everybody else.
    fn spread(&mut self, from: usize, signed: Signed) {
        self.carried += 1;
        accept(&mut self.hub, self.now, &signed);
        for (at, client) in self.clients.iter_mut().enumerate() {
            if at != from {
                client.sent.push_back(signed.clone());
                client.flying += 1;
            }
        }
    }

    /// What is in the network arrives, and everybody is asked for all, until nothing is new.
    pub fn settle(&mut self, session: &mut Session, node: &mut Node) {
        for _ in 0..20 {
            let mut moved = 0;
            for at in 0..self.clients.len() {
                moved += self.deliver(session, node, at, usize::MAX);
                moved += self.resync(session, node, at);
            }
            if moved == 0 {
                return;
            }
        }
        panic!("the editors go on for ever");
    }

    /// What each client's editor shows.
    pub fn shown(&self, node: &mut Node) -> Vec<serde_json::Value> {
        self.clients
            .iter()
            .map(|client| node.show(&client.editor, false))
            .collect()
    }
}

/// Takes one change set in, which must count.
pub fn accept(replica: &mut Replica, now: u64, signed: &Signed) {
    let intake = replica.receive(now, vec![verified(signed)]);
    let id = signed.change.id();
    let state = intake.arrivals.iter().find(|arrival| arrival.id == id);
    assert_eq!(state.map(|arrival| &arrival.state), Some(&State::Effective));
}
