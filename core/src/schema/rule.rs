//! Refusals that speak of schema: what a change set wrote that its schema does not allow.

use crate::{changeset::EngineKind, limits::NAME_BYTES_MAX, schema::Authority};
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

/// Why a value does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ValueRule {
    /// Another type.
    #[error("{wanted} belongs here, this is {found}")]
    WrongType {
        /// What belongs here.
        wanted: ValueKind,
        /// What stands here.
        found: ValueKind,
    },
    /// A number outside its bounds.
    #[error("{value} is out of bounds: {min} to {max}")]
    OutOfBounds {
        /// The number.
        value: i64,
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// A text with too many UTF-16 units.
    #[error("the text is too long: at most {units_max} UTF-16 units")]
    TooLong {
        /// The most.
        units_max: u32,
    },
    /// Too many bytes.
    #[error("{bytes} bytes are too many: at most {bytes_max}")]
    TooManyBytes {
        /// How many there are.
        bytes: usize,
        /// The most.
        bytes_max: u32,
    },
    /// A word that is none of the choices.
    #[error("`{word}` is none of the choices: pick one that the schema names")]
    NotAChoice {
        /// The word, cut to the longest.
        word: String,
    },
    /// Text that is no entity's id.
    #[error("an entity's id is 64 lower-case hexadecimal digits")]
    NotAnEntity,
    /// A group or entry without one of its fields.
    #[error("`{name}` is missing: a group and an entry's required fields are written as one")]
    Missing {
        /// The field.
        name: String,
    },
    /// A group or entry with a field it does not have.
    #[error("there is no `{name}` in it: leave it out")]
    Unknown {
        /// The field, cut to the longest name.
        name: String,
    },
    /// A key of an open map that cannot be one.
    #[error(
        "a key has 1 to {} bytes, no control characters and no ~ in front",
        NAME_BYTES_MAX
    )]
    BadKey,
    /// A container: it is not written by a value.
    #[error("a {rule} is not written as a value: use the operations made for it")]
    NotAValue {
        /// The rule's container.
        rule: ContainerRule,
    },
}

impl ValueRule {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ValueRule::WrongType { .. } => "value-type",
            ValueRule::OutOfBounds { .. } => "value-out-of-bounds",
            ValueRule::TooLong { .. } => "value-too-long",
            ValueRule::TooManyBytes { .. } => "value-too-many-bytes",
            ValueRule::NotAChoice { .. } => "value-choice",
            ValueRule::NotAnEntity => "value-entity",
            ValueRule::Missing { .. } => "value-missing",
            ValueRule::Unknown { .. } => "value-unknown",
            ValueRule::BadKey => "value-key",
            ValueRule::NotAValue { .. } => "value-container",
        }
    }
}

/// What sort of value is wanted or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueKind {
    /// Nothing.
    Null,
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// A finite number.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Milliseconds since the Unix epoch.
    Time,
    /// One of some words.
    Choice,
    /// An entity's id.
    Entity,
    /// Values in order.
    List,
    /// Values by name.
    Map,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueKind::Null => "null",
            ValueKind::Bool => "a bool",
            ValueKind::Int => "an int",
            ValueKind::Float => "a float",
            ValueKind::Text => "a text",
            ValueKind::Bytes => "bytes",
            ValueKind::Time => "a time",
            ValueKind::Choice => "a choice",
            ValueKind::Entity => "an entity's id",
            ValueKind::List => "a list",
            ValueKind::Map => "a map",
        })
    }
}

/// Rules whose fields are changed by operations of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerRule {
    /// A counter.
    Counter,
    /// Short text.
    Text,
    /// Nested fields.
    Map,
}

impl fmt::Display for ContainerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContainerRule::Counter => "counter",
            ContainerRule::Text => "text",
            ContainerRule::Map => "map",
        })
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
