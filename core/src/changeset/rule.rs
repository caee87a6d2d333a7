//! Why an envelope is refused.

use crate::changeset::{Malformed, crypt::SealedFault, pack::PackFault, tags::SignatureFault};
use serde::{Deserialize, Serialize};

/// Refusals by the envelope: bytes, header, payload hash, flush signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EnvelopeRule {
    /// The bytes are not the canonical encoding of anything.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The header is longer than any may be.
    #[error(
        "the header has {had} bytes, at most {max} are allowed: write with fewer dependencies or a shorter extension"
    )]
    HeaderTooLong {
        /// Its length in bytes.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// The part's name has not the form of one.
    #[error(
        "the part's name is not words of a-z, 0-9, _ and -, each beginning with a letter, joined by single dots, at most 64 bytes: use the name the schema declares"
    )]
    PartName,
    /// Chains count from 1.
    #[error("seq is 0; a chain's first change set has seq 1")]
    SeqZero,
    /// A change set after the first names the one before it.
    #[error(
        "change set {seq} of its chain names no change set before it; set prev to the id of {seq} - 1"
    )]
    PrevMissing {
        /// Its number.
        seq: u64,
    },
    /// The first change set of the first epoch has nothing before it.
    #[error("the first change set of epoch 0 names one before it; leave prev out")]
    PrevUnexpected,
    /// More dependencies than a frontier may have.
    #[error(
        "{had} dependencies, at most {max} are allowed: merge some of the concurrent chains first"
    )]
    DepsTooMany {
        /// How many it names.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// Dependencies stand in the order of their chains, one per chain.
    #[error("dependency {at} does not stand after the one before it: sort by chain, one per chain")]
    DepsUnsorted {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// The own chain is named by `prev`.
    #[error("dependency {at} lies in the own chain, which prev already names; leave it out")]
    DepOnOwnChain {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// A dependency names a change set, and those count from 1.
    #[error("dependency {at} has seq 0; a chain's first change set has seq 1")]
    DepSeqZero {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// The stamp is outside what both engines can carry.
    #[error("the stamp {had} is above the largest, 2^63 - 1: set the device's clock")]
    HlcTooLarge {
        /// The stamp as a number.
        had: u64,
    },
    /// Schema versions count from 1.
    #[error("the schema's version is 0; versions count from 1")]
    SchemaVersionZero,
    /// Rules versions count from 1.
    #[error("the rules version is 0; versions count from 1")]
    RulesZero,
    /// A foreign actor of another engine than the part's.
    #[error(
        "the foreign actor does not belong to the part's engine: leave it out or name one of that engine"
    )]
    ActorEngine,
    /// A foreign Yrs client id outside the range that every client computes exactly.
    #[error(
        "the foreign client id {had} is not within 1 and 2^53 - 1: let the client choose another"
    )]
    ActorRange {
        /// The id.
        had: u64,
    },
    /// More route values than a schema may declare.
    #[error("{had} route values, at most {max} are allowed")]
    RoutesTooMany {
        /// How many it carries.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// A route name that no field can have.
    #[error(
        "route value {at} has an empty name, one over 64 bytes, or one with control characters"
    )]
    RouteName {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// Route values stand in the order of their names, one per name.
    #[error("route value {at} does not stand after the one before it: sort by name, one per name")]
    RoutesUnsorted {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// A relay filters by scalars only.
    #[error("route value {at} is a list or a map; only a scalar can be routed by")]
    RouteNotScalar {
        /// Its place in the list, from 0.
        at: u64,
    },
    /// A route value longer than any may be.
    #[error("route value {at} has {had} bytes, at most {max} are allowed")]
    RouteTooLong {
        /// Its place in the list, from 0.
        at: u64,
        /// Its length in bytes.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// The extension area is longer than readers keep.
    #[error("the extension has {had} bytes, at most {max} are allowed")]
    ExtensionTooLong {
        /// Its length in bytes.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// The payload is longer than any may be.
    #[error(
        "the payload has {had} bytes, at most {max} are allowed: make the edit in smaller pieces"
    )]
    PayloadTooLong {
        /// Its length in bytes, as the header says.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// The payload has not the length that its header says.
    #[error("the payload has {had} bytes, its header says {wanted}: fetch it again")]
    PayloadLength {
        /// The header's word.
        wanted: u64,
        /// The bytes there are.
        had: u64,
    },
    /// The payload is not the one its header speaks of.
    #[error("the payload's blake3 is not the one in its header: fetch it again")]
    PayloadHash,
    /// An erased payload does not come back.
    #[error("the payload was erased for good and is not taken again")]
    PayloadErased,
    /// A flush has 1 to 512 change sets.
    #[error("the proof speaks of a flush of {had} change sets, 1 to {max} are allowed")]
    FlushCount {
        /// The count it names.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// The flush has another number of change sets than came.
    #[error(
        "the flush has {wanted} change sets, {had} came: send all of them or give each its path"
    )]
    FlushIncomplete {
        /// The count that is signed.
        wanted: u64,
        /// How many came.
        had: u64,
    },
    /// A flush belongs to one origin and one workspace.
    #[error("change set {at} of the flush is of another origin or workspace than the first")]
    FlushMixed {
        /// Its place in the flush, from 0.
        at: u64,
    },
    /// The place lies outside the flush.
    #[error("the proof gives place {index} in a flush of {count} change sets")]
    ProofIndex {
        /// The place, from 0.
        index: u64,
        /// The count.
        count: u64,
    },
    /// The path has not the length that place and count demand.
    #[error("the proof's path has {had} hashes, its place demands {wanted}")]
    ProofPath {
        /// The length demanded.
        wanted: u64,
        /// The length there is.
        had: u64,
    },
    /// The flush signature.
    #[error("flush signature: {0}")]
    Signature(SignatureFault),
    /// A sealed payload that no holder of the workspace key can open.
    #[error("{0}")]
    Sealed(SealedFault),
    /// A packed payload that cannot be unpacked within its bounds.
    #[error("{0}")]
    Pack(PackFault),
}

impl EnvelopeRule {
    /// The stable machine code of this rule.
    pub fn code(&self) -> &'static str {
        match self {
            EnvelopeRule::Malformed(fault) => fault.code(),
            EnvelopeRule::HeaderTooLong { .. } => "header-too-long",
            EnvelopeRule::PartName => "part-name",
            EnvelopeRule::SeqZero => "seq-zero",
            EnvelopeRule::PrevMissing { .. } => "prev-missing",
            EnvelopeRule::PrevUnexpected => "prev-unexpected",
            EnvelopeRule::DepsTooMany { .. } => "deps-too-many",
            EnvelopeRule::DepsUnsorted { .. } => "deps-unsorted",
            EnvelopeRule::DepOnOwnChain { .. } => "dep-on-own-chain",
            EnvelopeRule::DepSeqZero { .. } => "dep-seq-zero",
            EnvelopeRule::HlcTooLarge { .. } => "hlc-too-large",
            EnvelopeRule::SchemaVersionZero => "schema-version-zero",
            EnvelopeRule::RulesZero => "rules-version-zero",
            EnvelopeRule::ActorEngine => "actor-engine",
            EnvelopeRule::ActorRange { .. } => "actor-range",
            EnvelopeRule::RoutesTooMany { .. } => "routes-too-many",
            EnvelopeRule::RouteName { .. } => "route-name",
            EnvelopeRule::RoutesUnsorted { .. } => "routes-unsorted",
            EnvelopeRule::RouteNotScalar { .. } => "route-not-scalar",
            EnvelopeRule::RouteTooLong { .. } => "route-too-long",
            EnvelopeRule::ExtensionTooLong { .. } => "extension-too-long",
            EnvelopeRule::PayloadTooLong { .. } => "payload-too-long",
            EnvelopeRule::PayloadLength { .. } => "payload-length",
            EnvelopeRule::PayloadHash => "payload-hash",
            EnvelopeRule::PayloadErased => "payload-erased",
            EnvelopeRule::FlushCount { .. } => "flush-count",
            EnvelopeRule::FlushIncomplete { .. } => "flush-incomplete",
            EnvelopeRule::FlushMixed { .. } => "flush-mixed",
            EnvelopeRule::ProofIndex { .. } => "proof-index",
            EnvelopeRule::ProofPath { .. } => "proof-path",
            EnvelopeRule::Signature(SignatureFault::Key) => "origin-key",
            EnvelopeRule::Signature(SignatureFault::Signature) => "signature",
            EnvelopeRule::Sealed(fault) => fault.code(),
            EnvelopeRule::Pack(fault) => fault.code(),
        }
    }

    /// Whether the fault lies in the change set itself, so that every copy of it has it. Where it
    /// does not, only these bytes are at fault: they name no change set, the answer is to send it
    /// again, and no verdict may be recorded under an id.
    pub fn names_change_set(&self) -> bool {
        match self {
            EnvelopeRule::HeaderTooLong { .. }
            | EnvelopeRule::PartName
            | EnvelopeRule::SeqZero
            | EnvelopeRule::PrevMissing { .. }
            | EnvelopeRule::PrevUnexpected
            | EnvelopeRule::DepsTooMany { .. }
            | EnvelopeRule::DepsUnsorted { .. }
            | EnvelopeRule::DepOnOwnChain { .. }
            | EnvelopeRule::DepSeqZero { .. }
            | EnvelopeRule::HlcTooLarge { .. }
            | EnvelopeRule::SchemaVersionZero
            | EnvelopeRule::RulesZero
            | EnvelopeRule::ActorEngine
            | EnvelopeRule::ActorRange { .. }
            | EnvelopeRule::RoutesTooMany { .. }
            | EnvelopeRule::RouteName { .. }
            | EnvelopeRule::RoutesUnsorted { .. }
            | EnvelopeRule::RouteNotScalar { .. }
            | EnvelopeRule::RouteTooLong { .. }
            | EnvelopeRule::ExtensionTooLong { .. }
            | EnvelopeRule::PayloadTooLong { .. }
            | EnvelopeRule::Signature(SignatureFault::Key)
            | EnvelopeRule::Sealed(_)
            | EnvelopeRule::Pack(_) => true,
            EnvelopeRule::Malformed(_)
            | EnvelopeRule::PayloadLength { .. }
            | EnvelopeRule::PayloadHash
            | EnvelopeRule::PayloadErased
            | EnvelopeRule::FlushCount { .. }
            | EnvelopeRule::FlushIncomplete { .. }
            | EnvelopeRule::FlushMixed { .. }
            | EnvelopeRule::ProofIndex { .. }
            | EnvelopeRule::ProofPath { .. }
            | EnvelopeRule::Signature(SignatureFault::Signature) => false,
        }
    }
}
