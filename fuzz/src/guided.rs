//! The programs in `fuzz_targets/`, one for each target.

use crate::{Reached, Rng, Target, drive, targets};
use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// The whole of the program that bears a target's name. `cargo fuzz` builds it with
/// `--cfg fuzzing`, and libFuzzer drives it. Every other build executes the files that are named as
/// its arguments, which is how a find is replayed without a fuzzer.
///
/// What libFuzzer links to is unsafe code of its own macros, not of ours: no lint is lifted here.
#[macro_export]
macro_rules! program {
    () => {
        #[cfg(fuzzing)]
        ::libfuzzer_sys::fuzz_target!(init: $crate::guided::begin(env!("CARGO_BIN_NAME")), |input: &[u8]| {
            $crate::guided::execute(env!("CARGO_BIN_NAME"), input);
        });

        #[cfg(fuzzing)]
        ::libfuzzer_sys::fuzz_mutator!(
            |bytes: &mut [u8], len: usize, len_max: usize, seed: u32| {
                let other = $crate::guided::mutate(env!("CARGO_BIN_NAME"), &bytes[..len], len_max, seed);
                match other {
                    Some(other) => {
                        bytes[..other.len()].copy_from_slice(&other);
                        other.len()
                    }
                    None => ::libfuzzer_sys::fuzzer_mutate(bytes, len, len_max),
                }
            }
        );

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::guided::replay(env!("CARGO_BIN_NAME"))
        }
    };
}

fn target(name: &str) -> Target {
    let named = targets().into_iter().find(|target| target.name == name);
    named.unwrap_or_else(|| panic!("there is no target `{name}`"))
}

/// Takes back the fuzzer's wish to end at every panic: those of the engines, which core catches, are
/// no finds. And makes what all executions share, so that the first does not seem to hang.
pub fn begin(name: &str) {
    drop(std::panic::take_hook());
    drive::note_panics();
    execute(name, &honest(name, &mut Rng::new(0)));
}

/// Executes one input. What does not hold ends in a panic, after saying where it was.
pub fn execute(name: &str, input: &[u8]) -> Reached {
    let target = target(name);
    let caught = drive::driving(|| catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    caught.unwrap_or_else(|panic| {
        eprintln!("{name} {}", drive::described(panic.as_ref()));
        resume_unwind(panic)
    })
}

/// An input made from another as its target makes them, or now and then an honest one; none for
/// every second seed and where there is no room: the fuzzer's own mutation does it then.
pub fn mutate(name: &str, input: &[u8], len_max: usize, seed: u32) -> Option<Vec<u8>> {
    let mut rng = Rng::new(u64::from(seed));
    let made = match rng.below(200) {
        // The fuzzer begins with next to nothing where it has no corpus.
        at if at == 0 || input.len() < 2 => Some(honest(name, &mut rng)),
        1..100 => Some((target(name).mutate)(&mut rng, input)),
        _ => None,
    };
    made.filter(|made| made.len() <= len_max)
}

fn honest(name: &str, rng: &mut Rng) -> Vec<u8> {
    thread_local! {
        static SEEDS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    SEEDS.with_borrow_mut(|seeds| {
        if seeds.is_empty() {
            *seeds = (target(name).seeds)();
        }
        seeds[rng.below(seeds.len())].clone()
    })
}

/// Executes the files that are named on the command line, and says how far each came.
///
/// # Errors
/// Where a file cannot be read.
pub fn replay(name: &str) -> std::io::Result<()> {
    drive::note_panics();
    for path in std::env::args_os().skip(1) {
        let reached = execute(name, &std::fs::read(&path)?);
        println!("{}: {reached:?}", path.display());
    }
    Ok(())
}
