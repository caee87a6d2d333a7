//! Change sets: sealed envelopes of engine changes. `core/docs/change-set.md` gives every byte.
//!
//! An author fills a [`Header`], lets it [`describe`](Header::describe) the payload, makes a
//! [`ChangeSet`] of both and [`seal`]s what one flush holds. A receiver [`decode`](Signed::decode)s
//! and [`verify`](Signed::verify)s: a [`Verified`] cannot be made in another way.
//!
//! | module | idea |
//! |---|---|
//! | `header`, `check` | what a change set says of itself, and the rules a header alone can break |
//! | `payload`, `change_set` | payload states, husks, the id |
//! | `merkle`, `flush`, `proof` | one signature per flush, a path per change set |
//! | `stored` | canonical bytes of a change set with its proof |
//! | `tags` | domain tags, and the one place that signs and checks |
//! | `pack`, `crypt` | size-capped zstd; payloads sealed under a workspace key |
//! | `tip` | the end of a chain, what may follow it, and how an epoch begins |
//! | `bundle` | a file of change sets, control records and schemas |
//! | `codec`, `canonical` | postcard, bounded and canonical; the header's bytes by hand |
//! | `rule`, `malformed` | why an envelope is refused |

pub mod bundle;
mod canonical;
mod change_set;
mod check;
pub(crate) mod codec;
pub mod crypt;
mod flush;
mod header;
mod malformed;
mod merkle;
pub mod pack;
mod payload;
mod proof;
mod rule;
mod stored;
pub mod tags;
mod tip;

pub use bundle::{Bundle, BundleError, BundleItem, BundleWriter};
pub use change_set::ChangeSet;
pub use check::is_part_name;
pub use crypt::{OpenError, SealedFault, WorkspaceKey, decrypt, encrypt};
pub use flush::{FlushProof, SealError, seal, seal_verified};
pub use header::{ControlPosition, Dep, EngineKind, Header, RULES_VERSION};
pub use malformed::{Form, Malformed};
pub use pack::PackFault;
pub use payload::Payload;
pub use proof::{FlushCache, Proof, Signed, Verified};
pub use rule::EnvelopeRule;
pub use stored::{SIGNED_BYTES_MAX, STORED_VERSION};
pub use tags::{Purpose, Signature, SignatureFault};
pub use tip::{Follows, Link, Tip};
