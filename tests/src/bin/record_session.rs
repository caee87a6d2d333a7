//! Writes a recorded session of typing: `record_session OUT.json.gz UPPER... -- LOWER...`, where
//! UPPER and LOWER are files that hold the successive versions of two documents, oldest first.
//!
//! The session that the demonstration replays was made from this repository's own documents:
//!
//! ```sh
//! versions() { # FILE
//!   for commit in $(git log --reverse --format=%h -- "$1"); do
//!     git show "$commit:$1" > "$dir/$commit-$(basename "$1")" && echo "$dir/$commit-$(basename "$1")"
//!   done
//! }
//! dir=$(mktemp -d)
//! cargo run -p anabranch-tests --bin record_session -- \
//!   cli/data/session.json.gz $(versions CONTRIBUTING.md) -- $(versions README.md)
//! ```

use anabranch::storage::{bounded, whole};
use anabranch_tests::session;
use flate2::{Compression, write::GzEncoder};
use std::{env, error::Error, io::Write, path::Path, process::ExitCode};

/// Most bytes of one version.
const VERSION_BYTES_MAX: usize = 1 << 20;

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            eprintln!("usage: record_session OUT.json.gz UPPER... -- LOWER...");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), Box<dyn Error>> {
    let (out, versions) = arguments.split_first().ok_or("no file to write is named")?;
    let middle = versions.iter().position(|word| word == "--");
    let (upper, lower) = versions.split_at(middle.ok_or("`--` does not part the two documents")?);
    let session = session::record(&read(upper)?, &read(lower.get(1..).unwrap_or_default())?, 1);
    // No time and no name in the gzip's head: equal sessions are equal files.
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&serde_json::to_vec(&session)?)?;
    whole::replace(Path::new(out), &packed.finish()?)?;
    Ok(())
}

fn read(files: &[String]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut versions = Vec::new();
    for file in files {
        versions.push(String::from_utf8(bounded::read(
            Path::new(file),
            VERSION_BYTES_MAX,
        )?)?);
    }
    Ok(versions)
}
