//! The gate: judges a change by its causal past, and keeps the index that this takes.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath, RecordRule,
    decode::Ops,
    genesis::{self, GENESIS_ACTOR},
    index::Index,
    rows::{GENESIS, NewChange, OpKey, Slot, Stamp, line_of},
    scan::{self, Header},
    writes::{Setting, Writes},
};
use crate::{
    causal::Past,
    hlc::Hlc,
    id::{ChainIdx, DocumentId},
    judge::{Candidate, Place, Rule, Writer},
    limits::OP_COUNTER_MAX,
    schema::{PartShape, Schema},
    value::Value,
};
use automerge::{Change, ChangeHash};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic,
    sync::Arc,
};

/// The actor and the time that a change names, if its form holds.
pub fn peek(payload: &[u8]) -> Option<([u8; 16], i64)> {
    let header = scan::scan(payload).ok()?;
    Some((header.actor, header.time))
}

/// A change that passed, with what the index and the engine need of it.
#[derive(Clone, Debug)]
pub struct JudgedChange {
    /// The change, as the engine takes it.
    pub change: Change,
    /// Its engine hash.
    pub hash: ChangeHash,
    /// The writing chain.
    pub chain: ChainIdx,
    /// Its number there.
    pub seq: u64,
    /// Its stamp.
    pub hlc: Hlc,
    /// What its author had seen.
    pub past: Arc<Past>,
    /// The counter of its last operation.
    pub max_op: u64,
    /// Every field it writes; a key of an open map with the key.
    pub touched: BTreeSet<FieldPath>,
    /// The registers it writes (`lww`, `keep`, `once`, keys of open maps, the entity's life), each
    /// with the last value that this change gives it.
    pub registers: BTreeMap<FieldPath, Value>,
    /// What the index keeps of it. Its references hold in the gate that judged it, for good.
    ops: NewChange,
}

/// Judges the changes of one record document.
///
/// Two chains must not share an actor (the envelope's rules see to that): of two, the one
/// registered first has it and every change of the other is refused.
#[derive(Debug)]
pub struct RecordGate {
    document: DocumentId,
    part: String,
    schemas: Vec<Arc<Schema>>,
    genesis: Vec<Change>,
    index: Index,
}

impl RecordGate {
    /// A gate for a document that has nothing yet but the genesis of the schemas known, v1 first.
    pub fn new(document: DocumentId, part: &str, schema_chain: &[Arc<Schema>]) -> Self {
        let mut gate = RecordGate {
            document,
            part: part.to_owned(),
            schemas: schema_chain.to_vec(),
            genesis: Vec::new(),
            index: Index::new(GENESIS_ACTOR),
        };
        gate.take_genesis();
        gate
    }

    /// Takes note of the next schema version, with its genesis.
    pub fn extend(&mut self, schema: Arc<Schema>) {
        self.schemas.push(schema);
        self.take_genesis();
    }

    /// The document.
    pub fn document(&self) -> DocumentId {
        self.document
    }

    /// The genesis changes of all versions known, in order: what the engine's document starts from.
    pub fn genesis(&self) -> &[Change] {
        &self.genesis
    }

