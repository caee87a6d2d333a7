//! What is wrong with a question.

use crate::{fault::Fault, schema::ValueKind};

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No schema declares the kind.
    #[error("there is no kind `{kind}`{}", meant(nearest))]
    UnknownKind {
        /// The kind.
        kind: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// None of the kinds asked for has the field.
    #[error("there is no field `{field}`{}", meant(nearest))]
    UnknownField {
        /// The field.
        field: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// Two of the kinds asked for hold different things in the field.
    #[error("`{field}` holds {one} in one kind and {other} in another: ask for one kind")]
    Differs {
        /// The field.
        field: String,
        /// What one holds.
        one: ValueKind,
        /// What the other holds.
        other: ValueKind,
    },
    /// A value that the field cannot have.
    #[error("`{field}` holds {wanted}, it cannot be compared to {found}")]
    WrongType {
        /// The field.
        field: String,
        /// What it holds.
        wanted: ValueKind,
        /// What it was compared to.
        found: ValueKind,
    },
    /// A word that does not say a value of the field's type.
    #[error("`{field}` holds {wanted}{}, `{word}` is none", example(*wanted))]
    NotAValue {
        /// The field.
        field: String,
        /// What it holds.
        wanted: ValueKind,
        /// The word.
        word: String,
    },
    /// None of the words that the field can have.
    #[error("`{word}` is none of the words of `{field}`{}", meant(nearest))]
    NotAChoice {
        /// The field.
        field: String,
        /// The word.
        word: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// Something with several values was compared or ordered by.
    #[error(
        "`{field}` holds several values, which have no order: ask whether it contains one, or is set"
    )]
    Several {
        /// The field.
        field: String,
    },
    /// Something with one value was asked what it contains.
    #[error("`{field}` holds one value, not several: compare it")]
    Single {
        /// The field.
        field: String,
    },
    /// Something that is no text was asked for a part of its text.
    #[error("`{field}` holds {wanted}, no text")]
    NoText {
        /// The field.
        field: String,
        /// What it holds.
        wanted: ValueKind,
    },
    /// The end of a page in another order.
    #[error("this end of a page belongs to a list in another order: begin at its first page again")]
    ForeignPageEnd,
}

impl QueryError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            QueryError::UnknownKind { .. } => "query-kind-unknown",
            QueryError::UnknownField { .. } => "query-field-unknown",
            QueryError::Differs { .. } => "query-field-differs",
            QueryError::WrongType { .. } => "query-type",
            QueryError::NotAValue { .. } => "query-value",
            QueryError::NotAChoice { .. } => "query-choice",
            QueryError::Several { .. } => "query-several",
            QueryError::Single { .. } => "query-single",
            QueryError::NoText { .. } => "query-no-text",
            QueryError::ForeignPageEnd => "query-page-end",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        Fault::Caller
    }
}

fn meant(nearest: &Option<String>) -> String {
    match nearest {
        Some(word) => format!(": did you mean `{word}`?"),
        None => String::new(),
    }
}

/// How a value of a type is written, where that is not plain.
fn example(wanted: ValueKind) -> &'static str {
    match wanted {
        ValueKind::Time => " (2026-12-01, 2026-12-01T08:30:00Z or milliseconds since 1970)",
        ValueKind::Entity => " (an id of 64 hexadecimal digits)",
        ValueKind::Bytes => " (hexadecimal digits)",
        ValueKind::Bool => " (true or false)",
        ValueKind::Null
        | ValueKind::Int
        | ValueKind::Float
        | ValueKind::Text
        | ValueKind::List
        | ValueKind::Map
        | ValueKind::Choice => "",
    }
}
