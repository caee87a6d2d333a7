//! Members and gateways with valid keys write crooked updates, crafted changes and bent headers
//! beside honest ones. Replicas that hold the same change sets are in the same state all the same,
//! and agree on the state of each, whatever the order and the batches in which they came.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod common;

use anabranch_core::{
    changeset::Verified,
    document::State,
    id::ChangeSetId,
    replica::Replica,
    sim::Rng,
};
use anabranch_fuzz::scenario::Scenario;
use common::{NOW, permutations};
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
    let states = all.filter_map(|one| Some((one.change().id(), state(one)?))).collect();
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
    for (id, state) in &first.1 {
        // Why one does not count may be said by what came first: it lost its slot, or would be
        // refused there too. Whether it counts may not.
        let counts = |state: Option<&State>| state == Some(&State::Effective);
        let other = now.1.get(id);
        assert_eq!(counts(other), counts(Some(state)), "seed {seed}: {what}: {id:?} {state:?} {other:?}");
    }
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
    for seed in 1_000..1_000 + scenarios {
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
