//! A recorded history played by replicas: one per agent, every change sealed, carried as wire bytes
//! and judged on the other side. What it costs is counted on the way.

use crate::trace::{CharSplice, Concurrent, Mirror, OutOfRange, Sequential, Splice, Trace};
use anabranch_core::{
    body::{BodyOp, BodyView, Inline},
    changeset::{FlushCache, SealError, Verified, seal_verified},
    control::Role,
    document::{Draft, EngineDoc, Event, State},
    id::{EntityId, ViewId},
    patch::Patch,
    replica::{Intake, WriteError},
    schema::catalogue,
    sim::Lab,
    wire::{Decoder, Encoder, FrameError, Press, Received},
};
use std::{collections::BTreeMap, time::Duration};

/// The kind whose body is one text.
pub const KIND: &str = "markdown";
/// Most change sets that one flush of a replay seals.
const FLUSH_CHANGE_SETS: usize = 100;
/// Most trace time that one flush spans, in milliseconds.
const FLUSH_MS: i64 = 40;
/// The wall clock at the begin of a trace without times, in milliseconds since the Unix epoch.
const BEGIN_MS: u64 = 1_000_000_000_000;
/// Between two transactions of a trace without times.
const PACE_MS: u64 = 100;

/// What a replay came to.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Patches made.
    pub edits: usize,
    /// Change sets they became.
    pub change_sets: usize,
    /// Whether every replica shows the text that the trace ends in.
    pub text_matches: bool,
    /// Whether all replicas have the same digest.
    pub converged: bool,
    /// The text.
    pub text: String,
    /// Change sets that a replica did not accept.
    pub not_accepted: usize,
    /// Bytes of frames that carry one change set each, without the signature's 64; of the first
    /// 20,000 or so.
    pub bytes_alone: u64,
    /// How many such frames.
    pub frames_alone: usize,
    /// Bytes of frames that carry a flush.
    pub bytes_batched: u64,
    /// Flushes carried.
    pub flushes: usize,
    /// CPU of writing, sealed apart.
    pub write: Duration,
    /// CPU of sealing: one signature per flush.
    pub seal: Duration,
    /// CPU of reading frames, the flush signatures' check within.
    pub read: Duration,
    /// CPU of judging and applying what came.
    pub apply: Duration,
}

/// Why a replay ended early.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlayError {
    /// The trace says something that its own text does not allow.
    #[error("transaction {txn}: {error}")]
    Trace {
        /// The transaction, from 0.
        txn: usize,
        /// What.
        error: OutOfRange,
    },
    /// A replica did not take an edit.
    #[error("transaction {txn}: {error}")]
    Write {
        /// The transaction, from 0.
        txn: usize,
        /// Why.
        error: Box<WriteError>,
    },
    /// A flush could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A frame was not read on the other side.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The catalogue lacks the kind.
    #[error("the standard catalogue has no kind `{KIND}`")]
    NoKind,
    /// The trace begins with a text, which a replay would have to make up an author for.
    #[error(
        "the trace begins with a text of {units} units: only traces from an empty text are played"
    )]
    StartsWithText {
        /// Its UTF-16 length.
        units: usize,
    },
}

/// Plays a trace. `progress` is told how many transactions are done, of how many.
///
/// # Errors
/// See [`PlayError`].
pub fn play(trace: &Trace, progress: &mut dyn FnMut(usize, usize)) -> Result<Played, PlayError> {
    match trace {
        Trace::Sequential(trace) => sequential(trace, progress),
        Trace::Concurrent(trace) => concurrent(trace, progress),
    }
}

