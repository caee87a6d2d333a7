//! What is asked, before it is checked.

use super::{Filter, PageEnd};
use std::collections::BTreeSet;

/// A question about the entities of a workspace: which, in what order, how many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub(super) kinds: BTreeSet<String>,
    pub(super) filter: Option<Filter>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<PageEnd>,
    pub(super) deleted: bool,
}

/// One field that rows are ordered by. Rows without a value in it come last, either way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The field, named as by [`super::field`].
    pub field: String,
    /// Whether the highest comes first.
    pub descending: bool,
}

impl Query {
    /// All entities, of any kind.
    pub fn any() -> Self {
        Query::default()
    }

    /// The entities of one kind.
    pub fn kind(kind: &str) -> Self {
        Query::any().or_kind(kind)
    }

    /// Also those of another kind.
    pub fn or_kind(mut self, kind: &str) -> Self {
        self.kinds.insert(kind.to_owned());
        self
    }

    /// Whether it asks for entities of a kind.
    pub fn asks(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }

    /// Only those that pass, also the filters given before.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before & filter,
            None => filter,
        });
        self
    }

    /// Ordered by a field, lowest first; where rows are equal in the fields named before. What no
    /// field decides, the entities' ids do, so there is always exactly one order.
    pub fn order_by(self, field: &str) -> Self {
        self.ordered(field, false)
    }

    /// As [`Query::order_by`], highest first.
    pub fn order_by_falling(self, field: &str) -> Self {
        self.ordered(field, true)
    }

    /// The next field to order by, where the ones before are equal.
    pub fn then(self, field: &str) -> Self {
        self.order_by(field)
    }

    /// As [`Query::then`], highest first.
    pub fn then_falling(self, field: &str) -> Self {
        self.order_by_falling(field)
    }

    fn ordered(mut self, field: &str, descending: bool) -> Self {
        self.order.push(Order {
            field: field.to_owned(),
            descending,
        });
        self
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Only what stands after a page's end, whatever has come or gone before it since.
    pub fn after(mut self, page: PageEnd) -> Self {
        self.after = Some(page);
        self
    }

    /// Also deleted entities, which are hidden otherwise.
    pub fn deleted(mut self) -> Self {
        self.deleted = true;
        self
    }
}