    /// Takes note of who writes a chain. A chain's first writer stays.
    pub fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        self.index.register(chain, writer);
    }

    /// Judges a change by the payload, its place and the facts of `place.past`: nothing else.
    ///
    /// # Errors
    /// The rule it broke. [`RecordRule::PastUnknown`] is the caller's fault: everything in
    /// `place.past` must have been admitted and every version up to the schema's made known.
    pub fn judge(&self, c: &Candidate<'_>) -> Result<JudgedChange, Rule> {
        self.judge_record(c)
    }

    /// Takes a judged change into the index. Called in causal order, before the engine applies it.
    pub fn admit(&mut self, j: &JudgedChange) {
        self.index.admit(j.chain, j.seq, j.hlc, j.hash, &j.ops);
    }

    /// Whose change holds an operation, and when it was written.
    pub fn stamp(&self, op: &OpKey) -> Option<Stamp> {
        self.index.stamp(self.index.by_key(op)?)
    }

    /// The value operations visible in a slot at a past, or now: by counter, then actor. All of
    /// genesis counts as seen.
    pub fn visible(&self, slot: &Slot, past: Option<&Past>) -> Vec<OpKey> {
        let index = &self.index;
        let view = past.map_or_else(|| index.now(), |past| index.view(past, u64::MAX));
        let found = match slot {
            Slot::Key { object, key } => {
                let object = match object {
                    None => Some(super::rows::ROOT),
                    Some(made) => index.by_key(made).and_then(|op| index.container(op)),
                };
                object.map(|object| index.visible_at_key(object, key, &view))
            }
            Slot::Element(element) => index
                .by_key(element)
                .map(|element| index.visible(&index.element_heads(element), &view)),
        };
        found
            .unwrap_or_default()
            .into_iter()
            .filter_map(|op| index.id(op).map(|(key, _)| key))
            .collect()
    }

    /// The operation by which genesis made a field's container (or put its counter).
    pub fn container(&self, field: &[String]) -> Option<OpKey> {
        let (op, _) = self.index.at_path(field)?;
        self.index.id(op).map(|(key, _)| key)
    }

    /// The text or list into which an operation put an element.
    pub fn inserted_into(&self, op: &OpKey) -> Option<&FieldPath> {
        let (kind, object, _) = self.index.op(self.index.by_key(op)?)?;
        let is_element = matches!(kind, super::rows::Kind::Insert);
        let field = self.index.object(object).map(|(field, _)| field);
        field.filter(|_| is_element)
    }

    /// The engine hash of an admitted change.
    pub fn hash(&self, chain: ChainIdx, seq: u64) -> Option<ChangeHash> {
        self.index
            .change(line_of(chain), seq)
            .map(|change| change.hash)
    }

    fn take_genesis(&mut self) {
        let schemas: Vec<&Schema> = self.schemas.iter().map(Arc::as_ref).collect();
        let known = self.genesis.len();
        for genesis in genesis::chain(&schemas, &self.part).into_iter().skip(known) {
            self.index.admit_genesis(&genesis);
            self.genesis.push(genesis.change);
        }
    }

    fn judge_record(&self, c: &Candidate<'_>) -> Result<JudgedChange, Rule> {
        let header = scan::scan(c.payload)?;
        let genesis = u64::from(c.place.genesis_before.max(c.place.schema.version()));
        self.judge_header(&header, c.place, genesis)?;
        let Some(PartShape::Record(fields)) = c.place.schema.part(&self.part).map(|p| &p.shape)
        else {
            return Err(RecordRule::PastUnknown.into());
        };

        let own = std::iter::once(Some(line_of(c.place.chain)));
        let others = header.others.iter().map(|actor| self.index.line(actor));
        let table: SmallVec<_> = own.chain(others).collect();
        let mut writes = Writes::new(Setting {
            index: &self.index,
            view: self.index.view(&c.place.past, genesis),
            part: &self.part,
            fields,
            chain: self
                .schemas
                .get(..c.place.schema.version() as usize)
                .unwrap_or_default(),
            hlc: c.place.hlc,
            table,
            start: header.start_op,
        });
        writes.judge(&mut Ops::new(&header))?;
        let judged = writes.finish()?;

        // `start_op` is at most OP_COUNTER_MAX and the operations are counted.
        let max_op = header
            .start_op
            .saturating_add(judged.change.ops.len() as u64)
            .saturating_sub(1);
        if max_op > OP_COUNTER_MAX {
            return Err(RecordRule::CounterRange.into());
        }
        let change = read_by_engine(c.payload)?;
        let hash = change.hash();
        if !hash.0.starts_with(&header.checksum) {
            return Err(RecordRule::Checksum.into());
        }
        if change.len() != judged.change.ops.len() {
            return Err(RecordRule::Engine.into());
        }
        Ok(JudgedChange {
            change,
            hash,
            chain: c.place.chain,
            seq: c.place.seq,
            hlc: c.place.hlc,
            past: c.place.past.clone(),
            max_op,
            touched: judged.touched,
            registers: judged.registers,
            ops: judged.change,
        })
    }

    /// Checks what the change says of itself against its envelope.
    fn judge_header(
        &self,
        header: &Header<'_>,
        place: &Place,
        genesis: u64,
    ) -> Result<(), RecordRule> {
        let line = line_of(place.chain);
        let actor = self.index.actor(line).ok_or(RecordRule::NoActor)?;
        if self.index.line(&actor) != Some(line) {
            return Err(RecordRule::NoActor);
        }
        if header.actor != actor {
            return Err(RecordRule::Actor);
        }
        if header.seq != place.seq {
            return Err(RecordRule::Seq {
                wanted: place.seq,
                found: header.seq,
            });
        }
        if header.time != place.hlc.as_time() {
            return Err(RecordRule::Time {
                wanted: place.hlc.as_time(),
                found: header.time,
            });
        }

        let base = self
            .index
            .change(GENESIS, genesis)
            .ok_or(RecordRule::PastUnknown)?;
        let mut max_op = base.max_op;
        let mut deps = BTreeSet::new();
        if u64::from(place.genesis_before) < genesis {
            deps.insert(base.hash.0);
        }
        // The engine names its own actor's last change even where another one has it in its past.
        let previous = place.seq.checked_sub(1).filter(|seq| *seq > 0);
        let previous = previous.map(|seq| (place.chain, seq));
        for (chain, seq) in place.frontier.iter().copied().chain(previous) {
            let change = self
                .index
                .change(line_of(chain), seq)
                .ok_or(RecordRule::PastUnknown)?;
            max_op = max_op.max(change.max_op);
            deps.insert(change.hash.0);
        }
        let named = header.deps.chunks_exact(32);
        if named.len() != deps.len() || !named.zip(&deps).all(|(named, dep)| named == dep) {
            return Err(RecordRule::Deps);
        }
        let wanted = max_op.saturating_add(1);
        if header.start_op != wanted {
            return Err(RecordRule::StartOp {
                wanted,
                found: header.start_op,
            });
        }
        if wanted > OP_COUNTER_MAX {
            return Err(RecordRule::CounterRange);
        }
        Ok(())
    }
}

/// Lets the engine read bytes that passed. A panic there would be a hole in the rules above, and
/// the same on every replica: the engine is pinned and has no other input.
fn read_by_engine(payload: &[u8]) -> Result<Change, RecordRule> {
    panic::catch_unwind(|| Change::try_from(payload))
        .ok()
        .and_then(Result::ok)
        .ok_or(RecordRule::Engine)
}
