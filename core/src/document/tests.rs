//! Taking back what happened since an earlier point, by a replica that remembers none of it.

use crate::{
    body::{BlockPath, BodyOp},
    causal::{Past, Since},
    control::Role,
    document::{Draft, EditError, EngineDoc},
    id::{EntityId, ViewId},
    record::{Life, RecordOp, unnumbered},
    replica::{Replica, WriteError},
    schema::Schema,
    sim::Lab,
    value::Value,
};

const NOW: u64 = 1_750_000_000_000;
const KIND: &str = r#"
    kind = "task"
    version = 1
    [record.fields]
    title = "lww text"
    note = "text"
    marks = "set text"
    votes = "counter"
    steps = "list text"
    [body]
    layout = "text"
"#;

struct Pair {
    lab: Lab,
    at: [usize; 2],
    entity: EntityId,
}

fn field(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

fn put(name: &str, value: &str) -> RecordOp {
    let (field, value) = (field(name), value.into());
    RecordOp::Put { field, value }
}

fn note(at: u32, delete: u32, insert: &str) -> RecordOp {
    let (field, insert) = (field("note"), insert.to_owned());
    RecordOp::Splice {
        field,
        at,
        delete,
        insert,
    }
}

fn body(at: u32, delete: u32, insert: &str) -> BodyOp {
    BodyOp::Splice {
        text: BlockPath::default(),
        at,
        delete,
        insert: insert.to_owned(),
        marks: None,
    }
}

impl Pair {
    fn new() -> Self {
        let mut lab = Lab::new(9, vec![Schema::parse(KIND).unwrap()]);
        let at = [(); 2].map(|()| lab.admit(Role::Member));
        let entity = lab.entity(lab.stations[at[0]].user, "task");
        Pair { lab, at, entity }
    }

    fn replica(&mut self, who: usize) -> &mut Replica {
        &mut self.lab.stations[self.at[who]].replica
    }

    fn write(&mut self, who: usize, part: &str, draft: &Draft<'_>) -> Result<(), WriteError> {
        let entity = self.entity;
        let replica = self.replica(who);
        let written = replica.write(NOW, "task", entity, part, ViewId(0), draft);
        written.map(|_| ())
    }

    fn meet(&mut self) {
        for (from, to) in [(0, 1), (1, 0)] {
            let sealed = self.lab.stations[self.at[from]].flush().unwrap();
            self.lab.stations[self.at[to]].receive(NOW, sealed);
        }
    }

    /// A replica that has everything from a file, and remembers no step of anybody.
    fn restarted(&mut self, who: usize) {
        self.lab.stations[self.at[who]].flush().unwrap();
        let replica = self.replica(who);
        let (bundle, pen) = (replica.bundle().unwrap(), *replica.pen().unwrap());
        let last = replica.last_stamp();
        let mut again = Replica::from_bundle(NOW, &bundle).unwrap().replica;
        again.take_pen(pen);
        again.resume_clock(last);
        *self.replica(who) = again;
    }

    fn past(&mut self, part: &str) -> Past {
        let entity = self.entity;
        let document = self.replica(0).document(&entity, part);
        document.map_or_else(Past::default, |document| document.graph().present().clone())
    }

    fn shows(&mut self, part: &str) -> String {
        let entity = self.entity;
        let document = self.replica(0).document(&entity, part).unwrap();
        match document.engine() {
            EngineDoc::Record(record) => {
                let view = record.project(&unnumbered);
                let shown = view.fields.values().map(Value::to_json);
                let shown = shown.map(|value| value.to_string().replace('"', ""));
                let life = if view.life == Life::Deleted {
                    " gone"
                } else {
                    ""
                };
                shown.collect::<Vec<_>>().join(" ") + life
            }
            EngineDoc::Body(body) => body.content().plain_text(),
            EngineDoc::Log(_) => String::new(),
        }
    }
}

#[test]
fn own_work_goes_and_what_others_wrote_since_stays() {
    let mut pair = Pair::new();
    let first = [put("title", "weir"), note(0, 0, "one two three")];
    pair.write(0, "record", &Draft::Record(&first)).unwrap();
    pair.meet();
    let since = pair.past("record");
    let steps = |value: &str| RecordOp::Insert {
        field: field("steps"),
        at: 0,
        value: value.into(),
    };
    let marks = |value: &str| RecordOp::Add {
        field: field("marks"),
        value: value.into(),
    };
    let votes = |by| RecordOp::Increment {
        field: field("votes"),
        by,
    };
    let mine = [
        put("title", "sluice"),
        note(4, 3, "2"),
        steps("dig"),
        marks("mine"),
        votes(3),
    ];
    pair.write(0, "record", &Draft::Record(&mine)).unwrap();
    pair.write(0, "record", &Draft::Record(&[put("title", "lock")]))
        .unwrap();
    let theirs = [note(13, 0, "!"), steps("pour"), marks("theirs"), votes(10)];
    pair.write(1, "record", &Draft::Record(&theirs)).unwrap();
    pair.meet();
    pair.restarted(0);
    let by = Some([pair.replica(0).pen().unwrap().chain()].into());
    let own = Since {
        past: since.clone(),
        by,
    };
    pair.write(0, "record", &Draft::TakeBack(&own)).unwrap();
    // marks, note, steps, title, votes
    assert_eq!(
        pair.shows("record"),
        "[theirs] one two three! [pour] weir 10"
    );
    pair.meet();
    let digests = [0, 1].map(|who| pair.replica(who).digest());
    assert_eq!(digests[0], digests[1]);
    // Taking it back by everybody takes theirs too, and nothing more the second time.
    let all = Since {
        past: since,
        by: None,
    };
    pair.write(0, "record", &Draft::TakeBack(&all)).unwrap();
    assert_eq!(pair.shows("record"), "[] one two three [] weir 0");
    let again = pair.write(0, "record", &Draft::TakeBack(&all));
    let no_step = WriteError::Edit(EditError::NoStep("take back"));
    assert_eq!(again, Err(no_step));
}

#[test]
fn a_register_that_someone_wrote_over_stays_theirs() {
    let mut pair = Pair::new();
    pair.write(0, "record", &Draft::Record(&[put("title", "one")]))
        .unwrap();
    let past = pair.past("record");
    pair.write(0, "record", &Draft::Record(&[put("title", "two")]))
        .unwrap();
    pair.meet();
    pair.write(1, "record", &Draft::Record(&[put("title", "theirs")]))
        .unwrap();
    pair.meet();
    let by = Some([pair.replica(0).pen().unwrap().chain()].into());
    let refused = pair.write(0, "record", &Draft::TakeBack(&Since { past, by }));
    assert_eq!(
        refused,
        Err(WriteError::Edit(EditError::NoStep("take back")))
    );
    assert!(pair.shows("record").contains("theirs"));
}

#[test]
fn an_entity_whose_making_is_taken_back_is_deleted_and_comes_back_whole() {
    let mut pair = Pair::new();
    pair.write(0, "record", &Draft::Record(&[put("title", "one")]))
        .unwrap();
    let made = pair.past("record");
    pair.restarted(0);
    let by = Some([pair.replica(0).pen().unwrap().chain()].into());
    let past = Past::default();
    pair.write(
        0,
        "record",
        &Draft::TakeBack(&Since {
            past,
            by: by.clone(),
        }),
    )
    .unwrap();
    assert_eq!(pair.shows("record"), "[]  [] one 0 gone");
    pair.restarted(0);
    pair.write(0, "record", &Draft::TakeBack(&Since { past: made, by }))
        .unwrap();
    assert_eq!(pair.shows("record"), "[]  [] one 0");
}

#[test]
fn a_body_goes_back_unit_by_unit() {
    let mut pair = Pair::new();
    pair.write(0, "body", &Draft::Body(&[body(0, 0, "one two three")]))
        .unwrap();
    pair.meet();
    let past = pair.past("body");
    pair.write(0, "body", &Draft::Body(&[body(4, 3, "2")]))
        .unwrap();
    pair.write(1, "body", &Draft::Body(&[body(13, 0, "!")]))
        .unwrap();
    pair.meet();
    pair.restarted(0);
    let by = Some([pair.replica(0).pen().unwrap().chain()].into());
    assert_eq!(pair.shows("body"), "one 2 three!");
    let own = Since {
        past: past.clone(),
        by,
    };
    pair.write(0, "body", &Draft::TakeBack(&own)).unwrap();
    assert_eq!(pair.shows("body"), "one two three!");
    pair.meet();
    pair.write(0, "body", &Draft::TakeBack(&Since { past, by: None }))
        .unwrap();
    assert_eq!(pair.shows("body"), "one two three");
    pair.meet();
    let digests = [0, 1].map(|who| pair.replica(who).digest());
    assert_eq!(digests[0], digests[1]);
}
