//! Why a record change is refused.

use super::FieldPath;
pub use super::terms::{Forbids, Region};
use crate::limits;
use serde::{Deserialize, Serialize};

/// A rule of the record gate that a change broke. Operations are named by their counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RecordRule {
    /// No Automerge chunk.
    #[error("the payload does not begin as an Automerge chunk: send one change, uncompressed")]
    Magic,
    /// Another kind of chunk.
    #[error("chunk type {found} is not taken: send one change (type 1), uncompressed")]
    ChunkType {
        /// The type byte.
        found: u8,
    },
    /// The chunk's declared length is not what follows.
    #[error("the chunk declares {declared} bytes and {found} follow: send exactly one change")]
    Length {
        /// Bytes declared.
        declared: u64,
        /// Bytes there.
        found: u64,
    },
    /// The first four bytes of the hash are not those the chunk carries.
    #[error("the chunk's checksum is not that of its bytes: it was altered on the way")]
    Checksum,
    /// The bytes end before the value does.
    #[error("{place}: the bytes end too early")]
    Truncated {
        /// Where.
        place: Region,
    },
    /// A number that is too large or has needless bytes.
    #[error("{place}: a number is out of range or written longer than it need be")]
    Number {
        /// Where.
        place: Region,
    },
    /// Text that is no UTF-8.
    #[error("{place}: text is not UTF-8")]
    Utf8 {
        /// Where.
        place: Region,
    },
    /// Runs that the engine would have written otherwise.
    #[error("{place}: runs are not in canonical form: write the change with automerge 0.12")]
    Runs {
        /// Where.
        place: Region,
    },
    /// A column that has more or fewer rows than there are operations.
    #[error("{place}: the rows are not as many as the operations need")]
    Rows {
        /// Where.
        place: Region,
    },
    /// A column that is unknown, empty, compressed or out of order.
    #[error("column {spec:#x} is unknown, empty, compressed or out of order")]
    Column {
        /// Its specification.
        spec: u64,
    },
    /// Bytes after the last column.
    #[error("{bytes} bytes follow the last column: nothing may (no author footer either)")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A commit message.
    #[error("a change carries no commit message: leave it out")]
    Message,
    /// The table of actors.
    #[error("the table of other actors is not sorted, complete and free of unused ones")]
    ActorTable,
    /// An operation that names no actor of the table.
    #[error("{place}: an actor index is not in the change's table")]
    ActorIndex {
        /// Where.
        place: Region,
    },
    /// Nothing in it.
    #[error("the change holds no operation: send none")]
    Empty,
    /// More operations than one change may carry.
    #[error(
        "more than {} operations: write several changes",
        limits::RECORD_OPS_MAX
    )]
    TooManyOps,
    /// The engine cannot read what the gate could.
    #[error("the engine does not read this change as the gate does")]
    Engine,

    /// The chain's writer has no Automerge actor of its own.
    #[error("the chain has no Automerge actor of its own in this document")]
    NoActor,
    /// Written under another actor than the chain's.
    #[error("the change is not written by the chain's actor: derive it from the envelope")]
    Actor,
    /// Another number than the envelope's.
    #[error("the change is number {found} of its actor, its envelope says {wanted}")]
    Seq {
        /// The envelope's.
        wanted: u64,
        /// The change's.
        found: u64,
    },
    /// Another time than the envelope's stamp.
    #[error("the change's time is {found}, its envelope's stamp {wanted}: they must be equal")]
    Time {
        /// The envelope's.
        wanted: i64,
        /// The change's.
        found: i64,
    },
    /// Dependencies that are not those of the envelope.
    #[error(
        "the change does not depend on exactly: the envelope's frontier, its own predecessor and \
         the genesis it needs"
    )]
    Deps,
    /// Counters that do not follow the causal past.
    #[error("the first operation is {found}; what the author had seen makes it {wanted}")]
    StartOp {
        /// One above the largest in the causal past.
        wanted: u64,
        /// The change's.
        found: u64,
    },
    /// Counters past the range in which the engine is safe.
    #[error(
        "operation counters end at {}: begin a new document",
        limits::OP_COUNTER_MAX
    )]
    CounterRange,
    /// A schema version or change set that this gate was not given; a fault of the caller's.
    #[error("the gate was not given all that the change depends on")]
    PastUnknown,

    /// An action that no record holds.
    #[error("operation {op}: action {action} is not taken in a record")]
    Action {
        /// The operation.
        op: u64,
        /// Automerge's number for it.
        action: u64,
    },
    /// A value type that no record holds.
    #[error("operation {op}: value type {code} is not taken, or stands where no value belongs")]
    Scalar {
        /// The operation.
        op: u64,
        /// Automerge's number for it.
        code: u8,
    },
    /// Marks.
    #[error("marks are not taken in a record's text: rich text belongs in a body")]
    Marks,
    /// An object that is not in the causal past, or is none.
    #[error("operation {op}: there is no such object in what its author had seen")]
    Object {
        /// The operation.
        op: u64,
    },
    /// A key where an element belongs, or the reverse.
    #[error("operation {op}: maps are written by key, lists and texts by element")]
    Key {
        /// The operation.
        op: u64,
    },
    /// An element that is not in the causal past, or of another object.
    #[error("operation {op}: there is no such element in what its author had seen")]
    Element {
        /// The operation.
        op: u64,
    },
    /// What it overwrites is not exactly what its author saw there.
    #[error("operation {op}: it does not overwrite exactly what its author saw there")]
    Preds {
        /// The operation.
        op: u64,
    },

    /// A write that the field's rule has no place for.
    #[error("field `{}`: {rule} does not allow this; {}", field.join("."), rule.hint())]
    Forbidden {
        /// The field.
        field: FieldPath,
        /// Its rule.
        rule: Forbids,
    },
    /// Too many entries.
    #[error("field `{}` would hold {found} entries, at most {max}", field.join("."))]
    TooManyEntries {
        /// The field.
        field: FieldPath,
        /// How many it would hold in its author's view.
        found: u64,
        /// The most.
        max: u64,
    },
    /// Too long a text.
    #[error("field `{}` would hold {found} UTF-16 units, at most {max}", field.join("."))]
    TextTooLong {
        /// The field.
        field: FieldPath,
        /// How many it would hold in its author's view.
        found: u64,
        /// The most.
        max: u64,
    },
    /// A counter that could leave the range of numbers.
    #[error("counter `{}`: its steps would add up past {max}", field.join("."))]
    CounterStep {
        /// The field.
        field: FieldPath,
        /// The most, signs left out.
        max: u64,
    },
}

