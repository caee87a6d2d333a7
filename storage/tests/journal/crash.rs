//! A power cut at every moment: whatever of the un-synced writes reached the disk, the store opens, and
//! nothing acknowledged is lost, in the journal or of what is derived from it.
//!
//! `ANABRANCH_CRASH_IMAGES=1000000` looks at more images, `ANABRANCH_CRASH_SEED=7` at others.

use crate::{
    setting,
    workload::{Cut, judge, recorded},
};
use anabranch_core::sim::Rng;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

const IMAGES: usize = 100_000;
const WORKLOADS_MIN: usize = 200;
const CALLS: usize = 12;

#[derive(Debug, Default)]
struct Seen {
    images: usize,
    workloads: usize,
    migrations: usize,
    encrypted: usize,
    failures: usize,
    /// Cut off twice: in the recovery from the first cut.
    twice: usize,
    within_a_call: usize,
    carried_out: usize,
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_leaves_a_store_that_does_not_open() {
    let images_max = setting("ANABRANCH_CRASH_IMAGES", IMAGES);
    let seed = setting("ANABRANCH_CRASH_SEED", 7) as u64;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (seen, next) = (Mutex::new(Seen::default()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while seen.lock().unwrap().images < images_max {
                    let workload = next.fetch_add(1, Ordering::Relaxed);
                    let one = cut_everywhere(seed, workload as u64);
                    seen.lock().unwrap().add(&one);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    println!("{seen:?}");
    assert!(seen.workloads >= WORKLOADS_MIN * images_max / IMAGES);
    assert!(seen.within_a_call > seen.images / 4 && seen.carried_out > seen.images / 100);
    assert!(seen.migrations > seen.workloads / 8 && seen.encrypted > seen.workloads / 8);
    assert!(seen.failures > seen.workloads / 4);
}

impl Seen {
    fn add(&mut self, one: &Seen) {
        self.images += one.images;
        self.workloads += one.workloads;
        self.migrations += one.migrations;
        self.encrypted += one.encrypted;
        self.failures += one.failures;
        self.twice += one.twice;
        self.within_a_call += one.within_a_call;
        self.carried_out += one.carried_out;
    }
}

fn cut_everywhere(seed: u64, number: u64) -> Seen {
    let mut rng = Rng::new(seed ^ (number << 20));
    let workload = recorded(number, &mut rng, CALLS);
    let mut seen = Seen {
        workloads: 1,
        migrations: usize::from(workload.migrated),
        encrypted: usize::from(workload.key.is_some()),
        failures: workload.failures,
        ..Seen::default()
    };
    let mut cut = Cut::new(&workload.first);
    for (at, step) in workload.steps.iter().enumerate() {
        cut.after(step);
        let image = cut.image(&mut rng);
        let what = format!("seed {seed}, workload {number}, power cut after step {at}");
        let may = &workload.states[cut.from..=cut.to];
        let (disk, shown) = judge(image.clone(), &workload, may, &what);
        seen.images += 1;
        seen.within_a_call += usize::from(cut.to > cut.from);
        let (before, after) = (&workload.states[cut.from], &workload.states[cut.to]);
        seen.carried_out += usize::from(before != after && shown == *after);
        // And once more, at some moment of the recovery.
        let recovery = disk.state().log.take().unwrap();
        if recovery.is_empty() || rng.one_in(2) {
            continue;
        }
        let again_at = rng.below(recovery.len() + 1);
        let mut again = Cut::new(&image);
        let before = recovery[..again_at].iter();
        before.for_each(|step| again.after(step));
        let image = again.image(&mut rng);
        let what = format!("{what}, and after step {again_at} of its recovery");
        judge(image, &workload, &[shown], &what);
        seen.images += 1;
        seen.twice += 1;
    }
    seen
}
