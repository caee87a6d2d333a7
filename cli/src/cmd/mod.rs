//! The commands, a file each.

mod at;
mod attach;
mod conflict;
mod content;
mod demo;
mod desk;
mod doctor;
mod exchange;
mod explain;
mod gather;
mod history;
mod init;
mod inspect;
mod journal;
mod judge;
mod list;
mod record;
mod replay;
mod schema;
mod sim;
mod text;
mod version;
mod words;

use crate::answer::{Answer, Failure};
use anabranch::core::record::RecordOp;
use clap::Subcommand;
use desk::Way;

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
    /// Write text in places: bodies, and texts that merge.
    #[command(subcommand)]
    Text(text::Text),
    /// Append an entry to a log: `anabranch append 7f3a comments "Looks good"`.
    Append(gather::Append),
    /// Add elements to a set, or remove some: `anabranch tag 7f3a river --remove weir`.
    Tag(gather::Tag),
    /// Count a counter up or down.
    Incr(gather::Incr),
    /// Take a file in: its bytes into blobs, its name and version into an entity.
    Attach(attach::Attach),
    /// Write an attached file out again.
    Content(attach::Content),
    /// Show an entity.
    Get(record::One),
    /// Show an entity whole, now or as it was: `anabranch show 7f3a --at "before the review"`.
    Show(history::Show),
    /// What happened to an entity, newest first.
    History(history::History),
    /// Who wrote each field, or each run of a text.
    Blame(history::Blame),
    /// The entries of a log, newest first.
    Entries(history::Entries),
    /// Name what an entity is now, or list its versions.
    Version(version::Version),
    /// Bring an entity back to what it was, as a new change.
    Revert(version::Revert),
    /// Take this device's last edit back. It works in a later run too.
    Undo(version::Step),
    /// Do again what was undone last.
    Redo(version::Step),
    /// What was written apart and differs.
    Conflicts(conflict::Conflicts),
    /// Settle such a field: `anabranch resolve 7f3a status --pick 2`.
    Resolve(conflict::Resolve),
    /// What happened, why, and how to fix it: of a change, an entity or a topic.
    Explain(explain::Explain),
    /// List entities, with a kind and conditions or all.
    List(list::List),
    /// Delete an entity. It can be restored.
    Delete(record::One),
    /// Bring a deleted entity back.
    Restore(record::One),
    /// The journal, in the order in which things became known here.
    Log(journal::Log),
    /// Read every byte of the store once, and check it.
    Verify(journal::Verify),
    /// What a store holds: files, rows, workspaces, documents.
    Inspect(inspect::Inspect),
    /// Whether a store and what it stands on are sound, and what to do.
    Doctor(doctor::Doctor),
    /// Write what the store holds into a file, for another store to import.
    Export(exchange::Export),
    /// Take in what another store exported.
    Import(exchange::Import),
    /// Judge a change: accept, hold or refuse, and why.
    Judge(judge::Judge),
    /// Play a recorded history of typing, by replicas that judge each other or into a store.
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
            Command::Text(command) => command.run(),
            Command::Append(command) => command.run(),
            Command::Tag(command) => command.run(),
            Command::Incr(command) => command.run(),
            Command::Attach(command) => command.run(),
            Command::Content(command) => command.run(),
            Command::Get(command) => command.get(),
            Command::Show(command) => command.run(),
            Command::History(command) => command.run(),
            Command::Blame(command) => command.run(),
            Command::Entries(command) => command.run(),
            Command::Version(command) => command.run(),
            Command::Revert(command) => command.run(),
            Command::Undo(command) => command.run(Way::Undo),
            Command::Redo(command) => command.run(Way::Redo),
            Command::Conflicts(command) => command.run(),
            Command::Resolve(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Delete(command) => command.turn(&RecordOp::DeleteEntity),
            Command::Restore(command) => command.turn(&RecordOp::RestoreEntity),
            Command::Log(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Judge(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Sim(command) => command.run(),
        }
    }
}
