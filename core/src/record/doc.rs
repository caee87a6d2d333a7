//! A record's document: the engine, the gate before it, and what the rules need to know of every
//! change.
//!
//! A change comes in by `judge`, `admit` and `apply`, or is made by `edit`, which goes the same
//! way. The engine holds exactly the changes that were applied and the genesis they need.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Conflict, FieldPath, JudgedChange, RecordGate, RecordView,
    deltas::{self, Glance},
    history::History,
    names::Names,
    read::{Point, Reader},
    rules::{Numbers, unnumbered},
    undo::Book,
};
use crate::{
    causal::Past,
    id::{ChainIdx, DocumentId},
    judge::{Candidate, Rule, Stuck, Writer},
    patch::Patch,
    schema::{OnDeleteEdit, Schema},
};
use automerge::{Automerge, Change, ChangeHash, PatchLog, ReadDoc, TextEncoding};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// One record document of one entity.
#[derive(Debug)]
pub struct RecordDoc {
    pub(super) gate: RecordGate,
    pub(super) engine: Automerge,
    /// How many genesis changes the engine holds, and how many its changes need. A genesis goes in
    /// with the first change that depends on it, so the engine's heads are the record's frontier.
    pub(super) genesis: Genesis,
    pub(super) schemas: Vec<Arc<Schema>>,
    pub(super) part: String,
    pub(super) names: Names,
    pub(super) history: History,
    pub(super) book: Book,
}

/// How far the genesis chain reaches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Genesis {
    pub held: usize,
    pub needed: usize,
}

impl RecordDoc {
    /// A record that nobody has written yet. The chain is every version of its kind that is known,
    /// from the first.
    pub fn new(document: DocumentId, part: &str, schema_chain: &[Arc<Schema>]) -> Self {
        RecordDoc {
            gate: RecordGate::new(document, part, schema_chain),
            engine: blank(),
            genesis: Genesis::default(),
            schemas: schema_chain.to_vec(),
            part: part.to_owned(),
            names: Names::of(part, schema_chain),
            history: History::default(),
            book: Book::default(),
        }
    }

    /// Takes in the next version of the kind; from now on the record is read through it.
    pub fn extend(&mut self, schema: Arc<Schema>) {
        self.schemas.push(schema.clone());
        self.names = Names::of(&self.part, &self.schemas);
        self.gate.extend(schema);
    }

