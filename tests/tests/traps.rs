//! The traces that break careless designs, those that need no network: one test for each, beside those
//! in convergence.rs (late refusal, revocation in two orders, clones, lanes), conflicts.rs and
//! rebase.rs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    changeset::{Follows, Payload, Signed, Tip},
    control::{ControlBody, Cut, RefuseReason, Role},
    document::{Document, Draft, EngineDoc, State},
    id::{Actor, Chain, DocumentId, Epoch, Lane, OriginId, UserId, yrs_client},
    judge::{Hold, Rule},
    replica::{Pen, Replica},
    schema::catalogue,
    sim::{Lab, Rng},
    value::Value,
};
use common::*;

fn markdown() -> Vec<anabranch_core::schema::Schema> {
    vec![catalogue::schema("markdown").unwrap()]
}

fn origin(lab: &Lab, station: usize) -> OriginId {
    OriginId(lab.stations[station].key.verifying_key().to_bytes())
}

fn plain(document: &Document) -> String {
    body(document).plain_text()
}

/// Trap 1: nobody lets a refused change set in again when its author's rights return.
#[test]
fn trap_1_a_refusal_stands_though_its_author_may_write_again() {
    let mut session = Session::new(1, 2);
    let page = session.entity("page");
    session.title(0, page, "refused");
    let x = session.flush(0).remove(0);
    let (slot, id) = (slot_of(&x), x.change.id());
    let user = session.lab.stations[0].user;
    session.lab.record(ControlBody::Role {
        user,
        role: Role::Reader,
    });
    let reason = RefuseReason::Policy("row".to_owned());
    session.lab.record(ControlBody::Refuse { slot, id, reason });
    session.lab.record(ControlBody::Role {
        user,
        role: Role::Member,
    });
    let mut late = session.lab.empty_replica();
    let intake = late.receive(NOW, vec![verified(&x)]);
    assert!(matches!(states(&intake)[..], [State::Excluded(_)]));
    session.settle();
    for station in &session.lab.stations {
        assert_eq!(
            title(station.replica.document(&page, "record").unwrap()),
            None
        );
        assert_eq!(
            station.replica.digest(),
            session.lab.stations[1].replica.digest()
        );
    }
}

/// Trap 2: a revoked device cannot back-date its later work by citing an older control record.
#[test]
fn trap_2_what_lies_above_the_cut_stays_out_whatever_control_position_it_cites() {
    let mut session = Session::new(2, 2);
    let page = session.entity("page");
    session.title(1, page, "stays");
    let kept = session.flush(1).remove(0);
    session.title(1, page, "goes");
    let gone = session.flush(1).remove(0);
    let origin = origin(&session.lab, 1);
    let cut = vec![Cut {
        last: slot_of(&kept),
    }];
    let revoke = session.lab.record(ControlBody::Revoke { origin, cut });
    // Written after the revocation, with a position from before it and an early stamp.
    let backdated = bent(&session.lab.stations[1].key, &gone, |header| {
        header.control = anabranch_core::changeset::ControlPosition {
            epoch: 0,
            number: 5,
        };
    });
    assert!(backdated.change.header().control < revoke.record.position);
    for order in [[&kept, &gone, &backdated], [&backdated, &gone, &kept]] {
        let state = state_after(&session.lab, &order, &backdated);
        assert!(matches!(state, State::Excluded(_)), "{state:?}");
    }
    one_state(&session.lab, &[&kept, &gone, &backdated]);
}

/// One Yrs item of text between two others, as bytes: lib0 v1.
fn item(client: u64, left: (u64, u64), right: (u64, u64), text: &str) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    let var = |bytes: &mut Vec<u8>, mut number: u64| {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    };
    var(&mut bytes, client);
    bytes.extend([0, 0x80 | 0x40 | 4]);
    for number in [left.0, left.1, right.0, right.1, text.len() as u64] {
        var(&mut bytes, number);
    }
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes
}

