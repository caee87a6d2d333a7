//! What a user of the simulator brings along: what applications do, what must hold, and, to see
//! whether the simulator would notice, a disk or a link that is broken on purpose.

use super::{Action, Rng, View};

/// What an application does next on a device; none: nothing.
pub type Workload<'s> = Box<dyn FnMut(&mut Rng, &View<'_>) -> Option<Action> + 's>;
/// Whether an application, having looked, does what it was about to do.
pub type OnlyIf<'s> = Box<dyn Fn(&Action, &View<'_>) -> bool + 's>;
/// What must hold on every device at any time.
pub type Invariant<'s> = Box<dyn Fn(&View<'_>) -> Result<(), String> + 's>;
/// What a link makes of a message to a device: others, or none.
pub type Link<'s> = Box<dyn FnMut(usize, Vec<u8>) -> Option<Vec<u8>> + 's>;
/// What a store is given in place of the rows of a commit.
pub type Scribe<'s> = Box<dyn FnMut(usize, &[Vec<u8>]) -> Vec<Vec<u8>> + 's>;

#[derive(Default)]
pub(super) struct Hooks<'s> {
    pub(super) workload: Option<Workload<'s>>,
    pub(super) only_if: Option<OnlyIf<'s>>,
    pub(super) invariants: Vec<(String, Invariant<'s>)>,
    pub(super) link: Option<Link<'s>>,
    pub(super) scribe: Option<Scribe<'s>>,
}
