//! How a version may fail to follow from the one before, and what to do.

/// One way in which a version does not follow from the one before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct CompatError {
    /// The place in the new version: `record.fields.title`.
    pub path: String,
    /// What may not be.
    pub fault: CompatFault,
}

/// What a version may not do to the one before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompatFault {
    /// A part is gone.
    #[error("the part is gone, but its documents are not: keep it, even if nothing writes it")]
    PartGone,
    /// A part is held by something else, or its body is laid out otherwise.
    #[error("the part's engine, layout and root are fixed: declare a new part beside it")]
    PartShape,
    /// A part is open to others.
    #[error("authority may become `server` or leave `member`, not go from `{before}` to `{after}`")]
    Authority {
        /// In the version before.
        before: &'static str,
        /// Here.
        after: &'static str,
    },
    /// A part goes elsewhere.
    #[error("residency is fixed, `{before}`: what was sent cannot be called back; add a new part")]
    Residency {
        /// In the version before.
        before: &'static str,
    },
    /// A field is gone and nothing takes over from it.
    #[error("the field is gone: keep it, or name the field that takes over under [lens.rename]")]
    FieldGone,
    /// A new field says that it is old.
    #[error("the field is new in version {version}: write since = {version}")]
    SinceNew {
        /// The version added.
        version: u32,
    },
    /// An old field says another `since` than before.
    #[error("the field has been there since version {before}: write since = {before}")]
    SinceOld {
        /// What the version before says.
        before: u32,
    },
    /// A field means something else.
    #[error(
        "the rule was {before} and is {after}: what a field means never changes; add a new field"
    )]
    RuleChanged {
        /// In the version before.
        before: &'static str,
        /// Here.
        after: &'static str,
    },
    /// A field holds fewer values, or others.
    #[error("the type is narrower than before or another: types only widen; add a new field")]
    TypeNarrowed,
    /// An entry lost a field.
    #[error("the entry's field is gone, but entries that have it are not: keep it")]
    EntryFieldGone,
    /// An entry needs a field that old entries lack.
    #[error("the field becomes required, but old entries may lack it: leave it optional")]
    RequiredGrew,
    /// A rename from a field that the version before does not have.
    #[error("version {before} has no field of this name to rename{}", did_you_mean(.nearest))]
    RenameUnknown {
        /// The version before.
        before: u32,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A rename onto a field that was already there.
    #[error("the new name was a field before: two meanings would meet in it; choose another name")]
    RenameOntoOld,
    /// A name that an older version used for what has another name now.
    #[error("version {version} renamed the field of this name: old documents still have it there")]
    NameRetired {
        /// The version that renamed it.
        version: u32,
    },
}

impl CompatFault {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            CompatFault::PartGone => "schema-compat-part-gone",
            CompatFault::PartShape => "schema-compat-part-shape",
            CompatFault::Authority { .. } => "schema-compat-authority",
            CompatFault::Residency { .. } => "schema-compat-residency",
            CompatFault::FieldGone => "schema-compat-field-gone",
            CompatFault::SinceNew { .. } => "schema-compat-since-new",
            CompatFault::SinceOld { .. } => "schema-compat-since-old",
            CompatFault::RuleChanged { .. } => "schema-compat-rule-changed",
            CompatFault::TypeNarrowed => "schema-compat-type-narrowed",
            CompatFault::EntryFieldGone => "schema-compat-entry-field-gone",
            CompatFault::RequiredGrew => "schema-compat-required-grew",
            CompatFault::RenameUnknown { .. } => "schema-compat-rename-unknown",
            CompatFault::RenameOntoOld => "schema-compat-rename-onto-old",
            CompatFault::NameRetired { .. } => "schema-compat-name-retired",
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!(": did you mean `{name}`?"),
        None => ": remove the lens".to_owned(),
    }
}
