//! The patches between what a block held and what it holds: one walk along both.

use super::{
    Marks,
    body_view::{Inline, units},
    ids::ItemId,
    kept::{Kept, KeptNode, units_of},
};
use crate::{
    patch::{Patch, Step},
    value::Value,
};
use std::collections::BTreeSet;

/// One thing in a block's text: a character or embed with its marks, or a block.
#[derive(Clone, Copy)]
enum Token<'a> {
    Char(char, &'a Marks),
    Embed(&'a Value, &'a Marks),
    Block(&'a Kept),
}

impl Token<'_> {
    fn units(&self) -> u32 {
        match self {
            Token::Char(char, _) if char.len_utf16() == 2 => 2,
            Token::Char(..) | Token::Embed(..) | Token::Block(_) => 1,
        }
    }

    fn same_content(&self, other: &Token<'_>) -> bool {
        match (self, other) {
            (Token::Char(a, _), Token::Char(b, _)) => a == b,
            (Token::Embed(a, _), Token::Embed(b, _)) => a == b,
            (Token::Block(a), Token::Block(b)) => a.unit == b.unit,
            (Token::Char(..) | Token::Embed(..) | Token::Block(_), _) => false,
        }
    }

    fn marks(&self) -> Option<&Marks> {
        match self {
            Token::Char(_, marks) | Token::Embed(_, marks) => Some(marks),
            Token::Block(_) => None,
        }
    }

    fn same(&self, other: &Token<'_>) -> bool {
        self.same_content(other) && self.marks() == other.marks()
    }
}

fn tokens(nodes: &[KeptNode]) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            KeptNode::Block(block) => out.push(Token::Block(block)),
            KeptNode::Text(runs) => {
                for run in runs {
                    match &run.content {
                        Inline::Text(text) => {
                            out.extend(text.chars().map(|char| Token::Char(char, &run.marks)));
                        }
                        Inline::Embed(value) => out.push(Token::Embed(value, &run.marks)),
                    }
                }
            }
        }
    }
    out
}

/// The patches that lead from the old children of a block to the new ones. Blocks among text are
/// embeds; blocks among blocks are children.
pub(super) fn changes(path: &[Step], old: &[KeptNode], new: &[KeptNode], patches: &mut Vec<Patch>) {
    let is_text = |node: &KeptNode| matches!(node, KeptNode::Text(_));
    let mut walk = Walk {
        path,
        among_text: old.iter().chain(new).any(is_text),
        at: 0,
        patches,
    };
    let stays: BTreeSet<ItemId> = units_of(old)
        .intersection(&units_of(new))
        .copied()
        .collect();
    let (old, new) = (tokens(old), tokens(new));
    let border = |token: &Token<'_>| match token {
        Token::Block(block) => block.unit.is_some_and(|unit| stays.contains(&unit)),
        Token::Char(..) | Token::Embed(..) => false,
    };
    let mut old_gaps = old.split(border);
    for (at, gap) in new.split(border).enumerate() {
        if at > 0 {
            walk.at = walk.at.saturating_add(1);
        }
        walk.gap(old_gaps.next().unwrap_or_default(), gap);
    }
}

struct Walk<'a> {
    path: &'a [Step],
    among_text: bool,
    at: u32,
    patches: &'a mut Vec<Patch>,
}

