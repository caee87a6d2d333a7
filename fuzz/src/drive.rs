//! Runs a target many times from a seed, and says what came of it.

use crate::{Reached, Target, hex, meter};
use anabranch_core::sim::Rng;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

/// Longest that one execution may take.
pub const ALLOWED_TIME: Duration = Duration::from_millis(100);
/// How often a slow execution is repeated: other programs take the processor away, and the first
/// execution of a thread makes what the others share. A hang is one every time.
const REPEATS: usize = 5;
/// What judging may allocate at a time, beside 16 times its input.
pub const ALLOWED_BYTES: u64 = 64 << 10;
fn allowed(input_len: u64) -> u64 {
    ALLOWED_BYTES + 16 * input_len
}

/// Inputs kept to be mutated again, beside the seeds.
const KEPT_MAX: usize = 512;

/// What a thread is executing, for whoever watches that it ends.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Option<Watched>>>);

/// Since when which target runs on which input.
type Watched = (Option<Instant>, &'static str, Vec<u8>);

impl Watch {
    /// Target and input of an execution that has taken longer than this.
    pub fn longer_than(&self, limit: Duration) -> Option<(&'static str, String)> {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.as_ref()
            .filter(|(since, ..)| since.is_some_and(|since| since.elapsed() > limit))
            .map(|(_, name, input)| (*name, hex(input)))
    }

    fn begin(&self, name: &'static str, input: &[u8]) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match now.as_mut() {
            Some((since, named, kept)) => {
                (*since, *named) = (Some(Instant::now()), name);
                kept.clear();
                kept.extend_from_slice(input);
            }
            None => *now = Some((Some(Instant::now()), name, input.to_vec())),
        }
    }

    fn end(&self) {
        // The input's room is kept for the next one.
        if let Some((since, ..)) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            *since = None;
        }
    }
}

/// What did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What.
    pub what: String,
    /// The input, as hexadecimal.
    pub input: String,
}

/// What a target's executions came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The target.
    pub name: &'static str,
    /// Whether its inputs can be applied.
    pub applies: bool,
    /// How often it was executed.
    pub executions: u64,
    /// How often each refusal was met.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often an input was read or held.
    pub judged: u64,
    /// How often an input was applied.
    pub applied: u64,
    /// The longest execution, and how long it took when it was repeated.
    pub slowest: Duration,
    /// The most that judging allocated at a time, in bytes.
    pub largest: u64,
    /// All of the time.
    pub spent: Duration,
    /// What did not hold, if anything: the target stopped there.
    pub failure: Option<Failure>,
}

impl Report {
    /// How many in a hundred were applied.
    pub fn applied_percent(&self) -> f64 {
        100.0 * self.applied as f64 / self.executions.max(1) as f64
    }

    /// Both, where two threads have shared the work.
    pub fn and(mut self, other: Report) -> Report {
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        Report {
            executions: self.executions + other.executions,
            judged: self.judged + other.judged,
            applied: self.applied + other.applied,
            slowest: self.slowest.max(other.slowest),
            largest: self.largest.max(other.largest),
            spent: self.spent.max(other.spent),
            failure: self.failure.or(other.failure),
            ..self
        }
    }

    fn count(&mut self, reached: Reached) -> bool {
        self.executions += 1;
        match reached {
            Reached::Rejected(code) => {
                let count = self.refused.entry(code).or_default();
                *count += 1;
                *count <= 2
            }
            Reached::Judged => {
                self.judged += 1;
                self.judged % 64 == 1
            }
            Reached::Applied => {
                self.applied += 1;
                self.applied % 64 == 1
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} executions in {:.1} s, {} rules met; applied {} ({:.1} %), read or held {}, \
             refused {}; slowest {:.1} ms, largest {} bytes\n    ",
            self.name,
            self.executions,
            self.spent.as_secs_f64(),
            self.refused.len(),
            self.applied,
            self.applied_percent(),
            self.judged,
            self.refused.values().sum::<u64>(),
            self.slowest.as_secs_f64() * 1_000.0,
            self.largest,
        )?;
        for (code, count) in &self.refused {
            write!(f, "{code} {count}, ")?;
        }
        if let Some(Failure { what, input }) = &self.failure {
            write!(f, "\n    FAILED: {what}\n    input: {input}")?;
        }
        Ok(())
    }
}