/// Trap 4: crooked origins make engines diverge without a word, so they are refused, the same in every
/// order.
#[test]
fn trap_4_crooked_origins_signed_by_a_member_are_refused_everywhere() {
    let mut session = Session::of(4, 2, markdown());
    let page = session.entity("markdown");
    let text = [type_at(0, 0, "abcdef")];
    session
        .write_at(0, NOW, "markdown", page, "body", &Draft::Body(&text))
        .unwrap();
    session.settle();
    let letter = [type_at(2, 0, "x")];
    session
        .write_at(1, NOW, "markdown", page, "body", &Draft::Body(&letter))
        .unwrap();
    let honest = session.flush(1).remove(0);
    let all = session.all();
    let base = &all[0];
    let client = |signed: &Signed| {
        let header = signed.change.header();
        let standing = session.lab.stations[0].replica.standing();
        let salt = standing
            .member(&header.chain.origin, u64::MAX)
            .unwrap()
            .salt;
        yrs_client(&header.chain, &header.document(), &salt)
    };
    let (a, m) = (client(base), client(&honest));
    let make = |left: u64, right: u64| {
        remade(&session.lab.stations[1].key, &honest, |_, payload| {
            *payload = item(m, (a, left), (a, right), "x");
        })
    };
    // Made by hand, but straight: it is what an honest engine writes.
    assert_eq!(
        make(1, 2).change.payload().bytes(),
        honest.change.payload().bytes()
    );
    for (left, right) in [(5, 2), (2, 2), (1, 4), (3, 1)] {
        let crooked = make(left, right);
        for order in [[base, &crooked], [&crooked, base]] {
            let state = state_after(&session.lab, &order, &crooked);
            assert!(
                matches!(state, State::Refused(Rule::Body(_))),
                "{left} {right}: {state:?}"
            );
        }
        one_state(&session.lab, &[base, &crooked, &honest]);
    }
}

/// Trap 4: a delete, or an overwrite, of what its author does not declare to have seen would be accepted
/// by who has it and refused by who has not.
#[test]
fn trap_4_what_is_not_in_the_declared_past_cannot_be_deleted_nor_overwritten() {
    let schemas = vec![
        catalogue::schema("markdown").unwrap(),
        catalogue::schema("task").unwrap(),
    ];
    let mut session = Session::of(5, 2, schemas);
    let (page, task) = (session.entity("markdown"), session.entity("task"));
    let text = [type_at(0, 0, "abcdef")];
    session
        .write_at(0, NOW, "markdown", page, "body", &Draft::Body(&text))
        .unwrap();
    session.ops_at(
        0,
        NOW,
        "task",
        task,
        &[put("status", "open"), add("labels", "l")],
    );
    session.settle();
    let bases = session.all();
    let gone = [type_at(1, 3, "")];
    session
        .write_at(1, NOW, "markdown", page, "body", &Draft::Body(&gone))
        .unwrap();
    session.ops_at(
        1,
        NOW,
        "task",
        task,
        &[put("status", "done"), remove("labels", "l")],
    );
    for honest in session.flush(1) {
        let part = honest.change.header().part.clone();
        let base = bases
            .iter()
            .find(|base| base.change.header().part == part)
            .unwrap();
        let forged = bent(&session.lab.stations[1].key, &honest, |header| {
            header.deps.clear()
        });
        for order in [[base, &forged], [&forged, base]] {
            let state = state_after(&session.lab, &order, &forged);
            assert!(matches!(state, State::Refused(_)), "{part}: {state:?}");
        }
        assert_eq!(
            state_after(&session.lab, &[base, &honest], &honest),
            State::Effective
        );
        one_state(&session.lab, &[base, &forged, &honest]);
    }
}

