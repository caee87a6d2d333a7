//! What happened to an entity, and how it was at a point.

use super::Desk;
use crate::cmd::at::DeskError;
use anabranch::core::{
    body::{self, BodyView},
    causal::{Graph, Past, Since},
    control::{ControlBody, Excluded, RefuseReason},
    document::{Document, EngineDoc, State},
    hlc::Hlc,
    id::{ChainIdx, ChangeSetId, EntityId, OriginId, UserId},
    judge::Grounds,
    log,
    record::{Life, RecordOp, RecordView, unnumbered},
    replica::Replica,
    schema::Schema,
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// One change set of an entity, for people.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its id.
    pub id: ChangeSetId,
    /// The part it is of.
    pub part: String,
    /// Its stamp.
    pub hlc: Hlc,
    /// The device that wrote it.
    pub origin: OriginId,
    /// The user behind it.
    pub author: UserId,
    /// Its number in its chain.
    pub seq: u64,
    /// Whether it counts, and if not, why.
    pub state: State,
    /// The change sets that its author had seen last.
    pub after: Vec<ChangeSetId>,
    /// What it did.
    pub did: Vec<Did>,
}

/// One thing that a change set did.
#[derive(Clone, Debug)]
pub enum Did {
    /// A field went from one value to another.
    Field {
        /// The field.
        field: String,
        /// What it was.
        was: Value,
        /// What it is.
        is: Value,
    },
    /// The entity's life.
    Life(Life),
    /// A body was written to.
    Body(body::Wrote),
    /// An entry was appended.
    Entry(Value),
}

/// A point in an entity's history.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its newest stamp.
    pub stamp: Hlc,
    pasts: BTreeMap<String, Past>,
}

/// A run of a text by one writer.
#[derive(Clone, Debug)]
pub struct Wrote {
    /// The text.
    pub text: String,
    /// Where it begins, in UTF-16 units.
    pub at: u32,
    /// The user.
    pub author: UserId,
    /// The device.
    pub origin: OriginId,
    /// When the newest of it was written.
    pub hlc: Hlc,
    /// The change set, where one alone wrote it.
    pub change: Option<ChangeSetId>,
}

impl Desk {
    /// The change sets of an entity, or of one part of it, newest first; those that do not count
    /// too. What they did is worked out for the first `told`.
    pub fn changes(&self, entity: &EntityId, part: Option<&str>, told: usize) -> Vec<Change> {
        let all = self.look_at(entity, |replica| {
            let documents = replica.documents().filter(|one| one.entity() == entity);
            let wanted = documents.filter(|one| part.is_none_or(|part| one.part() == part));
            let mut all: Vec<(Change, &Document, Option<(ChainIdx, u64)>)> =
                wanted.flat_map(changes_of).collect();
            all.sort_by_key(|(change, ..)| std::cmp::Reverse((change.hlc, change.id)));
            for (change, document, at) in all.iter_mut().take(told) {
                if let Some((chain, seq)) = at {
                    change.did = did(document, *chain, *seq);
                }
            }
            all.into_iter().map(|(change, ..)| change).collect()
        });
        all.unwrap_or_default()
    }

    /// The newest change sets of the whole workspace, and how many there are.
    pub fn newest(&self, count: usize) -> (Vec<(EntityId, Change)>, usize) {
        let newest = self.look_everywhere(|replica| {
            let mut all: Vec<_> = replica
                .documents()
                .flat_map(|one| changes_of(one).into_iter().map(move |found| (one, found)))
                .collect();
            all.sort_by_key(|(_, (change, ..))| std::cmp::Reverse((change.hlc, change.id)));
            let found = all.len();
            let told = all
                .into_iter()
                .take(count)
                .map(|(document, (mut change, _, at))| {
                    change.did = at.map_or_else(Vec::new, |(chain, seq)| did(document, chain, seq));
                    (*document.entity(), change)
                });
            (told.collect(), found)
        });
        newest.unwrap_or_default()
    }

