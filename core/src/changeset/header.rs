//! The header of a change set: everything that is hashed but the payload itself.

use crate::{
    hlc::Hlc,
    id::{Actor, Chain, ChangeSetId, DocumentId, EntityId, SchemaId, UserId, WorkspaceId},
    value::Value,
};
use serde::{Deserialize, Serialize};

/// The version of the judging rules that this build writes and the newest it knows.
pub const RULES_VERSION: u16 = 1;

/// What a change set says of itself. Its canonical bytes are postcard over these fields in this
/// order; `id = blake3(domain tag ‖ canonical bytes)`. See `core/docs/change-set.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The entity; with `part` it gives the document's id.
    pub entity: EntityId,
    /// The part's name: `record`, `body`, `log.comments`.
    pub part: String,
    /// Origin, epoch and lane.
    pub chain: Chain,
    /// The user behind the origin.
    pub author: UserId,
    /// The user for whom a server or gateway wrote, whose rights are then judged.
    pub on_behalf_of: Option<UserId>,
    /// Dense in the chain, from 1.
    pub seq: u64,
    /// The id of `seq - 1`. At `seq` 1 of a later epoch: the last id of this lane's epoch before,
    /// where there was one; a provenance, not a dependency.
    pub prev: Option<ChangeSetId>,
    /// The frontier of what the author had seen of this document beside its own chain, by chain,
    /// at most one per chain, none that another of them (or `prev`) has in its past.
    pub deps: Vec<Dep>,
    /// The author's stamp; rises within a chain.
    pub hlc: Hlc,
    /// The schema it is written under.
    pub schema: SchemaId,
    /// That schema's version.
    pub schema_version: u32,
    /// The version of the judging rules.
    pub rules: u16,
    /// The last control record its author had seen.
    pub control: ControlPosition,
    /// What holds the part.
    pub engine: EngineKind,
    /// A gateway's foreign actor, bound to this chain; none: derived.
    pub actor: Option<Actor>,
    /// The workspace key epoch under which the payload is sealed; none: in clear.
    pub key_epoch: Option<u32>,
    /// The values of the schema's route fields after this change, where it writes them, by name.
    pub route: Vec<(String, Value)>,
    /// The payload's length in bytes, as carried.
    pub payload_len: u32,
    /// The payload's blake3, as carried.
    pub payload_hash: [u8; 32],
    /// The change set that this one makes again after a control record excluded it.
    pub replaces: Option<ChangeSetId>,
    /// Bytes of later versions: hashed and kept by readers that do not know them.
    pub extension: Vec<u8>,
}

/// A place in the workspace's control log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ControlPosition {
    /// The orderer's epoch.
    pub epoch: u32,
    /// The record's number, from 1; 0: none seen.
    pub number: u64,
}

/// A dependency, by place and by id, so that a causal past is one and the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dep {
    /// Its chain.
    pub chain: Chain,
    /// Its number there.
    pub seq: u64,
    /// Its id.
    pub id: ChangeSetId,
}

/// What holds a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EngineKind {
    /// An Automerge document; the payload is one uncompressed change chunk.
    Automerge,
    /// A Yrs document; the payload is one update, lib0 v1.
    Yrs,
    /// A grow-only log; the payload is one entry.
    Log,
}

impl Header {
    /// The document it belongs to.
    pub fn document(&self) -> DocumentId {
        DocumentId::of(&self.entity, &self.part)
    }
}
