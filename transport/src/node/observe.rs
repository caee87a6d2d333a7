//! Observing a document: its state once, then every change of it. Who reads too slowly misses nothing
//! unnoticed: what does not fit its queue becomes one [`Notice::Reset`].

use super::{Node, Shared, Ticket, now_ms, queue::Queue};
use anabranch_core::{
    document::{Document, Draft, Event},
    engine::{EditError, Made, News, Place, ReadError},
    id::{ChangeSetId, DocumentId, EntityId, ViewId, WorkspaceId},
    patch::PatchSet,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

/// What an observer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A change set took effect.
    Patched(PatchSet),
    /// The document is another one than the patches so far make, or they were too many to wait: it is to
    /// be read [anew](Observer::read). Nothing follows before that.
    Reset,
    /// The document's engine stopped at a change set, which does not count on this device only.
    Stuck(ChangeSetId),
}

/// Told of every change of one document from the state on with which it began.
#[derive(Debug)]
pub struct Observer {
    shared: Arc<Shared>,
    workspace: WorkspaceId,
    entity: EntityId,
    part: String,
    queue: Arc<Queue<Notice>>,
}

fn tell(queue: &Queue<Notice>, event: &Event) {
    match event {
        Event::Patched(patches) => queue.put(Notice::Patched(patches.clone()), Notice::Reset),
        Event::Stuck { id } => queue.put(Notice::Stuck(*id), Notice::Reset),
        Event::Rebuilt { .. } => queue.reset(Notice::Reset),
    }
}

/// The observers of each document.
#[derive(Debug, Default)]
pub(super) struct Observers {
    queues: BTreeMap<(WorkspaceId, DocumentId), Vec<Weak<Queue<Notice>>>>,
}

impl Observers {
    pub(super) fn tell(&mut self, news: Vec<News>) {
        for news in news {
            let queues = self.queues.get(&(news.workspace, news.document));
            for queue in queues.into_iter().flatten().filter_map(Weak::upgrade) {
                tell(&queue, &news.event);
            }
        }
    }
}

impl Node {
    /// Observes a part of an entity, which need not be there yet: `read` sees its state, and the
    /// observer is told of every change from there on. It stays open meanwhile.
    ///
    /// # Errors
    /// Where it is closed and cannot be read.
    pub fn observe<T>(
        &self,
        workspace: &WorkspaceId,
        entity: EntityId,
        part: &str,
        read: impl FnOnce(Option<&mut Document>) -> T,
    ) -> Result<(T, Observer), ReadError> {
        let queue = Arc::new(Queue::default());
        let key = (*workspace, DocumentId::of(&entity, part));
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        // What happened before is nothing to who begins now.
        state.settle(store);
        let document = state
            .engine
            .document(store, now_ms(), workspace, &entity, part)?;
        let seen = read(document);
        state.engine.observe(workspace, key.1);
        let queues = state.observers.queues.entry(key).or_default();
        queues.push(Arc::downgrade(&queue));
        drop(state);
        let observer = Observer {
            shared: Arc::clone(&self.shared),
            workspace: *workspace,
            entity,
            part: part.to_owned(),
            queue,
        };
        Ok((seen, observer))
    }
}

impl Observer {
    /// Edits the document with positions that were read off an earlier revision of it, such as that of
    /// the last patches that were taken from this observer: they are carried over what came since.
    ///
    /// # Errors
    /// Why nothing was written, as of [`Node::edit`]; or that the document is to be read again.
    pub fn edit_at(
        &self,
        revision: u64,
        kind: &str,
        view: ViewId,
        draft: &Draft<'_>,
    ) -> Result<(Made, Ticket), EditError> {
        let place = Place {
            workspace: self.workspace,
            kind,
            entity: self.entity,
            part: &self.part,
            view,
        };
        let mut state = self.shared.lock();
        let made = state.engine.edit_at(now_ms(), &place, revision, draft)?;
        state.settle(&*self.shared.store);
        drop(state);
        let ticket = self.shared.promised(made.ticket);
        Ok((made, ticket))
    }

    /// Reads the document anew and goes on from there: what waited is dropped.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read<T>(&self, read: impl FnOnce(Option<&mut Document>) -> T) -> Result<T, ReadError> {
        let mut state = self.shared.lock();
        let store = &*self.shared.store;
        state.settle(store);
        let (workspace, entity) = (&self.workspace, &self.entity);
        let document = state
            .engine
            .document(store, now_ms(), workspace, entity, &self.part)?;
        let seen = read(document);
        self.queue.begin();
        Ok(seen)
    }

    /// What happened next, if anything did.
    pub fn try_next(&self) -> Option<Notice> {
        self.queue.try_next()
    }

    /// What happened next; waits for it at most so long.
    pub fn wait(&self, timeout: Duration) -> Option<Notice> {
        self.queue.wait(timeout)
    }

    /// What happens next.
    pub async fn next(&self) -> Notice {
        self.queue.next().await
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let document = DocumentId::of(&self.entity, &self.part);
        state.engine.unobserve(&self.workspace, document);
        let key = (self.workspace, document);
        if let Some(queues) = state.observers.queues.get_mut(&key) {
            queues.retain(|queue| !std::ptr::eq(queue.as_ptr(), Arc::as_ptr(&self.queue)));
            if queues.is_empty() {
                state.observers.queues.remove(&key);
            }
        }
    }
}