/// Trap 6: a gate that asks the engine gives other verdicts at other batch borders.
#[test]
fn trap_6_batch_borders_change_no_verdict() {
    let mut session = Session::new(6, 2);
    let task = session.entity("task");
    for round in 0..3 {
        let value = format!("{round}");
        session.record(
            0,
            "task",
            task,
            &[put("title", value.as_str()), splice("notes", 0, 0, "a")],
        );
        session.settle();
        session.record(
            1,
            "task",
            task,
            &[put("title", "b"), splice("notes", 0, 1, "bc")],
        );
        session.settle();
    }
    let all = session.all();
    let wanted = session.lab.stations[0].replica.digest();
    for borders in 0u32..1 << (all.len() - 1) {
        let mut replica = session.lab.empty_replica();
        let mut batch = Vec::new();
        for (at, signed) in all.iter().enumerate() {
            batch.push(verified(signed));
            if borders >> at & 1 == 1 || at + 1 == all.len() {
                let intake = replica.receive(NOW, std::mem::take(&mut batch));
                assert!(
                    states(&intake)
                        .iter()
                        .all(|state| *state == State::Effective)
                );
            }
        }
        assert_eq!(replica.digest(), wanted);
    }
}

/// Trap 11: one clock in 2099 drags nobody along, and a clock a day ahead loses none of its days.
#[test]
fn trap_11_a_clock_far_ahead_raises_nobody_elses_and_its_own_work_counts() {
    let mut session = Session::new(11, 3);
    let page = session.entity("page");
    let far = 4_070_908_800_000; // 2099
    session.ops_at(
        0,
        far,
        "page",
        page,
        &[put("title", "from 2099"), add("tags", "far")],
    );
    let sealed = session.flush(0);
    let (intake, refused) = session.lab.stations[1].receive(NOW, sealed);
    assert_eq!((states(&intake), refused), (vec![State::Effective], 0));
    session.ops_at(1, NOW, "page", page, &[put("title", "corrected")]);
    let stamp = session.flush(1)[0].change.header().hlc.millis();
    assert!(
        stamp <= NOW + 60_000,
        "raised by {} ms",
        stamp.saturating_sub(NOW)
    );
    // A day ahead, offline.
    for hour in 0..24 {
        let tag = format!("hour {hour}");
        session.ops_at(
            2,
            NOW + 86_400_000 + hour * 3_600_000,
            "page",
            page,
            &[add("tags", &tag)],
        );
    }
    session.settle();
    for station in &session.lab.stations {
        let document = station.replica.document(&page, "record").unwrap();
        assert_eq!(
            title(document).unwrap(),
            "corrected",
            "it had seen the other and replaces it"
        );
        assert_eq!(tags(document).len(), 25);
        assert_eq!(document.asides().count(), 0);
    }
}

/// Trap 12: a year after a subject was set, a member puts another with an early stamp, as if it had seen
/// nothing. It loses to the one that the orderer has numbered.
#[test]
fn trap_12_a_back_dated_write_replaces_no_write_once_value_that_was_numbered() {
    let mut session = Session::of(12, 2, vec![catalogue::schema("email").unwrap()]);
    let email = session.entity("email");
    session.ops_at(0, NOW, "email", email, &[put("subject", "first")]);
    let first = session.flush(0).remove(0);
    // The forger hides what it has seen.
    let early = session.write_at(
        1,
        1,
        "email",
        email,
        "record",
        &Draft::Record(&[put("subject", "forged")]),
    );
    early.unwrap();
    session.settled(email);
    for station in &session.lab.stations {
        let document = station.replica.document(&email, "record").unwrap();
        let EngineDoc::Record(record) = document.engine() else {
            panic!("no record")
        };
        let chain = document
            .graph()
            .chain(&first.change.header().chain)
            .unwrap();
        let numbered = record.project(&|at, seq| (at == chain && seq == 1).then_some(7));
        assert_eq!(numbered.get(&["subject"]), Some(&"first".into()));
        // Numbered later, it still loses.
        let both = record.project(&|at, _| Some(if at == chain { 7 } else { 8 }));
        assert_eq!(both.get(&["subject"]), Some(&"first".into()));
    }
}

