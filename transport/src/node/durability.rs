//! Watching how safe own work is.

use super::{Node, Shared};
use anabranch_core::engine::{Receipt, Scope};
use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

/// How safe the work in a scope is, now and whenever it is asked again.
#[derive(Clone, Debug)]
pub struct Durability {
    shared: Arc<Shared>,
    scope: Scope,
}

impl Node {
    /// Watches how safe the work in a workspace, or on an entity, is.
    pub fn durability(&self, scope: Scope) -> Durability {
        Durability {
            shared: Arc::clone(&self.shared),
            scope,
        }
    }
}

impl Durability {
    /// The least receipt of all work in the scope; none while some of it is not durable anywhere.
    pub fn now(&self) -> Option<Receipt> {
        self.shared.lock().engine.durability(&self.scope)
    }

    /// Waits at most so long until all work in the scope has this receipt; answers whether it has.
    pub fn wait(&self, receipt: Receipt, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        loop {
            let turn = self.shared.progress.turn();
            if self.now() >= Some(receipt) {
                return true;
            }
            let left = until.map_or(timeout, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return false;
            }
            self.shared.progress.wait(turn, left);
        }
    }

    /// Is done when it is another than `known`; gives it.
    pub async fn changed(&self, known: Option<Receipt>) -> Option<Receipt> {
        loop {
            let turn = self.shared.progress.turn();
            let now = self.now();
            if now != known {
                return now;
            }
            poll_fn(|context| self.shared.progress.poll(turn, context)).await;
        }
    }
}
