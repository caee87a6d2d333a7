//! An engine whose store fails and whose process dies at every moment there is: what was promised is
//! there again, nothing is there by half, and no name ever stands for two histories.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::{
    document::Draft,
    engine::{EditError, Engine, Loading, Output, Place, Ticket},
    id::{ActorSalt, Chain, ChangeSetId, DocumentId, EntityId, UserId, ViewId, WorkspaceId},
    record::RecordOp,
    replica::Replica,
    schema::Schema,
    sim::Rng,
    store::{MemoryStore, Position, Row, Store},
    value::Scalar,
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;

const WORKSPACE: WorkspaceId = WorkspaceId([1; 16]);
const OWNER: UserId = UserId([2; 16]);
const NOTE: &str = "kind = \"note\"\nversion = 1\n[record.fields]\nvotes = \"counter\"\nwords = \"set text\"\n[log.said]\n[log.said.entry]\ntext = \"text\"\n";

fn loaded(store: &MemoryStore, now_ms: u64) -> Engine {
    let mut engine = Engine::new(SigningKey::from_bytes(&[7; 32]));
    let mut loading = Loading::default();
    loop {
        // Small pages, so that loading goes on across them.
        let page = store.read(engine.journal_end(), 300).unwrap();
        if page.is_empty() {
            break;
        }
        engine.load(&page, &mut loading).unwrap();
    }
    engine.loaded(now_ms, loading);
    engine
}

fn replica(engine: &Engine) -> &Replica {
    engine.replica(&WORKSPACE).unwrap()
}

/// Everything that happened, counted, so that a run in which nothing went wrong shows.
#[derive(Debug, Default)]
struct Happened {
    edits: usize,
    commits: usize,
    failed_before: usize,
    failed_after: usize,
    crashes: usize,
    crashes_in_commit: usize,
}

