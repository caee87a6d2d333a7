//! The wire form, seen from outside.

mod streams;
mod workload;