    /// Makes a chain's writer known, before its first change.
    pub fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        self.gate.register(chain, writer);
        self.history.register(chain, writer);
    }

    /// Judges a change by its payload and its causal past. See [`RecordGate::judge`].
    ///
    /// # Errors
    /// The rule it broke.
    pub fn judge(&self, candidate: &Candidate<'_>) -> Result<JudgedChange, Rule> {
        self.gate.judge(candidate)
    }

    /// Takes a judged change into the gate's index. In causal order, before it is applied.
    pub fn admit(&mut self, judged: &JudgedChange) {
        self.gate.admit(judged);
    }

    /// Applies admitted changes, in causal order, in one call of the engine: its cost is that of
    /// the document, not of the number of changes.
    ///
    /// Gives each change's patches. The engine tells the effect of the whole batch, so a field that
    /// several of its changes touch is reported with the last of them; a change of the entity's
    /// life is reported with the last change of the batch. A change that is held already does
    /// nothing.
    ///
    /// # Errors
    /// [`Stuck`] where the engine fails. The document is then as it was.
    pub fn apply(&mut self, batch: Vec<JudgedChange>) -> Result<Vec<Vec<Patch>>, Stuck> {
        let mut seen = self.history.past();
        let is_new: Vec<bool> = batch
            .iter()
            .map(|judged| {
                let is_new = !seen.contains(judged.chain, judged.seq);
                seen.raise(judged.chain, judged.seq);
                is_new
            })
            .collect();
        let mut wanted = is_new.iter();
        let batch: Vec<JudgedChange> = batch
            .into_iter()
            .filter(|_| wanted.next().copied().unwrap_or(false))
            .collect();
        let mut patches = self.apply_new(&batch)?.into_iter();
        let given = is_new.into_iter().map(|is_new| {
            let own = if is_new { patches.next() } else { None };
            own.unwrap_or_default()
        });
        Ok(given.collect())
    }

    fn apply_new(&mut self, batch: &[JudgedChange]) -> Result<Vec<Vec<Patch>>, Stuck> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let needed = self.genesis.needed.max(self.genesis_of(batch));
        let mut changes: Vec<Change> = self.genesis_between(self.genesis.held, needed);
        changes.extend(batch.iter().map(|judged| judged.change.clone()));
        let written: BTreeSet<&FieldPath> = batch.iter().flat_map(|j| &j.touched).collect();
        let touched: BTreeSet<FieldPath> = written
            .into_iter()
            .filter_map(|path| self.names.newest_path(path))
            .collect();
        let sequences = touched.iter().any(|path| self.is_sequence(path));
        let before = Glance::take(&self.reader(), &touched, self.policy());

        let engine = self.engine.clone();
        let attempt = catch_unwind(AssertUnwindSafe(|| run(engine, changes, sequences)));
        let (engine, raw) = attempt.map_err(|_| APPLYING)??;

        for judged in batch {
            self.book.forget_deleted(judged, &self.names);
            self.note(judged);
        }
        self.engine = engine;
        self.genesis = Genesis {
            held: self.genesis.held.max(needed),
            needed,
        };
        let reader = self.reader();
        let after = Glance::take(&reader, &touched, self.policy());
        let found = deltas::between(&reader, before, after, &raw);
        Ok(deltas::share_out(batch, found, &self.names))
    }

    /// The record by its schema's rules. `numbers` tells the order number of a change set.
    pub fn project(&self, numbers: &Numbers<'_>) -> RecordView {
        let reader = Reader {
            numbers,
            ..self.reader()
        };
        RecordView::read(&reader, self.policy(), self.history.count())
    }

    /// The record as it was at an earlier past, by today's rules. What of the past this document
    /// does not hold is left out.
    pub fn project_at(&self, past: &Past, numbers: &Numbers<'_>) -> RecordView {
        let held = past.iter();
        let held = held.map(|(chain, seq)| seq.min(self.history.held(chain)));
        let count = held.fold(0, u64::saturating_add);
        let reader = Reader {
            numbers,
            ..self.reader_at(past)
        };
        RecordView::read(&reader, self.policy(), count)
    }

    /// Reads at an earlier past.
    pub(super) fn reader_at<'d>(&'d self, past: &'d Past) -> Reader<'d, Automerge> {
        let genesis = self.gate.genesis().iter().take(self.genesis.held);
        let mut heads: Vec<ChangeHash> = genesis.map(Change::hash).collect();
        for (chain, seq) in past.iter() {
            let seq = seq.min(self.history.held(chain));
            heads.extend(self.history.note(chain, seq).map(|note| note.hash));
        }
        Reader {
            at: Some(Point { past, heads }),
            ..self.reader()
        }
    }

    /// The registers whose values were written apart from each other and differ.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.project(&unnumbered).conflicts
    }

    /// The digest of [`RecordDoc::project`]: equal on all replicas that hold the same changes and
    /// the same order numbers.
    pub fn digest(&self, numbers: &Numbers<'_>) -> [u8; 32] {
        self.project(numbers).digest()
    }

    /// Everything that is held, as counts per chain.
    pub fn past(&self) -> Past {
        self.history.past()
    }

    /// The engine's snapshot. Its bytes depend on the order of arrival: compare digests, not these.
    pub fn save(&self) -> Vec<u8> {
        self.engine.save()
    }

    /// Whether a snapshot loads again and holds exactly what this document holds. Nothing may be
    /// dropped in favour of a snapshot before this has said yes.
    pub fn is_saved_by(&self, snapshot: &[u8]) -> bool {
        let load = || Automerge::load(snapshot).ok().map(|engine| heads(&engine));
        let loaded = catch_unwind(AssertUnwindSafe(load)).ok().flatten();
        loaded == Some(heads(&self.engine))
    }

    /// The rule for delete against edit of the newest version.
    pub(super) fn policy(&self) -> OnDeleteEdit {
        let newest = self.schemas.last();
        newest.map_or(OnDeleteEdit::Recover, |schema| schema.spec().on_delete_edit)
    }

    pub(super) fn reader(&self) -> Reader<'_, Automerge> {
        Reader {
            engine: &self.engine,
            history: &self.history,
            names: &self.names,
            numbers: &unnumbered,
            at: None,
        }
    }

    /// Remembers a change that the engine now holds.
    pub(super) fn note(&mut self, judged: &JudgedChange) {
        self.history.push(
            judged.chain,
            (judged.hlc, judged.max_op, judged.hash),
            &judged.touched,
            &judged.past,
        );
    }

    /// The genesis changes after the first `held`, up to `needed` in all.
    pub(super) fn genesis_between(&self, held: usize, needed: usize) -> Vec<Change> {
        let all = self.gate.genesis().iter();
        all.take(needed).skip(held).cloned().collect()
    }

    /// How much of the genesis chain some changes depend on.
    fn genesis_of(&self, batch: &[JudgedChange]) -> usize {
        let deps: BTreeSet<&ChangeHash> = batch.iter().flat_map(|j| j.change.deps()).collect();
        let all = self.gate.genesis();
        let last = all
            .iter()
            .rposition(|genesis| deps.contains(&genesis.hash()));
        last.map_or(0, |at| at.saturating_add(1))
    }

    fn is_sequence(&self, path: &[String]) -> bool {
        self.names.rule(path).is_some_and(deltas::is_told_by_engine)
    }
}

const APPLYING: Stuck = Stuck {
    doing: "applying changes to a record",
};

/// An engine's document that counts text in UTF-16 units.
pub(super) fn blank() -> Automerge {
    Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit)
}

pub(super) fn heads(engine: &Automerge) -> Vec<ChangeHash> {
    let mut heads = engine.get_heads();
    heads.sort_unstable();
    heads
}

/// The one call of the engine.
fn run(
    mut engine: Automerge,
    changes: Vec<Change>,
    patches: bool,
) -> Result<(Automerge, Vec<automerge::Patch>), Stuck> {
    let mut log = if patches {
        PatchLog::active()
    } else {
        PatchLog::inactive()
    };
    #[cfg(test)]
    for change in &changes {
        crate::accident::strike(change.raw_bytes());
    }
    let applied = engine.apply_changes_log_patches(changes, &mut log);
    applied.map_err(|_| APPLYING)?;
    // A change whose dependencies are not there waits in the engine without a word.
    if !engine.get_missing_deps(&[]).is_empty() {
        return Err(APPLYING);
    }
    let raw = if patches {
        engine.make_patches(&mut log)
    } else {
        Vec::new()
    };
    Ok((engine, raw))
}
