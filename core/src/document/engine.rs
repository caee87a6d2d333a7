//! The closed set of engines behind one face. What both can do is asked of the enum; what only one
//! can do (projection, text) is asked of the engine itself.

use crate::{
    body::{BodyDoc, JudgedUpdate},
    id::{ChainIdx, ChangeSetId, DocumentId},
    judge::{Candidate, Rule, Stuck, Writer},
    log::{JudgedEntry, LogDoc},
    patch::Patch,
    record::{JudgedChange, RecordDoc, unnumbered},
    schema::{PartShape, Schema, SchemaRule},
};
use std::{fmt, sync::Arc};

/// One part's engine.
pub enum EngineDoc {
    /// A record.
    Record(Box<RecordDoc>),
    /// A body.
    Body(Box<BodyDoc>),
    /// A log.
    Log(LogDoc),
}

/// A change that its gate let pass, not yet applied.
#[derive(Debug)]
pub enum Judged {
    /// Of a record.
    Change(Box<JudgedChange>),
    /// Of a body.
    Update(Box<JudgedUpdate>),
    /// Of a log.
    Entry(JudgedEntry),
    /// Of a log, erased by a control record.
    Erased,
}

impl fmt::Debug for EngineDoc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EngineDoc::Record(_) => "Record(..)",
            EngineDoc::Body(_) => "Body(..)",
            EngineDoc::Log(_) => "Log(..)",
        })
    }
}

impl EngineDoc {
    /// An empty document of a part, from the schema chain of its kind (version 1 first). None where
    /// no version declares the part.
    pub fn new(document: DocumentId, part: &str, schemas: &[Arc<Schema>]) -> Option<Self> {
        let newest = schemas.iter().rev().find_map(|schema| schema.part(part))?;
        Some(match &newest.shape {
            PartShape::Record(_) => {
                EngineDoc::Record(Box::new(RecordDoc::new(document, part, schemas)))
            }
            PartShape::Body(shape) => EngineDoc::Body(Box::new(BodyDoc::new(shape))),
            PartShape::Log(shape) => EngineDoc::Log(LogDoc::new(shape.clone())),
        })
    }

    /// A new version of the schema became known.
    pub fn extend(&mut self, schema: &Arc<Schema>) {
        match self {
            EngineDoc::Record(record) => record.extend(Arc::clone(schema)),
            EngineDoc::Body(_) | EngineDoc::Log(_) => {}
        }
    }

    /// Says whether patches of a body are wanted: they cost a walk through each touched text.
    pub fn listen(&mut self, on: bool) {
        match self {
            EngineDoc::Body(body) => body.listen(on),
            EngineDoc::Record(_) | EngineDoc::Log(_) => {}
        }
    }

    /// A chain became known.
    pub fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        match self {
            EngineDoc::Record(record) => record.register(chain, writer),
            EngineDoc::Body(body) => body.register(chain, writer),
            EngineDoc::Log(_) => {}
        }
    }

    /// Judges a change set's payload by its causal past.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn judge(&mut self, part: &str, candidate: &Candidate<'_>) -> Result<Judged, Rule> {
        let schema = &candidate.place.schema;
        match (self, schema.part(part).map(|part| &part.shape)) {
            (EngineDoc::Record(record), Some(PartShape::Record(_))) => {
                Ok(Judged::Change(Box::new(record.judge(candidate)?)))
            }
            (EngineDoc::Body(body), Some(PartShape::Body(_))) => {
                Ok(Judged::Update(Box::new(body.judge(candidate)?)))
            }
            (EngineDoc::Log(log), Some(PartShape::Log(shape))) => {
                Ok(Judged::Entry(log.judge(shape, candidate)?))
            }
            // Parts never change their engine from version to version, so this is the unknown part.
            (EngineDoc::Record(_) | EngineDoc::Body(_) | EngineDoc::Log(_), _) => {
                Err(SchemaRule::UnknownPart {
                    kind: schema.kind().to_owned(),
                    version: schema.version(),
                    part: part.to_owned(),
                }
                .into())
            }
        }
    }

    /// Feeds what passed to the gate's own index, so that what follows can be judged before the
    /// engine has seen anything.
    pub fn admit(&mut self, judged: &Judged) {
        match (self, judged) {
            (EngineDoc::Record(record), Judged::Change(change)) => record.admit(change),
            (EngineDoc::Body(body), Judged::Update(update)) => body.admit(update),
            (EngineDoc::Record(_) | EngineDoc::Body(_) | EngineDoc::Log(_), _) => {}
        }
    }

    /// Applies what was admitted, in order; patches for each.
    ///
    /// # Errors
    /// Where the engine stopped. The document is then to be rebuilt.
    pub fn apply(&mut self, batch: Vec<Admitted>) -> Result<Vec<Vec<Patch>>, Stuck> {
        match self {
            EngineDoc::Record(record) => {
                let changes = batch
                    .into_iter()
                    .filter_map(|admitted| match admitted.judged {
                        Judged::Change(change) => Some(*change),
                        Judged::Update(_) | Judged::Entry(_) | Judged::Erased => None,
                    });
                record.apply(changes.collect())
            }
            EngineDoc::Body(body) => {
                let mut patches = Vec::with_capacity(batch.len());
                for admitted in batch {
                    patches.push(match admitted.judged {
                        Judged::Update(update) => body.apply(*update)?,
                        Judged::Change(_) | Judged::Entry(_) | Judged::Erased => Vec::new(),
                    });
                }
                Ok(patches)
            }
            EngineDoc::Log(log) => Ok(batch
                .into_iter()
                .map(|admitted| match admitted.judged {
                    Judged::Entry(entry) => {
                        vec![log.apply(admitted.id, admitted.chain, admitted.hlc, entry)]
                    }
                    Judged::Change(_) | Judged::Update(_) | Judged::Erased => Vec::new(),
                })
                .collect()),
        }
    }

    /// blake3 of the content, the same on every replica with the same effective history.
    pub fn digest(&self) -> [u8; 32] {
        match self {
            EngineDoc::Record(record) => record.digest(&unnumbered),
            EngineDoc::Body(body) => body.digest(),
            EngineDoc::Log(log) => log.digest(),
        }
    }
}

/// A change that was admitted and waits to be applied.
#[derive(Debug)]
pub struct Admitted {
    /// Its id.
    pub id: ChangeSetId,
    /// Its chain.
    pub chain: ChainIdx,
    /// Its stamp.
    pub hlc: crate::hlc::Hlc,
    /// What the gate let pass.
    pub judged: Judged,
}
