//! What the fuzz targets have found. Each file in `fuzz/finds/` is an input that showed a mistake;
//! here stands what was wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use anabranch_fuzz::{Reached, Target, change_set, targets};
use anabranch_tests::repository;
use std::{fs, path::PathBuf};

fn finds() -> PathBuf {
    repository::root().join("fuzz/finds")
}

fn replayed(target: &Target, find: &str) -> Reached {
    let input = fs::read(finds().join(target.name).join(find)).unwrap();
    (target.run)(&input)
}

fn named(name: &str) -> Target {
    let mut all = targets().into_iter();
    all.find(|target| target.name == name).unwrap()
}

/// An update that deletes and inserts far apart was packed into 37 bytes, where 36 carry it raw: the
/// packer asked whether its form comes back, and not whether it is worth it.
#[test]
fn the_compact_form_of_an_update_was_longer_than_the_update_carried_raw() {
    let find = "compact-form-longer-than-raw";
    assert_eq!(replayed(&named("wire_yrs"), find), Reached::Judged);
}

/// A chain gets its index in the gate when its first change set counts, and is judged under the next
/// free one. The first writer judged under an index was bound to it for good, so whoever came after
/// a refused one was refused too: here, and not on a replica that had never seen the refused one.
#[test]
fn a_refused_first_change_set_of_a_gateway_took_the_next_author_s_place_in_the_record_gate() {
    next_author_counts("refused-writer-stayed-in-the-record-gate");
}

/// The same in the gate of bodies, with the client that writes.
#[test]
fn a_refused_first_change_set_of_a_gateway_took_the_next_author_s_place_in_the_body_gate() {
    next_author_counts("refused-writer-stayed-in-the-body-gate");
}

fn next_author_counts(find: &str) {
    let target = change_set::TARGET;
    let reached = replayed(&target, find);
    assert!(matches!(reached, Reached::Rejected(_)), "{reached:?}");
    // The same replica takes in what an author honestly writes first in the same document.
    let world = fs::read(finds().join(target.name).join(find)).unwrap()[..1].to_vec();
    let mut seeds = (target.seeds)().into_iter();
    let honest = seeds.find(|input| input.starts_with(&world)).unwrap();
    assert_eq!((target.run)(&honest), Reached::Applied);
}

#[test]
fn every_find_has_its_story() {
    let mut without = Vec::new();
    let mut count = 0;
    for target in targets() {
        let Ok(files) = fs::read_dir(finds().join(target.name)) else {
            continue;
        };
        for file in files {
            let name = file.unwrap().file_name().into_string().unwrap();
            count += 1;
            if !include_str!("finds.rs").contains(&format!("\"{name}\"")) {
                without.push(name);
            }
        }
    }
    assert!(count > 2, "the finds were not found");
    assert!(without.is_empty(), "{without:?}");
}
