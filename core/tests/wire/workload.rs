//! Made-up editing: people typing prose and code, and filling in records. Used to measure the wire
//! form, to test it and to train its dictionary. Equal seeds give equal change sets.
#![allow(dead_code)]

use anabranch_core::{
    changeset::{
        ChangeSet, ControlPosition, Dep, EngineKind, Header, Payload, Verified, seal_verified, tags,
    },
    hlc::Hlc,
    id::{Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId, SchemaId, UserId, WorkspaceId},
    value::Value,
};
use automerge::{
    ActorId, Automerge, ObjId, ObjType, ROOT, ReadDoc,
    transaction::{CommitOptions, Transactable},
};
use ed25519_dalek::SigningKey;
use yrs::{ClientID, Doc, OffsetKind, Options, Text, Transact, WriteTxn};

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.next() as u8;
        }
        bytes
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const WORDS: &str = "the of and to in a is that for it was on are as with they be at one have \
this from or had by hot but some what there we can out other were all your when up use word how \
said an each she which do their time if will way about many then them would write like so these \
her long make thing see him two has look more day could go come did my sound no most number who \
over know water than call first people may down side been now find river branch stream later work \
note draft paper change merge edit field value document replica network because between through \
should again before every without together another however example result system people paragraph";

const NAMES: &str = "self state value index count item node left right next prev parent key map \
list text doc change clock client update block range start end len name result error buffer \
reader writer frame stream event handler config path file line";

const STATUSES: [&str; 5] = ["open", "doing", "review", "done", "blocked"];

/// Someone typing into a text. Positions count characters.
pub struct Typist {
    rng: Rng,
    pub text: Vec<char>,
    cursor: usize,
    queue: Vec<char>,
    code: bool,
    backspaces: usize,
}

impl Typist {
    pub fn prose(seed: u64) -> Self {
        Typist {
            rng: Rng(seed),
            text: Vec::new(),
            cursor: 0,
            queue: Vec::new(),
            code: false,
            backspaces: 0,
        }
    }

    pub fn code(seed: u64) -> Self {
        Typist {
            code: true,
            ..Typist::prose(seed)
        }
    }

    /// Milliseconds since the edit before, and the edit: position, characters deleted, text.
    pub fn next(&mut self) -> (u64, (usize, usize, String)) {
        let pause = if self.rng.one_in(40) { 1_500 } else { 0 };
        let wait = 60 + pause + self.rng.below(200) as u64;
        let edit = self.edit();
        let (at, deleted, text) = &edit;
        self.text.splice(at..&(at + deleted), text.chars());
        self.cursor = at + text.chars().count();
        (wait, edit)
    }

    fn edit(&mut self) -> (usize, usize, String) {
        if self.backspaces > 0 && self.cursor > 0 {
            self.backspaces -= 1;
            return (self.cursor - 1, 1, String::new());
        }
        if self.queue.is_empty() && self.rng.one_in(9) && self.text.len() > 20 {
            return self.detour();
        }
        if self.rng.one_in(35) && self.cursor > 4 {
            self.backspaces = self.rng.below(5);
            return (self.cursor - 1, 1, String::new());
        }
        if self.queue.is_empty() {
            self.queue = if self.code { self.line() } else { self.words() };
            self.queue.reverse();
        }
        match self.queue.pop() {
            // An editor indents by itself.
            Some('\n') if self.code => {
                let indent = 4 * self.rng.below(4);
                (self.cursor, 0, format!("\n{}", " ".repeat(indent)))
            }
            Some(char) => (self.cursor, 0, char.to_string()),
            None => (self.cursor, 0, " ".into()),
        }
    }

    /// A jump elsewhere, a deletion, a replacement or a paste.
    fn detour(&mut self) -> (usize, usize, String) {
        let len = self.text.len();
        let near = self.cursor.saturating_sub(self.rng.below(200));
        let at = if self.rng.one_in(3) {
            self.rng.below(len)
        } else {
            near
        };
        match self.rng.below(8) {
            0 => (at, (3 + self.rng.below(20)).min(len - at), String::new()),
            1 => {
                let word = self.word(WORDS);
                (at, (1 + self.rng.below(6)).min(len - at), word)
            }
            2 if self.code => (at, 0, self.line().into_iter().collect()),
            3 | 4 => {
                self.cursor = len;
                (len, 0, " ".into())
            }
            _ => (at, 0, self.rng.pick(&['e', ' ', 's', ',', 't']).to_string()),
        }
    }

