//! What a member, a stranger and a thief of one device can do: signatures, sealing, rights, residency.
#![allow(
    clippy::type_complexity,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;

use anabranch_core::{
    changeset::{EnvelopeRule, FlushCache, Payload, SealError, WorkspaceKey, encrypt, seal},
    control::{ControlBody, Role},
    document::{Draft, EditError, State},
    id::{ChangeSetId, Epoch, OriginId},
    judge::{ChainRule, Hold, Rule},
    replica::WriteError,
    schema::{SchemaRule, catalogue},
    value::{Scalar, Value},
};
use common::*;
use std::collections::BTreeSet;

fn refused(state: &State) -> &Rule {
    match state {
        State::Refused(rule) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn o75_a_forged_signature_another_key_and_a_proof_of_another_header_are_refused() {
    let mut session = Session::new(1, 2);
    let page = session.entity("page");
    session.title(0, page, "one");
    session.title(0, page, "two");
    let sealed = session.flush(0);
    let verify = |signed: anabranch_core::changeset::Signed| signed.verify(&mut FlushCache::new());
    assert!(verify(sealed[0].clone()).is_ok());
    // A bent signature.
    let mut forged = sealed[0].clone();
    forged.proof.signature.0[0] ^= 1;
    assert!(matches!(verify(forged), Err(EnvelopeRule::Signature(_))));
    // The proof of the other change set of the same flush.
    let mut swapped = sealed[0].clone();
    swapped.proof = sealed[1].proof.clone();
    assert!(verify(swapped).is_err());
    // Another device's key, under the first one's name.
    let mine = sealed[0].change.clone();
    let other = &session.lab.stations[1].key;
    assert!(matches!(
        seal(other, vec![mine.clone()]),
        Err(SealError::Origin { .. })
    ));
    let own = bent(other, &sealed[0], |header| {
        header.chain.origin = OriginId(other.verifying_key().to_bytes());
    });
    let mut replayed = sealed[0].clone();
    replayed.proof = own.proof.clone();
    assert!(
        verify(replayed).is_err(),
        "a signature lends nothing to another header"
    );
    // Under the second one's own name it verifies, and is its own work under its own user's name only.
    let state = state_after(&session.lab, &[&own], &own);
    assert!(
        matches!(refused(&state), Rule::Chain(ChainRule::Author { .. })),
        "{state:?}"
    );
    // A bent payload names no change set at all.
    let (header, _) = mine.into_parts();
    let other = Payload::Present(vec![0; header.payload_len as usize]);
    assert!(matches!(
        anabranch_core::changeset::ChangeSet::new(header, other),
        Err(EnvelopeRule::PayloadHash)
    ));
}

/// TRAP-9: a secret per user says nothing of the device. Here each device has a key, and one that is
/// shut out takes no other along.
#[test]
fn t28_trap_9_a_signature_names_the_device_and_one_device_can_be_shut_out_alone() {
    let mut session = Session::new(2, 1);
    let user = session.lab.stations[0].user;
    let phone = session.lab.admit_for(user, Role::Member);
    let page = session.entity("page");
    session.tag(0, page, "laptop");
    session.tag(phone, page, "phone");
    let all = session.all();
    session.settle();
    let origins: BTreeSet<_> = all
        .iter()
        .map(|signed| signed.change.header().chain.origin)
        .collect();
    let authors: BTreeSet<_> = all
        .iter()
        .map(|signed| signed.change.header().author)
        .collect();
    assert_eq!(
        (origins.len(), authors.len()),
        (2, 1),
        "one user, two devices"
    );
    let lost = OriginId(session.lab.stations[phone].key.verifying_key().to_bytes());
    session.lab.record(ControlBody::Revoke {
        origin: lost,
        cut: Vec::new(),
    });
    for station in &session.lab.stations {
        assert_eq!(
            tags(station.replica.document(&page, "record").unwrap()),
            ["laptop"]
        );
    }
    session.tag(0, page, "still here");
    let shut = session.write_at(
        phone,
        NOW + 99,
        "page",
        page,
        "record",
        &Draft::Record(&[add("tags", "x")]),
    );
    assert!(matches!(shut, Err(WriteError::Excluded(_))), "{shut:?}");
    session.settle();
    let first = session.lab.stations[0].replica.digest();
    assert!(
        session
            .lab
            .stations
            .iter()
            .all(|station| station.replica.digest() == first)
    );
}

#[test]
fn t28_what_each_device_did_can_be_told_apart() {
    let mut session = Session::new(3, 2);
    let page = session.entity("page");
    session.title(0, page, "by the first");
    session.tag(1, page, "by the second");
    session.settle();
    let origin = OriginId(session.lab.stations[1].key.verifying_key().to_bytes());
    let document = session.lab.stations[0]
        .replica
        .document(&page, "record")
        .unwrap();
    let theirs: Vec<ChangeSetId> = document
        .effective()
        .iter()
        .filter(|kept| kept.change.header().chain.origin == origin)
        .map(|kept| kept.change.id())
        .collect();
    assert_eq!(theirs.len(), 1);
}

/// A workspace sealed under key epoch 1 and a page written in it by device 0.
fn sealed_workspace() -> (Session, anabranch_core::id::EntityId, WorkspaceKey) {
    let mut session = Session::new(4, 2);
    let key = WorkspaceKey::new(1, [7; 32]);
    session.lab.record(ControlBody::KeyEpoch {
        epoch: 1,
        fingerprint: key.fingerprint(),
    });
    session.lab.stations[0].replica.workspace_key(key.clone());
    let page = session.entity("page");
    session.title(0, page, "a secret that nobody reads");
    (session, page, key)
}

#[test]
fn t27_a_payload_is_sealed_before_it_leaves_and_held_until_the_key_comes() {
    let (mut session, page, key) = sealed_workspace();
    let signed = session.flush(0).remove(0);
    assert_eq!(signed.change.header().key_epoch, Some(1));
    let bytes = signed.encode();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(
        !holds(b"secret") && !holds(b"title"),
        "neither value nor field name is to be read"
    );

    let other = &mut session.lab.stations[1].replica;
    let intake = other.receive(NOW, vec![verified(&signed)]);
    assert_eq!(states(&intake), [State::Held(Hold::Key(1))]);
    // A wrong key is noticed by its fingerprint: it would make honest work look forged.
    assert!(
        other
            .workspace_key(WorkspaceKey::new(1, [8; 32]))
            .arrivals
            .is_empty()
    );
    assert!(
        other
            .workspace_key(WorkspaceKey::new(2, [7; 32]))
            .arrivals
            .is_empty()
    );
    let document = other.document(&page, "record").unwrap();
    assert_eq!(
        document.state_of(&signed.change.id()),
        Some(State::Held(Hold::Key(1)))
    );
    let intake = other.workspace_key(key);
    assert_eq!(states(&intake), [State::Effective]);
    assert_eq!(
        title(other.document(&page, "record").unwrap()).unwrap(),
        "a secret that nobody reads"
    );
}

#[test]
fn t27_trap_10_a_sealed_payload_under_any_other_header_is_refused() {
    let (mut session, page, key) = sealed_workspace();
    let signed = session.flush(0).remove(0);
    let author = session.lab.stations[0].key.clone();
    session.lab.stations[1].replica.workspace_key(key.clone());
    // Its own author moves the bytes under a bent header, signs it, and cannot: the header is bound.
    let bends: [&dyn Fn(&mut anabranch_core::changeset::Header); 3] = [
        &|header| header.hlc.0 += 1,
        &|header| header.control.number -= 1,
        &|header| header.extension = vec![1],
    ];
    for bend in bends {
        let forged = bent(&author, &signed, |header| bend(header));
        let (intake, _) = session.lab.stations[1].receive(NOW, vec![forged]);
        let state = &states(&intake)[0];
        assert!(
            matches!(refused(state), Rule::Envelope(EnvelopeRule::Sealed(_))),
            "{state:?}"
        );
    }
    // Two clones of a device that write different things never use one cipher key twice, although
    // there is no counter that they could share: equal bytes are the only way to equal ciphertext.
    let header = signed.change.header().clone();
    let seal_as = |payload: &[u8]| {
        encrypt(header.clone(), payload, &key)
            .unwrap()
            .payload()
            .bytes()
            .unwrap()
            .to_vec()
    };
    let (one, again, two) = (
        seal_as(b"attack at dawn"),
        seal_as(b"attack at dawn"),
        seal_as(b"attack at dusk"),
    );
    assert_eq!(one, again);
    let differing = one.iter().zip(&two).filter(|(a, b)| a != b).count();
    assert!(
        differing > one.len() / 2,
        "only {differing} of {} bytes differ",
        one.len()
    );
    assert!(
        session.lab.stations[1]
            .replica
            .document(&page, "record")
            .is_none_or(|d| title(d).is_none())
    );
}

#[test]
fn t27_nobody_writes_in_a_sealed_workspace_without_the_key() {
    let (mut session, page, _) = sealed_workspace();
    let draft = [put("title", "in clear")];
    let written = session.write_at(1, NOW, "page", page, "record", &Draft::Record(&draft));
    assert!(
        matches!(written, Err(WriteError::NoKey { epoch: 1 })),
        "{written:?}"
    );
}

/// TRAP-14, M51, M83: where a secret may go is a type. The server's part is nobody else's to write, and
/// the device's part has no change sets at all.
#[test]
fn m51_trap_14_a_pin_hash_is_written_by_servers_alone_and_a_device_flag_never_leaves() {
    let mut session = Session::of(5, 2, vec![catalogue::schema("profile").unwrap()]);
    let server = session.lab.admit(Role::Server);
    let profile = session.entity("profile");
    let hash = [put("hash", Value::Bytes(vec![1; 32]))];
    let draft = Draft::Record(&hash);
    // The creator itself may not, neither honestly nor by force.
    let own = session.write_at(0, NOW, "profile", profile, "part.pin", &draft);
    let server_only = |rule: &Rule| matches!(rule, Rule::Schema(SchemaRule::PartServerOnly { .. }));
    assert!(
        matches!(&own, Err(WriteError::Edit(EditError::Refused(rule))) if server_only(rule)),
        "{own:?}"
    );
    let forged = session.forge(0, "profile", profile, "part.pin", &draft);
    assert!(server_only(refused(&state_after(
        &session.lab,
        &[&forged],
        &forged
    ))));
    session
        .write_at(server, NOW, "profile", profile, "part.pin", &draft)
        .unwrap();
    let sealed = session.flush(server).remove(0);
    assert_eq!(
        state_after(&session.lab, &[&sealed], &sealed),
        State::Effective
    );

    let flag = [put("biometric_unlock", true)];
    let local = session.write_at(
        0,
        NOW,
        "profile",
        profile,
        "part.device",
        &Draft::Record(&flag),
    );
    assert!(matches!(local, Err(WriteError::Local { .. })), "{local:?}");
    let forged = session.forge(0, "profile", profile, "part.device", &Draft::Record(&flag));
    let mut other = session.lab.empty_replica();
    let intake = other.receive(NOW, vec![verified(&forged)]);
    assert!(
        matches!(
            refused(&states(&intake)[0]),
            Rule::Schema(SchemaRule::PartLocal { .. })
        ),
        "{:?}",
        states(&intake)
    );
}

#[test]
fn a_part_of_each_residency_is_sealed_by_a_signature_of_its_own() {
    let mut session = Session::of(6, 0, vec![catalogue::schema("profile").unwrap()]);
    let server = session.lab.admit(Role::Server);
    let user = session.lab.stations[server].user;
    let profile = session.lab.entity(user, "profile");
    let draft = [put("hash", Value::Bytes(vec![1; 32]))];
    session
        .write_at(
            server,
            NOW,
            "profile",
            profile,
            "part.pin",
            &Draft::Record(&draft),
        )
        .unwrap();
    let sealed = session.flush(server);
    assert_eq!(
        sealed[0].proof.count, 1,
        "a device can be given no path beside a server's change set"
    );
}

#[test]
fn what_only_its_creator_may_write_is_refused_from_anyone_else_and_on_the_writers_own_replica_too()
{
    let mut session = Session::of(7, 2, vec![catalogue::schema("profile").unwrap()]);
    let profile = session.entity("profile");
    let name = [put("display_name", "not me")];
    let draft = Draft::Record(&name);
    let written = session.write_at(1, NOW, "profile", profile, "record", &draft);
    assert!(
        matches!(
            &written,
            Err(WriteError::Edit(EditError::Refused(Rule::Schema(
                SchemaRule::NotAuthorised { .. }
            ))))
        ),
        "{written:?}"
    );
    assert_eq!(session.lab.stations[1].replica.open_len(), 0);
    let forged = session.forge(1, "profile", profile, "record", &draft);
    let state = state_after(&session.lab, &[&forged], &forged);
    assert!(matches!(
        refused(&state),
        Rule::Schema(SchemaRule::NotAuthorised { .. })
    ));
    session
        .write_at(0, NOW, "profile", profile, "record", &draft)
        .unwrap();
}

#[test]
fn a_header_whose_route_values_are_not_what_its_change_writes_is_refused() {
    let mut session = Session::new(8, 2);
    let task = session.entity("task");
    session.record(
        0,
        "task",
        task,
        &[
            put("status", "open"),
            put("title", "t"),
            put("assignee", "me"),
        ],
    );
    let honest = session.flush(0).remove(0);
    let route = honest.change.header().route.clone();
    assert_eq!(
        route,
        [
            ("assignee".to_owned(), "me".into()),
            ("status".to_owned(), "open".into())
        ]
    );
    let key = session.lab.stations[0].key.clone();
    let bends: [(&str, &dyn Fn(&mut Vec<(String, Value)>)); 4] = [
        ("another value", &|route| route[1].1 = "done".into()),
        ("left out", &|route| {
            route.remove(0);
        }),
        ("all left out", &|route| route.clear()),
        ("made up", &|route| {
            route.insert(1, ("project".to_owned(), Value::Null))
        }),
    ];
    for (what, bend) in bends {
        let forged = bent(&key, &honest, |header| bend(&mut header.route));
        let state = state_after(&session.lab, &[&forged], &forged);
        let differs = matches!(
            refused(&state),
            Rule::Schema(SchemaRule::RouteDiffers { .. })
        );
        assert!(differs, "{what}: {state:?}");
    }
    assert_eq!(
        state_after(&session.lab, &[&honest], &honest),
        State::Effective
    );
}

#[test]
fn an_author_names_exactly_what_it_writes_by_edits_undo_redo_and_deletion() {
    let mut session = Session::new(9, 2);
    let task = session.entity("task");
    let clear = anabranch_core::record::RecordOp::Put {
        field: path("assignee"),
        value: Value::Null,
    };
    let steps: [(u64, Draft<'_>); 7] = [
        (
            0,
            Draft::Record(&[put("status", "open"), put("assignee", "a")]),
        ),
        (
            2_000,
            Draft::Record(&[
                put("status", "done"),
                put("status", "doing"),
                put("title", "t"),
            ]),
        ),
        (4_000, Draft::Undo),
        (6_000, Draft::Redo),
        (8_000, Draft::Record(std::slice::from_ref(&clear))),
        (10_000, Draft::Undo),
        (
            12_000,
            Draft::Record(&[anabranch_core::record::RecordOp::DeleteEntity]),
        ),
    ];
    for (at, draft) in &steps {
        session
            .write_at(0, NOW + at, "task", task, "record", draft)
            .unwrap();
    }
    let sealed = session.flush(0);
    let routes: Vec<Vec<String>> = sealed
        .iter()
        .map(|signed| {
            let route = &signed.change.header().route;
            route
                .iter()
                .map(|(name, value)| format!("{name}={}", value.as_text().unwrap_or("-")))
                .collect()
        })
        .collect();
    let wanted: [&[&str]; 7] = [
        &["assignee=a", "status=open"],
        &["status=doing"],
        &["status=open"],
        &["status=doing"],
        &["assignee=-"],
        &["assignee=a"],
        &[],
    ];
    assert_eq!(routes, wanted);
    session.settled(task);
    assert_eq!(
        session.lab.stations[1]
            .replica
            .document(&task, "record")
            .unwrap()
            .asides()
            .count(),
        0
    );
}

#[test]
fn a_member_cannot_speak_for_another_nor_take_a_foreign_actor_nor_an_epoch_that_was_not_admitted() {
    let mut session = Session::new(10, 2);
    let page = session.entity("page");
    session.title(0, page, "mine");
    let honest = session.flush(0).remove(0);
    let key = session.lab.stations[0].key.clone();
    let other = session.lab.stations[1].user;
    let state =
        |forged: &anabranch_core::changeset::Signed| state_after(&session.lab, &[forged], forged);
    let forged = bent(&key, &honest, |header| header.author = other);
    assert!(matches!(
        refused(&state(&forged)),
        Rule::Chain(ChainRule::Author { .. })
    ));
    let forged = bent(&key, &honest, |header| header.on_behalf_of = Some(other));
    assert!(matches!(
        refused(&state(&forged)),
        Rule::Chain(ChainRule::OnBehalf { .. })
    ));
    let forged = bent(&key, &honest, |header| {
        header.actor = Some(anabranch_core::id::Actor::Automerge([5; 16]));
    });
    assert!(matches!(
        refused(&state(&forged)),
        Rule::Chain(ChainRule::ForeignActor)
    ));
    // Another epoch is another actor, so the engine's bytes do not fit it.
    let forged = bent(&key, &honest, |header| header.chain.epoch = Epoch(3));
    assert!(matches!(refused(&state(&forged)), Rule::Record(_)));
}

#[test]
fn a_log_takes_what_its_schema_declares_and_nothing_else() {
    let mut session = Session::new(11, 1);
    let page = session.entity("page");
    let write = |session: &mut Session, one: &anabranch_core::log::Entry| {
        session.write_at(0, NOW, "page", page, "log.comments", &Draft::Entry(one))
    };
    assert!(write(&mut session, &entry("text", "fine")).is_ok());
    assert!(write(&mut session, &entry("reply_to", "no text")).is_err());
    let unknown = anabranch_core::log::Entry::from([
        ("text".to_owned(), Scalar::Text("t".to_owned())),
        ("colour".to_owned(), Scalar::Text("red".to_owned())),
    ]);
    assert!(write(&mut session, &unknown).is_err());
    assert!(write(&mut session, &entry("text", &"x".repeat(5_001))).is_err());
}
