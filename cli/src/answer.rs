//! What a command gives: an answer, or the failure that kept it from one.

use crate::{exit::Exit, page::Page};
use anabranch::storage::Fault;
use serde_json::{Value, json};
use std::fmt;

/// A command's answer, in both forms.
#[derive(Debug)]
pub struct Answer {
    /// For people.
    pub page: Page,
    /// For programs: one object.
    pub json: Value,
    /// Whether what was asked holds.
    pub holds: bool,
}

impl Answer {
    /// How the process ends after it.
    pub fn exit(&self) -> Exit {
        if self.holds { Exit::Yes } else { Exit::No }
    }
}

/// What kept a command from an answer.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends after it.
    pub exit: Exit,
    fault: Fault,
    error: anyhow::Error,
}

impl Failure {
    /// A failure from an error that says whose fault it is.
    pub fn new(fault: Fault, error: impl Into<anyhow::Error>) -> Self {
        Failure {
            exit: fault.into(),
            fault,
            error: error.into(),
        }
    }

    /// It as JSON.
    pub fn json(&self) -> Value {
        json!({ "error": { "fault": self.fault.name(), "message": self.to_string() } })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Our errors say what their causes said; the chain would say it twice.
        self.error.fmt(f)
    }
}

macro_rules! failure_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::new(error.fault(), error)
            }
        }
    )*};
}
failure_from!(
    anabranch::storage::bounded::ReadError,
    anabranch::trace::TraceError
);
