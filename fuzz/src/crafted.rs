//! Payloads made to break the engines: what each does to a bare engine stands in its name. Their
//! numbers (lengths, depths) are those at which a bare engine fails, or more.

use crate::{
    bytes::put_number,
    form::{
        chunk::{self, Chunk},
        update::put_sized,
    },
    record,
};
use automerge::{
    ActorId, Automerge, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use flate2::{Compression, write::DeflateEncoder};
use std::io::Write;

/// A payload and what it does to a bare engine.
pub type Crafted = (String, Vec<u8>);

/// Change chunks, the altered ones from an honest one of each of so many worlds.
pub fn changes(worlds: usize) -> Vec<Crafted> {
    let mut all = Vec::new();
    for (world, honest) in record::honest().into_iter().take(worlds).enumerate() {
        all.extend(
            headers(&honest)
                .into_iter()
                .map(|(what, bytes)| (format!("{what}, world {world}"), bytes)),
        );
    }
    let honest = &record::honest()[0];
    all.extend(bombs(honest));
    all.extend(grown(honest));
    all
}

fn framed(chunk: &Chunk) -> Vec<u8> {
    chunk::frame(chunk::CHANGE, &chunk.body())
}

fn headers(honest: &Chunk) -> Vec<Crafted> {
    let mut all = Vec::new();
    let mut put = |what: String, alter: &dyn Fn(&mut Chunk)| {
        let mut chunk = honest.clone();
        alter(&mut chunk);
        all.push((what, framed(&chunk)));
    };
    for start in [0, 1, 1 << 31, (1 << 32) - 2, 1 << 32, 1 << 62, u64::MAX] {
        put(
            format!("first counter {start}: every later edit panics"),
            &|chunk| chunk.start_op = start,
        );
    }
    for seq in [0, 2, 15, u64::MAX] {
        put(format!("number {seq}: applying asserts"), &|chunk| {
            chunk.seq = seq
        });
    }
    for time in [i64::MIN, i64::MAX, -1] {
        put(format!("time {time}: the next save panics"), &|chunk| {
            chunk.time.clear();
            put_signed(&mut chunk.time, time);
        });
    }
    put("no dependencies: a known actor jumps".into(), &|chunk| {
        chunk.deps.clear()
    });
    put("an unknown dependency: waits for ever".into(), &|chunk| {
        chunk.deps = vec![[7; 32]]
    });
    put("a dependency twice".into(), &|chunk| {
        chunk.deps = vec![chunk.deps[0]; 2]
    });
    put("another's actor: locks the other out".into(), &|chunk| {
        chunk.actor = vec![9; 16]
    });
    put("the genesis actor".into(), &|chunk| {
        chunk.actor = anabranch_core::record::GENESIS_ACTOR.to_vec()
    });
    put("an actor of four bytes".into(), &|chunk| {
        chunk.actor.truncate(4)
    });
    put("no actor".into(), &|chunk| chunk.actor.clear());
    put("an actor that is never used".into(), &|chunk| {
        chunk.others.push(vec![9; 16])
    });
    put("its own actor among the others".into(), &|chunk| {
        chunk.others.push(chunk.actor.clone())
    });
    put("a message".into(), &|chunk| {
        chunk.message = vec![b'm'; 1_000]
    });
    put("extra bytes".into(), &|chunk| chunk.extra = vec![0; 1_000]);
    put("a column nobody knows".into(), &|chunk| {
        chunk.columns.push((0x9_99, vec![0; 100]))
    });
    put(
        "a packed column nobody knows: unpacked all the same".into(),
        &|chunk| {
            chunk
                .columns
                .push(((9 << 4) | 8 | 1, deflated(&vec![0; 1 << 20])));
        },
    );
    put("every column twice".into(), &|chunk| {
        let twice = chunk
            .columns
            .iter()
            .flat_map(|column| [column.clone(), column.clone()]);
        chunk.columns = twice.collect();
    });
    put("no columns".into(), &|chunk| chunk.columns.clear());
    all
}

fn put_signed(out: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if (number == 0 && byte & 0x40 == 0) || (number == -1 && byte & 0x40 != 0) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// What grows while it is read.
fn bombs(honest: &Chunk) -> Vec<Crafted> {
    let mut all = Vec::new();
    for mib in [1usize, 16] {
        // A valid packed change: the checksum is that of what comes out, extra bytes included.
        let mut inner = honest.body();
        inner.resize(inner.len() + (mib << 20), 0);
        let whole = chunk::frame(chunk::CHANGE, &inner);
        let packed = deflated(&inner);
        let mut bomb = whole[..8].to_vec();
        bomb.push(2);
        put_sized(&mut bomb, &packed);
        all.push((format!("a packed change of {mib} MiB of zeros"), bomb));
    }
    for kind in [0u8, 2, 3, 4, 255] {
        all.push((
            format!("a chunk of kind {kind}"),
            chunk::frame(kind, &honest.body()),
        ));
    }
    all.push((
        "the longest payload".into(),
        vec![0x85; anabranch_core::limits::PAYLOAD_BYTES_MAX],
    ));
    all
}

/// Changes that an honest engine writes in few bytes, and the same with longer runs.
fn grown(honest: &Chunk) -> Vec<Crafted> {
    let written = |what: &str, edit: &dyn Fn(&mut Transaction<'_>)| {
        let mut doc = genesis_doc().with_actor(ActorId::from(honest.actor.clone()));
        let mut txn = doc.transaction();
        edit(&mut txn);
        txn.commit_with(CommitOptions::default().with_time(1));
        let change = doc.get_last_local_change().expect("something was written");
        let mut chunk =
            Chunk::parse(chunk::body(change.raw_bytes()).expect("a chunk")).expect("a change");
        chunk.dress(honest);
        (what.to_owned(), framed(&chunk))
    };
    let at = |txn: &Transaction<'_>, name: &str| {
        txn.get(ROOT, name)
            .expect("root")
            .expect("made by genesis")
            .1
    };
    let mut all = vec![
        written("many nulls in 80 bytes", &|txn| {
            let list = at(txn, "steps");
            (0..WRITTEN).for_each(|place| {
                txn.insert(&list, place as usize, ScalarValue::Null)
                    .expect("a list")
            });
        }),
        written("many entries in 90 bytes", &|txn| {
            let list = at(txn, "steps");
            (0..WRITTEN).for_each(|place| txn.insert(&list, place as usize, "x").expect("a list"));
        }),
        written("a text of 40,000 characters", &|txn| {
            txn.splice_text(at(txn, "notes"), 0, 0, &"x".repeat(40_000))
                .expect("a text");
        }),
        written("2,000 puts of one key", &|txn| {
            (0..2_000).for_each(|_| txn.put(ROOT, "title", "x").expect("a key"));
        }),
        written("maps 1,000 deep", &|txn| {
            let mut object = at(txn, "extra");
            for _ in 0..1_000 {
                object = txn.put_object(&object, "a", ObjType::Map).expect("a map");
            }
        }),
        written("1,000 groups", &|txn| {
            for _ in 0..1_000 {
                let place = txn.put_object(ROOT, "place", ObjType::Map).expect("a map");
                txn.put(&place, "lat", 1.0).expect("a key");
            }
        }),
    ];
    // Longer runs in the same bytes.
    for at in [0, 1] {
        let (what, written) = all[at].clone();
        let columns = Chunk::parse(chunk::body(&written).expect("framed")).expect("a change");
        for run in [16_000i64, 40_000, 1_000_000, i64::from(i32::MAX), i64::MAX] {
            let mut chunk = columns.clone();
            for (_, column) in &mut chunk.columns {
                *column = replaced(column, run);
            }
            all.push((format!("{what}: {run}"), framed(&chunk)));
        }
    }
    all
}

/// How many operations the engine is asked to write: it takes time in the square of them.
const WRITTEN: i64 = 2_000;

/// A column whose runs of about that many are so long.
fn replaced(column: &[u8], run: i64) -> Vec<u8> {
    let mut column = column.to_vec();
    for from in (WRITTEN - 2)..=(WRITTEN + 1) {
        let (mut old, mut new, mut old_count, mut new_count) = (vec![], vec![], vec![], vec![]);
        put_signed(&mut old, from);
        put_signed(&mut new, run.saturating_sub(WRITTEN - from));
        put_number(&mut old_count, from as u64);
        put_number(&mut new_count, run.saturating_sub(WRITTEN - from) as u64);
        for (old, new) in [(old, new), (old_count, new_count)] {
            if let Some(at) = column.windows(old.len()).position(|window| window == old) {
                column.splice(at..at + old.len(), new);
                break;
            }
        }
    }
    column
}

fn genesis_doc() -> Automerge {
    let schemas = crate::stock::schemas();
    let samplers: Vec<_> = schemas
        .iter()
        .filter(|schema| schema.kind() == "sampler")
        .collect();
    let mut doc = Automerge::new();
    doc.apply_changes(anabranch_core::record::genesis(&samplers, "record"))
        .expect("genesis");
    doc
}

/// Updates of a client from a clock on.
pub fn updates(client: u64, clock: u64) -> Vec<Crafted> {
    let mut all: Vec<Crafted> = Vec::new();
    let mut put = |what: &str, parts: &[&[u8]]| all.push((what.to_owned(), parts.concat()));
    let number = |number: u64| {
        let mut out = Vec::new();
        put_number(&mut out, number);
        out
    };
    let (own, next) = (number(client), number(clock));
    let id = [own.clone(), next.clone()].concat();
    let text = |text: &str| {
        let mut out = Vec::new();
        put_sized(&mut out, text.as_bytes());
        out
    };
    let root = [vec![1], text("default")].concat();
    // One section with so many blocks of this client.
    let section = |blocks: u64| [vec![1], number(blocks), id.clone()].concat();
    let one = section(1);
    for clients in [1u64 << 20, 1 << 24, 1 << 27, 1 << 32, u64::MAX] {
        put(
            "claims so many clients: reserves gigabytes",
            &[&number(clients)],
        );
        put("claims so many blocks", &[&[1], &number(clients), &id]);
        put(
            "claims so many deletes",
            &[&[0], &number(clients), &own, &[1, 0, 1]],
        );
        put(
            "claims so many ranges",
            &[&[0, 1], &own, &number(clients), &[0, 1]],
        );
        put(
            "a garbage block so long: mutes the client",
            &[&one, &[0], &number(clients), &[0]],
        );
        put(
            "a skipped block so long",
            &[&one, &[10], &number(clients), &[0]],
        );
        put(
            "deleted text so long",
            &[&one, &[1], &root, &number(clients), &[0]],
        );
        put(
            "JSON values so many: cast to a negative number",
            &[&one, &[2], &root, &number(clients), &[0]],
        );
        put(
            "values so many",
            &[&one, &[8], &root, &number(clients), &[126, 0]],
        );
        put(
            "a map of so many",
            &[&one, &[8], &root, &[1, 118], &number(clients), &[0]],
        );
        put(
            "a string so long",
            &[&one, &[4], &root, &number(clients), &[b'x', 0]],
        );
        put(
            "deletes so much of its own",
            &[&[0, 1], &own, &[1, 0], &number(clients)],
        );
        put(
            "deletes from so far on",
            &[&[0, 1], &own, &[1], &number(clients), &[1]],
        );
        put(
            "starts at such a clock",
            &[
                &[1, 1],
                &own,
                &number(clients),
                &[4],
                &root,
                &text("x"),
                &[0],
            ],
        );
    }
    for depth in [100usize, 6_250, 100_000] {
        let nested = [117u8, 1].repeat(depth);
        put(
            "an array so deep: the stack ends",
            &[&one, &[8], &root, &[1], &nested, &[126, 0]],
        );
        let nested = [&[118u8, 1, 1, b'k'][..]].concat().repeat(depth);
        put(
            "a map so deep",
            &[&one, &[8], &root, &[1], &nested, &[126, 0]],
        );
        let json = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        put("an embed so deep", &[&one, &[5], &root, &text(&json), &[0]]);
        put(
            "a format so deep",
            &[&one, &[6], &root, &text("bold"), &text(&json), &[0]],
        );
    }
    let claims = [&[118u8][..], &number(1 << 20), &[1, b'k']]
        .concat()
        .repeat(200);
    put(
        "200 maps that each claim a million",
        &[&one, &[8], &root, &[1], &claims],
    );
    for json in [
        "-0",
        "1e999",
        "\"\\ud800\"",
        "{\"a\":1,\"a\":2}",
        "",
        "nul",
        "[1,]",
        "1.0",
        "123456789012345678901",
    ] {
        put(
            "an embed that loads as something else",
            &[&one, &[5], &root, &text(json), &[0]],
        );
        put(
            "a format that loads as something else",
            &[&one, &[6], &root, &text("bold"), &text(json), &[0]],
        );
    }
    let back = |clock: u64| [own.clone(), number(clock)].concat();
    put("its own origin", &[&one, &[0x84], &id, &text("x"), &[0]]);
    put(
        "its own right origin",
        &[&one, &[0x44], &id, &text("x"), &[0]],
    );
    put("its own parent", &[&one, &[4, 0], &id, &text("x"), &[0]]);
    put(
        "a type that is its own parent",
        &[&one, &[7, 0], &id, &[1, 0]],
    );
    let two = section(2);
    put(
        "two types, each the other's parent",
        &[&two, &[7, 0], &back(clock + 1), &[1, 7, 0], &id, &[1, 0]],
    );
    put(
        "an origin of nobody",
        &[&one, &[0x84, 7, 7], &text("x"), &[0]],
    );
    put(
        "a root that is none",
        &[&one, &[4, 1], &text("other"), &text("x"), &[0]],
    );
    put(
        "a parent byte of 2",
        &[&one, &[4, 2], &id, &text("x"), &[0]],
    );
    put("binary content", &[&one, &[3], &root, &text("xyz"), &[0]]);
    put(
        "a document in a document",
        &[&one, &[9], &root, &text("guid"), &[118, 0, 0]],
    );
    for kind in 0..=16u8 {
        put(
            "a type of every kind",
            &[&one, &[7], &root, &[kind], &text("tag"), &[0]],
        );
        put(
            "a content of every kind",
            &[&one, &[kind], &root, &text("x"), &[0]],
        );
        put(
            "a type at a key",
            &[
                &one,
                &[0x27],
                &root,
                &text("key"),
                &[kind],
                &text("tag"),
                &[0],
            ],
        );
    }
    put(
        "text with a zero in it",
        &[&one, &[4], &root, &text("a\0b"), &[0]],
    );
    put(
        "text that is no UTF-8",
        &[&one, &[4], &root, &[2, 0xc3, 0x28, 0]],
    );
    put("no text", &[&one, &[4], &root, &[0, 0]]);
    put(
        "two sections of one client",
        &[
            &[2, 1],
            &id,
            &[4],
            &root,
            &text("a"),
            &[1],
            &id,
            &[4],
            &root,
            &text("b"),
            &[0],
        ],
    );
    put("a section without blocks", &[&[1, 0], &id, &[0]]);
    put("nothing", &[&[0, 0]]);
    put("no bytes", &[]);
    put(
        "bytes behind the end",
        &[&one, &[4], &root, &text("x"), &[0, 0]],
    );
    put(
        "deletes the same client twice",
        &[&[0, 2], &own, &[1, 0, 1], &own, &[1, 0, 1]],
    );
    put("deletes nothing", &[&[0, 1], &own, &[1, 0, 0]]);
    let scattered: Vec<u8> = (0..60_000u64)
        .flat_map(|at| [number(at * 2), number(1)].concat())
        .collect();
    put(
        "60,000 deletes, each of one unit",
        &[&[0, 1], &own, &number(60_000), &scattered],
    );
    let split: Vec<u8> = (0..12_000u64)
        .flat_map(|_| [&[0xc4][..], &back(0), &back(1), &text("x")].concat())
        .collect();
    put(
        "12,000 blocks that each split another",
        &[&section(12_000), &split, &[0]],
    );
    let tree: Vec<u8> = (0..5_000u64)
        .flat_map(|at| match at {
            0 => [&[7][..], &root, &[3], &text("div")].concat(),
            _ => [&[7, 0][..], &back(clock + at - 1), &[3], &text("div")].concat(),
        })
        .collect();
    put(
        "blocks 5,000 deep: dropping them ends the stack",
        &[&section(5_000), &tree, &[0]],
    );
    // An emoji in an array made reading it endless.
    let array = [&[7][..], &root, &[0, 4, 0], &id, &text("a😀b"), &[0]].concat();
    put("text in an array", &[&two, &array]);
    put(
        "text under an attribute's key",
        &[&one, &[0x24], &root, &text("level"), &text("x"), &[0]],
    );
    put(
        "an origin between the halves of a pair",
        &[
            &two,
            &[4],
            &root,
            &text("😀"),
            &[0x84],
            &id,
            &text("x"),
            &[0],
        ],
    );
    all
}
