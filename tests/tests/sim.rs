//! A thousand seeds of everything that goes wrong, on the catalogue; and whether the simulator would
//! notice if something were wrong.
//!
//! `ANABRANCH_SIM_SEEDS` says how many seeds, `ANABRANCH_SIM_SEED` from which on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use anabranch_core::{
    changeset::{Bundle, BundleItem, BundleWriter},
    id::{DocumentId, OriginId},
    schema::{Schema, catalogue},
    sim::{Failure, Fault, Faults, Fired, Report, Sim, invariant},
    store::Row,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    thread,
    time::Instant,
};

/// How often each fault has to have struck work in flight, over a thousand seeds.
const FIRED_MIN: u64 = 100;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not `{value}`")),
    )
}

/// Records, bodies of both layouts, logs.
fn schemas() -> Vec<Schema> {
    ["task", "page", "comment", "markdown"]
        .map(|kind| catalogue::schema(kind).unwrap())
        .to_vec()
}

/// Runs seeds on two threads, each on one.
fn run_all(
    seeds: std::ops::Range<u64>,
    run: impl Fn(u64) -> Result<Report, Box<Failure>> + Sync,
) -> (Vec<Report>, Vec<Failure>) {
    let queue = Mutex::new(seeds);
    let (held, broken) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(seed) = next else { break };
                    match run(seed) {
                        Ok(report) => held.lock().unwrap().push(report),
                        Err(failure) => {
                            println!("{failure}");
                            broken.lock().unwrap().push(*failure);
                        }
                    }
                }
            });
        }
    });
    (held.into_inner().unwrap(), broken.into_inner().unwrap())
}

#[test]
fn a_thousand_seeds_of_everything_that_goes_wrong_lose_nothing_and_agree() {
    let count = setting("ANABRANCH_SIM_SEEDS").unwrap_or(1_000);
    let from = setting("ANABRANCH_SIM_SEED").unwrap_or(0);
    let began = Instant::now();
    let run = |seed| Sim::new(schemas(), seed).devices(5).edits(200).run();
    let (held, broken) = run_all(from..from + count, run);
    println!("{count} seeds in {:?}", began.elapsed());
    let mut fired: BTreeMap<Fault, Fired> = BTreeMap::new();
    let mut checked: BTreeMap<String, u64> = BTreeMap::new();
    for report in &held {
        assert!(
            report.devices >= 5 && report.edits_made >= 200,
            "{report:?}"
        );
        for (fault, one) in &report.fired {
            let sum = fired.entry(*fault).or_default();
            sum.total += one.total;
            sum.in_flight += one.in_flight;
        }
        for (name, one) in &report.checked {
            *checked.entry(name.clone()).or_default() += one;
        }
    }
    for fault in Fault::ALL {
        let one = fired.get(fault).copied().unwrap_or_default();
        println!("{:>8} {:>8}  {}", one.total, one.in_flight, fault.name());
    }
    for (name, count) in &checked {
        println!("{count:>8}  {name}");
    }
    let seeds: Vec<u64> = broken.iter().map(|failure| failure.seed).collect();
    assert!(seeds.is_empty(), "these seeds break something: {seeds:?}");
    for name in invariant::ALL {
        let times = checked.get(*name).copied().unwrap_or(0);
        assert!(times >= count / 4, "{name} was checked {times} times");
    }
    // Fewer seeds, fewer faults: a part of them is expected all the same.
    let least = FIRED_MIN * count / 1_000;
    for fault in Fault::ALL {
        let struck = fired.get(fault).map_or(0, |fired| fired.in_flight);
        assert!(struck >= least, "{} struck {struck} times", fault.name());
    }
}

#[test]
fn the_same_seed_gives_the_same_run_byte_for_byte() {
    for seed in 0..3 {
        let run = || {
            Sim::new(schemas(), seed)
                .edits(60)
                .keep_events()
                .run()
                .unwrap()
        };
        let (one, two) = (run(), run());
        assert_eq!(one.events, two.events);
        assert_eq!(one, two);
        assert!(one.events.len() > 60);
        let other = Sim::new(schemas(), seed + 100).edits(60).run().unwrap();
        assert_ne!(one.event_log, other.event_log);
    }
}

/// Looks for a seed that breaks, among a few.
fn found(run: impl Fn(u64) -> Sim<'static>) -> Failure {
    let runs = (0..20).map(|seed| run(seed).edits(60).unshortened().run());
    *runs
        .filter_map(Result::err)
        .next()
        .expect("the planted fault is found")
}

#[test]
fn a_store_that_loses_an_acknowledged_row_is_found() {
    let failure = found(|seed| {
        let mut commits = 0;
        Sim::new(schemas(), seed).scribe(move |device, rows| {
            commits += usize::from(device == 1);
            let mut rows = rows.to_vec();
            let is_set = |row: &Vec<u8>| matches!(Row::decode(row), Ok(Row::ChangeSet(_)));
            if device == 1 && commits > 5 {
                // As many rows, one of them another.
                if let Some(at) = rows.iter().position(is_set) {
                    rows[at] = Row::Workspace {
                        workspace: anabranch_core::id::WorkspaceId([9; 16]),
                        founder: OriginId([9; 32]),
                    }
                    .encode();
                }
            }
            rows
        })
    });
    assert_eq!(failure.broken.invariant, invariant::KEPT, "{failure}");
}

/// A bundle without the change sets that are not let through.
fn without(
    bytes: &[u8],
    mut through: impl FnMut(&anabranch_core::changeset::Signed) -> bool,
) -> Vec<u8> {
    let Ok(bundle) = Bundle::open(bytes) else {
        return bytes.to_vec();
    };
    let mut writer = BundleWriter::new();
    for item in bundle.items() {
        match item {
            Ok(BundleItem::Schema(bytes)) => writer.schema(bytes).unwrap(),
            Ok(BundleItem::Control(bytes)) => writer.control(bytes).unwrap(),
            Ok(BundleItem::ChangeSet(signed)) if through(&signed) => {
                writer.change_set(&signed).unwrap();
            }
            Ok(BundleItem::ChangeSet(_)) => {}
            Err(_) => return bytes.to_vec(),
        }
    }
    writer.finish()
}

#[test]
fn a_device_that_drops_a_change_set_is_found() {
    let failure = found(|seed| {
        let mut victim = None;
        Sim::new(schemas(), seed)
            .faults(Faults::none())
            .link(move |to, bytes| {
                Some(without(&bytes, |signed| {
                    let id = signed.change.id();
                    let drop = to == 2 && *victim.get_or_insert(id) == id;
                    !drop
                }))
            })
    });
    assert_eq!(failure.broken.invariant, invariant::CALM, "{failure}");
}

/// Of two devices' work on one document, the one that comes first is taken: a merge that depends on
/// the order of arrival.
#[test]
fn a_merge_that_depends_on_the_order_of_arrival_is_found() {
    let failure = found(|seed| {
        let mut first: BTreeMap<(usize, DocumentId), OriginId> = BTreeMap::new();
        Sim::new(schemas(), seed)
            .faults(Faults::none())
            .link(move |to, bytes| {
                Some(without(&bytes, |signed| {
                    let header = signed.change.header();
                    let origin = header.chain.origin;
                    *first.entry((to, header.document())).or_insert(origin) == origin
                }))
            })
    });
    let names = BTreeSet::from([invariant::CALM, invariant::SAME_STATE, invariant::UNHARMED]);
    assert!(
        names.contains(failure.broken.invariant.as_str()),
        "{failure}"
    );
}
