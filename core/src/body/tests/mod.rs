//! Bodies as replicas edit and exchange them.

mod anchors;
mod concurrency;
mod intents;
mod operations;
mod patches;
mod ruler;
mod undo;

use super::*;
use crate::{
    causal::Past,
    hlc::Hlc,
    id::{Actor, Chain, ChainIdx, Epoch, KindTag, Lane, OriginId, SchemaId, UserId, ViewId},
    judge::{Candidate, Place, Writer},
    schema::{
        BodyLayout, BodyShape, FanOut, HistoryPolicy, Index, OnDeleteEdit, Schema, SchemaSpec,
    },
    value::Value,
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) const VIEW: ViewId = ViewId(1);

pub(super) fn shape(layout: BodyLayout) -> BodyShape {
    let root = match layout {
        BodyLayout::Text => "body",
        BodyLayout::ProseMirror => "default",
    };
    BodyShape {
        layout,
        root: root.to_owned(),
    }
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema {
        id: SchemaId([0; 32]),
        tag: KindTag::of("page"),
        spec: SchemaSpec {
            kind: "page".into(),
            version: 1,
            about: String::new(),
            parts: BTreeMap::new(),
            route: vec![],
            on_delete_edit: OnDeleteEdit::Recover,
            history: HistoryPolicy::Full,
            retention_days: None,
            evict: false,
            index: Index::None,
            fan_out: FanOut::Optimistic,
            lens: vec![],
        },
    })
}

pub(super) fn writer(chain: u32) -> Writer {
    Writer {
        chain: Chain {
            origin: OriginId([chain as u8; 32]),
            epoch: Epoch(0),
            lane: Lane(0),
        },
        author: UserId([0; 16]),
        // Ids of very different sizes, the larger ones not the later ones.
        actor: Actor::Yrs([7, 1 << 52, 500, 1 << 33, 3, 90_000, 1 << 40, 12][chain as usize]),
    }
}

/// A change set on its way.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) place: Place,
    pub(super) payload: Vec<u8>,
}

/// One device.
pub(super) struct Replica {
    pub(super) doc: BodyDoc,
    pub(super) chain: ChainIdx,
    pub(super) past: Past,
    pub(super) millis: u64,
    schema: Arc<Schema>,
}

