//! Header fields as differences from what the same writer last stated.
#![deny(clippy::arithmetic_side_effects)]

use super::pool::Pools;
use crate::{
    changeset::{ControlPosition, Header},
    id::{Actor, ChangeSetId, SchemaId, UserId},
    limits,
    wire::bytes::{FormError, Reader, put_bytes, put_number, put_signed},
};

/// The fields that seldom change within a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) author: UserId,
    pub(super) on_behalf_of: Option<UserId>,
    pub(super) schema: SchemaId,
    pub(super) schema_version: u32,
    pub(super) rules: u16,
    pub(super) control: ControlPosition,
    pub(super) actor: Option<Actor>,
    pub(super) key_epoch: Option<u32>,
    pub(super) extension: Vec<u8>,
}

impl Default for Standing {
    fn default() -> Self {
        Standing {
            author: UserId([0; 16]),
            on_behalf_of: None,
            schema: SchemaId([0; 32]),
            schema_version: 1,
            rules: 1,
            control: ControlPosition::default(),
            actor: None,
            key_epoch: None,
            extension: Vec::new(),
        }
    }
}

/// Those of a change set's fields that differ, as read.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    author: Option<UserId>,
    on_behalf_of: Option<Option<UserId>>,
    schema: Option<(SchemaId, u32)>,
    rules: Option<u16>,
    control: Option<(u32, i64)>,
    actor: Option<Option<Actor>>,
    key_epoch: Option<Option<u32>>,
    extension: Option<Vec<u8>>,
    /// Belongs to this change set alone.
    pub(super) replaces: Option<ChangeSetId>,
}

const AUTHOR: u64 = 1;
const ON_BEHALF_OF: u64 = 2;
const SCHEMA: u64 = 4;
const RULES: u64 = 8;
const CONTROL: u64 = 16;
const ACTOR: u64 = 32;
const KEY_EPOCH: u64 = 64;
const EXTENSION: u64 = 128;
const REPLACES: u64 = 256;
const ALL: u64 = 511;

impl Standing {
    /// Becomes what `header` states.
    pub(super) fn take(&mut self, header: &Header) {
        self.author = header.author;
        self.on_behalf_of = header.on_behalf_of;
        self.schema = header.schema;
        self.schema_version = header.schema_version;
        self.rules = header.rules;
        self.control = header.control;
        self.actor = header.actor;
        self.key_epoch = header.key_epoch;
        if self.extends_otherwise(header) {
            self.extension.clone_from(&header.extension);
        }
    }

    /// Whether a header has another extension. Most have none, and comparing nothing with nothing
    /// by the bytes at a dangling address costs a quarter of a microsecond on some processors.
    pub(super) fn extends_otherwise(&self, header: &Header) -> bool {
        let none = self.extension.is_empty() && header.extension.is_empty();
        !none && self.extension != header.extension
    }

    /// Writes what `header` states otherwise; false where nothing was written since it is all the
    /// same.
    pub(super) fn put(&self, header: &Header, pools: &mut Pools, out: &mut Vec<u8>) -> bool {
        let schema = (self.schema, self.schema_version) != (header.schema, header.schema_version);
        let mut mask = 0;
        for (bit, differs) in [
            (AUTHOR, self.author != header.author),
            (ON_BEHALF_OF, self.on_behalf_of != header.on_behalf_of),
            (SCHEMA, schema),
            (RULES, self.rules != header.rules),
            (CONTROL, self.control != header.control),
            (ACTOR, self.actor != header.actor),
            (KEY_EPOCH, self.key_epoch != header.key_epoch),
            (EXTENSION, self.extends_otherwise(header)),
            (REPLACES, header.replaces.is_some()),
        ] {
            mask |= if differs { bit } else { 0 };
        }
        if mask == 0 {
            return false;
        }
        put_number(out, mask);
        if mask & AUTHOR != 0 {
            pools.put_short(out, header.author.0);
        }
        if mask & ON_BEHALF_OF != 0 {
            out.push(u8::from(header.on_behalf_of.is_some()));
            if let Some(user) = header.on_behalf_of {
                pools.put_short(out, user.0);
            }
        }
        if mask & SCHEMA != 0 {
            pools.put_long(out, header.schema.0);
            put_number(out, u64::from(header.schema_version));
        }
        if mask & RULES != 0 {
            put_number(out, u64::from(header.rules));
        }
        if mask & CONTROL != 0 {
            put_number(out, u64::from(header.control.epoch));
            let step = header.control.number.wrapping_sub(self.control.number);
            put_signed(out, step as i64);
        }
        if mask & ACTOR != 0 {
            match header.actor {
                None => out.push(0),
                Some(Actor::Automerge(actor)) => {
                    out.push(1);
                    out.extend_from_slice(&actor);
                }
                Some(Actor::Yrs(client)) => {
                    out.push(2);
                    put_number(out, client);
                }
            }
        }
        if mask & KEY_EPOCH != 0 {
            out.push(u8::from(header.key_epoch.is_some()));
            if let Some(epoch) = header.key_epoch {
                put_number(out, u64::from(epoch));
            }
        }
        if mask & EXTENSION != 0 {
            put_bytes(out, &header.extension);
        }
        if let Some(replaces) = header.replaces {
            out.extend_from_slice(&replaces.0);
        }
        true
    }