impl Walk<'_> {
    /// What lies between two blocks that stay.
    fn gap(&mut self, old: &[Token<'_>], new: &[Token<'_>]) {
        let same_content =
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.same_content(new));
        if same_content {
            self.formats(old, new);
            return;
        }
        let head = old.iter().zip(new).take_while(|(a, b)| a.same(b)).count();
        let most = old.len().min(new.len()).saturating_sub(head);
        let tail = old
            .iter()
            .rev()
            .zip(new.iter().rev())
            .take(most)
            .take_while(|(a, b)| a.same(b))
            .count();
        let middle = |tokens: &[Token<'_>]| head..tokens.len().saturating_sub(tail);
        self.skip(new.get(..head).unwrap_or_default());
        self.remove(old.get(middle(old)).unwrap_or_default());
        self.insert(new.get(middle(new)).unwrap_or_default());
        self.skip(new.get(middle(new).end..).unwrap_or_default());
    }

    fn skip(&mut self, tokens: &[Token<'_>]) {
        self.at = self.at.saturating_add(length(tokens));
    }

    fn formats(&mut self, old: &[Token<'_>], new: &[Token<'_>]) {
        let mut last: Option<(u32, u32, Marks)> = None;
        for (old, new) in old.iter().zip(new) {
            let change = match (old.marks(), new.marks()) {
                (Some(old), Some(new)) => mark_changes(old, new),
                _ => Marks::new(),
            };
            match &mut last {
                Some((_, len, marks)) if *marks == change => {
                    *len = len.saturating_add(new.units());
                }
                _ => {
                    self.format(last.take());
                    last = Some((self.at, new.units(), change));
                }
            }
            self.at = self.at.saturating_add(new.units());
        }
        self.format(last);
    }

    fn format(&mut self, range: Option<(u32, u32, Marks)>) {
        if let Some((at, len, marks)) = range
            && !marks.is_empty()
        {
            let path = self.path.to_vec();
            self.patches.push(Patch::Format {
                path,
                at,
                len,
                marks,
            });
        }
    }

    fn remove(&mut self, tokens: &[Token<'_>]) {
        let count = length(tokens);
        if count == 0 {
            return;
        }
        let (path, at) = (self.path.to_vec(), self.at);
        self.patches.push(if self.among_text {
            Patch::Splice {
                path,
                at,
                delete: count,
                insert: String::new(),
                marks: Marks::new(),
            }
        } else {
            Patch::Remove { path, at, count }
        });
    }

    fn insert(&mut self, tokens: &[Token<'_>]) {
        let mut text = String::new();
        let mut text_marks: Option<&Marks> = None;
        let mut blocks: Vec<Value> = Vec::new();
        for token in tokens {
            match token {
                Token::Char(char, marks) => {
                    if text_marks.is_some_and(|before| before != *marks) {
                        self.splice(&mut text, text_marks);
                    }
                    text_marks = Some(marks);
                    text.push(*char);
                }
                Token::Embed(value, marks) => {
                    self.splice(&mut text, text_marks.take());
                    self.embed((*value).clone(), (*marks).clone());
                }
                Token::Block(block) if self.among_text => {
                    self.splice(&mut text, text_marks.take());
                    self.embed(block.to_block().to_value(), Marks::new());
                }
                Token::Block(block) => blocks.push(block.to_block().to_value()),
            }
        }
        self.splice(&mut text, text_marks);
        if !blocks.is_empty() {
            let count = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
            self.patches.push(Patch::Insert {
                path: self.path.to_vec(),
                at: self.at,
                values: blocks,
            });
            self.at = self.at.saturating_add(count);
        }
    }

    fn splice(&mut self, text: &mut String, marks: Option<&Marks>) {
        let insert = std::mem::take(text);
        if insert.is_empty() {
            return;
        }
        let at = self.at;
        self.at = at.saturating_add(units(&insert));
        self.patches.push(Patch::Splice {
            path: self.path.to_vec(),
            at,
            delete: 0,
            insert,
            marks: marks.cloned().unwrap_or_default(),
        });
    }

    fn embed(&mut self, value: Value, marks: Marks) {
        self.patches.push(Patch::Embed {
            path: self.path.to_vec(),
            at: self.at,
            value,
            marks,
        });
        self.at = self.at.saturating_add(1);
    }
}

fn length(tokens: &[Token<'_>]) -> u32 {
    tokens
        .iter()
        .fold(0, |sum, token| token.units().saturating_add(sum))
}

fn mark_changes(old: &Marks, new: &Marks) -> Marks {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| (name.clone(), new.get(name).cloned().unwrap_or(Value::Null)))
        .collect()
}
