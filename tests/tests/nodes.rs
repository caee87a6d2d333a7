//! A node: what it shows at once, what it promises, and what is there when it is opened again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::{
    body::BodyOp,
    changeset::crypt::WorkspaceKey,
    control::{ControlBody, Role},
    document::{Draft, EngineDoc},
    engine::{EditError, Place, Receipt, Scope},
    id::{ActorSalt, EntityId, UserId, ViewId, WorkspaceId},
    patch::Cause,
    projection::Projection,
    query::{Difference, Query, field},
    record::{RecordOp, unnumbered},
    replica::WriteError,
    schema::Schema,
    sim::Rng,
    store::{Change, Entry, MemoryStore, Position, Store, StoreError},
    value::Value,
};
use anabranch_transport::{
    Node, Ticket,
    node::{CloseError, Listed, NOTICES_MAX, Notice},
};
use ed25519_dalek::SigningKey;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const WORKSPACE: WorkspaceId = WorkspaceId([1; 16]);
const OWNER: UserId = UserId([2; 16]);
const TASK: &str = "kind = \"task\"\nversion = 1\n[record.fields]\n\
    title = { rule = \"lww\", type = \"text\", max = 60000 }\n";
const LONG: Duration = Duration::from_secs(20);

/// A journal in memory that outlives its node, and fails while it is told to.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(MemoryStore, Option<Failing>)>>);

/// How it fails.
#[derive(Clone, Copy, PartialEq)]
enum Failing {
    /// Nothing is written.
    Before,
    /// Everything is written, but the answer says otherwise.
    After,
}

impl Disk {
    fn fail(&self, how: Option<Failing>) {
        self.0.lock().unwrap().1 = how;
    }

    fn rows(&self) -> usize {
        self.0.lock().unwrap().0.end().unwrap().0 as usize
    }
}

impl Store for Disk {
    fn append(&self, at: Position, rows: &[Vec<u8>]) -> Result<(), StoreError> {
        let disk = self.0.lock().unwrap();
        if disk.1 != Some(Failing::Before) {
            disk.0.append(at, rows)?;
        }
        disk.1.map_or(Ok(()), |_| Err(StoreError::Full))
    }

