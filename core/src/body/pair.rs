//! Which units of one update another made again.

use super::{
    ids::{IdMap, ItemId},
    state::State,
};
use yrs::block::ItemContent;

impl IdMap {
    /// Notes that one update made again what another had made: texts, embeds, blocks and
    /// attributes, each kind in its order. What only one of them holds (borders of formats, which
    /// depend on what stands around) is left out.
    pub fn pair(&mut self, old: &[u8], new: &[u8]) {
        let (Some(old), Some(new)) = (State::read(old), State::read(new)) else {
            return;
        };
        for kind in [Kind::Text, Kind::Embed, Kind::Container, Kind::Attribute] {
            let mut news = units_of_kind(&new, kind);
            for (old, len) in units_of_kind(&old, kind) {
                let mut by = 0_u32;
                while by < len {
                    let Some((new, left)) = news.first_mut() else {
                        return;
                    };
                    let count = (*left).min(len.saturating_sub(by));
                    self.insert(old.plus(by), *new, count);
                    by = by.saturating_add(count);
                    *new = new.plus(count);
                    *left = left.saturating_sub(count);
                    if *left == 0 {
                        news.remove(0);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Embed,
    Container,
    Attribute,
}

fn units_of_kind(update: &State, kind: Kind) -> Vec<(ItemId, u32)> {
    update
        .blocks()
        .filter(|block| match &block.content {
            ItemContent::String(_) => kind == Kind::Text,
            ItemContent::Embed(_) => kind == Kind::Embed,
            ItemContent::Type(_) => kind == Kind::Container,
            ItemContent::Any(_) => kind == Kind::Attribute,
            ItemContent::Format(_, _)
            | ItemContent::Binary(_)
            | ItemContent::Deleted(_)
            | ItemContent::Doc(_, _)
            | ItemContent::JSON(_) => false,
        })
        .map(|block| (block.id, block.len))
        .collect()
}