/// Trap 16: a server that lost its disk and goes on under its old epoch forks; under a new one nothing is
/// lost.
#[test]
fn trap_16_a_server_origin_that_resumes_too_early_forks_and_under_a_new_epoch_does_not() {
    for new_epoch in [false, true] {
        let mut session = Session::of(16, 1, vec![catalogue::schema("campaign").unwrap()]);
        let server = session.lab.admit(Role::Server);
        let campaign = session.entity("campaign");
        let fields = session.lab.schemas()[0]
            .part("part.results")
            .unwrap()
            .fields()
            .unwrap()
            .clone();
        let counter = fields.keys().next().unwrap().clone();
        let count = |session: &mut Session, station: usize, by: i64| {
            let ops = [increment(&counter, by)];
            session
                .write_at(
                    station,
                    NOW,
                    "campaign",
                    campaign,
                    "part.results",
                    &Draft::Record(&ops),
                )
                .unwrap();
        };
        for _ in 0..4 {
            count(&mut session, server, 1);
        }
        session.settle();
        let restored = session.clone_station(server);
        count(&mut session, server, 10);
        if new_epoch {
            let pen = *session.lab.stations[restored].replica.pen().unwrap();
            session.lab.stations[restored].replica.take_pen(Pen {
                epoch: Epoch(1),
                ..pen
            });
        }
        count(&mut session, restored, 100);
        session.settle();
        let shown: Vec<_> = session
            .lab
            .stations
            .iter()
            .map(|station| view(station.replica.document(&campaign, "part.results").unwrap()))
            .collect();
        assert!(shown.iter().all(|view| *view == shown[0]));
        let Some(Value::Int(sum)) = shown[0].get(&[&counter]) else {
            panic!("no counter")
        };
        if new_epoch {
            assert_eq!(*sum, 114);
        } else {
            assert!(
                [14, 104].contains(sum),
                "one of the two counts, not both: {sum}"
            );
            let document = session.lab.stations[0]
                .replica
                .document(&campaign, "part.results")
                .unwrap();
            assert!(
                document
                    .asides()
                    .any(|aside| matches!(aside.state, State::Forked { .. }))
            );
        }
    }
}

/// A gateway's chain on behalf of a user, under a foreign client.
fn through(lab: &Lab, gateway: usize, lane: u16, author: UserId, client: u64) -> Hand {
    let chain = Chain {
        origin: origin(lab, gateway),
        epoch: Epoch(0),
        lane: Lane(lane),
    };
    Hand {
        chain,
        author,
        foreign: Some(Actor::Yrs(client)),
    }
}

/// What one browser typed through one gateway that knows nothing else.
fn typed(
    session: &Session,
    gateway: usize,
    hand: Hand,
    page: anabranch_core::id::EntityId,
    words: &[&str],
) -> Vec<Signed> {
    let mut document = session.blank("markdown", page, "body");
    words
        .iter()
        .zip(NOW..)
        .map(|(word, now)| {
            session.hand_write(
                &mut document,
                gateway,
                hand,
                now,
                &Draft::Body(&[type_at(0, 0, word)]),
            )
        })
        .collect()
}

/// Gives `all` and the records to an empty replica in an order and batches of the seed's choice.
fn shuffled(session: &Session, known: u64, all: &[Signed], seed: u64) -> Replica {
    let mut rng = Rng::new(seed);
    let mut items: Vec<Item> = all.iter().cloned().map(Item::Change).collect();
    let records = session.lab.control().line().skip(known as usize);
    let mut records: std::collections::VecDeque<_> = records.cloned().collect();
    rng.shuffle(&mut items);
    let mut replica = session.lab.replica_at(known);
    while !items.is_empty() || !records.is_empty() {
        if rng.one_in(4)
            && let Some(record) = records.pop_front()
        {
            replica.control_record(record).unwrap();
        }
        let count = (1 + rng.below(3)).min(items.len());
        let batch = items.drain(..count).map(|item| match item {
            Item::Change(signed) => verified(&signed),
            Item::Control(_) => panic!("no records here"),
        });
        replica.receive(NOW, batch.collect());
    }
    replica
}