    fn read(&self, from: Position, bytes_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().0.read(from, bytes_max)
    }

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().0.rows(at)
    }

    fn end(&self) -> Result<Position, StoreError> {
        self.0.lock().unwrap().0.end()
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        let disk = self.0.lock().unwrap();
        if disk.1 != Some(Failing::Before) {
            disk.0.derive(upto, changes)?;
        }
        disk.1.map_or(Ok(()), |_| Err(StoreError::Full))
    }

    fn derived_upto(&self) -> Result<Position, StoreError> {
        self.0.lock().unwrap().0.derived_upto()
    }

    fn derived(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().0.derived(key)
    }

    fn derived_range(
        &self,
        from: &[u8],
        until: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0
            .lock()
            .unwrap()
            .0
            .derived_range(from, until, bytes_max)
    }

    fn forget_derived(&self) -> Result<(), StoreError> {
        self.0.lock().unwrap().0.forget_derived()
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn open(disk: &Disk) -> Node {
    Node::start(disk.clone(), key()).unwrap()
}

fn founded(disk: &Disk) -> Node {
    let node = open(disk);
    let schemas = vec![Schema::parse(TASK).unwrap()];
    node.found(WORKSPACE, OWNER, schemas).unwrap();
    node
}

fn title(node: &Node, task: EntityId, title: &str) -> Result<Ticket, EditError> {
    let ops = [RecordOp::Put {
        field: vec!["title".into()],
        value: title.into(),
    }];
    let place = Place {
        workspace: WORKSPACE,
        kind: "task",
        entity: task,
        part: "record",
        view: ViewId(0),
    };
    Ok(node.edit(&place, &Draft::Record(&ops))?.1)
}

fn shown(node: &Node, task: EntityId) -> Option<Value> {
    let read = node.read(&WORKSPACE, &task, "record", |document| {
        let EngineDoc::Record(record) = document?.engine() else {
            return None;
        };
        record.project(&unnumbered).get(&["title"]).cloned()
    });
    read.unwrap()
}

#[test]
fn an_edit_is_visible_at_once_and_there_again_after_its_ticket_was_kept() {
    let disk = Disk::default();
    let node = founded(&disk);
    let task = node.entity(OWNER, "task").unwrap();
    let ticket = title(&node, task, "Mend the weir").unwrap();
    assert_eq!(shown(&node, task), Some("Mend the weir".into()));
    assert!(ticket.wait_local(LONG));
    let digest = node.digest(&WORKSPACE).unwrap();
    node.close(Receipt::Local, LONG).unwrap();
    let node = open(&disk);
    assert_eq!(shown(&node, task), Some("Mend the weir".into()));
    let again = node.digest(&WORKSPACE).unwrap();
    assert_eq!(again, digest);
    // It goes on where it was: the next edit follows in the same chain.
    assert!(
        title(&node, task, "Mend the sluice")
            .unwrap()
            .wait_local(LONG)
    );
    node.close(Receipt::Local, LONG).unwrap();
    assert_eq!(shown(&open(&disk), task), Some("Mend the sluice".into()));
}

#[test]
fn a_process_that_dies_keeps_what_was_promised_and_no_half_of_a_commit() {
    let disk = Disk::default();
    let node = founded(&disk);
    let task = node.entity(OWNER, "task").unwrap();
    assert!(title(&node, task, "kept").unwrap().wait_local(LONG));
    disk.fail(Some(Failing::Before));
    let lost = title(&node, task, "lost").unwrap();
    assert!(!lost.wait_local(Duration::from_millis(50)));
    assert_eq!(
        shown(&node, task),
        Some("lost".into()),
        "visible all the same"
    );
    // The journal is opened as it is at this moment.
    let image = Disk(Arc::new(Mutex::new((
        disk.0.lock().unwrap().0.clone(),
        None,
    ))));
    assert_eq!(shown(&open(&image), task), Some("kept".into()));
    let workspace = Scope::Workspace(WORKSPACE);
    assert_eq!(node.durability(workspace).now(), None);
    let left = [(WORKSPACE, task)].into();
    let failure = Some(StoreError::Full);
    assert_eq!(
        node.close(Receipt::Local, Duration::from_millis(50)),
        Err(CloseError { left, failure })
    );
}

#[test]
fn a_commit_that_failed_comes_again_whether_it_was_written_or_not() {
    for how in [Failing::Before, Failing::After] {
        let disk = Disk::default();
        let node = founded(&disk);
        let task = node.entity(OWNER, "task").unwrap();
        assert!(title(&node, task, "one").unwrap().wait_local(LONG));
        disk.fail(Some(how));
        let tickets: Vec<Ticket> = (0..5)
            .map(|at| title(&node, task, &format!("edit {at}")).unwrap())
            .collect();
        std::thread::sleep(Duration::from_millis(30));
        assert!(node.failure().is_some());
        assert!(!tickets[0].is_local());
        disk.fail(None);
        assert!(tickets[4].wait_local(LONG) && tickets[0].is_local());
        assert_eq!(node.failure(), None);
        let digest = node.digest(&WORKSPACE).unwrap();
        node.close(Receipt::Local, LONG).unwrap();
        let rows = disk.rows();
        let node = open(&disk);
        assert_eq!(shown(&node, task), Some("edit 4".into()));
        assert_eq!(node.digest(&WORKSPACE).unwrap(), digest);
        node.close(Receipt::Local, LONG).unwrap();
        assert_eq!(disk.rows(), rows, "opening writes nothing");
    }
}

#[test]
fn a_store_that_keeps_failing_stops_new_edits_at_a_bound_and_loses_none() {
    let disk = Disk::default();
    let node = founded(&disk);
    let task = node.entity(OWNER, "task").unwrap();
    assert!(title(&node, task, "before").unwrap().wait_local(LONG));
    disk.fail(Some(Failing::Before));
    let text = "x".repeat(50_000);
    let mut made = 0;
    let refused = loop {
        match title(&node, task, &format!("{made} {text}")) {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 5_000, "no bound");
    };
    assert!(
        matches!(refused, EditError::StoreFailing { .. }),
        "{refused}"
    );
    disk.fail(None);
    while let Err(EditError::StoreFailing { .. }) = title(&node, task, "after") {
        std::thread::sleep(Duration::from_millis(20));
    }
    node.close(Receipt::Local, LONG).unwrap();
    assert_eq!(shown(&open(&disk), task), Some("after".into()));
}

/// A waker that counts is all the runtime a ticket needs.
#[test]
fn a_ticket_can_be_awaited_without_a_runtime() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let disk = Disk::default();
    let node = founded(&disk);
    let task = node.entity(OWNER, "task").unwrap();
    disk.fail(Some(Failing::Before));
    let ticket = title(&node, task, "soon").unwrap();
    let count = Arc::new(Count(0.into()));
    let waker = Arc::clone(&count).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut local = Box::pin(ticket.local());
    assert!(local.as_mut().poll(&mut context).is_pending());
    disk.fail(None);
    assert!(ticket.wait_local(LONG));
    assert!(local.as_mut().poll(&mut context).is_ready());
    assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
}

