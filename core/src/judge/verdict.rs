//! What judging answers. Four things that must not be confused: a [`Verdict`] is the same on
//! every replica for ever; [`Stuck`] is an accident of this machine; admission and finality belong
//! to the orderer and stand in the control log.

use crate::{
    body::BodyRule, changeset::EnvelopeRule, id::ChangeSetId, judge::ChainRule, log::LogRule,
    record::RecordRule, schema::SchemaRule,
};
use serde::{Deserialize, Serialize};

/// A pure function of a change set, its causal past and the rules version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is part of the document's history, unless a control record excludes it.
    Accept,
    /// It cannot be judged until something arrives. Kept, bounded, never a refusal.
    Hold(Hold),
    /// It is refused, here and everywhere, and why.
    Refuse(Rule),
}

/// What a held change set waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Hold {
    /// A change set that it depends on has not arrived.
    #[error("waits for change set {0}, which it depends on and which has not arrived")]
    Dependency(ChangeSetId),
    /// A change set that it depends on is itself held.
    #[error("waits for change set {0}, which is itself held")]
    HeldDependency(ChangeSetId),
    /// The workspace's schema log has no such schema yet.
    #[error("waits for schema {schema} version {version}: fetch the workspace's schema log")]
    Schema {
        /// The content address it names.
        schema: crate::id::SchemaId,
        /// The version it names.
        version: u32,
    },
    /// The control log here ends before the position its author had seen.
    #[error("waits for control record {wanted}: the log here ends at {had}")]
    Control {
        /// The position it names.
        wanted: u64,
        /// The last position here.
        had: u64,
    },
    /// Its payload is sealed under a workspace key that this replica does not hold.
    #[error("waits for the workspace key of epoch {0}")]
    Key(u32),
    /// Only its header has arrived.
    #[error("waits for its payload: only the header has arrived")]
    Payload,
    /// It is judged by rules newer than this build knows.
    #[error("waits for an upgrade: it names rules version {wanted}, this build knows {known}")]
    Rules {
        /// The version it names.
        wanted: u16,
        /// The newest known here.
        known: u16,
    },
}

/// Why a change set is refused. Each room names its own rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rule {
    /// The envelope: bytes, hash, signature.
    #[error("{0}")]
    Envelope(EnvelopeRule),
    /// The chain, the dependencies, the writer's rights.
    #[error("{0}")]
    Chain(ChainRule),
    /// The schema: a part, field or value it does not allow.
    #[error("{0}")]
    Schema(SchemaRule),
    /// An Automerge change that is not what an honest engine could have written.
    #[error("{0}")]
    Record(RecordRule),
    /// A Yrs update that is not what an honest engine could have written.
    #[error("{0}")]
    Body(BodyRule),
    /// A log entry.
    #[error("{0}")]
    Log(LogRule),
}

impl Rule {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Rule::Envelope(rule) => rule.code(),
            Rule::Chain(rule) => rule.code(),
            Rule::Schema(rule) => rule.code(),
            Rule::Record(rule) => rule.code(),
            Rule::Body(rule) => rule.code(),
            Rule::Log(rule) => rule.code(),
        }
    }
}

impl Hold {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Hold::Dependency(_) => "dependency-missing",
            Hold::HeldDependency(_) => "dependency-held",
            Hold::Schema { .. } => "schema-unknown",
            Hold::Control { .. } => "control-behind",
            Hold::Key(_) => "key-missing",
            Hold::Payload => "payload-missing",
            Hold::Rules { .. } => "rules-newer",
        }
    }
}

/// A local accident while applying: a panic of the engine. Never published as a verdict; the
/// change set is set aside here and tried again after an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine stopped while {doing}; the change set is set aside on this replica only")]
pub struct Stuck {
    /// What was being done.
    pub doing: &'static str,
}

macro_rules! rule_from {
    ($($from:ty => $variant:ident),*) => {$(
        impl From<$from> for Rule {
            fn from(rule: $from) -> Rule {
                Rule::$variant(rule)
            }
        }
    )*};
}
rule_from!(EnvelopeRule => Envelope, ChainRule => Chain, SchemaRule => Schema,
    RecordRule => Record, BodyRule => Body, LogRule => Log);