    fn word(&mut self, from: &str) -> String {
        let words: Vec<&str> = from.split_whitespace().collect();
        // The earlier, the more frequent.
        let at = self.rng.below(words.len()).min(self.rng.below(words.len()));
        words[at].to_owned()
    }

    fn words(&mut self) -> Vec<char> {
        let mut text = self.word(WORDS);
        text.push_str(match self.rng.below(14) {
            0 => ", ",
            1 => ". ",
            2 if self.rng.one_in(3) => ".\n\n",
            _ => " ",
        });
        text.chars().collect()
    }

    fn line(&mut self) -> Vec<char> {
        let [a, b, c] = [(); 3].map(|()| self.word(NAMES));
        let line = match self.rng.below(9) {
            0 => format!("let {a} = {b}.{c}();\n"),
            1 => format!("let mut {a} = Vec::new();\n"),
            2 => format!("if {a}.{b} == {c} {{\n"),
            3 => "}\n".to_owned(),
            4 => format!("pub fn {a}_{b}(&self, {c}: &str) -> Option<usize> {{\n"),
            5 => format!("for {a} in self.{b}.iter() {{\n"),
            6 => format!("return {a}.{b}({c}, {});\n", self.rng.below(100)),
            7 => format!("// the {a} of the {b}\n"),
            _ => format!("self.{a}.push({b} + {c});\n"),
        };
        line.chars().collect()
    }
}

/// One chain in one document: who seals payloads into change sets.
pub struct Author {
    pub key: SigningKey,
    pub header: Header,
    pub prev: Option<ChangeSetId>,
    pub seq: u64,
    pub hlc: Hlc,
    /// What it has seen of others since its last change set.
    pub deps: Vec<Dep>,
}

pub const START_MS: u64 = 1_795_000_000_000;

impl Author {
    pub fn new(rng: &mut Rng, part: &str, engine: EngineKind) -> Self {
        let key = SigningKey::from_bytes(&rng.bytes());
        let origin: OriginId = tags::origin(&key);
        let user = UserId(rng.bytes());
        let header = Header {
            workspace: WorkspaceId(rng.bytes()),
            entity: EntityId {
                creator: user,
                nonce: rng.bytes(),
            },
            part: part.to_owned(),
            chain: Chain {
                origin,
                epoch: Epoch(0),
                lane: Lane(0),
            },
            author: user,
            on_behalf_of: None,
            seq: 1,
            prev: None,
            deps: Vec::new(),
            hlc: Hlc(0),
            schema: SchemaId(rng.bytes()),
            schema_version: 2,
            rules: 1,
            control: ControlPosition {
                epoch: 1,
                number: 40,
            },
            engine,
            actor: None,
            key_epoch: None,
            route: Vec::new(),
            payload_len: 0,
            payload_hash: [0; 32],
            replaces: None,
            extension: Vec::new(),
        };
        Author {
            key,
            header,
            prev: None,
            seq: 0,
            hlc: Hlc::new(START_MS, 0),
            deps: Vec::new(),
        }
    }

    /// Another author of the same document.
    pub fn beside(&self, rng: &mut Rng) -> Self {
        let mut other = Author::new(rng, &self.header.part, self.header.engine);
        let (chain, author) = (other.header.chain, other.header.author);
        other.header = Header {
            chain,
            author,
            ..self.header.clone()
        };
        other
    }

    /// The same author in another document.
    pub fn elsewhere(&self, rng: &mut Rng) -> Self {
        let mut header = self.header.clone();
        header.entity.nonce = rng.bytes();
        Author {
            key: self.key.clone(),
            header,
            prev: None,
            seq: 0,
            hlc: self.hlc,
            deps: Vec::new(),
        }
    }

    /// Seals `payload` at `now_ms`; in one millisecond the counter rises.
    pub fn change(
        &mut self,
        payload: Vec<u8>,
        now_ms: u64,
        route: Vec<(String, Value)>,
    ) -> ChangeSet {
        let wall = Hlc::new(now_ms, 0);
        self.hlc = if wall > self.hlc {
            wall
        } else {
            Hlc(self.hlc.0 + 1)
        };
        self.stamped(payload, route)
    }

