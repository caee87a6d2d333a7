//! Taking a bundle in: how two stores merge without a network.

use super::{Closed, Engine, ReadError, Ticket, document_of};
use crate::{
    changeset::Verified,
    fault::Fault,
    id::{ChangeSetId, DocumentId, Epoch, Lane, WorkspaceId},
    limits,
    replica::{BundleReadError, Intake, Pen, Unpacked},
    store::Store,
};
use std::collections::{BTreeMap, VecDeque};

/// What taking a bundle in came to.
#[derive(Debug)]
pub struct Imported {
    /// The workspace that it is of.
    pub workspace: WorkspaceId,
    /// What became of its change sets.
    pub intake: Intake,
    /// How many control records did not follow the log that is here.
    pub strange: usize,
    /// Items that are no schema or control record.
    pub broken: Vec<u64>,
    /// Change sets whose signature does not hold. They were left out.
    pub forged: Vec<ChangeSetId>,
    /// When it is durable.
    pub ticket: Ticket,
}

/// Why a bundle was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is none. Nothing was changed.
    #[error(transparent)]
    Bundle(#[from] BundleReadError),
    /// A document that it adds to cannot be read here. What came before it was taken in; the bundle can
    /// be imported again.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ImportError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ImportError::Bundle(_) => Fault::Caller,
            ImportError::Read(error) => error.fault(),
        }
    }
}

/// A bundle that is being taken in, some documents at a time.
#[derive(Debug)]
pub struct Importing {
    imported: Imported,
    left: VecDeque<(Vec<DocumentId>, Vec<Verified>)>,
}

impl Importing {
    /// The documents that the next step needs; none when it is done.
    pub fn next(&self) -> Option<(WorkspaceId, &[DocumentId])> {
        let (documents, _) = self.left.front()?;
        Some((self.imported.workspace, documents))
    }
}

impl Engine {
    /// Begins to take a bundle in: its workspace, schemas and control records. A workspace that is not
    /// here is kept from now on.
    pub fn begin_import(&mut self, unpacked: Unpacked) -> Importing {
        let Unpacked {
            founding,
            schemas,
            controls,
            changes,
            broken,
            forged,
        } = unpacked;
        let workspace = founding.workspace;
        let ticket = self.keep(workspace, founding.founder);
        let taken = controls.into_iter().map(|one| self.control_record(one));
        let strange = taken.filter(Result::is_err).count();
        for schema in schemas {
            self.schema(&workspace, schema);
        }
        Importing {
            imported: Imported {
                workspace,
                intake: Intake::default(),
                strange,
                broken,
                forged,
                ticket,
            },
            left: in_steps(changes),
        }
    }

    /// Takes the next change sets in.
    ///
    /// # Errors
    /// Where one of the documents that [`Importing::next`] names is closed. Nothing was changed.
    pub fn import_next(&mut self, now_ms: u64, importing: &mut Importing) -> Result<(), Closed> {
        let workspace = importing.imported.workspace;
        let Some((documents, changes)) = importing.left.pop_front() else {
            return Ok(());
        };
        for document in &documents {
            if let Err(closed) = self.open_already(&workspace, *document) {
                importing.left.push_front((documents, changes));
                return Err(closed);
            }
        }
        let (intake, _) = self.receive(now_ms, &workspace, changes)?;
        importing.imported.intake.extend(intake);
        Ok(())
    }

    /// Ends it: where the workspace's control log has admitted this device, the device writes in it.
    pub fn end_import(&mut self, importing: Importing) -> Imported {
        let mut imported = importing.imported;
        imported.ticket = self.begin_writing(imported.workspace);
        imported
    }

    /// Takes a bundle in whole.
    ///
    /// # Errors
    /// Where the bytes are no bundle, or a document here cannot be read.
    pub fn import(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        bytes: &[u8],
    ) -> Result<Imported, ImportError> {
        let mut importing = self.begin_import(Unpacked::read(bytes)?);
        while self.import_step(store, now_ms, &mut importing)? {}
        Ok(self.end_import(importing))
    }

    /// Reads what the next step needs and takes it; answers whether there was anything.
    ///
    /// # Errors
    /// Where a document cannot be read.
    pub fn import_step(
        &mut self,
        store: &(impl Store + ?Sized),
        now_ms: u64,
        importing: &mut Importing,
    ) -> Result<bool, ReadError> {
        let Some((workspace, documents)) = importing.next() else {
            return Ok(false);
        };
        self.bring(store, now_ms, &workspace, documents.iter().copied())?;
        self.import_next(now_ms, importing)?;
        Ok(true)
    }

    /// Takes the pen in a workspace that has admitted this device and in which it does not write yet:
    /// under an epoch that none of its change sets has, which a store that was lost may have left.
    fn begin_writing(&mut self, workspace: WorkspaceId) -> Ticket {
        let device = self.device();
        let before = self.known.get(&workspace).and_then(|known| known.epoch);
        let pen = self.replica(&workspace).and_then(|replica| {
            let standing = replica.standing();
            let member = standing.member(&device, standing.tip().number)?;
            let next = before.map_or(0, |epoch| epoch.0.saturating_add(1));
            replica.pen().is_none().then_some(Pen {
                origin: device,
                user: member.user,
                epoch: Epoch(next),
                lane: Lane(0),
            })
        });
        match pen {
            Some(pen) => self.take_pen(workspace, pen),
            None => self.journal.ticket(),
        }
    }
}

/// Change sets by document, some documents at a time, each document's in the order in which they came.
fn in_steps(changes: Vec<Verified>) -> VecDeque<(Vec<DocumentId>, Vec<Verified>)> {
    let mut by_document: BTreeMap<DocumentId, Vec<Verified>> = BTreeMap::new();
    for change in changes {
        by_document
            .entry(document_of(&change))
            .or_default()
            .push(change);
    }
    let mut steps = VecDeque::new();
    let mut documents = Vec::new();
    let mut step = Vec::new();
    for (document, changes) in by_document {
        documents.push(document);
        step.extend(changes);
        if documents.len() >= limits::IMPORT_DOCUMENTS {
            steps.push_back((std::mem::take(&mut documents), std::mem::take(&mut step)));
        }
    }
    if !documents.is_empty() {
        steps.push_back((documents, step));
    }
    steps
}
