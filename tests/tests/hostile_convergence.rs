//! Members and gateways with valid keys write crooked updates, crafted changes and bent headers
//! beside honest ones. Replicas that hold the same change sets are in the same state all the same,
//! and agree on the state of each, whatever the order and the batches in which they came.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use anabranch_core::{
    body::{BodyOp, BodyView},
    changeset::Verified,
    document::{Draft, EngineDoc, State},
    id::{ChangeSetId, EntityId, ViewId},
    replica::Replica,
    sim::Rng,
};
use anabranch_fuzz::scenario::Scenario;
use common::{NOW, Session, permutations};
use std::collections::BTreeMap;

/// What a replica says of its change sets, and its digest.
type Picture = ([u8; 32], BTreeMap<ChangeSetId, State>);

fn picture(replica: &Replica, scenario: &Scenario) -> Picture {
    let all = scenario.base.iter().chain(&scenario.beside);
    let state = |one: &Verified| {
        let header = one.change().header();
        let document = replica.document(&header.entity, &header.part);
        document.and_then(|document| document.state_of(&one.change().id()))
    };
    let states = all
        .filter_map(|one| Some((one.change().id(), state(one)?)))
        .collect();
    (replica.digest(), states)
}

fn delivered(scenario: &Scenario, order: &[&Verified], rng: &mut Rng) -> Picture {
    let mut replica = scenario.replica();
    let mut at = 0;
    while at < order.len() {
        let end = (at + 1 + rng.below(4)).min(order.len());
        let batch = order[at..end].iter().map(|one| (*one).clone()).collect();
        let intake = replica.receive(NOW, batch);
        assert!(intake.dropped.is_empty());
        at = end;
    }
    picture(&replica, scenario)
}

fn agree(seed: u64, pictures: &mut Option<Picture>, now: Picture, what: &str) {
    let first = pictures.get_or_insert_with(|| now.clone());
    let differ = |(id, state): &(&ChangeSetId, &State)| now.1.get(*id) != Some(*state);
    let differing: Vec<_> = first.1.iter().filter(differ).collect();
    let others: Vec<_> = differing.iter().map(|(id, _)| now.1.get(*id)).collect();
    assert!(
        differing.is_empty(),
        "seed {seed}: {what}: {differing:?}, but {others:?}"
    );
    assert_eq!(first.0, now.0, "seed {seed}: {what} gives another digest");
}

