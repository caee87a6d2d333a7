//! The invariants of a schema, the same whether it came as text or as bytes.
//!
//! A schema that passes has bounded names, fields, nesting and values, so gates, projections and
//! the printer walk it without further thought.

use crate::{
    limits,
    schema::{
        Authority, BodyShape, Field, FieldMap, LogShape, MergeRule, Part, PartShape, Residency,
        SchemaFault, SchemaSpec, ValueType, check_lens, check_route,
        check_words::{about, name, word},
        nearest::nearest,
    },
};
use std::collections::BTreeMap;

/// Faults with the path of the place where each stands.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) found: Vec<(String, SchemaFault)>,
}

impl Faults {
    pub(crate) fn push(&mut self, path: impl Into<String>, fault: SchemaFault) {
        self.found.push((path.into(), fault));
    }
}

/// Everything that is wrong with a schema; nothing: it may be used.
pub(crate) fn check(spec: &SchemaSpec) -> Vec<(String, SchemaFault)> {
    let mut faults = Faults::default();
    name(&mut faults, "kind", &spec.kind);
    if spec.version == 0 {
        faults.push("version", out_of_range(0, 1, i64::from(u32::MAX)));
    }
    about(&mut faults, "about", &spec.about);
    parts(&mut faults, spec);
    check_route::route(&mut faults, spec);
    if let Some(days) = spec.retention_days {
        if days == 0 {
            faults.push("retention_days", out_of_range(0, 1, i64::from(u32::MAX)));
        }
        let log = |part: &Part| matches!(part.shape, PartShape::Log(_));
        if !spec.parts.values().any(log) {
            faults.push("retention_days", SchemaFault::RetentionWithoutLog);
        }
    }
    check_lens::lenses(&mut faults, spec);
    faults.found
}

/// The fields of the part `record`.
pub(crate) fn record_fields(spec: &SchemaSpec) -> Option<&FieldMap> {
    match &spec.parts.get("record")?.shape {
        PartShape::Record(fields) => Some(fields),
        PartShape::Body(_) | PartShape::Log(_) => None,
    }
}

fn parts(faults: &mut Faults, spec: &SchemaSpec) {
    let count = spec.parts.len();
    if count > limits::SCHEMA_PARTS_MAX {
        faults.push("", too_many("parts", count, limits::SCHEMA_PARTS_MAX));
    }
    if !spec.parts.contains_key("record") {
        faults.push(
            "",
            SchemaFault::Missing {
                key: "record",
                example: "[record]",
            },
        );
    }
    let mut count = 0usize;
    for (key, part) in &spec.parts {
        let own_name = match (&part.shape, key.as_str()) {
            (PartShape::Record(_), "record") | (PartShape::Body(_), "body") => None,
            (PartShape::Record(_), key) => Some(key.strip_prefix("part.").unwrap_or("")),
            (PartShape::Log(_), key) => Some(key.strip_prefix("log.").unwrap_or("")),
            (PartShape::Body(_), _) => Some(""),
        };
        if let Some(own_name) = own_name {
            // The prefix counts, since the whole stands in every header.
            if key.len() > limits::NAME_BYTES_MAX {
                faults.push(key, SchemaFault::BadName { suggestion: None });
            } else {
                name(faults, key, own_name);
            }
        }
        rights(faults, key, part);
        match &part.shape {
            PartShape::Record(map) => {
                let within = Within {
                    since: 1,
                    version: spec.version,
                    depth: 1,
                };
                fields(faults, &format!("{key}.fields"), map, within, &mut count);
            }
            PartShape::Body(shape) => body(faults, key, shape),
            PartShape::Log(shape) => log(faults, key, shape, &mut count),
        }
    }
    if count > limits::SCHEMA_FIELDS_MAX {
        faults.push("", too_many("fields", count, limits::SCHEMA_FIELDS_MAX));
    }
}

fn rights(faults: &mut Faults, path: &str, part: &Part) {
    match part.residency {
        Residency::Synced => {}
        Residency::Local => {
            if part.authority != Authority::Member {
                faults.push(format!("{path}.authority"), SchemaFault::LocalAuthority);
            }
        }
        Residency::ServerOnly => {
            if part.authority != Authority::Server {
                let path = format!("{path}.residency");
                faults.push(path, SchemaFault::ServerOnlyAuthority);
            }
        }
    }
}

fn body(faults: &mut Faults, path: &str, shape: &BodyShape) {
    word(
        faults,
        &format!("{path}.root"),
        &shape.root,
        limits::NAME_BYTES_MAX,
    );
}

fn log(faults: &mut Faults, path: &str, shape: &LogShape, count: &mut usize) {
    members(
        faults,
        &format!("{path}.entry"),
        "log entry",
        &shape.entry,
        count,
    );
    for required in &shape.required {
        if !shape.entry.contains_key(required) {
            faults.push(
                format!("{path}.required"),
                SchemaFault::RequiredUnknown {
                    field: required.clone(),
                    nearest: nearest_of(required, shape.entry.keys()),
                },
            );
        }
    }
    in_order(faults, &format!("{path}.required"), &shape.required);
}

/// Where a map of fields stands.
#[derive(Clone, Copy)]
struct Within {
    since: u32,
    version: u32,
    depth: usize,
}

