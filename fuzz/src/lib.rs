//! Fuzz targets: every decoder that meets foreign bytes, and every way from bytes to a document.
//!
//! A [`Target`] is a function from bytes to what they reached. After every execution it has checked
//! what must hold: the verdict has a type; unless the bytes were accepted the document is as before;
//! accepted or not it obeys its schema, can be edited, saved and loaded again. What does not hold
//! is a panic, and a panic is a find.
//!
//! Checksums, hashes and signatures are repaired inside the targets, as an author with a valid key
//! would send them: otherwise nothing behind the first hash is ever reached.
//!
//! # On stable Rust
//! `cargo test -p anabranch-tests --test fuzz_smoke -- --nocapture` runs all targets for some
//! minutes, with a new seed each time, which it prints. `ANABRANCH_FUZZ_SEED=n` runs the same
//! again, `ANABRANCH_FUZZ_EXECUTIONS=n` sets how often each target is executed,
//! `ANABRANCH_FUZZ_TARGET=name` runs one of them alone, and `ANABRANCH_FUZZ_INPUT=hex` gives that
//! one a single input.
//!
//! Its mutations are not guided by coverage.
//!
//! # Guided by coverage
//! `cargo +nightly fuzz run <target> <new> fuzz/corpus/<target>` drives the same function with
//! libFuzzer, which mutates as the target does and in its own ways, and keeps in the folder `<new>`
//! what reaches something new. See [`program`].
//!
//! # What was found
//! `corpus/<target>/` holds a few small inputs that reach far, under the names that libFuzzer gives
//! (the SHA-1 of their bytes). `finds/<target>/` holds those that showed a mistake, each with the
//! test that tells its story. The smoke executes all of them before it mutates anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness that cannot go on has found something, and a panic is how it says so"
)]

mod bytes;
pub mod crafted;
mod decoders;
mod drive;
mod form;
pub mod guided;
mod harmless;
mod meter;
mod obeys;
mod pipelines;
pub mod scenario;
mod stock;
mod world;

pub use anabranch_core::sim::Rng;
pub use drive::{ALLOWED_BYTES, ALLOWED_TIME, Failure, Report, Watch, attack, drive, note_panics};
pub use meter::{Meter, set_meter};
pub use pipelines::{body, change_set, record};

/// How far an input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// It was refused, by this rule.
    Rejected(&'static str),
    /// It was read, or judged without being applied: held, or in a taken slot.
    Judged,
    /// It was accepted and applied, and everything after that held.
    Applied,
}

/// One thing to be fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also that of its corpus.
    pub name: &'static str,
    /// What it exercises.
    pub what: &'static str,
    /// Whether its inputs can be applied to a document.
    pub applies: bool,
    /// Executes one input.
    pub run: fn(&[u8]) -> Reached,
    /// Honest inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// An input made from another.
    pub mutate: fn(&mut Rng, &[u8]) -> Vec<u8>,
    /// Looks at the documents once more in which nothing was accepted, on this thread: they obey
    /// their schema, load, can be edited and saved.
    pub end: fn(),
}

/// Every target.
pub fn targets() -> Vec<Target> {
    let mut all = decoders::targets();
    all.extend([record::TARGET, body::TARGET, change_set::TARGET]);
    all
}

/// Bytes as lower-case hexadecimal, as finds are printed.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits; blanks are passed over.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len().is_multiple_of(2) {
        digits.chunks(2).map(pair).collect()
    } else {
        None
    }
}
