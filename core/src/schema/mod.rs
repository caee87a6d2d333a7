//! Schemas: what a kind of entity is made of, and what each of its fields means when two people
//! write it at once.
//!
//! A schema is a text ([`Schema::parse`]), parsed once into types, printed again by
//! [`Schema::to_toml`], hashed and sent as canonical bytes ([`Schema::encode`]). The language stands
//! in `core/docs/schema.md`. A workspace's schemas stand in its [`SchemaLog`], which lets a newer
//! version widen the one before and never change what a field means. Schemas for common kinds come
//! with the [`catalogue`].
//!
//! | module | holds |
//! |---|---|
//! | `types` | what a schema says |
//! | `parse`, `read`, `read_fields`, `words`, `nearest` | text to schema |
//! | `print` | schema to text |
//! | `check`, `lens_check` | the invariants, for text and bytes alike |
//! | `codec`, `skim` | canonical bytes, content address, bounded decoding |
//! | `error`, `rule` | what is wrong with a schema; what a schema refuses |
//! | `values`, `lookup` | whether a value, field, part or writer is allowed |
//! | `log`, `compat`, `lens` | the workspace's schemas, versions and renames |
//! | `catalogue` | the schemas that ship with the product |

pub mod catalogue;
mod check;
mod codec;
mod compat;
mod error;
mod lens;
mod lens_check;
mod log;
mod lookup;
mod nearest;
mod parse;
mod print;
mod read;
mod read_fields;
mod rule;
mod skim;
mod types;
mod values;
mod words;

pub use codec::SchemaDecodeError;
pub use compat::{CompatError, CompatFault};
pub use error::{SchemaError, SchemaErrors, SchemaFault};
pub use lens::{default_of, names_of};
pub use log::{SchemaLog, SchemaLogError};
pub use lookup::WriterIs;
pub use nearest::nearest;
pub(crate) use rule::cut;
pub use rule::{ContainerRule, SchemaRule, ValueKind, ValueRule};
pub use types::*;
pub use values::check_open_key;
