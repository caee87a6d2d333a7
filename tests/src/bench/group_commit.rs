//! How long a writer waits until its edit is durable: one alone, against each of 64 that share the
//! node and so its commits.

use super::{
    Options,
    clock::{Rounds, at_share, median},
    report::{Figure, Row},
    typing::Typing,
};
use anabranch_core::{
    document::Draft,
    engine::Place,
    id::{EntityId, UserId, ViewId, WorkspaceId},
    record::RecordOp,
    schema::catalogue,
};
use anabranch_storage::journal::RedbStore;
use anabranch_transport::Node;
use ed25519_dalek::SigningKey;
use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

const WORKSPACE: WorkspaceId = WorkspaceId([1; 16]);
const OWNER: UserId = UserId([2; 16]);
const WRITERS: usize = 64;
const LONG: Duration = Duration::from_secs(60);

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let folder = tempfile::tempdir().unwrap();
    RedbStore::create(folder.path()).unwrap();
    let (store, _) = RedbStore::open(folder.path()).unwrap();
    let node = Node::start(store, SigningKey::from_bytes(&[7; 32])).unwrap();
    let schemas = vec![catalogue::schema("task").unwrap()];
    node.found(WORKSPACE, OWNER, schemas).unwrap();
    let tasks: Vec<EntityId> = (0..WRITERS)
        .map(|_| node.entity(OWNER, "task").unwrap())
        .collect();
    let edits = options.pick(50, 10);
    let mut rounds = Rounds::default();
    let (mut alone, mut shared) = (Vec::new(), Vec::new());
    for _ in 0..options.pick(15, 4) {
        let one = together(&node, &tasks[..1], edits);
        let many = together(&node, &tasks, edits);
        rounds.push(median(&mut one.clone()), median(&mut many.clone()));
        alone.extend(one);
        shared.extend(many);
    }
    node.close(anabranch::Receipt::Local, LONG).unwrap();
    let mut figure = Figure::new(
        "how long an edit takes to be durable, of 64 writers against one; wall clock",
        "x",
    );
    figure.rows.push(
        Row::new(format!("{WRITERS} writers"), rounds.ratio())
            .with("one_us", rounds.bare_us())
            .with("one_p99_us", at_share(&mut alone, 0.99) / 1e3)
            .with("each_us", rounds.ours_us())
            .with("each_p99_us", at_share(&mut shared, 0.99) / 1e3)
            .with("lowest_x", rounds.spread().0)
            .with("highest_x", rounds.spread().1),
    );
    figure.target("", 1.5, None).note(
        "Each writer edits, waits until that is durable, and edits again; what the 64 take to be \
         judged, signed and sealed is in it.",
    )
}

/// How long each edit took, in nanoseconds, of one writer to each task.
fn together(node: &Node, tasks: &[EntityId], edits: usize) -> Vec<f64> {
    let start = Barrier::new(tasks.len());
    std::thread::scope(|scope| {
        let writers: Vec<_> = tasks
            .iter()
            .map(|task| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..edits).map(|at| durable(node, *task, at)).collect()
                })
            })
            .collect();
        let taken = writers.into_iter().map(|writer| writer.join().unwrap());
        taken.flat_map(|taken: Vec<f64>| taken).collect()
    })
}

fn durable(node: &Node, task: EntityId, at: usize) -> f64 {
    let ops = [RecordOp::Put {
        field: vec!["title".into()],
        value: format!("Title {at}").as_str().into(),
    }];
    let place = Place {
        workspace: WORKSPACE,
        kind: "task",
        entity: task,
        part: "record",
        view: ViewId(0),
    };
    let started = Instant::now();
    let (_, ticket) = node.edit(&place, &Draft::Record(&ops)).unwrap();
    assert!(ticket.wait_local(LONG));
    started.elapsed().as_nanos() as f64
}
