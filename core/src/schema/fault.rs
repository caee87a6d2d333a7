//! What can be wrong with a schema, and how to mend it.

use crate::{limits, schema::ValueRule};

/// What can be wrong with a schema, whether it came as text or as bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    /// More than anyone reads.
    #[error("{bytes} bytes are too many: a schema has at most {bytes_max}; split the kind in two")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        bytes_max: usize,
    },
    /// Not TOML.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// Declared twice.
    #[error("this stands here a second time: remove one of the two, or give it another name")]
    Duplicate,
    /// A key that means nothing here.
    #[error("there is no such key here{}; known: {}", did_you_mean(.nearest), .known.join(", "))]
    UnknownKey {
        /// What was probably meant.
        nearest: Option<&'static str>,
        /// All keys that mean something here.
        known: &'static [&'static str],
    },
    /// A field was put where settings stand.
    #[error("fields stand in a table of their own: move this to [{table}.fields]")]
    FieldOutsideFields {
        /// The table it stands in.
        table: String,
    },
    /// A word that means nothing here.
    #[error("`{word}` means nothing here{}; known: {}", did_you_mean(.nearest), .known.join(", "))]
    UnknownWord {
        /// The word.
        word: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
        /// All words that mean something here.
        known: &'static [&'static str],
    },
    /// A value of another type.
    #[error("this is {found}, but {wanted} is wanted")]
    WrongType {
        /// What belongs here.
        wanted: &'static str,
        /// What stands here.
        found: &'static str,
    },
    /// Something that must be said is not.
    #[error("`{key}` is missing: write {example}")]
    Missing {
        /// The key.
        key: &'static str,
        /// How it could look.
        example: &'static str,
    },
    /// A setting that this rule or type has no use for.
    #[error("`{key}` says nothing of {of}: remove it")]
    NotNeeded {
        /// The key.
        key: &'static str,
        /// The rule or type.
        of: &'static str,
    },
    /// A name that is not one.
    #[error(
        "a name is lower-case letters, digits and _, begins with a letter and has at most {} bytes{}",
        limits::NAME_BYTES_MAX, suggest(.suggestion)
    )]
    BadName {
        /// A name like it that would do.
        suggestion: Option<String>,
    },
    /// A name that is taken.
    #[error("names beginning with ~ are reserved, `~life` holds the entity's life: choose another")]
    ReservedName,
    /// A line, word or root name that cannot stand.
    #[error("it must have 1 to {bytes_max} bytes and no control characters; it has {bytes}")]
    BadWord {
        /// Its length.
        bytes: usize,
        /// The most.
        bytes_max: usize,
    },
    /// A number outside its bounds.
    #[error("{found} is out of bounds: write {min} to {max}")]
    OutOfRange {
        /// What stands here.
        found: i64,
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// `min` above `max`.
    #[error("min {min} lies above max {max}: no number fits; swap them")]
    BoundsCrossed {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// Too many of something.
    #[error("{count} {what} are too many: at most {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The most.
        max: usize,
    },
    /// Maps within maps within maps.
    #[error("maps are nested deeper than {max}: flatten some, or make them an entity of their own")]
    TooDeep {
        /// The deepest.
        max: usize,
    },
    /// Nothing inside.
    #[error("it is empty: declare at least one {what}")]
    Empty {
        /// One of what.
        what: &'static str,
    },
    /// A type that the rule cannot hold.
    #[error("a {rule} cannot hold {found}: {allowed}")]
    TypeForRule {
        /// The rule.
        rule: &'static str,
        /// The type it was given.
        found: &'static str,
        /// What it can hold.
        allowed: &'static str,
    },
    /// A container where only single values may stand.
    #[error("a {holder} is written as one and holds single values, no {found}: use rule = \"map\"")]
    Container {
        /// The group or entry.
        holder: &'static str,
        /// What was put into it.
        found: &'static str,
    },
    /// A `since` that cannot be.
    #[error("since {since} cannot be: write {min} to {max}, the version that brought the field in")]
    Since {
        /// What it says.
        since: u32,
        /// The version of what holds it.
        min: u32,
        /// The schema's version.
        max: u32,
    },
    /// A route that names no field.
    #[error("route names `{field}`, which is no field of the record{}", did_you_mean_text(.nearest))]
    RouteUnknown {
        /// The name.
        field: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A route over a field that has no single small value.
    #[error("route names `{field}`, a {rule}: only lww, once and keep fields can be routed by")]
    RouteRule {
        /// The field.
        field: String,
        /// Its rule.
        rule: &'static str,
    },
    /// A route over a field whose values do not fit a header.
    #[error(
        "route names `{field}`, whose values do not fit a header: give it max = {max} or less, a \
         number, a choice or an entity"
    )]
    RouteTooLong {
        /// The field.
        field: String,
        /// The largest `max` that fits.
        max: u32,
    },
    /// A route over a record that no relay sees.
    #[error("route speaks to relays, but the record is not synced: remove route or the residency")]
    RouteUnseen,
    /// A part that no device holds, open to devices.
    #[error("no device holds a server_only part, so none can write it: say authority = \"server\"")]
    ServerOnlyAuthority,
    /// A part that no server sees, written by servers.
    #[error("a local part never leaves its device, so no other can write it: remove authority")]
    LocalAuthority,
    /// Retention without anything to prune.
    #[error("retention_days speaks of logs and there is none: remove it, or add [log.NAME]")]
    RetentionWithoutLog,
    /// A lens in the first version.
    #[error("version 1 has no version before it: remove the rename")]
    RenameInFirstVersion,
    /// A lens that names no field.
    #[error("the lens names `{field}`, which is no field of the record{}", did_you_mean_text(.nearest))]
    LensUnknown {
        /// The name.
        field: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A field renamed and still there.
    #[error("`{field}` is renamed, yet still a field here: remove one of the two")]
    RenamedStillThere {
        /// The old name.
        field: String,
    },
    /// A renamed field with another `since`.
    #[error(
        "a rename stands in the version that makes it: remove it if an older one did, else write \
         since = {version} in `{field}`"
    )]
    RenamedSince {
        /// The new name.
        field: String,
        /// This version.
        version: u32,
    },
    /// A field that a lens speaks of twice.
    #[error("two lenses speak of `{field}`: one name has one meaning, remove one of them")]
    LensTwice {
        /// The name.
        field: String,
    },
    /// A rule whose old and new container cannot be read as one.
    #[error(
        "a {rule} cannot be renamed: two containers of it cannot be read as one; add a new field \
         and keep the old one"
    )]
    RenameRule {
        /// The rule.
        rule: &'static str,
    },
    /// A default for something that has no single value.
    #[error("a {rule} begins empty and takes no default: only lww, once, keep and group do")]
    DefaultRule {
        /// The rule.
        rule: &'static str,
    },
    /// A default that the field's type does not allow.
    #[error("this default does not fit its field: {0}")]
    DefaultValue(ValueRule),
    /// A required field that the entry lacks.
    #[error("`{field}` is required, but no field of the entry{}", did_you_mean_text(.nearest))]
    RequiredUnknown {
        /// The name.
        field: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A list whose order or repetition says nothing is not in canonical order.
    #[error("the list is not in canonical order without repetition: encode the schema anew")]
    NotCanonicalOrder,
}