    /// The change sets of the whole workspace whose id begins so.
    pub fn named(&self, beginning: &str) -> Vec<(EntityId, Change)> {
        let all = self.look_everywhere(|replica| {
            let all = replica
                .documents()
                .flat_map(|one| changes_of(one).into_iter().map(move |found| (one, found)));
            let named =
                all.filter(|(_, (change, ..))| change.id.to_string().starts_with(beginning));
            let told = named.map(|(document, (mut change, _, at))| {
                change.did = at.map_or_else(Vec::new, |(chain, seq)| did(document, chain, seq));
                (*document.entity(), change)
            });
            told.collect()
        });
        all.unwrap_or_default()
    }

    /// What a control record says that keeps a change set from counting.
    pub fn ruling(&self, excluded: &Excluded) -> Option<(u64, String)> {
        let id = excluded.record();
        let ruling = self.look(|replica| {
            let mut line = replica.control().line();
            let signed = line.find(|signed| signed.record.id() == id)?;
            let said = match &signed.record.body {
                ControlBody::Refuse { reason, .. } => match reason {
                    RefuseReason::Policy(policy) => format!("a policy said no: {policy}"),
                    RefuseReason::Quota => "a quota was used up".to_owned(),
                    RefuseReason::NotMember => "its writer was no member any more".to_owned(),
                },
                ControlBody::Fork { winner, .. } => {
                    format!("of two change sets in one place {winner} counts")
                }
                ControlBody::Revoke { origin, .. } => format!("device {origin} was shut out"),
                _ => return None,
            };
            Some((signed.record.position.number, said))
        });
        ruling.flatten()
    }

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

    /// Who wrote what of a body or of a record's text; none where there is no such text.
    pub fn blame(
        &self,
        entity: &EntityId,
        part: &str,
        text: &[u32],
        field: &[String],
    ) -> Option<Vec<Wrote>> {
        self.part(entity, part, |document| match document.engine() {
            EngineDoc::Record(record) => {
                let names: Vec<&str> = field.iter().map(String::as_str).collect();
                let view = record.project(&unnumbered);
                let whole: Vec<u16> = view.get(&names)?.as_text()?.encode_utf16().collect();
                let runs = record.blame(field)?.into_iter().map(|run| Wrote {
                    text: slice(&whole, run.at, run.len),
                    at: run.at,
                    author: run.author,
                    origin: run.origin,
                    hlc: run.last,
                    change: None,
                });
                Some(runs.collect())
            }
            EngineDoc::Body(body) => {
                let whole: Vec<u16> = text_of(&body.content(), text)?.encode_utf16().collect();
                let graph = document.graph();
                let runs = body.blame(text)?.into_iter().filter_map(|run| {
                    let (chain, seq) = body.written_by(run.unit)?;
                    let (line, node) = (graph.line(chain)?, graph.node(chain, seq)?);
                    Some(Wrote {
                        text: slice(&whole, run.at, run.len),
                        at: run.at,
                        author: line.writer.author,
                        origin: line.writer.chain.origin,
                        hlc: node.hlc,
                        change: Some(node.id),
                    })
                });
                Some(runs.collect())
            }
            EngineDoc::Log(_) => None,
        })
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

fn changes_of(document: &Document) -> Vec<(Change, &Document, Option<(ChainIdx, u64)>)> {
    let mut all = Vec::new();
    for (chain, line) in document.graph().lines() {
        for (seq, node) in (1u64..).zip(line.nodes()) {
            let kept = document.kept(chain, seq);
            let header = kept.map(|kept| kept.change.header());
            let deps = header
                .map(|header| header.deps.iter().map(|dep| dep.id))
                .into_iter()
                .flatten();
            let change = Change {
                id: node.id,
                part: document.part().to_owned(),
                hlc: node.hlc,
                origin: line.writer.chain.origin,
                author: line.writer.author,
                seq,
                state: State::Effective,
                after: deps.chain(header.and_then(|header| header.prev)).collect(),
                did: Vec::new(),
            };
            all.push((change, document, Some((chain, seq))));
        }
    }
    for aside in document.asides() {
        let header = aside.kept.change.header();
        let change = Change {
            id: aside.kept.change.id(),
            part: document.part().to_owned(),
            hlc: header.hlc,
            origin: header.chain.origin,
            author: header.on_behalf_of.unwrap_or(header.author),
            seq: header.seq,
            state: aside.state.clone(),
            after: header
                .deps
                .iter()
                .map(|dep| dep.id)
                .chain(header.prev)
                .collect(),
            did: Vec::new(),
        };
        all.push((change, document, None));
    }
    all
}

/// What an effective change set did, against what its author had seen.
fn did(document: &Document, chain: ChainIdx, seq: u64) -> Vec<Did> {
    let Some(node) = document.graph().node(chain, seq) else {
        return Vec::new();
    };
    let kept = document.kept(chain, seq);
    let in_clear = kept.filter(|kept| kept.change.header().key_epoch.is_none());
    let payload = in_clear.and_then(|kept| kept.change.payload().bytes());
    match document.engine() {
        EngineDoc::Record(record) => {
            let was = record.project_at(&node.past, &unnumbered);
            let is = record.project_at(&node.past.with(chain, seq), &unnumbered);
            let mut did = Vec::new();
            if was.life != is.life {
                did.push(Did::Life(is.life));
            }
            let names: BTreeSet<&String> = was.fields.keys().chain(is.fields.keys()).collect();
            for name in names {
                differ(name, (was.fields.get(name), is.fields.get(name)), &mut did);
            }
            did
        }
        EngineDoc::Body(_) => payload
            .map(|payload| Did::Body(body::wrote(payload)))
            .into_iter()
            .collect(),
        EngineDoc::Log(_) => {
            let entry = payload.and_then(|payload| log::decode(payload).ok());
            let value = entry.map(|entry| {
                Value::Map(
                    entry
                        .into_iter()
                        .map(|(name, value)| (name, value.into()))
                        .collect(),
                )
            });
            value.map(Did::Entry).into_iter().collect()
        }
    }
}

fn differ(field: &str, (was, is): (Option<&Value>, Option<&Value>), did: &mut Vec<Did>) {
    if was == is {
        return;
    }
    let none = BTreeMap::new();
    let map = |value: Option<&'_ Value>| match value {
        Some(Value::Map(map)) => Some(map.clone()),
        None | Some(Value::Null) => Some(none.clone()),
        Some(_) => None,
    };
    let either = matches!(was, Some(Value::Map(_))) || matches!(is, Some(Value::Map(_)));
    if let (true, Some(was), Some(is)) = (either, map(was), map(is)) {
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            differ(
                &format!("{field}.{name}"),
                (was.get(name), is.get(name)),
                did,
            );
        }
        return;
    }
    let value = |value: Option<&Value>| value.cloned().unwrap_or(Value::Null);
    did.push(Did::Field {
        field: field.to_owned(),
        was: value(was),
        is: value(is),
    });
}

