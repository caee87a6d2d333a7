//! The schemas that ship with the product: one for each kind of thing that workspaces usually hold.
//! A workspace adds those it wants to its schema log; nothing here is built in otherwise.

use crate::schema::{Schema, SchemaErrors};

/// One schema of the standard catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// The kind it declares.
    pub kind: &'static str,
    /// The domain it belongs to, for people who look through the list.
    pub domain: &'static str,
    /// Its text, comments included.
    pub text: &'static str,
}

impl CatalogueEntry {
    /// The schema.
    ///
    /// # Errors
    /// None: a test parses every text of the catalogue.
    pub fn parse(&self) -> Result<Schema, SchemaErrors> {
        Schema::parse(self.text)
    }
}

macro_rules! entries {
    ($($domain:literal: $($kind:literal)*;)*) => {
        &[$($(CatalogueEntry {
            kind: $kind,
            domain: $domain,
            text: include_str!(concat!("../../schemas/", $kind, ".toml")),
        }),*),*]
    };
}

/// All of them, by domain.
pub fn catalogue() -> &'static [CatalogueEntry] {
    entries! {
        "workspace": "page" "markdown" "version";
        "files": "file";
        "projects": "task" "comment";
        "connect": "email" "draft" "campaign" "contact";
        "map": "pin";
        "identity": "profile" "preferences";
        "automations": "automation";
        "events": "event" "notification";
        "search": "search";
    }
}

/// The schema of a kind, if the catalogue has it.
pub fn schema(kind: &str) -> Option<Schema> {
    let entry = catalogue().iter().find(|entry| entry.kind == kind)?;
    entry.parse().ok()
}
