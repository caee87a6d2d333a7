//! How the process ends.

use anabranch::storage::Fault;
use std::process::ExitCode;

/// The table of exit codes, for `--help`. It is the only one; README points here.
pub const TABLE: &str = "\
Exit codes:
  0  done, and what was asked holds
  1  done, and it does not hold: a schema with mistakes, a change that is not
     accepted or was left out, a text that differs, a store that is damaged or
     unwell, nothing there to undo
  2  the command line is wrong
  3  an input cannot be used: no such field or entity, a file that is missing, too
     large, cut off or foreign, a store that is open elsewhere or is none
  4  the machine failed: disk, memory, rights

With --json the answer is one JSON object on standard output; a failure (2 aside) is
{\"error\": {\"fault\": ..., \"message\": ...}}.";

/// An exit code. 2 is given by the parser of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and what was asked holds.
    Yes = 0,
    /// Done, and it does not hold.
    No = 1,
    /// An input cannot be used.
    Input = 3,
    /// The machine failed.
    Environment = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Exit {
        match fault {
            Fault::Caller | Fault::Peer | Fault::Corruption => Exit::Input,
            Fault::Environment => Exit::Environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once() {
        for exit in [Exit::Yes, Exit::No, Exit::Input, Exit::Environment] {
            let line = format!("\n  {}  ", exit as u8);
            assert_eq!(TABLE.matches(&line).count(), 1, "{exit:?}");
        }
    }
}
