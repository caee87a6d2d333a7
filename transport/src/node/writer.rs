//! The thread that carries out what the engine gives out.

use super::{Closing, Shared, now_ms};
use anabranch_core::{engine::Output, store::Store};
use std::{sync::PoisonError, time::Duration};

/// Runs until the node closes and nothing is left to be written, or nobody waits for that any more.
pub(super) fn run(shared: &Shared, store: impl Store) {
    let mut state = shared.lock();
    let mut wake_at_ms = None;
    loop {
        let wait = match state.engine.poll(now_ms()) {
            Some(Output::Commit { at, rows }) => {
                // The engine goes on while the disk works: what gathers shares the next commit.
                drop(state);
                let appended = store.append(at, &rows);
                state = shared.lock();
                state.failure = appended.clone().err();
                wake_at_ms = None;
                match appended {
                    Ok(()) => state.engine.committed(),
                    Err(_) => state.engine.failed(now_ms()),
                }
                continue;
            }
            Some(Output::Durable(ticket)) => {
                shared.progress.durable(ticket);
                continue;
            }
            Some(Output::WakeAt(at_ms)) => {
                wake_at_ms = Some(at_ms);
                continue;
            }
            None => match state.closing {
                Closing::Now => return,
                Closing::WhenSaved if !state.engine.is_unsaved() => break,
                Closing::WhenSaved | Closing::No => {
                    wake_at_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms()).max(1)))
                }
            },
        };
        state = match wait {
            None => shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                let woken = shared.work.wait_timeout(state, wait);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
    drop(state);
    // Whoever waits for the end may open the store again at once.
    drop(store);
    shared.progress.close();
}
