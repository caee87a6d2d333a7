//! Own work that a control record took away comes back or is made again: once, by its author, under a
//! new epoch, and only with the record in hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    control::{ControlBody, RefuseReason},
    document::{Draft, State},
    id::{EntityId, Epoch},
    replica::{Why, WriteError},
    schema::catalogue,
    value::Value,
};
use common::*;

const TALLY: &str =
    "kind = \"tally\"\nversion = 1\n[record.fields]\nvotes = \"counter\"\nname = \"lww text\"\n";

fn votes(session: &Session, station: usize, tally: EntityId) -> Value {
    session
        .view(station, tally)
        .get(&["votes"])
        .cloned()
        .unwrap()
}

/// Trap 14: the outbox holds a counter step; the store is copied; one copy sends it, the other finds that
/// it is a copy. The step counts once, however often its bytes come, and each copy's own later work once.
#[test]
fn trap_14_an_outbox_that_was_copied_counts_once() {
    for seed in 0..4 {
        let mut session = Session::of(seed, 2, vec![schema(TALLY)]);
        let tally = session.entity("tally");
        session.record(0, "tally", tally, &[increment("votes", 1)]);
        // The copy has the same unsent row; both send it, the copy twice.
        let copy = session.clone_station(0);
        let row = session.all();
        for _ in 0..2 {
            session.settle_with(&row);
        }
        for station in 0..3 {
            assert_eq!(votes(&session, station, tally), Value::Int(1));
        }
        // Both go on in ignorance of each other: a fork.
        session.record(0, "tally", tally, &[increment("votes", 10)]);
        session.record(copy, "tally", tally, &[increment("votes", 100)]);
        let (first, second) = (session.flush(0), session.flush(copy));
        session.settle();
        for station in [0, copy] {
            assert!(
                session.lab.stations[station]
                    .replica
                    .rebase(NOW)
                    .unwrap()
                    .again
                    .is_empty(),
                "no record"
            );
        }
        let (slot, winner) = (slot_of(&first[0]), first[0].change.id());
        session.lab.record(ControlBody::Fork { slot, winner });
        for station in [0, copy] {
            let again = session.lab.stations[station]
                .replica
                .rebase(NOW)
                .unwrap()
                .again;
            assert_eq!(again.len(), usize::from(station == copy));
            // A crash in the middle and a second start do nothing twice.
            assert!(
                session.lab.stations[station]
                    .replica
                    .rebase(NOW)
                    .unwrap()
                    .again
                    .is_empty()
            );
        }
        session.settle();
        for station in 0..3 {
            assert_eq!(votes(&session, station, tally), Value::Int(111));
        }
        let made = session
            .all()
            .into_iter()
            .find(|s| s.change.header().replaces.is_some())
            .unwrap();
        assert_eq!(made.change.header().replaces, Some(second[0].change.id()));
        assert_eq!(made.change.header().chain.epoch, Epoch(1));
    }
}

/// Found by the storm: what did not count at the moment of a flush was forgotten by it, so that when it
/// counted again it did so on its author's replica alone, and was never sent.
#[test]
fn what_lost_its_ground_before_a_flush_is_sealed_by_a_later_one_when_it_counts_again() {
    let mut met = 0;
    for seed in 0..12 {
        let mut session = Session::of(seed, 2, vec![schema(TALLY)]);
        let tally = session.entity("tally");
        session.record(0, "tally", tally, &[put("name", "one")]);
        session.settle();
        let copy = session.clone_station(0);
        session.record(0, "tally", tally, &[put("name", "x")]);
        session.record(copy, "tally", tally, &[put("name", "other x")]);
        let (x, other) = (session.flush(0), session.flush(copy));
        // Not sealed yet when the copy's half arrives.
        session.record(0, "tally", tally, &[increment("votes", 7)]);
        session.lab.stations[0].receive(NOW, other.clone());
        if other[0].change.id() > x[0].change.id() {
            continue;
        }
        met += 1;
        assert!(
            session.flush(0).is_empty(),
            "it stands on the half that does not count"
        );
        assert_eq!(session.lab.stations[0].replica.open_len(), 1);
        let (slot, winner) = (slot_of(&x[0]), x[0].change.id());
        session.lab.record(ControlBody::Fork { slot, winner });
        assert_eq!(
            votes(&session, 0, tally),
            Value::Int(7),
            "the ruling says that it counts"
        );
        assert_eq!(session.flush(0).len(), 1);
        session.settle();
        for station in 0..3 {
            assert_eq!(votes(&session, station, tally), Value::Int(7));
        }
        assert_eq!(session.lab.stations[0].replica.open_len(), 0);
    }
    assert!(met > 2, "{met}");
}

#[test]
fn what_was_refused_comes_back_with_its_reason_and_the_rest_of_the_work_survives() {
    let mut session = Session::of(2, 2, vec![schema(TALLY)]);
    let tally = session.entity("tally");
    session.record(0, "tally", tally, &[put("name", "refused")]);
    let x = session.flush(0).remove(0);
    session.record(0, "tally", tally, &[increment("votes", 3)]);
    session.settle();
    let (slot, id) = (slot_of(&x), x.change.id());
    let reason = RefuseReason::Policy("names are for owners".to_owned());
    let record = session.lab.record(ControlBody::Refuse { slot, id, reason });
    assert_eq!(
        votes(&session, 1, tally),
        Value::Int(0),
        "it stood on what was refused"
    );
    let rebased = session.lab.stations[0].replica.rebase(NOW).unwrap();
    assert_eq!(
        (
            rebased.again.len(),
            rebased.returned.len(),
            rebased.failed.len()
        ),
        (1, 1, 0)
    );
    assert_eq!(rebased.returned[0].id, id);
    match &rebased.returned[0].why {
        Why::Record(excluded) => assert_eq!(excluded.record(), record.record.id()),
        Why::Rule(rule) => panic!("{rule}"),
    }
    let view = session.settled(tally);
    assert_eq!(view.get(&["votes"]), Some(&Value::Int(3)));
    assert_eq!(view.get(&["name"]), None);
}

