//! Writing: an edit becomes one change set, judged by the same gate as everybody's, or nothing.

use super::{
    Document, EngineDoc, Event, Kept,
    engine::{Admitted, Judged},
    route,
};
use crate::{
    body::{self, BodyEdit, BodyIntent, BodyOp, IdMap, IdRuns, Selection},
    causal::{Node, Since},
    changeset::{
        ChangeSet, ControlPosition, Dep, EngineKind, EnvelopeRule, Header, Proof, RULES_VERSION,
        crypt::{WorkspaceKey, decrypt, encrypt},
    },
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, ChangeSetId, UserId, ViewId, WorkspaceId},
    judge::{Candidate, Place, Rule, Writer},
    log::{self, Entry},
    patch::{Cause, Patch},
    record::{self, FieldPath, RecordEdit, RecordOp},
    schema::Schema,
    value::Value,
};
use std::{collections::BTreeMap, sync::Arc};

/// Who writes, when, and under what.
#[derive(Clone, Debug)]
pub struct Pen<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Who writes.
    pub writer: Writer,
    /// The device's user; the writer's author where nobody is written for.
    pub user: UserId,
    /// The stamp: above every one given before.
    pub hlc: Hlc,
    /// The newest schema of the kind.
    pub schema: Arc<Schema>,
    /// The last control record seen.
    pub control: ControlPosition,
    /// The workspace key to seal under; none: in clear.
    pub key: Option<&'a WorkspaceKey>,
    /// A gateway's foreign actor.
    pub foreign: Option<Actor>,
    /// The change set that this one makes again.
    pub replaces: Option<ChangeSetId>,
    /// The view that writes, for undo.
    pub view: ViewId,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum Draft<'a> {
    /// Operations on a record.
    Record(&'a [RecordOp]),
    /// Operations on a body.
    Body(&'a [BodyOp]),
    /// Operations on a body that are made again: places are anchors, and the map says which units
    /// of excluded change sets have been made again before.
    Replay(&'a [BodyIntent], &'a IdMap),
    /// A log entry.
    Entry(&'a Entry),
    /// The view's last step is taken back.
    Undo,
    /// The view's last step taken back is done again.
    Redo,
    /// What happened since an earlier point is taken back, whoever remembers it.
    TakeBack(&'a Since),
}

/// An edit that was made.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Its change set; it is effective here and waits for its flush.
    pub id: ChangeSetId,
    /// Its number in the pen's chain.
    pub seq: u64,
    /// What it changed.
    pub event: Option<Event>,
    /// The selection that an undo or redo brings back.
    pub selection: Option<Selection>,
    /// What a body was asked, in a form that can be made again.
    pub noted: Option<Noted>,
}

/// An edit of a body in a form that outlives the state it was made in.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Noted {
    /// The operations, their places as anchors.
    pub intents: Vec<BodyIntent>,
    /// The update that they became.
    pub update: Vec<u8>,
}

/// Why an edit was not made. The document is as before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// Of a record.
    #[error(transparent)]
    Record(#[from] record::EditError),
    /// Of a body.
    #[error(transparent)]
    Body(#[from] body::EditError),
    /// The part is held by another engine.
    #[error("part `{part}` is a {holds}: this edit is for a {wants}")]
    Part {
        /// The part.
        part: String,
        /// What holds it.
        holds: &'static str,
        /// What the edit is for.
        wants: &'static str,
    },
    /// The own rules refuse it.
    #[error("{0}")]
    Refused(Rule),
    /// The chain holds a change set that does not count: its origin continues under a new epoch.
    #[error("the chain ends in change set {id}, which does not count: continue under a new epoch")]
    ChainClosed {
        /// The change set.
        id: ChangeSetId,
    },
    /// There is nothing to undo or redo in this view.
    #[error("there is nothing to {0} in this view")]
    NoStep(&'static str),
    /// What was to be taken back is sealed under another key than the one in use.
    #[error(
        "change set {id} is sealed under a key that is not in use any more: it cannot be taken back"
    )]
    Locked {
        /// The change set.
        id: ChangeSetId,
    },
    /// The envelope cannot be made.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRule),
}

impl EditError {
    /// Whether the engine stopped, so that the document has to be rebuilt.
    pub fn is_stuck(&self) -> bool {
        matches!(
            self,
            EditError::Record(record::EditError::Stuck(_))
                | EditError::Body(body::EditError::Stuck)
        )
    }
}

/// What an engine made of an edit.
#[derive(Default)]
struct Made {
    payload: Vec<u8>,
    patches: Vec<Patch>,
    cause: Cause,
    selection: Option<Selection>,
    /// A log's entry is applied when its id is known.
    entry: Option<Judged>,
    intents: Option<Vec<BodyIntent>>,
    /// What a record's registers were given.
    registers: BTreeMap<FieldPath, Value>,
}

impl Document {
    /// Writes. What it returns is effective here at once.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn write(&mut self, pen: &Pen<'_>, draft: &Draft<'_>) -> Result<Edited, EditError> {
        let (mut header, place) = self.envelope(pen)?;
        let made = self.make(pen, &place, draft)?;
        header.route = route::written(&pen.schema, &self.part, &made.registers);
        let noted = made.intents.map(|intents| Noted {
            intents,
            update: made.payload.clone(),
        });
        let change = match pen.key {
            Some(key) => encrypt(header, &made.payload, key)?,
            None => ChangeSet::describing(header, made.payload)?,
        };
        let id = change.id();
        let chain = self.graph.intern(pen.writer.clone());
        let node = Node {
            id,
            hlc: pen.hlc,
            past: place.past.as_ref().clone(),
            genesis: place.genesis_before.max(pen.schema.version()),
        };
        self.graph.push(chain, node);
        self.keep(
            chain,
            Kept {
                change,
                proof: None,
            },
        );
        let mut patches = made.patches;
        if let Some(judged) = made.entry {
            let admitted = Admitted {
                id,
                chain,
                hlc: pen.hlc,
                judged,
            };
            patches = self
                .engine
                .apply(vec![admitted])
                .unwrap_or_default()
                .into_iter()
                .flatten()
                .collect();
        }
        let event = self.tell(id, chain, made.cause, patches);
        Ok(Edited {
            id,
            seq: place.seq,
            event,
            selection: made.selection,
            noted,
        })
    }

    /// The header that the pen's next change set would have, before it describes a payload, and the
    /// place it stands at.
    ///
    /// # Errors
    /// Where the pen's chain is closed.
    pub fn envelope(&mut self, pen: &Pen<'_>) -> Result<(Header, Place), EditError> {
        let known = self.graph.chain(&pen.writer.chain);
        let next = ChainIdx(u32::try_from(self.graph.lines().count()).unwrap_or(u32::MAX));
        let chain = known.unwrap_or(next);
        if known.is_none() {
            self.engine.register(chain, &pen.writer);
        }
        let seq = self.graph.len_of(chain).saturating_add(1);
        if let Some(aside) = self.asides.in_slot(&pen.writer.chain, seq).next() {
            return Err(EditError::ChainClosed {
                id: aside.kept.change.id(),
            });
        }
        let heads: Vec<(ChainIdx, u64)> = self.graph.heads().collect();
        // Entries of a log stand alone: one that is excluded takes none of the others along.
        let alone = matches!(self.engine, EngineDoc::Log(_));
        let mut deps: Vec<Dep> = heads
            .iter()
            .filter(|_| !alone)
            .filter(|(head, _)| *head != chain)
            .filter_map(|(head, seq)| {
                let writer = &self.graph.line(*head)?.writer;
                Some(Dep {
                    chain: writer.chain,
                    seq: *seq,
                    id: self.graph.node(*head, *seq)?.id,
                })
            })
            .collect();
        deps.sort_unstable();
        let header = Header {
            workspace: pen.workspace,
            entity: self.entity,
            part: self.part.clone(),
            chain: pen.writer.chain,
            author: pen.user,
            on_behalf_of: (pen.user != pen.writer.author).then_some(pen.writer.author),
            seq,
            prev: self
                .graph
                .node(chain, seq.saturating_sub(1))
                .map(|node| node.id),
            deps,
            hlc: pen.hlc,
            schema: pen.schema.id(),
            schema_version: pen.schema.version(),
            rules: RULES_VERSION,
            control: pen.control,
            engine: match self.engine {
                EngineDoc::Record(_) => EngineKind::Automerge,
                EngineDoc::Body(_) => EngineKind::Yrs,
                EngineDoc::Log(_) => EngineKind::Log,
            },
            actor: pen.foreign,
            key_epoch: None,
            route: Vec::new(),
            payload_len: 0,
            payload_hash: [0; 32],
            replaces: pen.replaces,
            extension: Vec::new(),
        };
        let place = Place {
            chain,
            seq,
            hlc: pen.hlc,
            // The own chain last, so that the next change set of a run shares the rest.
            past: Arc::new(self.graph.present().with(chain, seq.saturating_sub(1))),
            frontier: heads,
            genesis_before: self.graph.genesis(),
            schema: Arc::clone(&pen.schema),
        };
        Ok((header, place))
    }

    /// Keeps the proof of an own change set.
    pub fn prove_own(&mut self, chain: &Chain, seq: u64, proof: Proof) {
        if let Some(at) = self.graph.chain(chain) {
            self.prove(at, seq, Some(proof));
        }
    }

    /// The units of a body that change sets since an earlier point deleted.
    fn deleted_since(
        &self,
        since: &Since,
        key: Option<&WorkspaceKey>,
    ) -> Result<IdRuns, EditError> {
        let mut gone = IdRuns::default();
        if !matches!(self.engine, EngineDoc::Body(_)) {
            return Ok(gone);
        }
        for (chain, line) in self.graph.lines() {
            for (seq, node) in (1u64..).zip(line.nodes()) {
                if !since.covers(&line.writer.chain, chain, seq) {
                    continue;
                }
                let Some(kept) = self.kept(chain, seq) else {
                    continue;
                };
                let locked = EditError::Locked { id: node.id };
                let clear = match (kept.change.header().key_epoch, key) {
                    (None, _) => kept.change.payload().bytes().map(<[u8]>::to_vec),
                    (Some(_), key) => key.and_then(|key| decrypt(&kept.change, key).ok()),
                };
                gone.join(&body::deleted_by(&clear.ok_or(locked)?));
            }
        }
        Ok(gone)
    }

    /// Lets the engine make it.
    fn make(&mut self, pen: &Pen<'_>, place: &Place, draft: &Draft<'_>) -> Result<Made, EditError> {
        let gone = match draft {
            Draft::TakeBack(since) => self.deleted_since(since, pen.key)?,
            Draft::Record(_)
            | Draft::Body(_)
            | Draft::Replay(..)
            | Draft::Entry(_)
            | Draft::Undo
            | Draft::Redo => IdRuns::default(),
        };
        let holds = match self.engine {
            EngineDoc::Record(_) => "record",
            EngineDoc::Body(_) => "body",
            EngineDoc::Log(_) => "log",
        };
        let other = |wants| EditError::Part {
            part: self.part.clone(),
            holds,
            wants,
        };
        match (&mut self.engine, draft) {
            (EngineDoc::Record(doc), Draft::Record(ops)) => Ok(Made::of_record(
                doc.edit_in(place, pen.view, ops)?,
                Cause::Local,
            )),
            (EngineDoc::Record(doc), Draft::Undo) => {
                let edit = doc
                    .undo(place, pen.view)?
                    .ok_or(EditError::NoStep("undo"))?;
                Ok(Made::of_record(edit, Cause::Undo))
            }
            (EngineDoc::Record(doc), Draft::Redo) => {
                let edit = doc
                    .redo(place, pen.view)?
                    .ok_or(EditError::NoStep("redo"))?;
                Ok(Made::of_record(edit, Cause::Undo))
            }
            (EngineDoc::Body(doc), Draft::Body(ops)) => {
                let (edit, intents) = doc.edit_noting(place, pen.view, ops)?;
                Ok(Made {
                    intents: Some(intents),
                    ..Made::of_body(edit, Cause::Local)
                })
            }
            (EngineDoc::Body(doc), Draft::Replay(intents, ids)) => {
                let edit = doc.replay(place, pen.view, intents, ids)?;
                Ok(Made {
                    intents: Some(intents.to_vec()),
                    ..Made::of_body(edit, Cause::Rebase)
                })
            }
            (EngineDoc::Body(doc), Draft::Undo) => {
                let edit = doc
                    .undo(place, pen.view)?
                    .ok_or(EditError::NoStep("undo"))?;
                Ok(Made::of_body(edit, Cause::Undo))
            }
            (EngineDoc::Body(doc), Draft::Redo) => {
                let edit = doc
                    .redo(place, pen.view)?
                    .ok_or(EditError::NoStep("redo"))?;
                Ok(Made::of_body(edit, Cause::Undo))
            }
            (EngineDoc::Record(doc), Draft::TakeBack(since)) => {
                let edit = doc.take_back_since(place, pen.view, since)?;
                let edit = edit.ok_or(EditError::NoStep("take back"))?;
                Ok(Made::of_record(edit, Cause::Undo))
            }
            (EngineDoc::Body(doc), Draft::TakeBack(since)) => {
                let edit = doc.take_back_since(place, pen.view, since, gone)?;
                let edit = edit.ok_or(EditError::NoStep("take back"))?;
                Ok(Made::of_body(edit, Cause::Undo))
            }
            (EngineDoc::Log(_), Draft::Entry(entry)) => {
                let payload = log::encode(entry);
                let candidate = Candidate {
                    place,
                    payload: &payload,
                };
                let judged = self
                    .engine
                    .judge(&self.part, &candidate)
                    .map_err(EditError::Refused)?;
                let cause = Cause::Local;
                let made = Made {
                    payload,
                    patches: Vec::new(),
                    cause,
                    ..Made::default()
                };
                Ok(Made {
                    entry: Some(judged),
                    ..made
                })
            }
            (_, Draft::Record(_)) => Err(other("record")),
            (_, Draft::Body(_) | Draft::Replay(..)) => Err(other("body")),
            (_, Draft::Entry(_)) => Err(other("log")),
            (EngineDoc::Log(_), Draft::Undo) => Err(EditError::NoStep("undo")),
            (EngineDoc::Log(_), Draft::Redo) => Err(EditError::NoStep("redo")),
            (EngineDoc::Log(_), Draft::TakeBack(_)) => Err(EditError::NoStep("take back")),
        }
    }
}

impl Made {
    fn of_record(edit: RecordEdit, cause: Cause) -> Made {
        let registers = edit.registers;
        Made {
            payload: edit.payload,
            patches: edit.patches,
            cause,
            registers,
            ..Made::default()
        }
    }

    fn of_body(edit: BodyEdit, cause: Cause) -> Made {
        let selection = edit.selection;
        Made {
            payload: edit.payload,
            patches: edit.patches,
            cause,
            selection,
            ..Made::default()
        }
    }
}
