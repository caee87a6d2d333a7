//! The engines' bytes taken apart and put together again, so that mutations keep them in shape.
//! Independent of the gates: what these mistake, the gates still see.

pub(crate) mod chunk;
pub(crate) mod update;
