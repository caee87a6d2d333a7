//! How an entity was at a point of its history, names for points, and the way back to one.

use super::{Change, Desk};
use crate::cmd::at::DeskError;
use anabranch::core::{
    body::BodyView,
    causal::{Graph, Past, Since},
    document::{Document, EngineDoc, State},
    hlc::Hlc,
    id::{ChainIdx, ChangeSetId, EntityId},
    judge::Grounds,
    record::{RecordOp, RecordView, unnumbered},
    replica::Replica,
    schema::Schema,
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// A point in an entity's history.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its newest stamp.
    pub stamp: Hlc,
    pasts: BTreeMap<String, Past>,
}

impl Desk {
    /// The point in an entity's history that words name: a version's name, a change set's id or its
    /// beginning, a time.
    pub fn point(&self, entity: &EntityId, words: &str) -> Result<Point, DeskError> {
        let versions = self.versions(entity).into_iter();
        if let Some((.., heads)) = versions.rev().find(|(_, view, _)| name_of(view) == words) {
            let missing = |missing| DeskError::Incomplete {
                name: words.to_owned(),
                missing,
            };
            let point = self.look_at(entity, |replica| at_heads(replica, entity, &heads));
            return point.unwrap_or(Err(heads.len())).map_err(missing);
        }
        let hexadecimal = words.len() >= 4 && words.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal {
            let mut named = self.changes(entity, None, 0);
            named.retain(|change| {
                change.state == State::Effective && change.id.to_string().starts_with(words)
            });
            match (named.len(), named.pop()) {
                (1, Some(change)) => {
                    let point = self.look_at(entity, |replica| at_change(replica, entity, &change));
                    return point.ok_or(DeskError::Empty);
                }
                (0, _) => {}
                (count, _) => {
                    let words = words.to_owned();
                    return Err(DeskError::Ambiguous { words, count });
                }
            }
        }
        let time = time(words).ok_or_else(|| DeskError::Point {
            words: words.to_owned(),
        })?;
        let stamp = Hlc::new(time, u16::MAX);
        let point = self.look_at(entity, |replica| Point {
            stamp,
            pasts: pasts(replica, entity, |document| up_to(document.graph(), stamp)),
        });
        point.ok_or(DeskError::Empty)
    }

    /// A record as it was at a point.
    pub fn record_at(&self, entity: &EntityId, point: &Point) -> RecordView {
        let past = point.past("record");
        let view = self.part(entity, "record", |document| match document.engine() {
            EngineDoc::Record(record) => Some(record.project_at(&past, &unnumbered)),
            EngineDoc::Body(_) | EngineDoc::Log(_) => None,
        });
        view.unwrap_or_default()
    }

    /// A body as it was at a point; none where nobody had written it.
    pub fn body_at(&self, entity: &EntityId, part: &str, point: &Point) -> Option<BodyView> {
        let past = point.past(part);
        let view = self.look_at(entity, |replica| {
            let document = replica.document(entity, part)?;
            let keys = BTreeMap::new();
            let grounds = Grounds {
                workspace: replica.workspace(),
                standing: replica.standing(),
                schemas: replica.schemas(),
                keys: &keys,
            };
            let then = document.at(&past, &grounds)?;
            match (past.count(), then.engine()) {
                (1.., EngineDoc::Body(body)) => Some(body.content()),
                _ => None,
            }
        });
        view.flatten()
    }

    /// How many entries a log had at a point; now, where none is given.
    pub fn entries_at(&self, entity: &EntityId, log: &str, point: Option<&Point>) -> u64 {
        let count = self.part(entity, log, |document| {
            let past = match point {
                Some(point) => point.past(log),
                None => document.graph().present().clone(),
            };
            Some(past.count())
        });
        count.unwrap_or(0)
    }

    /// Brings every part but logs back to what it showed at a point; answers which changed.
    pub fn revert(
        &self,
        entity: EntityId,
        schema: &Schema,
        point: &Point,
    ) -> Result<Vec<String>, DeskError> {
        let mut reverted = Vec::new();
        for part in schema.spec().parts.keys() {
            let is_same = match part.as_str() {
                "record" => self.shows_as_at(&entity, point),
                part => match (self.body(&entity, part), self.body_at(&entity, part, point)) {
                    (Some(now), Some(then)) => now == then,
                    (Some(now), None) => now.plain_text().is_empty(),
                    (None, _) => true,
                },
            };
            if !is_same {
                let (past, by) = (point.past(part), None);
                let place = (schema.kind(), entity, part.as_str());
                self.take_back(place, super::EDITS, &Since { past, by })?;
                reverted.push(part.clone());
            }
        }
        Ok(reverted)
    }

    fn shows_as_at(&self, entity: &EntityId, point: &Point) -> bool {
        let (now, then) = (self.record(entity), self.record_at(entity, point));
        now.fields == then.fields && now.life.is_alive() == then.life.is_alive()
    }

    /// The named versions of an entity, oldest first.
    pub fn versions(&self, entity: &EntityId) -> Vec<(EntityId, RecordView, Vec<ChangeSetId>)> {
        let of = Value::Text(entity.to_string());
        let mut versions: Vec<_> = self
            .records()
            .into_iter()
            .filter(|(_, kind, view)| {
                kind == VERSION && view.life.is_alive() && view.get(&["of"]) == Some(&of)
            })
            .map(|(id, _, view)| {
                let heads = match view.get(&["heads"]) {
                    Some(Value::Bytes(bytes)) => heads_in(bytes),
                    _ => Vec::new(),
                };
                (id, view, heads)
            })
            .collect();
        versions
            .sort_by_key(|(id, view, _)| (view.written.get(&vec!["of".to_owned()]).copied(), *id));
        versions
    }

