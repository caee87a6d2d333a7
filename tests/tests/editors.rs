//! Unmodified JavaScript editors open what is written here, and write what is accepted here: Yjs
//! with y-prosemirror and Tiptap's StarterKit schema, Yjs texts, and Automerge. The editors are in
//! `tests/js`; without Node, or without a registry to install them from, the tests print `NOT RUN`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod editors {
    pub mod body;
    pub mod door;
    pub mod node;
    pub mod record;
}

use anabranch_core::{
    body::{self as core_body, BlockPath, BodyOp, Marks},
    document::{Draft, EditError, EngineDoc, State},
    hlc::Hlc,
    id::EntityId,
    judge::ChainRule,
    replica::WriteError,
    schema::catalogue,
    sim::Rng,
    value::Value,
};
use common::*;
use editors::{
    body::{content_of, prosemirror_of, random_ops},
    door::Door,
    node::{Node, to_hex},
    record::{self, Desk},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A page as an application would build it with our operations: every kind of edit that the API has.
fn page_ops() -> Vec<Vec<BodyOp>> {
    let block =
        |at: &[u32], tag: &str, attributes: &[(&str, Value)], text: &str| BodyOp::InsertBlock {
            at: at.to_vec(),
            tag: tag.to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            text: text.to_owned(),
        };
    let marked = |text: &[u32], at, len, name: &str, value: Value| BodyOp::Format {
        text: text.to_vec(),
        at,
        len,
        marks: Marks::from([(name.to_owned(), value)]),
    };
    let link = Value::Map(
        [
            ("href".to_owned(), Value::from("https://example.org/a?b=1")),
            ("target".to_owned(), Value::Null),
            ("title".to_owned(), Value::from("here")),
        ]
        .into(),
    );
    let path = |path: &[u32]| -> BlockPath { path.to_vec() };
    vec![
        vec![
            block(&[0], "heading", &[("level", Value::Int(2))], "Rivers 🌊"),
            block(&[1], "paragraph", &[], "The anabranch leaves and rejoins."),
            // A list with all its schema asks for, in one edit.
            block(&[2], "bulletList", &[], ""),
            block(&[2, 0], "listItem", &[], ""),
            block(&[2, 0, 0], "paragraph", &[], "outer"),
            block(&[2, 0, 1], "orderedList", &[("start", Value::Int(3))], ""),
            block(&[2, 0, 1, 0], "listItem", &[], ""),
            block(&[2, 0, 1, 0, 0], "paragraph", &[], "inner"),
            block(
                &[3],
                "codeBlock",
                &[("language", "rust".into())],
                "fn main() {}",
            ),
            block(&[4], "horizontalRule", &[], ""),
            block(&[5], "blockquote", &[], ""),
            block(&[5, 0], "paragraph", &[], "quoted, to be moved"),
            block(&[6], "paragraph", &[], "to be deleted"),
        ],
        vec![
            marked(&[1], 4, 9, "bold", Value::Bool(true)),
            marked(&[1], 8, 12, "italic", Value::Map([].into())),
            marked(&[1], 14, 6, "link", link),
            marked(&[1], 0, 6, "underline", Value::Bool(true)),
        ],
        vec![marked(&[1], 0, 3, "underline", Value::Null)],
        vec![BodyOp::Splice {
            text: path(&[0]),
            at: 6,
            delete: 3,
            insert: " 😀 and more".to_owned(),
            marks: None,
        }],
        vec![BodyOp::Splice {
            text: path(&[1]),
            at: 4,
            delete: 0,
            insert: "plain ".to_owned(),
            marks: Some(Marks::new()),
        }],
        vec![BodyOp::SplitBlock {
            block: path(&[1]),
            at: 12,
        }],
        vec![BodyOp::SplitBlock {
            block: path(&[1]),
            at: 3,
        }],
        vec![BodyOp::JoinBlock { block: path(&[2]) }],
        vec![BodyOp::Embed {
            text: path(&[2]),
            at: 5,
            value: Value::Map([("tag".to_owned(), "hardBreak".into())].into()),
        }],
        vec![BodyOp::DeleteBlock { block: path(&[7]) }],
        vec![BodyOp::MoveBlock {
            from: path(&[6]),
            to: path(&[0]),
        }],
        vec![BodyOp::SetAttribute {
            block: path(&[1]),
            name: "level".to_owned(),
            value: Value::Int(3),
        }],
        vec![BodyOp::MoveBlock {
            from: path(&[4, 0, 1]),
            to: path(&[5]),
        }],
    ]
}

#[test]
fn a_page_written_here_opens_in_tiptap_as_it_reads_here() {
    let Some(mut node) = Node::start() else {
        return;
    };
    let mut session = Session::new(1, 1);
    let page = session.entity("page");
    for (at, ops) in (0..).zip(page_ops()) {
        session
            .write_at(0, NOW + at, "page", page, "body", &Draft::Body(&ops))
            .unwrap_or_else(|error| panic!("{at}: {error}"));
        // After every edit an editor that opens the page must take it as it is.
        let view = body(
            session.lab.stations[0]
                .replica
                .document(&page, "body")
                .unwrap(),
        );
        let editor = format!("editor {at}");
        node.open(&editor, "prosemirror", 7, true);
        let state = state_of(&session, page);
        assert!(node.receive(&editor, &[state]).is_empty());
        let shown = node.show(&editor, true);
        assert_eq!(shown["content"], content_of(&view), "after edit {at}");
        assert_eq!(shown["shown"], prosemirror_of(&view), "after edit {at}");
        assert!(
            node.receive(&editor, &[]).is_empty(),
            "opening it changed it"
        );
    }
}

#[test]
fn a_text_written_here_opens_in_a_yjs_editor_as_it_reads_here() {
    let Some(mut node) = Node::start() else {
        return;
    };
    let mut session = Session::of(2, 1, vec![catalogue::schema("markdown").unwrap()]);
    let page = session.entity("markdown");
    let format = |at, len, name: &str, value: Value| BodyOp::Format {
        text: vec![],
        at,
        len,
        marks: Marks::from([(name.to_owned(), value)]),
    };
    let image = [
        ("image".to_owned(), "a.png".into()),
        ("width".to_owned(), 640.into()),
    ];
    let edits = [
        vec![type_at(0, 0, "Braids 🌊 of a river")],
        vec![
            format(0, 6, "bold", true.into()),
            format(3, 10, "italic", true.into()),
        ],
        vec![format(7, 5, "link", "https://example.org".into())],
        vec![format(0, 2, "bold", Value::Null)],
        vec![type_at(6, 3, "-"), type_at(0, 0, "The ")],
        vec![BodyOp::Embed {
            text: vec![],
            at: 9,
            value: Value::Map(image.into()),
        }],
    ];
    for (at, ops) in (0..).zip(edits) {
        session
            .write_at(0, NOW + at, "markdown", page, "body", &Draft::Body(&ops))
            .unwrap();
        let editor = format!("text {at}");
        node.open(&editor, "text", 7, true);
        assert!(
            node.receive(&editor, &[state_of(&session, page)])
                .is_empty()
        );
        let view = body(
            session.lab.stations[0]
                .replica
                .document(&page, "body")
                .unwrap(),
        );
        assert_eq!(
            node.show(&editor, true)["content"],
            content_of(&view),
            "after edit {at}"
        );
    }
}

/// The body's whole state as one Yjs update.
fn state_of(session: &Session, entity: EntityId) -> Vec<u8> {
    let document = session.lab.stations[0].replica.document(&entity, "body");
    match document.unwrap().engine() {
        EngineDoc::Body(body) => body.save().unwrap(),
        EngineDoc::Record(_) | EngineDoc::Log(_) => panic!("no body"),
    }
}

/// What a session of editors and a replica of ours came to.
#[derive(Debug, Default)]
struct Came {
    acts: BTreeMap<String, usize>,
    carried: usize,
    straightened: usize,
    asked: usize,
    apart: usize,
}

/// Two Yjs clients behind a door and a member's device work on one body at once, over networks that
/// hold things back. Every change set that comes of it is accepted, and all show the same at the end.
fn work_together(node: &mut Node, seed: u64, layout: &'static str, acts: usize) -> Came {
    let kind = if layout == "text" { "markdown" } else { "page" };
    let mut session = Session::of(seed, 1, vec![catalogue::schema(kind).unwrap()]);
    let entity = session.entity(kind);
    let begun = match layout {
        "text" => vec![type_at(0, 0, "Two arms of a river 🌊 meet again.")],
        _ => page_ops().remove(0),
    };
    session
        .write_at(0, NOW, kind, entity, "body", &Draft::Body(&begun))
        .unwrap();
    let begun = session.flush(0);
    let mut door = Door::open(&mut session, kind, entity, &begun);
    let mut rng = Rng::new(seed);
    let mut came = Came::default();
    // One keeps what it deletes for its undo, the other drops it. Yjs draws 32 bits.
    for undo in [true, false] {
        let id = rng.next() & 0xffff_ffff;
        door.admit(&session, node, id, layout, undo);
    }
    let mut seen_by_us = begun.len();
    for act in 0..acts {
        match rng.below(16) {
            0 => {
                let draw = |rng: &mut Rng| rng.next() & 0xffff_ffff;
                let seeds = [(); 4].map(|()| draw(&mut rng));
                let id = draw(&mut rng);
                came.apart += door.act_apart(&mut session, node, rng.below(2), seeds, id);
            }
            1..10 => {
                let did = door.act(&mut session, node, rng.below(2), rng.next() & 0xffff_ffff);
                *came.acts.entry(did).or_default() += 1;
            }
            10 | 11 => {
                let all = door.hub.signed();
                for signed in &all[seen_by_us.min(all.len())..] {
                    session.lab.stations[0].receive(NOW, vec![signed.clone()]);
                }
                seen_by_us = all.len();
                let document = session.lab.stations[0].replica.document(&entity, "body");
                let ops = random_ops(&body(document.unwrap()), &mut rng);
                let now = NOW + 10_000_000 + act as u64;
                let wrote = session.write_at(0, now, kind, entity, "body", &Draft::Body(&ops));
                match wrote {
                    Ok(_) => door.bring(&session.flush(0)),
                    Err(WriteError::Edit(EditError::Body(core_body::EditError::NoChange))) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            _ => {
                let (at, most) = (rng.below(2), 1 + rng.below(6));
                door.deliver(&mut session, node, at, most);
            }
        }
    }
    door.settle(&mut session, node);
    for signed in door.hub.signed() {
        session.lab.stations[0].receive(NOW, vec![signed]);
    }
    let ours = body(
        session.lab.stations[0]
            .replica
            .document(&entity, "body")
            .unwrap(),
    );
    assert_eq!(ours, door.body().content());
    for shown in door.shown(node) {
        assert_eq!(shown["settled"], true, "nothing is pending");
        same(&shown["content"], &content_of(&ours), seed);
    }
    // Who opens it now sees it as it reads here. An editor that is open can still show a mark that
    // another one has replaced: y-prosemirror counts the marks of a text before it compares them.
    node.open("late", layout, 7, true);
    node.receive("late", &[door.body().save().unwrap()]);
    let late = node.show("late", false);
    same(&late["content"], &content_of(&ours), seed);
    if layout == "prosemirror" {
        same(&late["shown"], &prosemirror_of(&ours), seed);
    }
    came.carried = door.carried;
    came.straightened = door.straightened;
    came.asked = door.asked;
    came
}

/// Two lists of blocks are equal; else the first that differs is told.
fn same(theirs: &Json, ours: &Json, seed: u64) {
    let (theirs, ours) = (theirs.as_array().unwrap(), ours.as_array().unwrap());
    for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        assert!(
            theirs == ours,
            "seed {seed}, block {at}: theirs {theirs}\nours   {ours}"
        );
    }
    assert_eq!(theirs.len(), ours.len(), "seed {seed}");
}

/// Plays sessions of 200 acts; which and how many says the environment, else four, of which one has
/// a redo that is crooked in ProseMirror.
fn sessions(layout: &'static str) -> Option<Came> {
    let mut node = Node::start()?;
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(
            value
                .parse()
                .unwrap_or_else(|_| panic!("{name} is no number")),
        )
    };
    let first = number("ANABRANCH_EDITORS_SEED").unwrap_or(25);
    let count = number("ANABRANCH_EDITORS_SESSIONS").unwrap_or(4);
    let mut all = Came::default();
    for seed in first..first + count {
        let came = work_together(&mut node, seed, layout, 200);
        for (act, count) in came.acts {
            *all.acts.entry(act).or_default() += count;
        }
        all.carried += came.carried;
        all.asked += came.asked;
        all.straightened += came.straightened;
        all.apart += came.apart;
    }
    println!("{layout}: {all:?}");
    assert!(all.carried > 100 && all.apart > 0);
    Some(all)
}

#[test]
fn what_yjs_texts_write_is_accepted_and_all_converge() {
    sessions("text");
}

#[test]
fn what_prosemirror_writes_is_accepted_and_all_converge() {
    let came = sessions("prosemirror");
    let chosen = std::env::var_os("ANABRANCH_EDITORS_SEED").is_some();
    assert!(came.is_none_or(|came| chosen || came.straightened > 0));
}

fn a_task(session: &mut Session) -> EntityId {
    let task = session.entity("task");
    session.ops_at(
        0,
        NOW,
        "task",
        task,
        &[
            put("title", "Mend the weir 🌊"),
            put("status", "doing"),
            put("timeline.start", Value::Time(1_750_000_000_000)),
            put("timeline.progress_percent", 40),
            splice("notes", 0, 0, "bring tools 😀"),
            add("labels", "river"),
        ],
    );
    task
}

#[test]
fn a_record_written_here_loads_in_automerge_as_it_reads_here() {
    let Some(mut node) = Node::start() else {
        return;
    };
    let mut session = Session::new(5, 1);
    let task = a_task(&mut session);
    let state = record::state_of(&session.lab.stations[0].replica, &task);
    let loaded = node.ask(json!({ "ask": "load", "record": to_hex(&state) }));
    let fields = &loaded["fields"];
    assert_eq!(fields["title"], json!({ "scalar": "Mend the weir 🌊" }));
    assert_eq!(fields["status"], json!({ "scalar": "doing" }));
    assert_eq!(fields["notes"], "bring tools 😀");
    let start = json!({ "time": 1_750_000_000_000_u64 });
    assert_eq!(fields["timeline"]["start"], start);
    assert_eq!(fields["timeline"]["progress_percent"], 40);
    // A set's elements are the keys of a map.
    let labels: Vec<&String> = fields["labels"].as_object().unwrap().keys().collect();
    assert!(
        labels.len() == 1 && labels[0].contains("river"),
        "{labels:?}"
    );
}

#[test]
fn what_automerge_writes_as_the_schema_has_it_is_accepted_and_else_refused_by_name() {
    let Some(mut node) = Node::start() else {
        return;
    };
    let mut session = Session::new(6, 1);
    let task = a_task(&mut session);
    let mut desk = Desk::open(&mut session, task);
    let actor = [7; 16];
    let mut at = NOW;
    let mut change = |desk: &mut Desk, node: &mut Node, what: &str| {
        at += 1;
        let made = desk.change(&session, node, actor, Some(Hlc::new(at, 0)), what);
        made.map(|signed| desk.take(&signed))
    };
    let shown = change(&mut desk, &mut node, "title").unwrap();
    assert_eq!(shown.get(&["title"]), Some(&"from JavaScript".into()));
    let shown = change(&mut desk, &mut node, "notes").unwrap();
    assert_eq!(shown.get(&["notes"]), Some(&"Hear: bring tools 😀".into()));
    let shown = change(&mut desk, &mut node, "due").unwrap();
    let due = Value::Time(1_800_000_000_000);
    assert_eq!(shown.get(&["timeline", "due"]), Some(&due));
    let shown = change(&mut desk, &mut node, "nothing").unwrap();
    assert_eq!(shown.get(&["title"]), None);
    // A second title, so that there is something to remove.
    change(&mut desk, &mut node, "title").unwrap();
    change(&mut desk, &mut node, "long").unwrap();
    for (what, code) in [
        // Automerge makes an object of a plain string, and takes a key away for `delete`: an older
        // write could then win again.
        ("plain", "register-shape"),
        ("remove", "register-delete"),
        ("choice", "value-choice"),
        ("unknown", "schema-field-unknown"),
        ("nested", "container-replaced"),
    ] {
        assert_eq!(
            change(&mut desk, &mut node, what).err(),
            Some(code),
            "{what}"
        );
    }
    // Left to itself the library writes seconds, which are no stamp: a client has to be told one.
    let own = desk.change(&session, &mut node, actor, None, "notes");
    let rule = State::Refused(ChainRule::Stamp.into());
    assert_eq!(desk.state_of(&own.unwrap()), rule);
}