/// Trap 21: a browser's client id comes through two gateways that know nothing of each other. Its clock
/// would begin twice; one chain counts, the same one everywhere, in every order.
#[test]
fn trap_21_of_two_gateways_under_one_foreign_client_one_counts_the_same_everywhere() {
    let mut firsts = [0, 0];
    for seed in 0..6 {
        let mut session = Session::of(seed, 1, markdown());
        let (left, right) = (
            session.lab.admit(Role::Gateway),
            session.lab.admit(Role::Gateway),
        );
        let page = session.entity("markdown");
        let user = session.lab.stations[0].user;
        let a = typed(
            &session,
            left,
            through(&session.lab, left, 0, user, 77),
            page,
            &["a1 ", "a2 ", "a3 "],
        );
        let b = typed(
            &session,
            right,
            through(&session.lab, right, 0, user, 77),
            page,
            &["b1 ", "b2 "],
        );
        // A member builds on the first.
        session.lab.stations[0].receive(NOW, a.clone());
        let on = [type_at(0, 0, "m ")];
        session
            .write_at(0, NOW + 9, "markdown", page, "body", &Draft::Body(&on))
            .unwrap();
        let m = session.flush(0);
        let all: Vec<Signed> = [a.clone(), b.clone(), m].concat();
        let digest = one_state(&session.lab, &all.iter().collect::<Vec<_>>());
        session.settle_with(&all);
        assert_eq!(
            session.lab.stations[0].replica.digest(),
            digest,
            "also where somebody built on one"
        );
        let replica = shuffled(&session, session.known(), &all, seed);
        let document = replica.document(&page, "body").unwrap();
        let a_first = a[0].change.id() < b[0].change.id();
        firsts[usize::from(a_first)] += 1;
        assert_eq!(
            plain(document).trim(),
            if a_first { "m a3 a2 a1" } else { "b2 b1" }
        );
        let loser = if a_first { &b } else { &a };
        let winner = if a_first { &a } else { &b };
        let state = |signed: &Signed| document.state_of(&signed.change.id()).unwrap();
        assert_eq!(
            state(&loser[0]),
            State::Forked {
                winner: winner[0].change.id()
            }
        );
        assert!(
            matches!(state(&loser[1]), State::Orphaned { .. }),
            "never silently"
        );
        assert_eq!(state(&winner[0]), State::Effective);
    }
    assert!(
        firsts[0] > 0 && firsts[1] > 0,
        "both cases were met: {firsts:?}"
    );
}

/// Trap 21: when the chain that counted is refused, the other one counts, in every order of records and
/// change sets.
#[test]
fn trap_21_when_the_one_that_counts_is_refused_the_other_counts() {
    for seed in 0..6 {
        let mut session = Session::of(seed, 1, markdown());
        let gateways: Vec<usize> = (0..3).map(|_| session.lab.admit(Role::Gateway)).collect();
        let page = session.entity("markdown");
        let user = session.lab.stations[0].user;
        let mut chains: Vec<Vec<Signed>> = gateways
            .iter()
            .map(|gateway| {
                let hand = through(&session.lab, *gateway, 0, user, 77);
                let name = format!("{gateway} ");
                typed(&session, *gateway, hand, page, &[&name, "+"])
            })
            .collect();
        chains.sort_by_key(|chain| chain[0].change.id());
        let all: Vec<Signed> = chains.concat();
        let known = session.known();
        for refused in &chains[..2] {
            let (slot, id) = (slot_of(&refused[0]), refused[0].change.id());
            let reason = RefuseReason::Policy("row".to_owned());
            session.lab.sign(ControlBody::Refuse { slot, id, reason });
        }
        let wanted = plain_of(&chains[2], &session, page);
        let mut digests = std::collections::BTreeSet::new();
        for order in 0..40 {
            let replica = shuffled(&session, known, &all, order);
            let document = replica.document(&page, "body").unwrap();
            assert_eq!(plain(document), wanted, "seed {seed}, order {order}");
            digests.insert(replica.digest());
        }
        assert_eq!(digests.len(), 1);
    }
}

fn plain_of(chain: &[Signed], session: &Session, page: anabranch_core::id::EntityId) -> String {
    let mut replica = session.lab.empty_replica();
    replica.receive(NOW, chain.iter().map(verified).collect());
    plain(replica.document(&page, "body").unwrap())
}