fn place(task: EntityId) -> Place<'static> {
    Place {
        workspace: WORKSPACE,
        kind: "task",
        entity: task,
        part: "record",
        view: ViewId(0),
    }
}

fn titled(title: &str) -> [RecordOp; 1] {
    [RecordOp::Put {
        field: vec!["title".into()],
        value: title.into(),
    }]
}

#[test]
fn several_edits_are_made_all_or_none() {
    let disk = Disk::default();
    let node = founded(&disk);
    let [one, two] = [(); 2].map(|()| node.entity(OWNER, "task").unwrap());
    let (first, second) = (titled("one"), titled("two"));
    let unknown = [RecordOp::Put {
        field: vec!["colour".into()],
        value: "red".into(),
    }];
    let (_, observer) = node.observe(&WORKSPACE, one, "record", |_| ()).unwrap();
    let refused = node.edit_all(&[
        (&place(one), &Draft::Record(&first)),
        (&place(two), &Draft::Record(&second)),
        (&place(one), &Draft::Record(&unknown)),
    ]);
    assert_eq!(refused.unwrap_err().at, 2);
    assert_eq!((shown(&node, one), shown(&node, two)), (None, None));
    assert_eq!(
        observer.try_next(),
        Some(Notice::Reset),
        "only that it was rebuilt"
    );
    let (made, ticket) = node
        .edit_all(&[
            (&place(one), &Draft::Record(&first)),
            (&place(two), &Draft::Record(&second)),
        ])
        .unwrap();
    assert_eq!(made.len(), 2);
    assert!(ticket.wait_local(LONG));
    node.close(Receipt::Local, LONG).unwrap();
    let node = open(&disk);
    assert_eq!(shown(&node, one), Some("one".into()));
    assert_eq!(shown(&node, two), Some("two".into()));
}

#[test]
fn an_observer_is_told_everything_or_that_it_is_to_read_again() {
    let node = founded(&Disk::default());
    let task = node.entity(OWNER, "task").unwrap();
    let (there, observer) = node
        .observe(&WORKSPACE, task, "record", |document| document.is_some())
        .unwrap();
    assert!(!there, "an entity can be observed before it is there");
    title(&node, task, "first").unwrap();
    let Some(Notice::Patched(patches)) = observer.wait(LONG) else {
        panic!("no patches");
    };
    assert_eq!((patches.revision, patches.author), (1, OWNER));
    assert_eq!(patches.cause, Cause::Local);
    // Of another entity it hears nothing.
    title(&node, node.entity(OWNER, "task").unwrap(), "other").unwrap();
    assert_eq!(observer.try_next(), None);
    // One that does not read is told once, and nothing more before it has read.
    for at in 0..NOTICES_MAX + 10 {
        title(&node, task, &format!("edit {at}")).unwrap();
    }
    assert_eq!(observer.try_next(), Some(Notice::Reset));
    title(&node, task, "unheard").unwrap();
    assert_eq!(observer.try_next(), None);
    let revision = observer
        .read(|document| document.unwrap().revision())
        .unwrap();
    assert_eq!(revision as usize, 1 + NOTICES_MAX + 10 + 1);
    title(&node, task, "heard").unwrap();
    let Some(Notice::Patched(patches)) = observer.try_next() else {
        panic!("no patches");
    };
    assert_eq!(patches.revision, revision + 1, "no gap");
}

#[test]
fn durability_says_what_the_disk_has_and_wakes_who_waits() {
    let disk = Disk::default();
    let node = founded(&disk);
    let [one, two] = [(); 2].map(|()| node.entity(OWNER, "task").unwrap());
    assert!(title(&node, one, "kept").unwrap().wait_local(LONG));
    disk.fail(Some(Failing::Before));
    title(&node, two, "waits").unwrap();
    let all = node.durability(Scope::Workspace(WORKSPACE));
    let [of_one, of_two] = [one, two].map(|one| node.durability(Scope::Entity(WORKSPACE, one)));
    assert_eq!(of_one.now(), Some(Receipt::Local));
    assert_eq!((of_two.now(), all.now()), (None, None));
    assert!(!all.wait(Receipt::Local, Duration::from_millis(30)));
    disk.fail(None);
    assert!(all.wait(Receipt::Local, LONG));
    assert_eq!(of_two.now(), Some(Receipt::Local));
    node.close(Receipt::Local, LONG).unwrap();
    let node = open(&disk);
    let again = node.durability(Scope::Entity(WORKSPACE, two));
    assert_eq!(again.now(), Some(Receipt::Local), "also after a restart");
}

