//! Honest updates made hostile: their structure or their bytes changed at random.

use crate::{
    rng::Rng,
    wire::{self, Block, Id, Parent, Update},
};

/// What a mutation may draw on.
pub struct Stock<'a> {
    /// Every client with the clock it has reached.
    pub clocks: &'a [(u64, u32)],
    /// Other honest updates.
    pub others: &'a [&'a [u8]],
    /// The author.
    pub client: u64,
    /// Its next clock.
    pub clock: u32,
}

/// One to four changes to an update: of its structure in seven of ten cases, of bytes in four.
pub fn mutate(honest: &[u8], stock: &Stock<'_>, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    let kind = rng.below(10);
    if kind < 7
        && let Some(mut update) = Update::parse(&bytes)
    {
        for _ in 0..1 + rng.below(4) {
            structure(&mut update, stock, rng);
        }
        bytes = update.encode();
    }
    if kind >= 6 {
        for _ in 0..1 + rng.below(4) {
            flip(&mut bytes, rng.pick(stock.others), rng);
        }
    }
    bytes
}

/// Mostly an id that exists; sometimes one just past the end, or out of the blue.
fn id(update: &Update, stock: &Stock<'_>, rng: &mut Rng) -> Id {
    if rng.one_in(12) {
        let bits = 1 + rng.below(53);
        return (
            rng.next() >> (64 - bits),
            rng.next() as u32 >> rng.below(32),
        );
    }
    let own = (stock.client, stock.clock + update.units());
    let (client, end) = match rng.below(3) {
        0 => own,
        _ => rng.pick(stock.clocks),
    };
    match rng.one_in(20) {
        true => (client, end + rng.below(2) as u32),
        false => (client, rng.below(end.max(1) as usize) as u32),
    }
}

fn structure(update: &mut Update, stock: &Stock<'_>, rng: &mut Rng) {
    if update.blocks.is_empty() && rng.one_in(2) {
        update.section = true;
        (update.client, update.clock) = (stock.client, stock.clock);
        let mut block = wire::text(Some(id(update, stock, rng)), None, None, "new");
        content(&mut block, rng);
        update.blocks.push(block);
    }
    let fresh = id(update, stock, rng);
    let maybe = (!rng.one_in(5)).then_some(fresh);
    let count = update.blocks.len();
    let kind = rng.below(17);
    if (kind < 10 || kind == 16) && count == 0 {
        return;
    }
    let at = rng.below(count.max(1));
    match kind {
        0 | 1 => update.blocks[at].left = maybe,
        2 | 3 => update.blocks[at].right = maybe,
        4 => {
            let block = &mut update.blocks[at];
            (block.left, block.right) = (block.right, block.left);
        }
        5 => {
            let block = &mut update.blocks[at];
            (block.left, block.right) = (None, None);
            block.parent = Some(match rng.one_in(2) {
                true => Parent::Root((rng.pick(&["body", "body", "other", ""])).into()),
                false => Parent::Id(fresh),
            });
        }
        6 => {
            let block = &mut update.blocks[at];
            block.attribute = !block.attribute;
            block.key = Some((rng.pick(&["level", "align", "", "k\u{1}"])).into());
        }
        7 => content(&mut update.blocks[at], rng),
        8 => {
            let copy = update.blocks[at].clone();
            update.blocks.insert(rng.below(count + 1), copy);
        }
        9 => drop(update.blocks.remove(at)),
        10 | 11 => delete(update, fresh, 1 + rng.below(4) as u32),
        12 | 13 => nudge(update, rng),
        14 => {
            let other = Update::parse(rng.pick(stock.others)).unwrap();
            if let (Some(from), Some(to)) = (other.blocks.first(), update.blocks.get_mut(at)) {
                (to.reference, to.content, to.len) =
                    (from.reference, from.content.clone(), from.len);
            }
        }
        15 => match rng.below(8) {
            0 => update.clock = (update.clock + rng.below(3) as u32).saturating_sub(1),
            1 => update.client = fresh.0,
            _ => {}
        },
        // A block that goes on where another one ends: crooked only by what lies between.
        _ => {
            let (clock, block) = update.clocked().nth(at).unwrap();
            let last = (update.client, (clock + block.len).saturating_sub(1));
            let new = wire::text(Some(last), block.right, None, "z");
            update.blocks.push(new);
        }
    }
}