fn fields(faults: &mut Faults, path: &str, map: &FieldMap, within: Within, count: &mut usize) {
    *count = count.saturating_add(map.len());
    for (key, field) in map {
        let path = format!("{path}.{key}");
        name(faults, &path, key);
        about(faults, &format!("{path}.about"), &field.about);
        if field.since < within.since || field.since > within.version {
            faults.push(
                format!("{path}.since"),
                SchemaFault::Since {
                    since: field.since,
                    min: within.since,
                    max: within.version,
                },
            );
        }
        rule(faults, &path, field, within, count);
    }
}

fn rule(faults: &mut Faults, path: &str, field: &Field, within: Within, count: &mut usize) {
    let name = field.rule.name();
    match &field.rule {
        MergeRule::Lww(value)
        | MergeRule::Keep(value)
        | MergeRule::Once(value)
        | MergeRule::List(value)
        | MergeRule::Open(value) => single(faults, path, name, value),
        MergeRule::Set(ValueType::Float) => faults.push(
            path,
            SchemaFault::TypeForRule {
                rule: name,
                found: "float",
                allowed: "floats have no one spelling by which to find an element; use text or int",
            },
        ),
        MergeRule::Set(value) => single(faults, path, name, value),
        MergeRule::Append(ValueType::Entry(entry)) => {
            members(faults, &format!("{path}.entry"), "entry", entry, count);
        }
        MergeRule::Append(value) => value_type(faults, path, value),
        MergeRule::Group(group) => {
            members(faults, &format!("{path}.fields"), "group", group, count);
        }
        MergeRule::Map(map) => {
            if map.is_empty() {
                faults.push(path, SchemaFault::Empty { what: "field" });
            }
            if within.depth >= limits::SCHEMA_DEPTH_MAX {
                let max = limits::SCHEMA_DEPTH_MAX;
                faults.push(path, SchemaFault::TooDeep { max });
                return;
            }
            let within = Within {
                since: field.since,
                version: within.version,
                depth: within.depth.saturating_add(1),
            };
            fields(faults, &format!("{path}.fields"), map, within, count);
        }
        MergeRule::Counter | MergeRule::Text => {}
    }
}

/// A rule that holds single values.
fn single(faults: &mut Faults, path: &str, rule: &'static str, value: &ValueType) {
    if let ValueType::Entry(_) = value {
        faults.push(
            path,
            SchemaFault::TypeForRule {
                rule,
                found: "entry",
                allowed: "entries stand in append fields and logs; use rule = \"group\" or \"map\"",
            },
        );
        return;
    }
    value_type(faults, path, value);
}

/// The fields of a group or entry: single values only.
fn members(
    faults: &mut Faults,
    path: &str,
    holder: &'static str,
    members: &BTreeMap<String, ValueType>,
    count: &mut usize,
) {
    *count = count.saturating_add(members.len());
    if members.is_empty() {
        faults.push(path, SchemaFault::Empty { what: "field" });
    }
    for (key, value) in members {
        let path = format!("{path}.{key}");
        name(faults, &path, key);
        if let ValueType::Entry(_) = value {
            let found = "entry";
            faults.push(path, SchemaFault::Container { holder, found });
        } else {
            value_type(faults, &path, value);
        }
    }
}

fn value_type(faults: &mut Faults, path: &str, value: &ValueType) {
    match value {
        ValueType::Bool
        | ValueType::Float
        | ValueType::Time
        | ValueType::Entity
        | ValueType::Entry(_) => {}
        ValueType::Int { min, max } => {
            if min > max {
                let (min, max) = (*min, *max);
                faults.push(path, SchemaFault::BoundsCrossed { min, max });
            }
        }
        ValueType::Text { units_max: max } | ValueType::Bytes { bytes_max: max } => {
            if *max == 0 || u64::from(*max) > limits::SCALAR_BYTES_MAX as u64 {
                let most = limits::SCALAR_BYTES_MAX as i64;
                let fault = out_of_range(i64::from(*max), 1, most);
                faults.push(format!("{path}.max"), fault);
            }
        }
        ValueType::Choice(words) => choices(faults, &format!("{path}.choices"), words),
    }
}

fn choices(faults: &mut Faults, path: &str, words: &[String]) {
    if words.is_empty() {
        faults.push(path, SchemaFault::Empty { what: "word" });
    }
    if words.len() > limits::SCHEMA_CHOICES_MAX {
        let max = limits::SCHEMA_CHOICES_MAX;
        faults.push(path, too_many("words", words.len(), max));
    }
    for (at, choice) in words.iter().take(limits::SCHEMA_CHOICES_MAX).enumerate() {
        word(faults, path, choice, limits::NAME_BYTES_MAX);
        if words.iter().take(at).any(|earlier| earlier == choice) {
            faults.push(path, SchemaFault::Duplicate);
        }
    }
}

/// Lists whose order says nothing are hashed sorted, so that one meaning has one address.
pub(crate) fn in_order(faults: &mut Faults, path: &str, names: &[String]) {
    let rising = |pair: &[String]| matches!(pair, [a, b] if a < b);
    if !names.windows(2).all(rising) {
        faults.push(path, SchemaFault::NotCanonicalOrder);
    }
}

/// The nearest of some names, as a text of its own.
pub(crate) fn nearest_of<'n>(
    name: &str,
    names: impl IntoIterator<Item = &'n String>,
) -> Option<String> {
    nearest(name, names.into_iter().map(String::as_str)).map(str::to_owned)
}

pub(crate) fn out_of_range(found: i64, min: i64, max: i64) -> SchemaFault {
    SchemaFault::OutOfRange { found, min, max }
}

pub(crate) fn too_many(what: &'static str, count: usize, max: usize) -> SchemaFault {
    SchemaFault::TooMany { what, count, max }
}