fn titles(list: &[Projection]) -> Vec<String> {
    let title = |one: &Projection| {
        one.field(&["title"])
            .and_then(|value| Some(value.as_text()?.to_owned()))
    };
    list.iter()
        .map(|one| title(one).unwrap_or_default())
        .collect()
}

#[test]
fn r19_t40_m106_a_watched_list_is_what_the_query_finds_after_every_commit_here_and_elsewhere() {
    let node = founded(&Disk::default());
    // Another device of the same workspace, which writes too.
    let other = Node::start(MemoryStore::default(), SigningKey::from_bytes(&[8; 32])).unwrap();
    let member = ControlBody::Member {
        user: UserId([9; 16]),
        origin: other.with(|engine| engine.device()),
        role: Role::Member,
        salt: ActorSalt([5; 16]),
    };
    node.with(|engine| engine.order(1_000, &WORKSPACE, member))
        .unwrap();
    other.import(&node.export(&WORKSPACE).unwrap()).unwrap();
    let query = Query::kind("task")
        .filter(field("title").ne("hidden"))
        .order_by("title")
        .limit(5);
    let (mut list, watch) = node.watch(&WORKSPACE, &query).unwrap();
    assert!(list.is_empty());
    let mut rng = Rng::new(11);
    let tasks: Vec<EntityId> = (0..9)
        .map(|_| node.entity(OWNER, "task").unwrap())
        .collect();
    let (mut kinds, mut elsewhere) = ([0; 4], 0);
    for round in 0..120 {
        let task = tasks[rng.below(tasks.len())];
        let new = match rng.below(5) {
            0 => "hidden".to_owned(),
            word => format!("title {}", word * 10 + rng.below(10)),
        };
        if round % 3 == 0 {
            let is_new = title(&other, task, &new).is_ok();
            node.import(&other.export(&WORKSPACE).unwrap()).unwrap();
            elsewhere += usize::from(is_new);
        } else if round % 17 == 1 {
            let _there_or_not = node.edit(&place(task), &Draft::Record(&[RecordOp::DeleteEntity]));
        } else {
            let _nothing_new = title(&node, task, &new);
            other.import(&node.export(&WORKSPACE).unwrap()).unwrap();
        }
        while let Some(listed) = watch.try_next() {
            let Listed::Differs(difference) = listed else {
                panic!("a reader that keeps up is not reset");
            };
            kinds[match &difference {
                Difference::Inserted { .. } => 0,
                Difference::Changed { .. } => 1,
                Difference::Moved { .. } => 2,
                Difference::Removed { .. } => 3,
            }] += 1;
            difference.apply(&mut list);
        }
        assert_eq!(
            list,
            node.query(&WORKSPACE, &query).unwrap().rows,
            "round {round}"
        );
    }
    println!("{kinds:?}, {elsewhere} from elsewhere");
    assert!(kinds.iter().all(|count| *count > 2), "{kinds:?}");
    assert!(elsewhere > 20);
    // One that does not read is told once, and goes on from what it reads then.
    let late: Vec<EntityId> = (0..3)
        .map(|_| node.entity(OWNER, "task").unwrap())
        .collect();
    for at in 0..NOTICES_MAX + 10 {
        title(&node, late[at % 3], &format!("a {}", 9_000 - at)).unwrap();
    }
    assert_eq!(watch.try_next(), Some(Listed::Reset));
    assert_eq!(watch.try_next(), None);
    let mut list = watch.read().unwrap();
    title(&node, late[0], "a 0").unwrap();
    while let Some(Listed::Differs(difference)) = watch.try_next() {
        difference.apply(&mut list);
    }
    assert_eq!(titles(&list)[0], "a 0");
    let now = node.query(&WORKSPACE, &query).unwrap();
    assert_eq!(list, now.rows);
    assert!(node.query(&WORKSPACE, &Query::kind("tusk")).is_err());
}

