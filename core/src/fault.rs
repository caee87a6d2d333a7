//! Whose fault an error is. It decides what a caller does next: mend the call, distrust the peer,
//! try again later, or rebuild from what is still whole.

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The caller asked for something that cannot be done. Asking again is useless.
    Caller,
    /// The other side sent what an honest one would not.
    Peer,
    /// The machine: its disk, its network, its rights. The same call may succeed later.
    Environment,
    /// What is stored is not what was written.
    Corruption,
}

impl Fault {
    /// The word for it, fit for an error message and for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Caller => "caller",
            Fault::Peer => "peer",
            Fault::Environment => "environment",
            Fault::Corruption => "corruption",
        }
    }
}
