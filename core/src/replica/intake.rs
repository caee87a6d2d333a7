//! What comes from elsewhere: change sets, control records, schemas, keys.

use super::Replica;
use crate::{
    changeset::{Verified, crypt::WorkspaceKey},
    control::{Added, ControlError, Effect, SignedControl, Standing},
    document::{Document, Event, Kept, Received, State},
    hlc::HlcClock,
    id::{ChangeSetId, DocumentId},
    judge::{Grounds, Hold, Stop},
    limits,
    schema::{Schema, SchemaLog, SchemaLogError},
};
use std::collections::BTreeMap;

/// One change set's state after an intake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its document.
    pub document: DocumentId,
    /// The change set.
    pub id: ChangeSetId,
    /// Where it stands.
    pub state: State,
}

/// What an intake came to.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// Each change set that came, and each that it woke.
    pub arrivals: Vec<Arrival>,
    /// What happened to each document, in order.
    pub events: Vec<(DocumentId, Event)>,
    /// What found no room among those that wait.
    pub dropped: Vec<ChangeSetId>,
    /// Activated schemas that do not follow the version before them; they are not in force.
    pub unfit: Vec<SchemaLogError>,
}

impl Intake {
    /// What another intake came to, after this one.
    pub fn extend(&mut self, more: Intake) {
        self.arrivals.extend(more.arrivals);
        self.events.extend(more.events);
        self.dropped.extend(more.dropped);
        self.unfit.extend(more.unfit);
    }

    fn of(&mut self, document: DocumentId, received: Received) {
        let states = received.states.into_iter();
        self.arrivals.extend(states.map(|(id, state)| Arrival {
            document,
            id,
            state,
        }));
        self.events
            .extend(received.events.into_iter().map(|event| (document, event)));
        self.dropped.extend(received.dropped);
    }
}

impl Replica {
    /// Takes verified change sets in, in any order. `now_ms` is the wall clock, in milliseconds
    /// since the Unix epoch; it moves the own clock and judges nothing.
    pub fn receive(&mut self, now_ms: u64, batch: Vec<Verified>) -> Intake {
        let kept = batch.into_iter().map(|one| Kept::from(one.into_signed()));
        self.receive_kept(now_ms, kept)
    }

    /// Takes in what was verified, now or before it was stored.
    pub(super) fn receive_kept(
        &mut self,
        now_ms: u64,
        batch: impl ExactSizeIterator<Item = Kept>,
    ) -> Intake {
        let mut intake = Intake::default();
        let mut by_document: BTreeMap<DocumentId, Vec<Kept>> = BTreeMap::new();
        // What arrives is most often of one document.
        let mut run: Option<(DocumentId, Vec<Kept>)> = None;
        let mut left = batch.len();
        for kept in batch {
            let header = kept.change.header();
            self.clock.observe(header.hlc, now_ms);
            // A twin of this device wrote it: its chain may go on here, and stamps rise in a chain.
            if self
                .pen
                .is_some_and(|pen| pen.origin == header.chain.origin)
            {
                self.clock = HlcClock::resume(header.hlc.max(self.clock.last()));
            }
            let document = self.document_id(&header.entity, &header.part);
            match &mut run {
                Some((id, run)) if *id == document => run.push(kept),
                _ => {
                    let mut next = Vec::with_capacity(left);
                    next.push(kept);
                    if let Some((id, run)) = run.replace((document, next)) {
                        by_document.entry(id).or_default().extend(run);
                    }
                }
            }
            left = left.saturating_sub(1);
        }
        if let Some((id, run)) = run {
            match by_document.is_empty() {
                true => self.receive_in(id, run, &mut intake),
                false => by_document.entry(id).or_default().extend(run),
            }
        }
        for (id, batch) in by_document {
            self.receive_in(id, batch, &mut intake);
        }
        intake
    }

