//! An engine that stops at a change set in spite of its gate.

use super::*;
use crate::{
    accident::Accident,
    body::{BlockPath, BodyOp},
    changeset::Verified,
    control::Role,
    document::{Draft, EngineDoc, Event, State},
    id::ViewId,
    judge::Hold,
    record::{RecordOp, unnumbered},
    sim::Lab,
    value::Value,
};

const NOW: u64 = 1_750_000_000_000;

const TASK: &str = r#"
    kind = "task"
    version = 1
    [record.fields]
    title = "lww text"
    note = "lww text"
    [body]
    layout = "text"
"#;

fn write(replica: &mut Replica, entity: EntityId, part: &str, word: &str) -> ChangeSetId {
    let put = [RecordOp::Put {
        field: vec!["note".into()],
        value: Value::Text(word.into()),
    }];
    let splice = [BodyOp::Splice {
        text: BlockPath::default(),
        at: 0,
        delete: 0,
        insert: word.into(),
        marks: None,
    }];
    let draft = match part {
        "record" => Draft::Record(&put),
        _ => Draft::Body(&splice),
    };
    let written = replica.write(NOW, "task", entity, part, ViewId(0), &draft);
    written.unwrap().1.id
}

fn shown(replica: &Replica, entity: EntityId, part: &str) -> String {
    match replica.document(&entity, part).unwrap().engine() {
        EngineDoc::Record(record) => format!("{:?}", record.project(&unnumbered).fields),
        EngineDoc::Body(body) => format!("{:?}", body.content()),
        EngineDoc::Log(_) => String::new(),
    }
}

fn states(replica: &Replica, entity: EntityId, part: &str, ids: &[ChangeSetId]) -> Vec<State> {
    let document = replica.document(&entity, part).unwrap();
    ids.iter()
        .map(|id| document.state_of(id).unwrap())
        .collect()
}

/// One device writes `one`, `two` and `three`, another `beside`; a third takes them in, and its
/// engine stops at `two`.
fn stopped_at_the_second(part: &str) {
    let mut lab = Lab::new(1, vec![Schema::parse(TASK).unwrap()]);
    let [writer, other, third] = [0; 3].map(|_| lab.admit(Role::Member));
    let entity = lab.entity(lab.stations[writer].user, "task");
    let words = ["one", "two", "three"];
    let line = words.map(|word| write(&mut lab.stations[writer].replica, entity, part, word));
    let beside = write(&mut lab.stations[other].replica, entity, part, "beside");
    let [one, two, three] = line;
    let all: Vec<Verified> = [writer, other]
        .into_iter()
        .flat_map(|at| lab.stations[at].flush_verified().unwrap())
        .collect();
    let payload_of_two = all[1].change().payload().bytes().unwrap().to_vec();
    let accident = Accident::at(&payload_of_two);

    // It is set aside, what depends on it waits, and everything else counts.
    let replica = &mut lab.stations[third].replica;
    let intake = replica.receive(NOW, all.clone());
    let stuck: Vec<ChangeSetId> = intake
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Stuck { id } => Some(*id),
            Event::Patched(_) | Event::Rebuilt { .. } => None,
        })
        .collect();
    assert_eq!(stuck, [two], "it is reported once");
    let wanted = [
        State::Effective,
        State::Stuck,
        State::Held(Hold::HeldDependency(two)),
        State::Effective,
    ];
    let ids = [one, two, three, beside];
    assert_eq!(states(replica, entity, part, &ids), wanted);
    let arrived: BTreeMap<_, _> = intake
        .arrivals
        .iter()
        .map(|arrival| (arrival.id, arrival.state.clone()))
        .collect();
    assert_eq!(ids.map(|id| arrived[&id].clone()), wanted, "and so it says");

    // The same again changes nothing.
    let before = replica.digest();
    let again = replica.receive(NOW, all.clone());
    assert!(again.events.is_empty(), "{:?}", again.events);
    assert_eq!(replica.digest(), before);

    // The document shows what counts, and can be written, sealed and sent: a replica whose engine
    // never met the accident takes it in.
    write(replica, entity, part, "onward");
    let seen = shown(replica, entity, part);
    assert!(seen.contains("onward"), "{seen}");
    assert!(!seen.contains("two") && !seen.contains("three"), "{seen}");
    let onward = lab.stations[third].flush_verified().unwrap();
    lab.stations[other]
        .replica
        .receive(NOW, vec![all[0].clone()]);
    lab.stations[other].replica.receive(NOW, onward.clone());
    let digests = [third, other].map(|at| lab.stations[at].replica.digest());
    assert_eq!(digests[0], digests[1], "the others' document without it");

    // A restart of the same build stops there again; one that does not takes in what waited.
    let stored = lab.stations[third].replica.bundle().unwrap();
    let restarted = Replica::from_bundle(NOW, &stored).unwrap().replica;
    assert_eq!(states(&restarted, entity, part, &ids), wanted);
    drop(accident);
    let newer = Replica::from_bundle(NOW, &stored).unwrap().replica;
    assert!(
        states(&newer, entity, part, &ids)
            .iter()
            .all(|state| *state == State::Effective)
    );
    lab.stations[other].replica.receive(NOW, all);
    assert_eq!(newer.digest(), lab.stations[other].replica.digest());
}

#[test]
fn a_record_lives_on_without_the_change_at_which_its_engine_stopped_until_a_newer_build_takes_it() {
    stopped_at_the_second("record");
}

#[test]
fn a_body_lives_on_without_the_update_at_which_its_engine_stopped_until_a_newer_build_takes_it() {
    stopped_at_the_second("body");
}
