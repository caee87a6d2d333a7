//! What can be asked of a row: the fields that the schemas of the kinds in question declare, and what
//! every row has.
#![deny(clippy::arithmetic_side_effects)]

use super::row::ContentRow;
use super::{QueryError, row::Row, seen::Seen};
use crate::schema::{FieldMap, MergeRule, PartShape, Schema, ValueKind, ValueType, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// A column that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Entity,
    Kind,
    Created,
    Updated,
    Creator,
    Author,
    Changes,
    /// A body's text.
    Text(String),
    /// How many entries a log has.
    Entries(String),
    /// A field of a record part.
    Field {
        part: String,
        path: Vec<String>,
    },
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    One(ValueType),
    /// The members of a set or list.
    Many(ValueType),
    /// Fields within it.
    Nested,
}

/// The kinds in question, each by its newest schema.
#[derive(Clone, Debug)]
pub(super) struct Scope<'s> {
    schemas: BTreeMap<&'s str, &'s Schema>,
}

const TEXT: ValueType = ValueType::Text {
    units_max: u32::MAX,
};
const COUNT: ValueType = ValueType::Int {
    min: 0,
    max: i64::MAX,
};
const ID: ValueType = ValueType::Bytes { bytes_max: 32 };

/// What every row has.
const EVERY: [(&str, Column, ValueType); 7] = [
    ("@author", Column::Author, ID),
    ("@changes", Column::Changes, COUNT),
    ("@created", Column::Created, ValueType::Time),
    ("@creator", Column::Creator, ID),
    ("@entity", Column::Entity, ID),
    ("@kind", Column::Kind, TEXT),
    ("@updated", Column::Updated, ValueType::Time),
];

impl<'s> Scope<'s> {
    /// The kinds by these names; without any, all.
    pub(super) fn of(
        kinds: &BTreeSet<String>,
        schemas: impl IntoIterator<Item = &'s Schema>,
    ) -> Result<Self, QueryError> {
        let mut all: BTreeMap<&str, &Schema> = BTreeMap::new();
        for schema in schemas {
            let newest = all.entry(schema.kind()).or_insert(schema);
            if newest.version() < schema.version() {
                *newest = schema;
            }
        }
        if let Some(kind) = kinds.iter().find(|kind| !all.contains_key(kind.as_str())) {
            return Err(QueryError::UnknownKind {
                kind: kind.clone(),
                nearest: nearest(kind, all.keys().copied()).map(str::to_owned),
            });
        }
        all.retain(|kind, _| kinds.is_empty() || kinds.contains(*kind));
        Ok(Scope { schemas: all })
    }

    /// What a name stands for in these kinds.
    pub(super) fn column(&self, name: &str) -> Result<(Column, Holds), QueryError> {
        let every = EVERY.into_iter().find(|(every, _, _)| *every == name);
        if let Some((_, column, of)) = every {
            return Ok((column, Holds::One(of)));
        }
        let mut found: Option<(Column, Holds)> = None;
        for schema in self.schemas.values() {
            let Some((column, holds)) = in_schema(schema, name) else {
                continue;
            };
            found = match found {
                None => Some((column, holds)),
                Some((_, had)) => Some((column, joined(name, had, holds)?)),
            };
        }
        found.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> QueryError {
        let mut known: Vec<String> = EVERY
            .iter()
            .map(|(every, ..)| (*every).to_owned())
            .collect();
        for schema in self.schemas.values() {
            for (part, declared) in &schema.spec().parts {
                match &declared.shape {
                    PartShape::Record(fields) if part == "record" => names("", fields, &mut known),
                    PartShape::Record(fields) => names(&format!("@{part}."), fields, &mut known),
                    PartShape::Body(_) | PartShape::Log(_) => known.push(format!("@{part}")),
                }
            }
        }
        QueryError::UnknownField {
            field: name.to_owned(),
            nearest: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
        }
    }
}

/// The names of fields and of those within them. A schema bounds their depth and number.
fn names(before: &str, fields: &FieldMap, known: &mut Vec<String>) {
    for (name, field) in fields {
        let name = format!("{before}{name}");
        match &field.rule {
            MergeRule::Map(within) => names(&format!("{name}."), within, known),
            MergeRule::Group(members) => {
                known.extend(members.keys().map(|member| format!("{name}.{member}")));
            }
            MergeRule::Lww(_)
            | MergeRule::Keep(_)
            | MergeRule::Once(_)
            | MergeRule::Counter
            | MergeRule::Set(_)
            | MergeRule::List(_)
            | MergeRule::Append(_)
            | MergeRule::Text
            | MergeRule::Open(_) => {}
        }
        known.push(name);
    }
}

fn in_schema(schema: &Schema, name: &str) -> Option<(Column, Holds)> {
    let Some(name) = name.strip_prefix('@') else {
        return in_part(schema, "record", name);
    };
    if let Some((part, declared)) = schema.spec().parts.get_key_value(name) {
        return match &declared.shape {
            PartShape::Body(_) => Some((Column::Text(part.clone()), Holds::One(TEXT))),
            PartShape::Log(_) => Some((Column::Entries(part.clone()), Holds::One(COUNT))),
            PartShape::Record(_) => None,
        };
    }
    // The names of parts have one dot.
    let dot = name.match_indices('.').nth(1)?.0;
    let (part, path) = name.split_at_checked(dot)?;
    in_part(schema, part, path.strip_prefix('.')?)
}

fn in_part(schema: &Schema, part: &str, name: &str) -> Option<(Column, Holds)> {
    let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
    let holds = in_fields(schema.part(part)?.fields()?, &mut path, 0)?;
    let part = part.to_owned();
    Some((Column::Field { part, path }, holds))
}

/// What stands at a path; the key of an open map, which may hold dots, becomes one name of it.
fn in_fields(fields: &FieldMap, path: &mut Vec<String>, at: usize) -> Option<Holds> {
    let next = at.checked_add(1)?;
    let is_last = next == path.len();
    match &fields.get(path.get(at)?)?.rule {
        MergeRule::Map(within) if !is_last => in_fields(within, path, next),
        MergeRule::Group(members) if !is_last => match path.get(next..)? {
            [member] => members.get(member).cloned().map(Holds::One),
            _ => None,
        },
        MergeRule::Open(of) if !is_last => {
            let key = path.split_off(next).join(".");
            path.push(key);
            Some(Holds::One(of.clone()))
        }
        MergeRule::Map(_) | MergeRule::Group(_) | MergeRule::Open(_) => Some(Holds::Nested),
        _ if !is_last => None,
        MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of) => {
            Some(Holds::One(of.clone()))
        }
        MergeRule::Set(of) | MergeRule::List(of) | MergeRule::Append(of) => {
            Some(Holds::Many(of.clone()))
        }
        MergeRule::Counter => Some(Holds::One(COUNT)),
        MergeRule::Text => Some(Holds::One(TEXT)),
    }
}

