//! A revision is a change set: what one edit did, by whom, on which device, when, on top of what,
//! and whether it is sealed. The designs' revisions and mutations (T15-T22, O7-O10, O20-O26) and the
//! stamps of a record (O34-O36) read from it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    changeset::EngineKind,
    document::{Draft, Event, State},
    hlc::Hlc,
    id::{EntityId, OriginId, ViewId},
    judge::Grounds,
    log,
    patch::{Cause, Patch, Step},
    record::{Life, RecordOp},
    replica::Asked,
    value::Value,
};
use common::*;
use std::collections::BTreeMap;

fn origin(session: &Session, station: usize) -> OriginId {
    OriginId(session.lab.stations[station].key.verifying_key().to_bytes())
}

#[test]
fn t15_t16_t17_t18_t19_t20_t21_an_edit_is_one_change_set_with_id_kind_object_origin_number_payload_and_time()
 {
    let mut session = Session::new(1, 1);
    let page = session.entity("page");
    for title in ["one", "two", "three"] {
        session.title(0, page, title);
    }
    let flushed = session.flush(0);
    assert_eq!(flushed.len(), 3, "one change set for each edit");
    for (signed, seq) in flushed.iter().zip(1..) {
        let header = signed.change.header();
        assert_eq!(
            signed.change.id(),
            header.id(),
            "T15: the id is the header's hash"
        );
        let schemas = session.lab.stations[0].replica.schemas();
        assert_eq!(schemas.by_id(&header.schema).unwrap().kind(), "page", "T16");
        assert!(
            header.entity.of_kind("page") && !header.entity.of_kind("task"),
            "T16"
        );
        assert_eq!(
            (header.entity, header.part.as_str()),
            (page, "record"),
            "T17"
        );
        assert_eq!(header.chain.origin, origin(&session, 0), "T18");
        assert_eq!(header.seq, seq, "T19: dense from 1");
        let payload = signed.change.payload().bytes().unwrap();
        assert_eq!(header.payload_len as usize, payload.len(), "T20");
        assert_eq!(header.engine, EngineKind::Automerge, "T20");
        assert!(
            header.hlc.millis().abs_diff(NOW) < 1_000,
            "T21: milliseconds since 1970"
        );
    }
    let ids: std::collections::BTreeSet<_> =
        flushed.iter().map(|signed| signed.change.id()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn t22_an_edit_is_open_until_a_flush_seals_it() {
    let mut session = Session::new(2, 1);
    let page = session.entity("page");
    session.title(0, page, "one");
    let replica = &session.lab.stations[0].replica;
    assert_eq!(replica.open_len(), 1);
    assert!(
        replica.signed().is_empty(),
        "what is not sealed is not handed out"
    );
    let kept = replica.document(&page, "record").unwrap().effective()[0].clone();
    assert!(kept.proof.is_none());
    let flushed = session.flush(0);
    let replica = &session.lab.stations[0].replica;
    assert_eq!((replica.open_len(), replica.signed().len()), (0, 1));
    let kept = replica.document(&page, "record").unwrap().effective()[0].clone();
    assert_eq!(kept.proof.as_ref(), Some(&flushed[0].proof));
    assert!(session.flush(0).is_empty(), "nothing is sealed twice");
}

#[test]
fn t14_what_comes_from_elsewhere_is_kept_with_its_origin_beside_own_work() {
    let mut session = Session::new(3, 2);
    let page = session.entity("page");
    session.title(0, page, "mine");
    session.settle();
    let kept = session.lab.stations[1].replica.signed();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].change.header().chain.origin, origin(&session, 0));
}

