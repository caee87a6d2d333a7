//! A disk that remembers what it was asked, and fails on purpose.

use anabranch_core::sim::Rng;
use anabranch_storage::journal::{NotOpened, RedbStore, StorageBackend};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

/// What a disk was asked, or was told by whoever watches it.
#[derive(Clone, Debug)]
pub enum Step {
    Write {
        at: u64,
        bytes: Vec<u8>,
    },
    SetLen(u64),
    Sync,
    /// So many rows are acknowledged.
    Acknowledged(usize),
    /// So many rows would be there, were the append that begins now carried out.
    Begun(usize),
}

/// When a disk fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failing {
    #[default]
    Never,
    /// The n-th write, length or fsync from now on, counting from 0, and with this error.
    Once(usize, io::ErrorKind),
    /// No fsync succeeds.
    Syncs,
    /// The next time that it is read.
    Read,
    /// Nothing grows beyond so many bytes.
    FullAt(u64),
}

#[derive(Debug, Default)]
pub struct State {
    /// What can be read.
    pub bytes: Vec<u8>,
    /// What was asked since it began, if anyone wants to know.
    pub log: Option<Vec<Step>>,
    /// What a power cut leaves: the bytes at the last fsync that succeeded, with whatever an fsync that
    /// failed has forgotten left out.
    pub lasting: Option<Vec<u8>>,
    dirty: Vec<Step>,
    pub failing: Failing,
    pub failed: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub fn of(bytes: Vec<u8>) -> Self {
        let disk = Disk::default();
        disk.state().bytes = bytes;
        disk
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn open(&self) -> Result<RedbStore, NotOpened> {
        let disk = self.clone();
        RedbStore::on(move || Ok(Box::new(disk.clone())))
    }

    /// Notes something between what is asked.
    pub fn note(&self, step: Step) {
        self.state().log.as_mut().unwrap().push(step);
    }
}

impl State {
    /// Whether this step fails now.
    fn fails(&mut self, grows_to: u64, sync: bool) -> io::Result<()> {
        let error = match &mut self.failing {
            Failing::Once(0, kind) => {
                let kind = *kind;
                self.failing = Failing::Never;
                kind
            }
            Failing::Once(left, _) => {
                *left -= 1;
                return Ok(());
            }
            Failing::Syncs if sync => io::ErrorKind::Other,
            Failing::FullAt(max) if grows_to > *max => io::ErrorKind::StorageFull,
            Failing::Never | Failing::Syncs | Failing::Read | Failing::FullAt(_) => return Ok(()),
        };
        if sync {
            // As Linux does: marked clean and never written. It can still be read.
            self.dirty.clear();
        }
        self.failed += 1;
        Err(error.into())
    }

    fn step(&mut self, step: Step) {
        apply(&mut self.bytes, &step);
        match (&step, &mut self.lasting) {
            (Step::Sync, Some(lasting)) => {
                self.dirty.drain(..).for_each(|step| apply(lasting, &step));
            }
            (_, Some(_)) => self.dirty.push(step.clone()),
            (_, None) => {}
        }
        if let Some(log) = &mut self.log {
            log.push(step);
        }
    }
}

/// What a step does to a disk's bytes.
pub fn apply(bytes: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write { at, bytes: new } => {
            let at = usize::try_from(*at).unwrap();
            bytes.resize(bytes.len().max(at + new.len()), 0);
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        Step::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
        Step::Sync | Step::Acknowledged(_) | Step::Begun(_) => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.failing == Failing::Read {
            state.failing = Failing::Never;
            state.failed += 1;
            return Err(io::ErrorKind::Other.into());
        }
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = at
            .checked_add(out.len())
            .and_then(|end| state.bytes.get(at..end));
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.fails(len, false)?;
        state.step(Step::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.fails(0, true)?;
        state.step(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.fails(offset + data.len() as u64, false)?;
        let (at, bytes) = (offset, data.to_vec());
        state.step(Step::Write { at, bytes });
        Ok(())
    }
}

const SECTOR: usize = 512;

/// What a power cut may leave of steps that no fsync covered: each whole, in part or not at all, in any
/// order.
pub fn torn(mut steps: Vec<Step>, bytes: &mut Vec<u8>, rng: &mut Rng) {
    let kept = rng.below(4);
    if rng.one_in(2) {
        rng.shuffle(&mut steps);
    }
    for step in steps {
        match (rng.below(4) <= kept, &step) {
            (_, Step::Write { at, bytes: new }) if rng.one_in(2) => {
                for (count, sector) in new.chunks(SECTOR).enumerate() {
                    if rng.below(4) <= kept {
                        let (at, bytes_new) = (at + (count * SECTOR) as u64, sector.to_vec());
                        apply(
                            bytes,
                            &Step::Write {
                                at,
                                bytes: bytes_new,
                            },
                        );
                    }
                }
            }
            (true, _) => apply(bytes, &step),
            (false, _) => {}
        }
    }
}
