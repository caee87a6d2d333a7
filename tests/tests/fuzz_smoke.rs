//! Every fuzz target, for some minutes, on stable Rust. What must hold is in the targets; here
//! stand how often, from which seed, and what is printed. See `fuzz/src/lib.rs`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use anabranch_fuzz::{Report, Rng, Target, Watch, drive, hex, set_meter, targets, unhex};
use anabranch_tests::repository;
use std::{
    collections::hash_map::RandomState, fs, hash::BuildHasher, process, sync::Mutex, thread,
    time::Duration,
};

/// How often each target is executed where the environment says nothing.
const EXECUTIONS: u64 = 200_000;
/// What an execution may take before the whole run is ended with its input printed. The bound of
/// 100 ms is held by the driver; this is for those that never end.
const NEVER_ENDS: Duration = Duration::from_secs(30);

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not `{value}`")),
    )
}

/// What showed a mistake once, and what reaches far.
fn known(target: &Target) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    for folder in ["fuzz/finds", "fuzz/corpus"] {
        // Not every target has a find.
        if let Ok(files) = fs::read_dir(repository::root().join(folder).join(target.name)) {
            let before = paths.len();
            paths.extend(files.map(|file| file.unwrap().path()));
            paths[before..].sort();
        }
    }
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_holds() {
    set_meter(|run| allocation_counter::measure(run).bytes_max);
    anabranch_fuzz::note_panics();
    let named = std::env::var("ANABRANCH_FUZZ_TARGET").ok();
    let mut wanted = targets();
    wanted.retain(|target| named.as_ref().is_none_or(|name| *name == target.name));
    assert!(!wanted.is_empty(), "there is no target {named:?}");
    if let Ok(input) = std::env::var("ANABRANCH_FUZZ_INPUT") {
        let input = unhex(&input).expect("ANABRANCH_FUZZ_INPUT is hexadecimal");
        let report = drive(&wanted[0], 0, 0, &[], &Watch::default());
        println!(
            "{} on {}: {:?}",
            report.name,
            hex(&input),
            (wanted[0].run)(&input)
        );
        return;
    }
    let seed =
        setting("ANABRANCH_FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0u8) >> 16);
    let executions = setting("ANABRANCH_FUZZ_EXECUTIONS").unwrap_or(EXECUTIONS);
    println!(
        "ANABRANCH_FUZZ_SEED={seed}, {executions} executions of each of {} targets",
        wanted.len()
    );

    // The longest first, so that both threads end at about the same time.
    wanted.sort_by_key(|target| !target.applies);
    let queue = Mutex::new(wanted.into_iter());
    let reports: Mutex<Vec<Report>> = Mutex::default();
    let watches = [Watch::default(), Watch::default()];
    thread::scope(|scope| {
        let workers: Vec<_> = watches
            .iter()
            .map(|watch| {
                let work = || {
                    while let Some(target) = next(&queue) {
                        let own = target
                            .name
                            .bytes()
                            .fold(seed, |seed, byte| Rng::new(seed ^ u64::from(byte)).next());
                        let known = known(&target);
                        assert!(!known.is_empty(), "{} has no corpus", target.name);
                        let report = drive(&target, executions, own, &known, watch);
                        println!("{report}");
                        reports.lock().unwrap().push(report);
                    }
                };
                thread::Builder::new()
                    .stack_size(2 << 20)
                    .spawn_scoped(scope, work)
                    .unwrap()
            })
            .collect();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
            for watch in &watches {
                if let Some((name, input)) = watch.longer_than(NEVER_ENDS) {
                    eprintln!("{name} does not end, seed {seed}: {input}");
                    println!("{name} does not end, seed {seed}: {input}");
                    process::exit(1);
                }
            }
        }
    });
    let reports = reports.into_inner().unwrap();
    let failed: Vec<_> = reports
        .iter()
        .filter(|report| report.failure.is_some())
        .map(|r| r.name)
        .collect();
    assert!(
        failed.is_empty(),
        "seed {seed}: {failed:?} failed, see above"
    );
    for report in reports
        .iter()
        .filter(|report| report.applies && report.executions >= 5_000)
    {
        let percent = report.applied_percent();
        assert!(
            percent >= 10.0,
            "{}: {percent:.1} % reach apply, 10 % are wanted",
            report.name
        );
    }
}

fn next(queue: &Mutex<std::vec::IntoIter<Target>>) -> Option<Target> {
    queue.lock().unwrap().next()
}
