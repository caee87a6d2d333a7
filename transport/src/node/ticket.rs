//! Waiting for durability, with or without a runtime.

use anabranch_core::engine;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// How far durability has come, for whoever waits.
#[derive(Debug, Default)]
pub(super) struct Progress {
    reached: Mutex<Reached>,
    /// More is durable.
    more: Condvar,
    /// Something was written, or more is durable. Of every edit only those hear who watch.
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Reached {
    durable: engine::Ticket,
    closed: bool,
    /// Rises whenever something was written or became durable.
    turn: u64,
    /// Wait for more to be durable.
    wakers: Vec<Waker>,
    /// Wait for a turn.
    watchers: Vec<Waker>,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self, ticket: engine::Ticket) {
        self.change(|reached| reached.durable = reached.durable.max(ticket));
    }

    pub(super) fn close(&self) {
        self.change(|reached| reached.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Reached)) {
        let mut reached = self.lock();
        change(&mut reached);
        let wakers = std::mem::take(&mut reached.wakers);
        drop(reached);
        // Tasks first: who waits for the same on a thread finds them woken.
        wakers.into_iter().for_each(Waker::wake);
        self.more.notify_all();
        self.wrote();
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        let mut reached = self.lock();
        reached.turn = reached.turn.wrapping_add(1);
        let watchers = std::mem::take(&mut reached.watchers);
        drop(reached);
        watchers.into_iter().for_each(Waker::wake);
        self.turned.notify_all();
    }

    pub(super) fn turn(&self) -> u64 {
        self.lock().turn
    }

    /// Waits at most so long until something was written or became durable since `turn`.
    pub(super) fn wait(&self, turn: u64, timeout: Duration) {
        let same = |reached: &mut Reached| reached.turn == turn;
        let _woken_or_timed_out = self.turned.wait_timeout_while(self.lock(), timeout, same);
    }

    /// The same, for a task.
    pub(super) fn poll(&self, turn: u64, context: &mut Context<'_>) -> Poll<()> {
        let mut reached = self.lock();
        if reached.turn != turn {
            return Poll::Ready(());
        }
        reached.watchers.push(context.waker().clone());
        Poll::Pending
    }

    /// Waits until the writer has ended, with everything durable.
    pub(super) fn closed(&self, timeout: Duration) -> bool {
        let open = |reached: &mut Reached| !reached.closed;
        let waited = self.more.wait_timeout_while(self.lock(), timeout, open);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

/// A promise that an edit will be durable.
#[derive(Clone, Debug)]
pub struct Ticket {
    ticket: engine::Ticket,
    progress: Arc<Progress>,
}

impl Ticket {
    pub(super) fn new(ticket: engine::Ticket, progress: Arc<Progress>) -> Self {
        Ticket { ticket, progress }
    }

    /// Whether it is durable on this device.
    pub fn is_local(&self) -> bool {
        self.progress.lock().durable >= self.ticket
    }

    /// Waits at most so long; answers whether it is durable on this device.
    pub fn wait_local(&self, timeout: Duration) -> bool {
        let waiting = |reached: &mut Reached| reached.durable < self.ticket;
        let lock = self.progress.lock();
        let waited = self
            .progress
            .more
            .wait_timeout_while(lock, timeout, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.durable >= self.ticket
    }

    /// Is done when it is durable on this device. A store that fails keeps it waiting: see
    /// [`failure`](super::Node::failure).
    pub fn local(&self) -> impl Future<Output = ()> + Send + use<> {
        Local(self.clone())
    }
}

struct Local(Ticket);

impl Future for Local {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut reached = self.0.progress.lock();
        if reached.durable >= self.0.ticket {
            return Poll::Ready(());
        }
        reached.wakers.push(context.waker().clone());
        Poll::Pending
    }
}
