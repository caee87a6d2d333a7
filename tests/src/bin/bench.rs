//! The benchmark: `bench [--json] [--quick] [--traces DIR] [--only FIGURE]...`. Recorded traces are
//! read from DIR or from the folder that `ANABRANCH_TRACES` names; without them this repository's
//! own texts are typed. See [`anabranch_tests::bench`].
//!
//! ```sh
//! cargo run --release -p anabranch-tests --bin bench -- --json --traces ../shared/data/traces
//! ```

use anabranch_tests::bench::{self, Options, large_store};
use std::{env, error::Error, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            eprintln!("usage: bench [--json] [--quick] [--traces DIR] [--only FIGURE]...");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some(large_store::PART) {
        large_store::run_part(env::args().skip(2));
        return Ok(());
    }
    let mut options = Options {
        traces: env::var_os("ANABRANCH_TRACES").map(PathBuf::from),
        ..Options::default()
    };
    let mut json = false;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--json" => json = true,
            "--quick" => options.quick = true,
            "--traces" => options.traces = Some(PathBuf::from(value()?)),
            "--only" => options.only.push(value()?),
            _ => return Err(format!("{argument:?} is not known").into()),
        }
    }
    if cfg!(debug_assertions) {
        eprintln!("warning: not a release build; the times mean nothing");
    }
    let report = bench::run(&options)?;
    match json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => print!("{report}"),
    }
    Ok(())
}
