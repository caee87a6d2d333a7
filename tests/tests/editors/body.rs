//! Bodies as the editors tell of them, and random edits by our own operations.

use anabranch_core::{
    body::{Block, BodyOp, BodyView, Inline, Marks, Node, Run},
    sim::Rng,
    value::Value,
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// What stands in the Yjs types: blocks as tag, attributes and children, texts as lists of runs.
pub fn content_of(view: &BodyView) -> Json {
    match view {
        BodyView::Text(runs) => runs_of(runs),
        BodyView::Tree(nodes) => nodes.iter().map(node_of).collect(),
    }
}

fn node_of(node: &Node) -> Json {
    match node {
        Node::Text(runs) => runs_of(runs),
        Node::Block(block) => json!({
            "tag": block.tag,
            "attributes": map_of(&block.attributes),
            "children": block.children.iter().map(node_of).collect::<Json>(),
        }),
    }
}

fn runs_of(runs: &[Run]) -> Json {
    runs.iter()
        .map(|run| match &run.content {
            Inline::Text(text) => json!({ "text": text, "marks": map_of(&run.marks) }),
            Inline::Embed(value) => json!({ "embed": json_of(value), "marks": map_of(&run.marks) }),
        })
        .collect()
}

/// What ProseMirror shows: nodes and marks by the names of its schema, without what is the schema's
/// own default.
pub fn prosemirror_of(view: &BodyView) -> Json {
    let BodyView::Tree(nodes) = view else {
        panic!("no tree")
    };
    shown_nodes(nodes)
}

fn shown_nodes(nodes: &[Node]) -> Json {
    let shown = nodes.iter().flat_map(|node| match node {
        Node::Block(block) => vec![shown_block(block)],
        Node::Text(runs) => runs.iter().map(shown_run).collect(),
    });
    shown.collect()
}

fn shown_block(block: &Block) -> Json {
    let mut node = json!({ "type": block.tag, "attrs": written(&block.tag, &block.attributes) });
    if !block.children.is_empty() {
        node["content"] = shown_nodes(&block.children);
    }
    node
}

fn shown_run(run: &Run) -> Json {
    let Inline::Text(text) = &run.content else {
        panic!("an embed in a tree")
    };
    let mut node = json!({ "type": "text", "text": text, "attrs": {} });
    if !run.marks.is_empty() {
        let mut marks: Vec<Json> = run
            .marks
            .iter()
            .map(|(name, value)| {
                let attributes = match value {
                    Value::Map(attributes) => written(name, attributes),
                    _ => json!({}),
                };
                json!({ "type": name, "attrs": attributes })
            })
            .collect();
        // ProseMirror keeps marks in the order of its schema.
        let rank = |mark: &Json| {
            let order = ["link", "bold", "code", "italic", "strike", "underline"];
            order.iter().position(|name| mark["type"] == **name)
        };
        marks.sort_by_key(rank);
        node["marks"] = marks.into();
    }
    node
}

/// The attributes of a node or mark that are not the schema's own.
fn written(of: &str, attributes: &BTreeMap<String, Value>) -> Json {
    let own = |name: &str| match (of, name) {
        ("heading", "level") | ("orderedList", "start") => Value::Int(1),
        ("link", "target") => "_blank".into(),
        ("link", "rel") => "noopener noreferrer nofollow".into(),
        _ => Value::Null,
    };
    attributes
        .iter()
        .filter(|(name, value)| **value != own(name))
        .map(|(name, value)| (name.clone(), json_of(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn map_of(map: &BTreeMap<String, Value>) -> Json {
    let present = map.iter().filter(|(_, value)| **value != Value::Null);
    let entries: Map<String, Json> = present
        .map(|(name, value)| (name.clone(), json_of(value)))
        .collect();
    entries.into()
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) | Value::Time(number) => json!(number),
        Value::Float(number) => json!(number.as_f64()),
        Value::Text(text) => json!(text),
        Value::Bytes(_) => panic!("bytes in a body"),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), json_of(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

const WORDS: [&str; 5] = ["bend ", "weir 🌊", "ford", "x", "a few words more "];

/// A random edit of a text.
pub fn random_text_ops(view: &BodyView, rng: &mut Rng) -> Vec<BodyOp> {
    let BodyView::Text(runs) = view else {
        panic!("no text")
    };
    let units: u32 = runs.iter().map(|run| run.content.units()).sum();
    vec![random_text_op(Vec::new(), runs, units, rng, "link")]
}

/// A random edit of a text, or of the first blocks of a tree that keeps to Tiptap's schema.
pub fn random_ops(view: &BodyView, rng: &mut Rng) -> Vec<BodyOp> {
    let nodes = match view {
        BodyView::Text(_) => return random_text_ops(view, rng),
        BodyView::Tree(nodes) => nodes,
    };
    let blocks: Vec<&Block> = nodes
        .iter()
        .filter_map(|node| match node {
            Node::Block(block) => Some(block),
            Node::Text(_) => None,
        })
        .collect();
    let paragraph = |at: usize, text: &str| BodyOp::InsertBlock {
        at: vec![at as u32],
        tag: "paragraph".to_owned(),
        attributes: BTreeMap::new(),
        text: text.to_owned(),
    };
    if blocks.is_empty() {
        return vec![paragraph(0, WORDS[rng.below(WORDS.len())])];
    }
    let at = rng.below(blocks.len());
    let path = vec![at as u32];
    let block = blocks[at];
    let textual = ["paragraph", "heading"].contains(&block.tag.as_str());
    match rng.below(9) {
        0 => vec![paragraph(at, WORDS[rng.below(WORDS.len())])],
        1 => vec![BodyOp::MoveBlock {
            from: path,
            to: vec![rng.below(blocks.len() + 1) as u32],
        }],
        2 if blocks.len() > 2 => vec![BodyOp::DeleteBlock { block: path }],
        3 if block.tag == "heading" => vec![BodyOp::SetAttribute {
            block: path,
            name: "level".to_owned(),
            value: Value::Int(1 + rng.below(6) as i64),
        }],
        4 if textual => vec![BodyOp::SplitBlock {
            block: path,
            at: border(block, rng),
        }],
        _ if textual => match block.children.first() {
            Some(Node::Text(runs)) => {
                let units = runs.iter().map(|run| run.content.units()).sum();
                vec![random_text_op(path, runs, units, rng, "italic")]
            }
            _ => vec![BodyOp::Splice {
                text: path,
                at: 0,
                delete: 0,
                insert: WORDS[rng.below(WORDS.len())].to_owned(),
                marks: None,
            }],
        },
        _ => vec![paragraph(at, "beside ")],
    }
}

/// A border between characters of a block's first text.
fn border(block: &Block, rng: &mut Rng) -> u32 {
    match block.children.first() {
        Some(Node::Text(runs)) => place(runs, rng),
        _ => 0,
    }
}

fn place(runs: &[Run], rng: &mut Rng) -> u32 {
    let mut borders = vec![0];
    let mut at = 0;
    for run in runs {
        match &run.content {
            Inline::Text(text) => {
                for char in text.chars() {
                    at += char.len_utf16() as u32;
                    borders.push(at);
                }
            }
            Inline::Embed(_) => {
                at += 1;
                borders.push(at);
            }
        }
    }
    borders[rng.below(borders.len())]
}

fn random_text_op(text: Vec<u32>, runs: &[Run], units: u32, rng: &mut Rng, third: &str) -> BodyOp {
    let (one, other) = (place(runs, rng), place(runs, rng));
    let (from, to) = (one.min(other), one.max(other));
    match rng.below(4) {
        0 => BodyOp::Splice {
            text,
            at: from,
            delete: if units > 20 { to - from } else { 0 },
            insert: WORDS[rng.below(WORDS.len())].to_owned(),
            marks: None,
        },
        1 => {
            let name = ["bold", "italic", third][rng.below(3)];
            let value = match (rng.below(3), name) {
                (0, _) => Value::Null,
                (_, "link") => Value::from("https://example.com"),
                _ => Value::Map(BTreeMap::new()),
            };
            BodyOp::Format {
                text,
                at: from,
                len: to - from,
                marks: Marks::from([(name.to_owned(), value)]),
            }
        }
        _ => BodyOp::Splice {
            text,
            at: from,
            delete: 0,
            insert: WORDS[rng.below(WORDS.len())].to_owned(),
            marks: None,
        },
    }
}
