//! Writing an update in the compact form.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    CONTROL_CLIENT, CONTROL_CLOCK, CONTROL_RAW, Crowd, DELETE_AFTER, DELETE_BEFORE, DELETE_ONE,
    DELETE_OWN_LAST, DELETE_RANGE, FORM_CONTROL, FORM_DELETE, FORM_SEVERAL, LEFT_CODED, LEFT_NONE,
    LEFT_OWN_LAST, LEFT_SPLIT, Pen, RIGHT_CODED, RIGHT_NONE, RIGHT_SAME, SEVERAL_GENERAL,
    SEVERAL_REPLACE, Span, after, before,
    unpack::rebuild,
    update::{Block, Parent, Unit, Update},
};
use crate::wire::bytes::{put_bytes, put_number, put_signed, zigzag};

/// Writes `update` relative to what both ends know, and moves that knowledge on. The result always
/// rebuilds to the same bytes: where the compact form would not, or is longer, the update is carried
/// raw, which is one byte more than itself.
pub fn pack(update: &[u8], pen: &mut Pen, crowd: &mut Crowd) -> Vec<u8> {
    if let Ok(parsed) = Update::parse(update) {
        let compact = compact(&parsed, pen, crowd);
        if let Ok((rebuilt, trail)) = rebuild(&compact, pen, crowd)
            && rebuilt == update
            && compact.len() <= update.len().saturating_add(1)
        {
            pen.learn(&trail);
            crowd.learn(&trail);
            return compact;
        }
    }
    let mut raw = Vec::with_capacity(update.len().saturating_add(1));
    raw.push(FORM_CONTROL | CONTROL_RAW << 3);
    raw.extend_from_slice(update);
    raw
}

fn compact(update: &Update<'_>, pen: &Pen, crowd: &Crowd) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::with_capacity(16),
        home: pen.home(),
        right: pen.right,
        crowd,
        fresh: Vec::new(),
    };
    if update.inserts {
        if pen.client != Some(update.client) {
            writer.out.push(FORM_CONTROL | CONTROL_CLIENT << 3);
            put_number(&mut writer.out, update.client);
            put_number(&mut writer.out, u64::from(update.clock));
        } else if pen.next != update.clock {
            writer.out.push(FORM_CONTROL | CONTROL_CLOCK << 3);
            put_number(&mut writer.out, u64::from(update.clock));
        }
        writer.home = Unit {
            client: update.client,
            clock: update.clock,
        };
    }
    match (update.blocks.as_slice(), update.deletes.as_slice()) {
        ([block], []) => writer.block(block, true),
        ([], [(client, ranges)]) if ranges.len() == 1 => {
            for (start, len) in ranges {
                writer.delete(pen.deleted, *client, *start, *len);
            }
        }
        ([block], [(client, ranges)]) if ranges.len() == 1 => {
            writer.out.push(FORM_SEVERAL | SEVERAL_REPLACE << 3);
            let base = deleted_base(pen.deleted, writer.home);
            for (start, len) in ranges {
                let start = Unit {
                    client: *client,
                    clock: *start,
                };
                writer.unit(start, base);
                put_number(&mut writer.out, u64::from(*len));
            }
            writer.block(block, true);
        }
        (blocks, deletes) => {
            writer.out.push(FORM_SEVERAL | SEVERAL_GENERAL << 3);
            put_number(&mut writer.out, blocks.len() as u64);
            for block in blocks {
                writer.block(block, false);
            }
            put_number(&mut writer.out, deletes.len() as u64);
            for (client, ranges) in deletes {
                writer.client(*client);
                put_number(&mut writer.out, ranges.len() as u64);
                let mut near = crowd.near(*client);
                for (start, len) in ranges {
                    put_signed(
                        &mut writer.out,
                        i64::from(*start).wrapping_sub(i64::from(near)),
                    );
                    put_number(&mut writer.out, u64::from(*len));
                    near = start.saturating_add(*len);
                }
            }
        }
    }
    writer.out
}

/// The unit from which the start of a deletion is measured.
pub(super) fn deleted_base(deleted: Option<Span>, home: Unit) -> Unit {
    deleted.map_or(home, |span| Unit {
        client: span.client,
        clock: span.start,
    })
}