impl RecordRule {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RecordRule::Magic => "record-magic",
            RecordRule::ChunkType { .. } => "record-chunk-type",
            RecordRule::Length { .. } => "record-length",
            RecordRule::Checksum => "record-checksum",
            RecordRule::Truncated { .. } => "record-truncated",
            RecordRule::Number { .. } => "record-number",
            RecordRule::Utf8 { .. } => "record-utf8",
            RecordRule::Runs { .. } => "record-runs",
            RecordRule::Rows { .. } => "record-rows",
            RecordRule::Column { .. } => "record-column",
            RecordRule::Trailing { .. } => "record-trailing",
            RecordRule::Message => "record-message",
            RecordRule::ActorTable => "record-actor-table",
            RecordRule::ActorIndex { .. } => "record-actor-index",
            RecordRule::Empty => "record-empty",
            RecordRule::TooManyOps => "record-too-many-ops",
            RecordRule::Engine => "record-engine",
            RecordRule::NoActor => "record-no-actor",
            RecordRule::Actor => "record-actor",
            RecordRule::Seq { .. } => "record-seq",
            RecordRule::Time { .. } => "record-time",
            RecordRule::Deps => "record-deps",
            RecordRule::StartOp { .. } => "record-start-op",
            RecordRule::CounterRange => "record-counter-range",
            RecordRule::PastUnknown => "record-past-unknown",
            RecordRule::Action { .. } => "record-action",
            RecordRule::Scalar { .. } => "record-scalar",
            RecordRule::Marks => "record-marks",
            RecordRule::Object { .. } => "record-object",
            RecordRule::Key { .. } => "record-key",
            RecordRule::Element { .. } => "record-element",
            RecordRule::Preds { .. } => "record-preds",
            RecordRule::Forbidden { rule, .. } => rule.code(),
            RecordRule::TooManyEntries { .. } => "record-too-many-entries",
            RecordRule::TextTooLong { .. } => "record-text-too-long",
            RecordRule::CounterStep { .. } => "record-counter-step",
        }
    }
}
