//! The commands, a file each.

mod at;
mod demo;
mod exchange;
mod init;
mod judge;
mod list;
mod record;
mod replay;
mod schema;
mod sim;

use crate::answer::{Answer, Failure};
use anabranch::core::record::RecordOp;
use clap::Subcommand;

/// Largest bundle that is read.
const BUNDLE_BYTES_MAX: usize = 1 << 30;

/// What can be asked.
#[derive(Subcommand)]
pub enum Command {
    /// See it at work: replicas apart and together, a task both edited, a forged change refused.
    Demo(demo::Demo),
    /// Make a store: a folder with this device's key and a workspace.
    Init(init::Init),
    /// Make an entity: `anabranch new task title="Mend the weir"`.
    New(record::New),
    /// Write fields of an entity: `anabranch set 7f3a status=doing`.
    Set(record::Set),
    /// Show an entity.
    Get(record::One),
    /// List entities, with a kind and conditions or all.
    List(list::List),
    /// Delete an entity. It can be restored.
    Delete(record::One),
    /// Bring a deleted entity back.
    Restore(record::One),
    /// Write what the store holds into a file, for another store to import.
    Export(exchange::Export),
    /// Take in what another store exported.
    Import(exchange::Import),
    /// Judge a change: accept, hold or refuse, and why.
    Judge(judge::Judge),
    /// Play a recorded history of typing.
    Replay(replay::Replay),
    /// Look at the schemas that ship with Anabranch, and check your own.
    #[command(subcommand)]
    Schema(schema::Schema),
    /// See whether a schema holds when everything goes wrong: crashes, lost messages, bad disks.
    Sim(sim::Sim),
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<Answer, Failure> {
        match self {
            Command::Demo(command) => command.run(),
            Command::Init(command) => command.run(),
            Command::New(command) => command.run(),
            Command::Set(command) => command.run(),
            Command::Get(command) => command.get(),
            Command::List(command) => command.run(),
            Command::Delete(command) => command.turn(&RecordOp::DeleteEntity),
            Command::Restore(command) => command.turn(&RecordOp::RestoreEntity),
            Command::Export(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Judge(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Sim(command) => command.run(),
        }
    }
}
