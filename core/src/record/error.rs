//! Why an edit or undo was not made.

use super::FieldPath;
use crate::{
    id::ChainIdx,
    judge::{Rule, Stuck},
    limits,
    schema::SchemaRule,
};

/// Why an edit was not made. The document is as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Everything asked for is so already: no change was made, and none need be sent.
    #[error("nothing to do: the record already is as the operations ask")]
    Nothing,
    /// The schema has no such field.
    #[error("there is no field `{}`{}", field.join("."), did_you_mean(.nearest))]
    UnknownField {
        /// The path that was given.
        field: FieldPath,
        /// What was probably meant, in place of the first name that is unknown.
        nearest: Option<String>,
    },
    /// The field's rule has no such operation.
    #[error("field `{}` is a {rule}: {operation} does not suit it; {instead}", field.join("."))]
    WrongOperation {
        /// The field.
        field: FieldPath,
        /// Its rule.
        rule: &'static str,
        /// What was asked.
        operation: &'static str,
        /// What to ask.
        instead: &'static str,
    },
    /// The value does not fit the field.
    #[error("{rule}")]
    Value {
        /// The field.
        field: FieldPath,
        /// What is wrong with the value.
        rule: SchemaRule,
    },
    /// A value that no set can hold.
    #[error("field `{}`: the empty text cannot be an element of a set", field.join("."))]
    NoElement {
        /// The field.
        field: FieldPath,
    },
    /// A write-once field that has its value.
    #[error("field `{}` is written once and has its value: it stays", field.join("."))]
    AlreadySet {
        /// The field.
        field: FieldPath,
    },
    /// A place in a text that lies behind its end.
    #[error(
        "field `{}`: {delete} units at {at} lie behind the text's end at {units}; count UTF-16 units",
        field.join(".")
    )]
    OutOfText {
        /// The field.
        field: FieldPath,
        /// The place.
        at: u32,
        /// How much was to go.
        delete: u32,
        /// The text's length.
        units: usize,
    },
    /// A place between the two units of one character.
    #[error(
        "field `{}`: unit {at} lies inside a surrogate pair; give the place before or after it",
        field.join(".")
    )]
    InsideCharacter {
        /// The field.
        field: FieldPath,
        /// The place.
        at: u32,
    },
    /// A text that would be too long.
    #[error(
        "field `{}` would have {units} UTF-16 units, at most {}: longer texts belong in a body",
        field.join("."), limits::TEXT_UNITS_MAX
    )]
    TextTooLong {
        /// The field.
        field: FieldPath,
        /// The length it would have.
        units: usize,
    },
    /// A place in a list that lies behind its end.
    #[error(
        "field `{}`: {count} entries at {at} lie behind the list's end at {entries}",
        field.join(".")
    )]
    OutOfList {
        /// The field.
        field: FieldPath,
        /// The place.
        at: u32,
        /// How many were to go.
        count: u32,
        /// The list's length.
        entries: usize,
    },
    /// A list, set or open map that would be too long.
    #[error(
        "field `{}` would have {entries} entries, at most {}: unbounded collections are logs",
        field.join("."), limits::ENTRIES_MAX
    )]
    TooManyEntries {
        /// The field.
        field: FieldPath,
        /// How many it would have.
        entries: usize,
    },
    /// A counter that would leave the range of numbers.
    #[error("counter `{}` stands at {value}: adding {by} leaves the range of numbers", field.join("."))]
    CounterRange {
        /// The field.
        field: FieldPath,
        /// Where it stands.
        value: i64,
        /// What was to be added.
        by: i64,
    },
    /// The entity is deleted.
    #[error("the entity is deleted: restore it first")]
    Deleted,
    /// A change larger than one may be.
    #[error(
        "the change would have {bytes} bytes, at most {}: make several",
        limits::PAYLOAD_BYTES_MAX
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The chain was never made known to this document.
    #[error("chain {} is not registered in this document, or writes no Automerge", chain.0)]
    UnknownChain {
        /// The chain.
        chain: ChainIdx,
    },
    /// The place does not follow what the document holds.
    #[error(
        "the edit stands at number {seq} of chain {} on a past that is not what the document \
         holds: take the place from its current heads",
        chain.0
    )]
    NotAtHeads {
        /// The chain.
        chain: ChainIdx,
        /// The number given.
        seq: u64,
    },
    /// The schema is not one of this document's versions, or has no such record.
    #[error("schema version {version} is not known to this document, or its part is no record")]
    UnknownSchema {
        /// The version.
        version: u32,
    },
    /// The gate refuses what was written here. A defect: an honest edit passes.
    #[error("the gate refuses this edit: {0}")]
    Refused(Rule),
    /// The engine failed.
    #[error("{0}")]
    Stuck(Stuck),
}

impl EditError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            EditError::Nothing => "edit-nothing",
            EditError::UnknownField { .. } => "edit-field-unknown",
            EditError::WrongOperation { .. } => "edit-operation",
            EditError::Value { rule, .. } => rule.code(),
            EditError::NoElement { .. } => "edit-no-element",
            EditError::AlreadySet { .. } => "edit-already-set",
            EditError::OutOfText { .. } => "edit-out-of-text",
            EditError::InsideCharacter { .. } => "edit-inside-character",
            EditError::TextTooLong { .. } => "edit-text-too-long",
            EditError::OutOfList { .. } => "edit-out-of-list",
            EditError::TooManyEntries { .. } => "edit-too-many-entries",
            EditError::CounterRange { .. } => "edit-counter-range",
            EditError::Deleted => "edit-deleted",
            EditError::TooLarge { .. } => "edit-too-large",
            EditError::UnknownChain { .. } => "edit-chain-unknown",
            EditError::NotAtHeads { .. } => "edit-not-at-heads",
            EditError::UnknownSchema { .. } => "edit-schema-unknown",
            EditError::Refused(_) => "edit-refused",
            EditError::Stuck(_) => "edit-stuck",
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!(": did you mean `{name}`?"),
        None => ": see the schema's fields".to_owned(),
    }
}
