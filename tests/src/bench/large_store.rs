//! A store of a million change sets: what opening it takes, after it was closed and after its process was
//! killed; listing from projections; memory. Each measurement is made in a process of its own.

use super::{
    Options,
    report::{Figure, Row},
    typing::Typing,
};
use anabranch::{
    Node, Receipt,
    core::{
        document::Draft,
        engine::{EditError, Place},
        id::{EntityId, ViewId},
        record::RecordOp,
        value::Value,
    },
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Change sets of each entity.
const CHANGES: usize = 100;
const LONG: Duration = Duration::from_secs(600);

/// The name of the argument that makes the benchmark one of its own parts.
pub const PART: &str = "--part";

/// Opening.
pub fn measure_open(options: &Options, _: &[Typing]) -> Figure {
    let entities = options.pick(10_000, 1_000);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    part("fill", &store, &[entities, CHANGES]);
    let bytes = std::fs::metadata(store.join("store.redb")).unwrap().len();
    let changes = entities * CHANGES;
    let mut closed: Vec<f64> = (0..5).map(|_| part("open", &store, &[])["ms"]).collect();
    let mut killed: Vec<f64> = (0..3)
        .map(|_| {
            let mut writer = spawn("write", &store, &[]);
            let mut said = String::new();
            BufReader::new(writer.stdout.as_mut().unwrap())
                .read_line(&mut said)
                .unwrap();
            writer.kill().unwrap();
            writer.wait().unwrap();
            part("open", &store, &[])["ms"]
        })
        .collect();
    let mut figure = Figure::new(
        "opening a store, until its documents are known; wall clock",
        "ms",
    );
    let row = |label: &str, values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let middle = values[values.len() / 2];
        Row::new(format!("{label}, {changes} change sets"), middle)
            .with("slowest_ms", *values.last().unwrap())
            .with("file_mb", bytes as f64 / 1e6)
    };
    figure.rows.push(row("closed", &mut closed));
    figure.rows.push(row("killed", &mut killed));
    figure
        .target("closed", 300.0, Some(50.0))
        .target("killed", 1_500.0, None)
}

/// Listing, and memory.
pub fn measure_many(options: &Options, _: &[Typing]) -> Figure {
    let entities = options.pick(10_000, 2_000);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    part("fill", &store, &[entities, 11]);
    let listed = part("list", &store, &[]);
    assert_eq!(listed["opened"], 0.0, "a list opens no document");
    let mut figure = Figure::new(
        "many documents: a list of them from projections in ms, the resident memory of a process with \
         500 of them open in MB",
        "ms or MB",
    );
    let label = format!("list: {entities} tasks, {} found", listed["found"]);
    figure
        .rows
        .push(Row::new(label, listed["ms"]).with("first_ms", listed["first_ms"]));
    let held = part("hold", &store, &[500]);
    let label = format!("memory: {entities} documents, {} open", held["open"]);
    figure.rows.push(
        Row::new(label, held["rss_mb"])
            .with("before_mb", held["before_mb"])
            .with("highest_mb", held["highest_mb"]),
    );
    figure
        .target("list", 50.0, None)
        .target("memory", 60.0, None)
}