    /// Seals `payload` under the stamp already taken.
    pub fn stamped(&mut self, payload: Vec<u8>, route: Vec<(String, Value)>) -> ChangeSet {
        self.seq += 1;
        let mut header = self.header.clone();
        header.seq = self.seq;
        header.prev = self.prev;
        header.deps = std::mem::take(&mut self.deps);
        header.deps.sort_by_key(|dep| dep.chain);
        header.hlc = self.hlc;
        header.route = route;
        let change = ChangeSet::new(header.describe(&payload), Payload::Present(payload)).unwrap();
        self.prev = Some(change.id());
        change
    }

    /// Has seen another's change set of the document, and all before it.
    pub fn sees(&mut self, change: &ChangeSet) {
        let header = change.header();
        self.deps.retain(|dep| dep.chain != header.chain);
        self.deps.push(Dep {
            chain: header.chain,
            seq: header.seq,
            id: change.id(),
        });
    }

    pub fn seal(&self, changes: Vec<ChangeSet>) -> Vec<Verified> {
        seal_verified(&self.key, changes).unwrap()
    }
}

/// A text in a Yrs document that one author types into.
pub struct Body {
    pub author: Author,
    pub doc: Doc,
    /// Characters outside the basic plane make UTF-16 places differ.
    astral: bool,
    text: Vec<char>,
}

impl Body {
    pub fn new(rng: &mut Rng) -> Self {
        let author = Author::new(rng, "body", EngineKind::Yrs);
        let doc = Doc::with_options(Options {
            client_id: ClientID::new(rng.next() >> 11),
            offset_kind: OffsetKind::Utf16,
            skip_gc: true,
            ..Options::default()
        });
        Body {
            author,
            doc,
            astral: false,
            text: Vec::new(),
        }
    }

    fn place(&self, at: usize) -> u32 {
        if !self.astral {
            return at as u32;
        }
        self.text[..at].iter().map(|c| c.len_utf16() as u32).sum()
    }

    /// One change set of these patches; positions count characters.
    pub fn edit(&mut self, patches: &[(usize, usize, String)], now_ms: u64) -> ChangeSet {
        let doc = self.doc.clone();
        let mut txn = doc.transact_mut();
        let text = txn.get_or_insert_text("text");
        for (at, deleted, new) in patches {
            let (start, end) = (self.place(*at), self.place(at + deleted));
            if end > start {
                text.remove_range(&mut txn, start, end - start);
            }
            if !new.is_empty() {
                text.insert(&mut txn, start, new);
            }
            self.astral |= new.chars().any(|c| c.len_utf16() > 1);
            self.text.splice(at..&(at + deleted), new.chars());
        }
        let payload = txn.encode_update_v1();
        self.author.change(payload, now_ms, Vec::new())
    }
}

/// Change sets of someone typing.
pub fn typing(mut typist: Typist, rng: &mut Rng, count: usize) -> (Body, Vec<ChangeSet>) {
    let mut body = Body::new(rng);
    let mut now = START_MS;
    let changes = (0..count)
        .map(|_| {
            let (wait, edit) = typist.next();
            now += wait;
            body.edit(&[edit], now)
        })
        .collect();
    (body, changes)
}

/// A record in an Automerge document.
pub struct Record {
    pub author: Author,
    doc: Automerge,
    text: ObjId,
    tags: ObjId,
    log: ObjId,
    routed: bool,
}

/// Which of a record's fields an edit writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Status,
    Title,
    Number,
    Tag,
    Entry,
    Key,
}

impl Record {
    /// Every record begins with the same genesis; `author` gives the document.
    pub fn new(author: Author, rng: &mut Rng, routed: bool) -> Self {
        let mut doc = Automerge::new().with_actor(ActorId::from([0; 16]));
        let mut txn = doc.transaction();
        let text = txn.put_object(ROOT, "text", ObjType::Text).unwrap();
        let tags = txn.put_object(ROOT, "tags", ObjType::Map).unwrap();
        let log = txn.put_object(ROOT, "log", ObjType::List).unwrap();
        txn.commit_with(CommitOptions::default().with_time(0));
        doc.set_actor(ActorId::from(rng.bytes::<16>()));
        Record {
            author,
            doc,
            text,
            tags,
            log,
            routed,
        }
    }

    /// The same record at another author.
    pub fn beside(&self, rng: &mut Rng) -> Self {
        let mut doc = self.doc.fork();
        doc.set_actor(ActorId::from(rng.bytes::<16>()));
        Record {
            author: self.author.beside(rng),
            doc,
            text: self.text.clone(),
            tags: self.tags.clone(),
            log: self.log.clone(),
            routed: self.routed,
        }
    }

