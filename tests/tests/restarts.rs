//! An engine whose store fails and whose process dies at every moment there is: what was promised is
//! there again, nothing is there by half, and no name ever stands for two histories.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::{
    control::{ControlBody, RefuseReason, Role, Slot},
    document::Draft,
    engine::{Bounds, EditError, Engine, Output, Place, Ticket},
    id::{ActorSalt, Chain, ChangeSetId, DocumentId, EntityId, UserId, ViewId, WorkspaceId},
    projection::Projection,
    record::RecordOp,
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

/// An engine on a store, with little room, so that documents close and derivations are made.
fn loaded(store: &MemoryStore) -> Engine {
    let mut engine = Engine::open(store, SigningKey::from_bytes(&[7; 32])).unwrap();
    engine.bound(small());
    engine
}

fn small() -> Bounds {
    Bounds {
        open_documents: 2,
        derive_rows: 9,
        derive_close_rows: 3,
        ..Bounds::default()
    }
}

/// Every change set and own edit that an engine's store holds, read document by document.
fn all(engine: &mut Engine, store: &MemoryStore) -> (Vec<ChangeSetId>, usize) {
    let (mut ids, mut intents) = (Vec::new(), 0);
    for document in engine.documents(&WORKSPACE) {
        engine.bring(store, 0, &WORKSPACE, [document]).unwrap();
        let replica = engine.replica(&WORKSPACE).unwrap();
        let signed = replica.signed_of(&document);
        ids.extend(signed.iter().map(|signed| signed.change.id()));
        intents += replica.intents_of(&document).count();
        engine.trim();
    }
    (ids, intents)
}

fn digest(engine: &mut Engine, store: &MemoryStore) -> [u8; 32] {
    engine.digest(store, 0, &WORKSPACE).unwrap()
}

/// What lists show.
fn projected(engine: &mut Engine, store: &MemoryStore) -> Vec<Projection> {
    engine.projections(store, 0, &WORKSPACE, "note").unwrap()
}

/// What they should show, from the documents.
fn from_documents(engine: &mut Engine, store: &MemoryStore) -> Vec<Projection> {
    let mut all: BTreeMap<EntityId, Projection> = BTreeMap::new();
    for document in engine.documents(&WORKSPACE) {
        engine.bring(store, 0, &WORKSPACE, [document]).unwrap();
        let replica = engine.replica(&WORKSPACE).unwrap();
        let document = replica.document_of(&document).unwrap();
        let entity = *document.entity();
        let projection = all.entry(entity);
        let projection = projection.or_insert_with(|| Projection::new(entity, "note"));
        projection.take(document);
        engine.trim();
    }
    all.into_values().collect()
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
    derivations: usize,
    derivations_failed: usize,
    crashes_in_derivation: usize,
    damaged: usize,
    reopened: usize,
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
        engine.bound(small());
        engine
            .found(1_000, WORKSPACE, OWNER, ActorSalt([3; 16]))
            .unwrap();
        engine
            .activate(1_000, &WORKSPACE, Schema::parse(NOTE).unwrap())
            .unwrap();
        let entities = (0..5)
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
        if self.rng.one_in(4) {
            projected(&mut self.engine, &self.store);
        }
        // A clock that stands still, jumps and goes back.
        let now_ms = (self.now_ms as i64 + self.rng.below(2_000) as i64 - 1_000) as u64;
        let document = DocumentId::of(&entity, part);
        if self.engine.want(&WORKSPACE, &document).is_some() {
            let closed = self.engine.edit(now_ms, &place, &draft);
            assert!(matches!(closed, Err(EditError::Closed(one)) if one.0 == document));
            self.happened.reopened += 1;
        }
        let brought = self
            .engine
            .bring(&self.store, now_ms, &WORKSPACE, [document]);
        brought.unwrap();
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
            Some(Output::Derive { upto, changes }) => {
                let troubled = self.rng.below(10) < trouble;
                let kind = self.rng.below(5);
                if !troubled || kind == 1 || kind == 3 {
                    self.store.derive(upto, &changes).unwrap();
                }
                match (troubled, kind) {
                    (false, _) => {
                        self.happened.derivations += 1;
                        self.engine.derived();
                    }
                    (true, 0 | 1) => {
                        self.happened.derivations_failed += 1;
                        self.engine.not_derived(self.now_ms, false);
                    }
                    (true, 2 | 3) => {
                        self.happened.crashes_in_derivation += 1;
                        self.crash();
                    }
                    (true, _) => {
                        self.happened.damaged += 1;
                        self.store.forget_derived().unwrap();
                        self.engine.not_derived(self.now_ms, true);
                    }
                }
                // The wait after a failure passes sooner or later.
                self.now_ms += 3_000;
            }
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
        if self.rng.one_in(8) {
            // What is derived is damaged: it is made again.
            self.happened.damaged += 1;
            let head = [(b"head".to_vec(), Some(b"rubbish".to_vec()))];
            self.store.derive(self.store.end().unwrap(), &head).unwrap();
        }
        self.engine = loaded(&self.store);
        let kept = self.promised.range(..=self.durable).next_back();
        let kept = kept.map_or(0, |(_, made)| *made);
        let (here, intents) = all(&mut self.engine, &self.store);
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
        assert_eq!(intents, here.len(), "what was meant is kept");
        // The same journal gives the same state, however often it is opened, and whatever is derived.
        let shown = digest(&mut self.engine, &self.store);
        assert_eq!(digest(&mut loaded(&self.store), &self.store), shown);
        let lists = projected(&mut self.engine, &self.store);
        assert_eq!(lists, from_documents(&mut self.engine, &self.store));
        let bare = self.store.clone();
        bare.forget_derived().unwrap();
        assert_eq!(digest(&mut loaded(&bare), &bare), shown);
    }
}

