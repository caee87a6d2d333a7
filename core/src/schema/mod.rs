#![deny(clippy::arithmetic_side_effects)]
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
//! | `parse`, `read*`, `words`, `nearest` | text to schema |
//! | `print` | schema to text |
//! | `check*` | the invariants, for text and bytes alike |
//! | `codec`, `skim` | canonical bytes, content address, bounded decoding |
//! | `error`, `fault` | what is wrong with a schema, where, and how to mend it |
//! | `rule`, `value_rule` | what a schema refuses |
//! | `values`, `lookup` | whether a value, field, part or writer is allowed |
//! | `log`, `compat*`, `lens` | the workspace's schemas, versions and renames |
//! | `catalogue` | the schemas that ship with the product |

pub mod catalogue;
mod check;
mod check_lens;
mod check_route;
mod check_words;
mod codec;
mod compat;
mod compat_fault;
mod error;
mod fault;
mod lens;
mod log;
mod lookup;
mod nearest;
mod parse;
mod print;
mod read;
mod read_fields;
mod read_lens;
mod read_types;
mod rule;
mod skim;
mod types;
mod value_rule;
mod values;
mod words;

pub use codec::SchemaDecodeError;
pub use compat_fault::{CompatError, CompatFault};
pub use error::{SchemaError, SchemaErrors};
pub use fault::SchemaFault;
pub use lens::{default_of, names_of};
pub use log::{SchemaLog, SchemaLogError};
pub use lookup::WriterIs;
pub use nearest::nearest;
pub use rule::SchemaRule;
pub(crate) use rule::cut;
pub use types::*;
pub use value_rule::{ContainerRule, ValueKind, ValueRule};
pub use values::check_open_key;