impl SchemaFault {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaFault::TooLarge { .. } => "schema-too-large",
            SchemaFault::Syntax(_) => "schema-syntax",
            SchemaFault::Duplicate => "schema-duplicate",
            SchemaFault::UnknownKey { .. } => "schema-unknown-key",
            SchemaFault::FieldOutsideFields { .. } => "schema-field-outside-fields",
            SchemaFault::UnknownWord { .. } => "schema-unknown-word",
            SchemaFault::WrongType { .. } => "schema-wrong-type",
            SchemaFault::Missing { .. } => "schema-missing",
            SchemaFault::NotNeeded { .. } => "schema-not-needed",
            SchemaFault::BadName { .. } => "schema-bad-name",
            SchemaFault::ReservedName => "schema-reserved-name",
            SchemaFault::BadWord { .. } => "schema-bad-word",
            SchemaFault::OutOfRange { .. } => "schema-out-of-range",
            SchemaFault::BoundsCrossed { .. } => "schema-bounds-crossed",
            SchemaFault::TooMany { .. } => "schema-too-many",
            SchemaFault::TooDeep { .. } => "schema-too-deep",
            SchemaFault::Empty { .. } => "schema-empty",
            SchemaFault::TypeForRule { .. } => "schema-type-for-rule",
            SchemaFault::Container { .. } => "schema-container",
            SchemaFault::Since { .. } => "schema-since",
            SchemaFault::RouteUnknown { .. } => "schema-route-unknown",
            SchemaFault::RouteRule { .. } => "schema-route-rule",
            SchemaFault::RouteTooLong { .. } => "schema-route-too-long",
            SchemaFault::RouteUnseen => "schema-route-unseen",
            SchemaFault::ServerOnlyAuthority => "schema-server-only-authority",
            SchemaFault::LocalAuthority => "schema-local-authority",
            SchemaFault::RetentionWithoutLog => "schema-retention-without-log",
            SchemaFault::RenameInFirstVersion => "schema-rename-in-first-version",
            SchemaFault::LensUnknown { .. } => "schema-lens-unknown",
            SchemaFault::RenamedStillThere { .. } => "schema-renamed-still-there",
            SchemaFault::RenamedSince { .. } => "schema-renamed-since",
            SchemaFault::LensTwice { .. } => "schema-lens-twice",
            SchemaFault::RenameRule { .. } => "schema-rename-rule",
            SchemaFault::DefaultRule { .. } => "schema-default-rule",
            SchemaFault::DefaultValue(_) => "schema-default-value",
            SchemaFault::RequiredUnknown { .. } => "schema-required-unknown",
            SchemaFault::NotCanonicalOrder => "schema-not-canonical-order",
        }
    }
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(word) => format!(", did you mean `{word}`?"),
        None => String::new(),
    }
}

fn did_you_mean_text(nearest: &Option<String>) -> String {
    match nearest {
        Some(word) => format!(": did you mean `{word}`?"),
        None => ": declare it, or remove it here".to_owned(),
    }
}

fn suggest(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!(": `{name}` would do"),
        None => String::new(),
    }
}
