//! The commands, a file each.

mod demo;
mod judge;
mod replay;
mod schema;

use crate::answer::{Answer, Failure};
use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand)]
pub enum Command {
    /// See it at work: replicas apart and together, a task both edited, a forged change refused.
    Demo(demo::Demo),
    /// Judge a change: accept, hold or refuse, and why.
    Judge(judge::Judge),
    /// Play a recorded history of typing.
    Replay(replay::Replay),
    /// Look at the schemas that ship with Anabranch, and check your own.
    #[command(subcommand)]
    Schema(schema::Schema),
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<Answer, Failure> {
        match self {
            Command::Demo(command) => command.run(),
            Command::Judge(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Schema(command) => command.run(),
        }
    }
}
