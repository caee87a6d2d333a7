//! A checked query: every name found, every literal in its field's type.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Filter, PageEnd, Query, QueryError, Test,
    columns::{Column, Holds, Scope},
    key::Manner,
    literal,
    page_end::Tag,
    row::{Head, Row},
    seen::Seen,
    text::Needle,
};
use crate::{
    id::EntityId,
    limits::QUERY_KEY_BYTES_MAX,
    record::Life,
    schema::{Schema, ValueKind, ValueType},
    value::Value,
};
use std::collections::BTreeSet;

/// A query that was found to make sense under the schemas in force. Made by [`Query::check`]; when a
/// new schema version comes into force, the query is to be checked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    kinds: BTreeSet<String>,
    deleted: bool,
    pass: Option<Pass>,
    order: Vec<Place>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<PageEnd>,
    pub(super) tag: Tag,
}

/// One column that rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    column: Column,
    words: Vec<String>,
    descending: bool,
}

/// A filter whose names were found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pass {
    Compare {
        column: Column,
        words: Vec<String>,
        test: Test,
        /// The literal's place in the order.
        to: Vec<u8>,
    },
    Set(Column),
    Contains {
        column: Column,
        member: Vec<u8>,
    },
    HasText {
        column: Option<Column>,
        part: Needle,
    },
    Links([u8; 32]),
    Conflicted,
    Is(Life),
    All(Vec<Pass>),
    Any(Vec<Pass>),
    Not(Box<Pass>),
}

impl Query {
    /// Checks the query against the schemas of a workspace; of each kind the newest counts.
    ///
    /// # Errors
    /// A kind or field that there is not, a value that its field cannot have, an order by what has
    /// none, a page of another order.
    pub fn check<'s>(
        &self,
        schemas: impl IntoIterator<Item = &'s Schema>,
    ) -> Result<Plan, QueryError> {
        let scope = Scope::of(&self.kinds, schemas)?;
        let pass = match &self.filter {
            Some(filter) => Some(pass(&scope, filter)?),
            None => None,
        };
        let mut order = Vec::new();
        for wanted in &self.order {
            let (column, holds) = scope.column(&wanted.field)?;
            order.push(Place {
                column,
                words: words_of(holds.one(&wanted.field)?),
                descending: wanted.descending,
            });
        }
        let directions = self.order.iter().map(|one| (&one.field, one.descending));
        let words = order.iter().map(|place| &place.words);
        let tag = Tag::of(directions.zip(words));
        if self.after.as_ref().is_some_and(|page| page.tag != tag) {
            return Err(QueryError::ForeignPageEnd);
        }
        Ok(Plan {
            kinds: self.kinds.clone(),
            deleted: self.deleted,
            pass,
            order,
            limit: self.limit,
            after: self.after.clone(),
            tag,
        })
    }
}

fn pass(scope: &Scope<'_>, filter: &Filter) -> Result<Pass, QueryError> {
    let all = |filters: &[Filter]| {
        let passes = filters.iter().map(|filter| pass(scope, filter));
        passes.collect::<Result<Vec<_>, _>>()
    };
    Ok(match filter {
        Filter::Compare { field, test, value } => {
            let (column, holds) = scope.column(field)?;
            let of = holds.one(field)?;
            let words = words_of(of);
            let to = place(&words, &literal::from_value(field, of, value)?);
            Pass::Compare {
                column,
                words,
                test: *test,
                to,
            }
        }
        Filter::Set { field } => Pass::Set(scope.column(field)?.0),
        Filter::Contains { field, value } => {
            let (column, holds) = scope.column(field)?;
            let value = literal::from_value(field, holds.many(field)?, value)?;
            Pass::Contains {
                column,
                member: place(&[], &value),
            }
        }
        Filter::HasText { field, part } => Pass::HasText {
            column: match field {
                Some(field) => Some(text_column(scope, field)?),
                None => None,
            },
            part: Needle::new(part),
        },
        Filter::Links(EntityId { creator, nonce }) => {
            let mut id = [0; 32];
            let bytes = creator.0.iter().chain(nonce);
            id.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Pass::Links(id)
        }
        Filter::Conflicted => Pass::Conflicted,
        Filter::Is(life) => Pass::Is(*life),
        Filter::All(filters) => Pass::All(all(filters)?),
        Filter::Any(filters) => Pass::Any(all(filters)?),
        Filter::Not(within) => Pass::Not(Box::new(pass(scope, within)?)),
    })
}

