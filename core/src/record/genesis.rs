//! The deterministic first changes of every record.
//!
//! Two replicas that each create a nested container make two of it, and one of them is hidden with
//! all it holds. So every container is made once, by a change that is the same bytes everywhere:
//! g1 makes those of schema version 1, g2 those that version 2 brings in, and so on; each depends
//! on the one before alone. A version's first operation writes its number under a key of its own,
//! so that every genesis change holds something.

use super::FieldPath;
use crate::schema::{FieldMap, MergeRule, Part, Schema};
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ObjId, ObjType, ROOT, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use std::collections::BTreeMap;

/// The actor of every genesis change. No chain may have it.
pub const GENESIS_ACTOR: [u8; 16] = *b"anabranch:genes1";

/// The root key under which genesis notes the schema version.
pub const VERSION_KEY: &str = "~schema";

/// The genesis chain g1..=gv of one part of one kind: the same bytes on every replica.
///
/// `schemas` are the versions of one kind, the first first. A part that is no record has none.
pub fn genesis(schemas: &[&Schema], part: &str) -> Vec<Change> {
    chain(schemas, part).into_iter().map(|g| g.change).collect()
}

/// One genesis change and what each of its operations made, in order.
#[derive(Clone, Debug)]
pub(super) struct Genesis {
    pub(super) change: Change,
    pub(super) made: Vec<Made>,
}

/// What one genesis operation made, and for which field; the version's note has no field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) field: FieldPath,
    pub(super) container: Container,
}

/// What stands at a field from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Version,
    Map,
    List,
    Text,
    Counter,
}

impl Container {
    /// What a rule needs in place before anyone writes; none for registers and groups.
    pub(super) fn of(rule: &MergeRule) -> Option<Container> {
        match rule {
            MergeRule::Lww(_) | MergeRule::Group(_) | MergeRule::Keep(_) | MergeRule::Once(_) => {
                None
            }
            MergeRule::Counter => Some(Container::Counter),
            MergeRule::Set(_) | MergeRule::Map(_) | MergeRule::Open(_) => Some(Container::Map),
            MergeRule::List(_) | MergeRule::Append(_) => Some(Container::List),
            MergeRule::Text => Some(Container::Text),
        }
    }
}

/// The genesis changes with what they made. The engine refuses nothing of what is asked here; if
/// it did, the chain would end there and the gate would take no change of that version.
pub(super) fn chain(schemas: &[&Schema], part: &str) -> Vec<Genesis> {
    let mut doc = Automerge::new().with_actor(ActorId::from(GENESIS_ACTOR));
    let mut objects = BTreeMap::from([(FieldPath::new(), ROOT)]);
    let mut chain = Vec::new();
    for schema in schemas {
        // A version that does not know the part yet has its note all the same.
        let none = FieldMap::new();
        let part = schema.part(part);
        let fields = part.and_then(Part::fields).unwrap_or(&none);
        let mut made = Vec::new();
        let mut tx = doc.transaction();
        let version = ScalarValue::Int(i64::from(schema.version()));
        let written = tx.put(ROOT, VERSION_KEY, version).and_then(|()| {
            made.push(Made {
                field: FieldPath::new(),
                container: Container::Version,
            });
            make(
                &mut tx,
                fields,
                &mut FieldPath::new(),
                &mut objects,
                &mut made,
            )
        });
        tx.commit_with(CommitOptions::default().with_time(0));
        match (written, doc.get_last_local_change()) {
            (Ok(()), Some(change)) => chain.push(Genesis { change, made }),
            (Ok(()), None) | (Err(_), _) => return chain,
        }
    }
    chain
}

/// Makes the containers that no earlier version made, in the order of their names, each before
/// those inside it.
fn make(
    tx: &mut Transaction<'_>,
    fields: &FieldMap,
    at: &mut FieldPath,
    objects: &mut BTreeMap<FieldPath, ObjId>,
    made: &mut Vec<Made>,
) -> Result<(), AutomergeError> {
    let Some(parent) = objects.get(at).cloned() else {
        return Ok(());
    };
    for (name, field) in fields {
        let Some(container) = Container::of(&field.rule) else {
            continue;
        };
        at.push(name.clone());
        if !objects.contains_key(at) {
            let shape = match container {
                Container::Map => Some(ObjType::Map),
                Container::List => Some(ObjType::List),
                Container::Text => Some(ObjType::Text),
                Container::Counter | Container::Version => None,
            };
            let object = match shape {
                Some(shape) => tx.put_object(&parent, name.as_str(), shape)?,
                None => {
                    tx.put(&parent, name.as_str(), ScalarValue::counter(0))?;
                    ROOT
                }
            };
            objects.insert(at.clone(), object);
            made.push(Made {
                field: at.clone(),
                container,
            });
        }
        if let MergeRule::Map(inner) = &field.rule {
            make(tx, inner, at, objects, made)?;
        }
        at.pop();
    }
    Ok(())
}