/// Trap 21, 8: a gateway that names a member's own client takes nothing from the member, whichever comes
/// first.
#[test]
fn trap_21_trap_8_a_derived_actor_goes_before_a_foreign_one_of_the_same_name() {
    for seed in 0..4 {
        let mut session = Session::of(seed, 1, markdown());
        let gateway = session.lab.admit(Role::Gateway);
        let page = session.entity("markdown");
        let words = [type_at(0, 0, "mine")];
        session
            .write_at(0, NOW, "markdown", page, "body", &Draft::Body(&words))
            .unwrap();
        let mine = session.flush(0);
        let header = mine[0].change.header();
        let standing = session.lab.stations[0].replica.standing();
        let salt = standing
            .member(&header.chain.origin, u64::MAX)
            .unwrap()
            .salt;
        let client = yrs_client(&header.chain, &header.document(), &salt);
        let user = session.lab.stations[0].user;
        // Two lanes of the gateway, both under the stolen name.
        let stolen: Vec<Signed> = (0..2)
            .flat_map(|lane| {
                let hand = through(&session.lab, gateway, lane, user, client);
                typed(&session, gateway, hand, page, &["stolen", "!"])
            })
            .collect();
        let all: Vec<&Signed> = mine.iter().chain(&stolen).collect();
        one_state(&session.lab, &all);
        let replica = shuffled(
            &session,
            session.known(),
            &all.into_iter().cloned().collect::<Vec<_>>(),
            seed,
        );
        assert_eq!(plain(replica.document(&page, "body").unwrap()), "mine");
    }
}

/// Trap 21: a gateway that took a member's client before the member wrote anything there does not keep
/// the member from writing, and what the member writes counts everywhere.
#[test]
fn trap_21_a_client_taken_before_its_owner_wrote_goes_back_to_its_owner() {
    let mut session = Session::of(5, 2, markdown());
    let gateway = session.lab.admit(Role::Gateway);
    let page = session.entity("markdown");
    let (pen, user) = (
        *session.lab.stations[0].replica.pen().unwrap(),
        session.lab.stations[0].user,
    );
    let standing = session.lab.stations[0].replica.standing();
    let salt = standing.member(&pen.origin, u64::MAX).unwrap().salt;
    let document = DocumentId::of(&page, "body");
    let client = yrs_client(&pen.chain(), &document, &salt);
    let stolen: Vec<Signed> = (0..2)
        .flat_map(|lane| {
            let hand = through(&session.lab, gateway, lane, user, client);
            typed(&session, gateway, hand, page, &["stolen", "!"])
        })
        .collect();
    session.settle_with(&stolen);
    let shown = |session: &Session, station: usize| {
        let replica = &session.lab.stations[station].replica;
        plain(replica.document(&page, "body").unwrap())
    };
    assert_eq!(shown(&session, 0).len(), "stolen!".len());
    for (word, after) in [("mine", "mine"), (" too", "mine too")] {
        let words = [type_at(after.len() as u32 - word.len() as u32, 0, word)];
        session
            .write_at(0, NOW, "markdown", page, "body", &Draft::Body(&words))
            .unwrap();
        assert_eq!(shown(&session, 0), after);
    }
    session.settle();
    assert_eq!(shown(&session, 1), "mine too");
    let all = session.all();
    one_state(&session.lab, &all.iter().chain(&stolen).collect::<Vec<_>>());
}

