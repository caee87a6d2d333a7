//! What the workspace proves about itself as a whole: which crate may know what, that every
//! finished capability has a test and a way to reach it, and scenarios across crates. Nothing
//! depends on this crate.
//!
//! ```
//! use anabranch_tests::ledger::Ledger;
//!
//! let ledger = Ledger::parse("pending = [\"M22\"]")?;
//! assert_eq!(ledger.pending, ["M22"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@bench`] | the benchmark |
//! | [`ledger`] | the table of finished capabilities, and what is wrong with it |
//! | [`licence`] | whether a licence expression is allowed |
//! | [`repository`] | the repository's own files |
//! | [`session`] | a recorded session of typing, made from the history of documents |

pub mod bench;
pub mod ledger;
pub mod licence;
pub mod repository;
pub mod session;
