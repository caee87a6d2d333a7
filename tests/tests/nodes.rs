//! A node: what it shows at once, what it promises, and what is there when it is opened again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch_core::{
    document::{Draft, EngineDoc},
    engine::{EditError, Place},
    id::{EntityId, UserId, ViewId, WorkspaceId},
    record::{RecordOp, unnumbered},
    schema::Schema,
    store::{Change, Entry, MemoryStore, Position, Store, StoreError},
    value::Value,
};
use anabranch_transport::{Node, Ticket, node::CloseError};
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

    fn end(&self) -> Result<Position, StoreError> {
        self.0.lock().unwrap().0.end()
    }

    fn rows(&self, at: &[Position]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().0.rows(at)
    }

    fn derive(&self, upto: Position, changes: &[Change]) -> Result<(), StoreError> {
        self.0.lock().unwrap().0.derive(upto, changes)
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
        let disk = self.0.lock().unwrap();
        disk.0.derived_range(from, until, bytes_max)
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
    node.with(|engine| {
        let document = engine.replica(&WORKSPACE)?.document(&task, "record")?;
        let EngineDoc::Record(record) = document.engine() else {
            return None;
        };
        record.project(&unnumbered).get(&["title"]).cloned()
    })
}

#[test]
fn an_edit_is_visible_at_once_and_there_again_after_its_ticket_was_kept() {
    let disk = Disk::default();
    let node = founded(&disk);
    let task = node.entity(OWNER, "task").unwrap();
    let ticket = title(&node, task, "Mend the weir").unwrap();
    assert_eq!(shown(&node, task), Some("Mend the weir".into()));
    assert!(ticket.wait_local(LONG));
    let digest = node.with(|engine| engine.replica(&WORKSPACE).unwrap().digest());
    node.close(LONG).unwrap();
    let node = open(&disk);
    assert_eq!(shown(&node, task), Some("Mend the weir".into()));
    let again = node.with(|engine| engine.replica(&WORKSPACE).unwrap().digest());
    assert_eq!(again, digest);
    // It goes on where it was: the next edit follows in the same chain.
    assert!(
        title(&node, task, "Mend the sluice")
            .unwrap()
            .wait_local(LONG)
    );
    node.close(LONG).unwrap();
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
    assert_eq!(
        node.close(Duration::from_millis(50)),
        Err(CloseError::Failing(StoreError::Full))
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
        let digest = node.with(|engine| engine.replica(&WORKSPACE).unwrap().digest());
        node.close(LONG).unwrap();
        let rows = disk.rows();
        let node = open(&disk);
        assert_eq!(shown(&node, task), Some("edit 4".into()));
        assert_eq!(
            node.with(|engine| engine.replica(&WORKSPACE).unwrap().digest()),
            digest
        );
        node.close(LONG).unwrap();
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
    node.close(LONG).unwrap();
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
