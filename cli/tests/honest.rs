//! A hundred honest inputs for each engine, committed beside core: the command accepts every one.
//! They are made here, from seeds; `ANABRANCH_WRITE=1` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use anabranch::core::{
    body::BodyOp,
    changeset::ControlPosition,
    document::{Document, Draft, Pen},
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, EntityId, Epoch, Lane, OriginId, UserId, ViewId, WorkspaceId},
    judge::Writer,
    record::RecordOp,
    schema::{Schema, catalogue},
    sim::{Lab, Rng},
    value::Value,
};
use std::{fs, path::PathBuf, process::Command, sync::Arc};

const COUNT: usize = 100;
const NOW_MS: u64 = 1_750_000_000_000;

#[test]
fn a_hundred_honest_changes_of_each_engine_are_accepted() {
    for (engine, make) in [
        ("automerge", automerge as fn() -> Vec<Vec<u8>>),
        ("yrs", yrs),
        ("changeset", change_sets),
    ] {
        let inputs = make();
        assert_eq!(inputs.len(), COUNT);
        for (at, bytes) in inputs.iter().enumerate() {
            let path = folder(engine).join(format!("{at:03}.bin"));
            if std::env::var_os("ANABRANCH_WRITE").is_some() {
                fs::create_dir_all(folder(engine)).unwrap();
                fs::write(&path, bytes).unwrap();
            }
            let committed =
                fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(
                committed,
                *bytes,
                "{} is made from its seed",
                path.display()
            );
            let output = Command::new(env!("CARGO_BIN_EXE_anabranch"))
                .args(["judge", "--json", "--engine", engine])
                .arg(&path)
                .output()
                .unwrap();
            let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(said["verdict"], "accept", "{}: {said}", path.display());
        }
    }
}

fn folder(engine: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../core/tests/data/honest")
        .join(engine)
}

/// First changes of a task, each by an actor of its own.
fn automerge() -> Vec<Vec<u8>> {
    (0..COUNT as u64)
        .map(|seed| {
            let mut rng = Rng::new(seed);
            let actor = Actor::Automerge(rng.bytes());
            let ops = task_ops(&mut rng);
            payload(
                &catalogue::schema("task").unwrap(),
                "record",
                actor,
                seed,
                &Draft::Record(&ops),
            )
        })
        .collect()
}

/// First updates of a page's body, each by a client of its own.
fn yrs() -> Vec<Vec<u8>> {
    (0..COUNT as u64)
        .map(|seed| {
            let mut rng = Rng::new(seed);
            let actor = Actor::Yrs(1 + (rng.next() >> 12));
            let mut ops: Vec<BodyOp> = (0..1 + rng.below(4) as u32)
                .map(|at| BodyOp::InsertBlock {
                    at: vec![at],
                    tag: ["paragraph", "heading"][rng.below(2)].to_owned(),
                    attributes: [("level".to_owned(), Value::Int(rng.below(6) as i64))].into(),
                    text: ["a weir", "mended 🌊 twice", "x"][rng.below(3)].to_owned(),
                })
                .collect();
            if rng.one_in(2) {
                ops.push(BodyOp::Splice {
                    text: vec![0],
                    at: 0,
                    delete: 1,
                    insert: "The ".to_owned(),
                    marks: Some([("bold".to_owned(), Value::Bool(true))].into()),
                });
            }
            payload(
                &catalogue::schema("page").unwrap(),
                "body",
                actor,
                seed,
                &Draft::Body(&ops),
            )
        })
        .collect()
}

/// First change sets of tasks, by the members' devices of the workspace for judging.
fn change_sets() -> Vec<Vec<u8>> {
    let schemas = ["task", "page"].map(|kind| catalogue::schema(kind).unwrap());
    let mut lab = Lab::for_judging(schemas.into());
    (0..COUNT)
        .map(|at| {
            let mut rng = Rng::new(at as u64);
            let ops = task_ops(&mut rng);
            let task = lab.entity(lab.owner, "task");
            let station = &mut lab.stations[at % 5];
            let draft = Draft::Record(&ops);
            station
                .replica
                .write(NOW_MS, "task", task, "record", ViewId(0), &draft)
                .unwrap();
            station.flush().unwrap()[0].encode()
        })
        .collect()
}

fn task_ops(rng: &mut Rng) -> Vec<RecordOp> {
    let field = |name: &str| vec![name.to_owned()];
    let mut ops = vec![RecordOp::Put {
        field: field("title"),
        value: ["Mend the weir", "Count the fish", "🌊"][rng.below(3)].into(),
    }];
    if rng.one_in(2) {
        let value = ["open", "doing", "done"][rng.below(3)].into();
        ops.push(RecordOp::Put {
            field: field("status"),
            value,
        });
    }
    if rng.one_in(2) {
        ops.push(RecordOp::Add {
            field: field("labels"),
            value: "river".into(),
        });
    }
    if rng.one_in(2) {
        let (at, delete, insert) = (0, 0, "by the ford".to_owned());
        ops.push(RecordOp::Splice {
            field: field("notes"),
            at,
            delete,
            insert,
        });
    }
    ops
}

/// What an edit of an empty document becomes for its engine.
fn payload(schema: &Schema, part: &str, actor: Actor, seed: u64, draft: &Draft<'_>) -> Vec<u8> {
    let entity = EntityId::new(UserId([0; 16]), schema.kind(), [0; 12]);
    let schema = Arc::new(schema.clone());
    let mut document = Document::new(entity, part, vec![Arc::clone(&schema)]).unwrap();
    let user = UserId([5; 16]);
    let chain = Chain {
        origin: OriginId([6; 32]),
        epoch: Epoch(0),
        lane: Lane(0),
    };
    let pen = Pen {
        workspace: WorkspaceId([7; 16]),
        writer: Writer {
            chain,
            author: user,
            actor,
        },
        user,
        hlc: Hlc::new(NOW_MS + seed, 0),
        schema,
        control: ControlPosition::default(),
        key: None,
        foreign: None,
        replaces: None,
        view: ViewId(0),
    };
    document.write(&pen, draft).unwrap();
    let kept = document.kept(ChainIdx(0), 1).unwrap();
    kept.change.payload().bytes().unwrap().to_vec()
}
