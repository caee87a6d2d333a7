//! Workspaces: founding and keeping them, who writes, and what their control logs and schemas say.

use super::{Engine, Ticket, directory::Shelfmark};
use crate::{
    changeset::crypt::WorkspaceKey,
    control::{Added, ControlBody, ControlError, Effect, SignedControl},
    hlc::Hlc,
    id::{ActorSalt, Epoch, Lane, OriginId, UserId, WorkspaceId},
    replica::{Intake, Pen, Replica},
    schema::Schema,
    store::Row,
};
use std::collections::btree_map::Entry;

impl Engine {
    /// Founds a workspace: this device orders it until it hands over, and `owner` owns it. `salt` is
    /// drawn once, by chance.
    ///
    /// # Errors
    /// Where a workspace of this name is here already.
    pub fn found(
        &mut self,
        now_ms: u64,
        workspace: WorkspaceId,
        owner: UserId,
        salt: ActorSalt,
    ) -> Result<Ticket, ControlError> {
        let device = self.device();
        self.keep(workspace, device);
        let pen = Pen {
            origin: device,
            user: owner,
            epoch: Epoch(0),
            lane: Lane(0),
        };
        self.order(
            now_ms,
            &workspace,
            ControlBody::Found {
                owner,
                device,
                salt,
                orderer: device,
                recovery: device,
            },
        )?;
        Ok(self.take_pen(workspace, pen))
    }

    /// Keeps a workspace here that another device founded.
    pub fn keep(&mut self, workspace: WorkspaceId, founder: OriginId) -> Ticket {
        if let Entry::Vacant(vacant) = self.replicas.entry(workspace) {
            vacant.insert(Replica::new(workspace, founder));
            let row = Row::Workspace { workspace, founder };
            self.write_row(Shelfmark::common(&workspace), &row);
        }
        self.journal.ticket()
    }

    /// Says who writes here from now on: always this device, whose key seals.
    pub(super) fn take_pen(&mut self, workspace: WorkspaceId, pen: Pen) -> Ticket {
        if let Some(replica) = self.replicas.get_mut(&workspace) {
            replica.take_pen(pen);
            self.write_row(Shelfmark::common(&workspace), &Row::Pen { workspace, pen });
        }
        self.journal.ticket()
    }

    /// Begins a new epoch in every workspace that this device writes in: the store may have a twin that
    /// writes under the old one.
    pub fn begin_epochs(&mut self) -> Ticket {
        let pens: Vec<(WorkspaceId, Pen)> = self
            .replicas
            .iter()
            .filter_map(|(workspace, replica)| Some((*workspace, *replica.pen()?)))
            .collect();
        for (workspace, pen) in pens {
            // A twin may have written in epochs that this device has not begun.
            let known = self.known.get(&workspace).and_then(|known| known.epoch);
            let last = known.map_or(pen.epoch, |known| known.max(pen.epoch));
            let epoch = Epoch(last.0.saturating_add(1));
            self.take_pen(workspace, Pen { epoch, ..pen });
        }
        self.journal.ticket()
    }

    /// Writes a control record, as the workspace's orderer.
    ///
    /// # Errors
    /// Where this device is not the orderer, or the record does not follow.
    pub fn order(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        body: ControlBody,
    ) -> Result<Ticket, ControlError> {
        if let Some(replica) = self.replicas.get(workspace) {
            let record = replica.control().draft(body, Hlc::new(now_ms, 0));
            let signed = record.sign(&self.key);
            self.control_record(signed)?;
        }
        Ok(self.journal.ticket())
    }

    /// Puts a schema into force, as the workspace's orderer.
    ///
    /// # Errors
    /// As [`Engine::order`].
    pub fn activate(
        &mut self,
        now_ms: u64,
        workspace: &WorkspaceId,
        schema: Schema,
    ) -> Result<Ticket, ControlError> {
        let body = ControlBody::ActivateSchema {
            schema: schema.id(),
            kind: schema.kind().to_owned(),
            version: schema.version(),
        };
        self.schema(workspace, schema);
        self.order(now_ms, workspace, body)
    }

    /// Takes a schema in.
    pub fn schema(&mut self, workspace: &WorkspaceId, schema: Schema) -> Intake {
        let Some(replica) = self.replicas.get_mut(workspace) else {
            return Intake::default();
        };
        let is_new = !replica.has_schema(&schema.id());
        let bytes = schema.encode();
        let intake = replica.schema(schema);
        self.news.tell_all(workspace, &intake);
        if is_new {
            self.all_behind(workspace);
            let row = Row::Schema {
                workspace: *workspace,
                schema: bytes,
            };
            self.write_row(Shelfmark::common(workspace), &row);
        }
        intake
    }

    /// Takes a key of a workspace in, which the application keeps. What was sealed under it can be
    /// read from then on, and written where it is the one in use.
    pub fn workspace_key(&mut self, workspace: &WorkspaceId, key: WorkspaceKey) -> Intake {
        let Some(replica) = self.replicas.get_mut(workspace) else {
            return Intake::default();
        };
        let intake = replica.workspace_key(key);
        self.news.tell_all(workspace, &intake);
        self.all_behind(workspace);
        intake
    }

    /// Takes a control record in.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn control_record(&mut self, signed: SignedControl) -> Result<Intake, ControlError> {
        let workspace = signed.record.workspace;
        // What stops counting by it is sealed before: a kept ticket must not hang on it.
        self.seal();
        let Some(replica) = self.replicas.get_mut(&workspace) else {
            return Ok(Intake::default());
        };
        let before = replica.control().tip();
        let (added, intake) = replica.control_record(signed.clone())?;
        let news = replica.control().line().skip(before.number as usize);
        let effects: Vec<Effect> = news.map(|one| one.record.body.effect()).collect();
        self.news.tell_all(&workspace, &intake);
        match added {
            Added::Known | Added::Beside => {}
            Added::Appended => effects
                .iter()
                .for_each(|effect| self.behind_by(&workspace, effect)),
            Added::Turned => self.all_behind(&workspace),
        }
        if added != Added::Known {
            let row = Row::Control(Box::new(signed));
            self.write_row(Shelfmark::common(&workspace), &row);
        }
        Ok(intake)
    }
}
