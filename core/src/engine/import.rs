//! Taking a bundle in: how two stores merge without a network.

use super::{Engine, Ticket};
use crate::{
    id::{ChangeSetId, Epoch, Lane, WorkspaceId},
    replica::{BundleReadError, Intake, Pen, Unpacked},
};

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

impl Engine {
    /// Takes a bundle in. A workspace that is not here is kept from now on; where its control log has
    /// admitted this device, the device writes in it.
    ///
    /// # Errors
    /// Where the bytes are no bundle, or tell of no workspace. Nothing was changed.
    pub fn import(&mut self, now_ms: u64, bytes: &[u8]) -> Result<Imported, BundleReadError> {
        let Unpacked {
            founding,
            schemas,
            controls,
            changes,
            broken,
            forged,
        } = Unpacked::read(bytes)?;
        let workspace = founding.workspace;
        self.keep(workspace, founding.founder);
        let taken = controls.into_iter().map(|one| self.control_record(one));
        let strange = taken.filter(Result::is_err).count();
        for schema in schemas {
            self.schema(&workspace, schema);
        }
        let (intake, _) = self.receive(now_ms, &workspace, changes);
        let ticket = self.begin_writing(workspace);
        Ok(Imported {
            workspace,
            intake,
            strange,
            broken,
            forged,
            ticket,
        })
    }

    /// Takes the pen in a workspace that has admitted this device and in which it does not write yet:
    /// under an epoch that none of its change sets has, which a store that was lost may have left.
    fn begin_writing(&mut self, workspace: WorkspaceId) -> Ticket {
        let device = self.device();
        let pen = self.replica(&workspace).and_then(|replica| {
            let standing = replica.standing();
            let member = standing.member(&device, standing.tip().number)?;
            let documents = replica.documents();
            let lines = documents.flat_map(|document| document.graph().lines());
            let own = lines.map(|(_, line)| line.writer.chain);
            let own = own.filter(|chain| chain.origin == device);
            let next = own.map(|chain| chain.epoch.0.saturating_add(1)).max();
            replica.pen().is_none().then_some(Pen {
                origin: device,
                user: member.user,
                epoch: Epoch(next.unwrap_or(0)),
                lane: Lane(0),
            })
        });
        match pen {
            Some(pen) => self.take_pen(workspace, pen),
            None => self.journal.ticket(),
        }
    }
}