#[test]
fn no_promise_is_broken_and_no_name_used_twice_whatever_fails_when() {
    let seeds = std::env::var("ANABRANCH_RESTART_SEEDS").ok();
    let seeds: u64 = seeds.map_or(150, |seeds| seeds.parse().unwrap());
    let mut total = Happened::default();
    for seed in 0..seeds {
        let mut run = Run::new(seed);
        for _ in 0..90 {
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
        let shown = digest(&mut run.engine, &run.store);
        let mut again = loaded(&run.store);
        assert_eq!(digest(&mut again, &run.store), shown);
        assert_eq!(all(&mut again, &run.store).0.len(), run.made.len());
        assert!(again.open_documents() <= small().open_documents);
        let lists = projected(&mut run.engine, &run.store);
        assert_eq!(lists, projected(&mut again, &run.store));
        assert_eq!(lists, from_documents(&mut again, &run.store));
        let Happened {
            edits,
            commits,
            failed_before,
            failed_after,
            crashes,
            crashes_in_commit,
            derivations,
            derivations_failed,
            crashes_in_derivation,
            damaged,
            reopened,
        } = run.happened;
        total.edits += edits;
        total.commits += commits;
        total.failed_before += failed_before;
        total.failed_after += failed_after;
        total.crashes += crashes;
        total.crashes_in_commit += crashes_in_commit;
        total.derivations += derivations;
        total.derivations_failed += derivations_failed;
        total.crashes_in_derivation += crashes_in_derivation;
        total.damaged += damaged;
        total.reopened += reopened;
    }
    println!("{total:?}");
    assert!(total.failed_before > 50 && total.failed_after > 50 && total.crashes_in_commit > 100);
    assert!(total.derivations > 100 && total.derivations_failed > 30 && total.damaged > 20);
    assert!(total.crashes_in_derivation > 30 && total.reopened > 100);
}

/// Carries out whatever an engine gives out.
fn settle(engine: &mut Engine, store: &MemoryStore) {
    while let Some(output) = engine.poll(9_000) {
        match output {
            Output::Commit { at, rows } => {
                store.append(at, &rows).unwrap();
                engine.committed();
            }
            Output::Derive { upto, changes } => {
                store.derive(upto, &changes).unwrap();
                engine.derived();
            }
            Output::Durable(_) | Output::WakeAt(_) => {}
        }
    }
}

#[test]
fn a_rebase_is_one_commit_and_is_not_made_again_after_a_restart() {
    let (owner_store, store) = (MemoryStore::default(), MemoryStore::default());
    let mut owner = Engine::new(SigningKey::from_bytes(&[7; 32]));
    let key = SigningKey::from_bytes(&[8; 32]);
    let mut member = Engine::new(key.clone());
    owner
        .found(1_000, WORKSPACE, OWNER, ActorSalt([3; 16]))
        .unwrap();
    owner
        .activate(1_000, &WORKSPACE, Schema::parse(NOTE).unwrap())
        .unwrap();
    let admitted = ControlBody::Member {
        user: UserId([9; 16]),
        origin: member.device(),
        role: Role::Member,
        salt: ActorSalt([5; 16]),
    };
    owner.order(1_000, &WORKSPACE, admitted).unwrap();
    settle(&mut owner, &owner_store);
    let carry = |from: (&mut Engine, &MemoryStore), to: (&mut Engine, &MemoryStore)| {
        let bundle = from.0.export(from.1, 2_000, &WORKSPACE).unwrap();
        to.0.import(to.1, 2_000, &bundle).unwrap();
        settle(to.0, to.1);
    };
    carry((&mut owner, &owner_store), (&mut member, &store));
    let note = EntityId::new(OWNER, "note", [1; 12]);
    let place = Place {
        workspace: WORKSPACE,
        kind: "note",
        entity: note,
        part: "record",
        view: ViewId(0),
    };
    let word = |word: &str| {
        [RecordOp::Add {
            field: vec!["words".into()],
            value: word.into(),
        }]
    };
    let (one, two) = (word("refused"), word("stood on it"));
    let first = member.edit(3_000, &place, &Draft::Record(&one)).unwrap();
    member.edit(3_001, &place, &Draft::Record(&two)).unwrap();
    settle(&mut member, &store);
    carry((&mut member, &store), (&mut owner, &owner_store));
    let chain = member.replica(&WORKSPACE).unwrap().pen().unwrap().chain();
    let refuse = ControlBody::Refuse {
        slot: Slot {
            document: first.document,
            chain,
            seq: first.edited.seq,
        },
        id: first.edited.id,
        reason: RefuseReason::Policy("no such words".into()),
    };
    owner.order(4_000, &WORKSPACE, refuse).unwrap();
    settle(&mut owner, &owner_store);
    carry((&mut owner, &owner_store), (&mut member, &store));
    let shown = |engine: &mut Engine, store: &MemoryStore| {
        let lists = projected(engine, store);
        let words = lists[0].field(&["words"]).cloned();
        words.map(|words| words.to_json().to_string())
    };
    assert_ne!(
        shown(&mut member, &store),
        Some(r#"["stood on it"]"#.into())
    );
    let rows = store.end().unwrap();
    let (rebased, _) = member.rebase(&store, 5_000, &WORKSPACE).unwrap();
    assert_eq!((rebased.again.len(), rebased.returned.len()), (1, 1));
    assert_eq!(
        store.end().unwrap(),
        rows,
        "nothing is written before it is committed"
    );
    match member.poll(5_000).unwrap() {
        Output::Commit { at, rows } => {
            let kinds: Vec<Row> = rows.iter().map(|row| Row::decode(row).unwrap()).collect();
            let has = |wanted: fn(&Row) -> bool| kinds.iter().any(wanted);
            assert!(has(|row| matches!(row, Row::Pen { .. })));
            assert!(has(|row| matches!(row, Row::Settled { .. })));
            assert!(has(|row| matches!(row, Row::ChangeSet(_))));
            store.append(at, &rows).unwrap();
            member.committed();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        shown(&mut member, &store),
        Some(r#"["stood on it"]"#.into())
    );
    let mut again = Engine::open(&store, key).unwrap();
    assert_eq!(shown(&mut again, &store), Some(r#"["stood on it"]"#.into()));
    let (nothing, _) = again.rebase(&store, 6_000, &WORKSPACE).unwrap();
    assert!(
        nothing.again.is_empty() && nothing.returned.is_empty(),
        "{nothing:?}"
    );
}

/// The writer carries a derivation out beside whoever reads: a list between the two forgets nothing.
#[test]
fn a_list_while_a_derivation_is_carried_out_is_whole_and_forgets_nothing() {
    for carried_out in [false, true] {
        let mut run = Run::new(5);
        let mut given = None;
        for _ in 0..200 {
            run.edit();
            while let Some(output) = run.engine.poll(run.now_ms) {
                match output {
                    Output::Commit { at, rows } => {
                        run.store.append(at, &rows).unwrap();
                        run.engine.committed();
                    }
                    Output::Derive { upto, changes } => given = Some((upto, changes)),
                    Output::Durable(_) | Output::WakeAt(_) => {}
                }
            }
            let Some((upto, changes)) = given.take() else {
                continue;
            };
            if carried_out {
                run.store.derive(upto, &changes).unwrap();
            }
            let before = run.store.derived_upto().unwrap();
            let lists = projected(&mut run.engine, &run.store);
            assert_eq!(
                run.store.derived_upto().unwrap(),
                before,
                "nothing is forgotten"
            );
            run.store.derive(upto, &changes).unwrap();
            run.engine.derived();
            assert_eq!(lists, projected(&mut run.engine, &run.store));
            assert_eq!(run.store.derived_upto().unwrap(), upto);
            run.happened.derivations += 1;
        }
        assert!(run.happened.derivations > 5);
    }
}
