//! A workspace's schemas while it lives: old documents through newer schemas (T26), schemas that have
//! not arrived, versions that would change what a field means.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    control::{ControlBody, Role},
    document::State,
    judge::{Hold, Rule},
    record::RecordOp,
    schema::{Schema, SchemaLogError, SchemaRule},
    value::Value,
};
use common::*;

const V1: &str = r#"
kind = "mail"
version = 1
[record.fields]
subject = "once text"
name = "lww text"
state = "lww text"
"#;

/// `name` is renamed, and there is a new set.
const V2: &str = r#"
kind = "mail"
version = 2
[record.fields]
subject = "once text"
title = { rule = "lww", type = "text", since = 2 }
state = "lww text"
tags = { rule = "set", type = "text", since = 2 }
[lens.rename]
name = "title"
"#;

/// Tells everybody that a schema is in force, and gives it to nobody.
fn announce(session: &mut Session, schema: &Schema) {
    let (schema, kind, version) = (schema.id(), schema.kind().to_owned(), schema.version());
    session.lab.record(ControlBody::ActivateSchema {
        schema,
        kind,
        version,
    });
}

/// A mail born under version 1, which everybody has.
fn born() -> (Session, anabranch_core::id::EntityId) {
    let mut session = Session::of(1, 3, vec![schema(V1)]);
    let mail = session.entity("mail");
    session.ops_at(
        0,
        NOW,
        "mail",
        mail,
        &[put("name", "old"), put("subject", "first")],
    );
    session.settle();
    (session, mail)
}

#[test]
fn t26_both_tags_stay_that_two_devices_add_offline_to_a_container_of_a_new_version() {
    let (mut session, mail) = born();
    session.lab.activate(schema(V2));
    session.ops_at(0, NOW + 1, "mail", mail, &[add("tags", "p")]);
    session.ops_at(1, NOW + 1, "mail", mail, &[add("tags", "q")]);
    let view = session.settled(mail);
    assert_eq!(
        view.get(&["tags"]),
        Some(&Value::List(vec!["p".into(), "q".into()]))
    );
    assert_eq!(
        view.get(&["title"]),
        Some(&"old".into()),
        "the old field is read under its new name"
    );
    let all = session.all();
    one_state(&session.lab, &all.iter().collect::<Vec<_>>());
}

#[test]
fn t26_an_old_client_and_a_new_one_write_one_field_and_everybody_picks_the_same() {
    for (old_at, new_at, wins) in [(20, 10, "old client"), (10, 20, "new client")] {
        let (mut session, mail) = born();
        // Device 2 has not heard of version 2 yet.
        let v2 = schema(V2);
        let record = {
            let (schema, kind, version) = (v2.id(), v2.kind().to_owned(), v2.version());
            session.lab.sign(ControlBody::ActivateSchema {
                schema,
                kind,
                version,
            })
        };
        for station in [0, 1] {
            session.lab.stations[station]
                .control(record.clone())
                .unwrap();
            session.lab.stations[station].replica.schema(v2.clone());
        }
        session.ops_at(2, NOW + old_at, "mail", mail, &[put("name", "old client")]);
        session.ops_at(0, NOW + new_at, "mail", mail, &[put("title", "new client")]);
        session.settle();
        assert_eq!(
            session.view(2, mail).get(&["name"]),
            Some(&"old client".into()),
            "it waits for version 2"
        );
        session.lab.stations[2].control(record).unwrap();
        session.lab.stations[2].replica.schema(v2.clone());
        let view = session.settled(mail);
        assert_eq!(view.get(&["title"]), Some(&wins.into()));
        assert_eq!(view.get(&["name"]), None);
        assert_eq!(view.conflicts.len(), 1);
    }
}

#[test]
fn a_change_set_under_a_schema_that_has_not_arrived_is_held_and_takes_effect_when_it_does() {
    let (mut session, mail) = born();
    let late = session.lab.replica_at(session.known());
    let v2 = schema(V2);
    session.lab.activate(v2.clone());
    session.ops_at(0, NOW + 1, "mail", mail, &[add("tags", "p")]);
    let all = session.all();
    let record = session.lab.control().line().last().unwrap().clone();

    let mut late = late;
    let intake = late.receive(NOW, all.iter().map(verified).collect());
    let held = states(&intake)
        .into_iter()
        .filter(|state| matches!(state, State::Held(_)))
        .count();
    assert_eq!(
        held,
        1,
        "the control record is not here: {:?}",
        states(&intake)
    );
    let (_, intake) = late.control_record(record).unwrap();
    assert!(
        matches!(
            states(&intake)[..],
            [State::Held(Hold::Schema { version: 2, .. })]
        ),
        "active, but not here: {:?}",
        states(&intake)
    );
    let intake = late.schema(v2);
    assert_eq!(states(&intake), [State::Effective]);
    session.settle();
    assert_eq!(late.digest(), session.lab.stations[0].replica.digest());
}

