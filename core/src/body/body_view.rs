//! What a reader sees of a body: runs of formatted text, or a tree of blocks, and its digest.

use super::{
    Marks,
    marks::{from_any, from_out, marks_of},
};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yrs::{Any, Out, ReadTxn, Text, TextRef, Xml, XmlElementRef, XmlFragment, XmlOut};

/// A body's content. Equal on replicas that hold the same change sets, however they came: runs of
/// equal marks are joined, and how the engine cut them up does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyView {
    /// The `text` layout.
    Text(Vec<Run>),
    /// The `prosemirror` layout: what stands under the root fragment.
    Tree(Vec<Node>),
}

/// A stretch of text, or one embed, with its marks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What stands there.
    pub content: Inline,
    /// Its formats; never null.
    pub marks: Marks,
}

/// What a run holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inline {
    /// Text; never empty.
    Text(String),
    /// Something that is no text; it counts as one unit.
    Embed(Value),
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its tag: `paragraph`, `heading`.
    pub tag: String,
    /// Its attributes; never null.
    pub attributes: BTreeMap<String, Value>,
    /// What it holds, in order; no two texts stand side by side.
    pub children: Vec<Node>,
}

/// What stands in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// Text; never empty.
    Text(Vec<Run>),
    /// A block; in its parent's text it counts as one unit.
    Block(Block),
}

impl Inline {
    /// Its length in UTF-16 units.
    pub fn units(&self) -> u32 {
        match self {
            Inline::Text(text) => units(text),
            Inline::Embed(_) => 1,
        }
    }
}

impl Node {
    /// Its length in its parent's text, in UTF-16 units.
    pub fn units(&self) -> u32 {
        match self {
            Node::Text(runs) => runs
                .iter()
                .fold(0, |sum, run| run.content.units().saturating_add(sum)),
            Node::Block(_) => 1,
        }
    }
}

impl Block {
    /// The length of the block's text: its text, and one unit for each block that stands in it.
    pub fn units(&self) -> u32 {
        self.children
            .iter()
            .fold(0, |sum, node| node.units().saturating_add(sum))
    }

    /// The block as a value, as patches carry it: a map of `tag`, `attributes` and `children`; a
    /// text is a list of maps of `text` or `embed` and `marks`.
    pub fn to_value(&self) -> Value {
        let children = self.children.iter().map(Node::to_value).collect();
        Value::Map(BTreeMap::from([
            ("tag".to_owned(), Value::Text(self.tag.clone())),
            ("attributes".to_owned(), Value::Map(self.attributes.clone())),
            ("children".to_owned(), Value::List(children)),
        ]))
    }
}

impl Node {
    fn to_value(&self) -> Value {
        match self {
            Node::Block(block) => block.to_value(),
            Node::Text(runs) => Value::List(runs.iter().map(Run::to_value).collect()),
        }
    }
}

impl Run {
    fn to_value(&self) -> Value {
        let (kind, content) = match &self.content {
            Inline::Text(text) => ("text", Value::Text(text.clone())),
            Inline::Embed(value) => ("embed", value.clone()),
        };
        Value::Map(BTreeMap::from([
            (kind.to_owned(), content),
            ("marks".to_owned(), Value::Map(self.marks.clone())),
        ]))
    }
}

impl BodyView {
    /// All text without formats; blocks that hold text end with a line break.
    pub fn plain_text(&self) -> String {
        let mut text = String::new();
        match self {
            BodyView::Text(runs) => plain_runs(runs, &mut text),
            BodyView::Tree(nodes) => plain_nodes(nodes, &mut text),
        }
        text
    }

    /// The address of every link, in document order: the marks `link` and `a`, whose value is the
    /// address or holds it as `href`.
    pub fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        match self {
            BodyView::Text(runs) => links_in_runs(runs, &mut links),
            BodyView::Tree(nodes) => links_in_nodes(nodes, &mut links),
        }
        links
    }

    /// blake3 of the content under a domain tag: postcard over this type, whose form is canonical.
    /// Says nothing of engine bytes, which differ between arrival orders.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch body digest v1\0");
        // Every type here serialises, so the other case cannot arise; it hashes as nothing.
        hasher.update(&postcard::to_allocvec(self).unwrap_or_default());
        *hasher.finalize().as_bytes()
    }
}

/// Length in UTF-16 units.
pub(crate) fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

fn plain_runs(runs: &[Run], text: &mut String) {
    for run in runs {
        match &run.content {
            Inline::Text(part) => text.push_str(part),
            Inline::Embed(_) => {}
        }
    }
}

fn plain_nodes(nodes: &[Node], text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(runs) => plain_runs(runs, text),
            Node::Block(block) => {
                plain_nodes(&block.children, text);
                let holds_text = block.children.iter().any(|n| matches!(n, Node::Text(_)));
                if holds_text || block.children.is_empty() {
                    text.push('\n');
                }
            }
        }
    }
}

