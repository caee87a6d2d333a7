//! Replicas that hold the same change sets and the same control log are in the same state,
//! whatever the order and the batches in which both came. Each test is one of the traces that break
//! careless designs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use anabranch_core::{
    changeset::Signed,
    control::{ControlBody, Cut, RefuseReason, Role},
    document::State,
    id::{EntityId, Epoch, Lane},
    replica::Pen,
    sim::{Lab, Rng},
};
use common::*;

/// Gives `items` to an empty replica in an order and in batches that the seed decides.
fn deliver(
    lab: &Lab,
    known: u64,
    items: &[Item],
    rng: &mut Rng,
) -> anabranch_core::replica::Replica {
    let mut order: Vec<&Item> = items.iter().collect();
    rng.shuffle(&mut order);
    let mut replica = lab.replica_at(known);
    let mut at = 0;
    while at < order.len() {
        let end = (at + 1 + rng.below(4)).min(order.len());
        let mut batch = Vec::new();
        for item in &order[at..end] {
            match item {
                Item::Change(signed) => batch.push(verified(signed)),
                Item::Control(record) => {
                    replica.control_record(record.clone()).unwrap();
                }
            }
        }
        replica.receive(NOW, batch);
        at = end;
    }
    replica
}

/// All replicas that knew the control log up to `known` and got the same items agree; their digest.
fn all_agree(lab: &Lab, known: u64, items: &[Item], orders: u64) -> [u8; 32] {
    let mut digest = None;
    for seed in 0..orders {
        let replica = deliver(lab, known, items, &mut Rng::new(seed));
        let now = replica.digest();
        assert_eq!(
            *digest.get_or_insert(now),
            now,
            "order {seed} gives another state"
        );
    }
    digest.unwrap()
}

#[test]
fn any_order_and_any_batches_of_a_busy_session_give_one_state() {
    for seed in 0..12 {
        let mut session = Session::new(seed, 4);
        session.work(60);
        let items: Vec<Item> = session.all().into_iter().map(Item::Change).collect();
        let digest = all_agree(&session.lab, session.known(), &items, 6);
        session.settle();
        let fresh = deliver(&session.lab, session.known(), &items, &mut Rng::new(1));
        for station in &session.lab.stations {
            for document in station.replica.documents() {
                let other = fresh.document(document.entity(), document.part()).unwrap();
                let aside = document.asides().next();
                assert!(aside.is_none(), "{:?}", aside.map(|aside| &aside.state));
                assert_eq!(
                    shown(document),
                    shown(other),
                    "{} differs, seed {seed}",
                    document.part()
                );
            }
            assert_eq!(
                station.replica.digest(),
                digest,
                "a replica that took part differs, seed {seed}"
            );
        }
    }
}

#[test]
fn every_order_of_five_change_sets_gives_one_state() {
    let mut session = Session::new(7, 3);
    session.work(5);
    let all = session.all();
    let few: Vec<Signed> = all.into_iter().take(5).collect();
    let mut digests = std::collections::BTreeSet::new();
    for order in permutations(few.len()) {
        let mut replica = session.lab.empty_replica();
        for at in order {
            replica.receive(NOW, vec![verified(&few[at])]);
        }
        digests.insert(replica.digest());
    }
    assert_eq!(digests.len(), 1);
}