#[test]
fn o7_a_change_set_holds_the_operation_and_not_the_state() {
    let mut session = Session::new(4, 2);
    let task = session.entity("task");
    let notes = "a long note, ".repeat(200);
    session.record(
        0,
        "task",
        task,
        &[splice("notes", 0, 0, &notes), put("title", "task")],
    );
    session.settle();
    session.record(0, "task", task, &[put("status", "doing")]);
    let one = session.flush(0).remove(0);
    let payload = one.change.payload().bytes().unwrap();
    assert!(payload.len() < 200, "{} bytes for one field", payload.len());
    // Another field, written elsewhere in ignorance of it, is not set back by it.
    session.record(1, "task", task, &[put("priority", "high")]);
    let view = session.settled(task);
    assert_eq!(view.get(&["status"]), Some(&"doing".into()));
    assert_eq!(view.get(&["priority"]), Some(&"high".into()));
}

#[test]
fn o8_what_was_asked_is_kept_with_the_value_before_and_the_value_after() {
    let mut session = Session::new(5, 1);
    let task = session.entity("task");
    session.record(0, "task", task, &[put("status", "open")]);
    let before = {
        let document = session.lab.stations[0]
            .replica
            .document(&task, "record")
            .unwrap();
        document.graph().present().clone()
    };
    session.record(0, "task", task, &[put("status", "doing")]);
    let replica = &session.lab.stations[0].replica;
    let document = replica.document(&task, "record").unwrap();
    let newest = document.effective().last().unwrap().change.id();
    let intent = replica
        .intents()
        .find(|intent| intent.id == newest)
        .unwrap();
    assert_eq!(
        intent.asked,
        Asked::Record(vec![put("status", "doing")]),
        "to"
    );
    let keys = BTreeMap::new();
    let grounds = Grounds {
        workspace: replica.workspace(),
        standing: replica.standing(),
        schemas: replica.schemas(),
        keys: &keys,
    };
    let then = document.at(&before, &grounds).unwrap();
    assert_eq!(view(&then).get(&["status"]), Some(&"open".into()), "from");
}

#[test]
fn o9_every_operation_names_its_user_its_device_and_its_time() {
    let mut session = Session::new(6, 2);
    let user = session.lab.stations[0].user;
    // A second device of the first user.
    let phone = session
        .lab
        .admit_for(user, anabranch_core::control::Role::Member);
    let task = session.entity("task");
    for (station, field) in [(0, "title"), (1, "position"), (phone, "assignee")] {
        session.record(station, "task", task, &[put(field, "x")]);
    }
    let view = session.settled(task);
    for (station, field) in [(0, "title"), (1, "position"), (phone, "assignee")] {
        let written = view.written[&path(field)];
        assert_eq!(
            written.author, session.lab.stations[station].user,
            "{field}"
        );
        assert_eq!(written.origin, origin(&session, station), "{field}");
        assert!(written.hlc.millis() >= NOW, "{field}");
    }
    assert_eq!(
        view.written[&path("title")].author,
        view.written[&path("assignee")].author
    );
    assert_ne!(
        view.written[&path("title")].origin,
        view.written[&path("assignee")].origin
    );
}

#[test]
fn o10_undo_and_redo_are_new_change_sets_that_leave_others_work_alone() {
    let mut session = Session::new(7, 2);
    let task = session.entity("task");
    session.ops_at(0, NOW, "task", task, &[put("status", "open")]);
    session.ops_at(
        0,
        NOW + 2_000,
        "task",
        task,
        &[put("status", "doing"), add("labels", "mine")],
    );
    session.settle();
    session.ops_at(
        1,
        NOW + 3_000,
        "task",
        task,
        &[put("priority", "high"), add("labels", "theirs")],
    );
    session.settle();
    let edited = session
        .write_at(0, NOW + 4_000, "task", task, "record", &Draft::Undo)
        .unwrap();
    assert!(matches!(&edited.event, Some(Event::Patched(set)) if set.cause == Cause::Undo));
    let view = session.settled(task);
    assert_eq!(view.get(&["status"]), Some(&"open".into()));
    assert_eq!(view.get(&["priority"]), Some(&"high".into()));
    assert_eq!(
        view.get(&["labels"]),
        Some(&Value::List(vec!["theirs".into()]))
    );
    session
        .write_at(0, NOW + 5_000, "task", task, "record", &Draft::Redo)
        .unwrap();
    let view = session.settled(task);
    assert_eq!(view.get(&["status"]), Some(&"doing".into()));
    assert_eq!(
        view.get(&["labels"]),
        Some(&Value::List(vec!["mine".into(), "theirs".into()]))
    );
    assert_eq!(view.version, 5, "nothing was taken out of the history");
    assert!(
        session
            .write_at(0, NOW + 9_000, "task", task, "record", &Draft::Redo)
            .is_err()
    );
}