struct Run {
    rng: Rng,
    store: MemoryStore,
    engine: Engine,
    now_ms: u64,
    entities: Vec<EntityId>,
    /// The digest when each ticket was given.
    promised: BTreeMap<Ticket, usize>,
    made: Vec<ChangeSetId>,
    durable: Ticket,
    /// What was ever committed in each place.
    slots: BTreeMap<(DocumentId, Chain, u64), ChangeSetId>,
    happened: Happened,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = Rng::new(seed);
        let mut engine = Engine::new(SigningKey::from_bytes(&[7; 32]));
        engine
            .found(1_000, WORKSPACE, OWNER, ActorSalt([3; 16]))
            .unwrap();
        engine
            .activate(1_000, &WORKSPACE, Schema::parse(NOTE).unwrap())
            .unwrap();
        let entities = (0..3)
            .map(|_| EntityId::new(OWNER, "note", rng.bytes()))
            .collect();
        let mut run = Run {
            rng,
            store: MemoryStore::default(),
            engine,
            now_ms: 2_000,
            entities,
            promised: BTreeMap::new(),
            made: Vec::new(),
            durable: Ticket::default(),
            slots: BTreeMap::new(),
            happened: Happened::default(),
        };
        // The workspace itself is durable before anything is tried.
        while run.step_output(0) {}
        run
    }

    fn edit(&mut self) {
        let entity = self.entities[self.rng.below(self.entities.len())];
        let (part, draft);
        let (ops, entry);
        if self.rng.one_in(3) {
            entry = BTreeMap::from([("text".to_owned(), Scalar::Text("said".to_owned()))]);
            (part, draft) = ("log.said", Draft::Entry(&entry));
        } else {
            ops = [RecordOp::Increment {
                field: vec!["votes".into()],
                by: 1,
            }];
            (part, draft) = ("record", Draft::Record(&ops));
        }
        let place = Place {
            workspace: WORKSPACE,
            kind: "note",
            entity,
            part,
            view: ViewId(0),
        };
        // A clock that stands still, jumps and goes back.
        let now_ms = (self.now_ms as i64 + self.rng.below(2_000) as i64 - 1_000) as u64;
        match self.engine.edit(now_ms, &place, &draft) {
            Ok(made) => {
                self.made.push(made.edited.id);
                self.promised.insert(made.ticket, self.made.len());
                self.happened.edits += 1;
            }
            Err(EditError::StoreFailing { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// One output, carried out or not; `trouble` in so many out of ten. Answers whether there was one.
    fn step_output(&mut self, trouble: usize) -> bool {
        match self.engine.poll(self.now_ms) {
            None => return false,
            Some(Output::WakeAt(at_ms)) => self.now_ms = at_ms,
            Some(Output::Durable(ticket)) => self.durable = ticket,
            Some(Output::Commit { at, rows }) => {
                let troubled = self.rng.below(10) < trouble;
                let kind = self.rng.below(4);
                if !troubled || kind != 0 && kind != 2 {
                    self.commit(at, &rows);
                }
                match (troubled, kind) {
                    (false, _) => {
                        self.happened.commits += 1;
                        self.engine.committed();
                    }
                    (true, 0 | 1) => {
                        match kind {
                            0 => self.happened.failed_before += 1,
                            _ => self.happened.failed_after += 1,
                        }
                        self.engine.failed(self.now_ms);
                    }
                    // The process dies, the commit done or not.
                    (true, _) => {
                        self.happened.crashes_in_commit += 1;
                        self.crash();
                    }
                }
            }
        }
        true
    }

    fn commit(&mut self, at: Position, rows: &[Vec<u8>]) {
        self.store.append(at, rows).unwrap();
        for row in rows {
            if let Row::ChangeSet(signed) = Row::decode(row).unwrap() {
                let header = signed.change.header();
                let slot = (header.document(), header.chain, header.seq);
                let id = *self.slots.entry(slot).or_insert(signed.change.id());
                assert_eq!(id, signed.change.id(), "one name, two histories");
            }
        }
    }

    /// The process dies, and the store is opened again.
    fn crash(&mut self) {
        self.happened.crashes += 1;
        self.engine = loaded(&self.store, self.now_ms);
        let kept = self.promised.range(..=self.durable).next_back();
        let kept = kept.map_or(0, |(_, made)| *made);
        let here: Vec<ChangeSetId> = replica(&self.engine)
            .signed()
            .iter()
            .map(|signed| signed.change.id())
            .collect();
        for id in &self.made[..kept] {
            assert!(here.contains(id), "{id} was promised");
        }
        // What was not promised may be gone, but only from the end.
        let lost = self.made.iter().position(|id| !here.contains(id));
        let lost = lost.unwrap_or(self.made.len());
        assert!(self.made[lost..].iter().all(|id| !here.contains(id)));
        self.made.truncate(lost);
        self.promised.clear();
        self.durable = Ticket::default();
        assert_eq!(
            replica(&self.engine).intents().count(),
            here.len(),
            "what was meant is kept"
        );
        // The same journal gives the same state, however often it is opened.
        let again = loaded(&self.store, self.now_ms + 5);
        assert_eq!(replica(&again).digest(), replica(&self.engine).digest());
    }
}

#[test]
fn no_promise_is_broken_and_no_name_used_twice_whatever_fails_when() {
    let seeds = std::env::var("ANABRANCH_RESTART_SEEDS").ok();
    let seeds: u64 = seeds.map_or(150, |seeds| seeds.parse().unwrap());
    let mut all = Happened::default();
    for seed in 0..seeds {
        let mut run = Run::new(seed);
        for _ in 0..60 {
            match run.rng.below(10) {
                0..=4 => run.edit(),
                5 => run.now_ms += 700,
                6 if run.rng.one_in(3) => run.crash(),
                _ => {
                    run.step_output(4);
                }
            }
        }
        // A calm phase: everything is saved, and opened again it is the same.
        while run.engine.is_unsaved() {
            assert!(
                run.step_output(0),
                "seed {seed}: unsaved work, and nothing to do"
            );
        }
        let digest = replica(&run.engine).digest();
        assert_eq!(replica(&loaded(&run.store, run.now_ms)).digest(), digest);
        assert_eq!(replica(&run.engine).signed().len(), run.made.len());
        let Happened {
            edits,
            commits,
            failed_before,
            failed_after,
            crashes,
            crashes_in_commit,
        } = run.happened;
        all.edits += edits;
        all.commits += commits;
        all.failed_before += failed_before;
        all.failed_after += failed_after;
        all.crashes += crashes;
        all.crashes_in_commit += crashes_in_commit;
    }
    println!("{all:?}");
    assert!(all.failed_before > 50 && all.failed_after > 50 && all.crashes_in_commit > 100);
}
