//! Queries: lists of entities by kind, field, text and link, in an order, page by page, answered from
//! projections without opening a document; the same list watched; counters kept without counting.
//!
//! A [`Query`] is checked once against the schemas in force ([`Query::check`]). The [`Plan`] that
//! comes of it is run over rows, which are the bytes of projections ([`Plan::run`]), or starts a
//! [`Watching`], which is told what changed and answers what that does to the list. An [`Aggregate`]
//! counts and sums what a query finds, from each row's old and new form alone.
//!
//! ```
//! use anabranch_core::query::{Query, field};
//! use anabranch_core::schema::catalogue;
//!
//! let task = catalogue::schema("task").ok_or("no tasks")?;
//! let urgent = field("priority").eq("urgent") | field("timeline.due").below("2026-12-01");
//! let plan = Query::kind("task")
//!     .filter(field("status").ne("done") & urgent)
//!     .order_by("timeline.due")
//!     .limit(50)
//!     .check([&task])?;
//! // The same, as a person writes it.
//! let typed = "not status=done (priority=urgent or timeline.due<2026-12-01)";
//! let same = Query::kind("task").words(typed, [&task])?;
//! assert_eq!(same.order_by("timeline.due").limit(50).check([&task])?, plan);
//! let page = plan.run(Vec::<Vec<u8>>::new())?;
//! assert_eq!((page.rows.len(), page.total), (0, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `ask`, `filter` | what is asked |
//! | `words` | the same as a person writes it |
//! | `columns`, `literal`, `fault`, `words_fault` | what can be asked of a kind, and what is wrong with a question |
//! | `plan`, `text` | whether a row is asked for |
//! | `key` | where it stands in the order |
//! | `row`, `seen` | reading a projection in place |
//! | `run`, `page_end` | pages |
//! | `watch`, `ranks` | what a change does to a list |
//! | `aggregate`, `sum` | counters |

mod aggregate;
mod ask;
mod columns;
mod fault;
mod filter;
mod key;
mod literal;
mod page_end;
mod plan;
mod ranks;
mod row;
mod run;
mod seen;
mod sum;
#[cfg(test)]
mod tests;
mod text;
mod watch;
mod words;
mod words_fault;

pub use aggregate::{Aggregate, Figures};
pub use ask::{Order, Query};
pub use fault::QueryError;
pub use filter::{Field, Filter, Test, backlinks, conflicted, field, is, text};
pub use page_end::PageEnd;
pub use plan::Plan;
pub use run::Page;
pub use watch::{Difference, Update, Watching};
pub use words_fault::{WordsError, WordsFault};
