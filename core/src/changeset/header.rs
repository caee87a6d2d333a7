//! The header of a change set: everything that is hashed but the payload itself.

use crate::{
    changeset::{EnvelopeRule, Form, Malformed, codec, tags},
    hlc::Hlc,
    id::{Actor, Chain, ChangeSetId, DocumentId, EntityId, SchemaId, UserId, WorkspaceId},
    limits,
    value::{Finite, Value},
};
use serde::{Deserialize, Deserializer, Serialize};

/// The version of the judging rules that this build writes and the newest it knows.
pub const RULES_VERSION: u16 = 1;

/// What a change set says of itself. Its canonical bytes are postcard over these fields in this
/// order; `id = blake3(domain tag ‖ canonical bytes)`. See `core/docs/change-set.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The entity; with `part` it gives the document's id.
    pub entity: EntityId,
    /// The part's name: `record`, `body`, `log.comments`.
    pub part: String,
    /// Origin, epoch and lane.
    pub chain: Chain,
    /// The user behind the origin.
    pub author: UserId,
    /// The user for whom a server or gateway wrote, whose rights are then judged.
    pub on_behalf_of: Option<UserId>,
    /// Dense in the chain, from 1.
    pub seq: u64,
    /// The id of `seq - 1`. At `seq` 1 of a later epoch: the last id of this lane's epoch before,
    /// where there was one; a provenance, not a dependency.
    pub prev: Option<ChangeSetId>,
    /// The frontier of what the author had seen of this document beside its own chain, by chain,
    /// at most one per chain, none that another of them (or `prev`) has in its past.
    #[serde(deserialize_with = "codec::sequence")]
    pub deps: Vec<Dep>,
    /// The author's stamp; rises within a chain.
    pub hlc: Hlc,
    /// The schema it is written under.
    pub schema: SchemaId,
    /// That schema's version.
    pub schema_version: u32,
    /// The version of the judging rules.
    pub rules: u16,
    /// The last control record its author had seen.
    pub control: ControlPosition,
    /// What holds the part.
    pub engine: EngineKind,
    /// A gateway's foreign actor, bound to this chain; none: derived.
    pub actor: Option<Actor>,
    /// The workspace key epoch under which the payload is sealed; none: in clear.
    pub key_epoch: Option<u32>,
    /// The values of the schema's route fields after this change, where it writes them, by name.
    #[serde(deserialize_with = "route_values")]
    pub route: Vec<(String, Value)>,
    /// The payload's length in bytes, as carried.
    pub payload_len: u32,
    /// The payload's blake3, as carried.
    pub payload_hash: [u8; 32],
    /// The change set that this one makes again after a control record excluded it.
    pub replaces: Option<ChangeSetId>,
    /// Bytes of later versions: hashed and kept by readers that do not know them.
    #[serde(with = "codec::byte_string")]
    pub extension: Vec<u8>,
}

/// A place in the workspace's control log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ControlPosition {
    /// The orderer's epoch.
    pub epoch: u32,
    /// The record's number, from 1; 0: none seen.
    pub number: u64,
}

/// A dependency, by place and by id, so that a causal past is one and the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dep {
    /// Its chain.
    pub chain: Chain,
    /// Its number there.
    pub seq: u64,
    /// Its id.
    pub id: ChangeSetId,
}

/// What holds a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EngineKind {
    /// An Automerge document; the payload is one uncompressed change chunk.
    Automerge,
    /// A Yrs document; the payload is one update, lib0 v1.
    Yrs,
    /// A grow-only log; the payload is one entry.
    Log,
}

impl Header {
    /// The document it belongs to.
    pub fn document(&self) -> DocumentId {
        DocumentId::of(&self.entity, &self.part)
    }

    /// The same header, speaking of this payload.
    pub fn describe(mut self, payload: &[u8]) -> Self {
        // A payload of 4 GiB and more is far past the bound, which `check` holds against it.
        self.payload_len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.payload_hash = *blake3::hash(payload).as_bytes();
        self
    }

    /// blake3 of the domain tag and the canonical bytes.
    pub fn id(&self) -> ChangeSetId {
        id_of(&self.canonical())
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.canonical().into_vec()
    }

    /// Reads canonical bytes that hold one header and nothing else, and checks the rules that a
    /// header alone can break.
    ///
    /// # Errors
    /// Bytes that are not canonical, and every header rule of [`EnvelopeRule`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeRule> {
        let mut reader = codec::Reader::new(bytes);
        let (header, _) = Header::read(&mut reader)?;
        reader.end(Form::Header)?;
        header.check()?;
        Ok(header)
    }

    /// The next header of a reader, and its id.
    pub(crate) fn read(reader: &mut codec::Reader<'_>) -> Result<(Self, ChangeSetId), Malformed> {
        let (header, bytes) = reader.value_as(
            Form::Header,
            limits::HEADER_BYTES_MAX,
            |header: &Header, read| codec::same(&header.canonical(), read),
        )?;
        Ok((header, id_of(bytes)))
    }
}

/// The id that canonical header bytes have.
pub(crate) fn id_of(header: &[u8]) -> ChangeSetId {
    ChangeSetId(tags::hash(tags::HEADER, &[header]))
}

/// Reads route values without recursion: they are scalars, and a nesting of lists two bytes deep
/// each would overflow the stack before anything could refuse it.
fn route_values<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, Value)>, D::Error> {
    let values: Vec<(String, Scalar)> = codec::sequence(from)?;
    Ok(values
        .into_iter()
        .map(|(name, scalar)| (name, scalar.into()))
        .collect())
}

/// The scalar variants of [`Value`], in its order, so that their encodings are the same.
#[derive(Deserialize)]
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(Finite),
    Text(String),
    Bytes(#[serde(deserialize_with = "codec::sequence")] Vec<u8>),
    Time(i64),
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Value {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(truth) => Value::Bool(truth),
            Scalar::Int(number) => Value::Int(number),
            Scalar::Float(number) => Value::Float(number),
            Scalar::Text(text) => Value::Text(text),
            Scalar::Bytes(bytes) => Value::Bytes(bytes),
            Scalar::Time(millis) => Value::Time(millis),
        }
    }
}