#[test]
fn a_whole_document_of_an_unknown_kind_waits_outside_until_its_schema_comes() {
    let (mut session, mail) = born();
    let all = session.all();
    let mut replica = anabranch_core::replica::Replica::new(
        session.lab.workspace,
        session.lab.control().line().next().unwrap().record.signer,
    );
    for record in session.lab.control().line() {
        replica.control_record(record.clone()).unwrap();
    }
    let intake = replica.receive(NOW, all.iter().map(verified).collect());
    assert!(matches!(
        states(&intake)[..],
        [State::Held(Hold::Schema { .. })]
    ));
    assert!(replica.document(&mail, "record").is_none());
    replica.schema(schema(V1));
    assert_eq!(replica.digest(), session.lab.stations[0].replica.digest());
}

#[test]
fn a_version_that_turns_once_into_lww_changes_nothing_anywhere() {
    let (mut session, mail) = born();
    let crooked = schema(
        &V1.replace("version = 1", "version = 2")
            .replace("\"once text\"", "\"lww text\""),
    );
    // A member ships it; and even if the orderer is talked into activating it, it is not in force.
    for station in &mut session.lab.stations {
        assert!(station.replica.schema(crooked.clone()).events.is_empty());
    }
    announce(&mut session, &crooked);
    let before = session.lab.stations[1].replica.digest();
    for station in &mut session.lab.stations {
        let intake = station.replica.schema(crooked.clone());
        assert!(intake.events.is_empty());
        assert_eq!(
            station.replica.schemas().newest("mail").unwrap().version(),
            1
        );
    }
    let again = [put("subject", "rewritten")];
    let refused = session.write_at(
        1,
        NOW + 9,
        "mail",
        mail,
        "record",
        &anabranch_core::document::Draft::Record(&again),
    );
    assert!(refused.is_err(), "its author had seen it set");
    // Written under it all the same, by hand, it is held for ever and shows nowhere.
    session.ops_at(1, NOW + 9, "mail", mail, &[put("state", "read")]);
    let honest = session.flush(1).remove(0);
    let forged = bent(&session.lab.stations[1].key, &honest, |header| {
        header.schema = crooked.id();
        header.schema_version = 2;
    });
    let (intake, _) = session.lab.stations[0].receive(NOW, vec![forged]);
    assert!(matches!(
        states(&intake)[..],
        [State::Held(Hold::Schema { .. })]
    ));
    assert_eq!(session.lab.stations[0].replica.digest(), before);
    let mut log = anabranch_core::schema::SchemaLog::new();
    log.add(schema(V1)).unwrap();
    assert!(matches!(
        log.add(crooked),
        Err(SchemaLogError::Incompatible { .. })
    ));
}

#[test]
fn nobody_goes_back_to_an_older_version_than_what_they_build_on() {
    let (mut session, mail) = born();
    let v1 = schema(V1);
    session.lab.activate(schema(V2));
    session.ops_at(0, NOW + 1, "mail", mail, &[put("title", "new")]);
    session.settle();
    session.ops_at(1, NOW + 2, "mail", mail, &[put("state", "read")]);
    let honest = session.flush(1).remove(0);
    let forged = bent(&session.lab.stations[1].key, &honest, |header| {
        header.schema = v1.id();
        header.schema_version = 1;
    });
    let all = session.all();
    let mut order: Vec<_> = all
        .iter()
        .filter(|s| s.change.id() != honest.change.id())
        .collect();
    order.push(&forged);
    let state = state_after(&session.lab, &order, &forged);
    assert!(
        matches!(
            &state,
            State::Refused(Rule::Schema(SchemaRule::VersionBelowPast {
                named: 1,
                past: 2,
                ..
            }))
        ),
        "{state:?}"
    );
}

#[test]
fn a_default_is_read_where_nobody_wrote() {
    let with_default = "kind = \"n\"\nversion = 1\n[record.fields]\na = \"lww text\"\nb = \"lww text\"\n\
                        [lens.default]\nb = \"grey\"\n";
    let mut session = Session::of(4, 2, vec![schema(with_default)]);
    let entity = session.entity("n");
    session.record(0, "n", entity, &[put("a", "x")]);
    assert_eq!(session.settled(entity).get(&["b"]), Some(&"grey".into()));
    session.record(1, "n", entity, &[put("b", "red")]);
    assert_eq!(session.settled(entity).get(&["b"]), Some(&"red".into()));
}

#[test]
fn a_reader_who_becomes_a_member_writes_from_there_on_and_not_before() {
    let (mut session, mail) = born();
    let reader = session.lab.admit(Role::Reader);
    let user = session.lab.stations[reader].user;
    session.settle();
    let ops: &[RecordOp] = &[put("state", "read")];
    let draft = anabranch_core::document::Draft::Record(ops);
    assert!(
        session
            .write_at(reader, NOW + 5, "mail", mail, "record", &draft)
            .is_err()
    );
    let early = session.forge(reader, "mail", mail, "record", &draft);
    session.lab.record(ControlBody::Role {
        user,
        role: Role::Member,
    });
    let state = state_after(&session.lab, &[&early], &early);
    assert!(
        matches!(
            state,
            State::Refused(Rule::Schema(SchemaRule::NotAuthorised { .. }))
        ),
        "{state:?}"
    );
    session
        .write_at(reader, NOW + 9, "mail", mail, "record", &draft)
        .unwrap();
    assert_eq!(session.settled(mail).get(&["state"]), Some(&"read".into()));
}
