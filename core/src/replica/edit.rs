//! Writing and sealing.

use super::{Intent, Open, Replica, rebase::Asked};
use crate::{
    changeset::{ChangeSet, SealError, Verified, seal_verified},
    control::{Excluded, Slot},
    document::{self, Document, Draft, EditError, Edited, Event},
    hlc::Hlc,
    id::{Actor, ChangeSetId, DocumentId, EntityId, ViewId, automerge_actor, yrs_client},
    judge::{ChainRule, Grounds, Writer},
    limits,
    schema::{PartShape, Residency, Schema},
};
use ed25519_dalek::SigningKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// Nobody writes here.
    #[error("this replica has no writer: give it a device and a user first")]
    NoPen,
    /// The device is not admitted.
    #[error("the device is not admitted to the workspace: ask an owner to admit it")]
    NotAdmitted,
    /// No schema of this kind is in force.
    #[error("no schema of kind `{kind}` is in force: activate one in the workspace's control log")]
    UnknownKind {
        /// The kind.
        kind: String,
    },
    /// The kind has no such part.
    #[error("kind `{kind}` has no part `{part}`: it has {}", parts.join(", "))]
    UnknownPart {
        /// The kind.
        kind: String,
        /// The part.
        part: String,
        /// The parts it has.
        parts: Vec<String>,
    },
    /// The part never leaves this device, so it has no change sets.
    #[error("part `{part}` is local: keep it in the local table, it has no change sets")]
    Local {
        /// The part.
        part: String,
    },
    /// The workspace key in use is not here.
    #[error("the workspace is sealed under key epoch {epoch}, which this replica does not hold")]
    NoKey {
        /// The epoch.
        epoch: u32,
    },
    /// An undo or redo stood on something excluded.
    #[error("an undo or redo is not made again: what it took back shows again, take it back anew")]
    StepNotRepeated,
    /// The log has been pruned up to a stamp that the clock here has not reached.
    #[error("the log keeps entries from {before} on only: set the device's clock")]
    Pruned {
        /// The stamp.
        before: Hlc,
    },
    /// The control log excludes whatever the writer's chain would go on with.
    #[error(
        "a control record excludes what this device writes next: after a fork, rebase; after a \
             revocation, ask an owner to admit a new device"
    )]
    Excluded(Excluded),
    /// The document said no.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl Replica {
    /// Writes to a part of an entity. The edit is effective here at once and waits for a flush.
    /// `now_ms` is the wall clock, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn write(
        &mut self,
        now_ms: u64,
        kind: &str,
        entity: EntityId,
        part: &str,
        view: ViewId,
        draft: &Draft<'_>,
    ) -> Result<(DocumentId, Edited), WriteError> {
        self.write_again(now_ms, kind, entity, part, view, draft, None)
    }

    /// Writes, naming the change set that this one makes again.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn write_again(
        &mut self,
        now_ms: u64,
        kind: &str,
        entity: EntityId,
        part: &str,
        view: ViewId,
        draft: &Draft<'_>,
        replaces: Option<ChangeSetId>,
    ) -> Result<(DocumentId, Edited), WriteError> {
        let schema = self.schemas.newest(kind).cloned();
        let schema = schema.ok_or_else(|| WriteError::UnknownKind {
            kind: kind.to_owned(),
        })?;
        let id = self.document_id(&entity, part);
        let (writer, user) = self.writer(&schema, &id, part)?;
        self.may_write(&schema, &entity, part, &id, &writer)?;
        if !self.documents.contains_key(&id) {
            let document = Document::new(entity, part, self.chain_of(kind));
            let mut document = document.ok_or_else(|| unknown(&schema, part))?;
            document.listen(self.hears(&id));
            self.documents.insert(id, document);
        }
        let key = match self.standing.key_epoch() {
            Some(epoch) => Some(self.keys.get(&epoch).ok_or(WriteError::NoKey { epoch })?),
            None => None,
        };
        let pen = document::Pen {
            workspace: self.workspace,
            writer,
            user,
            hlc: self.clock.tick(now_ms),
            schema,
            control: self.standing.tip(),
            key,
            foreign: None,
            replaces,
            view,
        };
        let before = self.standing.pruned(&id);
        if matches!(draft, Draft::Entry(_)) && pen.hlc < before {
            return Err(WriteError::Pruned { before });
        }
        let Some(document) = self.documents.get_mut(&id) else {
            return Err(WriteError::UnknownKind {
                kind: kind.to_owned(),
            });
        };
        let grounds = Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        };
        let aside = document.make_way(&pen.writer, &grounds);
        let written = document.write(&pen, draft);
        let stopped = matches!(&written, Err(error) if error.is_stuck());
        let rebuilt = match aside.is_empty() && !stopped {
            true => None,
            false => document.settle(&aside, &grounds).pop(),
        };
        let mut edited = written?;
        edited.event = rebuilt.or(edited.event);
        let asked = Asked::of(draft, edited.noted.take());
        self.open.push(Open {
            document: id,
            chain: pen.writer.chain,
            seq: edited.seq,
            id: edited.id,
        });
        if let Some(asked) = asked {
            let intent = Intent {
                id: edited.id,
                chain: pen.writer.chain,
                hlc: pen.hlc,
                kind: kind.to_owned(),
                entity,
                part: part.to_owned(),
                view,
                asked,
            };
            self.intents
                .entry(id)
                .or_default()
                .insert(intent.key(), Box::new(intent));
        }
        Ok((id, edited))
    }

    /// Takes an edit back that no flush has sealed, as if it had not been made.
    pub fn take_back(&mut self, document: &DocumentId, id: &ChangeSetId) -> Option<Event> {
        let at = self.open.iter().position(|open| open.id == *id)?;
        self.open.remove(at);
        if let Some(intents) = self.intents.get_mut(document) {
            intents.retain(|(_, one), _| one != id);
        }
        let grounds = Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        };
        let document = self.documents.get_mut(document)?;
        document.take_back(id, &grounds)
    }

    /// Holds a writer to what every other replica would: a change set that counted here alone would
    /// set this replica apart from all that hold the same.
    fn may_write(
        &self,
        schema: &Schema,
        entity: &EntityId,
        part: &str,
        document: &DocumentId,
        writer: &Writer,
    ) -> Result<(), WriteError> {
        let refused = |rule| WriteError::Edit(EditError::Refused(rule));
        if !entity.of_kind(schema.kind()) {
            return Err(refused(
                ChainRule::OtherKind {
                    named: schema.kind().to_owned(),
                }
                .into(),
            ));
        }
        let seen = self.standing.tip().number;
        let member = self
            .standing
            .member(&writer.chain.origin, seen)
            .ok_or(WriteError::NotAdmitted)?;
        self.grounds()
            .may_write(member, entity, part, None, schema, seen)
            .map_err(refused)?;
        let graph = self.documents.get(document).map(Document::graph);
        let len = graph.and_then(|graph| Some(graph.len_of(graph.chain(&writer.chain)?)));
        let seq = len.unwrap_or(0).saturating_add(1);
        let slot = Slot {
            document: *document,
            chain: writer.chain,
            seq,
        };
        // Revocations and rulings exclude a slot whatever its id, but for a ruling's winner.
        match self.standing.excludes(&slot, &ChangeSetId([0; 32])) {
            Some(excluded) => Err(WriteError::Excluded(excluded)),
            None => Ok(()),
        }
    }

    /// Who writes a part here: the pen under its derived actor.
    fn writer(
        &self,
        schema: &Schema,
        document: &DocumentId,
        part: &str,
    ) -> Result<(Writer, crate::id::UserId), WriteError> {
        let pen = self.pen.as_ref().ok_or(WriteError::NoPen)?;
        let member = self
            .standing
            .member(&pen.origin, self.standing.tip().number)
            .ok_or(WriteError::NotAdmitted)?;
        let declared = schema.part(part).ok_or_else(|| unknown(schema, part))?;
        if declared.residency == Residency::Local {
            return Err(WriteError::Local {
                part: part.to_owned(),
            });
        }
        let chain = pen.chain();
        let graph = self.documents.get(document).map(Document::graph);
        let line = graph.and_then(|graph| graph.line(graph.chain(&chain)?));
        if let Some(known) = line.filter(|line| line.writer.author == pen.user) {
            return Ok((known.writer.clone(), pen.user));
        }
        let actor = match declared.shape {
            PartShape::Body(_) => Actor::Yrs(yrs_client(&chain, document, &member.salt)),
            PartShape::Record(_) | PartShape::Log(_) => {
                Actor::Automerge(automerge_actor(&chain, document, &member.salt))
            }
        };
        Ok((
            Writer {
                chain,
                author: pen.user,
                actor,
            },
            pen.user,
        ))
    }

    /// Seals everything written since the last flush: one signature for up to
    /// [`limits::FLUSH_CHANGE_SETS_MAX`] change sets of one residency.
    ///
    /// # Errors
    /// Where the key is not the pen's.
    pub fn flush(&mut self, key: &SigningKey) -> Result<Vec<Verified>, SealError> {
        let mut groups: BTreeMap<bool, Vec<(Open, ChangeSet)>> = BTreeMap::new();
        for open in &self.open {
            let Some(document) = self.documents.get(&open.document) else {
                continue;
            };
            // What stopped counting before it was sealed is not sent: it waits here until it counts
            // again, or until a rebase makes it again.
            let chain = document.graph().chain(&open.chain);
            let kept = chain.and_then(|chain| document.kept(chain, open.seq));
            if let Some(kept) = kept.filter(|kept| kept.change.id() == open.id) {
                let group = groups.entry(is_synced(document)).or_default();
                group.push((*open, kept.change.clone()));
            }
        }
        let mut flushed = Vec::with_capacity(self.open.len());
        for group in groups.values() {
            for part in group.chunks(limits::FLUSH_CHANGE_SETS_MAX) {
                let changes = part.iter().map(|(_, change)| change.clone());
                flushed.extend(seal_verified(key, changes.collect())?);
            }
        }
        let sealed = groups.values().flatten().map(|(open, _)| open);
        for (open, verified) in sealed.zip(&flushed) {
            if let Some(document) = self.documents.get_mut(&open.document) {
                document.prove_own(&open.chain, open.seq, verified.proof().clone());
            }
        }
        let sealed: BTreeSet<ChangeSetId> = flushed
            .iter()
            .map(|verified| verified.change().id())
            .collect();
        self.open.retain(|open| !sealed.contains(&open.id));
        Ok(flushed)
    }

    /// The documents with own change sets that no flush has sealed.
    pub fn unsealed(&self) -> impl Iterator<Item = DocumentId> + '_ {
        self.open.iter().map(|open| open.document)
    }

    /// How many own change sets no flush has sealed, those included that do not count now.
    pub fn open_len(&self) -> usize {
        self.open.len()
    }
}

/// Whether a document's part goes to every member.
fn is_synced(document: &Document) -> bool {
    let part = document
        .schema()
        .and_then(|schema: &Arc<Schema>| schema.part(document.part()));
    part.is_none_or(|part| part.residency == Residency::Synced)
}

fn unknown(schema: &Schema, part: &str) -> WriteError {
    WriteError::UnknownPart {
        kind: schema.kind().to_owned(),
        part: part.to_owned(),
        parts: schema.spec().parts.keys().cloned().collect(),
    }
}