fn delete(update: &mut Update, (client, clock): Id, len: u32) {
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

fn nudge(update: &mut Update, rng: &mut Rng) {
    if update.deletes.is_empty() {
        return;
    }
    let at = rng.below(update.deletes.len());
    let ranges = &mut update.deletes[at].1;
    if ranges.is_empty() {
        return;
    }
    let at = rng.below(ranges.len());
    let (start, len) = &mut ranges[at];
    match rng.below(5) {
        0 => *start = start.wrapping_add(1),
        1 => *start = start.saturating_sub(1),
        2 => *len = len.wrapping_add(1 + rng.below(3) as u32),
        3 => *len = len.saturating_sub(1),
        _ => {
            let range = ranges[at];
            ranges.push(range);
        }
    }
}

/// Other content, well formed by itself or nearly so.
fn content(block: &mut Block, rng: &mut Rng) {
    let mut out = vec![];
    block.len = 1;
    block.reference = rng.pick(&[3, 4, 4, 4, 5, 6, 7, 7, 8, 8]);
    match block.reference {
        3 => wire::bytes(&mut out, b"xyz"),
        4 => {
            let text = rng.pick(&["a", "bc", "😀", "x😀😀y", "é", "", "longer text here"]);
            block.len = text.encode_utf16().count() as u32;
            wire::bytes(&mut out, text.as_bytes());
        }
        5 => {
            let texts = [
                "{\"image\":1}",
                "null",
                "[1,[2]]",
                "1e5",
                "-0",
                "1.5e-7",
                "{",
            ];
            wire::bytes(&mut out, rng.pick(&texts).as_bytes());
        }
        6 => {
            wire::bytes(&mut out, rng.pick(&["bold", "italic", "link"]).as_bytes());
            let value = rng.pick(&["true", "null", "{\"href\":\"x\"}", "\"\\ud83d\""]);
            wire::bytes(&mut out, value.as_bytes());
        }
        7 => {
            let kind = rng.pick(&[0u8, 1, 2, 3, 3, 3, 4, 5, 6, 6, 7, 9, 15]);
            out.push(kind);
            if kind == 3 {
                let tag = rng.pick(&["paragraph", "image", "", "no tag"]);
                wire::bytes(&mut out, tag.as_bytes());
            }
        }
        _ => {
            let values: [&[u8]; 9] = [
                &[126],
                &[125, 7],
                &[125, 0x40],
                &[119, 1, b'v'],
                &[117, 2, 120, 127],
                &[118, 1, 1, b'q', 126],
                &[123, 0x3f, 0xd5, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55],
                &[116, 2, 0, 1],
                &[124, 0x3f, 0xc0, 0, 0],
            ];
            block.len = 1 + rng.below(3) as u32;
            wire::var(&mut out, u64::from(block.len));
            (0..block.len).for_each(|_| out.extend_from_slice(rng.pick(&values)));
        }
    }
    block.content = out;
}

/// One change to the bytes.
fn flip(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(0);
    }
    let count = bytes.len();
    let at = rng.below(count);
    match rng.below(11) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.next() as u8,
        2 => bytes[at] = rng.pick(&[0, 1, 127, 128, 255, 64, 10, 0x84, 0xc4, 0x28]),
        3 => bytes.insert(at, rng.next() as u8),
        4 => drop(bytes.remove(at)),
        5 => bytes.truncate(at),
        6 => {
            let end = (at + 1 + rng.below(8)).min(count);
            let copy = bytes[at..end].to_vec();
            let to = rng.below(count + 1);
            bytes.splice(to..to, copy);
        }
        7 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.below(other.len())..]);
        }
        // A number at its borders, or one more or less.
        _ => {
            let end = (at..count)
                .find(|at| bytes[*at] < 0x80)
                .unwrap_or(count - 1);
            let number = match rng.below(9) {
                0 => 0,
                1 => u64::from(u32::MAX),
                2 => (1 << 31) - 1,
                3 => 1 << 31,
                4 => 1 << 53,
                5 => rng.next() >> rng.below(64),
                6 => u64::MAX,
                7 => u64::from(bytes[at]).wrapping_add(1) & 0x7f,
                _ => u64::from(bytes[at]).wrapping_sub(1) & 0x7f,
            };
            let mut out = vec![];
            wire::var(&mut out, number);
            bytes.splice(at..=end, out);
        }
    }
}
