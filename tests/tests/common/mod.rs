//! What the scenarios share: a session of devices that work apart and exchange everything.
#![allow(
    clippy::large_enum_variant,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use anabranch_core::{
    body::{BodyOp, BodyView, Node},
    changeset::{ChangeSet, FlushCache, Header, Payload, Signed, Verified, seal},
    control::{Role, SignedControl, Slot},
    document::{Document, Draft, EditError, Edited, EngineDoc, State},
    hlc::Hlc,
    id::{Actor, Chain, DocumentId, EntityId, UserId, ViewId, automerge_actor, yrs_client},
    judge::Writer,
    log::Entry,
    record::{self, RecordOp, RecordView, unnumbered},
    replica::{Intake, WriteError},
    schema::{PartShape, Schema, catalogue},
    sim::{Lab, Rng, Station},
    value::{Scalar, Value},
};
use ed25519_dalek::SigningKey;

/// The wall clock of every scenario, in milliseconds.
pub const NOW: u64 = 1_750_000_000_000;

/// Something a replica may be given.
#[derive(Clone, Debug)]
pub enum Item {
    Change(Signed),
    Control(SignedControl),
}

/// A change set after its proof was checked.
pub fn verified(signed: &Signed) -> Verified {
    signed.clone().verify(&mut FlushCache::new()).unwrap()
}

/// Where a change set stands.
pub fn slot_of(signed: &Signed) -> Slot {
    let header = signed.change.header();
    Slot {
        document: DocumentId::of(&header.entity, &header.part),
        chain: header.chain,
        seq: header.seq,
    }
}

/// Every order of `n` things.
pub fn permutations(n: usize) -> Vec<Vec<usize>> {
    fn go(left: &mut Vec<usize>, done: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left.is_empty() {
            all.push(done.clone());
        }
        for at in 0..left.len() {
            let one = left.remove(at);
            done.push(one);
            go(left, done, all);
            done.pop();
            left.insert(at, one);
        }
    }
    let mut all = Vec::new();
    go(&mut (0..n).collect(), &mut Vec::new(), &mut all);
    all
}

/// What a document shows, for a message that a person can read.
pub fn shown(document: &Document) -> String {
    match document.engine() {
        EngineDoc::Record(record) => format!("{:?}", record.project(&unnumbered)),
        EngineDoc::Body(body) => format!("{:?}", body.content()),
        EngineDoc::Log(log) => {
            format!(
                "{:#?}",
                log.entries()
                    .map(|(hlc, id, _, entry)| (hlc, id, entry))
                    .collect::<Vec<_>>()
            )
        }
    }
}

