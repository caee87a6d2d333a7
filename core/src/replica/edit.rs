//! Writing and sealing.

use super::{Intent, Replica};
use crate::{
    body::ViewId,
    changeset::{SealError, Signed, seal},
    document::{self, Document, Draft, EditError, Edited},
    id::{Actor, ChangeSetId, DocumentId, EntityId, automerge_actor, yrs_client},
    judge::{Grounds, Writer},
    limits,
    schema::{PartShape, Residency, Schema},
};
use ed25519_dalek::SigningKey;
use std::{collections::BTreeMap, sync::Arc};

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
        let chain = self.chain_of(kind);
        let schema = chain.last().cloned().ok_or_else(|| WriteError::UnknownKind { kind: kind.to_owned() })?;
        let id = DocumentId::of(&entity, part);
        let (writer, user) = self.writer(&schema, &id, part)?;
        if !self.documents.contains_key(&id) {
            let document = Document::new(entity, part, chain).map_err(|rule| EditError::Refused(rule.into()))?;
            self.documents.insert(id, document);
        }
        let grounds = Grounds {
            workspace: self.workspace,
            standing: &self.standing,
            schemas: &self.schemas,
            keys: &self.keys,
        };
        let key = match self.standing.key_epoch() {
            Some(epoch) => Some((epoch, self.keys.get(&epoch).ok_or(WriteError::NoKey { epoch })?)),
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
            replaces,
            view,
        };
        let Some(document) = self.documents.get_mut(&id) else {
            return Err(WriteError::UnknownKind { kind: kind.to_owned() });
        };
        let intent = Intent::of(document, kind, view, draft);
        let edited = document.write(&pen, draft, &grounds)?;
        self.open.push((id, edited.id));
        if let Some(intent) = intent {
            self.intents.insert(edited.id, intent.named(edited.id, pen.hlc, pen.writer.chain));
        }
        Ok((id, edited))
    }

    /// Who writes a part here: the pen under its derived actor.
    fn writer(
        &self,
        schema: &Schema,
        document: &DocumentId,
        part: &str,
    ) -> Result<(Writer, crate::id::UserId), WriteError> {
        let pen = self.pen.as_ref().ok_or(WriteError::NoPen)?;
        let member =
            self.standing.member(&pen.origin, self.standing.tip().number).ok_or(WriteError::NotAdmitted)?;
        let declared = schema.part(part).ok_or_else(|| WriteError::UnknownPart {
            kind: schema.kind().to_owned(),
            part: part.to_owned(),
            parts: schema.spec().parts.keys().cloned().collect(),
        })?;
        if declared.residency == Residency::Local {
            return Err(WriteError::Local { part: part.to_owned() });
        }
        let chain = pen.chain();
        let actor = match declared.shape {
            PartShape::Body(_) => Actor::Yrs(yrs_client(&chain, document, &member.salt)),
            PartShape::Record(_) | PartShape::Log(_) => {
                Actor::Automerge(automerge_actor(&chain, document, &member.salt))
            }
        };
        Ok((Writer { chain, author: pen.user, actor }, pen.user))
    }

    /// Seals everything written since the last flush: one signature for up to
    /// [`limits::FLUSH_CHANGE_SETS_MAX`] change sets of one residency.
    ///
    /// # Errors
    /// Where the key is not the pen's.
    pub fn flush(&mut self, key: &SigningKey) -> Result<Vec<Signed>, SealError> {
        let mut groups: BTreeMap<bool, Vec<(DocumentId, ChangeSetId)>> = BTreeMap::new();
        for (document, id) in &self.open {
            let synced = self.documents.get(document).is_some_and(is_synced);
            groups.entry(synced).or_default().push((*document, *id));
        }
        let mut flushed = Vec::with_capacity(self.open.len());
        for group in groups.into_values() {
            for part in group.chunks(limits::FLUSH_CHANGE_SETS_MAX) {
                let changes = part.iter().filter_map(|(document, id)| {
                    self.documents.get(document)?.open_change(id).cloned()
                });
                for signed in seal(key, changes.collect())? {
                    if let Some(document) = self.documents.get_mut(&signed.change.header().document()) {
                        document.prove_own(&signed);
                    }
                    flushed.push(signed);
                }
            }
        }
        self.open.clear();
        Ok(flushed)
    }

    /// How many own change sets wait for a flush.
    pub fn open_len(&self) -> usize {
        self.open.len()
    }
}

/// Whether a document's part goes to every member.
fn is_synced(document: &Document) -> bool {
    let part = document.schema().and_then(|schema: &Arc<Schema>| schema.part(document.part()));
    part.is_none_or(|part| part.residency == Residency::Synced)
}
