//! A wrong belief of an application, planted: a stock that never falls below zero. The simulator finds
//! that it does, and tells how in a few steps; mended, a thousand seeds pass.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use anabranch_core::{
    record::RecordOp,
    schema::Schema,
    sim::{Action, Ask, Failure, Report, Rng, Sim, View},
    value::Value,
};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

const PLANTED: &str = include_str!("../sim/stock.toml");
const MENDED: &str = include_str!("../sim/stock-mended.toml");

/// How many steps a person reads without losing the thread.
const STORY_MAX: usize = 10;

/// A piece comes in, or one that is there is sold: whoever sells looks first.
fn shop(rng: &mut Rng, view: &View<'_>) -> Option<Action> {
    let items = view.entities("item");
    let ops = |by| {
        let field = vec!["stock".to_owned()];
        vec![RecordOp::Increment { field, by }]
    };
    let Some(item) = items.get(rng.below(items.len())) else {
        let item = view.new_entity(rng, "item");
        return Some(Action::record("item", item, ops(1)).called("puts a piece on the shelf"));
    };
    match view.int(item, &["stock"]) {
        stock if stock > 0 && !rng.one_in(3) => {
            Some(Action::record("item", *item, ops(-1)).called("sells a piece"))
        }
        _ => Some(Action::record("item", *item, ops(1)).called("puts a piece on the shelf")),
    }
}

/// Whoever sells has looked: there is a piece.
fn looks(action: &Action, view: &View<'_>) -> bool {
    match &action.ask {
        Ask::Record(ops) => {
            let sells = |op: &RecordOp| matches!(op, RecordOp::Increment { by, .. } if *by < 0);
            !ops.iter().any(sells) || view.int(&action.entity, &["stock"]) > 0
        }
        Ask::Body(_) | Ask::Entry(_) | Ask::Undo | Ask::Redo => true,
    }
}

fn never_below_zero(view: &View<'_>) -> Result<(), String> {
    for item in view.entities("item") {
        let stock = view.int(&item, &["stock"]);
        if stock < 0 {
            return Err(format!("{stock} pieces of item {item}"));
        }
    }
    Ok(())
}

fn planted(seed: u64) -> Result<Report, Box<Failure>> {
    Sim::new(vec![Schema::parse(PLANTED).unwrap()], seed)
        .devices(3)
        .edits(60)
        .workload(shop)
        .only_if(looks)
        .invariant("the stock is never below zero", never_below_zero)
        .run()
}

/// The numbers that a set holds.
fn numbers(view: &View<'_>, item: &anabranch_core::id::EntityId, field: &str) -> BTreeSet<String> {
    match view.field(item, &[field]) {
        Some(Value::List(all)) => all
            .iter()
            .map(|one| one.to_json().to_string().replace('"', ""))
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// The piece that a sale names.
fn piece(sale: &str) -> &str {
    sale.split(' ').next().unwrap()
}

fn mended_shop(rng: &mut Rng, view: &View<'_>) -> Option<Action> {
    let items = view.entities("item");
    let known = items.get(rng.below(items.len())).copied();
    let item = known.unwrap_or_else(|| view.new_entity(rng, "item"));
    let came = numbers(view, &item, "came");
    let sold = numbers(view, &item, "sold");
    let free = came
        .iter()
        .find(|number| !sold.iter().any(|sale| piece(sale) == *number));
    let (field, value, called) = match free.filter(|_| !rng.one_in(3)) {
        Some(number) => {
            let sale = format!("{number} {}", view.name());
            ("sold", Value::Text(sale), "sells a piece")
        }
        None => {
            let number = Value::Int((rng.next() >> 40) as i64);
            ("came", number, "puts a piece on the shelf")
        }
    };
    let field = vec![field.to_owned()];
    let ops = vec![RecordOp::Add { field, value }];
    Some(Action::record("item", item, ops).called(called))
}

/// What the schema does guarantee: whatever was sold had come.
fn sold_is_what_came(view: &View<'_>) -> Result<(), String> {
    for item in view.entities("item") {
        let came = numbers(view, &item, "came");
        for sale in numbers(view, &item, "sold") {
            if !came.contains(piece(&sale)) {
                return Err(format!(
                    "piece {sale} of item {item} was sold and never came"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn a_stock_below_zero_is_found_and_told_in_ten_steps() {
    let mut told = 0;
    for seed in 0..8 {
        let Err(failure) = planted(seed) else {
            continue;
        };
        println!("{failure}");
        assert_eq!(failure.broken.invariant, "the stock is never below zero");
        assert!(failure.story.len() <= STORY_MAX, "seed {seed}: {failure}");
        let sales = failure
            .story
            .iter()
            .filter(|line| line.contains("sells a piece"));
        assert!(sales.count() >= 2, "two people sell: {failure}");
        let again = planted(seed).unwrap_err();
        assert_eq!(again, failure, "the same seed, the same story");
        told += 1;
    }
    assert!(told >= 4, "found in {told} of 8 seeds");
}

#[test]
fn the_same_shop_mended_passes_a_thousand_seeds() {
    let next = AtomicU64::new(0);
    let sold = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= 1_000 {
                        break;
                    }
                    let run = Sim::new(vec![Schema::parse(MENDED).unwrap()], seed)
                        .devices(3)
                        .edits(20)
                        .workload(mended_shop)
                        .invariant("what was sold had come", sold_is_what_came)
                        .run();
                    let report = run.unwrap_or_else(|failure| panic!("{failure}"));
                    let checks = report.checked["what was sold had come"];
                    sold.fetch_add(checks, Ordering::Relaxed);
                }
            });
        }
    });
    let sold = sold.into_inner();
    assert!(sold > 30_000, "{sold} checks");
}
