//! The record gate from outside: honest replicas are never refused, hostile bytes never get past,
//! and a verdict depends on a change and its causal past alone.

mod forge;
mod honest;
mod hostile;
mod purity;
mod rules;
mod world;
