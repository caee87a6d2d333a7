//! Lists: asked once, or watched. A watch gives what the query finds, then what every commit does to it,
//! of this device or of another.

use super::{Node, Shared, State, now_ms, queue::Queue};
use anabranch_core::{
    engine::ReadError,
    fault::Fault,
    id::WorkspaceId,
    projection::Projection,
    query::{Difference, Page, Plan, Query, QueryError, Watching},
    schema::Schema,
    store::{Store, StoreError},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ListError {
    /// It asks for what there is not.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ListError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ListError::Query(_) => Fault::Caller,
            ListError::Read(error) => error.fault(),
        }
    }
}

/// What a watch is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The list is another.
    Differs(Difference),
    /// More happened than could wait: the list is to be read [anew](Watch::read). Nothing follows
    /// before that.
    Reset,
}

/// Told of every change of what a query finds.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    number: u64,
    queue: Arc<Queue<Listed>>,
}

/// The watches of a node.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watched: BTreeMap<u64, Watched>,
    next: u64,
}

#[derive(Debug)]
struct Watched {
    workspace: WorkspaceId,
    query: Query,
    watching: Watching,
    queue: Weak<Queue<Listed>>,
}

impl State {
    fn plan(&self, workspace: &WorkspaceId, query: &Query) -> Result<Plan, QueryError> {
        let replica = self.engine.replica(workspace);
        let schemas = replica.map(|replica| replica.schemas());
        let schemas = schemas.into_iter().flat_map(|schemas| schemas.iter());
        query.check(schemas.map(|schema| -> &Schema { schema }))
    }

    /// The rows that a query runs over.
    fn rows(
        &mut self,
        store: &dyn Store,
        workspace: &WorkspaceId,
        query: &Query,
    ) -> Result<Vec<Vec<u8>>, ReadError> {
        let replica = self.engine.replica(workspace);
        let kinds: Vec<String> = replica.map_or(Vec::new(), |replica| {
            let kinds = replica.schemas().kinds();
            kinds
                .filter(|kind| query.asks(kind))
                .map(str::to_owned)
                .collect()
        });
        let mut rows = Vec::new();
        for kind in kinds {
            rows.extend(self.engine.rows(store, now_ms(), workspace, &kind)?);
        }
        Ok(rows)
    }

    fn watch(
        &mut self,
        store: &dyn Store,
        workspace: &WorkspaceId,
        query: &Query,
    ) -> Result<(Watching, Vec<Projection>), ListError> {
        let plan = self.plan(workspace, query)?;
        let rows = self.rows(store, workspace, query)?;
        Ok(plan.watch(rows).map_err(damaged)?)
    }

    /// Tells watches what happened.
    pub(super) fn settle_watches(&mut self, store: &dyn Store) {
        let changes = self.engine.take_changes();
        if changes.is_empty() || self.watches.watched.is_empty() {
            return;
        }
        let mut watched = std::mem::take(&mut self.watches.watched);
        for one in watched.values_mut() {
            let told = self.tell(store, one, &changes);
            if let (Err(_), Some(queue)) = (told, one.queue.upgrade()) {
                queue.reset(Listed::Reset);
            }
        }
        self.watches.watched = watched;
    }

    fn tell(
        &mut self,
        store: &dyn Store,
        watched: &mut Watched,
        changes: &anabranch_core::engine::Changes,
    ) -> Result<(), ListError> {
        let workspace = watched.workspace;
        let mut differences = Vec::new();
        let mut rerun = changes.turned.contains(&workspace);
        if !rerun {
            let mut updates = Vec::new();
            let here = changes.entities.iter().filter(|(of, ..)| *of == workspace);
            for (_, kind, entity) in here.filter(|(_, kind, _)| watched.query.asks(kind)) {
                let row = self.engine.row(store, now_ms(), &workspace, kind, entity)?;
                let row = row.map(|row| Projection::decode_sealed(&row)).transpose();
                updates.push((*entity, row.map_err(damaged)?));
            }
            let update = watched.watching.update(&updates);
            differences = update.differences;
            rerun = update.rerun;
        }
        if rerun {
            let rows = self.rows(store, &workspace, &watched.query)?;
            differences.extend(watched.watching.again(rows).map_err(damaged)?);
        }
        if let Some(queue) = watched.queue.upgrade() {
            for difference in differences {
                queue.put(Listed::Differs(difference), Listed::Reset);
            }
        }
        Ok(())
    }
}

fn damaged(_: anabranch_core::projection::ProjectionError) -> ReadError {
    StoreError::Derived.into()
}

impl Node {
    /// What a query finds, from projections: no document is opened.
    ///
    /// # Errors
    /// Where it asks for what there is not, or the store cannot be read.
    pub fn query(
        &self,
        workspace: &WorkspaceId,
        query: &Query,
    ) -> Result<Page<Projection>, ListError> {
        let mut state = self.shared.lock();
        let plan = state.plan(workspace, query)?;
        let rows = state.rows(&*self.shared.store, workspace, query)?;
        drop(state);
        let page = plan.run(rows).map_err(damaged)?;
        let rows = page.rows.iter().map(|row| Projection::decode_sealed(row));
        let rows: Result<_, _> = rows.collect();
        Ok(Page {
            rows: rows.map_err(damaged)?,
            next: page.next,
            total: page.total,
        })
    }

    /// What a query finds, and from there on what every change does to it.
    ///
    /// # Errors
    /// As [`Node::query`].
    pub fn watch(
        &self,
        workspace: &WorkspaceId,
        query: &Query,
    ) -> Result<(Vec<Projection>, Watch), ListError> {
        let store = &*self.shared.store;
        let mut state = self.shared.lock();
        state.settle(store);
        let (watching, list) = state.watch(store, workspace, query)?;
        state.engine.note_changes(true);
        let queue = Arc::new(Queue::default());
        let number = state.watches.next;
        state.watches.next = number.wrapping_add(1);
        let watched = Watched {
            workspace: *workspace,
            query: query.clone(),
            watching,
            queue: Arc::downgrade(&queue),
        };
        state.watches.watched.insert(number, watched);
        drop(state);
        let watch = Watch {
            shared: Arc::clone(&self.shared),
            number,
            queue,
        };
        Ok((list, watch))
    }
}

impl Watch {
    /// Reads the list anew and goes on from there: what waited is dropped.
    ///
    /// # Errors
    /// As [`Node::query`].
    pub fn read(&self) -> Result<Vec<Projection>, ListError> {
        let store = &*self.shared.store;
        let mut state = self.shared.lock();
        state.settle(store);
        let Some(mut watched) = state.watches.watched.remove(&self.number) else {
            return Ok(Vec::new());
        };
        let begun = state.watch(store, &watched.workspace, &watched.query);
        let list = begun.map(|(watching, list)| {
            watched.watching = watching;
            list
        });
        state.watches.watched.insert(self.number, watched);
        if list.is_ok() {
            self.queue.begin();
        }
        list
    }

    /// What happened next, if anything did.
    pub fn try_next(&self) -> Option<Listed> {
        self.queue.try_next()
    }

    /// What happened next; waits for it at most so long.
    pub fn wait(&self, timeout: Duration) -> Option<Listed> {
        self.queue.wait(timeout)
    }

    /// What happens next.
    pub async fn next(&self) -> Listed {
        self.queue.next().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.watches.watched.remove(&self.number);
        if state.watches.watched.is_empty() {
            state.engine.note_changes(false);
        }
    }
}
