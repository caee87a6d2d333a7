//! What lists cost: 10,000 tasks, filtered and sorted from their projections' bytes; the same list
//! watched and counted while they change.
//!
//! ```text
//! cargo run --release -p anabranch-core --example query_tasks [TASKS]
//! ```

use anabranch_core::{
    hlc::Hlc,
    id::{EntityId, OriginId, UserId},
    projection::{Content, Part, Projection},
    query::{Query, field, text},
    record::{Life, Written},
    schema::catalogue,
    value::Value,
};
use std::{collections::BTreeMap, error::Error, hint::black_box, time::Instant};

/// A number that looks drawn by chance and is not (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

const STATUS: [&str; 5] = ["open", "doing", "blocked", "done", "dropped"];
const PRIORITY: [&str; 4] = ["low", "normal", "high", "urgent"];

/// A task as projects hold it: every field filled, comments, a kilobyte of notes.
fn task(number: u64, turn: u64) -> Projection {
    let chance = |of: u64| {
        mixed(
            number
                .wrapping_mul(64)
                .wrapping_add(of)
                .wrapping_add(turn << 40),
        )
    };
    let word = |words: &[&str], of: u64| {
        let at = usize::try_from(chance(of))
            .unwrap_or(0)
            .checked_rem(words.len());
        Value::from(at.and_then(|at| words.get(at)).copied().unwrap_or_default())
    };
    let day = |of: u64| {
        let days = i64::try_from(chance(of) % 1_000).unwrap_or_default();
        Value::Time(1_750_000_000_000 + days * 86_400_000)
    };
    let author = UserId([1; 16]);
    let random = mixed(number).to_le_bytes();
    let mut nonce = [0; 12];
    nonce
        .iter_mut()
        .zip(random)
        .for_each(|(to, from)| *to = from);
    let entity = EntityId::new(author, "task", nonce);
    let timeline = [
        ("due", day(1)),
        ("start", day(2)),
        ("blocked_by", Value::List(Vec::new())),
    ];
    let named = |fields: Vec<(&str, Value)>| -> BTreeMap<String, Value> {
        let owned = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        owned.collect()
    };
    let fields = named(vec![
        (
            "title",
            format!("Task {number}: mend weir {}", chance(3) % 1_000).into(),
        ),
        (
            "notes",
            "The boards are rotten on the left bank. ".repeat(25).into(),
        ),
        (
            "project",
            EntityId::new(author, "project", [9; 12]).to_string().into(),
        ),
        ("status", word(&STATUS, 4)),
        ("priority", word(&PRIORITY, 5)),
        ("assignee", format!("user-{}", chance(6) % 20).into()),
        ("estimate_minutes", Value::Int(30)),
        (
            "labels",
            Value::List(vec![
                word(&["mill", "weir"], 7),
                word(&["river", "sluice"], 8),
            ]),
        ),
        ("position", format!("{:016x}", chance(9)).into()),
        ("timeline", Value::Map(named(timeline.into()))),
    ]);
    let written = |millis| Written {
        hlc: Hlc::new(1_750_000_000_000 + millis, 0),
        origin: OriginId([2; 32]),
        author,
    };
    let part = |content| Part {
        schema_version: 1,
        changes: 12,
        first: Some(written(number)),
        last: Some(written(number + turn)),
        links: [EntityId::new(author, "project", [9; 12])].into(),
        cut: false,
        content,
    };
    let record = Content::Record {
        life: Life::Alive,
        fields,
        conflicts: [].into(),
    };
    let mut projection = Projection::new(entity, "task");
    projection.parts.insert("record".into(), part(record));
    let comments = Content::Log { entries: 3 };
    projection
        .parts
        .insert("log.comments".into(), part(comments));
    projection
}

/// The least of some runs, in milliseconds: what else the machine does only adds.
fn least<T>(mut run: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut least = f64::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        black_box(run()?);
        least = least.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(least)
}

fn main() -> Result<(), Box<dyn Error>> {
    let tasks: u64 = match std::env::args().nth(1) {
        Some(word) => word.parse()?,
        None => 10_000,
    };
    let schema = catalogue::schema("task").ok_or("the catalogue has tasks")?;
    let rows: Vec<Vec<u8>> = (0..tasks).map(|number| task(number, 0).encode()).collect();
    let bytes: usize = rows.iter().map(Vec::len).sum();
    println!("{tasks} tasks, {} KiB of projections", bytes >> 10);

    let open = field("status").ne("done") & field("status").ne("dropped");
    let query = Query::kind("task")
        .filter(open)
        .order_by("priority")
        .then("timeline.due")
        .then("title");
    let plans = [
        (
            "page of 50, filtered, three fields sorted by",
            query.clone().limit(50),
        ),
        ("all, filtered, three fields sorted by", query.clone()),
        (
            "all, unfiltered, by title",
            Query::kind("task").order_by("title"),
        ),
        (
            "page of 50, any text",
            Query::kind("task").filter(text("Bank. weir 99")).limit(50),
        ),
    ];
    for (name, query) in plans {
        let plan = query.check([&schema])?;
        let run = least(|| Ok(plan.run(&rows)?))?;
        let decoded = least(|| Ok(plan.run(&rows)?.projections()?))?;
        let page = plan.run(&rows)?;
        println!(
            "{name}: {run:.2} ms, with its {} rows decoded {decoded:.2} ms, of {} found",
            page.rows.len(),
            page.total
        );
    }

    for (name, query) in [
        ("all", query.clone()),
        ("page of 50", query.clone().limit(50)),
    ] {
        let (mut watching, list) = query.check([&schema])?.watch(&rows)?;
        let changes: Vec<_> = (0..tasks).map(|number| task(number, 1)).collect();
        let (mut told, mut reruns) = (0usize, 0usize);
        let start = Instant::now();
        for row in changes {
            let update = watching.update(&[(row.entity, Some(row))]);
            told += update.differences.len();
            reruns += usize::from(update.rerun);
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / tasks as f64;
        println!(
            "watched, {name} ({} rows): {each:.1} us a change, {told} differences, {reruns} reruns asked",
            list.len()
        );
    }

    let mut kept = query.aggregate(Some("status"), Some("estimate_minutes"), [&schema])?;
    let start = Instant::now();
    for row in &rows {
        kept.update(None, Some(row))?;
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / tasks as f64;
    println!(
        "counted by status: {each:.2} us a change, {} groups",
        kept.figures().count()
    );
    Ok(())
}
