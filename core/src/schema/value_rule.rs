//! Why a value does not fit the field it was written to.

use crate::limits::NAME_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::fmt;

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
