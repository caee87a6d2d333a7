//! Who wrote what of a text.

use super::Desk;
use anabranch::core::{
    body::{Block, BodyView, Inline, Node, Run},
    document::EngineDoc,
    hlc::Hlc,
    id::{ChangeSetId, EntityId, OriginId, UserId},
    record::unnumbered,
};

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

fn slice(whole: &[u16], at: u32, len: u32) -> String {
    let part = whole.iter().skip(at as usize).take(len as usize);
    String::from_utf16_lossy(&part.copied().collect::<Vec<u16>>())
}

/// The text of a block, in units as blame counts them: what is no text is one unit.
pub fn text_of(view: &BodyView, path: &[u32]) -> Option<String> {
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
