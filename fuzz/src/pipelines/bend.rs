//! Updates whose structure means something else.

use crate::form::update::{
    ANY, Block, EMBED, FORMAT, Parent, STRING, TYPE, Unit, Update, put_sized,
};
use anabranch_core::sim::Rng;

/// One to three changes; of two updates one keeps neighbours and places, so that many come through.
pub(crate) fn structure(
    rng: &mut Rng,
    update: &mut Update,
    clocks: &[(u64, u64)],
    client: u64,
    clock: u64,
) {
    if rng.one_in(2) && !update.blocks.is_empty() {
        return mild(rng, update);
    }
    for _ in 0..1 + rng.below(3) {
        once(rng, update, clocks, client, clock);
    }
}

/// Another text, another value, more text behind.
fn mild(rng: &mut Rng, update: &mut Update) {
    let at = rng.below(update.blocks.len());
    let block = &mut update.blocks[at];
    match block.reference {
        STRING => {
            let words = ["a", "other text", "🌊", "é🌊é", "\n", "x"];
            *block = Block {
                keyed: block.keyed,
                key: block.key.clone(),
                ..Block::text(
                    block.left,
                    block.right,
                    block.parent.clone(),
                    words[rng.below(words.len())],
                )
            };
        }
        EMBED | FORMAT | ANY => content(rng, block, &[block.reference]),
        _ => {}
    }
    if rng.one_in(3) && update.blocks.len() == 1 && update.blocks[0].reference == STRING {
        let right = update.blocks[0].right;
        let last = (
            update.client,
            update.clock.wrapping_add(update.units()).wrapping_sub(1),
        );
        update
            .blocks
            .push(Block::text(Some(last), right, None, "on"));
    }
}

/// Mostly a unit that exists; sometimes one just past the end, or out of the blue.
fn unit(rng: &mut Rng, update: &Update, clocks: &[(u64, u64)], client: u64, clock: u64) -> Unit {
    if rng.one_in(12) {
        return (
            rng.next() >> (11 + rng.below(53)),
            rng.next() >> (33 + rng.below(31)),
        );
    }
    let own = (client, clock.wrapping_add(update.units()));
    let (client, end) = match rng.below(clocks.len() + 1) {
        at if at < clocks.len() => clocks[at],
        _ => own,
    };
    if rng.one_in(20) {
        (client, end.wrapping_add(rng.below(2) as u64))
    } else {
        (client, rng.below(end.max(1) as usize) as u64)
    }
}

fn once(rng: &mut Rng, update: &mut Update, clocks: &[(u64, u64)], client: u64, clock: u64) {
    let fresh = unit(rng, update, clocks, client, clock);
    let maybe = (!rng.one_in(5)).then_some(fresh);
    let count = update.blocks.len();
    let kind = rng.below(18);
    if count == 0 && kind < 12 {
        (update.client, update.clock) = (client, clock);
        let mut block = Block::text(maybe, None, Some(Parent::Root(b"default".to_vec())), "new");
        if rng.one_in(2) {
            content(rng, &mut block, &[STRING, EMBED, FORMAT, TYPE, ANY]);
        }
        return update.blocks.push(block);
    }
    let at = rng.below(count.max(1));
    match kind {
        0 | 1 => update.blocks[at].left = maybe,
        2 | 3 => update.blocks[at].right = maybe,
        4 => {
            let block = &mut update.blocks[at];
            std::mem::swap(&mut block.left, &mut block.right);
        }
        5 => {
            let roots: [&[u8]; 5] = [b"default", b"text", b"body", b"", b"other"];
            let block = &mut update.blocks[at];
            (block.left, block.right) = (None, None);
            let root = Parent::Root(roots[rng.below(roots.len())].to_vec());
            block.parent = Some(if rng.one_in(2) {
                root
            } else {
                Parent::Unit(fresh)
            });
        }
        6 => {
            let keys: [&[u8]; 5] = [b"level", b"align", b"", b"k\x01", b"\xff"];
            let block = &mut update.blocks[at];
            block.keyed = !block.keyed;
            block.key = keys[rng.below(keys.len())].to_vec();
        }
        7 | 8 => content(
            rng,
            &mut update.blocks[at],
            &[
                1, 3, STRING, STRING, EMBED, FORMAT, TYPE, TYPE, ANY, ANY, 0, 9, 10,
            ],
        ),
        9 => {
            let copy = update.blocks[at].clone();
            update.blocks.insert(rng.below(count + 1), copy);
        }
        10 => drop(update.blocks.remove(at)),
        11 => {
            let last = (
                update.client,
                update.clock.wrapping_add(update.units()).wrapping_sub(1),
            );
            let right = update.blocks[at].right;
            update
                .blocks
                .push(Block::text(Some(last), right, None, "z"));
        }
        12 | 13 => delete(update, fresh, 1 + rng.below(4) as u64),
        14 | 15 => nudge(rng, update),
        16 => match rng.below(6) {
            0 => update.clock = update.clock.wrapping_add(1),
            1 => update.client = fresh.0,
            _ => {}
        },
        _ => update.deletes.clear(),
    }
}

