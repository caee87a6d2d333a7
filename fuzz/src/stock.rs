//! Honest material: schemas, drafts, change sets, and what hostile authors make of headers.

use crate::world::{Ask, World};
use anabranch_core::{
    body::{BodyOp, BodyView, Node},
    changeset::{ControlPosition, Dep, EngineKind, Header, seal},
    document::{Document, EngineDoc},
    hlc::Hlc,
    id::{Actor, Chain, ChangeSetId, Epoch, Lane, OriginId, SchemaId, UserId},
    log::Entry,
    record::{RecordOp, unnumbered},
    schema::{BodyLayout, PartShape, Schema, catalogue},
    sim::Rng,
    value::{Finite, Scalar, Value},
    wire::FormError,
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;

/// One field of every rule, and the version after it.
pub(crate) const SAMPLERS: [&str; 2] = [
    include_str!("../schemas/sampler-v1.toml"),
    include_str!("../schemas/sampler-v2.toml"),
];

/// The schemas of every world; the last one becomes active later than the others.
pub(crate) fn schemas() -> Vec<Schema> {
    let sampler = |text| Schema::parse(text).expect("the sampler is a schema");
    let of = |kind| catalogue::schema(kind).expect("in the catalogue");
    vec![
        sampler(SAMPLERS[0]),
        of("page"),
        of("markdown"),
        sampler(SAMPLERS[1]),
    ]
}

const WORDS: [&str; 8] = [
    "river",
    "delta",
    "bend 🌊",
    "",
    "ford",
    "a\u{301}",
    "weir and more",
    "🌊",
];

fn word(rng: &mut Rng) -> String {
    WORDS[rng.below(WORDS.len())].to_owned()
}

/// Something that can be asked of a document as it is.
pub(crate) fn ask(rng: &mut Rng, kind: &str, part: &str, document: &Document) -> Ask {
    match document.engine() {
        EngineDoc::Record(record) => {
            let view = record.project(&unnumbered);
            let count = 1 + rng.below(3);
            let ops = (0..count).map(|_| match kind {
                "sampler" => sampler_op(rng, &view.fields),
                _ => RecordOp::Put {
                    field: vec!["title".into()],
                    value: word(rng).into(),
                },
            });
            Ask::Record(ops.collect())
        }
        EngineDoc::Body(body) => {
            let layout = match &document
                .schema()
                .and_then(|schema| schema.part(part))
                .expect("declared")
                .shape
            {
                PartShape::Body(shape) => shape.layout,
                _ => unreachable!("a body's part is a body"),
            };
            Ask::Body(body_ops(rng, layout, &body.content()))
        }
        EngineDoc::Log(_) => Ask::Entry(Entry::from([(
            "text".to_owned(),
            Scalar::Text(format!("said {}", word(rng))),
        )])),
    }
}

fn path(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn len_of(fields: &BTreeMap<String, Value>, name: &str) -> u32 {
    match fields.get(name) {
        Some(Value::List(items)) => items.len() as u32,
        Some(Value::Text(text)) => text.encode_utf16().count() as u32,
        _ => 0,
    }
}

fn sampler_op(rng: &mut Rng, fields: &BTreeMap<String, Value>) -> RecordOp {
    let float =
        |rng: &mut Rng| Value::Float(Finite::new(rng.below(1_000) as f64 / 8.0).expect("finite"));
    let put = |name: &str, value: Value| RecordOp::Put {
        field: path(&[name]),
        value,
    };
    match rng.below(26) {
        0 | 1 => put("title", word(rng).into()),
        2 => put("count", (rng.below(1_000) as i64).into()),
        3 => put("ratio", float(rng)),
        4 => put("done", rng.one_in(2).into()),
        5 => put("due", Value::Time(rng.next() as i64 >> 20)),
        6 => put("owner", Value::Text("0123456789abcdef".repeat(4))),
        7 => put(
            "icon",
            Value::Bytes(rng.bytes::<16>()[..rng.below(17)].to_vec()),
        ),
        8 => put("status", ["open", "done"][rng.below(2)].into()),
        9 => put("budget", (rng.next() as i64).into()),
        10 => put("name", word(rng).into()),
        11 => RecordOp::Increment {
            field: path(&["votes"]),
            by: rng.below(9) as i64 - 4,
        },
        12 | 13 => RecordOp::Add {
            field: path(&["tags"]),
            value: word(rng).into(),
        },
        14 => RecordOp::Remove {
            field: path(&["tags"]),
            value: word(rng).into(),
        },
        15 => {
            let at = rng.below(len_of(fields, "steps") as usize + 1) as u32;
            RecordOp::Insert {
                field: path(&["steps"]),
                at,
                value: word(rng).into(),
            }
        }
        16 => RecordOp::Delete {
            field: path(&["steps"]),
            at: 0,
            count: 1,
        },
        17 => {
            let entry = BTreeMap::from([
                ("text".to_owned(), word(rng).into()),
                ("score".to_owned(), 5.into()),
            ]);
            RecordOp::Append {
                field: path(&["entries"]),
                value: Value::Map(entry),
            }
        }
        18 | 19 => {
            let len = len_of(fields, "notes");
            let end = rng.one_in(2);
            let delete = if end || len == 0 { 0 } else { len };
            RecordOp::Splice {
                field: path(&["notes"]),
                at: if end { len } else { 0 },
                delete,
                insert: word(rng),
            }
        }
        20 => put_key(rng),
        21 => {
            let place = BTreeMap::from([
                ("lat".to_owned(), float(rng)),
                ("lon".to_owned(), float(rng)),
            ]);
            put("place", Value::Map(place))
        }
        22 => RecordOp::Put {
            field: path(&["plan", "start"]),
            value: Value::Time(7),
        },
        23 => RecordOp::Add {
            field: path(&["plan", "numbers"]),
            value: (rng.below(4) as i64).into(),
        },
        24 => RecordOp::Increment {
            field: path(&["plan", "hits"]),
            by: 1,
        },
        _ => [RecordOp::DeleteEntity, RecordOp::RestoreEntity][rng.below(2)].clone(),
    }
}

fn put_key(rng: &mut Rng) -> RecordOp {
    let key = ["a", "b", "c"][rng.below(3)];
    let value = if rng.one_in(4) {
        Value::Null
    } else {
        word(rng).into()
    };
    RecordOp::Put {
        field: path(&["extra", key]),
        value,
    }
}

/// A place that is no middle of a pair.
fn boundary(rng: &mut Rng, text: &str) -> u32 {
    let mut places = vec![0];
    for c in text.chars() {
        places.push(places.last().copied().unwrap_or(0) + c.len_utf16() as u32);
    }
    places[rng.below(places.len())]
}

fn text_of(node: &Node) -> Option<String> {
    let Node::Block(block) = node else {
        return None;
    };
    let mut text = String::new();
    for child in &block.children {
        let Node::Text(runs) = child else { return None };
        for run in runs {
            match &run.content {
                anabranch_core::body::Inline::Text(part) => text.push_str(part),
                anabranch_core::body::Inline::Embed(_) => text.push('\u{fffc}'),
            }
        }
    }
    Some(text)
}

fn body_ops(rng: &mut Rng, layout: BodyLayout, view: &BodyView) -> Vec<BodyOp> {
    let (place, text, blocks) = match (layout, view) {
        (BodyLayout::Text, BodyView::Text(runs)) => {
            let whole = Node::Text(runs.clone());
            let block = anabranch_core::body::Block {
                tag: String::new(),
                attributes: BTreeMap::new(),
                children: vec![whole],
            };
            (vec![], text_of(&Node::Block(block)).unwrap_or_default(), 0)
        }
        (_, BodyView::Tree(nodes)) => {
            let at = rng.below(nodes.len().max(1));
            match nodes.get(at).and_then(text_of) {
                Some(text) if !rng.one_in(4) => (vec![at as u32], text, nodes.len()),
                _ => return vec![insert_block(rng, nodes.len())],
            }
        }
        (BodyLayout::ProseMirror, BodyView::Text(_)) => return vec![insert_block(rng, 0)],
    };
    let at = boundary(rng, &text);
    let len = text.encode_utf16().count() as u32;
    let marks = BTreeMap::from([("bold".to_owned(), Value::Bool(true))]);
    vec![match rng.below(10) {
        0 if len > 0 => BodyOp::Splice {
            text: place,
            at: 0,
            delete: len,
            insert: word(rng),
            marks: None,
        },
        1 if len > 0 => BodyOp::Format {
            text: place,
            at: 0,
            len,
            marks,
        },
        2 => BodyOp::Embed {
            text: place,
            at,
            value: Value::Map(BTreeMap::from([("src".into(), "x".into())])),
        },
        3 if blocks > 0 => BodyOp::SplitBlock { block: place, at },
        4 if blocks > 1 => BodyOp::DeleteBlock { block: place },
        5 if blocks > 0 => BodyOp::SetAttribute {
            block: place,
            name: "level".into(),
            value: (rng.below(4) as i64).into(),
        },
        6 => BodyOp::Splice {
            text: place,
            at,
            delete: 0,
            insert: "marked".into(),
            marks: Some(marks),
        },
        _ => {
            let insert = format!("{}x", word(rng));
            BodyOp::Splice {
                text: place,
                at,
                delete: 0,
                insert,
                marks: None,
            }
        }
    }]
}

fn insert_block(rng: &mut Rng, blocks: usize) -> BodyOp {
    BodyOp::InsertBlock {
        at: vec![rng.below(blocks + 1) as u32],
        tag: ["paragraph", "heading"][rng.below(2)].to_owned(),
        attributes: BTreeMap::from([("level".to_owned(), Value::Int(1))]),
        text: word(rng),
    }
}

/// One thing of a header says something else.
pub(crate) fn bend_header(rng: &mut Rng, header: &mut Header) {
    match rng.below(24) {
        0 => header.seq = [0, 1, 2, u64::MAX, header.seq.wrapping_add(1)][rng.below(5)],
        1 => header.prev = None,
        2 => header.prev = Some(ChangeSetId(rng.bytes())),
        3 => drop(header.deps.pop()),
        4 => header.deps.reverse(),
        5 => {
            let origin = OriginId(rng.bytes());
            let chain = Chain {
                origin,
                epoch: Epoch(0),
                lane: Lane(0),
            };
            header.deps.push(Dep {
                chain,
                seq: rng.next() >> rng.below(64),
                id: ChangeSetId(rng.bytes()),
            });
            header.deps.sort_unstable();
        }
        6 => header.hlc = Hlc(rng.next() >> rng.below(64)),
        7 => header.hlc = Hlc(header.hlc.0.wrapping_add(rng.below(3) as u64)),
        8 => header.schema = SchemaId(rng.bytes()),
        9 => header.schema_version = rng.below(4) as u32,
        10 => header.rules = rng.below(3) as u16,
        11 => header.control.number = rng.next() >> rng.below(64),
        12 => header.control = ControlPosition::default(),
        13 => {
            header.engine = [EngineKind::Automerge, EngineKind::Yrs, EngineKind::Log][rng.below(3)]
        }
        14 => {
            header.actor =
                Some([Actor::Automerge(rng.bytes()), Actor::Yrs(rng.next() >> 11)][rng.below(2)])
        }
        15 => header.key_epoch = Some(rng.below(2) as u32),
        16 => header.route.push((
            ["title", "parent", "z"][rng.below(3)].to_owned(),
            Value::Int(1),
        )),
        17 => header
            .route
            .push(("title".to_owned(), Value::Text("r".repeat(rng.below(300))))),
        18 => header.replaces = Some(ChangeSetId(rng.bytes())),
        19 => header.extension = vec![0; rng.below(5_000)],
        20 => header.part = ["body", "record", "log.remarks", "x..y", ""][rng.below(5)].to_owned(),
        21 => header.chain.lane = Lane(rng.below(3) as u16),
        22 => header.chain.epoch = Epoch(rng.below(3) as u32),
        _ => {
            let user = UserId(rng.bytes());
            if rng.one_in(2) {
                header.author = user;
            } else {
                header.on_behalf_of = Some(user);
            }
        }
    }
}

/// A few change sets of every engine, sealed.
fn sealed() -> Vec<anabranch_core::changeset::Signed> {
    let mut all = Vec::new();
    for (kind, part) in [
        ("sampler", "record"),
        ("page", "body"),
        ("sampler", "log.remarks"),
    ] {
        let mut world = World::new(11, kind, part);
        world.grow(&mut Rng::new(12), 9);
        let mut by_member: Vec<Vec<_>> = vec![Vec::new(); 3];
        for kept in &world.base {
            let origin = kept.change.header().chain.origin;
            let member = world
                .members
                .iter()
                .position(|member| member.origin == origin)
                .expect("a member");
            by_member[member].push(kept.change.clone());
        }
        for (member, changes) in by_member
            .into_iter()
            .enumerate()
            .filter(|(_, changes)| !changes.is_empty())
        {
            let key = SigningKey::from_bytes(&world.members[member].key);
            all.extend(seal(&key, changes).expect("one origin"));
        }
    }
    all
}

/// Canonical bytes of honest headers.
pub(crate) fn headers() -> Vec<Vec<u8>> {
    sealed()
        .iter()
        .map(|signed| signed.change.header().encode())
        .collect()
}

/// Stored bytes of honest change sets.
pub(crate) fn signed() -> Vec<Vec<u8>> {
    sealed()
        .iter()
        .map(anabranch_core::changeset::Signed::encode)
        .collect()
}

/// The payloads of one author's chain in a record.
pub(crate) fn record_chain() -> Vec<Vec<u8>> {
    chain("sampler", "record")
}

/// The payloads of one author's chain in a body.
pub(crate) fn body_chain() -> Vec<Vec<u8>> {
    chain("page", "body")
}

fn chain(kind: &'static str, part: &'static str) -> Vec<Vec<u8>> {
    let world = World::new(21, kind, part);
    let mut rng = Rng::new(22);
    let mut document = world.document(&[]);
    let mut at = crate::world::NOW;
    while document.effective().len() < 24 {
        at += 9;
        let ask = ask(&mut rng, kind, part, &document);
        let _ = document.write(&world.pen(0, at, None), &ask.draft());
    }
    let payload =
        |kept: &&anabranch_core::document::Kept| kept.change.payload().bytes().map(<[u8]>::to_vec);
    document.effective().iter().filter_map(payload).collect()
}

/// A stable name of a fault of the wire's forms.
pub(crate) fn form_code(error: &FormError) -> &'static str {
    match error {
        FormError::Cut { .. } => "form-cut",
        FormError::Number { .. } => "form-number",
        FormError::TooMany { .. } => "form-too-many",
        FormError::Text { .. } => "form-text",
        FormError::Unknown { .. } => "form-unknown",
        FormError::Context { .. } => "form-context",
        FormError::Range { .. } => "form-range",
        FormError::Trailing { .. } => "form-trailing",
    }
}
