//! The first half of judging: everything that a header says, held against the control log and the
//! schema log. What passes is [`Cleared`] for the document's graph and its engine's gate.

use super::{ChainRule, Hold, Rule, Writer};
use crate::{
    changeset::{
        ChangeSet, EngineKind, Header,
        crypt::{OpenError, WorkspaceKey, decrypt},
    },
    control::{Member, Role, Standing},
    id::{Actor, EntityId, UserId, WorkspaceId, automerge_actor, yrs_client},
    schema::{Schema, SchemaLog, SchemaRule, WriterIs},
};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// What a workspace knows beside its documents. Verdicts are pure functions of it, the change set
/// and the causal past.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What the control log says.
    pub standing: &'a Standing,
    /// The schemas that are known.
    pub schemas: &'a SchemaLog,
    /// The workspace keys that are held, by key epoch.
    pub keys: &'a BTreeMap<u32, WorkspaceKey>,
}

/// Why judging ends without acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Something has not arrived.
    Hold(Hold),
    /// Refused.
    Refuse(Rule),
}

impl<R: Into<Rule>> From<R> for Stop {
    fn from(rule: R) -> Stop {
        Stop::Refuse(rule.into())
    }
}

/// A change set whose header holds.
#[derive(Debug)]
pub struct Cleared<'a> {
    /// The schema it names.
    pub schema: Arc<Schema>,
    /// Who writes its chain.
    pub writer: Writer,
    /// The engine's bytes, opened where they were sealed. None: of a log's entry that a control record
    /// erases, so nobody can ask what they were.
    pub payload: Option<Cow<'a, [u8]>>,
}