#[test]
fn a_cloned_device_forks_and_every_replica_counts_the_same_half_until_the_orderer_rules() {
    for seed in 0..8 {
        let mut session = Session::new(seed, 2);
        let page = session.entity("page");
        session.title(0, page, "one");
        session.settle();
        // The store is copied: two devices under one identity, both write number 2.
        let copy = session.clone_station(0);
        session.title(0, page, "from the first");
        session.title(copy, page, "from the copy");
        let (first, second) = (session.flush(0), session.flush(copy));
        let slot = slot_of(&first[0]);
        // Somebody builds on the first half.
        session.lab.stations[1].receive(NOW, first.clone());
        session.title(1, page, "built on it");
        let third = session.flush(1);
        let mut items: Vec<Item> = session.all().into_iter().map(Item::Change).collect();
        items.extend(
            first
                .iter()
                .chain(&second)
                .chain(&third)
                .cloned()
                .map(Item::Change),
        );
        let known = session.known();
        let before = all_agree(&session.lab, known, &items, 12);
        let winner = second[0].change.id();
        let ruling = session.lab.sign(ControlBody::Fork { slot, winner });
        items.push(Item::Control(ruling));
        let after = all_agree(&session.lab, known, &items, 12);
        let by_id_alone = first[0].change.id() > second[0].change.id();
        assert_eq!(
            before == after,
            by_id_alone,
            "the ruling decides, seed {seed}"
        );
    }
}

#[test]
fn a_revocation_cuts_the_same_change_sets_whether_it_came_before_or_after_them() {
    let mut session = Session::new(3, 3);
    let page = session.entity("page");
    session.title(1, page, "stays");
    let kept = session.flush(1);
    session.title(1, page, "goes");
    let gone = session.flush(1);
    session.lab.stations[2].receive(NOW, [kept.clone(), gone.clone()].concat());
    session.title(2, page, "built on what goes");
    let built = session.flush(2);
    let known = session.known();
    let cut = vec![Cut {
        last: slot_of(&kept[0]),
    }];
    let origin = kept[0].change.header().chain.origin;
    let revoke = session.lab.sign(ControlBody::Revoke { origin, cut });
    let changes = [kept, gone, built].concat();
    let mut digests = std::collections::BTreeSet::new();
    for order in permutations(changes.len() + 1) {
        let mut replica = session.lab.replica_at(known);
        for at in order {
            match changes.get(at) {
                Some(signed) => {
                    replica.receive(NOW, vec![verified(signed)]);
                }
                None => {
                    replica.control_record(revoke.clone()).unwrap();
                }
            }
        }
        let document = replica.document(&page, "record").unwrap();
        assert_eq!(title(document), Some("stays".to_owned()));
        digests.insert(replica.digest());
    }
    assert_eq!(digests.len(), 1);
}

#[test]
fn a_late_refusal_takes_its_descendants_along_and_both_authors_make_their_own_work_again() {
    let mut session = Session::new(5, 2);
    let page = session.entity("page");
    session.title(0, page, "refused");
    let x = session.flush(0);
    session.lab.stations[1].receive(NOW, x.clone());
    session.tag(1, page, "from-b");
    session.tag(0, page, "from-a");
    let (y, z) = (session.flush(1), session.flush(0));
    session.settle_with(&[x.clone(), y, z].concat());
    let (slot, id) = (slot_of(&x[0]), x[0].change.id());
    session.lab.record(ControlBody::Refuse {
        slot,
        id,
        reason: RefuseReason::Policy("row".to_owned()),
    });
    for station in 0..2 {
        let document = session.lab.stations[station]
            .replica
            .document(&page, "record")
            .unwrap();
        assert_eq!(title(document), None, "the refused title shows nowhere");
        assert!(tags(document).is_empty(), "what stood on it does not count");
        assert!(matches!(document.state_of(&id), Some(State::Excluded(_))));
        let rebased = session.lab.stations[station].replica.rebase(NOW).unwrap();
        assert_eq!(rebased.again.len(), 1, "own tag is made again, once");
        assert_eq!(
            rebased.returned.len(),
            usize::from(station == 0),
            "the refused edit comes back"
        );
        assert_eq!(
            session.lab.stations[station]
                .replica
                .rebase(NOW)
                .unwrap()
                .again
                .len(),
            0
        );
    }
    session.settle();
    for station in &session.lab.stations {
        let document = station.replica.document(&page, "record").unwrap();
        assert_eq!(tags(document), ["from-a", "from-b"]);
        assert_eq!(
            station.replica.digest(),
            session.lab.stations[0].replica.digest()
        );
    }
}