#[test]
fn o10_undo_in_a_body_takes_back_own_typing_alone() {
    let mut session = Session::of(
        8,
        2,
        vec![anabranch_core::schema::catalogue::schema("markdown").unwrap()],
    );
    let text = session.entity("markdown");
    let write = |session: &mut Session, station, now, draft: &Draft<'_>| {
        session
            .write_at(station, now, "markdown", text, "body", draft)
            .unwrap()
    };
    write(&mut session, 0, NOW, &Draft::Body(&[type_at(0, 0, "one ")]));
    session.settle();
    write(
        &mut session,
        1,
        NOW + 2_000,
        &Draft::Body(&[type_at(4, 0, "two")]),
    );
    session.settle();
    write(&mut session, 0, NOW + 4_000, &Draft::Undo);
    session.settle();
    for station in &session.lab.stations {
        let document = station.replica.document(&text, "body").unwrap();
        assert_eq!(body(document).plain_text(), "two");
    }
    write(&mut session, 0, NOW + 6_000, &Draft::Redo);
    session.settle();
    for station in &session.lab.stations {
        let document = station.replica.document(&text, "body").unwrap();
        assert_eq!(body(document).plain_text(), "one two");
    }
}

#[test]
fn o20_o21_o22_o24_o25_o26_a_mutation_names_its_client_object_record_data_time_and_the_version_it_stands_on()
 {
    let mut session = Session::new(9, 2);
    let page = session.entity("page");
    session.title(0, page, "first");
    let first = session.flush(0).remove(0);
    session.lab.stations[1].receive(NOW, vec![first.clone()]);
    session.title(1, page, "second");
    let second = session.flush(1).remove(0);
    let header = second.change.header();
    assert_eq!(header.chain.origin, origin(&session, 1), "O20");
    assert!(header.entity.of_kind("page"), "O21");
    assert_eq!(header.document(), first.change.header().document(), "O22");
    assert_eq!(
        header.route,
        [],
        "O24: title is no route field, so its value stands in the payload alone"
    );
    assert!(header.hlc > first.change.header().hlc, "O25");
    // O26: the version that an optimistic lock compares is the exact set of change sets seen.
    let dep = header
        .deps
        .iter()
        .map(|dep| (dep.seq, dep.id))
        .collect::<Vec<_>>();
    assert_eq!(dep, [(1, first.change.id())]);
    // Written without having seen it, it stands on nothing: that is how a conflict is known.
    let mut other = Session::new(9, 2);
    let page = other.entity("page");
    other.title(0, page, "first");
    other.title(1, page, "second");
    assert!(other.flush(1)[0].change.header().deps.is_empty());
    let view = other.settled(page);
    assert_eq!(view.conflicts.len(), 1);
}

#[test]
fn o23_o24_insert_update_and_delete_are_told_with_their_data() {
    let mut session = Session::new(10, 2);
    let task = session.entity("task");
    let told = |session: &mut Session, op: RecordOp| -> Vec<Patch> {
        session.record(0, "task", task, &[op]);
        let sealed = session.flush(0);
        let (intake, _) = session.lab.stations[1].receive(NOW, sealed);
        let sets = intake
            .events
            .into_iter()
            .filter_map(|(_, event)| match event {
                Event::Patched(set) => Some(set),
                Event::Rebuilt { .. } | Event::Stuck { .. } => None,
            });
        sets.flat_map(|set| set.patches).collect()
    };
    let title = |value: &str| Patch::Put {
        path: vec![Step::Key("title".to_owned())],
        value: value.into(),
    };
    assert_eq!(told(&mut session, put("title", "new")), [title("new")]);
    assert_eq!(
        told(&mut session, put("title", "changed")),
        [title("changed")]
    );
    let deleted = told(&mut session, RecordOp::DeleteEntity);
    assert_eq!(deleted.len(), 1);
    assert_eq!(session.settled(task).life, Life::Deleted);
    assert!(told(&mut session, RecordOp::RestoreEntity).len() == 1);
    assert_eq!(session.settled(task).life, Life::Alive);
}

