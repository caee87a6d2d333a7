//! Writing: an edit becomes one change set, judged by the same gate as everybody's, or nothing.

use super::{Document, EngineDoc, Event, Kept, Received, State};
use crate::{
    body::{self, BodyOp, Selection, ViewId},
    causal::Node,
    changeset::{
        ChangeSet, ControlPosition, Dep, EngineKind, EnvelopeRule, Header, Payload, RULES_VERSION, WorkspaceKey,
    },
    hlc::Hlc,
    id::{ChainIdx, ChangeSetId, UserId, WorkspaceId},
    judge::{Candidate, Place, Rule, Writer},
    log::{self, Entry},
    patch::{Cause, Patch},
    record::{self, RecordOp},
    schema::Schema,
    value::Scalar,
};
use std::sync::Arc;

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
    /// The workspace key to seal under.
    pub key: Option<(u32, &'a WorkspaceKey)>,
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
    /// Operations on a body, with the selection before them.
    Body(&'a [BodyOp], Option<Selection>),
    /// A log entry.
    Entry(&'a Entry),
    /// The view's last step is taken back.
    Undo,
    /// The view's last step taken back is done again.
    Redo,
}

/// An edit that was made.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Its change set; it is effective here and waits for its flush.
    pub id: ChangeSetId,
    /// What it changed.
    pub event: Option<Event>,
    /// The selection that an undo or redo brings back.
    pub selection: Option<Selection>,
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
    /// The envelope cannot be made.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRule),
}

/// What an engine made of an edit.
struct Made {
    payload: Vec<u8>,
    patches: Vec<Patch>,
    cause: Cause,
    selection: Option<Selection>,
    route: Vec<(String, Scalar)>,
}

impl Document {
    /// Writes. What it returns is effective here at once.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn write(&mut self, pen: &Pen<'_>, draft: &Draft<'_>) -> Result<Edited, EditError> {
        let (place, deps, prev) = self.place(pen)?;
        let made = self.make(pen, &place, draft)?;
        let engine = match self.engine {
            EngineDoc::Record(_) => EngineKind::Automerge,
            EngineDoc::Body(_) => EngineKind::Yrs,
            EngineDoc::Log(_) => EngineKind::Log,
        };
        let mut header = Header {
            workspace: pen.workspace,
            entity: self.entity,
            part: self.part.clone(),
            chain: pen.writer.chain,
            author: pen.user,
            on_behalf_of: (pen.user != pen.writer.author).then_some(pen.writer.author),
            seq: place.seq,
            prev,
            deps,
            hlc: pen.hlc,
            schema: pen.schema.id(),
            schema_version: pen.schema.version(),
            rules: RULES_VERSION,
            control: pen.control,
            engine,
            actor: None,
            key_epoch: pen.key.map(|(epoch, _)| epoch),
            route: made.route,
            payload_len: 0,
            payload_hash: [0; 32],
            replaces: pen.replaces,
            extension: Vec::new(),
        };
        let payload = match pen.key {
            Some((_, key)) => crate::changeset::close(key, &mut header, &made.payload)?,
            None => made.payload,
        };
        header.describe(&payload);
        let change = ChangeSet::new(header, Payload::Present(payload))?;
        let id = change.id();
        let node = Node {
            id,
            hlc: pen.hlc,
            past: place.past.as_ref().clone(),
            genesis: place.genesis_before.max(pen.schema.version()),
        };
        self.graph.intern(pen.writer.clone());
        self.graph.push(place.chain, node);
        if self.kept.len() <= place.chain.at() {
            self.kept.resize_with(place.chain.at().saturating_add(1), Vec::new);
        }
        if let Some(line) = self.kept.get_mut(place.chain.at()) {
            line.push(Kept { change, proof: None });
        }
        let event = self.tell(id, place.chain, made.cause, made.patches);
        Ok(Edited { id, event, selection: made.selection })
    }

    /// The change sets in own chain that have no proof yet, oldest first, from `seq` on.
    pub fn unsealed(&self, chain: &crate::id::Chain) -> Vec<&ChangeSet> {
        let line = self.graph.chain(chain).and_then(|at| self.kept.get(at.at()));
        let open = line.into_iter().flatten().rev().take_while(|kept| kept.proof.is_none());
        let mut open: Vec<&ChangeSet> = open.map(|kept| &kept.change).collect();
        open.reverse();
        open
    }

    /// Where the next change set of the pen's chain stands.
    fn place(&mut self, pen: &Pen<'_>) -> Result<(Place, Vec<Dep>, Option<ChangeSetId>), EditError> {
        let known = self.graph.chain(&pen.writer.chain);
        let next = ChainIdx(u32::try_from(self.graph.lines().count()).unwrap_or(u32::MAX));
        let chain = known.unwrap_or(next);
        if known.is_none() {
            self.engine.register(chain, &pen.writer);
        }
        let seq = self.graph.len_of(chain).saturating_add(1);
        let mut closed = self.asides.in_slot(&pen.writer.chain, seq).filter(|a| a.state != State::Effective);
        if let Some(aside) = closed.next() {
            return Err(EditError::ChainClosed { id: aside.kept.change.id() });
        }
        let heads: Vec<(ChainIdx, u64)> = self.graph.heads().collect();
        let deps = heads.iter().filter(|(head, _)| *head != chain).filter_map(|(head, seq)| {
            let writer = &self.graph.line(*head)?.writer;
            Some(Dep { chain: writer.chain, seq: *seq, id: self.graph.node(*head, *seq)?.id })
        });
        let mut deps: Vec<Dep> = deps.collect();
        deps.sort_unstable();
        let prev = self.graph.node(chain, seq.saturating_sub(1)).map(|node| node.id);
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
        Ok((place, deps, prev))
    }

    /// Lets the engine make it.
    fn make(&mut self, pen: &Pen<'_>, place: &Place, draft: &Draft<'_>) -> Result<Made, EditError> {
        let holds = match self.engine {
            EngineDoc::Record(_) => "record",
            EngineDoc::Body(_) => "body",
            EngineDoc::Log(_) => "log",
        };
        let part = |wants| EditError::Part { part: self.part.clone(), holds, wants };
        match (&mut self.engine, draft) {
            (EngineDoc::Record(doc), Draft::Record(ops)) => {
                let edit = doc.edit(place, pen.view, ops)?;
                let route = routes(&pen.schema, &self.part, doc, ops);
                Ok(Made { payload: edit.payload, patches: edit.patches, cause: Cause::Local, selection: None, route })
            }
            (EngineDoc::Record(doc), Draft::Undo | Draft::Redo) => {
                let (edit, word) = match draft {
                    Draft::Undo => (doc.undo(place, pen.view)?, "undo"),
                    Draft::Redo | Draft::Record(_) | Draft::Body(..) | Draft::Entry(_) => {
                        (doc.redo(place, pen.view)?, "redo")
                    }
                };
                let edit = edit.ok_or(EditError::NoStep(word))?;
                let route = Vec::new();
                Ok(Made { payload: edit.payload, patches: edit.patches, cause: Cause::Undo, selection: None, route })
            }
            (EngineDoc::Body(doc), Draft::Body(ops, selection)) => {
                let edit = doc.edit(place, pen.view, ops, selection.clone())?;
                Ok(Made::of_body(edit, Cause::Local))
            }
            (EngineDoc::Body(doc), Draft::Undo) => {
                let edit = doc.undo(place, pen.view)?.ok_or(EditError::NoStep("undo"))?;
                Ok(Made::of_body(edit, Cause::Undo))
            }
            (EngineDoc::Body(doc), Draft::Redo) => {
                let edit = doc.redo(place, pen.view)?.ok_or(EditError::NoStep("redo"))?;
                Ok(Made::of_body(edit, Cause::Undo))
            }
            (EngineDoc::Log(_), Draft::Entry(entry)) => {
                let payload = log::encode(entry);
                let candidate = Candidate { place, payload: &payload };
                let judged = self.engine.judge(&self.part, &candidate).map_err(EditError::Refused)?;
                Ok(Made { payload, patches: Vec::new(), cause: Cause::Local, selection: None, route: Vec::new() }
                    .with_entry(judged))
            }
            (_, Draft::Record(_)) => Err(part("record")),
            (_, Draft::Body(..)) => Err(part("body")),
            (_, Draft::Entry(_)) => Err(part("log")),
            (EngineDoc::Log(_), Draft::Undo) => Err(EditError::NoStep("undo")),
            (EngineDoc::Log(_), Draft::Redo) => Err(EditError::NoStep("redo")),
        }
    }
}
