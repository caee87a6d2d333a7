//! What is wrong with a query as a person wrote it, and where.

use super::QueryError;
use crate::{fault::Fault, limits::DEPTH_MAX};

/// Why words are no query, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {fault}")]
pub struct WordsError {
    /// Where, in bytes from the beginning.
    pub at: usize,
    /// What is wrong there.
    pub fault: WordsFault,
}

/// What is wrong with words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsFault {
    /// Something that cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// No condition.
    #[error("a condition belongs here, such as status=open or text:weir")]
    NoCondition,
    /// A condition without operator.
    #[error("an operator belongs here: one of = != < <= > >= ~")]
    NoOperator,
    /// A condition without value.
    #[error("a value belongs here; one that is empty is written \"\"")]
    NoValue,
    /// Quotes that do not end.
    #[error("these quotes do not end")]
    OpenQuotes,
    /// Something right behind closing quotes.
    #[error("a blank belongs behind the closing quotes")]
    BehindQuotes,
    /// A bracket without its partner.
    #[error("this bracket has no partner")]
    Bracket,
    /// Brackets within brackets, too deep.
    #[error("brackets and `not` may stand at most {DEPTH_MAX} deep")]
    TooDeep,
    /// No id of an entity.
    #[error("an entity's id is 64 hexadecimal digits")]
    NotAnEntity,
    /// No state.
    #[error(
        "there is no state `{word}`{}: alive, recovered, deleted or conflicted",
        nearest.map(|word| format!(", did you mean `{word}`?")).unwrap_or_default()
    )]
    UnknownState {
        /// The word.
        word: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
}

impl WordsError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match &self.fault {
            WordsFault::Query(error) => error.code(),
            WordsFault::NoCondition => "query-words-condition",
            WordsFault::NoOperator => "query-words-operator",
            WordsFault::NoValue => "query-words-value",
            WordsFault::OpenQuotes | WordsFault::BehindQuotes => "query-words-quotes",
            WordsFault::Bracket => "query-words-bracket",
            WordsFault::TooDeep => "query-words-deep",
            WordsFault::NotAnEntity => "query-words-entity",
            WordsFault::UnknownState { .. } => "query-words-state",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        Fault::Caller
    }
}
