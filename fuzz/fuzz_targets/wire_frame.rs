//! The target `wire_frame`: see [`anabranch_fuzz::program`].
#![cfg_attr(fuzzing, no_main)]

anabranch_fuzz::program!();
