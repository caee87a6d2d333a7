//! What a body holds, for people and programs.

use super::desk::text_of;
use anabranch::core::{
    body::{Block, BodyView, Inline, Node, Run},
    value::Value,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// How long a text is, in UTF-16 units.
pub fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// The index of the last block; none where there is none.
pub fn last_block(view: Option<&BodyView>) -> Option<u32> {
    match view {
        Some(BodyView::Tree(nodes)) => {
            let blocks = nodes
                .iter()
                .filter(|node| matches!(node, Node::Block(_)))
                .count();
            u32::try_from(blocks).ok()?.checked_sub(1)
        }
        Some(BodyView::Text(_)) | None => None,
    }
}

/// How long a text of a body is.
pub fn len(view: Option<&BodyView>, path: &[u32]) -> u32 {
    let text = view.and_then(|view| text_of(view, path));
    text.map_or(0, |text| units(&text))
}

/// A body for people: blocks by their tags, formats in brackets.
pub fn marked(view: &BodyView) -> String {
    fn runs(all: &[Run], out: &mut String) {
        for run in all {
            let text = match &run.content {
                Inline::Text(text) => text.clone(),
                Inline::Embed(value) => format!("[{}]", value.to_json()),
            };
            match run.marks.is_empty() {
                true => out.push_str(&text),
                false => {
                    let names: Vec<&str> = run.marks.keys().map(String::as_str).collect();
                    out.push_str(&format!("[{text}]({})", names.join(" ")));
                }
            }
        }
    }
    fn block(one: &Block, depth: usize, out: &mut String) {
        out.push_str(&"  ".repeat(depth));
        out.push_str(&one.tag);
        out.push_str(": ");
        let mut inner = Vec::new();
        for node in &one.children {
            match node {
                Node::Text(all) => runs(all, out),
                Node::Block(block) => inner.push(block),
            }
        }
        out.push('\n');
        inner.into_iter().for_each(|one| block(one, depth + 1, out));
    }
    let mut out = String::new();
    match view {
        BodyView::Text(all) => runs(all, &mut out),
        BodyView::Tree(nodes) => nodes.iter().for_each(|node| match node {
            Node::Text(all) => runs(all, &mut out),
            Node::Block(one) => block(one, 0, &mut out),
        }),
    }
    out
}

/// A body for programs.
pub fn view_json(view: &BodyView) -> Json {
    fn map(values: &BTreeMap<String, Value>) -> Json {
        Value::Map(values.clone()).to_json()
    }
    fn runs(all: &[Run]) -> Json {
        let all = all.iter().map(|run| match &run.content {
            Inline::Text(text) => json!({ "text": text, "marks": map(&run.marks) }),
            Inline::Embed(value) => json!({ "embed": value.to_json(), "marks": map(&run.marks) }),
        });
        all.collect()
    }
    fn nodes(all: &[Node]) -> Json {
        let all = all.iter().map(|node| match node {
            Node::Text(all) => runs(all),
            Node::Block(block) => json!({
                "tag": block.tag, "attributes": map(&block.attributes), "children": nodes(&block.children),
            }),
        });
        all.collect()
    }
    match view {
        BodyView::Text(all) => runs(all),
        BodyView::Tree(all) => nodes(all),
    }
}
