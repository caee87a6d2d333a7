//! The command line. It parses arguments, calls the library and prints; it decides nothing.
//!
//! Every command gives one [`answer::Answer`]: the same content as a page for people and as one
//! JSON object, and whether what was asked holds. A new command is a file in `cmd/`, a variant of
//! [`cmd::Command`] and a line in its `run`.

mod answer;
mod cmd;
mod exit;
mod page;

use clap::Parser;
use exit::Exit;
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// A CRDT-first document store with peer-style merging.
#[derive(Parser)]
#[command(name = "anabranch", version, after_help = exit::TABLE, max_term_width = 80)]
struct Arguments {
    #[command(subcommand)]
    command: cmd::Command,
    /// Print one JSON object instead of a page.
    #[arg(long, global = true)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (exit, printed) = match arguments.command.run() {
        Ok(answer) if arguments.json => (answer.exit(), print_json(&answer.json)),
        Ok(answer) => (answer.exit(), print(&answer.page.render(coloured()))),
        Err(failure) if arguments.json => (failure.exit, print_json(&failure.json())),
        Err(failure) => {
            eprintln!("error: {failure}");
            (failure.exit, Ok(()))
        }
    };
    match printed {
        Ok(()) => exit.into(),
        // Whoever reads has read enough: `anabranch schema list | head -1`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit.into(),
        Err(error) => {
            eprintln!("error: the answer cannot be printed: {error}");
            Exit::Environment.into()
        }
    }
}

/// Colour is for a terminal whose user has not declined it (<https://no-color.org>).
fn coloured() -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !declined && !dumb
}

fn print_json(json: &serde_json::Value) -> io::Result<()> {
    print(&format!("{json:#}\n"))
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