fn slice(whole: &[u16], at: u32, len: u32) -> String {
    let part = whole.iter().skip(at as usize).take(len as usize);
    String::from_utf16_lossy(&part.copied().collect::<Vec<u16>>())
}

/// The text of a block, in units as blame counts them: what is no text is one unit.
pub fn text_of(view: &BodyView, path: &[u32]) -> Option<String> {
    use anabranch::core::body::{Block, Inline, Node, Run};
    fn runs(runs: &[Run]) -> String {
        let parts = runs.iter().map(|run| match &run.content {
            Inline::Text(text) => text.as_str(),
            Inline::Embed(_) => "\u{fffc}",
        });
        parts.collect()
    }
    fn block(nodes: &[Node], at: u32) -> Option<&Block> {
        let blocks = nodes.iter().filter_map(|node| match node {
            Node::Block(block) => Some(block),
            Node::Text(_) => None,
        });
        blocks.into_iter().nth(at as usize)
    }
    match view {
        BodyView::Text(all) => path.is_empty().then(|| runs(all)),
        BodyView::Tree(nodes) => {
            let (first, rest) = path.split_first()?;
            let mut found = block(nodes, *first)?;
            for at in rest {
                found = block(&found.children, *at)?;
            }
            let parts = found.children.iter().map(|node| match node {
                Node::Text(all) => runs(all),
                Node::Block(_) => "\u{fffc}".to_owned(),
            });
            Some(parts.collect())
        }
    }
}
