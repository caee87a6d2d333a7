//! Refusals of chain, dependencies and rights: everything that stands in an envelope but is judged
//! against what is known of the workspace and the document.

use crate::{
    control::Role,
    id::{ChangeSetId, OriginId, UserId},
};
use serde::{Deserialize, Serialize};

/// A refusal of chain, dependencies or rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ChainRule {
    /// The origin was not admitted when its author says to have looked.
    #[error("origin {origin} was not admitted at control record {at}: ask an owner to admit the device")]
    NotAdmitted {
        /// The origin.
        origin: OriginId,
        /// The record its author had seen.
        at: u64,
    },
    /// The origin belongs to another user than the header says.
    #[error("the header names user {named} as author, but the device was admitted for {admitted}")]
    Author {
        /// In the header.
        named: UserId,
        /// In the control log.
        admitted: UserId,
    },
    /// The writer's role does not allow it.
    #[error("a {role:?} may not write part `{part}`, whose authority is {needed}")]
    Role {
        /// The writer's role.
        role: Role,
        /// The part.
        part: String,
        /// What it asks for.
        needed: String,
    },
    /// Only servers and gateways write on behalf of others, and gateways always do.
    #[error("a {role:?} {}", if *.present { "may not write on behalf of another user" } else { "must name the user it writes for" })]
    OnBehalf {
        /// The writer's role.
        role: Role,
        /// Whether the header names somebody.
        present: bool,
    },
    /// The user written for changed within a chain.
    #[error("the user written for changed within the chain: open another lane for another user")]
    BehalfChanged,
    /// Only gateways carry foreign actors, and those of a chain never change.
    #[error("the header carries a foreign actor, which only a gateway may, one per chain")]
    ForeignActor,
    /// A dependency that another one had seen already.
    #[error("dependency {id} is no frontier: another dependency or the one before had seen it")]
    Redundant {
        /// The dependency.
        id: ChangeSetId,
    },
    /// A dependency was refused.
    #[error("it depends on change set {id}, which is refused")]
    DependsOnRefused {
        /// The dependency.
        id: ChangeSetId,
    },
    /// The stamp does not rise within the chain.
    #[error("its stamp does not lie above the one before it in its chain")]
    Stamp,
    /// It names an older schema version than its past does.
    #[error("it names schema version {named}, but its past has version {past}: write the newer one")]
    SchemaWentBack {
        /// What it names.
        named: u32,
        /// What its past has.
        past: u32,
    },
    /// It names a schema that was activated later than its author had looked.
    #[error("it names a schema that control record {active} activated, but its author had seen {seen}")]
    SchemaAhead {
        /// The record.
        active: u64,
        /// What its author had seen.
        seen: u64,
    },
    /// The version in the header is not the schema's.
    #[error("it names schema version {named}, but the schema of that id has version {actual}")]
    SchemaVersion {
        /// In the header.
        named: u32,
        /// The schema's.
        actual: u32,
    },
    /// Another workspace's.
    #[error("it belongs to another workspace")]
    Workspace,
    /// Too many chains.
    #[error("the document has {max} chains already")]
    Chains {
        /// The bound.
        max: u64,
    },
    /// A sealed payload that its key does not open.
    #[error("the payload does not open under the workspace key of its epoch")]
    Sealed,
}

impl ChainRule {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ChainRule::NotAdmitted { .. } => "origin-not-admitted",
            ChainRule::Author { .. } => "author-not-admitted",
            ChainRule::Role { .. } => "role",
            ChainRule::OnBehalf { .. } => "on-behalf",
            ChainRule::BehalfChanged => "on-behalf-changed",
            ChainRule::ForeignActor => "foreign-actor",
            ChainRule::Redundant { .. } => "dependency-redundant",
            ChainRule::DependsOnRefused { .. } => "dependency-refused",
            ChainRule::Stamp => "stamp",
            ChainRule::SchemaWentBack { .. } => "schema-went-back",
            ChainRule::SchemaAhead { .. } => "schema-ahead",
            ChainRule::SchemaVersion { .. } => "schema-version",
            ChainRule::Workspace => "workspace",
            ChainRule::Chains { .. } => "chains",
            ChainRule::Sealed => "sealed",
        }
    }
}