    /// Takes over what was read.
    pub(super) fn apply(&mut self, changes: Changes) {
        if let Some(author) = changes.author {
            self.author = author;
        }
        if let Some(on_behalf_of) = changes.on_behalf_of {
            self.on_behalf_of = on_behalf_of;
        }
        if let Some((schema, version)) = changes.schema {
            self.schema = schema;
            self.schema_version = version;
        }
        if let Some(rules) = changes.rules {
            self.rules = rules;
        }
        if let Some((epoch, step)) = changes.control {
            self.control.epoch = epoch;
            self.control.number = self.control.number.wrapping_add_signed(step);
        }
        if let Some(actor) = changes.actor {
            self.actor = actor;
        }
        if let Some(key_epoch) = changes.key_epoch {
            self.key_epoch = key_epoch;
        }
        if let Some(extension) = changes.extension {
            self.extension = extension;
        }
    }
}

impl Changes {
    pub(super) fn read(r: &mut Reader<'_>, pools: &mut Pools) -> Result<Self, FormError> {
        let mask = r.number("field mask")?;
        if mask & !ALL != 0 {
            return Err(FormError::Unknown {
                what: "field mask",
                value: mask,
            });
        }
        let mut changes = Changes::default();
        if mask & AUTHOR != 0 {
            changes.author = Some(UserId(pools.short(r, "author")?));
        }
        if mask & ON_BEHALF_OF != 0 {
            let some = flag(r, "on behalf of")?;
            let user = some.then(|| pools.short(r, "on behalf of")).transpose()?;
            changes.on_behalf_of = Some(user.map(UserId));
        }
        if mask & SCHEMA != 0 {
            let schema = SchemaId(pools.long(r, "schema")?);
            changes.schema = Some((schema, narrow(r, "schema version")?));
        }
        if mask & RULES != 0 {
            changes.rules = Some(narrow(r, "rules version")?);
        }
        if mask & CONTROL != 0 {
            changes.control = Some((narrow(r, "control epoch")?, r.signed("control number")?));
        }
        if mask & ACTOR != 0 {
            changes.actor = Some(match r.byte("actor")? {
                0 => None,
                1 => Some(Actor::Automerge(r.array("actor")?)),
                2 => Some(Actor::Yrs(r.number("actor")?)),
                value => {
                    return Err(FormError::Unknown {
                        what: "actor",
                        value: u64::from(value),
                    });
                }
            });
        }
        if mask & KEY_EPOCH != 0 {
            let some = flag(r, "key epoch")?;
            changes.key_epoch = Some(some.then(|| narrow(r, "key epoch")).transpose()?);
        }
        if mask & EXTENSION != 0 {
            changes.extension = Some(r.bytes(limits::EXTENSION_BYTES_MAX, "extension")?.to_vec());
        }
        if mask & REPLACES != 0 {
            changes.replaces = Some(ChangeSetId(r.array("replaces")?));
        }
        Ok(changes)
    }
}

/// A byte that is 0 or 1.
pub(super) fn flag(r: &mut Reader<'_>, what: &'static str) -> Result<bool, FormError> {
    match r.byte(what)? {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(FormError::Unknown {
            what,
            value: u64::from(value),
        }),
    }
}

/// A number that fits its field.
pub(super) fn narrow<T: TryFrom<u64>>(
    r: &mut Reader<'_>,
    what: &'static str,
) -> Result<T, FormError> {
    T::try_from(r.number(what)?).map_err(|_| FormError::Range { what })
}