/// How the states of many scenarios are spread.
#[derive(Default)]
struct Spread(BTreeMap<&'static str, usize>);

impl Spread {
    fn add(&mut self, states: &BTreeMap<ChangeSetId, State>) {
        for state in states.values() {
            let name = match state {
                State::Effective => "effective",
                State::Held(_) => "held",
                State::Refused(_) => "refused",
                State::Excluded(_) => "excluded",
                State::Forked { .. } => "forked",
                State::Orphaned { .. } => "orphaned",
                State::Stuck => panic!("the engine stopped"),
            };
            *self.0.entry(name).or_default() += 1;
        }
    }
}

#[test]
fn every_order_of_five_hostile_and_honest_change_sets_gives_one_state() {
    let (mut spread, mut bent) = (Spread::default(), 0);
    for seed in 0..24 {
        let scenario = Scenario::new(seed, 5);
        bent += scenario.bent;
        let mut rng = Rng::new(seed);
        let mut first = None;
        for order in permutations(scenario.beside.len()) {
            let beside = order.iter().map(|at| &scenario.beside[*at]);
            let order: Vec<&Verified> = scenario.base.iter().chain(beside).collect();
            let now = delivered(&scenario, &order, &mut rng);
            agree(seed, &mut first, now, "another order");
        }
        spread.add(&first.unwrap().1);
    }
    println!("{bent} bent change sets, {:?}", spread.0);
    assert!(spread.0["effective"] > 20 && spread.0["refused"] > 5 && spread.0["forked"] > 2);
}

#[test]
fn any_order_and_any_batches_of_many_hostile_change_sets_give_one_state() {
    let scenarios = std::env::var("ANABRANCH_HOSTILE_SCENARIOS").ok();
    let scenarios: u64 = scenarios.map_or(120, |count| count.parse().unwrap());
    let (mut spread, mut bent) = (Spread::default(), 0);
    let from = std::env::var("ANABRANCH_HOSTILE_SEED").ok();
    let from: u64 = from.map_or(1_000, |seed| seed.parse().unwrap());
    for seed in from..from + scenarios {
        let scenario = Scenario::new(seed, 12);
        bent += scenario.bent;
        let mut first = None;
        for order in 0..6 {
            let mut rng = Rng::new(order);
            let mut all: Vec<&Verified> = scenario.base.iter().chain(&scenario.beside).collect();
            rng.shuffle(&mut all);
            let now = delivered(&scenario, &all, &mut rng);
            agree(seed, &mut first, now, "another order");
        }
        spread.add(&first.unwrap().1);
    }
    println!("{bent} bent change sets, {:?}", spread.0);
}

/// What stands in a page's first block, as two replicas show it after each took in the other's.
fn shown(replica: &Replica, page: &EntityId) -> String {
    let document = replica.document(page, "body").unwrap();
    let EngineDoc::Body(body) = document.engine() else {
        panic!("a body")
    };
    match body.content() {
        BodyView::Tree(nodes) => format!("{nodes:?}"),
        BodyView::Text(_) => panic!("a tree"),
    }
}

fn types(session: &mut Session, station: usize, page: EntityId, text: &str) {
    let ops = [BodyOp::Splice {
        text: vec![0],
        at: 0,
        delete: 0,
        insert: text.to_owned(),
        marks: None,
    }];
    let replica = &mut session.lab.stations[station].replica;
    replica
        .write(
            NOW + 60_000,
            "page",
            page,
            "body",
            ViewId(0),
            &Draft::Body(&ops),
        )
        .unwrap();
}

/// The bare engine answers Ok to everything here, and shows a hybrid of both with equal state vectors.
#[test]
fn two_stores_under_one_client_are_a_fork_and_never_a_hybrid() {
    for (seed, (one, two)) in (0..).zip([("AAAA", "BBBB"), ("AAAA", "BB"), ("AA", "BBBBBB")]) {
        let mut session = Session::new(seed, 2);
        let page = session.entity("page");
        session.type_into(0, page, "-", &mut Rng::new(0));
        session.settle();
        let copy = session.clone_station(0);
        types(&mut session, 0, page, one);
        types(&mut session, copy, page, two);
        let sent = [session.flush(0), session.flush(copy)].concat();
        session.settle_with(&sent);
        let mut shows = std::collections::BTreeSet::new();
        for station in &session.lab.stations {
            let document = station.replica.document(&page, "body").unwrap();
            let states: Vec<_> = sent
                .iter()
                .map(|one| document.state_of(&one.change.id()).unwrap())
                .collect();
            assert!(states.contains(&State::Effective), "{states:?}");
            assert!(
                states
                    .iter()
                    .any(|state| matches!(state, State::Forked { .. })),
                "never silent: {states:?}"
            );
            shows.insert((station.replica.digest(), shown(&station.replica, &page)));
        }
        assert_eq!(shows.len(), 1, "{shows:?}");
        let text = &shows.first().unwrap().1;
        assert!(
            text.contains(&format!("{one}-")) != text.contains(&format!("{two}-")),
            "{text}"
        );
    }
}

/// The bare engine drops what the restored device writes, since it counts as known.
#[test]
fn a_device_restored_from_a_backup_is_seen_and_loses_nothing_of_the_others() {
    let mut session = Session::new(9, 2);
    let page = session.entity("page");
    session.type_into(0, page, "one ", &mut Rng::new(0));
    session.settle();
    let restored = session.clone_station(0);
    types(&mut session, 0, page, "two ");
    session.settle();
    let before: Vec<String> = (0..2)
        .map(|at| shown(&session.lab.stations[at].replica, &page))
        .collect();
    // The restored store has not seen "two " and writes in its place.
    let mut other = session.lab.stations.remove(restored);
    let mut alone = session.lab.empty_replica();
    alone.receive(
        NOW,
        session.all().iter().take(1).map(common::verified).collect(),
    );
    alone.take_pen(*other.replica.pen().unwrap());
    other.replica = alone;
    session.lab.stations.push(other);
    types(&mut session, restored, page, "THREE ");
    let sent = session.flush(restored);
    session.settle();
    for station in &session.lab.stations {
        let document = station.replica.document(&page, "body").unwrap();
        let forked = document
            .asides()
            .filter(|aside| matches!(aside.state, State::Forked { .. }))
            .count();
        assert_eq!(forked, 1, "seen by everybody, the restored device too");
        let text = shown(&station.replica, &page);
        assert!(
            text.contains("two ") != text.contains("THREE "),
            "one of both counts until a ruling: {text}"
        );
        assert_eq!(
            station.replica.digest(),
            session.lab.stations[0].replica.digest()
        );
    }
    assert_eq!(before[0], before[1]);
    assert_eq!(sent.len(), 1);
}
