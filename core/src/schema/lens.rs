//! Reading an old document through newer schemas.

use crate::{
    schema::{Lens, Schema},
    value::Value,
};
use std::sync::Arc;

/// Every name under which versions of this chain wrote what the newest calls `field`: that name
/// first, then older and older ones. The projection puts the candidates of all of them into one
/// set, and the field's rule picks.
///
/// `chain` is a kind's versions, oldest first ([`crate::schema::SchemaLog::chain`]). Only top-level
/// fields of `record` are renamed; any other has one name.
pub fn names_of(chain: &[Arc<Schema>], part: &str, field: &str) -> Vec<String> {
    let mut names = vec![field.to_owned()];
    if part != "record" {
        return names;
    }
    let mut current = field;
    for schema in chain.iter().rev() {
        let from = schema.spec.lens.iter().find_map(|lens| match lens {
            Lens::Rename { from, to } if to == current => Some(from),
            Lens::Rename { .. } | Lens::Default { .. } => None,
        });
        if let Some(from) = from {
            names.push(from.clone());
            current = from;
        }
    }
    names
}

/// What a top-level field of `record` reads as where no one has written it.
pub fn default_of<'s>(schema: &'s Schema, part: &str, field: &str) -> Option<&'s Value> {
    if part != "record" {
        return None;
    }
    schema.spec.lens.iter().find_map(|lens| match lens {
        Lens::Default { field: name, value } if name == field => Some(value),
        Lens::Rename { .. } | Lens::Default { .. } => None,
    })
}
