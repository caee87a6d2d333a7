//! What a schema says, after parsing. Everything here is data: the rules are enforced by the gates.

use crate::{
    id::{KindTag, SchemaId},
    value::Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A checked schema of one entity kind, in one version. Made by [`Schema::parse`] or
/// [`Schema::decode`], which hold it to the same invariants; cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(crate) id: SchemaId,
    /// Of the kind's name: hashed once, asked for at every change set.
    pub(crate) tag: KindTag,
    pub(crate) spec: SchemaSpec,
}

impl Schema {
    /// Its content address: blake3 of the postcard form of [`SchemaSpec`] under a domain tag.
    pub fn id(&self) -> SchemaId {
        self.id
    }
    /// The entity kind.
    pub fn kind(&self) -> &str {
        &self.spec.kind
    }
    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.spec.version
    }
    /// Everything it declares.
    pub fn spec(&self) -> &SchemaSpec {
        &self.spec
    }
    /// A part by name: `record`, `body`, `log.comments`.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.spec.parts.get(name)
    }
}

/// What a schema declares, in the order that is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaSpec {
    /// The entity kind: `task`, `page`.
    pub kind: String,
    /// From 1, rising by 1.
    pub version: u32,
    /// One line for people.
    pub about: String,
    /// The entity's parts by name: `record`, which is always there, `body`, `part.NAME`, `log.NAME`.
    pub parts: BTreeMap<String, Part>,
    /// The top-level record fields a relay may see and filter by, sorted.
    pub route: Vec<String>,
    /// What becomes of an entity that one replica deletes while another edits it.
    pub on_delete_edit: OnDeleteEdit,
    /// How long history is kept.
    pub history: HistoryPolicy,
    /// Days after which a log entry may be pruned by a control record; none: never.
    pub retention_days: Option<u32>,
    /// Whether a replica may drop final entities it does not use, to fetch them again later.
    pub evict: bool,
    /// What is indexed for search.
    pub index: Index,
    /// When a relay passes a change on.
    pub fan_out: FanOut,
    /// How a document written under the version before is read, for top-level fields of `record`:
    /// renames by old name, then defaults by field.
    pub lens: Vec<Lens>,
}

/// One document or log of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What holds it.
    pub shape: PartShape,
    /// Whose change sets it accepts.
    pub authority: Authority,
    /// Where it may go.
    pub residency: Residency,
}

/// What holds a part, and what may stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartShape {
    /// One Automerge document with a rule per field.
    Record(FieldMap),
    /// One Yrs document.
    Body(BodyShape),
    /// A grow-only set of entries.
    Log(LogShape),
}

/// Fields by name.
pub type FieldMap = BTreeMap<String, Field>;

/// A field of a record or of a nested map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What it means when two people write it.
    pub rule: MergeRule,
    /// The schema version that brought it in: its container is in that version's genesis.
    pub since: u32,
    /// One line for people.
    pub about: String,
}

/// What a field means when two people write it. The Automerge layout of each stands in
/// `core/docs/schema.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MergeRule {
    /// The write with the highest (HLC, origin) wins; a delete is a write of null.
    Lww(ValueType),
    /// Several values that are written and win as one.
    Group(BTreeMap<String, ValueType>),
    /// All concurrent values are kept until a person picks one; the highest (HLC, origin) shows.
    Keep(ValueType),
    /// Written once. The lowest order number wins, before numbering the lowest (HLC, origin).
    Once(ValueType),
    /// Increments add up.
    Counter,
    /// Adds and removes of elements; an add wins over a concurrent remove.
    Set(ValueType),
    /// An ordered list of values.
    List(ValueType),
    /// A short list that only grows, shown in the order of (HLC, origin, seq).
    Append(ValueType),
    /// Short collaborative text.
    Text,
    /// Nested fields, each with its own rule.
    Map(FieldMap),
    /// Any keys, each a register like [`MergeRule::Lww`].
    Open(ValueType),
}

impl MergeRule {
    /// The word that declares it.
    pub fn name(&self) -> &'static str {
        match self {
            MergeRule::Lww(_) => "lww",
            MergeRule::Group(_) => "group",
            MergeRule::Keep(_) => "keep",
            MergeRule::Once(_) => "once",
            MergeRule::Counter => "counter",
            MergeRule::Set(_) => "set",
            MergeRule::List(_) => "list",
            MergeRule::Append(_) => "append",
            MergeRule::Text => "text",
            MergeRule::Map(_) => "map",
            MergeRule::Open(_) => "open",
        }
    }
}

/// What values a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueType {
    /// A truth value.
    Bool,
    /// A whole number within bounds, both included.
    Int {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// A finite number.
    Float,
    /// Text of at most so many UTF-16 units.
    Text {
        /// The most UTF-16 units.
        units_max: u32,
    },
    /// Bytes, at most so many.
    Bytes {
        /// The most bytes.
        bytes_max: u32,
    },
    /// Milliseconds since the Unix epoch.
    Time,
    /// One of some words.
    Choice(Vec<String>),
    /// The id of an entity, as 64 hexadecimal digits.
    Entity,
    /// Fields of an entry: only in `append` and in logs, where the whole entry is written at once.
    Entry(BTreeMap<String, ValueType>),
}

/// A body's layout, as common editors lay it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyShape {
    /// Plain or formatted text, or a tree of blocks.
    pub layout: BodyLayout,
    /// The name of the root.
    pub root: String,
}

/// How a body is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyLayout {
    /// A root Y.Text.
    Text,
    /// A root XmlFragment with an XmlElement per block and an XmlText per run, as y-prosemirror.
    ProseMirror,
}

/// What a log's entries hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogShape {
    /// The entry's fields. Fields may be absent unless they stand in `required`.
    pub entry: BTreeMap<String, ValueType>,
    /// The fields that every entry has, sorted.
    pub required: Vec<String>,
}

/// Whose change sets a part accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// Any member who may write.
    Member,
    /// The workspace's owners.
    Owner,
    /// The user who created the entity.
    Creator,
    /// Origins certified as servers.
    Server,
}

/// Where a part may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Residency {
    /// To every member's replicas.
    Synced,
    /// It never leaves this device: no change set can be made for it.
    Local,
    /// It is never sent to a device.
    ServerOnly,
}

/// What becomes of an entity that one replica deletes while another edits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnDeleteEdit {
    /// It lives on and is marked recovered.
    Recover,
    /// It stays deleted.
    DeleteWins,
    /// The later of the two by (HLC, origin) wins.
    Hlc,
}

/// How long history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryPolicy {
    /// For ever.
    Full,
    /// Down to the horizon that all live replicas have acknowledged.
    Horizon,
}

/// What is indexed for search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Index {
    /// Every text of the entity.
    FullText,
    /// Nothing.
    None,
}

/// When a relay passes a change on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FanOut {
    /// As soon as it is durable at the relay.
    Optimistic,
    /// When its order is final.
    Confirmed,
}

/// One step of reading an older version's document: the candidates of an old and a renamed field
/// stand in one set, and the rule picks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lens {
    /// The field `from` of the version before is called `to` here.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// A field that no one has written reads as this. It never beats a value.
    Default {
        /// The field.
        field: String,
        /// Its value where no one has written it.
        value: Value,
    },
}
