//! Change sets through their public face. The bytes of every form stand in `tests/golden/changeset`.

mod fixtures;
mod flush;
mod header;
mod signatures;