#[test]
fn nothing_is_made_again_without_a_record() {
    let mut session = Session::new(9, 2);
    let page = session.entity("page");
    session.title(0, page, "one");
    session.settle();
    let copy = session.clone_station(0);
    session.title(0, page, "a");
    session.title(copy, page, "b");
    let (first, second) = (session.flush(0), session.flush(copy));
    for (station, other) in [(0, &second), (copy, &first)] {
        session.lab.stations[station].receive(NOW, other.clone());
        let rebased = session.lab.stations[station].replica.rebase(NOW).unwrap();
        assert!(rebased.again.is_empty() && rebased.returned.is_empty());
    }
    // The ruling names a winner: only the loser's author makes its edit again, under a new epoch.
    let slot = slot_of(&first[0]);
    session.lab.record(ControlBody::Fork {
        slot,
        winner: first[0].change.id(),
    });
    let won = session.lab.stations[0].replica.rebase(NOW).unwrap();
    let lost = session.lab.stations[copy].replica.rebase(NOW).unwrap();
    assert_eq!((won.again.len(), lost.again.len()), (0, 1));
    let again = session.flush(copy);
    let header = again[0].change.header();
    assert_eq!(header.replaces, Some(second[0].change.id()));
    assert_eq!(header.chain.epoch, Epoch(1));
}

#[test]
fn two_windows_of_one_device_write_in_lanes_of_their_own() {
    let mut session = Session::new(11, 1);
    let page = session.entity("page");
    session.title(0, page, "one");
    let pen = *session.lab.stations[0].replica.pen().unwrap();
    session.lab.stations[0].replica.take_pen(Pen {
        lane: Lane(1),
        ..pen
    });
    session.title(0, page, "two");
    let flushed = session.flush(0);
    let chains: std::collections::BTreeSet<_> =
        flushed.iter().map(|s| s.change.header().chain).collect();
    assert_eq!(chains.len(), 2);
    let items: Vec<Item> = flushed.into_iter().map(Item::Change).collect();
    all_agree(&session.lab, session.known(), &items, 4);
}

#[test]
fn a_reader_a_stranger_and_another_kind_are_refused_by_the_envelope() {
    let mut session = Session::new(13, 1);
    let page = session.entity("page");
    session.title(0, page, "fine");
    let signed = session.flush(0);
    let mut empty = session.lab.empty_replica();
    let reader = session.lab.admit(Role::Reader);
    let text = session.write_error(reader, page);
    assert!(text.contains("accepts the change sets of"), "{text}");
    let wrong = EntityId {
        creator: page.creator,
        nonce: [9; 16],
    };
    let text = session.write_error_kind(0, wrong);
    assert!(text.contains("another kind"), "{text}");
    empty.receive(NOW, signed.iter().map(verified).collect());
    assert_eq!(
        title(empty.document(&page, "record").unwrap()),
        Some("fine".to_owned())
    );
}

#[test]
fn an_intake_that_meets_a_fork_reports_what_counts_afterwards() {
    let mut session = Session::new(21, 2);
    let page = session.entity("page");
    session.title(0, page, "one");
    session.settle();
    let copy = session.clone_station(0);
    session.title(0, page, "a");
    session.title(copy, page, "b");
    let mut halves = [session.flush(0), session.flush(copy)];
    halves.sort_by_key(|half| half[0].change.id());
    let [smaller, larger] = halves;
    let reader = &mut session.lab.stations[1];
    reader.receive(NOW, larger.clone());
    let (intake, _) = reader.receive(NOW, smaller.clone());
    let said: Vec<_> = intake.arrivals.iter().map(|a| (a.id, &a.state)).collect();
    assert_eq!(said, [(smaller[0].change.id(), &State::Effective)]);
    let document = reader.replica.document(&page, "record").unwrap();
    let winner = smaller[0].change.id();
    assert_eq!(
        document.state_of(&larger[0].change.id()),
        Some(State::Forked { winner })
    );
}
