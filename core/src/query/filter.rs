//! What a row must be to be asked for.

use crate::{id::EntityId, record::Life, value::Value};
use std::ops::{BitAnd, BitOr, Not};

/// A condition on a row. Made by [`field`], [`text`], [`backlinks`], [`conflicted`] and [`is`], and
/// put together by `&`, `|` and `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// A field's value compares to another. One that has none compares to nothing.
    Compare {
        /// The field.
        field: String,
        /// How.
        test: Test,
        /// The other value.
        value: Value,
    },
    /// A field has a value; a set, list or text that is empty has none.
    Set {
        /// The field.
        field: String,
    },
    /// A set or list has a member.
    Contains {
        /// The set or list.
        field: String,
        /// The member.
        value: Value,
    },
    /// A text contains a part, in letters of either case.
    HasText {
        /// The field; none: any text of the entity.
        field: Option<String>,
        /// The part.
        part: String,
    },
    /// It links to an entity.
    Links(EntityId),
    /// It has fields whose values were written apart and differ.
    Conflicted,
    /// The entity's life.
    Is(Life),
    /// All of these.
    All(Vec<Filter>),
    /// At least one of these.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
}

/// How a value compares to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal.
    Eq,
    /// Below.
    Below,
    /// Below or equal.
    AtMost,
    /// Above.
    Above,
    /// Above or equal.
    AtLeast,
}

/// The name of a field, to ask something of. See [`field`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(String);

/// A field by its name, in the record, or by the names of the maps around it and its own:
/// `timeline.due`. What is not in the record begins with `@`: `@part.billing.cents` is a field of
/// another part, `@body` a body's text, `@log.comments` how many entries a log has; `@entity`,
/// `@kind`, `@created`, `@updated`, `@creator`, `@author` (of the newest change set) and `@changes`
/// every row has.
pub fn field(name: &str) -> Field {
    Field(name.to_owned())
}

/// Rows with a text that contains a part, in letters of either case: any text of a field or body.
pub fn text(part: &str) -> Filter {
    Filter::HasText {
        field: None,
        part: part.to_owned(),
    }
}

/// Rows that link to an entity, by a field or from a body.
pub fn backlinks(entity: EntityId) -> Filter {
    Filter::Links(entity)
}

/// Rows with fields whose values were written apart and differ.
pub fn conflicted() -> Filter {
    Filter::Conflicted
}

/// Rows of entities in this state. Deleted ones are hidden unless [`super::Query::deleted`] shows
/// them.
pub fn is(life: Life) -> Filter {
    Filter::Is(life)
}

impl Field {
    fn compare(self, test: Test, value: impl Into<Value>) -> Filter {
        Filter::Compare {
            field: self.0,
            test,
            value: value.into(),
        }
    }

    /// Equal to a value.
    pub fn eq(self, value: impl Into<Value>) -> Filter {
        self.compare(Test::Eq, value)
    }

    /// Not equal to a value, or without one.
    pub fn ne(self, value: impl Into<Value>) -> Filter {
        !self.eq(value)
    }

    /// Below a value.
    pub fn below(self, value: impl Into<Value>) -> Filter {
        self.compare(Test::Below, value)
    }

    /// Below a value or equal to it.
    pub fn at_most(self, value: impl Into<Value>) -> Filter {
        self.compare(Test::AtMost, value)
    }

    /// Above a value.
    pub fn above(self, value: impl Into<Value>) -> Filter {
        self.compare(Test::Above, value)
    }

    /// Above a value or equal to it.
    pub fn at_least(self, value: impl Into<Value>) -> Filter {
        self.compare(Test::AtLeast, value)
    }

    /// With a value. A set, list or text that is empty has none.
    pub fn is_set(self) -> Filter {
        Filter::Set { field: self.0 }
    }

    /// A set or list with a member.
    pub fn contains(self, value: impl Into<Value>) -> Filter {
        Filter::Contains {
            field: self.0,
            value: value.into(),
        }
    }

    /// A text that contains a part, in letters of either case.
    pub fn has_text(self, part: &str) -> Filter {
        Filter::HasText {
            field: Some(self.0),
            part: part.to_owned(),
        }
    }
}

impl BitAnd for Filter {
    type Output = Filter;
    fn bitand(self, other: Filter) -> Filter {
        let mut all = match self {
            Filter::All(all) => all,
            one => vec![one],
        };
        match other {
            Filter::All(more) => all.extend(more),
            one => all.push(one),
        }
        Filter::All(all)
    }
}

impl BitOr for Filter {
    type Output = Filter;
    fn bitor(self, other: Filter) -> Filter {
        let mut any = match self {
            Filter::Any(any) => any,
            one => vec![one],
        };
        match other {
            Filter::Any(more) => any.extend(more),
            one => any.push(one),
        }
        Filter::Any(any)
    }
}

impl Not for Filter {
    type Output = Filter;
    fn not(self) -> Filter {
        match self {
            Filter::Not(within) => *within,
            one => Filter::Not(Box::new(one)),
        }
    }
}
