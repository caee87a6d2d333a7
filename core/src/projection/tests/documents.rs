//! Projections of documents that replicas wrote.

use crate::{
    body::{BlockPath, BodyOp, Marks},
    control::Role,
    document::Draft,
    id::{EntityId, ViewId},
    limits,
    log::Entry,
    projection::{Content, Projection},
    record::{Life, RecordOp},
    replica::Replica,
    schema::Schema,
    sim::Lab,
    value::{Scalar, Value},
};

const NOW: u64 = 1_750_000_000_000;

const NOTE: &str = r#"
    kind = "note"
    version = 1
    on_delete_edit = "delete_wins"
    [record.fields]
    title = "lww text"
    weight = "keep int"
    parent = "lww entity"
    related = "set entity"
    quoted = "lww text"
    [record.fields.place]
    rule = "group"
    fields = { at = "entity", floor = "int" }
    [record.fields.people]
    rule = "map"
    [record.fields.people.fields]
    owner = "once entity"
    by_role = "open entity"
    [part.billing.fields]
    cents = "counter"
    [body]
    layout = "text"
    [log.comments.entry]
    text = "text"
    about = "entity"
"#;

fn lab() -> Lab {
    let mut lab = Lab::new(7, vec![Schema::parse(NOTE).unwrap()]);
    lab.admit(Role::Member);
    lab.admit(Role::Member);
    lab
}

fn write(replica: &mut Replica, entity: EntityId, part: &str, draft: Draft<'_>) {
    replica
        .write(NOW, "note", entity, part, ViewId(0), &draft)
        .unwrap();
}

fn put(replica: &mut Replica, entity: EntityId, path: &[&str], value: impl Into<Value>) {
    let op = RecordOp::Put {
        field: path.iter().map(|name| (*name).to_owned()).collect(),
        value: value.into(),
    };
    write(replica, entity, "record", Draft::Record(&[op]));
}

fn project(replica: &Replica, entity: EntityId) -> Projection {
    let documents = replica.documents().filter(|one| *one.entity() == entity);
    Projection::of(documents).unwrap()
}

/// Every device gets what every other wrote.
fn exchange(lab: &mut Lab) {
    let sealed: Vec<_> = lab
        .stations
        .iter_mut()
        .map(|station| station.flush().unwrap())
        .collect();
    for station in &mut lab.stations {
        for one in &sealed {
            station.receive(NOW, one.clone());
        }
    }
}

fn entity(fill: u8) -> EntityId {
    EntityId::parse(&format!("{fill:02x}").repeat(32)).unwrap()
}

fn id(fill: u8) -> Value {
    Value::Text(entity(fill).to_string())
}

fn splice(insert: &str, marks: Option<Marks>) -> BodyOp {
    BodyOp::Splice {
        text: BlockPath::default(),
        at: 0,
        delete: 0,
        insert: insert.to_owned(),
        marks,
    }
}

#[test]
fn links_are_what_the_schema_calls_entities_and_what_bodies_point_to() {
    let mut lab = lab();
    let note = lab.entity(lab.owner, "note");
    let replica = &mut lab.stations[0].replica;
    put(replica, note, &["parent"], id(1));
    put(replica, note, &["quoted"], id(0xee)); // a text, no link
    put(replica, note, &["people", "owner"], id(2));
    put(replica, note, &["people", "by_role", "chair"], id(3));
    let place = [("at".to_owned(), id(4)), ("floor".to_owned(), 1.into())];
    put(replica, note, &["place"], Value::Map(place.into()));
    let add = RecordOp::Add {
        field: vec!["related".into()],
        value: id(5),
    };
    write(replica, note, "record", Draft::Record(&[add]));
    let entry = Entry::from([("about".to_owned(), Scalar::Text(entity(6).to_string()))]);
    write(replica, note, "log.comments", Draft::Entry(&entry));
    let link = |to: &str| Some(Marks::from([("link".to_owned(), Value::from(to))]));
    let ops = [
        splice("there", link(&format!("/note/{}#top", entity(7)))),
        splice("out", link("https://example.org")),
        splice(&entity(0xdd).to_string(), Some(Marks::new())), // no link either
    ];
    write(replica, note, "body", Draft::Body(&ops));

    let projection = project(replica, note);
    let mut links: Vec<EntityId> = projection.links().collect();
    links.sort_unstable();
    assert_eq!(links, (1..=7).map(entity).collect::<Vec<_>>());
    let Content::Body { text, addresses } = &projection.parts["body"].content else {
        panic!("a body was expected");
    };
    assert!(text.ends_with("outthere"));
    assert_eq!(
        addresses.iter().collect::<Vec<_>>(),
        ["https://example.org"]
    );
    assert_eq!(
        projection.parts["log.comments"].content,
        Content::Log { entries: 1 }
    );
}

