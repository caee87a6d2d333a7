//! What a store holds.

use super::Desk;
use anabranch::core::{
    control::{ControlBody, Member, Role},
    document::{EngineDoc, State},
    engine::Scope,
    id::{ChangeSetId, EntityId, OriginId, UserId, WorkspaceId},
    replica::Replica,
};
use std::collections::BTreeMap;

/// What a store holds of one workspace.
#[derive(Clone, Debug)]
pub struct Stock {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The role of this device there; none where it is no member.
    pub role: Option<Role>,
    /// The devices that were admitted, and to do what.
    pub members: Vec<(OriginId, UserId, Role)>,
    /// How many control records there are.
    pub controls: usize,
    /// How many schemas are in force.
    pub schemas: usize,
    /// Own edits that are kept as they were asked for.
    pub intents: usize,
    /// Its documents.
    pub documents: Vec<Holding>,
}

/// A document of a store.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The entity.
    pub entity: EntityId,
    /// Its kind.
    pub kind: String,
    /// The part.
    pub part: String,
    /// What holds it.
    pub engine: &'static str,
    /// How many writers' chains it has.
    pub chains: usize,
    /// How many change sets count.
    pub change_sets: usize,
    /// The bytes of their payloads.
    pub bytes: u64,
    /// Change sets that do not count, and why.
    pub asides: Vec<(ChangeSetId, State)>,
}

impl Desk {
    /// What the store holds, workspace by workspace.
    pub fn stock(&self) -> Vec<Stock> {
        let device = self.device();
        let workspaces: Vec<WorkspaceId> = self.node.with(|engine| engine.workspaces().collect());
        let look = |workspace: WorkspaceId| {
            let scope = Scope::Workspace(workspace);
            self.read(self.node.look(&scope, |replica| stock(replica, &device)))
        };
        workspaces.into_iter().filter_map(look).collect()
    }
}

fn stock(replica: &Replica, device: &OriginId) -> Stock {
    let standing = replica.standing();
    let now = standing.tip().number;
    let role = |member: &Member| standing.role(member, now);
    let mut origins: BTreeMap<OriginId, ()> = BTreeMap::new();
    for signed in replica.control().line() {
        match &signed.record.body {
            ControlBody::Found { device, .. } => origins.insert(*device, ()),
            ControlBody::Member { origin, .. } => origins.insert(*origin, ()),
            ControlBody::Revoke { origin, .. } => origins.remove(origin),
            ControlBody::Orderer { .. }
            | ControlBody::Role { .. }
            | ControlBody::ActivateSchema { .. }
            | ControlBody::ActivateRules { .. }
            | ControlBody::Refuse { .. }
            | ControlBody::Fork { .. }
            | ControlBody::KeyEpoch { .. }
            | ControlBody::PruneBefore { .. }
            | ControlBody::Erase { .. } => None,
        };
    }
    let admitted = origins.keys().filter_map(|origin| {
        let member = standing.member(origin, now)?;
        Some((*origin, member.user, role(member)))
    });
    Stock {
        workspace: replica.workspace(),
        role: standing.member(device, now).map(role),
        members: admitted.collect(),
        controls: replica.control().line().count(),
        schemas: replica.schemas().iter().count(),
        intents: replica.intents().count(),
        documents: replica.documents().map(holding).collect(),
    }
}

fn holding(document: &anabranch::core::document::Document) -> Holding {
    let kept: Vec<_> = document
        .graph()
        .lines()
        .flat_map(|(chain, line)| {
            let seqs = (1u64..).take(line.nodes().len());
            seqs.filter_map(move |seq| document.kept(chain, seq))
        })
        .collect();
    let bytes = kept
        .iter()
        .map(|kept| u64::from(kept.change.header().payload_len));
    let asides = document
        .asides()
        .map(|aside| (aside.kept.change.id(), aside.state.clone()));
    Holding {
        entity: *document.entity(),
        kind: document
            .schema()
            .map(|schema| schema.kind().to_owned())
            .unwrap_or_default(),
        part: document.part().to_owned(),
        engine: match document.engine() {
            EngineDoc::Record(_) => "record",
            EngineDoc::Body(_) => "body",
            EngineDoc::Log(_) => "log",
        },
        chains: document.graph().lines().count(),
        change_sets: kept.len(),
        bytes: bytes.sum(),
        asides: asides.collect(),
    }
}