#[test]
fn o34_o35_o36_a_record_shows_its_version_its_last_change_and_who_made_it() {
    let mut session = Session::new(11, 3);
    let task = session.entity("task");
    session.ops_at(0, NOW, "task", task, &[put("title", "a")]);
    session.ops_at(2, NOW + 50, "task", task, &[put("position", "c")]);
    session.ops_at(1, NOW + 10, "task", task, &[put("status", "done")]);
    let view = session.settled(task);
    assert_eq!(view.version, 3);
    assert_eq!(view.last_modified.unwrap().hlc, Hlc::new(NOW + 50, 0));
    assert_eq!(view.last_modified_by(), Some(session.lab.stations[2].user));
}

#[test]
fn o76_a_change_set_that_was_seen_is_a_duplicate_for_ever() {
    let counter = "kind = \"tally\"\nversion = 1\n[record.fields]\nvotes = \"counter\"\n[log.said]\n\
                   [log.said.entry]\ntext = \"text\"\n";
    let mut session = Session::of(12, 2, vec![schema(counter)]);
    let tally = session.entity("tally");
    session.record(0, "tally", tally, &[increment("votes", 1)]);
    let said = entry("text", "once");
    session
        .write_at(0, NOW, "tally", tally, "log.said", &Draft::Entry(&said))
        .unwrap();
    let all = session.all();
    session.settle();
    let before = session.lab.stations[1].replica.digest();
    let revision = |session: &Session, part: &str| {
        session.lab.stations[1]
            .replica
            .document(&tally, part)
            .unwrap()
            .revision()
    };
    let revisions = (revision(&session, "record"), revision(&session, "log.said"));
    // Again at once, in one batch twice, a year later, and from the author itself.
    let year = 365 * 86_400_000;
    for (now, times) in [(NOW, 1), (NOW, 2), (NOW + 90_000_000, 1), (NOW + year, 3)] {
        let batch: Vec<_> = (0..times).flat_map(|_| all.iter().cloned()).collect();
        let (intake, refused) = session.lab.stations[1].receive(now, batch);
        assert_eq!(refused, 0);
        assert!(
            states(&intake)
                .iter()
                .all(|state| *state == State::Effective)
        );
        assert!(intake.events.is_empty(), "nothing happens");
        session.lab.stations[0].receive(now, all.clone());
    }
    assert_eq!(
        (revision(&session, "record"), revision(&session, "log.said")),
        revisions
    );
    assert_eq!(session.lab.stations[1].replica.digest(), before);
    for station in 0..2 {
        assert_eq!(
            session.view(station, tally).get(&["votes"]),
            Some(&Value::Int(1))
        );
        let log = session.lab.stations[station]
            .replica
            .document(&tally, "log.said")
            .unwrap();
        assert_eq!(entries(log), std::slice::from_ref(&said));
    }
}

#[test]
fn a_log_entry_is_its_change_set() {
    let mut session = Session::new(13, 2);
    let page: EntityId = session.entity("page");
    let said = entry("text", "hello");
    let replica = &mut session.lab.stations[0].replica;
    replica
        .write(
            NOW,
            "page",
            page,
            "log.comments",
            ViewId(0),
            &Draft::Entry(&said),
        )
        .unwrap();
    let one = session.flush(0).remove(0);
    assert_eq!(
        log::decode(one.change.payload().bytes().unwrap()).unwrap(),
        said
    );
    assert_eq!(one.change.header().engine, EngineKind::Log);
}
