//! What stands between redb and the file: it keeps whatever is not known to have reached the disk.
//!
//! While a store opens, nothing is passed on: redb writes into a file merely by opening it, and a store
//! that turns out to be of another version must stay as it is. Afterwards everything is passed on, and
//! also kept until the next fsync succeeds. If that fails, what was kept lies over the file when the
//! store opens again, and is written once more: the operating system may have forgotten it.

use redb::{BackendError, StorageBackend};
use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What redb asked for and the disk has not confirmed.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    steps: Vec<Step>,
    /// So many of them the file has had already. The others are held back.
    passed: usize,
    held: bool,
}

#[derive(Debug)]
enum Step {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
    Sync,
}

/// A file as redb is to see it. A clone is the same file: one for redb, one to pass on by.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    file: Arc<dyn StorageBackend>,
    unsynced: Arc<Mutex<Unsynced>>,
}

impl Backend {
    /// Over a file, holding back. `unsynced` is what an earlier one left, if it failed.
    pub(super) fn new(file: Box<dyn StorageBackend>, unsynced: &Arc<Mutex<Unsynced>>) -> Self {
        locked(unsynced).begin_again();
        Backend {
            file: Arc::from(file),
            unsynced: Arc::clone(unsynced),
        }
    }

    /// Passes on what was held back, in its order and with its fsyncs, and from now on everything at
    /// once. Where that fails, everything after it is held back too.
    pub(super) fn pass_on(&self) -> io::Result<()> {
        let mut unsynced = locked(&self.unsynced);
        let mut passed = 0usize;
        let mut synced = 0;
        let mut sync = |passed| self.file.sync_data().inspect(|()| synced = passed);
        let result = unsynced.steps.iter().try_for_each(|step| {
            match step {
                Step::Write { at, bytes } => self.file.write(*at, bytes)?,
                Step::SetLen(len) => self.file.set_len(*len)?,
                Step::Sync => sync(passed.saturating_add(1))?,
            }
            passed = passed.saturating_add(1);
            Ok(())
        });
        // redb ends its opening with an fsync. What was kept must not depend on that.
        let result = result.and_then(|()| sync(passed));
        unsynced.steps.drain(..synced);
        unsynced.passed = unsynced.passed.max(passed).saturating_sub(synced);
        unsynced.held = result.is_err();
        result
    }
}

impl Backend {
    fn holds(&self) -> bool {
        locked(&self.unsynced).held
    }
}

fn locked(unsynced: &Mutex<Unsynced>) -> MutexGuard<'_, Unsynced> {
    // A panic elsewhere leaves a list that is still whole.
    unsynced.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unsynced {
    /// Forgets what an opening that failed held back, and what was overwritten since: a disk may fail
    /// for days.
    fn begin_again(&mut self) {
        self.steps.truncate(self.passed);
        let mut written = BTreeMap::new();
        let mut kept: Vec<Step> = Vec::new();
        for step in self.steps.drain(..).rev() {
            let overwritten = match &step {
                Step::Write { at, bytes } => {
                    let later = written.entry(*at).or_insert(0);
                    let overwritten = *later >= bytes.len() && *later > 0;
                    *later = bytes.len().max(*later);
                    overwritten
                }
                Step::SetLen(_) | Step::Sync => false,
            };
            if !overwritten {
                kept.push(step);
            }
        }
        kept.reverse();
        self.passed = kept.len();
        self.steps = kept;
        self.held = true;
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
        if !self.held {
            self.passed = self.steps.len();
        }
    }

    fn len(&self, file: u64) -> u64 {
        self.steps.iter().fold(file, |len, step| match step {
            Step::Write { at, bytes } => len.max(at.saturating_add(bytes.len() as u64)),
            Step::SetLen(len) => *len,
            Step::Sync => len,
        })
    }

    /// Reads as if every step had been passed on.
    fn read(&self, file: &dyn StorageBackend, at: u64, out: &mut [u8]) -> io::Result<()> {
        let end = at.saturating_add(out.len() as u64);
        let len = file.len()?;
        if end > self.len(len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let there = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
        let (old, new) = out.split_at_mut(there.min(out.len()));
        if !old.is_empty() {
            file.read(at, old)?;
        }
        new.fill(0);
        for step in &self.steps {
            match step {
                Step::Write { at: to, bytes } => lay_over(out, at, *to, bytes),
                Step::SetLen(len) => {
                    let kept = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
                    out.iter_mut().skip(kept).for_each(|byte| *byte = 0);
                }
                Step::Sync => {}
            }
        }
        Ok(())
    }
}

/// Copies what of `bytes`, which begin at `to`, falls into `out`, which begins at `at`.
fn lay_over(out: &mut [u8], at: u64, to: u64, bytes: &[u8]) {
    let ahead = |a: u64, b: u64| usize::try_from(a.saturating_sub(b)).unwrap_or(usize::MAX);
    let source = bytes.get(ahead(at, to)..).unwrap_or_default();
    let target = out.get_mut(ahead(to, at)..).unwrap_or_default();
    target.iter_mut().zip(source).for_each(|(t, s)| *t = *s);
}

/// What is kept is locked for moments only, never while the disk works: readers do not wait for a
/// writer's fsync. One thread at a time writes, and nothing is written while an fsync runs.
impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        let len = self.file.len()?;
        let unsynced = locked(&self.unsynced);
        Ok(match unsynced.held {
            true => unsynced.len(len),
            false => len,
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let unsynced = locked(&self.unsynced);
        if unsynced.held {
            return unsynced.read(&*self.file, offset, out);
        }
        drop(unsynced);
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if !self.holds() {
            self.file.set_len(len)?;
        }
        locked(&self.unsynced).push(Step::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.holds() {
            locked(&self.unsynced).push(Step::Sync);
            return Ok(());
        }
        self.file.sync_data()?;
        let mut unsynced = locked(&self.unsynced);
        unsynced.steps.clear();
        unsynced.passed = 0;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if !self.holds() {
            self.file.write(offset, data)?;
        }
        let (at, bytes) = (offset, data.to_vec());
        locked(&self.unsynced).push(Step::Write { at, bytes });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