fn links_in_runs(runs: &[Run], links: &mut Vec<String>) {
    for run in runs {
        for name in ["link", "a"] {
            let address = match run.marks.get(name) {
                Some(Value::Text(address)) => Some(address),
                Some(Value::Map(entries)) => match entries.get("href") {
                    Some(Value::Text(address)) => Some(address),
                    _ => None,
                },
                _ => None,
            };
            // A link whose text has several formats is several runs, and still one link.
            if let Some(address) = address.filter(|address| links.last() != Some(*address)) {
                links.push(address.clone());
            }
        }
    }
}

fn links_in_nodes(nodes: &[Node], links: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Text(runs) => links_in_runs(runs, links),
            Node::Block(block) => links_in_nodes(&block.children, links),
        }
    }
}

/// Adds a run, joining it to the last one where the marks are equal.
pub(crate) fn push_run(runs: &mut Vec<Run>, content: Inline, marks: Marks) {
    if let Some(last) = runs.last_mut()
        && let (Inline::Text(text), Inline::Text(more)) = (&mut last.content, &content)
        && last.marks == marks
    {
        text.push_str(more);
        return;
    }
    runs.push(Run { content, marks });
}

/// The runs of one engine text.
pub(crate) fn read_text<T: ReadTxn>(txn: &T, text: &TextRef) -> Vec<Run> {
    let mut runs = Vec::new();
    read_text_into(txn, text, &mut runs);
    runs
}

fn read_text_into<T: ReadTxn>(txn: &T, text: &TextRef, runs: &mut Vec<Run>) {
    for chunk in text.diff(txn, |_| ()) {
        let marks = marks_of(chunk.attributes.as_deref());
        match &chunk.insert {
            Out::Any(Any::String(part)) if part.is_empty() => {}
            Out::Any(Any::String(part)) => {
                push_run(runs, Inline::Text(part.to_string()), marks);
            }
            Out::Any(any) => push_run(runs, Inline::Embed(from_any(any)), marks),
            other => push_run(runs, Inline::Embed(from_out(other)), marks),
        }
    }
}

/// What stands under a fragment or element, texts side by side joined.
pub(crate) fn read_children<T: ReadTxn, X: XmlFragment>(txn: &T, parent: &X) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for child in parent.children(txn) {
        match child {
            XmlOut::Element(element) => nodes.push(Node::Block(read_block(txn, &element))),
            XmlOut::Text(text) => {
                if let Some(Node::Text(runs)) = nodes.last_mut() {
                    read_text_into(txn, text.as_ref(), runs);
                } else {
                    let runs = read_text(txn, text.as_ref());
                    if !runs.is_empty() {
                        nodes.push(Node::Text(runs));
                    }
                }
            }
            // The gate lets only elements and texts into a tree.
            XmlOut::Fragment(_) => {}
        }
    }
    nodes
}

/// A block with all it holds.
pub(crate) fn read_block<T: ReadTxn>(txn: &T, element: &XmlElementRef) -> Block {
    Block {
        tag: element
            .try_tag()
            .map(|tag| tag.to_string())
            .unwrap_or_default(),
        attributes: read_attributes(txn, element),
        children: read_children(txn, element),
    }
}

/// A block's attributes; one that is null counts as absent.
pub(crate) fn read_attributes<T: ReadTxn>(
    txn: &T,
    element: &XmlElementRef,
) -> BTreeMap<String, Value> {
    element
        .attributes(txn)
        .map(|(name, value)| (name.to_owned(), from_out(&value)))
        .filter(|(_, value)| *value != Value::Null)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_runs_were_cut_does_not_show() {
        let bold = Marks::from([("bold".to_owned(), Value::Bool(true))]);
        let mut cut = Vec::new();
        push_run(&mut cut, Inline::Text("ab".into()), bold.clone());
        push_run(&mut cut, Inline::Text("c".into()), bold.clone());
        let mut whole = Vec::new();
        push_run(&mut whole, Inline::Text("abc".into()), bold);
        assert_eq!(
            BodyView::Text(cut).digest(),
            BodyView::Text(whole.clone()).digest()
        );
        assert_ne!(
            BodyView::Text(whole).digest(),
            BodyView::Text(vec![]).digest()
        );
    }

    #[test]
    fn links_come_in_order_and_once() {
        let link = |to: &str| Marks::from([("link".to_owned(), Value::from(to))]);
        let mut linked_bold = link("b");
        linked_bold.insert("bold".into(), Value::Bool(true));
        let runs = vec![
            Run {
                content: Inline::Text("x".into()),
                marks: link("a"),
            },
            Run {
                content: Inline::Text("y".into()),
                marks: link("b"),
            },
            Run {
                content: Inline::Text("z".into()),
                marks: linked_bold,
            },
        ];
        assert_eq!(BodyView::Text(runs).links(), ["a", "b"]);
    }
}