fn spawn(part: &str, store: &Path, numbers: &[usize]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([PART, part])
        .arg(store)
        .args(numbers.iter().map(usize::to_string))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn part(part: &str, store: &Path, numbers: &[usize]) -> BTreeMap<String, f64> {
    let output = spawn(part, store, numbers).wait_with_output().unwrap();
    assert!(output.status.success(), "{part} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One part, in a process of its own: what it measured, as JSON.
pub fn run_part(mut arguments: impl Iterator<Item = String>) {
    let name = arguments.next().unwrap();
    let store = arguments.next().unwrap();
    let numbers: Vec<usize> = arguments.map(|one| one.parse().unwrap()).collect();
    let store = Path::new(&store);
    let measured = match name.as_str() {
        "fill" => fill(store, numbers[0], numbers[1]),
        "open" => open(store),
        "write" => write(store),
        "list" => list(store),
        "hold" => hold(store, numbers[0]),
        other => panic!("no part {other}"),
    };
    println!("{}", serde_json::to_string(&measured).unwrap());
}

fn put(field: &str, value: Value) -> RecordOp {
    RecordOp::Put {
        field: vec![field.into()],
        value,
    }
}

fn edit(node: &Node, entity: EntityId, ops: &[RecordOp]) {
    let home = node.home().unwrap();
    let place = Place {
        workspace: home.workspace,
        kind: "task",
        entity,
        part: "record",
        view: ViewId(0),
    };
    loop {
        match node.edit(&place, &Draft::Record(ops)) {
            Ok(_) => return,
            // The disk is given time.
            Err(EditError::StoreFailing { .. }) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Tasks, each edited so many times in all.
fn fill(store: &Path, entities: usize, changes: usize) -> BTreeMap<String, f64> {
    let node = anabranch::open(store).unwrap();
    let home = node.home().unwrap();
    for at in 0..entities {
        let task = node.entity(home.user, "task").unwrap();
        let status = ["open", "doing", "done"][at % 3];
        edit(
            &node,
            task,
            &[
                put(
                    "title",
                    format!("Task {:05}, {}", at * 7_919 % 99_991, "mend the weir").into(),
                ),
                put("status", status.into()),
            ],
        );
        for change in 1..changes {
            edit(
                &node,
                task,
                &[put("title", format!("Task {at}, version {change}").into())],
            );
        }
    }
    node.close(Receipt::Local, LONG).unwrap();
    BTreeMap::new()
}

/// The time from nothing until the documents are known.
fn open(store: &Path) -> BTreeMap<String, f64> {
    let begun = Instant::now();
    let node = anabranch::open(store).unwrap();
    let workspace = node.home().unwrap().workspace;
    let opened = node.with(|engine| engine.documents(&workspace).len());
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    assert!(opened > 0);
    node.close(Receipt::Local, LONG).unwrap();
    BTreeMap::from([("ms".into(), ms)])
}

/// Edits, says so, and waits to be killed.
fn write(store: &Path) -> BTreeMap<String, f64> {
    let node = anabranch::open(store).unwrap();
    let home = node.home().unwrap();
    for at in 0..200 {
        let task = node.entity(home.user, "task").unwrap();
        edit(&node, task, &[put("title", format!("late {at}").into())]);
    }
    assert!(
        node.durability(anabranch::core::engine::Scope::Workspace(home.workspace))
            .wait(Receipt::Local, LONG)
    );
    println!("written");
    loop {
        std::thread::sleep(LONG);
    }
}

fn list(store: &Path) -> BTreeMap<String, f64> {
    let node = anabranch::open(store).unwrap();
    let workspace = node.home().unwrap().workspace;
    let query = anabranch::core::query::Query::kind("task")
        .filter(anabranch::core::query::field("status").ne("done"))
        .order_by("title");
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..9 {
        let begun = Instant::now();
        found = node.query(&workspace, &query).unwrap().rows.len();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    let opened = node.with(|engine| engine.open_documents());
    BTreeMap::from([
        ("ms".into(), times[times.len() / 2]),
        ("first_ms".into(), first),
        ("found".into(), found as f64),
        ("opened".into(), opened as f64),
    ])
}

fn hold(store: &Path, open: usize) -> BTreeMap<String, f64> {
    let node = anabranch::open(store).unwrap();
    let workspace = node.home().unwrap().workspace;
    let before = memory_mb("VmRSS");
    let some = anabranch::core::query::Query::kind("task").limit(open);
    let tasks = node.query(&workspace, &some).unwrap().rows;
    let tasks: Vec<EntityId> = tasks.iter().map(|task| task.entity).collect();
    for task in &tasks {
        assert!(
            node.read(&workspace, task, "record", |one| one.is_some())
                .unwrap()
        );
    }
    let opened = node.with(|engine| engine.open_documents());
    BTreeMap::from([
        ("open".into(), opened as f64),
        ("before_mb".into(), before),
        ("rss_mb".into(), memory_mb("VmRSS")),
        ("highest_mb".into(), memory_mb("VmHWM")),
    ])
}

/// What the system says of this process, in MB.
fn memory_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| {
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    });
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}
