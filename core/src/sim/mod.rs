//! A workspace on one thread, for tests, demonstrations and anyone's own schemas: an owner who
//! orders, devices with keys derived from a seed, replicas that exchange what they wrote. The same
//! seed gives the same bytes.

mod lab;
mod rng;

pub use lab::{Lab, Station};
pub use rng::Rng;
