//! A disk that remembers what it was asked, and fails on purpose.

use crate::pages::{PAGE, Pages};
use anabranch_core::sim::Rng;
use anabranch_storage::{
    Key,
    journal::{NotOpened, Part, RedbStore, StorageBackend},
};
use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

/// What a disk was asked, or was told by whoever watches it.
#[derive(Clone, Debug)]
pub enum Step {
    Write {
        part: Part,
        at: u64,
        bytes: Vec<u8>,
    },
    SetLen(Part, u64),
    Sync(Part),
    /// The state of this number is acknowledged.
    Acknowledged(usize),
    /// It would be, were the call that begins now carried out.
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

/// The bytes of a store's two files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub journal: Pages,
    pub derived: Pages,
}

impl Image {
    pub fn of(&mut self, part: Part) -> &mut Pages {
        match part {
            Part::Journal => &mut self.journal,
            Part::Derived => &mut self.derived,
        }
    }

    /// What a step does.
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Write { part, at, bytes } => {
                self.of(*part).write(usize::try_from(*at).unwrap(), bytes);
            }
            Step::SetLen(part, len) => self.of(*part).set_len(usize::try_from(*len).unwrap()),
            Step::Sync(_) | Step::Acknowledged(_) | Step::Begun(_) => {}
        }
    }
}

#[derive(Debug, Default)]
pub struct State {
    /// What can be read.
    pub image: Image,
    /// What was asked since it began, if anyone wants to know.
    pub log: Option<Vec<Step>>,
    /// What a power cut leaves: the bytes at the last fsync that succeeded, with whatever an fsync that
    /// failed has forgotten left out.
    pub lasting: Option<Image>,
    dirty: Vec<Step>,
    /// Which pages were read.
    pub read: BTreeSet<(Part, usize)>,
    pub failing: Failing,
    pub failed: usize,
}

/// With a key the store on it is encrypted.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    key: Option<Key>,
}

impl Disk {
    pub fn of(image: Image) -> Self {
        let disk = Disk::default();
        disk.state().image = image;
        disk
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn open(&self) -> Result<RedbStore, NotOpened> {
        let disk = self.clone();
        let ground = move |part| Ok(Box::new(disk.part(part)) as Box<dyn StorageBackend>);
        match &self.key {
            None => RedbStore::on(ground),
            Some(key) => RedbStore::on_encrypted(ground, key),
        }
    }

    pub fn with(self, key: Option<Key>) -> Self {
        Disk { key, ..self }
    }

    /// One of its files.
    pub fn part(&self, part: Part) -> OnDisk {
        let disk = self.clone();
        OnDisk { disk, part }
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
        self.image.apply(&step);
        match (&step, &mut self.lasting) {
            (Step::Sync(part), Some(lasting)) => {
                let synced = self.dirty.extract_if(.., |step| step.part() == Some(*part));
                synced.for_each(|step| lasting.apply(&step));
            }
            (_, Some(_)) => self.dirty.push(step.clone()),
            (_, None) => {}
        }
        if let Some(log) = &mut self.log {
            log.push(step);
        }
    }
}

impl Step {
    pub fn part(&self) -> Option<Part> {
        match self {
            Step::Write { part, .. } | Step::SetLen(part, _) | Step::Sync(part) => Some(*part),
            Step::Acknowledged(_) | Step::Begun(_) => None,
        }
    }
}

/// One of its files.
#[derive(Debug)]
pub struct OnDisk {
    disk: Disk,
    part: Part,
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().image.of(self.part).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.failing == Failing::Read {
            state.failing = Failing::Never;
            state.failed += 1;
            return Err(io::ErrorKind::Other.into());
        }
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let last = at.saturating_add(out.len().saturating_sub(1)) / PAGE;
        state
            .read
            .extend((at / PAGE..=last).map(|page| (self.part, page)));
        match state.image.of(self.part).read(at, out) {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.fails(len, false)?;
        state.step(Step::SetLen(self.part, len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.fails(0, true)?;
        state.step(Step::Sync(self.part));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.fails(offset + data.len() as u64, false)?;
        let (part, at, bytes) = (self.part, offset, data.to_vec());
        state.step(Step::Write { part, at, bytes });
        Ok(())
    }
}

const SECTOR: usize = 512;

/// What a power cut may leave of steps that no fsync covered: each whole, in part or not at all, in any
/// order.
pub fn torn(mut steps: Vec<Step>, image: &mut Image, rng: &mut Rng) {
    let kept = rng.below(4);
    if rng.one_in(2) {
        rng.shuffle(&mut steps);
    }
    for step in steps {
        match (rng.below(4) <= kept, &step) {
            (_, Step::Write { part, at, bytes }) if rng.one_in(2) => {
                for (count, sector) in bytes.chunks(SECTOR).enumerate() {
                    if rng.below(4) <= kept {
                        image.apply(&Step::Write {
                            part: *part,
                            at: at + (count * SECTOR) as u64,
                            bytes: sector.to_vec(),
                        });
                    }
                }
            }
            (true, _) => image.apply(&step),
            (false, _) => {}
        }
    }
}
