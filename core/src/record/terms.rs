//! The words in which the record gate's refusals say where and what.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a field's rule has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forbids {
    /// A register was deleted by a delete operation.
    RegisterDelete,
    /// A register got something that is no scalar, or a step.
    RegisterShape,
    /// A write-once field was already set in the causal past.
    OnceAgain,
    /// A group was written other than as one fresh whole.
    GroupPart,
    /// A counter was written other than by steps.
    CounterPut,
    /// A container that genesis made was replaced or deleted.
    Container,
    /// A set's element was not added with its change's stamp, or is not spelled canonically.
    SetAdd,
    /// A list's entry was overwritten.
    ListOverwrite,
    /// An entry of an append-only list was deleted or overwritten.
    AppendOnly,
    /// A text got something else than one character per insertion.
    TextUnit,
    /// A list's entry is no scalar, or an append-only list's no entry of its type.
    EntryShape,
}

impl Forbids {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Forbids::RegisterDelete => "register-delete",
            Forbids::RegisterShape => "register-shape",
            Forbids::OnceAgain => "once-again",
            Forbids::GroupPart => "group-part",
            Forbids::CounterPut => "counter-put",
            Forbids::Container => "container-replaced",
            Forbids::SetAdd => "set-add",
            Forbids::ListOverwrite => "list-overwrite",
            Forbids::AppendOnly => "append-only",
            Forbids::TextUnit => "text-unit",
            Forbids::EntryShape => "entry-shape",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Forbids::RegisterDelete => "delete by writing null, so that the delete has a stamp",
            Forbids::RegisterShape => "write one scalar",
            Forbids::OnceAgain => "its author had seen it set",
            Forbids::GroupPart => "write a fresh map with all its values in one change",
            Forbids::CounterPut => "increment it",
            Forbids::Container => "write into it",
            Forbids::SetAdd => "add the element's one spelling with the change's stamp as value",
            Forbids::ListOverwrite => "delete the entry and insert another",
            Forbids::AppendOnly => "append another entry",
            Forbids::TextUnit => "insert characters one by one and delete them",
            Forbids::EntryShape => "insert a value of the type that the schema names",
        }
    }
}

impl fmt::Display for Forbids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Forbids::RegisterDelete | Forbids::RegisterShape => "a register",
            Forbids::OnceAgain => "a write-once field",
            Forbids::GroupPart => "a group",
            Forbids::CounterPut => "a counter",
            Forbids::Container => "a container",
            Forbids::SetAdd => "a set",
            Forbids::ListOverwrite => "a list",
            Forbids::AppendOnly => "an append-only list",
            Forbids::TextUnit => "a text",
            Forbids::EntryShape => "a list",
        })
    }
}

/// A region of a change chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Region {
    /// The chunk's header.
    Chunk,
    /// The dependencies.
    Deps,
    /// The author.
    Actor,
    /// The number in the chain.
    Seq,
    /// The first counter.
    StartOp,
    /// The time.
    Time,
    /// The message.
    Message,
    /// The other actors.
    Others,
    /// The list of columns.
    Columns,
    /// The objects' actors.
    ObjectActor,
    /// The objects' counters.
    ObjectCounter,
    /// The elements' actors.
    KeyActor,
    /// The elements' counters.
    KeyCounter,
    /// The keys.
    KeyText,
    /// The insert flags.
    Insert,
    /// The actions.
    Action,
    /// The values' types and lengths.
    ValueMeta,
    /// The values.
    Value,
    /// How many operations each overwrites.
    PredCount,
    /// The overwritten operations' actors.
    PredActor,
    /// The overwritten operations' counters.
    PredCounter,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Region::Chunk => "chunk header",
            Region::Deps => "dependencies",
            Region::Actor => "actor",
            Region::Seq => "sequence number",
            Region::StartOp => "first counter",
            Region::Time => "time",
            Region::Message => "message",
            Region::Others => "other actors",
            Region::Columns => "list of columns",
            Region::ObjectActor => "object actors",
            Region::ObjectCounter => "object counters",
            Region::KeyActor => "element actors",
            Region::KeyCounter => "element counters",
            Region::KeyText => "keys",
            Region::Insert => "insert flags",
            Region::Action => "actions",
            Region::ValueMeta => "value types",
            Region::Value => "values",
            Region::PredCount => "predecessor counts",
            Region::PredActor => "predecessor actors",
            Region::PredCounter => "predecessor counters",
        })
    }
}
