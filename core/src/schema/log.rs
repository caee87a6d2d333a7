//! The workspace's schemas. Whoever may add to it, nobody can add a version that changes what a
//! field means: a member who ships one that turns `once` into `lww` changes nothing anywhere.

use crate::{
    id::SchemaId,
    limits,
    schema::{CompatError, Schema, compat},
};
use std::{collections::BTreeMap, sync::Arc};

/// The schemas of one workspace, by kind and version and by content address. Every kind's versions
/// are dense from 1 and each follows from the one before.
///
/// A change set that names a schema not in it is held until the schema comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaLog {
    kinds: BTreeMap<String, Vec<Arc<Schema>>>,
    by_id: BTreeMap<SchemaId, Arc<Schema>>,
}

/// Why a schema was not added. Whoever offers it is at fault, or came too early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaLogError {
    /// A version is missing between.
    #[error("{kind} version {found} cannot be added: the log has version {had}, so add {} first", .had.saturating_add(1))]
    Gap {
        /// The kind.
        kind: String,
        /// The newest version here; 0: none.
        had: u32,
        /// The version offered.
        found: u32,
    },
    /// The version is another schema already.
    #[error("{kind} version {version} is {here} already, not {offered}: give it the next version")]
    Taken {
        /// The kind.
        kind: String,
        /// The version.
        version: u32,
        /// What stands here.
        here: SchemaId,
        /// What was offered.
        offered: SchemaId,
    },
    /// The version does not follow from the one before.
    #[error("{kind} version {version} does not follow from the one before:\n{}", lines(.errors))]
    Incompatible {
        /// The kind.
        kind: String,
        /// The version offered.
        version: u32,
        /// Each place where it does not, and what to do.
        errors: Vec<CompatError>,
    },
    /// The log is full.
    #[error("the workspace has {max} schemas already: no more can be added")]
    Full {
        /// The most.
        max: usize,
    },
}

impl SchemaLogError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaLogError::Gap { .. } => "schema-log-gap",
            SchemaLogError::Taken { .. } => "schema-log-taken",
            SchemaLogError::Incompatible { .. } => "schema-log-incompatible",
            SchemaLogError::Full { .. } => "schema-log-full",
        }
    }
}

impl SchemaLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next version of a kind. Adding what is already there changes nothing.
    ///
    /// # Errors
    /// It is not the next version, or says otherwise of what the versions before say.
    pub fn add(&mut self, schema: Schema) -> Result<(), SchemaLogError> {
        if self.by_id.contains_key(&schema.id()) {
            return Ok(());
        }
        let kind = schema.kind().to_owned();
        let version = schema.version();
        let before = self.chain(&kind, u32::MAX);
        if let Some(here) = before.iter().find(|here| here.version() == version) {
            return Err(SchemaLogError::Taken {
                kind,
                version,
                here: here.id(),
                offered: schema.id(),
            });
        }
        let had = before.last().map_or(0, |last| last.version());
        if had.checked_add(1) != Some(version) {
            let found = version;
            return Err(SchemaLogError::Gap { kind, had, found });
        }
        let errors = compat::follows(&before, &schema);
        if !errors.is_empty() {
            return Err(SchemaLogError::Incompatible {
                kind,
                version,
                errors,
            });
        }
        if self.by_id.len() >= limits::SCHEMA_LOG_MAX {
            let max = limits::SCHEMA_LOG_MAX;
            return Err(SchemaLogError::Full { max });
        }
        let schema = Arc::new(schema);
        self.by_id.insert(schema.id(), Arc::clone(&schema));
        self.kinds.entry(kind).or_default().push(schema);
        Ok(())
    }

    /// The schema of a content address.
    pub fn by_id(&self, id: &SchemaId) -> Option<&Arc<Schema>> {
        self.by_id.get(id)
    }

    /// A kind's newest version.
    pub fn newest(&self, kind: &str) -> Option<&Arc<Schema>> {
        self.kinds.get(kind)?.last()
    }

    /// A kind's versions from 1 to `up_to`, or to the newest where that is lower.
    pub fn chain(&self, kind: &str, up_to: u32) -> Vec<Arc<Schema>> {
        let versions = self.kinds.get(kind).map(Vec::as_slice).unwrap_or_default();
        versions
            .iter()
            .take_while(|schema| schema.version() <= up_to)
            .cloned()
            .collect()
    }

    /// The kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// Every schema, by kind, then version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.kinds.values().flatten()
    }
}

fn lines(errors: &[CompatError]) -> String {
    let lines: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
    lines.join("\n")
}
