//! Counters that are kept and not counted: what a change of an entity does to them follows from its
//! old and its new row alone.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Plan, Query, QueryError,
    columns::{Column, Holds, Scope},
    key::Manner,
    plan::{Scratch, words_of},
    seen::Seen,
    sum::Sum,
};
use crate::{
    projection::ProjectionError,
    schema::{Schema, ValueType},
    value::Value,
};
use std::collections::BTreeMap;

/// What a query finds, counted and summed, by the values of a field if one is named.
#[derive(Clone, Debug)]
pub struct Aggregate {
    plan: Plan,
    by: Option<Named>,
    of: Option<Named>,
    groups: BTreeMap<Place, Group>,
}

/// A field that was found.
#[derive(Clone, Debug)]
struct Named {
    column: Column,
    words: Vec<String>,
}

/// Where a value stands among others of its field.
type Place = Vec<u8>;

/// The rows of one value.
#[derive(Clone, Debug)]
struct Group {
    value: Option<Value>,
    rows: u64,
    whole: i128,
    float: Sum,
    /// The values of the field that is summed, with how often each occurs.
    values: BTreeMap<Place, (Value, u64)>,
}

/// The figures of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The value that the rows share; none: they have no value in the field, or no field was named.
    pub value: Option<Value>,
    /// How many rows.
    pub rows: u64,
    /// How many of them have a value in the field that is summed.
    pub values: u64,
    /// The sum of those that are whole.
    pub whole: i128,
    /// The sum of those that are floats: the float nearest to the exact sum, whatever was added and
    /// taken away before. Infinite past the largest float.
    pub float: f64,
    /// The lowest.
    pub min: Option<Value>,
    /// The highest.
    pub max: Option<Value>,
}

/// What one row adds to.
struct Share {
    groups: BTreeMap<Place, Option<Value>>,
    of: Option<(Place, Value)>,
}

impl Query {
    /// Counts what the query finds: all of it, or by the values of a field; a row counts once for
    /// each member of a set or list. With `of` the values of another field are added up too, and its
    /// lowest and highest kept. Order, limit and page of the query do not matter.
    ///
    /// # Errors
    /// As [`Query::check`].
    pub fn aggregate<'s>(
        &self,
        by: Option<&str>,
        of: Option<&str>,
        schemas: impl IntoIterator<Item = &'s Schema> + Clone,
    ) -> Result<Aggregate, QueryError> {
        let scope = Scope::of(&self.kinds, schemas.clone())?;
        let by = match by {
            Some(field) => {
                let (column, holds) = scope.column(field)?;
                let words = words_of(match &holds {
                    Holds::One(of) => of,
                    Holds::Many(of) if !matches!(of, ValueType::Entry(_)) => of,
                    Holds::Many(_) | Holds::Nested => holds.one(field)?,
                });
                Some(Named { column, words })
            }
            None => None,
        };
        let of = match of {
            Some(field) => {
                let (column, holds) = scope.column(field)?;
                let words = words_of(holds.one(field)?);
                Some(Named { column, words })
            }
            None => None,
        };
        let plain = Query {
            order: Vec::new(),
            limit: None,
            after: None,
            ..self.clone()
        };
        Ok(Aggregate {
            plan: plain.check(schemas)?,
            by,
            of,
            groups: BTreeMap::new(),
        })
    }
}

impl Aggregate {
    /// Takes in what an entity's row became; none: it was not there, or is there no more. At first
    /// each row is taken in once, with no old one.
    ///
    /// # Errors
    /// A row that is no projection. Nothing is counted then.
    pub fn update(
        &mut self,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<(), ProjectionError> {
        let share = |row: Option<&[u8]>| match row {
            Some(row) => self.share(row),
            None => Ok(None),
        };
        let (old, new) = (share(old)?, share(new)?);
        if let Some(share) = old {
            self.count(share, true);
        }
        if let Some(share) = new {
            self.count(share, false);
        }
        Ok(())
    }

    /// The figures of each group that has rows, in the order of their values; those of rows without
    /// a value last.
    pub fn figures(&self) -> impl Iterator<Item = Figures> + '_ {
        self.groups.values().map(|group| {
            let counts = group.values.values().map(|(_, count)| *count);
            let ends = [
                group.values.first_key_value(),
                group.values.last_key_value(),
            ];
            let [min, max] = ends.map(|end| end.map(|(_, (value, _))| value.clone()));
            Figures {
                value: group.value.clone(),
                rows: group.rows,
                values: counts.fold(0, u64::saturating_add),
                whole: group.whole,
                float: group.float.value(),
                min,
                max,
            }
        })
    }

    /// What a row counts for, if it is asked for.
    fn share(&self, bytes: &[u8]) -> Result<Option<Share>, ProjectionError> {
        let share = || {
            let Some(row) = self.plan.admit(bytes, &mut Scratch::new())? else {
                return Some(None);
            };
            let mut groups = BTreeMap::new();
            let seen = |named: &Option<Named>| match named {
                Some(named) => named.column.of(&row),
                None => Some(None),
            };
            let words = named_words(&self.by);
            match seen(&self.by)? {
                Some(Seen::List(members)) if !members.is_empty() => {
                    members.any(|member| {
                        groups.extend([placed(words, Some(member))]);
                        Some(false)
                    })?;
                }
                Some(Seen::List(_) | Seen::Map(_)) => groups.extend([placed(words, None)]),
                one => groups.extend([placed(words, one)]),
            }
            let (place, value) = placed(named_words(&self.of), seen(&self.of)?);
            Some(Some(Share {
                groups,
                of: value.map(|value| (place, value)),
            }))
        };
        share().ok_or_else(|| ProjectionError::of(bytes))
    }

    fn count(&mut self, share: Share, take: bool) {
        for (place, value) in share.groups {
            let group = self.groups.entry(place.clone());
            let group = group.or_insert_with(|| Group {
                value,
                rows: 0,
                whole: 0,
                float: Sum::default(),
                values: BTreeMap::new(),
            });
            step(&mut group.rows, take);
            if let Some((place, value)) = &share.of {
                group.add(place, value, take);
            }
            if group.rows == 0 {
                self.groups.remove(&place);
            }
        }
    }
}

impl Group {
    fn add(&mut self, place: &Place, value: &Value, take: bool) {
        match value {
            Value::Int(number) if take => {
                self.whole = self.whole.saturating_sub(i128::from(*number));
            }
            Value::Int(number) => self.whole = self.whole.saturating_add(i128::from(*number)),
            Value::Float(number) => self.float.add(*number, take),
            Value::Null
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Map(_) => {}
        }
        let (_, count) = self
            .values
            .entry(place.clone())
            .or_insert_with(|| (value.clone(), 0));
        step(count, take);
        if *count == 0 {
            self.values.remove(place);
        }
    }
}

fn named_words(named: &Option<Named>) -> &[String] {
    named.as_ref().map_or(&[], |named| &named.words)
}

fn step(count: &mut u64, take: bool) {
    *count = match take {
        true => count.saturating_sub(1),
        false => count.saturating_add(1),
    };
}

/// A value and its place; one that is nothing has none.
fn placed(words: &[String], seen: Option<Seen<'_>>) -> (Place, Option<Value>) {
    let manner = Manner {
        words,
        descending: false,
        bytes_max: usize::MAX,
    };
    let mut place = Vec::new();
    manner.put(&mut place, seen);
    (place, seen.and_then(|seen| seen.to_value()))
}