    /// Takes in another author's change set.
    pub fn sees(&mut self, change: &ChangeSet) {
        let bytes = change.payload().bytes().unwrap().to_vec();
        let engine = automerge::Change::from_bytes(bytes).unwrap();
        self.doc.apply_changes([engine]).unwrap();
        self.author.sees(change);
    }

    pub fn edit(&mut self, field: Field, rng: &mut Rng, now_ms: u64) -> ChangeSet {
        let wall = Hlc::new(now_ms, 0);
        self.author.hlc = wall.max(Hlc(self.author.hlc.0 + 1));
        let time = self.author.hlc.as_time();
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut route = Vec::new();
        let mut txn = self.doc.transaction();
        match field {
            Field::Status => {
                // The engine makes no change of a value put again.
                let now = txn.get(ROOT, "status").unwrap();
                let now = now.and_then(|(value, _)| value.as_str().map(str::to_owned));
                let at = STATUSES.iter().position(|s| Some(*s) == now.as_deref());
                let status = STATUSES[(at.unwrap_or(0) + 1 + rng.below(4)) % 5];
                txn.put(ROOT, "status", status).unwrap();
                if self.routed {
                    route.push(("status".to_owned(), Value::from(status)));
                }
            }
            Field::Title => {
                let title = [rng.pick(&words), rng.pick(&words), rng.pick(&words)];
                txn.put(ROOT, "title", title.map(|w| (*w).to_owned()).join(" "))
                    .unwrap();
            }
            Field::Number => {
                let name = *rng.pick(&["priority", "estimate", "order"]);
                let now = txn
                    .get(ROOT, name)
                    .unwrap()
                    .and_then(|(value, _)| value.as_i64());
                let number = rng.below(1_000) as i64;
                txn.put(ROOT, name, number + i64::from(Some(number) == now))
                    .unwrap();
            }
            Field::Tag => txn.put(&self.tags, *rng.pick(&words), time).unwrap(),
            Field::Entry => {
                let at = txn.length(&self.log);
                let entry = txn.insert_object(&self.log, at, ObjType::Map).unwrap();
                txn.put(&entry, "at", time).unwrap();
                txn.put(&entry, "what", *rng.pick(&words)).unwrap();
            }
            Field::Key => {
                let at = txn.length(&self.text);
                let word = *rng.pick(&words);
                let key = word.chars().next().unwrap_or(' ').to_string();
                txn.splice_text(&self.text, at, 0, &key).unwrap();
            }
        }
        txn.commit_with(CommitOptions::default().with_time(time));
        let change = self.doc.get_last_local_change().unwrap();
        if change.seq() != self.author.seq + 1 {
            return self.edit(Field::Key, rng, now_ms);
        }
        self.author.stamped(change.raw_bytes().to_vec(), route)
    }
}

/// Change sets of someone filling in many records, one field each.
pub fn filling(rng: &mut Rng, records: usize, count: usize) -> (SigningKey, Vec<ChangeSet>) {
    let first = Author::new(rng, "record", EngineKind::Automerge);
    let key = first.key.clone();
    let mut all: Vec<Record> = (0..records)
        .map(|_| {
            let author = first.elsewhere(rng);
            Record::new(author, rng, true)
        })
        .collect();
    let (mut now, mut at) = (START_MS, 0);
    let changes = (0..count)
        .map(|_| {
            now += 200 + rng.below(4_000) as u64;
            if rng.one_in(6) {
                at = rng.below(records);
            }
            let field = match rng.below(10) {
                0..=3 => Field::Status,
                4 | 5 => Field::Number,
                6 | 7 => Field::Title,
                8 => Field::Tag,
                _ => Field::Entry,
            };
            all[at].edit(field, rng, now)
        })
        .collect();
    (key, changes)
}

/// Seals in flushes of `size`.
pub fn flushes(key: &SigningKey, changes: Vec<ChangeSet>, size: usize) -> Vec<Vec<Verified>> {
    let mut flushes = Vec::new();
    let mut changes = changes.into_iter().peekable();
    while changes.peek().is_some() {
        let flush = changes.by_ref().take(size).collect();
        flushes.push(seal_verified(key, flush).unwrap());
    }
    flushes
}

/// A new seed for each run, printed by whoever uses it; `ANABRANCH_SEED` runs one again.
pub fn seed() -> u64 {
    let given = std::env::var("ANABRANCH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64)
    })
}
