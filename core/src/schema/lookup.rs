//! Questions that gates and authors ask of a schema.

use crate::{
    changeset::EngineKind,
    id::EntityId,
    limits,
    schema::{
        Authority, Field, FieldMap, MergeRule, Part, PartShape, Residency, Schema, SchemaRule,
        check::nearest_of, cut,
    },
    value::Value,
};

impl Part {
    /// What holds it.
    pub fn engine(&self) -> EngineKind {
        match self.shape {
            PartShape::Record(_) => EngineKind::Automerge,
            PartShape::Body(_) => EngineKind::Yrs,
            PartShape::Log(_) => EngineKind::Log,
        }
    }

    /// Its fields, if it is a record.
    pub fn fields(&self) -> Option<&FieldMap> {
        match &self.shape {
            PartShape::Record(fields) => Some(fields),
            PartShape::Body(_) | PartShape::Log(_) => None,
        }
    }
}

impl Authority {
    /// Whether a part of this authority accepts the change sets of a writer who is these things.
    /// Any of them may be true at once; a server writes everything but what a person's own
    /// authority guards, unless it writes on that person's behalf and is judged as them.
    pub fn allows(self, writer: WriterIs) -> bool {
        match self {
            Authority::Member => writer.member || writer.owner || writer.server,
            Authority::Owner => writer.owner,
            Authority::Creator => writer.creator,
            Authority::Server => writer.server,
        }
    }
}

/// What the writer of a change set is, as the control log and the entity's id say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterIs {
    /// A member who may write.
    pub member: bool,
    /// An owner of the workspace.
    pub owner: bool,
    /// The user who created the entity.
    pub creator: bool,
    /// An origin certified as a server, writing for itself.
    pub server: bool,
}

impl Schema {
    /// Whether an entity is of its kind.
    pub fn is_of(&self, entity: &EntityId) -> bool {
        entity.nonce.starts_with(&self.tag.0)
    }

    /// The part that a change set names, if change sets can be made for it under that engine.
    ///
    /// # Errors
    /// The part is unknown or local, or held by another engine.
    pub fn judge_part(&self, part: &str, engine: EngineKind) -> Result<&Part, SchemaRule> {
        let declared = self.part(part).ok_or_else(|| SchemaRule::UnknownPart {
            kind: self.kind().to_owned(),
            version: self.version(),
            part: cut(part),
        })?;
        if declared.residency == Residency::Local {
            let part = part.to_owned();
            return Err(SchemaRule::PartLocal { part });
        }
        if declared.engine() != engine {
            return Err(SchemaRule::WrongEngine {
                part: part.to_owned(),
                declared: declared.engine(),
                named: engine,
            });
        }
        Ok(declared)
    }

    /// Whether a writer may write a part.
    ///
    /// # Errors
    /// The part is unknown, for servers alone, or accepts other writers.
    pub fn judge_writer(&self, part: &str, writer: WriterIs) -> Result<(), SchemaRule> {
        let declared = self.part(part).ok_or_else(|| SchemaRule::UnknownPart {
            kind: self.kind().to_owned(),
            version: self.version(),
            part: cut(part),
        })?;
        if declared.residency == Residency::ServerOnly && !writer.server {
            let part = part.to_owned();
            return Err(SchemaRule::PartServerOnly { part });
        }
        if declared.authority.allows(writer) {
            Ok(())
        } else {
            Err(SchemaRule::NotAuthorised {
                part: part.to_owned(),
                authority: declared.authority,
            })
        }
    }

    /// Whether the header's route values are declared, in order and of their fields' types. Null
    /// stands for a register that the change empties.
    ///
    /// # Errors
    /// The first value that is not.
    pub fn judge_route(&self, part: &str, route: &[(String, Value)]) -> Result<(), SchemaRule> {
        if route.is_empty() {
            return Ok(());
        }
        if part != "record" {
            return Err(SchemaRule::RouteOnPart { part: cut(part) });
        }
        let rising = |pair: &[(String, Value)]| match pair {
            [(a, _), (b, _)] => a < b,
            _ => true,
        };
        if !route.windows(2).all(rising) {
            return Err(SchemaRule::RouteOrder);
        }
        for (name, value) in route {
            let path = std::slice::from_ref(name);
            let declared = self
                .field(part, path)
                .filter(|_| self.spec.route.contains(name))
                .ok_or_else(|| SchemaRule::RouteUndeclared { field: cut(name) })?;
            declared.rule.check(value).map_err(|rule| rule.at(path))?;
        }
        Ok(())
    }

    /// A field of a record part by its path: its name, or the names of the maps around it and its
    /// own. Keys of groups, open maps and sets are no fields.
    pub fn field(&self, part: &str, path: &[String]) -> Option<&Field> {
        let (last, around) = path.split_last()?;
        if path.len() > limits::SCHEMA_DEPTH_MAX {
            return None;
        }
        let mut fields = self.part(part)?.fields()?;
        for name in around {
            fields = match &fields.get(name)?.rule {
                MergeRule::Map(within) => within,
                MergeRule::Lww(_)
                | MergeRule::Group(_)
                | MergeRule::Keep(_)
                | MergeRule::Once(_)
                | MergeRule::Counter
                | MergeRule::Set(_)
                | MergeRule::List(_)
                | MergeRule::Append(_)
                | MergeRule::Text
                | MergeRule::Open(_) => return None,
            };
        }
        fields.get(last)
    }

    /// For an author who misspelt a field: the field of the same map that was probably meant.
    pub fn nearest_field(&self, part: &str, path: &[String]) -> Option<String> {
        let (last, around) = path.split_last()?;
        let siblings = if around.is_empty() {
            self.part(part)?.fields()?
        } else {
            match &self.field(part, around)?.rule {
                MergeRule::Map(within) => within,
                MergeRule::Lww(_)
                | MergeRule::Group(_)
                | MergeRule::Keep(_)
                | MergeRule::Once(_)
                | MergeRule::Counter
                | MergeRule::Set(_)
                | MergeRule::List(_)
                | MergeRule::Append(_)
                | MergeRule::Text
                | MergeRule::Open(_) => return None,
            }
        };
        nearest_of(last, siblings.keys())
    }

    /// For an author who misspelt a part: the one that was probably meant.
    pub fn nearest_part(&self, part: &str) -> Option<String> {
        nearest_of(part, self.spec.parts.keys())
    }
}
