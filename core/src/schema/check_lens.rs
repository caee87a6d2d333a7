//! The invariants of a schema's lenses. Lenses speak of the top-level fields of `record`.

use crate::schema::{
    Lens, MergeRule, SchemaFault, SchemaRule, SchemaSpec,
    check::{Faults, nearest_of, record_fields},
};
use std::collections::BTreeSet;

pub(crate) fn lenses(faults: &mut Faults, spec: &SchemaSpec) {
    let Some(fields) = record_fields(spec) else {
        return;
    };
    let mut renamed = BTreeSet::new();
    let mut defaulted = BTreeSet::new();
    for (at, lens) in spec.lens.iter().enumerate() {
        if let Some(before) = at.checked_sub(1).and_then(|before| spec.lens.get(before))
            && key(before) >= key(lens)
        {
            faults.push("lens", SchemaFault::NotCanonicalOrder);
        }
        let (path, field) = match lens {
            Lens::Rename { from, to } => (format!("lens.rename.{from}"), to),
            Lens::Default { field, .. } => (format!("lens.default.{field}"), field),
        };
        let Some(declared) = fields.get(field) else {
            let nearest = nearest_of(field, fields.keys());
            let field = field.clone();
            faults.push(path, SchemaFault::LensUnknown { field, nearest });
            continue;
        };
        match lens {
            Lens::Rename { from, to } => {
                for name in [from, to] {
                    if !renamed.insert(name) {
                        let field = name.clone();
                        faults.push(path.clone(), SchemaFault::LensTwice { field });
                    }
                }
                if spec.version < 2 {
                    faults.push(path.clone(), SchemaFault::RenameInFirstVersion);
                }
                if fields.contains_key(from) {
                    let field = from.clone();
                    faults.push(path.clone(), SchemaFault::RenamedStillThere { field });
                }
                if declared.since != spec.version {
                    let fault = SchemaFault::RenamedSince {
                        field: to.clone(),
                        version: spec.version,
                    };
                    faults.push(path.clone(), fault);
                }
                if !can_be_renamed(&declared.rule) {
                    let rule = declared.rule.name();
                    faults.push(path, SchemaFault::RenameRule { rule });
                }
            }
            Lens::Default { field, value } => {
                if !defaulted.insert(field) {
                    let field = field.clone();
                    faults.push(path.clone(), SchemaFault::LensTwice { field });
                }
                if !takes_default(&declared.rule) {
                    let rule = declared.rule.name();
                    faults.push(path, SchemaFault::DefaultRule { rule });
                } else if let Err(SchemaRule::Value { rule, .. }) = declared.rule.check_set(value) {
                    faults.push(path, SchemaFault::DefaultValue(rule));
                }
            }
        }
    }
}

/// Renames before defaults, each by name: the order that is hashed.
pub(crate) fn key(lens: &Lens) -> (u8, &str) {
    match lens {
        Lens::Rename { from, .. } => (0, from),
        Lens::Default { field, .. } => (1, field),
    }
}

/// Whether the candidates of an old and a new field can stand in one set for the rule to pick.
/// Two texts or two lists have no common order, and two maps would need a lens for each field.
fn can_be_renamed(rule: &MergeRule) -> bool {
    match rule {
        MergeRule::Lww(_)
        | MergeRule::Group(_)
        | MergeRule::Keep(_)
        | MergeRule::Once(_)
        | MergeRule::Counter
        | MergeRule::Set(_)
        | MergeRule::Append(_)
        | MergeRule::Open(_) => true,
        MergeRule::List(_) | MergeRule::Text | MergeRule::Map(_) => false,
    }
}

/// Whether the rule shows one value, which may be given where no one has written.
pub(crate) fn takes_default(rule: &MergeRule) -> bool {
    match rule {
        MergeRule::Lww(_) | MergeRule::Group(_) | MergeRule::Keep(_) | MergeRule::Once(_) => true,
        MergeRule::Counter
        | MergeRule::Set(_)
        | MergeRule::List(_)
        | MergeRule::Append(_)
        | MergeRule::Text
        | MergeRule::Map(_)
        | MergeRule::Open(_) => false,
    }
}
