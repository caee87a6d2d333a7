//! Local edits: some operations become one engine transaction, one change, judged by the same gate
//! as everyone's. Nothing is copied on this path: the gate refuses our own work never, unless there
//! is a defect, and then the engine's document is made again from its changes.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    EditError, FieldPath, LIFE_KEY, Life, RecordDoc, RecordOp, deltas,
    doc::{blank, heads},
    rules::Candidate as Written,
    session::{Effects, Pending, Rules, Session},
    take_back::{plan, take_back},
    target::Target,
    undo::Making,
};
use crate::{
    causal::Since,
    id::{Actor, ViewId},
    judge::{Candidate, Place, Stuck},
    limits,
    patch::Patch,
    schema::{FieldMap, Schema},
    value::Value,
};
use automerge::{ActorId, ChangeHash, ReadDoc};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A local edit that was made, judged, admitted and applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEdit {
    /// The Automerge change, as the change set carries it.
    pub payload: Vec<u8>,
    /// What changed.
    pub patches: Vec<Patch>,
    /// The registers it writes, each with the last value it gives it; see
    /// [`JudgedChange::registers`](super::JudgedChange::registers).
    pub registers: BTreeMap<FieldPath, Value>,
}

impl RecordDoc {
    /// Makes one change of some operations, at the end of everything this document holds. Each
    /// operation sees what the ones before it did.
    ///
    /// # Errors
    /// Why nothing was done; [`EditError::Nothing`] where everything is so already.
    pub fn edit(&mut self, place: &Place, ops: &[RecordOp]) -> Result<RecordEdit, EditError> {
        self.edit_of(place, None, ops)
    }

    /// As [`RecordDoc::edit`], made in a view that can undo it. Edits of a view that follow each
    /// other within [`limits::UNDO_STEP_MS`] are undone as one.
    ///
    /// # Errors
    /// As [`RecordDoc::edit`].
    pub fn edit_in(
        &mut self,
        place: &Place,
        view: ViewId,
        ops: &[RecordOp],
    ) -> Result<RecordEdit, EditError> {
        self.edit_of(place, Some(view), ops)
    }

    fn edit_of(
        &mut self,
        place: &Place,
        view: Option<ViewId>,
        ops: &[RecordOp],
    ) -> Result<RecordEdit, EditError> {
        let schema = place.schema.clone();
        let fields = fields_of(&schema, &self.part)?;
        let targets: Vec<Option<Target<'_>>> = ops
            .iter()
            .map(|op| Target::of(fields, op))
            .collect::<Result<_, _>>()?;
        let (actor, start_op) = self.open(place)?;
        let life = self.life();
        let rules = Rules {
            history: &self.history,
            names: &self.names,
            gate: &self.gate,
            start_op,
            actor,
        };
        let mut session = Session::new(self.engine.transaction(), rules, (place.hlc, life));
        for (op, target) in ops.iter().zip(targets) {
            session.run(op, target)?;
        }
        let (effects, hash) = session.commit().ok_or(EditError::Nothing)?;
        self.close(place, effects, hash, view.map(|view| (view, Making::Edit)))
    }

    /// Takes back the last step of a view that can still be taken back, as a new change. Of the
    /// step, what others have written over since stays as they wrote it. None where there is no
    /// such step.
    ///
    /// # Errors
    /// Why it was not done; the step is kept.
    pub fn undo(&mut self, place: &Place, view: ViewId) -> Result<Option<RecordEdit>, EditError> {
        self.step(place, view, Making::Undo)
    }

    /// Does again what the last [`RecordDoc::undo`] of a view took back, under the same conditions.
    ///
    /// # Errors
    /// As [`RecordDoc::undo`].
    pub fn redo(&mut self, place: &Place, view: ViewId) -> Result<Option<RecordEdit>, EditError> {
        self.step(place, view, Making::Redo)
    }

    fn step(
        &mut self,
        place: &Place,
        view: ViewId,
        making: Making,
    ) -> Result<Option<RecordEdit>, EditError> {
        let schema = place.schema.clone();
        let fields = fields_of(&schema, &self.part)?;
        let (actor, start_op) = self.open(place)?;
        let life = self.life();
        let mut tried = 0usize;
        for step in self.book.steps(view, making).iter().rev() {
            tried = tried.saturating_add(1);
            let plan = plan(&self.reader(), step);
            let rules = Rules {
                history: &self.history,
                names: &self.names,
                gate: &self.gate,
                start_op,
                actor,
            };
            let mut session = Session::new(self.engine.transaction(), rules, (place.hlc, life));
            let mine = |path: &[String], change| self.book.is_own(view, path, change);
            take_back(&mut session, (step, &plan, &mine), fields)?;
            if let Some((effects, hash)) = session.commit() {
                let edit = self.close(place, effects, hash, Some((view, making)))?;
                self.book.drop_last(view, making, tried);
                return Ok(Some(edit));
            }
        }
        self.book.drop_last(view, making, tried);
        Ok(None)
    }