#[test]
fn a_projection_shows_what_the_record_shows() {
    let mut lab = lab();
    let note = lab.entity(lab.owner, "note");
    let [ana, bo] = &mut lab.stations[..] else {
        panic!("two devices");
    };
    put(&mut ana.replica, note, &["title"], "Weir");
    put(&mut ana.replica, note, &["weight"], 1);
    put(&mut bo.replica, note, &["weight"], 2);
    let increment = RecordOp::Increment {
        field: vec!["cents".into()],
        by: 250,
    };
    write(
        &mut bo.replica,
        note,
        "part.billing",
        Draft::Record(&[increment]),
    );
    let (first, last) = (ana.user, bo.user);
    exchange(&mut lab);

    let projection = project(&lab.stations[0].replica, note);
    assert_eq!(projection.kind, "note");
    assert_eq!(projection.schema_version(), 1);
    assert_eq!(projection.field(&["title"]), Some(&"Weir".into()));
    let conflicts: Vec<_> = projection.conflicts().collect();
    assert_eq!(conflicts, [("record", &vec!["weight".to_owned()])]);
    assert_eq!(projection.changes(), 4);
    let authors = [projection.created(), projection.updated()];
    assert_eq!(authors.map(|one| one.unwrap().author), [first, last]);
    let Content::Record { fields, .. } = &projection.parts["part.billing"].content else {
        panic!("a record was expected");
    };
    assert_eq!(fields["cents"], 250.into());
    assert_eq!(projection.life(), Life::Alive);

    let replica = &mut lab.stations[0].replica;
    write(
        replica,
        note,
        "record",
        Draft::Record(&[RecordOp::DeleteEntity]),
    );
    assert_eq!(project(replica, note).life(), Life::Deleted);
}

#[test]
fn replicas_with_equal_documents_have_equal_projections_however_they_were_made() {
    let mut lab = lab();
    let note = lab.entity(lab.owner, "note");
    let mut kept = Projection::new(note, "note");
    for round in 0..20i64 {
        let number = lab.rng.below(2);
        let replica = &mut lab.stations[number].replica;
        match lab.rng.below(3) {
            0 => put(replica, note, &["title"], format!("{round}")),
            1 => put(replica, note, &["weight"], round),
            _ => write(replica, note, "body", Draft::Body(&[splice("ä", None)])),
        }
        // One part after the other, as an engine does it.
        for part in ["record", "body"] {
            if let Some(document) = lab.stations[0].replica.document(&note, part) {
                kept.take(document);
            }
        }
        if lab.rng.one_in(4) {
            exchange(&mut lab);
        }
    }
    exchange(&mut lab);
    for document in lab.stations[0].replica.documents() {
        kept.take(document);
    }
    let both = [0, 1].map(|at| project(&lab.stations[at].replica, note));
    assert_eq!(both[0].encode(), both[1].encode());
    assert_eq!(kept, both[0]);
}

#[test]
fn a_long_body_is_cut_between_characters_and_says_so() {
    let mut lab = lab();
    let note = lab.entity(lab.owner, "note");
    let replica = &mut lab.stations[0].replica;
    let whole = "a".repeat(limits::PROJECTION_TEXT_BYTES_MAX);
    write(replica, note, "body", Draft::Body(&[splice(&whole, None)]));
    assert!(!project(replica, note).parts["body"].cut);
    let odd = format!("{}ä", &whole[1..]); // the bound falls into its last character
    let note = lab.entity(lab.owner, "note");
    let replica = &mut lab.stations[0].replica;
    write(replica, note, "body", Draft::Body(&[splice(&odd, None)]));
    let projection = project(replica, note);
    let part = &projection.parts["body"];
    assert!(part.cut);
    let Content::Body { text, .. } = &part.content else {
        panic!("a body was expected");
    };
    assert_eq!(*text, whole[1..]);
}

#[test]
fn links_past_the_bound_are_cut_oldest_first_and_it_says_so() {
    let mut lab = lab();
    let note = lab.entity(lab.owner, "note");
    let replica = &mut lab.stations[0].replica;
    let many = limits::PROJECTION_LINKS_MAX;
    for number in 0..=many {
        if number == many {
            assert!(!project(replica, note).parts["log.comments"].cut);
        }
        let about = Scalar::Text(format!("{number:064x}"));
        let entry = Entry::from([("about".to_owned(), about)]);
        write(replica, note, "log.comments", Draft::Entry(&entry));
    }
    let part = &project(replica, note).parts["log.comments"];
    assert!(part.cut);
    assert_eq!(part.links.len(), many);
    assert!(!part.links.contains(&entity(0)));
}

#[test]
fn a_document_of_another_entity_changes_nothing() {
    let mut lab = lab();
    let (note, other) = (lab.entity(lab.owner, "note"), lab.entity(lab.owner, "note"));
    let replica = &mut lab.stations[0].replica;
    put(replica, note, &["title"], "Weir");
    let mut projection = Projection::new(other, "note");
    replica.documents().for_each(|one| projection.take(one));
    assert!(projection.parts.is_empty());
    assert!(Projection::of([]).is_none());
}
