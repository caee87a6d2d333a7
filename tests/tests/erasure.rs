//! Payloads that are gone or not here yet: husks, erased entries, pruned logs. What a replica shows does
//! not depend on whether it ever had them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    control::ControlBody,
    document::{Draft, State},
    hlc::Hlc,
    replica::{Replica, WriteError},
    schema::catalogue,
};
use common::*;

/// Trap 24: who got a husk first takes the payload when it comes.
#[test]
fn trap_24_a_husk_is_filled_by_the_whole_change_set() {
    let mut session = Session::new(24, 1);
    let page = session.entity("page");
    for text in ["before", "between", "after"] {
        session.title(0, page, text);
    }
    let chain = session.flush(0);
    let mut replica = session.lab.empty_replica();
    let mut husks = chain.clone();
    husks[1].change = chain[1].change.husk();
    replica.receive(NOW, husks.iter().map(verified).collect());
    let intake = replica.receive(NOW, vec![verified(&chain[1])]);
    assert_eq!(states(&intake), [State::Effective, State::Effective]);
    assert_eq!(
        title(replica.document(&page, "record").unwrap()).unwrap(),
        "after"
    );
}

/// Trap 24: a control record that erases an entry of a log takes its payload away everywhere; what
/// stands above it in its chain stays, for who never had the payload as for who had it, also where it
/// would not have counted.
#[test]
fn trap_24_an_erased_entry_is_gone_everywhere_and_its_chain_stays() {
    let mut session = Session::of(24, 2, vec![catalogue::schema("event").unwrap()]);
    let event = session.entity("event");
    let texts = ["one", "personal data", "three", "four"];
    for text in texts {
        let one = entry("type", text);
        session
            .write_at(0, NOW, "event", event, "log.events", &Draft::Entry(&one))
            .unwrap();
    }
    session.settle();
    let chain = session.all();
    let key = session.lab.stations[0].key.clone();
    let crooked = remade(&key, &chain[2], |_, payload| *payload = b"rubbish".to_vec());
    let husks = |at: usize| {
        let mut chain = chain.clone();
        chain[at].change = chain[at].change.husk();
        chain
    };
    let before = |at: usize| {
        let mut replica = session.lab.empty_replica();
        replica.receive(NOW, husks(at).iter().map(verified).collect());
        replica
    };
    let mut without = before(1);
    let erase = ControlBody::Erase {
        slot: slot_of(&chain[1]),
        id: chain[1].change.id(),
    };
    let record = session.lab.record(erase);
    let (_, intake) = without.control_record(record).unwrap();
    assert!(!intake.events.is_empty());
    let shown = |replica: &Replica| {
        let document = replica.document(&event, "log.events").unwrap();
        let texts = entries(document)
            .into_iter()
            .map(|entry| entry["type"].clone());
        texts.collect::<Vec<_>>()
    };
    let with = &session.lab.stations[1].replica;
    assert_eq!(shown(with).len(), 3);
    assert_eq!(shown(with), shown(&without));
    assert_eq!(with.digest(), without.digest());
    let bytes = with.bundle().unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"personal"));
    // Sent again whole, it stays erased.
    let mut late = session.lab.empty_replica();
    late.receive(NOW, chain.iter().map(verified).collect());
    assert_eq!(late.digest(), with.digest());
    // A refused one that is erased counts by its header alone, and what stands on it does too.
    let mut crooked_chain = chain[..2].to_vec();
    crooked_chain.push(crooked.clone());
    let mut refused = session.lab.empty_replica();
    refused.receive(NOW, crooked_chain.iter().map(verified).collect());
    let mut husk = crooked.clone();
    husk.change = crooked.change.husk();
    let mut unseen = session.lab.empty_replica();
    crooked_chain[2] = husk;
    unseen.receive(NOW, crooked_chain.iter().map(verified).collect());
    let erase = ControlBody::Erase {
        slot: slot_of(&crooked),
        id: crooked.change.id(),
    };
    let record = session.lab.sign(erase);
    for replica in [&mut refused, &mut unseen] {
        replica.control_record(record.clone()).unwrap();
        let state = replica
            .document(&event, "log.events")
            .unwrap()
            .state_of(&crooked.change.id());
        assert_eq!(state, Some(State::Effective));
    }
    assert_eq!(refused.digest(), unseen.digest());
}

/// Trap 13, 24: a log that the control log prunes keeps what is not older, whenever it comes.
#[test]
fn trap_13_a_pruned_log_keeps_what_is_not_older_in_any_order() {
    let mut session = Session::of(31, 2, vec![catalogue::schema("event").unwrap()]);
    let event = session.entity("event");
    for text in ["one", "two", "three"] {
        let one = entry("type", text);
        session
            .write_at(0, NOW, "event", event, "log.events", &Draft::Entry(&one))
            .unwrap();
    }
    session.settle();
    let chain = session.all();
    let prune = ControlBody::PruneBefore {
        document: slot_of(&chain[0]).document,
        before: chain[1].change.header().hlc,
    };
    session.lab.record(prune);
    let mut late = session.lab.empty_replica();
    late.receive(NOW, chain.iter().map(verified).collect());
    for replica in [&late, &session.lab.stations[1].replica] {
        assert_eq!(
            entries(replica.document(&event, "log.events").unwrap()).len(),
            2
        );
    }
    assert_eq!(late.digest(), session.lab.stations[1].replica.digest());
    // Nobody can write below the line.
    let document = slot_of(&chain[0]).document;
    let before = Hlc::new(NOW + 3_600_000, 0);
    session
        .lab
        .record(ControlBody::PruneBefore { document, before });
    let one = entry("type", "late");
    let written = session.write_at(0, NOW, "event", event, "log.events", &Draft::Entry(&one));
    assert!(
        matches!(written, Err(WriteError::Pruned { .. })),
        "{written:?}"
    );
}
