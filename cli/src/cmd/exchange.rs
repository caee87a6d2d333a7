//! `anabranch export`, `import`: two stores merge through a file.

use super::{BUNDLE_BYTES_MAX, at::At};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::document::State,
    storage::{bounded, whole},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Writes everything that the store holds of its workspace into a file.
#[derive(Args)]
pub struct Export {
    /// The file.
    file: PathBuf,
    /// Replace a file of that name.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    at: At,
}

/// Takes in what another store exported.
#[derive(Args)]
pub struct Import {
    /// The file.
    file: PathBuf,
    /// Take in a workspace that is not here yet, beside the store's own.
    #[arg(long)]
    foreign: bool,
    #[command(flatten)]
    at: At,
}

impl Export {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let bundle = desk.bundle()?;
        desk.close()?;
        let written = match self.replace {
            true => whole::replace(&self.file, &bundle),
            false => whole::create(&self.file, &bundle),
        };
        written.map_err(|error| Failure::new(error.fault(), error))?;
        let (file, bytes) = (self.file.display().to_string(), bundle.len());
        Ok(Answer {
            page: Page::new().line(Tone::Good, format!("wrote {file}: {bytes} bytes")),
            json: json!({ "file": file, "bytes": bytes }),
            holds: true,
        })
    }
}

impl Import {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        let bytes = bounded::read(&self.file, BUNDLE_BYTES_MAX)?;
        let imported = desk.import(&self.file.display().to_string(), &bytes, self.foreign)?;
        let home = imported.workspace == desk.workspace();
        desk.close()?;
        let counted = |wanted: fn(&State) -> bool| {
            let arrivals = imported.intake.arrivals.iter();
            arrivals.filter(|arrival| wanted(&arrival.state)).count()
        };
        let effective = counted(|state| *state == State::Effective);
        let held = counted(|state| matches!(state, State::Held(_)));
        let aside = imported.intake.arrivals.len() - effective - held;
        let forged = imported.forged.len();
        let rows = [
            ("count", effective),
            ("wait for others", held),
            ("do not count", aside),
            ("forged, left out", forged),
            (
                "unreadable, left out",
                imported.broken.len() + imported.strange,
            ),
        ]
        .map(|(name, number)| [name.to_owned(), number.to_string()]);
        let page = Page::new().line(Tone::Strong, "change sets").table(&rows);
        let page = match home {
            true => page,
            false => page.line(
                Tone::Bad,
                "they are of another workspace: this store keeps it, but does not write in it",
            ),
        };
        Ok(Answer {
            page,
            json: json!({
                "workspace": imported.workspace.to_string(),
                "effective": effective,
                "held": held,
                "aside": aside,
                "forged": forged,
                "broken": imported.broken.len() + imported.strange,
            }),
            holds: forged == 0 && imported.broken.is_empty() && imported.strange == 0,
        })
    }
}
