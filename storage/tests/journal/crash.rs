//! A power cut at every moment: whatever of the un-synced writes reached the disk, the store opens, and
//! nothing acknowledged is lost.
//!
//! `ANABRANCH_CRASH_IMAGES=200000` looks at more images, `ANABRANCH_CRASH_SEED=7` at others.

use crate::{
    all,
    disk::{Disk, Image, Step, torn},
    rows, setting,
};
use anabranch_core::{
    sim::Rng,
    store::{Position, Store},
};
use std::collections::BTreeSet;

/// A workload on a disk that remembers: its first bytes, what it was asked, and all rows.
struct Recorded {
    first: Image,
    steps: Vec<Step>,
    rows: Vec<Vec<u8>>,
}

fn record(rng: &mut Rng, appends: usize) -> Recorded {
    let disk = Disk::default();
    drop(disk.open().unwrap());
    let first = disk.state().image.clone();
    disk.state().log = Some(Vec::new());
    let mut store = disk.open().unwrap();
    let mut expected = Vec::new();
    for append in 0..appends {
        if append % 7 == 6 {
            drop(store);
            store = disk.open().unwrap();
        }
        let rows = rows(rng);
        let at = Position(expected.len() as u64);
        disk.note(Step::Begun(expected.len() + rows.len()));
        store.append(at, &rows).unwrap();
        expected.extend(rows);
        disk.note(Step::Acknowledged(expected.len()));
    }
    drop(store);
    let steps = disk.state().log.take().unwrap();
    Recorded {
        first,
        steps,
        rows: expected,
    }
}

/// What a power cut before step `cut` finds: what is on the disk for sure, what may be, and which ends
/// the journal may have.
fn cut(
    first: &Image,
    steps: &[Step],
    mut ends: BTreeSet<usize>,
) -> (Image, Vec<Step>, BTreeSet<usize>) {
    let mut sure = first.clone();
    let mut maybe: Vec<Step> = Vec::new();
    for step in steps {
        match step {
            Step::Write { .. } | Step::SetLen(..) => maybe.push(step.clone()),
            Step::Sync(part) => maybe
                .extract_if(.., |step| step.part() == Some(*part))
                .for_each(|step| sure.apply(&step)),
            Step::Begun(end) => {
                ends.insert(*end);
            }
            Step::Acknowledged(end) => ends = BTreeSet::from([*end]),
        }
    }
    (sure, maybe, ends)
}

/// What a journal that was opened on an image holds must be one of these prefixes.
fn judge(image: Image, rows: &[Vec<u8>], ends: &BTreeSet<usize>, what: &str) -> Disk {
    let disk = Disk::of(image);
    disk.state().log = Some(Vec::new());
    let store = disk.open();
    let store = store.unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    let had = all(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        ends.contains(&had.len()),
        "{what}: {} rows, not {ends:?}",
        had.len()
    );
    assert_eq!(had, rows[..had.len()], "{what}");
    // A power cut closes nothing: what closing writes is not on the disk that is left.
    let left = Disk::of(disk.state().image.clone());
    left.state().log = disk.state().log.take();
    drop(store);
    left
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_leaves_a_store_that_does_not_open() {
    let images_max = setting("ANABRANCH_CRASH_IMAGES", 6_000);
    let mut rng = Rng::new(setting("ANABRANCH_CRASH_SEED", 7) as u64);
    let (mut images, mut twice, mut open_commits, mut carried_out) = (0, 0, 0, 0);
    while images < images_max {
        let recorded = record(&mut rng, 24);
        let Recorded { first, steps, rows } = &recorded;
        for at in 0..=steps.len() {
            let (sure, maybe, ends) = cut(first, &steps[..at], BTreeSet::from([0]));
            let mut image = sure.clone();
            match rng.below(6) {
                0 => {}
                1 => maybe.iter().for_each(|step| image.apply(step)),
                _ => torn(maybe, &mut image, &mut rng),
            }
            let what = format!("power cut before step {at}");
            let disk = judge(image.clone(), rows, &ends, &what);
            images += 1;
            open_commits += usize::from(ends.len() > 1);
            // And once more, at some moment of the recovery.
            let recovery = disk.state().log.take().unwrap();
            let again = rng.below(recovery.len() + 1);
            let ends_now =
                BTreeSet::from([all(&Disk::of(disk.state().image.clone()).open().unwrap())
                    .unwrap()
                    .len()]);
            carried_out += usize::from(ends.len() > 1 && ends_now.last() == ends.last());
            let (mut image, maybe, _) = cut(&image, &recovery[..again], BTreeSet::new());
            torn(maybe, &mut image, &mut rng);
            judge(
                image,
                rows,
                &ends_now,
                &format!("{what}, and before step {again} of its recovery"),
            );
            images += 1;
            twice += 1;
        }
    }
    println!(
        "{images} images opened, {twice} of them cut off twice; {open_commits} cuts within a commit, \
         {carried_out} of these commits were carried out"
    );
    assert!(open_commits > images_max / 20 && carried_out > 0);
}
