//! What waits for one reader: bounded, so that one who does not read costs no memory. What does not fit
//! becomes one word that says so.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

/// Changes that wait for one reader. Typing makes some ten a second.
pub const NOTICES_MAX: usize = 1_024;

/// What waits for one reader.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    more: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    notices: VecDeque<T>,
    /// A reset was put in, and nothing was begun anew since.
    reset: bool,
    wakers: Vec<Waker>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue {
            waiting: Mutex::new(Waiting {
                notices: VecDeque::new(),
                reset: false,
                wakers: Vec::new(),
            }),
            more: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; `reset` instead of everything that waits, where there is no room.
    pub(super) fn put(&self, notice: T, reset: T) {
        let full = self.lock().notices.len() >= NOTICES_MAX;
        match full {
            true => self.reset(reset),
            false => self.change(|waiting| waiting.notices.push_back(notice)),
        }
    }

    /// Says instead of everything that waits that it is to begin anew.
    pub(super) fn reset(&self, reset: T) {
        self.change(|waiting| {
            waiting.notices.clear();
            waiting.notices.push_back(reset);
            waiting.reset = true;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Waiting<T>)) {
        let mut waiting = self.lock();
        if waiting.reset {
            return;
        }
        change(&mut waiting);
        let wakers = std::mem::take(&mut waiting.wakers);
        drop(waiting);
        self.more.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The reader begins anew.
    pub(super) fn begin(&self) {
        let mut waiting = self.lock();
        waiting.notices.clear();
        waiting.reset = false;
    }

    pub(super) fn try_next(&self) -> Option<T> {
        self.lock().notices.pop_front()
    }

    pub(super) fn wait(&self, timeout: Duration) -> Option<T> {
        let empty = |waiting: &mut Waiting<T>| waiting.notices.is_empty();
        let waited = self.more.wait_timeout_while(self.lock(), timeout, empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.notices.pop_front()
    }

    pub(super) async fn next(&self) -> T {
        poll_fn(|context| {
            let mut waiting = self.lock();
            match waiting.notices.pop_front() {
                Some(notice) => Poll::Ready(notice),
                None => {
                    waiting.wakers.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
