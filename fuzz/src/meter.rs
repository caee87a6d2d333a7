//! Counting what judging allocates. The counter itself is an allocator, which only a test or a
//! program may choose, so it hands its measure in here.

use std::{cell::Cell, sync::OnceLock};

/// Runs something once and answers the most bytes that were allocated at a time meanwhile.
pub type Meter = fn(&mut dyn FnMut()) -> u64;

static METER: OnceLock<Meter> = OnceLock::new();

thread_local! {
    static MOST: Cell<u64> = const { Cell::new(0) };
}

/// Says how allocations are counted. The first one stays.
pub fn set_meter(meter: Meter) {
    METER.get_or_init(|| meter);
}

/// Runs what must keep the bound on allocations.
pub(crate) fn judging<T>(judge: impl FnOnce() -> T) -> T {
    let (answer, bytes) = measured(judge);
    note(bytes);
    answer
}

/// Runs something, and answers how much was allocated at a time meanwhile.
pub(crate) fn measured<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let Some(meter) = METER.get() else {
        return (run(), 0);
    };
    let (mut run, mut answer) = (Some(run), None);
    let bytes = meter(&mut || answer = run.take().map(|run| run()));
    (answer.expect("a meter runs what it measures"), bytes)
}

/// Counts what was allocated as judging.
pub(crate) fn note(bytes: u64) {
    MOST.with(|most| most.set(most.get().max(bytes)));
}

/// The most that was counted since the last call, on this thread.
pub(crate) fn take() -> u64 {
    MOST.with(|most| most.replace(0))
}
