//! Refusals that speak of schema: what a change set wrote that its schema does not allow.

use crate::{
    changeset::EngineKind,
    limits::NAME_BYTES_MAX,
    schema::{Authority, ValueRule},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a change set is refused by its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SchemaRule {
    /// The schema has no such part.
    #[error("{kind} version {version} has no part `{part}`: name one that it declares")]
    UnknownPart {
        /// The kind.
        kind: String,
        /// Its version.
        version: u32,
        /// The part named, cut to the longest name.
        part: String,
    },
    /// The part never leaves its device.
    #[error("part `{part}` is local: it has no change sets; keep it in the local table")]
    PartLocal {
        /// The part.
        part: String,
    },
    /// The part is not for devices.
    #[error("part `{part}` is server_only: only servers write and hold it")]
    PartServerOnly {
        /// The part.
        part: String,
    },
    /// The header names an engine that does not hold the part.
    #[error("part `{part}` is held by {declared:?}, the change set names {named:?}")]
    WrongEngine {
        /// The part.
        part: String,
        /// What the schema says.
        declared: EngineKind,
        /// What the header says.
        named: EngineKind,
    },
    /// The writer is none of those whose change sets the part accepts.
    #[error("part `{part}` accepts the change sets of {authority} alone: ask one of them")]
    NotAuthorised {
        /// The part.
        part: String,
        /// Whose it accepts.
        authority: Authority,
    },
    /// The schema has no such field.
    #[error("part `{part}` has no field `{}`: declare it in a new schema version", field.join("."))]
    UnknownField {
        /// The part.
        part: String,
        /// The field, each name cut to the longest.
        field: Vec<String>,
    },
    /// A value that the field's type does not allow.
    #[error("field `{}`: {rule}", field.join("."))]
    Value {
        /// The field; empty where only the value was looked at.
        field: Vec<String>,
        /// What is wrong with the value.
        rule: ValueRule,
    },
    /// A route value of a field that is not declared as one.
    #[error("the header routes by `{field}`, which the schema does not declare: leave it out")]
    RouteUndeclared {
        /// The name, cut to the longest.
        field: String,
    },
    /// Route values of a part that has none.
    #[error("part `{part}` has no route values: only the record's fields are routed by")]
    RouteOnPart {
        /// The part.
        part: String,
    },
    /// Route values that are not in one order.
    #[error("route values stand in the order of their names, each once: sort them")]
    RouteOrder,
    /// A route value that is not what the change writes.
    #[error(
        "the header's route value of `{field}` is not what its change writes: copy it from there"
    )]
    RouteDiffers {
        /// The field.
        field: String,
    },
    /// The header's version is not that of the schema it names.
    #[error("the header says version {named}, the schema it names is version {actual}")]
    VersionMismatch {
        /// What the header says.
        named: u32,
        /// What the schema is.
        actual: u32,
    },
    /// A change set below what it has seen.
    #[error(
        "{kind} version {named} is below version {past} in its past: write under the newer one"
    )]
    VersionBelowPast {
        /// The kind.
        kind: String,
        /// The version it names.
        named: u32,
        /// The highest version in its past.
        past: u32,
    },
    /// A version that a control record has retired.
    #[error("{kind} version {named} was retired when version {active} was activated: upgrade")]
    VersionRetired {
        /// The kind.
        kind: String,
        /// The version it names.
        named: u32,
        /// The lowest version still written.
        active: u32,
    },
    /// The document is of another kind.
    #[error("the document is a {document}, the change set names a schema of {named}")]
    OtherKind {
        /// The kind that the document's past names.
        document: String,
        /// The kind that this change set names.
        named: String,
    },
}

impl SchemaRule {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaRule::UnknownPart { .. } => "schema-part-unknown",
            SchemaRule::PartLocal { .. } => "schema-part-local",
            SchemaRule::PartServerOnly { .. } => "schema-part-server-only",
            SchemaRule::WrongEngine { .. } => "schema-engine",
            SchemaRule::NotAuthorised { .. } => "schema-authority",
            SchemaRule::UnknownField { .. } => "schema-field-unknown",
            SchemaRule::Value { rule, .. } => rule.code(),
            SchemaRule::RouteUndeclared { .. } => "schema-route-undeclared",
            SchemaRule::RouteOnPart { .. } => "schema-route-part",
            SchemaRule::RouteOrder => "schema-route-order",
            SchemaRule::RouteDiffers { .. } => "schema-route-differs",
            SchemaRule::VersionMismatch { .. } => "schema-version-mismatch",
            SchemaRule::VersionBelowPast { .. } => "schema-version-below-past",
            SchemaRule::VersionRetired { .. } => "schema-version-retired",
            SchemaRule::OtherKind { .. } => "schema-other-kind",
        }
    }

    /// The same refusal, said of a field. Only [`SchemaRule::Value`] speaks of one.
    pub fn at(self, path: &[String]) -> Self {
        match self {
            SchemaRule::Value { rule, .. } => SchemaRule::Value {
                field: path.iter().map(|name| cut(name)).collect(),
                rule,
            },
            other => other,
        }
    }

    /// Refuses a field that the part does not have.
    pub fn unknown_field(part: &str, path: &[String]) -> Self {
        SchemaRule::UnknownField {
            part: cut(part),
            field: path
                .iter()
                .take(crate::limits::DEPTH_MAX)
                .map(|name| cut(name))
                .collect(),
        }
    }
}

impl From<ValueRule> for SchemaRule {
    fn from(rule: ValueRule) -> Self {
        SchemaRule::Value {
            field: Vec::new(),
            rule,
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authority::Member => "members",
            Authority::Owner => "the workspace's owners",
            Authority::Creator => "the entity's creator",
            Authority::Server => "servers",
        })
    }
}

/// A foreign name, cut to [`NAME_BYTES_MAX`] so that a refusal stays small.
pub(crate) fn cut(name: &str) -> String {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    name.get(..end).unwrap_or_default().to_owned()
}
