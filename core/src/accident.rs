//! Accidents of the engines, brought about by this crate's own tests: no bytes are known that pass a
//! gate and stop the engine behind it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

static PAYLOADS: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());

fn payloads() -> MutexGuard<'static, BTreeSet<Vec<u8>>> {
    PAYLOADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, every engine of this process panics at a payload.
pub(crate) struct Accident(Vec<u8>);

impl Accident {
    pub(crate) fn at(payload: &[u8]) -> Self {
        payloads().insert(payload.to_vec());
        Accident(payload.to_vec())
    }
}

impl Drop for Accident {
    fn drop(&mut self) {
        payloads().remove(&self.0);
    }
}

/// Called where an engine is given a payload.
pub(crate) fn strike(payload: &[u8]) {
    let struck = payloads().contains(payload);
    assert!(!struck, "an accident of the engine");
}
