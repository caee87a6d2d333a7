//! A gate and what it was fed by hand, for tests that name every id themselves.

use crate::{
    bodies::{self, ROOT},
    wire::{Block, Parent, Update, text},
};
use anabranch_core::{
    body::{BodyGate, BodyRule, JudgedUpdate},
    causal::Past,
    id::ChainIdx,
    schema::BodyLayout,
};

/// Authors of chains 0, 1, 2.
pub const CLIENTS: [u64; 3] = [1, 2, 3];
pub const A: ChainIdx = ChainIdx(0);
pub const B: ChainIdx = ChainIdx(1);

/// A gate and the history it was fed.
pub struct Story {
    pub gate: BodyGate,
    pub past: Past,
}

impl Story {
    pub fn new(layout: BodyLayout) -> Self {
        let mut gate = BodyGate::new(&bodies::shape(layout));
        for (at, client) in CLIENTS.into_iter().enumerate() {
            assert!(gate.register(ChainIdx(at as u32), client));
        }
        Story {
            gate,
            past: Past::default(),
        }
    }

    /// Chain A has written "quick" into a text.
    pub fn quick() -> Self {
        let mut story = Story::new(BodyLayout::Text);
        story.write(A, &Update::of(1, 0, vec![rooted("quick")]));
        story
    }

    pub fn judge(&mut self, chain: ChainIdx, update: &Update) -> Result<JudgedUpdate, BodyRule> {
        let past = self.past.clone();
        self.gate.judge_update(chain, &past, &update.encode())
    }

    pub fn write(&mut self, chain: ChainIdx, update: &Update) {
        let judged = self.judge(chain, update).unwrap();
        self.gate.admit(&judged);
        self.past.raise(chain, judged.seq());
    }

    pub fn code(&mut self, chain: ChainIdx, update: &Update) -> &'static str {
        match self.judge(chain, update) {
            Ok(_) => "accepted",
            Err(rule) => rule.code(),
        }
    }
}

pub fn rooted(string: &str) -> Block {
    text(None, None, Some(Parent::Root(ROOT.into())), string)
}

pub fn block(parent: Parent, reference: u8, content: &[u8], len: u32) -> Block {
    Block {
        reference,
        content: content.to_vec(),
        len,
        ..text(None, None, Some(parent), "")
    }
}

pub fn root() -> Parent {
    Parent::Root(ROOT.into())
}

pub const PARAGRAPH: &[u8] = b"\x03\x09paragraph";
