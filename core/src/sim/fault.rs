//! What can go wrong, how often it is tried, and how often it happened.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident $words:literal $per_mille:literal,)*) => {
        /// Something that goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])* $name,)*
        }

        impl Fault {
            /// All there are.
            pub const ALL: &[Fault] = &[$(Fault::$name,)*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$name => $words,)*
                }
            }

            /// How often in a thousand steps it is tried, where nobody says otherwise.
            fn usual(self) -> u32 {
                match self {
                    $(Fault::$name => $per_mille,)*
                }
            }
        }
    };
}

faults! {
    /// A message never arrives.
    MessageLost "message lost" 6,
    /// A message arrives and comes again.
    MessageTwice "message twice" 6,
    /// A message arrives before one that was sent earlier.
    MessageOvertaken "message overtaken" 8,
    /// A message is held back until almost everything else has arrived.
    MessageLate "message late" 5,
    /// A message is cut, or bits of it turn.
    MessageDamaged "message damaged" 4,
    /// No room on the disk.
    DiskFull "disk full" 4,
    /// A write fails.
    WriteFailed "write failed" 4,
    /// A sync fails, and the system takes what it did not write for written.
    SyncForgotten "sync failed and forgot" 4,
    /// A sync says yes and does nothing.
    SyncLied "sync lied" 2,
    /// A commit is carried out, and an error is answered.
    AnswerLost "answer lost" 4,
    /// The process dies before a commit.
    DiedBefore "died before a commit" 2,
    /// The power fails in a commit.
    DiedWithin "power cut in a commit" 3,
    /// Of what was not synced, a sector holds a part: counted where a power cut leaves one.
    TornWrite "torn write" 0,
    /// Of what was not synced, a later sector is there and an earlier one is not: counted likewise.
    ReorderedWrite "reordered write" 0,
    /// The process dies when a commit is carried out and nobody was told.
    DiedAfter "died after a commit" 2,
    /// The process dies at any other time.
    DiedBetween "died between commits" 1,
    /// The store cannot be read when it is opened.
    ReadFailed "read failed" 1,
    /// A bit turns in what is stored: the device fetches its workspace from a peer again.
    BitRot "bit rot" 1,
    /// A clock jumps fifty years ahead.
    ClockAhead "clock 50 years ahead" 2,
    /// A clock jumps fifty years back.
    ClockBack "clock 50 years back" 2,
    /// A store is copied, and the copy sees that it is one.
    CopyNoticed "copied store, noticed" 1,
    /// A store is copied, and the copy goes on under the same name.
    CopyUnnoticed "copied store, unnoticed" 1,
    /// A member sends a change set under a signature that is not its own.
    ForgedSignature "forged signature" 3,
    /// A member sends a header that says something else.
    BentHeader "bent header" 4,
    /// A member sends other bytes than its engine wrote.
    MutatedPayload "mutated payload" 4,
    /// A member sends two change sets in one place.
    ForkedSlot "forked place" 4,
    /// A member sends a change set from the year 1970.
    BackDated "back-dated stamp" 3,
    /// A device is admitted when others have long been at work.
    LateAdmission "late admission" 2,
    /// A device is shut out.
    Revocation "revocation" 1,
    /// The orderer refuses a change set that is everywhere.
    LateRefusal "late refusal" 1,
    /// The orderer rules a fork.
    ForkRuled "fork ruled" 2,
}

/// How often each fault is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    per_mille: BTreeMap<Fault, u32>,
}

impl Faults {
    /// Every fault, as often as a run of some hundred steps bears.
    pub fn all() -> Self {
        let usual = Fault::ALL.iter().map(|fault| (*fault, fault.usual()));
        Faults {
            per_mille: usual.collect(),
        }
    }

    /// No fault: devices that only work apart.
    pub fn none() -> Self {
        Faults {
            per_mille: BTreeMap::new(),
        }
    }

    /// Tries a fault so often in a thousand steps.
    pub fn rate(mut self, fault: Fault, per_mille: u32) -> Self {
        self.per_mille.insert(fault, per_mille);
        self
    }

    /// Whether a fault is ever tried.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.per_mille.get(&fault).is_some_and(|rate| *rate > 0)
    }

    /// The fault that a draw from 0 to 999 means.
    pub(super) fn drawn(&self, draw: usize) -> Option<Fault> {
        let mut left = draw;
        self.per_mille.iter().find_map(|(fault, rate)| {
            let rate = *rate as usize;
            let hit = left < rate;
            left = left.saturating_sub(rate);
            hit.then_some(*fault)
        })
    }
}

/// How often a fault happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// In all.
    pub total: u64,
    /// While work was in flight that it could have harmed: a commit under way, edits that no other
    /// device had, a message that held news.
    pub in_flight: u64,
}

impl Fired {
    pub(super) fn add(&mut self, in_flight: bool) {
        self.total = self.total.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(u64::from(in_flight));
    }
}
