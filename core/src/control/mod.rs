//! The control log.