/// What a field holds that two kinds declare: the same, up to bounds; the words of two choices
/// follow each other.
fn joined(name: &str, one: Holds, other: Holds) -> Result<Holds, QueryError> {
    match (one, other) {
        (Holds::One(one), Holds::One(other)) => joined_types(name, one, other).map(Holds::One),
        (Holds::Many(one), Holds::Many(other)) => joined_types(name, one, other).map(Holds::Many),
        (Holds::Nested, Holds::Nested) => Ok(Holds::Nested),
        (one, other) => Err(QueryError::Differs {
            field: name.to_owned(),
            one: one.kind(),
            other: other.kind(),
        }),
    }
}

fn joined_types(name: &str, one: ValueType, other: ValueType) -> Result<ValueType, QueryError> {
    match (one, other) {
        (ValueType::Choice(mut words), ValueType::Choice(more)) => {
            let new: Vec<String> = more
                .into_iter()
                .filter(|word| !words.contains(word))
                .collect();
            words.extend(new);
            Ok(ValueType::Choice(words))
        }
        (one, other) if one.kind() == other.kind() => Ok(one),
        (one, other) => Err(QueryError::Differs {
            field: name.to_owned(),
            one: one.kind(),
            other: other.kind(),
        }),
    }
}

impl Holds {
    pub(super) fn kind(&self) -> ValueKind {
        match self {
            Holds::One(of) => of.kind(),
            Holds::Many(_) => ValueKind::List,
            Holds::Nested => ValueKind::Map,
        }
    }

    /// The one value it holds, for comparing and ordering.
    pub(super) fn one(&self, field: &str) -> Result<&ValueType, QueryError> {
        match self {
            Holds::One(of) => Ok(of),
            Holds::Many(_) | Holds::Nested => Err(QueryError::Several {
                field: field.to_owned(),
            }),
        }
    }

    /// What its members are.
    pub(super) fn many(&self, field: &str) -> Result<&ValueType, QueryError> {
        match self {
            Holds::Many(of) => Ok(of),
            Holds::One(_) | Holds::Nested => Err(QueryError::Single {
                field: field.to_owned(),
            }),
        }
    }
}

impl Column {
    /// What stands in it. The outer None: the row is no projection.
    #[inline]
    pub(super) fn of<'a>(&self, row: &Row<'a>) -> Option<Option<Seen<'a>>> {
        let millis = |hlc: u64| i64::try_from(hlc >> 16).unwrap_or(i64::MAX);
        let count = |count: u64| Seen::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let first = || row.parts.iter().filter_map(|part| part.first).min();
        let last = || row.parts.iter().filter_map(|part| part.last).max();
        Some(match self {
            Column::Field { part, path } => row.field(part, path)?,
            Column::Entity => Some(Seen::Bytes(row.head.entity)),
            Column::Creator => row.head.entity.get(..16).map(Seen::Bytes),
            Column::Kind => Some(Seen::Text(row.head.kind)),
            Column::Created => first().map(|stamp| Seen::Time(millis(stamp.hlc))),
            Column::Updated => last().map(|stamp| Seen::Time(millis(stamp.hlc))),
            Column::Author => last().map(|stamp| Seen::Bytes(stamp.author)),
            Column::Changes => {
                let counts = row.parts.iter().map(|part| part.changes);
                Some(count(counts.fold(0, u64::saturating_add)))
            }
            Column::Text(part) => row.part(part).and_then(|part| match part.content {
                ContentRow::Body { text } => Some(Seen::Text(text)),
                ContentRow::Record { .. } | ContentRow::Log { .. } => None,
            }),
            Column::Entries(part) => row.part(part).and_then(|part| match part.content {
                ContentRow::Log { entries } => Some(count(entries)),
                ContentRow::Record { .. } | ContentRow::Body { .. } => None,
            }),
        })
    }
}
