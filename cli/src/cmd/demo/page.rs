//! The demonstration as a page.

use super::{Shown, pair::Pair, rules::meaning, session::Session};
use crate::page::{Page, Tone};
use serde_json::{Value as Json, json};

/// What it cost.
pub(super) struct Figures {
    edits: usize,
    edits_per_second: f64,
    bundles: usize,
    bundle_bytes: u64,
    stored_bytes: u64,
}

impl Figures {
    pub fn of(pair: &Pair, session: &Session) -> Self {
        Figures {
            edits: session.edits,
            edits_per_second: session.edits as f64 / session.took.as_secs_f64().max(1e-9),
            bundles: pair.bundles,
            bundle_bytes: pair.bundle_bytes,
            stored_bytes: pair.stored_bytes(),
        }
    }

    /// Bytes on the disks of both for each edit of the session.
    fn stored_per_edit(&self) -> f64 {
        self.stored_bytes as f64 / self.edits.max(1) as f64
    }

    pub fn json(&self) -> Json {
        json!({
            "edits_per_second": self.edits_per_second,
            "bundles": self.bundles,
            "bundle_bytes": self.bundle_bytes,
            "stored_bytes_of_both": self.stored_bytes,
            "stored_bytes_per_edit_of_both": self.stored_per_edit(),
        })
    }
}

fn yes(holds: bool) -> (Tone, &'static str) {
    match holds {
        true => (Tone::Good, "yes"),
        false => (Tone::Bad, "NO"),
    }
}

const RIVER: [&str; 5] = [
    "     ana   o--o--o--o--o--o---------.        each on a disk of its own",
    "          /   typing, apart          \\",
    "     ----o                            o----  one text",
    "          \\   typing, apart          /",
    "     bo    o---o--o---o--o----------'        merged by files",
];

pub(super) fn page(shown: &Shown) -> Page {
    let mut page = Page::new().line(
        Tone::Strong,
        "1  Two people write one document at the same time, apart and together",
    );
    for line in RIVER {
        page = page.line(Tone::Plain, line);
    }
    let session = &shown.session;
    let (tone, word) = yes(session.text_matches && session.converged && session.not_accepted == 0);
    page = page
        .line(
            Tone::Plain,
            format!(
                "   {} edits, each sealed, judged on the other side and fsynced; merged {} times",
                session.edits, session.exchanges
            ),
        )
        .piece(Tone::Plain, "   both show the text that was recorded: ")
        .line(tone, word)
        .gap();
    page = task(page, shown);
    page = forgeries(page, shown);
    page = killed(page, shown);
    let figures = &shown.figures;
    let (tone, word) = yes(shown.converged);
    page.piece(Tone::Strong, "5  After all of it both stores are the same: ")
        .line(tone, word)
        .line(
            Tone::Plain,
            format!(
                "   {:.0} edits a second, {:.0} bytes on both disks together for each; {} bundles, {:.1} MB",
                figures.edits_per_second,
                figures.stored_per_edit(),
                figures.bundles,
                figures.bundle_bytes as f64 / 1e6,
            ),
        )
}

fn task(page: Page, shown: &Shown) -> Page {
    let rules = &shown.rules;
    let rows: Vec<[String; 3]> = rules
        .fields
        .iter()
        .map(|(name, value)| {
            let value = value.to_json().to_string();
            [format!("   {name}"), value, meaning(name).to_owned()]
        })
        .collect();
    let mut page = page
        .line(
            Tone::Strong,
            "2  Both edit one task apart; each field means what its schema says",
        )
        .table(&rows);
    if !rules.conflicts.is_empty() {
        let fields = rules.conflicts.join(", ");
        page = page.line(
            Tone::Plain,
            format!("   written by both, all values kept in view: {fields}"),
        );
    }
    page.line(
        Tone::Plain,
        format!(
            "   comments, an append-only log: {} of 2 are there",
            rules.comments
        ),
    )
    .line(
        Tone::Plain,
        "   an email's subject is written once; Bo tried again:",
    )
    .piece(Tone::Good, "     refused  ")
    .line(Tone::Plain, rules.once.clone())
    .gap()
}

fn forgeries(mut page: Page, shown: &Shown) -> Page {
    page = page.line(Tone::Strong, "3  A member with a valid key forges changes");
    for forged in &shown.forged {
        page = page.line(Tone::Plain, format!("   {}", forged.what));
        page = match &forged.refused {
            Some((code, reason)) => page
                .piece(Tone::Good, "     refused  ")
                .piece(Tone::Faint, code.clone())
                .line(Tone::Plain, format!("  {reason}")),
            None => page.line(Tone::Bad, "     NOT REFUSED by all alike"),
        };
    }
    let (tone, word) = yes(shown.unharmed);
    page.piece(
        Tone::Plain,
        "   the documents are as before, the same for both: ",
    )
    .line(tone, word)
    .gap()
}

fn killed(page: Page, shown: &Shown) -> Page {
    let killed = &shown.killed;
    let (tone, word) = yes(killed.found >= killed.acknowledged);
    page.line(
        Tone::Strong,
        "4  A process is killed (kill -9) while it writes",
    )
    .line(
        Tone::Plain,
        format!(
            "   {} entries were said to be durable, {} are there; opened again in {:.0} ms",
            killed.acknowledged,
            killed.found,
            killed.opened.as_secs_f64() * 1e3
        ),
    )
    .piece(Tone::Plain, "   nothing that was acknowledged is lost: ")
    .line(tone, word)
    .gap()
}