struct Writer<'a> {
    out: Vec<u8>,
    /// The author's next unit.
    home: Unit,
    /// The right origin of the block before.
    right: Option<Unit>,
    crowd: &'a Crowd,
    /// Clients written out in this update, numbered after the table's.
    fresh: Vec<u64>,
}

impl Writer<'_> {
    fn block(&mut self, block: &Block<'_>, last: bool) {
        let left = match block.left {
            None => LEFT_NONE,
            Some(left) if Some(left) == before(self.home) => LEFT_OWN_LAST,
            Some(left)
                if block.right.is_some()
                    && block.right == after(left)
                    && block.right != self.right =>
            {
                LEFT_SPLIT
            }
            Some(_) => LEFT_CODED,
        };
        let right = match block.right {
            _ if left == LEFT_SPLIT => RIGHT_NONE,
            None => RIGHT_NONE,
            same if same == self.right => RIGHT_SAME,
            Some(_) => RIGHT_CODED,
        };
        self.out
            .push(block.content.code() | left << 3 | right << 5 | u8::from(block.keyed) << 7);
        if let Some(unit) = block.left
            && (left == LEFT_CODED || left == LEFT_SPLIT)
        {
            self.unit(unit, self.home);
        }
        if let Some(unit) = block.right
            && right == RIGHT_CODED
        {
            self.unit(unit, block.left.unwrap_or(self.home));
        }
        match block.parent {
            Some(Parent::Root(name)) => {
                put_number(&mut self.out, (name.len() as u64).saturating_add(1));
                self.out.extend_from_slice(name);
            }
            Some(Parent::Item(unit)) => {
                self.out.push(0);
                self.unit(unit, self.home);
            }
            None => {}
        }
        if block.parent.is_some() && block.keyed {
            put_bytes(&mut self.out, block.key);
        }
        if !last {
            put_number(&mut self.out, block.body.len() as u64);
        }
        self.out.extend_from_slice(block.body);
        self.home.clock = self.home.clock.saturating_add(block.units);
        self.right = block.right;
    }

    fn delete(&mut self, deleted: Option<Span>, client: u64, start: u32, len: u32) {
        let unit = Unit {
            client,
            clock: start,
        };
        let form = if len != 1 {
            DELETE_RANGE
        } else if before(self.home) == Some(unit) {
            DELETE_OWN_LAST
        } else {
            match deleted {
                Some(span) if span.client == client && start.checked_add(1) == Some(span.start) => {
                    DELETE_BEFORE
                }
                Some(span) if span.client == client && start == span.end => DELETE_AFTER,
                Some(_) | None => DELETE_ONE,
            }
        };
        self.out.push(FORM_DELETE | form << 3);
        if form == DELETE_ONE || form == DELETE_RANGE {
            self.unit(unit, deleted_base(deleted, self.home));
        }
        if form == DELETE_RANGE {
            put_number(&mut self.out, u64::from(len));
        }
    }

    /// A unit: its distance from `base` where the client is the same, else from what was last named
    /// of its client; the lowest bit says which.
    fn unit(&mut self, unit: Unit, base: Unit) {
        if unit.client == base.client {
            let step = i64::from(unit.clock).wrapping_sub(i64::from(base.clock));
            put_number(&mut self.out, zigzag(step).wrapping_shl(1));
        } else {
            let near = self.crowd.near(unit.client);
            let step = i64::from(unit.clock).wrapping_sub(i64::from(near));
            put_number(&mut self.out, zigzag(step).wrapping_shl(1) | 1);
            self.client(unit.client);
        }
    }

    /// A client: its place in the table from 1, or 0 and the client itself.
    fn client(&mut self, client: u64) {
        let known = self.crowd.clients.len();
        let fresh = self.fresh.iter().position(|fresh| *fresh == client);
        let place = self
            .crowd
            .place(client)
            .or_else(|| fresh.and_then(|at| known.checked_add(at)));
        match place {
            Some(at) => put_number(&mut self.out, (at as u64).saturating_add(1)),
            None => {
                self.out.push(0);
                put_number(&mut self.out, client);
                self.fresh.push(client);
            }
        }
    }
}
