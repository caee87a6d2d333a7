//! Yrs updates against bodies of both layouts.
//!
//! An input is a world, a form and bytes.

use super::bend;
use crate::{
    Reached, Target, bytes,
    form::update::{Update, dressed},
    harmless,
    world::{Judging, World},
};
use anabranch_core::{id::Actor, sim::Rng};
use std::cell::RefCell;

/// The target.
pub const TARGET: Target = Target {
    name: "body",
    what: "a Yrs update, judged, applied, saved, loaded, edited and saved again",
    applies: true,
    run,
    seeds,
    mutate,
    end,
};

/// Client and clock become those of the place.
pub const DRESSED: u8 = 1;

/// How many worlds there are.
pub const WORLDS: usize = 6;

thread_local! {
    static STAND: RefCell<Vec<Stand>> = RefCell::new(stands());
}

struct Stand {
    judging: Judging,
    client: u64,
    clock: u64,
    /// Every client with its next clock.
    clocks: Vec<(u64, u64)>,
}

fn stands() -> Vec<Stand> {
    let layouts = [
        ("markdown", 0),
        ("markdown", 8),
        ("markdown", 14),
        ("page", 0),
        ("page", 8),
        ("page", 14),
    ];
    (0u64..)
        .zip(layouts)
        .map(|(seed, (kind, rounds))| {
            let mut rng = Rng::new(51 + seed);
            let judging = Judging::new(World::new(seed, kind, "body"), &mut rng, rounds, 80);
            let mut clocks = std::collections::BTreeMap::new();
            for kept in &judging.world.base {
                let update = kept.change.payload().bytes().and_then(Update::parse);
                if let Some(update) = update.filter(|update| !update.blocks.is_empty()) {
                    let end = clocks.entry(update.client).or_insert(0);
                    *end = update.clock + update.units();
                }
            }
            let writer = judging
                .world
                .writer(crate::world::AUTHOR, judging.header.engine);
            let Actor::Yrs(client) = writer.actor else {
                unreachable!("a body's writer is a client")
            };
            let clock = clocks.get(&client).copied().unwrap_or(0);
            Stand {
                judging,
                client,
                clock,
                clocks: clocks.into_iter().collect(),
            }
        })
        .collect()
}

/// What an input sends, and in which world.
pub fn payload(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    let [world, form, bytes @ ..] = input else {
        return None;
    };
    let at = usize::from(*world) % WORLDS;
    let payload = STAND.with_borrow(|stands| {
        let Stand { client, clock, .. } = stands[at];
        let dressed = (form & DRESSED != 0)
            .then(|| dressed(bytes, client, clock))
            .flatten();
        dressed.unwrap_or_else(|| bytes.to_vec())
    });
    Some((at, payload))
}

/// Every form in which bytes are sent: as they are and as the author's own; in every world.
pub fn sending(bytes: &[u8]) -> Vec<Vec<u8>> {
    let worlds = 0..WORLDS as u8;
    worlds
        .flat_map(|world| [0, DRESSED].map(|form| [&[world, form], bytes].concat()))
        .collect()
}

/// The author's client and next clock in each world.
pub fn authors() -> Vec<(u64, u64)> {
    STAND.with_borrow(|stands| {
        stands
            .iter()
            .map(|stand| (stand.client, stand.clock))
            .collect()
    })
}

fn run(input: &[u8]) -> Reached {
    let Some((at, payload)) = payload(input) else {
        return Reached::Rejected("no-input");
    };
    STAND.with_borrow_mut(|stands| super::pass(&mut stands[at].judging, &payload))
}

fn end() {
    let all = STAND.with_borrow_mut(std::mem::take);
    all.into_iter()
        .for_each(|stand| harmless::untouched(stand.judging));
    STAND.set(stands());
}

fn seeds() -> Vec<Vec<u8>> {
    STAND.with_borrow(|stands| {
        let all = stands.iter().enumerate().flat_map(|(at, stand)| {
            stand
                .judging
                .honest
                .iter()
                .map(move |payload| [&[at as u8, 0], payload.as_slice()].concat())
        });
        all.collect()
    })
}

/// Of ten, seven keep the structure, three change bytes.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let (mut world, mut form, bytes) = match input {
        [world, form, bytes @ ..] => (*world, *form, bytes),
        _ => (0, DRESSED, input),
    };
    if rng.one_in(20) {
        world = rng.next() as u8;
        form |= DRESSED;
    }
    let made = Update::parse(bytes)
        .filter(|_| rng.below(10) < 7)
        .map(|mut update| {
            STAND.with_borrow(|stands| {
                let stand = &stands[usize::from(world) % WORLDS];
                bend::structure(rng, &mut update, &stand.clocks, stand.client, stand.clock);
            });
            update.encode()
        });
    let bytes = made.unwrap_or_else(|| {
        let mut bytes = bytes.to_vec();
        bytes::mutate(rng, &mut bytes);
        bytes
    });
    [&[world, form], bytes.as_slice()].concat()
}