fn sequential(
    trace: &Sequential,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Played, PlayError> {
    if !trace.start.is_empty() {
        return Err(PlayError::StartsWithText {
            units: trace.start.encode_utf16().count(),
        });
    }
    let mut stage = Stage::new(2, &trace.end)?;
    let mut since = None;
    let mut open = 0;
    for (txn, step) in trace.txns.iter().enumerate() {
        let late = match (since, step.time_ms) {
            (Some(since), Some(now)) => now.saturating_sub(since) >= FLUSH_MS,
            (None, _) | (_, None) => false,
        };
        if open >= FLUSH_CHANGE_SETS || late && open > 0 {
            stage.carry(0, 1)?;
            (open, since) = (0, None);
        }
        stage.at(step.time_ms);
        stage.write(0, txn, &step.patches)?;
        open += 1;
        since = since.or(step.time_ms);
        if txn % 1_000 == 0 {
            progress(txn, trace.txns.len());
        }
    }
    stage.carry(0, 1)?;
    progress(trace.txns.len(), trace.txns.len());
    Ok(stage.end())
}

fn concurrent(
    trace: &Concurrent,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Played, PlayError> {
    let mut stage = Stage::new(trace.agents, &trace.end)?;
    // What others wrote comes back as patches, from which each agent's positions are converted.
    stage
        .lab
        .stations
        .iter_mut()
        .for_each(|station| station.replica.listen(true));
    let mut mirrors: Vec<Mirror> = (0..trace.agents).map(|_| Mirror::new("")).collect();
    // Of each agent, by reader: how many of its transactions the reader has.
    let mut had = vec![vec![0usize; trace.agents]; trace.agents];
    for (txn, step) in trace.txns.iter().enumerate() {
        let reader = step.agent;
        for (author, wanted) in step.seen.iter().enumerate() {
            let have = had
                .get(reader)
                .and_then(|row| row.get(author))
                .copied()
                .unwrap_or(0);
            let wanted = *wanted as usize;
            if author == reader || wanted <= have {
                continue;
            }
            let patches = stage.carry_until(author, reader, wanted)?;
            if let Some(mirror) = mirrors.get_mut(reader) {
                reflect(mirror, &patches).map_err(|error| PlayError::Trace { txn, error })?;
            }
            if let Some(slot) = had.get_mut(reader).and_then(|row| row.get_mut(author)) {
                *slot = wanted;
            }
        }
        if let Some(mirror) = mirrors.get_mut(reader) {
            let splices = step
                .patches
                .iter()
                .map(|patch: &CharSplice| mirror.edit(patch));
            let splices: Vec<Splice> = splices
                .collect::<Result<_, _>>()
                .map_err(|error| PlayError::Trace { txn, error })?;
            stage.at(step.time_ms);
            stage.write(reader, txn, &splices)?;
        }
        if txn % 1_000 == 0 {
            progress(txn, trace.txns.len());
        }
    }
    for author in 0..trace.agents {
        for reader in 0..trace.agents {
            if author != reader {
                stage.carry_until(author, reader, usize::MAX)?;
            }
        }
    }
    progress(trace.txns.len(), trace.txns.len());
    Ok(stage.end())
}

/// Makes the same replacements in a mirror that a replica told of.
///
/// # Errors
/// A replacement outside the text.
pub fn reflect(mirror: &mut Mirror, patches: &[Patch]) -> Result<(), OutOfRange> {
    for patch in patches {
        if let Patch::Splice {
            at, delete, insert, ..
        } = patch
        {
            mirror.apply(&Splice {
                at: *at,
                delete: *delete,
                insert: insert.clone(),
            })?;
        }
    }
    Ok(())
}

/// The stream from one agent to another, with both its ends.
#[derive(Default)]
struct Stream {
    encoder: Encoder,
    decoder: Decoder,
    /// How many of the author's change sets went over it.
    sent: usize,
}

/// The replicas of a replay.
struct Stage {
    lab: Lab,
    page: EntityId,
    wanted: String,
    press: Press,
    flushes: FlushCache,
    streams: BTreeMap<(usize, usize), Stream>,
    /// Sealed change sets by author.
    sealed: Vec<Vec<Verified>>,
    /// Streams that carry every change set in a frame of its own.
    alone: Vec<Encoder>,
    played: Played,
    now_ms: u64,
}

impl Stage {
    fn new(agents: usize, wanted: &str) -> Result<Self, PlayError> {
        let schema = catalogue::schema(KIND).ok_or(PlayError::NoKind)?;
        let mut lab = Lab::new(1, vec![schema]);
        for _ in 0..agents {
            lab.admit(Role::Member);
        }
        let page = lab.entity(lab.owner, KIND);
        Ok(Stage {
            lab,
            page,
            wanted: wanted.to_owned(),
            press: Press::new(),
            flushes: FlushCache::new(),
            streams: BTreeMap::new(),
            sealed: vec![Vec::new(); agents],
            alone: (0..agents).map(|_| Encoder::new()).collect(),
            played: Played::default(),
            now_ms: BEGIN_MS,
        })
    }

    /// The recorded time of what comes next, where there is one; else a tenth of a second passes.
    fn at(&mut self, recorded_ms: Option<i64>) {
        let recorded = recorded_ms
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or(0);
        self.now_ms = recorded.max(self.now_ms + if recorded == 0 { PACE_MS } else { 0 });
    }

    /// One transaction of an agent: one change set.
    fn write(&mut self, agent: usize, txn: usize, splices: &[Splice]) -> Result<(), PlayError> {
        let ops: Vec<BodyOp> = splices
            .iter()
            .map(|splice| BodyOp::Splice {
                text: Vec::new(),
                at: splice.at,
                delete: splice.delete,
                insert: splice.insert.clone(),
                marks: None,
            })
            .collect();
        self.played.edits += splices.len();
        let Some(station) = self.lab.stations.get_mut(agent) else {
            return Ok(());
        };
        let begun = cpu();
        let wrote = station.replica.write(
            self.now_ms,
            KIND,
            self.page,
            "body",
            ViewId(0),
            &Draft::Body(&ops),
        );
        self.played.write += cpu().saturating_sub(begun);
        match wrote {
            Ok(_) => self.played.change_sets += 1,
            // A transaction that replaces nothing by nothing is no edit.
            Err(error) if is_nothing(&error) => {}
            Err(error) => {
                return Err(PlayError::Write {
                    txn,
                    error: Box::new(error),
                });
            }
        }
        Ok(())
    }

    /// Seals what an agent wrote.
    fn seal(&mut self, agent: usize) -> Result<(), PlayError> {
        let Some(station) = self.lab.stations.get_mut(agent) else {
            return Ok(());
        };
        let begun = cpu();
        let sealed = station.flush_verified()?;
        self.played.seal += cpu().saturating_sub(begun);
        if let (Some(encoder), true) = (
            self.alone.get_mut(agent),
            self.played.frames_alone < ALONE_MAX,
        ) {
            for one in &sealed {
                // As it leaves at once, live: a flush of its own.
                let alone = seal_verified(&station.key, vec![one.change().clone()])?;
                let frames = encoder.encode(&mut self.press, &alone, None);
                let bytes: usize = frames.iter().map(Vec::len).sum();
                self.played.bytes_alone += bytes.saturating_sub(SIGNATURE_BYTES) as u64;
                self.played.frames_alone += 1;
            }
        }
        if let Some(all) = self.sealed.get_mut(agent) {
            all.extend(sealed);
        }
        Ok(())
    }

    /// Seals what an agent wrote and carries it to another.
    fn carry(&mut self, author: usize, reader: usize) -> Result<Vec<Patch>, PlayError> {
        self.carry_until(author, reader, usize::MAX)
    }

    /// Carries an agent's first `until` change sets to another, as wire bytes.
    fn carry_until(
        &mut self,
        author: usize,
        reader: usize,
        until: usize,
    ) -> Result<Vec<Patch>, PlayError> {
        self.seal(author)?;
        let stream = self.streams.entry((author, reader)).or_default();
        let all = self
            .sealed
            .get(author)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let batch = all
            .get(stream.sent..until.min(all.len()))
            .unwrap_or_default();
        let mut patches = Vec::new();
        for flush in batch.chunks(FLUSH_CHANGE_SETS) {
            let frames = stream.encoder.encode(&mut self.press, flush, None);
            self.played.flushes += 1;
            for frame in frames {
                self.played.bytes_batched += frame.len() as u64;
                let begun = cpu();
                let received =
                    stream
                        .decoder
                        .decode(&mut self.press, &mut self.flushes, &frame, None)?;
                self.played.read += cpu().saturating_sub(begun);
                let Received::Rebuilt(verified) = received else {
                    continue;
                };
                let Some(station) = self.lab.stations.get_mut(reader) else {
                    continue;
                };
                let begun = cpu();
                let intake = station.replica.receive(self.now_ms, verified);
                self.played.apply += cpu().saturating_sub(begun);
                self.played.not_accepted += not_accepted(&intake);
                patches.extend(patches_of(intake));
            }
        }
        stream.sent += batch.len();
        Ok(patches)
    }

    fn end(mut self) -> Played {
        let digests: Vec<[u8; 32]> = self
            .lab
            .stations
            .iter()
            .map(|s| s.replica.digest())
            .collect();
        let texts: Vec<String> = self
            .lab
            .stations
            .iter()
            .map(|s| text_of(s, &self.page))
            .collect();
        self.played.converged = digests.windows(2).all(|pair| pair.first() == pair.last());
        self.played.text_matches = texts.iter().all(|text| *text == self.wanted);
        self.played.text = texts.into_iter().next().unwrap_or_default();
        self.played
    }
}

/// What a flush's signature costs in its frame.
const SIGNATURE_BYTES: usize = 64;
/// How many change sets are also sealed and framed one by one, to count what that costs.
const ALONE_MAX: usize = 20_000;

/// The text of a replica's page.
pub fn text_of(station: &anabranch_core::sim::Station, page: &EntityId) -> String {
    let document = station.replica.document(page, "body");
    match document.map(|document| document.engine()) {
        Some(EngineDoc::Body(body)) => text_of_body(body.content()),
        Some(EngineDoc::Record(_) | EngineDoc::Log(_)) | None => String::new(),
    }
}

/// The text of a body that is one text.
pub fn text_of_body(body: BodyView) -> String {
    let BodyView::Text(runs) = body else {
        return String::new();
    };
    let texts = runs.into_iter().filter_map(|run| match run.content {
        Inline::Text(text) => Some(text),
        Inline::Embed(_) => None,
    });
    texts.collect()
}

fn not_accepted(intake: &Intake) -> usize {
    let refused = intake
        .arrivals
        .iter()
        .filter(|arrival| arrival.state != State::Effective);
    refused.count() + intake.dropped.len()
}

fn patches_of(intake: Intake) -> Vec<Patch> {
    let sets = intake
        .events
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Patched(set) => Some(set.patches),
            Event::Rebuilt { .. } | Event::Stuck { .. } => None,
        });
    sets.flatten().collect()
}

fn is_nothing(error: &WriteError) -> bool {
    use anabranch_core::{body, document, record};
    matches!(
        error,
        WriteError::Edit(
            document::EditError::Body(body::EditError::NoChange)
                | document::EditError::Record(record::EditError::Nothing)
        )
    )
}

/// The processor time that this process has used.
fn cpu() -> Duration {
    cpu_time::ProcessTime::try_now().map_or(Duration::ZERO, |now| now.as_duration())
}
