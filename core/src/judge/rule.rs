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
    #[error(
        "origin {origin} was not admitted at control record {at}: ask an owner to admit the device"
    )]
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
    /// It names a schema that was activated later than its author had looked.
    #[error(
        "it names a schema that control record {active} activated, but its author had seen {seen}"
    )]
    SchemaAhead {
        /// The record.
        active: u64,
        /// What its author had seen.
        seen: u64,
    },
    /// The entity is of another kind.
    #[error("it names a schema of kind `{named}`, but the entity's id is of another kind")]
    OtherKind {
        /// The schema's kind.
        named: String,
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
    /// Its chain begins under an actor that a chain in its past has.
    #[error(
        "its chain begins under the engine's actor of change set {id}, which it had seen: let the \
         client take a new id"
    )]
    ActorTaken {
        /// The first change set of the chain that has it.
        id: ChangeSetId,
    },
}

impl ChainRule {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ChainRule::NotAdmitted { .. } => "origin-not-admitted",
            ChainRule::Author { .. } => "author-not-admitted",
            ChainRule::OnBehalf { .. } => "on-behalf",
            ChainRule::BehalfChanged => "on-behalf-changed",
            ChainRule::ForeignActor => "foreign-actor",
            ChainRule::Redundant { .. } => "dependency-redundant",
            ChainRule::DependsOnRefused { .. } => "dependency-refused",
            ChainRule::Stamp => "stamp",
            ChainRule::SchemaAhead { .. } => "schema-ahead",
            ChainRule::OtherKind { .. } => "other-kind",
            ChainRule::Workspace => "workspace",
            ChainRule::Chains { .. } => "chains",
            ChainRule::ActorTaken { .. } => "actor-taken",
        }
    }
}