fn delete(update: &mut Update, (client, clock): Unit, len: u64) {
    match update.deletes.iter_mut().find(|(of, _)| *of == client) {
        Some((_, ranges)) => {
            ranges.push((clock, len));
            ranges.sort_unstable();
        }
        None => {
            update.deletes.push((client, vec![(clock, len)]));
            update.deletes.sort_unstable();
        }
    }
}

fn nudge(rng: &mut Rng, update: &mut Update) {
    let ranges: Vec<&mut (u64, u64)> = update
        .deletes
        .iter_mut()
        .flat_map(|(_, ranges)| ranges)
        .collect();
    let count = ranges.len();
    let Some((start, len)) = ranges.into_iter().nth(rng.below(count)) else {
        return;
    };
    match rng.below(5) {
        0 => *start = start.wrapping_add(1),
        1 => *start = start.saturating_sub(1),
        2 => *len = len.wrapping_add(1 + rng.below(3) as u64),
        3 => *len = len.saturating_sub(1),
        _ => *len = [u64::from(u32::MAX), 1 << 31, u64::MAX][rng.below(3)],
    }
}

/// Other content, well formed by itself or nearly so.
fn content(rng: &mut Rng, block: &mut Block, references: &[u8]) {
    let mut out = Vec::new();
    block.len = 1;
    block.reference = references[rng.below(references.len())];
    match block.reference {
        STRING => {
            let texts = ["a", "bc", "😀", "x😀😀y", "é", "", "longer text here"];
            let text = texts[rng.below(texts.len())];
            block.len = text.encode_utf16().count() as u64;
            put_sized(&mut out, text.as_bytes());
        }
        EMBED => {
            let texts = [
                "{\"image\":1}",
                "null",
                "[1,[2]]",
                "1e5",
                "-0",
                "1.5e-7",
                "{",
                "\"\\ud800\"",
                "1e999",
            ];
            put_sized(&mut out, texts[rng.below(texts.len())].as_bytes());
        }
        FORMAT => {
            let keys = ["bold", "italic", "link", ""];
            let values = ["true", "null", "{\"href\":\"x\"}", "\"\\ud83d\"", "false"];
            put_sized(&mut out, keys[rng.below(keys.len())].as_bytes());
            put_sized(&mut out, values[rng.below(values.len())].as_bytes());
        }
        TYPE => {
            let kinds = [0u8, 1, 2, 3, 3, 3, 4, 5, 6, 6, 7, 9, 15];
            let kind = kinds[rng.below(kinds.len())];
            out.push(kind);
            if kind == 3 {
                let tags = ["paragraph", "image", "", "no tag", "9"];
                put_sized(&mut out, tags[rng.below(tags.len())].as_bytes());
            }
        }
        ANY => {
            let values: [&[u8]; 10] = [
                &[126],
                &[125, 7],
                &[125, 0x40],
                &[119, 1, b'v'],
                &[117, 2, 120, 127],
                &[118, 1, 1, b'q', 126],
                &[123, 0x3f, 0xd5, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55],
                &[116, 2, 0, 1],
                &[124, 0x3f, 0xc0, 0, 0],
                &[118, 0xff, 0xff, 0x3f],
            ];
            block.len = 1 + rng.below(3) as u64;
            out.push(block.len as u8);
            (0..block.len).for_each(|_| out.extend_from_slice(values[rng.below(values.len())]));
        }
        _ => put_sized(&mut out, b"xyz"),
    }
    block.content = out;
}