#[test]
fn an_edit_that_names_an_older_revision_hits_the_characters_that_it_meant() {
    let schema = "kind = \"note\"\nversion = 1\n[body]\nlayout = \"text\"\n";
    let node = open(&Disk::default());
    node.found(WORKSPACE, OWNER, vec![Schema::parse(schema).unwrap()])
        .unwrap();
    let note = node.entity(OWNER, "note").unwrap();
    let here = Place {
        workspace: WORKSPACE,
        kind: "note",
        entity: note,
        part: "body",
        view: ViewId(0),
    };
    let splice = |at, delete, insert: &str| {
        [BodyOp::Splice {
            text: Vec::new(),
            at,
            delete,
            insert: insert.to_owned(),
            marks: None,
        }]
    };
    let text = || {
        let read = node.read(&WORKSPACE, &note, "body", |document| {
            match document?.engine() {
                EngineDoc::Body(body) => Some(body.content().plain_text()),
                _ => None,
            }
        });
        read.unwrap().unwrap_or_default()
    };
    let (_, observer) = node.observe(&WORKSPACE, note, "body", |_| ()).unwrap();
    node.edit(&here, &Draft::Body(&splice(0, 0, "the river bends")))
        .unwrap();
    let Some(Notice::Patched(first)) = observer.wait(LONG) else {
        panic!("no patches");
    };
    // Somebody else writes in front, and within what the edit will replace.
    node.edit(&here, &Draft::Body(&splice(0, 0, "here ")))
        .unwrap();
    node.edit(&here, &Draft::Body(&splice(11, 0, "wide ")))
        .unwrap();
    assert_eq!(text(), "here the riwide ver bends");
    // Meant of the first revision: `river` becomes `brook`.
    let meant = splice(4, 5, "brook");
    let made = observer.edit_at(first.revision, "note", ViewId(0), &Draft::Body(&meant));
    assert!(made.unwrap().1.wait_local(LONG));
    assert_eq!(text(), "here the brookwide  bends");
    let future = observer.edit_at(99, "note", ViewId(0), &Draft::Body(&meant));
    assert!(matches!(
        future,
        Err(EditError::Outdated { revision: 99, .. })
    ));
    for at in 0..2_100 {
        node.edit(&here, &Draft::Body(&splice(0, 0, &format!("{}", at % 10))))
            .unwrap();
    }
    let old = observer.edit_at(first.revision, "note", ViewId(0), &Draft::Body(&meant));
    assert!(matches!(old, Err(EditError::Outdated { revision: 1, .. })));
}

#[test]
fn one_store_holds_several_workspaces_each_under_its_own_key() {
    const SECRET: WorkspaceId = WorkspaceId([4; 16]);
    let disk = Disk::default();
    let node = founded(&disk);
    let schemas = vec![Schema::parse(TASK).unwrap()];
    node.found(SECRET, OWNER, schemas).unwrap();
    let key = WorkspaceKey::new(1, [9; 32]);
    let fingerprint = key.fingerprint();
    let epoch = ControlBody::KeyEpoch {
        epoch: 1,
        fingerprint,
    };
    node.with(|engine| engine.order(2_000, &SECRET, epoch))
        .unwrap();
    let open_task = node.entity(OWNER, "task").unwrap();
    let secret_task = node.entity(OWNER, "task").unwrap();
    let secret_place = Place {
        workspace: SECRET,
        ..place(secret_task)
    };
    title(&node, open_task, "for everybody").unwrap();
    let hidden = titled("for those with the key");
    let refused = node.edit(&secret_place, &Draft::Record(&hidden));
    assert!(matches!(
        refused,
        Err(EditError::Write(WriteError::NoKey { epoch: 1 }))
    ));
    node.with(|engine| engine.workspace_key(&SECRET, key.clone()));
    node.edit(&secret_place, &Draft::Record(&hidden)).unwrap();
    node.close(Receipt::Local, LONG).unwrap();
    // Without the key the one is there and the other is held; with it both are.
    let node = open(&disk);
    let tasks = Query::kind("task");
    let found = |workspace| node.query(&workspace, &tasks).unwrap();
    assert_eq!(titles(&found(WORKSPACE).rows), ["for everybody"]);
    assert_eq!(titles(&found(SECRET).rows), [""]);
    let other = WorkspaceKey::new(1, [8; 32]);
    node.with(|engine| engine.workspace_key(&SECRET, other));
    assert_eq!(
        titles(&found(SECRET).rows),
        [""],
        "a wrong key opens nothing"
    );
    node.with(|engine| engine.workspace_key(&SECRET, key));
    assert_eq!(titles(&found(SECRET).rows), ["for those with the key"]);
}
