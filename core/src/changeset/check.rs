//! What a header alone can break. Nothing here depends on what a replica has.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{EngineKind, EnvelopeRule, Header},
    hlc::Hlc,
    id::Actor,
    limits,
    value::Value,
};

/// One past the largest Yrs client id: above it JavaScript clients lose digits.
const CLIENT_END: u64 = 1 << 53;

impl Header {
    /// Checks every rule that a header alone can break.
    ///
    /// # Errors
    /// The first rule broken, in the order of the fields.
    pub fn check(&self) -> Result<(), EnvelopeRule> {
        self.check_fields()?;
        check_length(self.canonical().len())
    }

    /// As [`Header::check`], for a header whose canonical bytes are known to keep their bound.
    pub(crate) fn check_fields(&self) -> Result<(), EnvelopeRule> {
        if !is_part_name(&self.part) {
            return Err(EnvelopeRule::PartName);
        }
        self.check_chain()?;
        self.check_deps()?;
        if self.hlc > Hlc::MAX {
            return Err(EnvelopeRule::HlcTooLarge { had: self.hlc.0 });
        }
        if self.schema_version == 0 {
            return Err(EnvelopeRule::SchemaVersionZero);
        }
        if self.rules == 0 {
            return Err(EnvelopeRule::RulesZero);
        }
        self.check_actor()?;
        self.check_routes()?;
        bound(self.payload_len as usize, self.payload_bytes_max())
            .map_err(|(had, max)| EnvelopeRule::PayloadTooLong { had, max })?;
        bound(self.extension.len(), limits::EXTENSION_BYTES_MAX)
            .map_err(|(had, max)| EnvelopeRule::ExtensionTooLong { had, max })
    }

    /// The largest payload this header may speak of: a sealed one is longer than its plaintext.
    fn payload_bytes_max(&self) -> usize {
        let added = match self.key_epoch {
            Some(_) => limits::SEALED_BYTES_ADDED_MAX,
            None => 0,
        };
        limits::PAYLOAD_BYTES_MAX.saturating_add(added)
    }

    fn check_chain(&self) -> Result<(), EnvelopeRule> {
        match (self.seq, self.prev) {
            (0, _) => Err(EnvelopeRule::SeqZero),
            (1, Some(_)) if self.chain.epoch.0 == 0 => Err(EnvelopeRule::PrevUnexpected),
            (1, _) | (_, Some(_)) => Ok(()),
            (seq, None) => Err(EnvelopeRule::PrevMissing { seq }),
        }
    }

    fn check_deps(&self) -> Result<(), EnvelopeRule> {
        bound(self.deps.len(), limits::DEPS_MAX)
            .map_err(|(had, max)| EnvelopeRule::DepsTooMany { had, max })?;
        let mut before = None;
        for (at, dep) in (0u64..).zip(&self.deps) {
            if before.is_some_and(|before| before >= dep.chain) {
                return Err(EnvelopeRule::DepsUnsorted { at });
            }
            if dep.chain == self.chain {
                return Err(EnvelopeRule::DepOnOwnChain { at });
            }
            if dep.seq == 0 {
                return Err(EnvelopeRule::DepSeqZero { at });
            }
            before = Some(dep.chain);
        }
        Ok(())
    }

    fn check_actor(&self) -> Result<(), EnvelopeRule> {
        match (self.engine, self.actor) {
            (_, None) | (EngineKind::Automerge, Some(Actor::Automerge(_))) => Ok(()),
            (EngineKind::Yrs, Some(Actor::Yrs(client))) => {
                if (1..CLIENT_END).contains(&client) {
                    Ok(())
                } else {
                    Err(EnvelopeRule::ActorRange { had: client })
                }
            }
            (EngineKind::Automerge, Some(Actor::Yrs(_)))
            | (EngineKind::Yrs, Some(Actor::Automerge(_)))
            | (EngineKind::Log, Some(_)) => Err(EnvelopeRule::ActorEngine),
        }
    }

    fn check_routes(&self) -> Result<(), EnvelopeRule> {
        bound(self.route.len(), limits::ROUTES_MAX)
            .map_err(|(had, max)| EnvelopeRule::RoutesTooMany { had, max })?;
        let mut before: Option<&str> = None;
        for (at, (name, value)) in (0u64..).zip(&self.route) {
            let plain = !name.is_empty()
                && name.len() <= limits::NAME_BYTES_MAX
                && !name.chars().any(char::is_control);
            if !plain {
                return Err(EnvelopeRule::RouteName { at });
            }
            if before.is_some_and(|before| before >= name.as_str()) {
                return Err(EnvelopeRule::RoutesUnsorted { at });
            }
            let len = match value {
                Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => {
                    0
                }
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::List(_) | Value::Map(_) => {
                    return Err(EnvelopeRule::RouteNotScalar { at });
                }
            };
            bound(len, limits::ROUTE_BYTES_MAX)
                .map_err(|(had, max)| EnvelopeRule::RouteTooLong { at, had, max })?;
            before = Some(name);
        }
        Ok(())
    }
}

/// That canonical header bytes keep their bound.
pub(crate) fn check_length(bytes: usize) -> Result<(), EnvelopeRule> {
    bound(bytes, limits::HEADER_BYTES_MAX)
        .map_err(|(had, max)| EnvelopeRule::HeaderTooLong { had, max })
}

fn bound(had: usize, max: usize) -> Result<(), (u64, u64)> {
    if had <= max {
        Ok(())
    } else {
        Err((had as u64, max as u64))
    }
}

/// Whether this can be a part's name: words of `a-z`, `0-9`, `_` and `-`, each beginning with a
/// letter, joined by single dots, at most [`limits::NAME_BYTES_MAX`] bytes.
pub fn is_part_name(name: &str) -> bool {
    name.len() <= limits::NAME_BYTES_MAX
        && name.split('.').all(|word| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
        })
}