impl Replica {
    pub(super) fn new(layout: BodyLayout, chain: u32) -> Replica {
        let mut doc = BodyDoc::new(&shape(layout));
        for chain in 0..8 {
            doc.register(ChainIdx(chain), &writer(chain));
        }
        Replica {
            doc,
            chain: ChainIdx(chain),
            past: Past::default(),
            millis: 1_000,
            schema: schema(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            chain: self.chain,
            seq: self.past.seq(self.chain) + 1,
            hlc: Hlc::new(self.millis, 0),
            past: Arc::new(self.past.clone()),
            frontier: vec![],
            genesis_before: 0,
            schema: Arc::clone(&self.schema),
        }
    }

    pub(super) fn sent(&mut self, place: Place, edit: BodyEdit) -> Sent {
        self.past.raise(place.chain, place.seq);
        Sent {
            place,
            payload: edit.payload,
        }
    }

    pub(super) fn try_edit(&mut self, ops: &[BodyOp]) -> Result<Sent, EditError> {
        let place = self.place();
        self.millis += 1_000;
        let edit = self.doc.edit(&place, VIEW, ops)?;
        Ok(self.sent(place, edit))
    }

    pub(super) fn edit(&mut self, ops: &[BodyOp]) -> Sent {
        self.try_edit(ops).unwrap()
    }

    pub(super) fn undo(&mut self) -> Option<Sent> {
        let place = self.place();
        self.millis += 1_000;
        let edit = self.doc.undo(&place, VIEW).unwrap()?;
        Some(self.sent(place, edit))
    }

    pub(super) fn redo(&mut self) -> Option<Sent> {
        let place = self.place();
        self.millis += 1_000;
        let edit = self.doc.redo(&place, VIEW).unwrap()?;
        Some(self.sent(place, edit))
    }

    /// Whether everything that a change set builds on is here, and itself not yet.
    pub(super) fn ready(&self, sent: &Sent) -> bool {
        self.past.covers(&sent.place.past) && !self.past.contains(sent.place.chain, sent.place.seq)
    }

    pub(super) fn receive(&mut self, sent: &Sent) -> Vec<crate::patch::Patch> {
        if self.past.contains(sent.place.chain, sent.place.seq) {
            return vec![];
        }
        assert!(self.ready(sent));
        let candidate = Candidate {
            place: &sent.place,
            payload: &sent.payload,
        };
        let judged = self.doc.judge(&candidate).expect("an honest change set");
        self.doc.admit(&judged);
        let patches = self.doc.apply(judged).unwrap();
        self.past.raise(sent.place.chain, sent.place.seq);
        patches
    }

    pub(super) fn text(&self) -> String {
        self.doc.content().plain_text()
    }

    pub(super) fn tree(&self) -> String {
        show(&self.doc.content())
    }
}

/// A body as one line: `<p align="left">ab[c]{bold}</p>`.
pub(super) fn show(view: &BodyView) -> String {
    match view {
        BodyView::Text(runs) => runs.iter().map(show_run).collect(),
        BodyView::Tree(nodes) => nodes.iter().map(show_node).collect(),
    }
}

fn show_run(run: &Run) -> String {
    let content = match &run.content {
        Inline::Text(text) => text.clone(),
        Inline::Embed(value) => value.to_json().to_string(),
    };
    if run.marks.is_empty() {
        return content;
    }
    let marks: Vec<String> = run
        .marks
        .iter()
        .map(|(name, value)| match value {
            Value::Bool(true) => name.clone(),
            other => format!("{name}={}", other.to_json()),
        })
        .collect();
    format!("[{content}]{{{}}}", marks.join(","))
}

fn show_node(node: &Node) -> String {
    match node {
        Node::Text(runs) => runs.iter().map(show_run).collect(),
        Node::Block(block) => {
            let attributes: String = block
                .attributes
                .iter()
                .map(|(name, value)| format!(" {name}={}", value.to_json()))
                .collect();
            let children: String = block.children.iter().map(show_node).collect();
            format!("<{}{attributes}>{children}</{}>", block.tag, block.tag)
        }
    }
}

pub(super) fn splice(text: &[u32], at: u32, delete: u32, insert: &str) -> BodyOp {
    BodyOp::Splice {
        text: text.to_vec(),
        at,
        delete,
        insert: insert.to_owned(),
        marks: None,
    }
}

pub(super) fn marked(text: &[u32], at: u32, insert: &str, marks: Marks) -> BodyOp {
    BodyOp::Splice {
        text: text.to_vec(),
        at,
        delete: 0,
        insert: insert.to_owned(),
        marks: Some(marks),
    }
}

pub(super) fn marks<const N: usize>(marks: [(&str, Value); N]) -> Marks {
    marks.map(|(name, value)| (name.to_owned(), value)).into()
}

pub(super) fn bold() -> Marks {
    marks([("bold", Value::Bool(true))])
}

pub(super) fn format(text: &[u32], at: u32, len: u32, marks: Marks) -> BodyOp {
    BodyOp::Format {
        text: text.to_vec(),
        at,
        len,
        marks,
    }
}

pub(super) fn block(at: &[u32], tag: &str, text: &str) -> BodyOp {
    BodyOp::InsertBlock {
        at: at.to_vec(),
        tag: tag.to_owned(),
        attributes: BTreeMap::new(),
        text: text.to_owned(),
    }
}

/// Repeatable random numbers (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        (drawn % u64::from(bound.max(1))) as u32
    }

    pub(super) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }
}