/// Executes a target so often, or until something does not hold. What `first` holds is executed as
/// it is, all of it and before anything else.
pub fn drive(
    target: &Target,
    executions: u64,
    seed: u64,
    first: &[Vec<u8>],
    watch: &Watch,
) -> Report {
    let mut report = Report {
        name: target.name,
        applies: target.applies,
        ..Report::default()
    };
    let mut rng = Rng::new(seed);
    let begun = Instant::now();
    let executions = executions.max(first.len() as u64);
    let seeds: Vec<Vec<u8>> = first.iter().cloned().chain((target.seeds)()).collect();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut known: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut fresh = seeds.iter().cloned();
    while report.executions < executions && report.failure.is_none() {
        let input = fresh.next().unwrap_or_else(|| {
            let from = match rng.below(seeds.len() + kept.len()) {
                at if at < seeds.len() => &seeds[at],
                at => &kept[at - seeds.len()],
            };
            (target.mutate)(&mut rng, from)
        });
        let Some(reached) = execute(target, &input, &mut report, watch, allowed) else {
            break;
        };
        if report.count(reached) && known.insert(*blake3::hash(&input).as_bytes()) {
            match kept.len() {
                len if len < KEPT_MAX => kept.push(input),
                len => kept[rng.below(len)] = input,
            }
        }
    }
    finish(target, &mut report, watch);
    report.spent = begun.elapsed();
    report
}

/// Executes every input of each row, and so many mutations of each row; or until something does not
/// hold. `allowed` says what may be counted for an input of this length, in bytes.
pub fn attack(
    target: &Target,
    rows: &[Vec<Vec<u8>>],
    mutations: usize,
    seed: u64,
    allowed: fn(u64) -> u64,
    watch: &Watch,
) -> Report {
    let mut report = Report {
        name: target.name,
        applies: target.applies,
        ..Report::default()
    };
    let mut rng = Rng::new(seed);
    let begun = Instant::now();
    // The first execution of a thread makes what the others share.
    (target.run)(&[]);
    'rows: for row in rows {
        for at in 0..row.len() + mutations {
            let input = match row.get(at) {
                Some(input) => input.clone(),
                None => {
                    let from = rng.below(row.len());
                    (target.mutate)(&mut rng, &row[from])
                }
            };
            let Some(reached) = execute(target, &input, &mut report, watch, allowed) else {
                break 'rows;
            };
            report.count(reached);
        }
    }
    finish(target, &mut report, watch);
    report.spent = begun.elapsed();
    report
}

fn finish(target: &Target, report: &mut Report, watch: &Watch) {
    if report.failure.is_none() && driving(|| catch_unwind(target.end)).is_err() {
        let what = format!("panicked afterwards at {}", WHERE.take());
        report.failure = Some(Failure {
            what,
            input: String::new(),
        });
    }
    watch.end();
}

fn execute(
    target: &Target,
    input: &[u8],
    report: &mut Report,
    watch: &Watch,
    allowed: fn(u64) -> u64,
) -> Option<Reached> {
    let mut shortest = Duration::MAX;
    for attempt in 0..=REPEATS {
        watch.begin(target.name, input);
        meter::take();
        // Only where it was slow: asking for the processor's time takes some.
        let before = (attempt > 0).then(processor_time).flatten();
        let begun = Instant::now();
        let caught = driving(|| catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
        let passed = begun.elapsed();
        let after = before.and_then(|_| processor_time());
        let spent = before
            .zip(after)
            .map_or(passed, |(before, after)| after.saturating_sub(before));
        let bytes = meter::take();
        watch.end();
        report.largest = report.largest.max(bytes);
        let allowed = allowed(input.len() as u64);
        let what = match caught {
            Err(panic) => Some(described(panic.as_ref())),
            Ok(_) if bytes > allowed => Some(format!("{bytes} bytes allocated, {allowed} allowed")),
            Ok(reached) => {
                shortest = shortest.min(spent).min(passed);
                if shortest <= ALLOWED_TIME {
                    report.slowest = report.slowest.max(shortest);
                    return Some(reached);
                }
                (attempt == REPEATS).then(|| format!("took {shortest:?} at best of {REPEATS}"))
            }
        };
        if let Some(what) = what {
            report.failure = Some(Failure {
                what,
                input: hex(input),
            });
            return None;
        }
    }
    None
}

/// How long the processor has worked for this thread; none where the system does not say.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

thread_local! {
    static WHERE: RefCell<String> = const { RefCell::new(String::new()) };
    static DRIVING: Cell<bool> = const { Cell::new(false) };
}

/// Lets panics of executions go unprinted, since those of the engines are part of the work, but
/// keeps where the last one was.
pub fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DRIVING.get() {
                let place = info
                    .location()
                    .map(|at| format!("{}:{}", at.file(), at.line()));
                WHERE.set(place.unwrap_or_default());
            } else {
                usual(info);
            }
        }));
    });
}

/// Runs something whose panics are part of the work.
pub(crate) fn driving<T>(run: impl FnOnce() -> T) -> T {
    DRIVING.set(true);
    let answer = run();
    DRIVING.set(false);
    answer
}

/// Where the last panic of an execution was, and its message.
pub(crate) fn described(panic: &(dyn std::any::Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let message = owned.or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "panicked at {}: {}",
        WHERE.take(),
        message.unwrap_or("without a message")
    )
}
