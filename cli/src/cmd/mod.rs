//! The commands, a file each.

mod schema;

use crate::answer::{Answer, Failure};
use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand)]
pub enum Command {
    /// Look at the schemas that ship with Anabranch, and check your own.
    #[command(subcommand)]
    Schema(schema::Schema),
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<Answer, Failure> {
        match self {
            Command::Schema(command) => command.run(),
        }
    }
}