    /// Names what an entity is now.
    pub fn name_version(&self, entity: &EntityId, name: &str) -> Result<EntityId, DeskError> {
        if self
            .versions(entity)
            .iter()
            .any(|(_, view, _)| name_of(view) == name)
        {
            let name = name.to_owned();
            return Err(DeskError::Taken { name });
        }
        let heads = self.look_at(entity, |replica| {
            let documents = replica.documents().filter(|one| one.entity() == entity);
            let heads = documents.flat_map(|one| {
                let graph = one.graph();
                let heads = graph.heads().collect::<Vec<_>>().into_iter();
                heads.filter_map(|(chain, seq)| Some(graph.node(chain, seq)?.id.0))
            });
            heads.collect::<Vec<_>>().concat()
        });
        let put = |field: &str, value: Value| RecordOp::Put {
            field: vec![field.to_owned()],
            value,
        };
        let ops = [
            put("of", Value::Text(entity.to_string())),
            put("name", Value::Text(name.to_owned())),
            put("heads", Value::Bytes(heads.unwrap_or_default())),
        ];
        let version = self.new_entity(VERSION)?;
        self.write(VERSION, version, &ops)?;
        Ok(version)
    }
}

/// The kind of named versions.
const VERSION: &str = "version";

/// A version's name.
pub fn name_of(view: &RecordView) -> &str {
    view.get(&["name"])
        .and_then(Value::as_text)
        .unwrap_or_default()
}

fn heads_in(bytes: &[u8]) -> Vec<ChangeSetId> {
    let ids = bytes.chunks_exact(ChangeSetId::LEN);
    ids.filter_map(|id| Some(ChangeSetId(id.try_into().ok()?)))
        .collect()
}

impl Point {
    fn past(&self, part: &str) -> Past {
        self.pasts.get(part).cloned().unwrap_or_default()
    }
}

/// A past for each part of an entity.
fn pasts(
    replica: &Replica,
    entity: &EntityId,
    past: impl Fn(&Document) -> Past,
) -> BTreeMap<String, Past> {
    let documents = replica.documents().filter(|one| one.entity() == entity);
    documents
        .map(|one| (one.part().to_owned(), past(one)))
        .collect()
}

/// As the author of a change set saw its part with it, and other parts at that time.
fn at_change(replica: &Replica, entity: &EntityId, change: &Change) -> Point {
    let own = |document: &Document| {
        let (chain, seq) = place_of(document.graph(), &change.id)?;
        let node = document.graph().node(chain, seq)?;
        Some(node.past.with(chain, seq))
    };
    Point {
        stamp: change.hlc,
        pasts: pasts(replica, entity, |document| {
            own(document).unwrap_or_else(|| up_to(document.graph(), change.hlc))
        }),
    }
}

/// What some change sets and everything before them make; or how many of them are not here.
fn at_heads(replica: &Replica, entity: &EntityId, heads: &[ChangeSetId]) -> Result<Point, usize> {
    let mut missing: BTreeSet<ChangeSetId> = heads.iter().copied().collect();
    let (mut stamp, mut pasts) = (Hlc::default(), BTreeMap::new());
    for document in replica.documents().filter(|one| one.entity() == entity) {
        let mut past = Past::default();
        for head in heads {
            let graph = document.graph();
            let place = place_of(graph, head);
            if let Some((node, (chain, seq))) =
                place.and_then(|(chain, seq)| Some((graph.node(chain, seq)?, (chain, seq))))
            {
                missing.remove(head);
                past.join(&node.past);
                past.raise(chain, seq);
                stamp = stamp.max(node.hlc);
            }
        }
        pasts.insert(document.part().to_owned(), past);
    }
    match missing.len() {
        0 => Ok(Point { stamp, pasts }),
        missing => Err(missing),
    }
}

fn place_of(graph: &Graph, id: &ChangeSetId) -> Option<(ChainIdx, u64)> {
    graph.lines().find_map(|(chain, line)| {
        let at = line.nodes().iter().position(|node| node.id == *id)?;
        Some((chain, (at as u64).saturating_add(1)))
    })
}

/// Everything stamped up to a time whose own past is, too: a stamp may lie below one that its author
/// had seen.
fn up_to(graph: &Graph, stamp: Hlc) -> Past {
    let mut past = Past::default();
    let mut grew = true;
    while std::mem::take(&mut grew) {
        for (chain, line) in graph.lines() {
            let from = past.seq(chain);
            let mut seq = from;
            for node in line.nodes().iter().skip(from as usize) {
                let next = seq.saturating_add(1);
                if node.hlc > stamp || !past.with(chain, seq).covers(&node.past) {
                    break;
                }
                seq = next;
            }
            if seq > from {
                past.raise(chain, seq);
                grew = true;
            }
        }
    }
    past
}

/// A time in milliseconds since the Unix epoch: RFC 3339, or a day or time of UTC.
fn time(words: &str) -> Option<u64> {
    let stamp = words.parse::<jiff::Timestamp>().ok();
    let civil = || {
        words
            .parse::<jiff::civil::DateTime>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
    };
    let stamp = stamp.or_else(|| civil().map(|zoned| zoned.timestamp()))?;
    u64::try_from(stamp.as_millisecond()).ok()
}