/// Trap 21: who goes on through another gateway in the middle of its clock is told to take a new id.
#[test]
fn trap_21_a_client_that_another_gateways_chain_has_cannot_be_gone_on_with() {
    let mut session = Session::of(3, 1, markdown());
    let (left, right) = (
        session.lab.admit(Role::Gateway),
        session.lab.admit(Role::Gateway),
    );
    let page = session.entity("markdown");
    let user = session.lab.stations[0].user;
    let mut document = session.blank("markdown", page, "body");
    let first = through(&session.lab, left, 0, user, 77);
    session.hand_write(
        &mut document,
        left,
        first,
        NOW,
        &Draft::Body(&[type_at(0, 0, "one")]),
    );
    let other = through(&session.lab, right, 0, user, 77);
    let draft = [type_at(3, 0, " two")];
    let refused =
        session.try_hand_write(&mut document, right, other, NOW + 1, &Draft::Body(&draft));
    assert!(refused.is_err(), "the same client under another chain");
    assert_eq!(plain(&document), "one");
    let anew = through(&session.lab, right, 1, user, 78);
    session.hand_write(&mut document, right, anew, NOW + 2, &Draft::Body(&draft));
    assert_eq!(plain(&document), "one two");
}

/// Trap 24: an erased payload is found nowhere, and the chain still verifies by its husks.
#[test]
fn trap_24_a_chain_of_husks_still_verifies_and_what_was_erased_is_gone() {
    let mut session = Session::new(24, 1);
    let page = session.entity("page");
    for title in ["before", "personal data", "after"] {
        session.title(0, page, title);
    }
    let mut chain = session.flush(0);
    chain[1].change.erase();
    let bytes = chain[1].encode();
    assert!(!bytes.windows(8).any(|window| window == b"personal"));
    let mut tip: Option<Tip> = None;
    for signed in &chain {
        let read = Signed::decode(&signed.encode()).unwrap();
        let change = verified(&read).change().clone();
        assert_eq!(change.header().follows(tip.as_ref()), Follows::Next);
        tip = Some(Tip::of(&change));
    }
    // A replica that gets the husk holds it and what stands on it: that is no verdict.
    let mut replica = session.lab.empty_replica();
    let intake = replica.receive(NOW, chain.iter().map(verified).collect());
    assert!(matches!(
        states(&intake)[..],
        [
            State::Effective,
            State::Held(Hold::Payload),
            State::Held(Hold::HeldDependency(_))
        ]
    ));
    assert_eq!(
        title(replica.document(&page, "record").unwrap()).unwrap(),
        "before"
    );
    assert_eq!(*chain[1].change.payload(), Payload::Erased);
}

/// TRAP-13: what only grows is pruned by a declared retention. No edit can take an entry out.
#[test]
fn trap_13_no_edit_expresses_the_pruning_of_a_log_and_retention_is_declared() {
    let schemas = vec![catalogue::schema("event").unwrap()];
    assert_eq!(schemas[0].spec().retention_days, Some(365));
    let mut session = Session::of(13, 2, schemas);
    let event = session.entity("event");
    for at in 0..3 {
        let one = entry("type", &format!("happened {at}"));
        session
            .write_at(
                at % 2,
                NOW,
                "event",
                event,
                "log.events",
                &Draft::Entry(&one),
            )
            .unwrap();
    }
    session.settle();
    let drafts: [Draft<'_>; 3] = [Draft::Undo, Draft::Record(&[]), Draft::Body(&[])];
    for draft in &drafts {
        assert!(
            session
                .write_at(0, NOW, "event", event, "log.events", draft)
                .is_err(),
            "{draft:?}"
        );
    }
    // A delete of the entity leaves its log as it is.
    session.ops_at(
        0,
        NOW,
        "event",
        event,
        &[anabranch_core::record::RecordOp::DeleteEntity],
    );
    session.settle();
    for station in &session.lab.stations {
        assert_eq!(
            entries(station.replica.document(&event, "log.events").unwrap()).len(),
            3
        );
    }
    // An entry that is excluded takes none of the others along: each stands alone.
    let first = session
        .all()
        .into_iter()
        .find(|s| s.change.header().part == "log.events")
        .unwrap();
    let (slot, id) = (slot_of(&first), first.change.id());
    session.lab.record(ControlBody::Refuse {
        slot,
        id,
        reason: RefuseReason::Quota,
    });
    let other = session.lab.stations[1]
        .replica
        .document(&event, "log.events")
        .unwrap();
    let shown = entries(other);
    assert!(!shown.is_empty() && shown.len() < 3, "{shown:?}");
}