/// A record's title, if it has one.
pub fn title(document: &Document) -> Option<String> {
    match document.engine() {
        EngineDoc::Record(record) => match record.project(&unnumbered).fields.get("title") {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A record's tags, sorted.
pub fn tags(document: &Document) -> Vec<String> {
    match document.engine() {
        EngineDoc::Record(record) => match record.project(&unnumbered).fields.get("tags") {
            Some(Value::List(tags)) => tags
                .iter()
                .filter_map(|tag| tag.as_text().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What a record shows.
pub fn view(document: &Document) -> RecordView {
    match document.engine() {
        EngineDoc::Record(record) => record.project(&unnumbered),
        EngineDoc::Body(_) | EngineDoc::Log(_) => panic!("no record"),
    }
}

/// What a body shows.
pub fn body(document: &Document) -> BodyView {
    match document.engine() {
        EngineDoc::Body(body) => body.content(),
        EngineDoc::Record(_) | EngineDoc::Log(_) => panic!("no body"),
    }
}

/// The entries of a log, oldest first.
pub fn entries(document: &Document) -> Vec<Entry> {
    match document.engine() {
        EngineDoc::Log(log) => log
            .entries()
            .map(|(_, _, _, entry)| entry.clone())
            .collect(),
        EngineDoc::Record(_) | EngineDoc::Body(_) => panic!("no log"),
    }
}

/// A field's path.
pub fn path(field: &str) -> Vec<String> {
    field.split('.').map(str::to_owned).collect()
}

pub fn put(field: &str, value: impl Into<Value>) -> RecordOp {
    RecordOp::Put {
        field: path(field),
        value: value.into(),
    }
}

pub fn add(field: &str, value: &str) -> RecordOp {
    RecordOp::Add {
        field: path(field),
        value: value.into(),
    }
}

pub fn remove(field: &str, value: &str) -> RecordOp {
    RecordOp::Remove {
        field: path(field),
        value: value.into(),
    }
}

pub fn increment(field: &str, by: i64) -> RecordOp {
    RecordOp::Increment {
        field: path(field),
        by,
    }
}

pub fn splice(field: &str, at: u32, delete: u32, insert: &str) -> RecordOp {
    RecordOp::Splice {
        field: path(field),
        at,
        delete,
        insert: insert.to_owned(),
    }
}

/// An edit of a body in the text layout.
pub fn type_at(at: u32, delete: u32, insert: &str) -> BodyOp {
    BodyOp::Splice {
        text: Vec::new(),
        at,
        delete,
        insert: insert.to_owned(),
        marks: None,
    }
}

pub fn entry(field: &str, text: &str) -> Entry {
    Entry::from([(field.to_owned(), Scalar::Text(text.to_owned()))])
}

pub fn schema(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A change set after its author bent its header and signed it again.
pub fn bent(key: &SigningKey, signed: &Signed, bend: impl FnOnce(&mut Header)) -> Signed {
    remade(key, signed, |header, _| bend(header))
}

/// A change set after its author bent header and payload, described and signed it again.
pub fn remade(
    key: &SigningKey,
    signed: &Signed,
    bend: impl FnOnce(&mut Header, &mut Vec<u8>),
) -> Signed {
    let (mut header, payload) = signed.change.clone().into_parts();
    let mut bytes = payload.bytes().unwrap_or_default().to_vec();
    bend(&mut header, &mut bytes);
    let change = ChangeSet::new(header.describe(&bytes), Payload::Present(bytes)).unwrap();
    seal(key, vec![change]).unwrap().remove(0)
}

/// Where each change set stands that an intake tells of.
pub fn states(intake: &Intake) -> Vec<State> {
    intake
        .arrivals
        .iter()
        .map(|arrival| arrival.state.clone())
        .collect()
}

/// The state of one change set in an empty replica that was given these, in this order, one by one.
pub fn state_after(lab: &Lab, order: &[&Signed], of: &Signed) -> State {
    let mut replica = lab.empty_replica();
    for signed in order {
        replica.receive(NOW, vec![verified(signed)]);
    }
    let header = of.change.header();
    replica
        .document(&header.entity, &header.part)
        .unwrap()
        .state_of(&of.change.id())
        .unwrap()
}

/// The digest of an empty replica that was given these in every order; they must agree.
pub fn one_state(lab: &Lab, all: &[&Signed]) -> [u8; 32] {
    let mut digests = std::collections::BTreeSet::new();
    for order in permutations(all.len()) {
        let mut replica = lab.empty_replica();
        for at in order {
            replica.receive(NOW, vec![verified(all[at])]);
        }
        digests.insert(replica.digest());
    }
    assert_eq!(digests.len(), 1, "orders give different states");
    digests.pop_first().unwrap()
}

/// Under which chain, for whom and as which actor something is written.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    pub chain: Chain,
    pub author: UserId,
    pub foreign: Option<Actor>,
}

/// Devices that work apart.
pub struct Session {
    pub lab: Lab,
    now: u64,
    sealed: Vec<Signed>,
    entities: Vec<(EntityId, &'static str)>,
}

impl Session {
    /// A workspace with the standard catalogue in force and so many members.
    pub fn new(seed: u64, members: usize) -> Self {
        Session::of(
            seed,
            members,
            ["page", "task"]
                .map(|kind| catalogue::schema(kind).unwrap())
                .into(),
        )
    }

    /// A workspace with these schemas in force and so many members.
    pub fn of(seed: u64, members: usize, schemas: Vec<Schema>) -> Self {
        let mut lab = Lab::new(seed, schemas);
        for _ in 0..members {
            lab.admit(Role::Member);
        }
        Session {
            lab,
            now: NOW,
            sealed: Vec::new(),
            entities: Vec::new(),
        }
    }

    /// How many control records there are.
    pub fn known(&self) -> u64 {
        self.lab.control().tip().number
    }

    fn tick(&mut self) -> u64 {
        self.now += 7;
        self.now
    }

    pub fn entity(&mut self, kind: &'static str) -> EntityId {
        let creator = self.lab.stations[0].user;
        let entity = self.lab.entity(creator, kind);
        self.entities.push((entity, kind));
        entity
    }

    pub fn record(&mut self, station: usize, kind: &str, entity: EntityId, ops: &[RecordOp]) {
        let now = self.tick();
        let replica = &mut self.lab.stations[station].replica;
        match replica.write(now, kind, entity, "record", ViewId(0), &Draft::Record(ops)) {
            // What is so already needs no change set.
            Ok(_) | Err(WriteError::Edit(EditError::Record(record::EditError::Nothing))) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub fn title(&mut self, station: usize, entity: EntityId, title: &str) {
        let field = vec!["title".to_owned()];
        self.record(
            station,
            "page",
            entity,
            &[RecordOp::Put {
                field,
                value: title.into(),
            }],
        );
    }

    pub fn tag(&mut self, station: usize, entity: EntityId, tag: &str) {
        let field = vec!["tags".to_owned()];
        self.record(
            station,
            "page",
            entity,
            &[RecordOp::Add {
                field,
                value: tag.into(),
            }],
        );
    }

    pub fn write_error(&mut self, station: usize, entity: EntityId) -> String {
        self.forge_title(station, "page", entity)
    }

    pub fn write_error_kind(&mut self, station: usize, entity: EntityId) -> String {
        self.forge_title(station, "page", entity)
    }

    /// Lets a station write and seal whatever its rights, and answers what another replica says.
    fn forge_title(&mut self, station: usize, kind: &str, entity: EntityId) -> String {
        let now = self.tick();
        let field = vec!["title".to_owned()];
        let ops = [RecordOp::Put {
            field,
            value: "forged".into(),
        }];
        let sealed = self.forge(station, kind, entity, "record", &Draft::Record(&ops));
        let mut other = self.lab.empty_replica();
        let intake = other.receive(now, vec![verified(&sealed)]);
        format!(
            "{:?}",
            intake
                .arrivals
                .iter()
                .map(|a| match &a.state {
                    anabranch_core::document::State::Refused(rule) => rule.to_string(),
                    other => format!("{other:?}"),
                })
                .collect::<Vec<_>>()
        )
    }

    /// The first change set of a document as a station would seal it that holds itself to no right.
    pub fn forge(
        &mut self,
        station: usize,
        kind: &str,
        entity: EntityId,
        part: &str,
        draft: &Draft<'_>,
    ) -> Signed {
        let now = self.tick();
        let pen = *self.lab.stations[station].replica.pen().unwrap();
        let hand = Hand {
            chain: pen.chain(),
            author: pen.user,
            foreign: None,
        };
        let mut document = self.blank(kind, entity, part);
        self.hand_write(&mut document, station, hand, now, draft)
    }

    /// An empty document outside every replica.
    pub fn blank(&self, kind: &str, entity: EntityId, part: &str) -> Document {
        let chain = self.lab.empty_replica().schemas().chain(kind, u32::MAX);
        Document::new(entity, part, chain).unwrap()
    }

    /// Writes into a document outside every replica, under a station's key but any chain, author and
    /// actor: what a gateway does for its users, and what a crooked member could do.
    pub fn hand_write(
        &self,
        document: &mut Document,
        station: usize,
        hand: Hand,
        now: u64,
        draft: &Draft<'_>,
    ) -> Signed {
        self.try_hand_write(document, station, hand, now, draft)
            .unwrap()
    }

    /// The same, where the document may say no.
    pub fn try_hand_write(
        &self,
        document: &mut Document,
        station: usize,
        hand: Hand,
        now: u64,
        draft: &Draft<'_>,
    ) -> Result<Signed, EditError> {
        let at = &self.lab.stations[station];
        let schema = document.schema().unwrap().clone();
        let member = *at
            .replica
            .standing()
            .member(&hand.chain.origin, u64::MAX)
            .unwrap();
        let derived = match schema.part(document.part()).unwrap().shape {
            PartShape::Body(_) => Actor::Yrs(yrs_client(&hand.chain, &document.id(), &member.salt)),
            PartShape::Record(_) | PartShape::Log(_) => {
                Actor::Automerge(automerge_actor(&hand.chain, &document.id(), &member.salt))
            }
        };
        let writer = Writer {
            chain: hand.chain,
            author: hand.author,
            actor: hand.foreign.unwrap_or(derived),
        };
        let pen = anabranch_core::document::Pen {
            workspace: self.lab.workspace,
            writer,
            user: at.user,
            hlc: Hlc::new(now, 0),
            schema,
            control: at.replica.standing().tip(),
            key: None,
            foreign: hand.foreign,
            replaces: None,
            view: ViewId(0),
        };
        let edited = document.write(&pen, draft)?;
        let chain = document.graph().chain(&hand.chain).unwrap();
        let change = document.kept(chain, edited.seq).unwrap().change.clone();
        Ok(seal(&at.key, vec![change]).unwrap().remove(0))
    }

    /// Writes at a wall-clock time of the test's choice.
    pub fn write_at(
        &mut self,
        station: usize,
        now: u64,
        kind: &str,
        entity: EntityId,
        part: &str,
        draft: &Draft<'_>,
    ) -> Result<Edited, WriteError> {
        let replica = &mut self.lab.stations[station].replica;
        replica
            .write(now, kind, entity, part, ViewId(0), draft)
            .map(|(_, edited)| edited)
    }

    /// Writes operations on a record at a wall-clock time of the test's choice.
    pub fn ops_at(
        &mut self,
        station: usize,
        now: u64,
        kind: &str,
        entity: EntityId,
        ops: &[RecordOp],
    ) {
        self.write_at(station, now, kind, entity, "record", &Draft::Record(ops))
            .unwrap();
    }

    /// What a station shows of a record.
    pub fn view(&self, station: usize, entity: EntityId) -> RecordView {
        view(
            self.lab.stations[station]
                .replica
                .document(&entity, "record")
                .unwrap(),
        )
    }

    /// What all stations show of a record once everybody has everything: they must agree.
    pub fn settled(&mut self, entity: EntityId) -> RecordView {
        self.settle();
        let first = self.view(0, entity);
        for station in 1..self.lab.stations.len() {
            assert_eq!(self.view(station, entity), first, "station {station}");
        }
        first
    }

    /// Seals what a station wrote. The session keeps it for those who have not seen it.
    pub fn flush(&mut self, station: usize) -> Vec<Signed> {
        let sealed = self.lab.stations[station].flush().unwrap();
        self.sealed.extend(sealed.iter().cloned());
        sealed
    }

    /// Everything sealed so far.
    pub fn all(&mut self) -> Vec<Signed> {
        for station in 0..self.lab.stations.len() {
            self.flush(station);
        }
        self.sealed.clone()
    }

    /// Gives everybody everything.
    pub fn settle(&mut self) {
        let all = self.all();
        self.settle_with(&all);
    }

    /// Gives everybody these.
    pub fn settle_with(&mut self, all: &[Signed]) {
        for station in &mut self.lab.stations {
            let (_, refused) = station.receive(self.now, all.to_vec());
            assert_eq!(refused, 0);
        }
    }

    /// A second device under the identity of the first: a copied store.
    pub fn clone_station(&mut self, station: usize) -> usize {
        let key = self.lab.stations[station].key.clone();
        let user = self.lab.stations[station].user;
        let pen = *self.lab.stations[station].replica.pen().unwrap();
        let mut replica = self.lab.empty_replica();
        let all = self.all();
        replica.receive(self.now, all.iter().map(verified).collect());
        replica.take_pen(pen);
        self.lab.stations.push(Station::new(replica, key, user));
        self.lab.stations.len() - 1
    }

    /// Random honest edits of records, bodies and logs by everybody, with partial exchange.
    pub fn work(&mut self, edits: usize) {
        let page = self.entity("page");
        let task = self.entity("task");
        let mut rng = Rng::new(self.lab.rng.next());
        for _ in 0..edits {
            let station = rng.below(self.lab.stations.len());
            self.random_edit(station, page, task, &mut rng);
            if rng.one_in(3) {
                let sealed = self.flush(station);
                let to = rng.below(self.lab.stations.len());
                self.lab.stations[to].receive(self.now, sealed);
            }
        }
        self.all();
    }

    /// One random honest edit by one device.
    pub fn edit_one(&mut self, station: usize, page: EntityId, task: EntityId, rng: &mut Rng) {
        self.random_edit(station, page, task, rng);
    }

    fn random_edit(&mut self, station: usize, page: EntityId, task: EntityId, rng: &mut Rng) {
        let word = ["river", "delta", "bend 🌊", "ford", "weir"][rng.below(5)];
        let field = |name: &str| vec![name.to_owned()];
        match rng.below(7) {
            0 => self.title(station, page, word),
            1 => self.tag(station, page, word),
            2 => {
                let op = RecordOp::Put {
                    field: field("status"),
                    value: "doing".into(),
                };
                self.record(station, "task", task, &[op]);
            }
            3 => {
                let op = RecordOp::Splice {
                    field: field("notes"),
                    at: 0,
                    delete: 0,
                    insert: word.into(),
                };
                self.record(station, "task", task, &[op]);
            }
            4 => {
                let entry = Entry::from([("text".to_owned(), Scalar::Text(word.to_owned()))]);
                let now = self.tick();
                let replica = &mut self.lab.stations[station].replica;
                replica
                    .write(
                        now,
                        "page",
                        page,
                        "log.comments",
                        ViewId(0),
                        &Draft::Entry(&entry),
                    )
                    .unwrap();
            }
            _ => self.type_into(station, page, word, rng),
        }
    }

    /// Types a word into a page's body, beginning with a first block where there is none.
    pub fn type_into(&mut self, station: usize, page: EntityId, word: &str, rng: &mut Rng) {
        let now = self.tick();
        let replica = &mut self.lab.stations[station].replica;
        let units = replica.document(&page, "body").map_or(0, first_block_units);
        let ops = match units {
            0 => vec![BodyOp::InsertBlock {
                at: vec![0],
                tag: "paragraph".to_owned(),
                attributes: Default::default(),
                text: word.to_owned(),
            }],
            units => {
                let at = rng.below(2) as u32 * units;
                vec![BodyOp::Splice {
                    text: vec![0],
                    at,
                    delete: 0,
                    insert: word.to_owned(),
                    marks: None,
                }]
            }
        };
        replica
            .write(now, "page", page, "body", ViewId(0), &Draft::Body(&ops))
            .unwrap();
    }
}

fn first_block_units(document: &Document) -> u32 {
    match document.engine() {
        EngineDoc::Body(body) => match body.content() {
            BodyView::Tree(nodes) => match nodes.first() {
                Some(Node::Block(block)) => block.children.iter().map(Node::units).sum(),
                _ => 0,
            },
            BodyView::Text(_) => 0,
        },
        _ => 0,
    }
}