impl<'a> Grounds<'a> {
    /// Holds a header against control log and schema log. `known` is the chain's writer where the
    /// document has the chain already.
    ///
    /// # Errors
    /// What it waits for, or the rule that it breaks.
    pub fn clear<'c>(
        &self,
        change: &'c ChangeSet,
        known: Option<&Writer>,
    ) -> Result<Cleared<'c>, Stop> {
        let header = change.header();
        if header.workspace != self.workspace {
            return Err(ChainRule::Workspace.into());
        }
        if header.rules > self.standing.rules_known() {
            let known = self.standing.rules_known();
            return Err(Stop::Hold(Hold::Rules {
                wanted: header.rules,
                known,
            }));
        }
        let seen = self
            .standing
            .number_of(header.control)
            .map_err(Stop::Hold)?;
        let member =
            self.standing
                .member(&header.chain.origin, seen)
                .ok_or(ChainRule::NotAdmitted {
                    origin: header.chain.origin,
                    at: seen,
                })?;
        if member.user != header.author {
            return Err(ChainRule::Author {
                named: header.author,
                admitted: member.user,
            }
            .into());
        }
        let schema = self.schema(header, seen)?;
        schema.judge_part(&header.part, header.engine)?;
        self.may_write(
            member,
            &header.entity,
            &header.part,
            header.on_behalf_of,
            &schema,
            seen,
        )?;
        schema.judge_route(&header.part, &header.route)?;
        let writer = writer(header, member, self.standing.role(member, seen), known)?;
        Ok(Cleared {
            payload: self.payload(change)?,
            schema,
            writer,
        })
    }

    /// The schema a header names, active when its author looked.
    fn schema(&self, header: &Header, seen: u64) -> Result<Arc<Schema>, Stop> {
        let hold = || {
            Stop::Hold(Hold::Schema {
                schema: header.schema,
                version: header.schema_version,
            })
        };
        let active = self
            .standing
            .schema_active(&header.schema)
            .ok_or_else(hold)?;
        let schema = self.schemas.by_id(&header.schema).ok_or_else(hold)?;
        if active > seen {
            return Err(ChainRule::SchemaAhead { active, seen }.into());
        }
        if schema.version() != header.schema_version {
            let (named, actual) = (header.schema_version, schema.version());
            return Err(SchemaRule::VersionMismatch { named, actual }.into());
        }
        if !schema.is_of(&header.entity) {
            return Err(ChainRule::OtherKind {
                named: schema.kind().to_owned(),
            }
            .into());
        }
        Ok(Arc::clone(schema))
    }

    /// Whether a device, or the user it writes for, may write a part of an entity, as the control log
    /// stood at record `seen`.
    ///
    /// # Errors
    /// The rule that such a change set breaks.
    pub fn may_write(
        &self,
        member: &Member,
        entity: &EntityId,
        part: &str,
        on_behalf_of: Option<UserId>,
        schema: &Schema,
        seen: u64,
    ) -> Result<(), Rule> {
        let own = self.standing.role(member, seen);
        let (role, user) = match (own, on_behalf_of) {
            (Role::Server | Role::Gateway, Some(user)) => (self.standing.user(&user, seen), user),
            (Role::Gateway, None) => {
                return Err(ChainRule::OnBehalf {
                    role: own,
                    present: false,
                }
                .into());
            }
            (Role::Reader | Role::Member | Role::Owner, Some(_)) => {
                return Err(ChainRule::OnBehalf {
                    role: own,
                    present: true,
                }
                .into());
            }
            (Role::Server | Role::Reader | Role::Member | Role::Owner, None) => {
                (Some(own), member.user)
            }
        };
        let writes = matches!(role, Some(Role::Member | Role::Owner));
        let writer = WriterIs {
            member: writes,
            owner: role == Some(Role::Owner),
            creator: writes && user == entity.creator,
            server: role == Some(Role::Server),
        };
        Ok(schema.judge_writer(part, writer)?)
    }

    /// Whether a control record erases a log's entry. Its change set then counts by its header alone,
    /// so that who never had the payload agrees with who had it, whatever it was. What others built
    /// on, the changes of records and bodies, goes only when a snapshot has taken its place.
    pub fn erases(&self, change: &ChangeSet) -> bool {
        let header = change.header();
        header.engine == EngineKind::Log
            && self
                .standing
                .erases(&header.document(), header.hlc, &change.id())
    }

    /// The engine's bytes.
    fn payload<'c>(&self, change: &'c ChangeSet) -> Result<Option<Cow<'c, [u8]>>, Stop> {
        if self.erases(change) {
            return Ok(None);
        }
        let bytes = change.payload().bytes().ok_or(Stop::Hold(Hold::Payload))?;
        let Some(epoch) = change.header().key_epoch else {
            return Ok(Some(Cow::Borrowed(bytes)));
        };
        let key = self.keys.get(&epoch).ok_or(Stop::Hold(Hold::Key(epoch)))?;
        match decrypt(change, key) {
            Ok(opened) => Ok(Some(Cow::Owned(opened))),
            Err(OpenError::Refused(rule)) => Err(rule.into()),
            Err(OpenError::KeyEpoch { .. }) => Err(Stop::Hold(Hold::Key(epoch))),
            Err(OpenError::InClear | OpenError::Husk) => Err(Stop::Hold(Hold::Payload)),
        }
    }
}

/// The chain's writer: the one known, or a new one, whose actor is derived unless a gateway names
/// a foreign one.
fn writer(
    header: &Header,
    member: &Member,
    role: Role,
    known: Option<&Writer>,
) -> Result<Writer, Stop> {
    let author = header.on_behalf_of.unwrap_or(header.author);
    if header.actor.is_some() && role != Role::Gateway {
        return Err(ChainRule::ForeignActor.into());
    }
    if let Some(known) = known {
        if known.author != author {
            return Err(ChainRule::BehalfChanged.into());
        }
        if header.actor.is_some_and(|actor| actor != known.actor) {
            return Err(ChainRule::ForeignActor.into());
        }
        return Ok(known.clone());
    }
    let document = header.document();
    let derived = || match header.engine {
        EngineKind::Automerge | EngineKind::Log => {
            Actor::Automerge(automerge_actor(&header.chain, &document, &member.salt))
        }
        EngineKind::Yrs => Actor::Yrs(yrs_client(&header.chain, &document, &member.salt)),
    };
    Ok(Writer {
        chain: header.chain,
        author,
        actor: header.actor.unwrap_or_else(derived),
    })
}
