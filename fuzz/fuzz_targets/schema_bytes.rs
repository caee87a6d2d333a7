//! The target `schema_bytes`: see [`anabranch_fuzz::program`].
#![cfg_attr(fuzzing, no_main)]

anabranch_fuzz::program!();
