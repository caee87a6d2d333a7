//! Route values: what a relay filters by without opening a payload. They are exactly what the change
//! writes, so that nobody can steer a change set past a filter.

use super::Judged;
use crate::{
    changeset::Header,
    record::FieldPath,
    schema::{Schema, SchemaRule},
    value::Value,
};
use std::collections::BTreeMap;

/// The values that a change gives its schema's route fields, by name. `registers` are those that it
/// writes.
pub(super) fn written(
    schema: &Schema,
    part: &str,
    registers: &BTreeMap<FieldPath, Value>,
) -> Vec<(String, Value)> {
    let is_routed = |name: &String| part == "record" && schema.spec().route.contains(name);
    let routed = |(path, value): (&FieldPath, &Value)| match path.as_slice() {
        [name] if is_routed(name) => Some((name.clone(), value.clone())),
        _ => None,
    };
    registers.iter().filter_map(routed).collect()
}

impl Judged {
    /// The route values that the header of this change must carry.
    pub fn route(&self, schema: &Schema, part: &str) -> Vec<(String, Value)> {
        match self {
            Judged::Change(change) => written(schema, part, &change.registers),
            Judged::Update(_) | Judged::Entry(_) | Judged::Erased => Vec::new(),
        }
    }
}

/// Holds a header's route values against what its change writes.
pub(super) fn judge(header: &Header, schema: &Schema, judged: &Judged) -> Result<(), SchemaRule> {
    let written = judged.route(schema, &header.part);
    if header.route == written {
        return Ok(());
    }
    // Both are in the order of their names, which the schema's own check of the header sees to.
    let lacks = |all: &[(String, Value)], one: &(String, Value)| !all.contains(one);
    let stated = header.route.iter().filter(|one| lacks(&written, one));
    let missing = written.iter().filter(|one| lacks(&header.route, one));
    let field = stated
        .chain(missing)
        .map(|(name, _)| name.clone())
        .next()
        .unwrap_or_default();
    Err(SchemaRule::RouteDiffers { field })
}
