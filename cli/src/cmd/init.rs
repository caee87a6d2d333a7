//! `anabranch init`: a store.

use super::at::At;
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use clap::Args;
use serde_json::json;

/// Makes a store.
#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    at: At,
}

impl Init {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.make()?;
        let (workspace, user) = (desk.workspace().to_string(), desk.user().to_string());
        let device = desk.device().to_string();
        desk.close()?;
        let path = self.at.path();
        Ok(Answer {
            page: Page::new()
                .line(Tone::Good, format!("made a store in {path}"))
                .line(Tone::Faint, format!("workspace {workspace}"))
                .line(Tone::Faint, format!("device    {device}")),
            json: json!({
                "store": path, "workspace": workspace, "user": user, "device": device,
            }),
            holds: true,
        })
    }
}
