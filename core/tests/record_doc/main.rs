//! Records through their public face: every merge rule, delete against edit, conflicts, patches,
//! undo, anchors and blame, on replicas that exchange changes in any order.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod basics;
mod edits;
mod lenses;
mod life;
mod model;
mod places;
mod random;
mod rules;
mod shadow;
mod undo;
mod world;