/// A column whose values, or their members, are texts.
pub(super) fn text_column(scope: &Scope<'_>, field: &str) -> Result<Column, QueryError> {
    let (column, holds) = scope.column(field)?;
    match &holds {
        Holds::One(of) | Holds::Many(of)
            if matches!(of.kind(), ValueKind::Text | ValueKind::Choice) =>
        {
            Ok(column)
        }
        Holds::One(_) | Holds::Many(_) | Holds::Nested => Err(QueryError::NoText {
            field: field.to_owned(),
            wanted: holds.kind(),
        }),
    }
}

pub(super) fn words_of(of: &ValueType) -> Vec<String> {
    match of {
        ValueType::Choice(words) => words.clone(),
        ValueType::Bool
        | ValueType::Int { .. }
        | ValueType::Float
        | ValueType::Text { .. }
        | ValueType::Bytes { .. }
        | ValueType::Time
        | ValueType::Entity
        | ValueType::Entry(_) => Vec::new(),
    }
}

/// How values compare to literals: as they are, whole.
fn whole(words: &[String]) -> Manner<'_> {
    Manner {
        words,
        descending: false,
        bytes_max: usize::MAX,
    }
}

fn place(words: &[String], value: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    whole(words).put(&mut key, Seen::scalar(value));
    key
}

/// Where keys are put to be compared, kept from row to row.
pub(super) type Scratch = Vec<u8>;

impl Plan {
    /// The row, if it is asked for. The outer None: it is no projection.
    pub(super) fn admit<'a>(
        &self,
        bytes: &'a [u8],
        scratch: &mut Scratch,
    ) -> Option<Option<Row<'a>>> {
        let head = Head::of(bytes)?;
        if !self.kinds.is_empty() && !self.kinds.contains(head.kind) {
            return Some(None);
        }
        let row = head.open()?;
        let shown = self.deleted || !row.life().0;
        let passes = shown
            && match &self.pass {
                Some(pass) => pass.admits(&row, scratch)?,
                None => true,
            };
        Some(passes.then_some(row))
    }

    /// Where a row stands: no two rows of different entities stand in one place.
    pub(super) fn key(&self, row: &Row<'_>) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(64);
        for place in &self.order {
            let manner = Manner {
                words: &place.words,
                descending: place.descending,
                bytes_max: QUERY_KEY_BYTES_MAX,
            };
            manner.put(&mut key, place.column.of(row)?);
        }
        key.extend_from_slice(row.head.entity);
        Some(key)
    }
}

impl Pass {
    fn admits(&self, row: &Row<'_>, scratch: &mut Scratch) -> Option<bool> {
        Some(match self {
            Pass::Compare {
                column,
                words,
                test,
                to,
            } => {
                let Some(seen) = column.of(row)?.filter(|seen| !matches!(seen, Seen::Null)) else {
                    return Some(false);
                };
                scratch.clear();
                whole(words).put(scratch, Some(seen));
                let order = scratch.as_slice().cmp(to);
                match test {
                    Test::Eq => order.is_eq(),
                    Test::Below => order.is_lt(),
                    Test::AtMost => order.is_le(),
                    Test::Above => order.is_gt(),
                    Test::AtLeast => order.is_ge(),
                }
            }
            Pass::Set(column) => column.of(row)?.is_some_and(|seen| !seen.is_empty()),
            Pass::Contains { column, member } => match column.of(row)? {
                Some(Seen::List(items)) => items.any(|seen| {
                    scratch.clear();
                    whole(&[]).put(scratch, Some(seen));
                    Some(scratch == member)
                })?,
                _ => false,
            },
            Pass::HasText { column: None, part } => part.is_in_any(row)?,
            Pass::HasText {
                column: Some(column),
                part,
            } => match column.of(row)? {
                Some(Seen::Text(text)) => part.is_in(text),
                Some(Seen::List(items)) => {
                    items.any(|seen| Some(matches!(seen, Seen::Text(text) if part.is_in(text))))?
                }
                _ => false,
            },
            Pass::Links(entity) => row.parts.iter().any(|part| {
                let mut links = part.links.chunks_exact(32);
                links.any(|link| link == entity)
            }),
            Pass::Conflicted => row.has_conflicts()?,
            Pass::Is(life) => {
                let (deleted, recovered) = row.life();
                match life {
                    Life::Alive => !deleted && !recovered,
                    Life::Recovered => recovered,
                    Life::Deleted => deleted,
                }
            }
            Pass::All(passes) => {
                for pass in passes {
                    if !pass.admits(row, scratch)? {
                        return Some(false);
                    }
                }
                true
            }
            Pass::Any(passes) => {
                for pass in passes {
                    if pass.admits(row, scratch)? {
                        return Some(true);
                    }
                }
                false
            }
            Pass::Not(pass) => !pass.admits(row, scratch)?,
        })
    }
}
