//! The body gate against the real engine: honest edits pass and are ordered as yrs orders them,
//! hostile updates are refused or harmless, and verdicts do not depend on arrival.

mod bodies;
mod fuzz;
mod honest;
mod hostile;
mod mirror;
mod mutate;
mod net;
mod rng;
mod wire;