    /// Takes change sets of one document in.
    fn receive_in(&mut self, id: DocumentId, mut batch: Vec<Kept>, intake: &mut Intake) {
        if !self.documents.contains_key(&id) {
            if !self.open_document(id, &batch) {
                for kept in batch {
                    self.wait_outside(id, kept, intake);
                }
                return;
            }
            batch.splice(..0, self.homeless.remove(&id).unwrap_or_default());
        }
        let grounds = Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        };
        if let Some(document) = self.documents.get_mut(&id) {
            intake.of(id, document.receive(batch, &grounds));
        }
    }

    /// Keeps a change set of a document that cannot be opened yet.
    fn wait_outside(&mut self, document: DocumentId, kept: Kept, intake: &mut Intake) {
        let id = kept.change.id();
        let state = match self.grounds().clear(&kept.change, None) {
            Err(Stop::Refuse(rule)) => State::Refused(rule),
            Err(Stop::Hold(hold)) => State::Held(hold),
            Ok(_) => {
                let header = kept.change.header();
                State::Held(Hold::Schema {
                    schema: header.schema,
                    version: header.schema_version,
                })
            }
        };
        let waiting = self.homeless.entry(document).or_default();
        let known = waiting.iter().any(|other| other.change.id() == id);
        // What is refused is kept too: when the document opens, it says of it what it would have said
        // had it been open.
        if !known {
            if waiting.len() >= limits::PARKED_MAX {
                intake.dropped.push(id);
                return;
            }
            waiting.push(kept);
        }
        intake.arrivals.push(Arrival {
            document,
            id,
            state,
        });
    }

    /// Opens the document of a batch, if the schema of one of them is known.
    fn open_document(&mut self, id: DocumentId, batch: &[Kept]) -> bool {
        let known = batch.iter().find_map(|kept| {
            let header = kept.change.header();
            let schema = self.schemas.by_id(&header.schema)?;
            header
                .entity
                .of_kind(schema.kind())
                .then_some((header, schema))
        });
        let Some((header, schema)) = known else {
            return false;
        };
        let chain = self.chain_of(schema.kind());
        // Where no version declares the part, it waits for one that does.
        let Some(mut document) = Document::new(header.entity, &header.part, chain) else {
            return false;
        };
        document.listen(self.hears(&id));
        self.documents.insert(id, document).is_none()
    }

    /// Takes a control record in.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn control_record(
        &mut self,
        signed: SignedControl,
    ) -> Result<(Added, Intake), ControlError> {
        let before = self.standing.tip();
        let added = self.control.add(signed)?;
        let mut intake = Intake::default();
        match added {
            Added::Known | Added::Beside => {}
            Added::Appended => {
                let news: Vec<SignedControl> = self
                    .control
                    .line()
                    .skip(before.number as usize)
                    .cloned()
                    .collect();
                let mut history = false;
                for signed in &news {
                    self.standing.extend(signed);
                    history |= signed.record.body.effect() == Effect::History;
                }
                self.settle_schemas(&mut intake);
                self.review(history, &mut intake);
                for signed in &news {
                    if let Effect::Erasure(document) = signed.record.body.effect() {
                        self.erase(document, &mut intake);
                    }
                }
            }
            Added::Turned => {
                self.standing = Standing::of(&self.control);
                self.schemas = SchemaLog::default();
                self.settle_schemas(&mut intake);
                self.reopen(&mut intake);
            }
        }
        Ok((added, intake))
    }

    /// Takes a schema in. It is in force once a control record has activated it.
    pub fn schema(&mut self, schema: Schema) -> Intake {
        let mut intake = Intake::default();
        self.offered.insert(schema.id(), schema);
        if self.settle_schemas(&mut intake) {
            self.review(false, &mut intake);
        }
        intake
    }

    /// Takes a workspace key in, if it is the one that the control log names by its fingerprint: a
    /// wrong key would make honest change sets look forged.
    pub fn workspace_key(&mut self, key: WorkspaceKey) -> Intake {
        let mut intake = Intake::default();
        if self.standing.key_fingerprint(key.epoch()) != Some(key.fingerprint()) {
            return intake;
        }
        self.keys.insert(key.epoch(), key);
        self.review(false, &mut intake);
        intake
    }

    /// Puts activated schemas that have arrived into force, in the order of their records. Answers
    /// whether there were any.
    fn settle_schemas(&mut self, intake: &mut Intake) -> bool {
        let mut any = false;
        let activated =
            self.control
                .line()
                .filter_map(|signed| match signed.record.body.effect() {
                    Effect::Schema(schema) => Some(schema),
                    Effect::Rights | Effect::History | Effect::Erasure(_) => None,
                });
        for id in activated {
            if self.schemas.by_id(&id).is_some() {
                continue;
            }
            if let Some(schema) = self.offered.get(&id) {
                match self.schemas.add(schema.clone()) {
                    Ok(_) => any = true,
                    Err(unfit) => intake.unfit.push(unfit),
                }
            }
        }
        any
    }

    /// Lets documents look again at what waited, and, where a record can exclude, at what counts.
    fn review(&mut self, history: bool, intake: &mut Intake) {
        let ids: Vec<DocumentId> = self.documents.keys().copied().collect();
        for id in ids {
            let kind = self
                .documents
                .get(&id)
                .and_then(|d| d.schema())
                .map(|s| s.kind().to_owned());
            let chain = kind.map(|kind| self.chain_of(&kind)).unwrap_or_default();
            let grounds = Grounds {
                workspace: self.workspace,
                standing: &self.standing,
                schemas: &self.schemas,
                keys: &self.keys,
            };
            if let Some(document) = self.documents.get_mut(&id) {
                let received = document.review(chain, history, &grounds);
                intake.of(id, received);
            }
        }
        for (id, batch) in std::mem::take(&mut self.homeless) {
            self.receive_in(id, batch, intake);
        }
    }

    /// Erases what a record names in a document.
    fn erase(&mut self, id: DocumentId, intake: &mut Intake) {
        let grounds = Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        };
        for kept in self.homeless.get_mut(&id).into_iter().flatten() {
            if grounds.erases(&kept.change) {
                kept.change.erase();
            }
        }
        if let Some(document) = self.documents.get_mut(&id) {
            let events = document.erase(&grounds).into_iter();
            intake.events.extend(events.map(|event| (id, event)));
        }
    }

    /// The control log's line turned: every document is opened anew.
    fn reopen(&mut self, intake: &mut Intake) {
        let documents = std::mem::take(&mut self.documents);
        let mut batches = std::mem::take(&mut self.homeless);
        for (id, document) in documents {
            batches.entry(id).or_default().extend(document.into_kept());
        }
        for (id, batch) in batches {
            self.receive_in(id, batch, intake);
        }
    }
}
