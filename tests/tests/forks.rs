//! Stores that were copied write into the same slots, see each other's work, and go on. Whatever is
//! withheld and in whatever order the rest comes, every replica that has it says the same of each change
//! set. The trap: two forks that stand on each other's losing side, with one part missing, had two
//! stable answers, and which one a replica came to was the order of arrival.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    changeset::Signed,
    document::{Draft, State},
    id::{ChangeSetId, EntityId},
    replica::Replica,
    sim::Rng,
};
use common::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a replica shows, and what it says of each change set.
type Picture = ([u8; 32], BTreeMap<ChangeSetId, Option<State>>);

fn picture(replica: &Replica, all: &[&Signed]) -> Picture {
    let state = |signed: &&Signed| {
        let header = signed.change.header();
        let id = signed.change.id();
        let document = replica.document(&header.entity, &header.part);
        (id, document.and_then(|document| document.state_of(&id)))
    };
    (replica.digest(), all.iter().map(state).collect())
}

fn delivered(session: &Session, order: &[&Signed], rng: &mut Rng) -> Picture {
    let mut replica = session.lab.empty_replica();
    let mut at = 0;
    while at < order.len() {
        let end = (at + 1 + rng.below(3)).min(order.len());
        replica.receive(
            NOW,
            order[at..end].iter().map(|one| verified(one)).collect(),
        );
        at = end;
    }
    picture(&replica, order)
}

/// Copied stores of two members write `edits` times, seeing each other's work now and then.
fn forked(seed: u64, edits: usize) -> Session {
    let mut session = Session::new(seed, 2);
    let page = session.entity("page");
    for member in [0, 1] {
        session.clone_station(member);
        session.clone_station(member);
    }
    let mut rng = Rng::new(seed);
    for edit in 0..edits {
        let station = rng.below(session.lab.stations.len());
        write(&mut session, station, page, edit);
        let sealed = session.flush(station);
        for to in 0..session.lab.stations.len() {
            if to != station && rng.one_in(2) {
                session.lab.stations[to].receive(NOW, sealed.clone());
            }
        }
    }
    session
}

fn write(session: &mut Session, station: usize, page: EntityId, edit: usize) {
    let ops = [add("tags", &format!("{station} {edit}"))];
    // A store that learned of its copy may be told to go on under a new epoch.
    session
        .write_at(
            station,
            NOW + edit as u64,
            "page",
            page,
            "record",
            &Draft::Record(&ops),
        )
        .ok();
}

#[test]
fn whatever_is_withheld_every_order_says_the_same_of_every_fork() {
    let seeds = std::env::var("ANABRANCH_FORK_SEEDS").ok();
    let seeds: u64 = seeds.map_or(60, |seeds| seeds.parse().unwrap());
    let mut kinds = BTreeSet::new();
    for seed in 0..seeds {
        let mut session = forked(seed, 14);
        {
            let all = session.all();
            for withheld in 0..all.len() {
                let rest: Vec<&Signed> = all
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at != withheld)
                    .map(|(_, one)| one)
                    .collect();
                let mut first: Option<Picture> = None;
                for order in 0..4 {
                    let mut rng = Rng::new(order);
                    let mut rest = rest.clone();
                    rng.shuffle(&mut rest);
                    let now = delivered(&session, &rest, &mut rng);
                    let first = first.get_or_insert_with(|| now.clone());
                    assert_eq!(*first, now, "seed {seed}, without {withheld}");
                }
                for state in first.unwrap().1.into_values().flatten() {
                    kinds.insert(
                        format!("{state:?}")
                            .split([' ', '('])
                            .next()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
    }
    assert!(
        kinds.contains("Forked") && kinds.contains("Orphaned"),
        "{kinds:?}"
    );
}
