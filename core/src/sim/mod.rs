//! A workspace on one thread, for tests, demonstrations and anyone's own schemas.
//!
//! [`Sim`] runs devices through everything that goes wrong, then lets it calm down and holds them to
//! what must be true; what breaks is told as a short story. The same seed gives the same run, byte for
//! byte. [`Lab`] is smaller: an owner who orders, devices with keys from a seed, replicas that exchange
//! what they wrote when they are told to.
//!
//! | module | what it holds |
//! |---|---|
//! | `run` | a simulation from the outside: [`Sim`], [`Report`], [`Failure`] |
//! | `hooks` | what its user brings along: workload, invariants |
//! | `world` | a run in the middle of it |
//! | `draw`, `random` | what happens next, by chance; random edits of any schema |
//! | `step`, `action`, `fault` | what can happen, what people do, what goes wrong |
//! | `perform`, `restart`, `orderer` | a step carried out: edits and messages; commits and crashes; control records |
//! | `calm` | everything coming to rest |
//! | `truth`, `check` | what is known from outside; holding devices to it |
//! | `register` | a second opinion on which write shows |
//! | `shrink` | a long run made a short story |
//! | `device` | one device: the only file that drives an engine |
//! | `store`, `disk` | a journal on a disk that tears, lies and forgets |
//! | `hostile` | what a hostile member makes of what it wrote |
//! | [`play`] | arbitrary bytes as edits and changes, for fuzzers |
//! | `strategy` (feature `strategies`) | entities and edits of any schema, for proptest |
//! | `lab`, `rng` | the small workspace; the generator |

mod action;
mod calm;
mod check;
mod device;
mod disk;
mod draw;
mod fault;
mod hooks;
mod hostile;
mod lab;
mod orderer;
mod perform;
pub mod play;
pub mod random;
mod register;
mod restart;
mod rng;
mod run;
mod shrink;
mod step;
mod store;
#[cfg(feature = "strategies")]
pub mod strategy;
mod truth;
mod view;
mod world;

pub use action::{Action, Ask};
pub use device::{Device, Fate};
pub use fault::{Fault, Faults, Fired};
pub use lab::{Lab, Station};
pub use rng::Rng;
pub use run::{Failure, Report, Sim};
pub use step::{Craft, Form, Step};
pub use truth::invariant;
pub use view::View;
pub use world::Broken;
