//! `anabranch demo`: what the product is for, seen at work on this machine with nothing installed.

mod forge;
mod kill;
mod page;
mod pair;
mod rules;
mod session;

use super::replay;
use crate::answer::{Answer, Failure};
use anabranch::{
    storage::Fault,
    trace::{self, Trace},
};
use clap::Args;
use forge::Forged;
use kill::Killed;
use page::Figures;
use pair::Pair;
use rules::Rules;
use serde_json::json;
use session::Session;
use std::path::PathBuf;

/// The recorded session: two people writing one of this repository's documents at the same time.
const SESSION: &[u8] = include_bytes!("../../../data/session.json.gz");

/// See it at work.
#[derive(Args)]
pub struct Demo {
    /// Be the process that is killed: write to this store for ever.
    #[arg(long, hide = true, requires = "log")]
    writer: Option<PathBuf>,
    /// Append to this entity's log.
    #[arg(long, hide = true)]
    log: Option<String>,
}

/// What it all came to.
struct Shown {
    session: Session,
    rules: Rules,
    forged: Vec<Forged>,
    /// Whether the forgeries changed nothing.
    unharmed: bool,
    killed: Killed,
    /// Whether both are the same after everything.
    converged: bool,
    figures: Figures,
}

impl Demo {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        if let Some((folder, log)) = self.writer.zip(self.log) {
            kill::write(&folder, &log)?;
        }
        let Trace::Concurrent(trace) = trace::parse(SESSION)? else {
            return Err(broken("the session is not one of two people"));
        };
        let mut pair = Pair::new()?;
        let session = session::play(&mut pair, &trace, &mut replay::progress())?;
        let rules = rules::play(&mut pair)?;
        let before = pair.digests()?;
        let forged = forge::play(&mut pair, rules.task)?;
        let unharmed = pair.digests()? == before;
        let (killed, mut pair) = kill::play(pair, rules.task)?;
        pair.meet()?;
        let [ana, bo] = pair.digests()?;
        let figures = Figures::of(&pair, &session);
        Ok(Shown {
            session,
            rules,
            forged,
            unharmed,
            killed,
            converged: ana == bo,
            figures,
        }
        .answer())
    }
}

impl Shown {
    fn holds(&self) -> bool {
        self.converged
            && self.session.text_matches
            && self.session.converged
            && self.session.not_accepted == 0
            && self.rules.converged
            && self.unharmed
            && self.forged.iter().all(|forged| forged.refused.is_some())
            && self.killed.found >= self.killed.acknowledged
    }

    fn answer(self) -> Answer {
        let fields = self.rules.fields.iter();
        let fields: serde_json::Map<_, _> = fields
            .map(|(name, value)| (name.clone(), value.to_json()))
            .collect();
        let forged: Vec<_> = self.forged.iter().map(Forged::json).collect();
        Answer {
            json: json!({
                "converged": self.converged && self.session.converged && self.rules.converged,
                "session": {
                    "edits": self.session.edits,
                    "exchanges": self.session.exchanges,
                    "not_accepted": self.session.not_accepted,
                    "text_matches": self.session.text_matches,
                },
                "task": {
                    "fields": fields,
                    "conflicts": self.rules.conflicts,
                    "comments": self.rules.comments,
                    "written_once": self.rules.once,
                },
                "forged": forged,
                "forgeries_changed_nothing": self.unharmed,
                "killed": {
                    "acknowledged": self.killed.acknowledged,
                    "found": self.killed.found,
                    "opened_ms": self.killed.opened.as_secs_f64() * 1e3,
                },
                "figures": self.figures.json(),
            }),
            holds: self.holds(),
            page: page::page(&self),
        }
    }
}

fn chance<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// The demonstration's own script did what it may not: a defect, or a disk that does not work.
fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        Fault::Corruption,
        anyhow::anyhow!("the demonstration failed: {error}"),
    )
}