#[test]
fn typing_that_stood_on_refused_typing_is_made_again_in_its_place_beside_others_work() {
    let mut session = Session::of(3, 2, vec![catalogue::schema("markdown").unwrap()]);
    let page = session.entity("markdown");
    let write = |session: &mut Session, station: usize, at: u32, text: &str| {
        let ops = [type_at(at, 0, text)];
        session
            .write_at(station, NOW, "markdown", page, "body", &Draft::Body(&ops))
            .unwrap();
    };
    write(&mut session, 1, 0, "the river");
    session.settle();
    write(&mut session, 0, 4, "SPAM ");
    let x = session.flush(0).remove(0);
    write(&mut session, 0, 14, " bends");
    session.settle();
    write(&mut session, 1, 0, "Here ");
    session.settle();
    let (slot, id) = (slot_of(&x), x.change.id());
    session.lab.record(ControlBody::Refuse {
        slot,
        id,
        reason: RefuseReason::Quota,
    });
    let plain = |session: &Session, station: usize| {
        body(
            session.lab.stations[station]
                .replica
                .document(&page, "body")
                .unwrap(),
        )
        .plain_text()
    };
    assert_eq!(plain(&session, 0), "the river");
    for station in 0..2 {
        let rebased = session.lab.stations[station].replica.rebase(NOW).unwrap();
        assert_eq!(
            (rebased.again.len(), rebased.failed.len()),
            (1, 0),
            "station {station}"
        );
    }
    session.settle();
    assert_eq!(plain(&session, 0), "Here the river bends");
    assert_eq!(plain(&session, 1), plain(&session, 0));
}

#[test]
fn a_log_entry_stands_alone_so_a_refusal_takes_no_other_along() {
    let mut session = Session::new(4, 2);
    let page = session.entity("page");
    for text in ["one", "two", "three"] {
        let one = entry("text", text);
        session
            .write_at(0, NOW, "page", page, "log.comments", &Draft::Entry(&one))
            .unwrap();
    }
    let sealed = session.flush(0);
    session.settle();
    let (slot, id) = (slot_of(&sealed[2]), sealed[2].change.id());
    session.lab.record(ControlBody::Refuse {
        slot,
        id,
        reason: RefuseReason::Quota,
    });
    for station in &session.lab.stations {
        let log = station.replica.document(&page, "log.comments").unwrap();
        assert_eq!(entries(log), [entry("text", "one"), entry("text", "two")]);
        assert!(matches!(log.state_of(&id), Some(State::Excluded(_))));
    }
    let rebased = session.lab.stations[0].replica.rebase(NOW).unwrap();
    assert_eq!((rebased.again.len(), rebased.returned.len()), (0, 1));
}

#[test]
fn a_device_that_was_revoked_gets_its_excluded_work_back_and_writes_nothing_more() {
    let mut session = Session::of(5, 2, vec![schema(TALLY)]);
    let tally = session.entity("tally");
    session.record(1, "tally", tally, &[increment("votes", 5)]);
    session.settle();
    let origin = session.all()[0].change.header().chain.origin;
    session.lab.record(ControlBody::Revoke {
        origin,
        cut: Vec::new(),
    });
    let rebased = session.lab.stations[1].replica.rebase(NOW).unwrap();
    assert_eq!((rebased.again.len(), rebased.returned.len()), (0, 1));
    let more = [increment("votes", 1)];
    assert!(
        session
            .write_at(1, NOW, "tally", tally, "record", &Draft::Record(&more))
            .is_err()
    );
    assert_eq!(votes(&session, 0, tally), Value::Int(0));
    assert_eq!(
        session.lab.stations[0].replica.digest(),
        session.lab.stations[1].replica.digest()
    );
}

/// What an undo took back shows again when what both stood on is refused, and that is said: the step that
/// was last then is another one now.
#[test]
fn an_undo_on_refused_work_is_not_repeated_and_comes_back_as_such() {
    let mut session = Session::new(9, 1);
    let page = session.entity("page");
    session.title(0, page, "refused");
    let x = session.flush(0).remove(0);
    let tags = [add("tags", "kept")];
    session.ops_at(0, NOW + 10_000, "page", page, &tags);
    session
        .write_at(0, NOW + 20_000, "page", page, "record", &Draft::Undo)
        .unwrap();
    let (slot, id) = (slot_of(&x), x.change.id());
    session.settle();
    session.lab.record(ControlBody::Refuse {
        slot,
        id,
        reason: RefuseReason::Quota,
    });
    let rebased = session.lab.stations[0]
        .replica
        .rebase(NOW + 30_000)
        .unwrap();
    assert_eq!((rebased.returned.len(), rebased.again.len()), (1, 1));
    assert!(matches!(
        rebased.failed[..],
        [(_, WriteError::StepNotRepeated)]
    ));
    let document = session.lab.stations[0].replica.document(&page, "record");
    assert_eq!(common::tags(document.unwrap()), ["kept"]);
}