    /// Takes back what happened since an earlier point, as a new change of a view. It is read off the
    /// history, so it works in any process; what others than those meant have written over since stays
    /// as they wrote it. Taking back all that there is deletes the entity. None where nothing is left
    /// to be taken back.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn take_back_since(
        &mut self,
        place: &Place,
        view: ViewId,
        since: &Since,
    ) -> Result<Option<RecordEdit>, EditError> {
        let schema = place.schema.clone();
        let fields = fields_of(&schema, &self.part)?;
        let step = self.step_since(since);
        let (actor, start_op) = self.open(place)?;
        let life = self.life();
        let plan = plan(&self.reader(), &step);
        let history = &self.history;
        let mine = |_: &[String], (chain, seq)| history.is_since(since, chain, seq);
        let rules = Rules {
            history,
            names: &self.names,
            gate: &self.gate,
            start_op,
            actor,
        };
        let mut session = Session::new(self.engine.transaction(), rules, (place.hlc, life));
        match history.is_all_since(since) {
            true => session.run(&RecordOp::DeleteEntity, None)?,
            false => take_back(&mut session, (&step, &plan, &mine), fields)?,
        }
        match session.commit() {
            Some((effects, hash)) => {
                let view = Some((view, Making::Edit));
                self.close(place, effects, hash, view).map(Some)
            }
            None => Ok(None),
        }
    }

    fn life(&self) -> Life {
        if self.history.touches(LIFE_KEY) {
            self.reader().life(self.policy())
        } else {
            Life::Alive
        }
    }

    /// Brings the engine to where the edit stands: its writer, its genesis, its heads. Gives the
    /// writer's actor and the counter of the edit's first operation.
    fn open(&mut self, place: &Place) -> Result<([u8; 16], u64), EditError> {
        let chain = place.chain;
        let Some(Actor::Automerge(actor)) = self.history.writer(chain).map(|by| by.actor) else {
            return Err(EditError::UnknownChain { chain });
        };
        let not_at_heads = EditError::NotAtHeads {
            chain,
            seq: place.seq,
        };
        if self.history.held(chain).checked_add(1) != Some(place.seq) {
            return Err(not_at_heads);
        }
        let version = place.schema.version() as usize;
        let known = version.checked_sub(1).and_then(|at| self.schemas.get(at));
        if known.map(|schema| schema.id()) != Some(place.schema.id()) {
            return Err(EditError::UnknownSchema {
                version: place.schema.version(),
            });
        }
        self.hold_genesis(version.max(self.genesis.needed))
            .map_err(EditError::Stuck)?;

        let mut wanted: Vec<ChangeHash> = Vec::new();
        for (chain, seq) in &place.frontier {
            let note = self
                .history
                .note(*chain, *seq)
                .ok_or(not_at_heads.clone())?;
            wanted.push(note.hash);
        }
        if (place.genesis_before as usize) < version {
            let all = self.gate.genesis();
            let own = version.checked_sub(1).and_then(|at| all.get(at));
            wanted.extend(own.map(|genesis| genesis.hash()));
        }
        wanted.sort_unstable();
        if wanted != heads(&self.engine) {
            return Err(not_at_heads);
        }
        if self.engine.get_actor().to_bytes() != actor {
            self.engine.set_actor(ActorId::from(actor));
        }
        let genesis = self
            .gate
            .genesis()
            .get(..self.genesis.held)
            .unwrap_or_default();
        let genesis = genesis.last().map_or(0, |last| last.max_op());
        Ok((actor, self.history.max_op().max(genesis).saturating_add(1)))
    }

    /// Lets the engine hold exactly this much of the genesis chain. More than needed is there only
    /// after an edit under a newer version came to nothing.
    fn hold_genesis(&mut self, wanted: usize) -> Result<(), Stuck> {
        if self.genesis.held > wanted {
            let surplus = self.genesis_between(wanted, self.genesis.held);
            self.remake(&surplus.iter().map(|change| change.hash()).collect())?;
        } else if self.genesis.held < wanted {
            let missing = self.genesis_between(self.genesis.held, wanted);
            self.engine.apply_changes(missing).map_err(|_| REMAKING)?;
        }
        self.genesis.held = wanted;
        Ok(())
    }

    /// Sends what the transaction left through the gate, and writes down what it did.
    fn close(
        &mut self,
        place: &Place,
        effects: Effects,
        hash: ChangeHash,
        view: Option<(ViewId, Making)>,
    ) -> Result<RecordEdit, EditError> {
        let payload = match self.engine.get_change_by_hash(&hash) {
            Some(change) => change.raw_bytes().to_vec(),
            None => return Err(EditError::Stuck(REMAKING)),
        };
        let verdict = if payload.len() > limits::PAYLOAD_BYTES_MAX {
            Err(EditError::TooLarge {
                bytes: payload.len(),
            })
        } else {
            let candidate = Candidate {
                place,
                payload: &payload,
            };
            self.gate.judge(&candidate).map_err(EditError::Refused)
        };
        let judged = match verdict {
            Ok(judged) => judged,
            Err(error) => {
                self.remake(&BTreeSet::from([hash]))
                    .map_err(EditError::Stuck)?;
                return Err(error);
            }
        };
        let appended = self.entries_before(&effects);
        self.gate.admit(&judged);
        self.note(&judged);
        self.genesis.needed = self.genesis.needed.max(place.schema.version() as usize);
        let patches = self.patches(effects.patches, &appended);
        for (path, ids) in &effects.renewed {
            self.book.renew(path, ids);
        }
        if let Some((view, making)) = view {
            let at = (place.chain, place.seq);
            self.book.note(view, making, (effects.step, place.hlc, at));
        }
        Ok(RecordEdit {
            payload,
            patches,
            registers: judged.registers,
        })
    }

    /// How many entries each append-only list had that this edit appends to. The change is not
    /// noted yet, so its own entries have no stamp and do not show.
    fn entries_before(&self, effects: &Effects) -> Entries {
        let reader = self.reader();
        let appended = effects.patches.iter().filter_map(|pending| match pending {
            Pending::Appended(path) => Some(path.clone()),
            Pending::Done(_) | Pending::Value(_) | Pending::Life => None,
        });
        let mut entries = Entries::new();
        for path in appended {
            if let Some((_, spots)) = reader.spots(&path) {
                entries.insert(path, reader.entries(&spots));
            }
        }
        entries
    }

    fn patches(&self, pending: Vec<Pending>, before: &Entries) -> Vec<Patch> {
        let reader = self.reader();
        let mut told = BTreeSet::new();
        let mut patches = Vec::new();
        for pending in pending {
            match pending {
                Pending::Done(patch) => patches.push(patch),
                Pending::Value(path) => {
                    if told.insert(path.clone()) {
                        patches.push(deltas::put(&path, reader.at_path(&path).value));
                    }
                }
                Pending::Appended(path) => {
                    if let (Some(old), true) = (before.get(&path), told.insert(path.clone()))
                        && let Some((_, spots)) = reader.spots(&path)
                    {
                        patches.extend(deltas::entries(&path, old, reader.entries(&spots)));
                    }
                }
                Pending::Life => {
                    if told.insert(vec![LIFE_KEY.to_owned()]) {
                        patches.push(deltas::life(reader.life(self.policy())));
                    }
                }
            }
        }
        patches
    }

    /// Makes the engine's document again from its changes, without some of them.
    fn remake(&mut self, without: &BTreeSet<ChangeHash>) -> Result<(), Stuck> {
        let again = || {
            let mut changes = self.engine.get_changes(&[]);
            changes.retain(|change| !without.contains(&change.hash()));
            let mut engine = blank();
            engine.apply_changes(changes).ok()?;
            Some(engine)
        };
        let engine = catch_unwind(AssertUnwindSafe(again)).ok().flatten();
        self.engine = engine.ok_or(REMAKING)?;
        Ok(())
    }
}

type Entries = BTreeMap<FieldPath, Vec<Written<Value>>>;

const REMAKING: Stuck = Stuck {
    doing: "bringing a record's document to where an edit stands",
};

/// The record's fields in the schema that an edit is made under.
fn fields_of<'s>(schema: &'s Schema, part: &str) -> Result<&'s FieldMap, EditError> {
    let fields = schema.part(part).and_then(|part| part.fields());
    fields.ok_or(EditError::UnknownSchema {
        version: schema.version(),
    })
}
