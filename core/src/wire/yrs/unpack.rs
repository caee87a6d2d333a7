//! Rebuilding an update from the compact form. Faces hostile bytes: what it writes is bounded, and
//! apart from the update itself it holds nothing that grows with the input but the clients named.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    CONTROL_CLIENT, CONTROL_CLOCK, CONTROL_RAW, Crowd, DELETE_AFTER, DELETE_BEFORE, DELETE_ONE,
    DELETE_OWN_LAST, DELETE_RANGE, FORM_CONTROL, FORM_DELETE, FORM_SEVERAL, LEFT_CODED, LEFT_NONE,
    LEFT_OWN_LAST, LEFT_SPLIT, Pen, RIGHT_CODED, RIGHT_NONE, RIGHT_SAME, SEVERAL_GENERAL,
    SEVERAL_REPLACE, Span, Trail, after, before,
    pack::deleted_base,
    update::{Block, Content, Parent, Unit, units_of},
};
use crate::{
    limits,
    wire::bytes::{FormError, Reader, put_number, unzigzag},
};

/// Rebuilds an update and moves on what both ends know. On an error `pen` and `crowd` are as they
/// were, but the stream's context is lost all the same: the sender has moved on.
pub fn unpack(compact: &[u8], pen: &mut Pen, crowd: &mut Crowd) -> Result<Vec<u8>, FormError> {
    let (update, trail) = rebuild(compact, pen, crowd)?;
    pen.learn(&trail);
    crowd.learn(&trail);
    Ok(update)
}

/// The update and what it teaches.
pub(super) fn rebuild(
    compact: &[u8],
    pen: &Pen,
    crowd: &Crowd,
) -> Result<(Vec<u8>, Trail), FormError> {
    let mut r = Reader::new(compact);
    let mut first = r.byte("form")?;
    let mut home = pen.home();
    let mut anchored = pen.client.is_some();
    if first & 7 == FORM_CONTROL {
        match first >> 3 {
            CONTROL_RAW => {
                let update = r.rest();
                bounded(update)?;
                return Ok((update.to_vec(), Trail::default()));
            }
            CONTROL_CLOCK if anchored => {}
            CONTROL_CLIENT => {
                home.client = r.number("client")?;
                anchored = true;
            }
            value => {
                return Err(FormError::Unknown {
                    what: "control form",
                    value: u64::from(value),
                });
            }
        }
        home.clock = clock_of(r.number("clock")?)?;
        first = r.byte("form")?;
    }
    let mut builder = Builder {
        r,
        out: Vec::with_capacity(48),
        home,
        anchored,
        right: pen.right,
        crowd,
        trail: Trail::default(),
        fresh: Vec::new(),
    };
    match first & 7 {
        FORM_DELETE => builder.delete(first >> 3, pen.deleted)?,
        FORM_SEVERAL => match first >> 3 {
            SEVERAL_GENERAL => builder.general()?,
            SEVERAL_REPLACE => builder.replace(pen.deleted)?,
            value => {
                return Err(FormError::Unknown {
                    what: "form of several parts",
                    value: u64::from(value),
                });
            }
        },
        FORM_CONTROL => {
            return Err(FormError::Unknown {
                what: "form",
                value: u64::from(first),
            });
        }
        _ => {
            builder.section(1)?;
            builder.block(first, true)?;
            builder.out.push(0);
            builder.inserted();
        }
    }
    builder.r.end("the update")?;
    bounded(&builder.out)?;
    Ok((builder.out, builder.trail))
}

/// Checks the length that every payload is bound to.
fn bounded(update: &[u8]) -> Result<(), FormError> {
    if update.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(FormError::TooMany {
            what: "update bytes",
            count: update.len() as u64,
            max: limits::PAYLOAD_BYTES_MAX as u64,
        });
    }
    Ok(())
}

fn clock_of(value: u64) -> Result<u32, FormError> {
    u32::try_from(value).map_err(|_| FormError::Range { what: "clock" })
}

struct Builder<'a> {
    r: Reader<'a>,
    out: Vec<u8>,
    home: Unit,
    /// Whether the author's client is known; only deletions may come without.
    anchored: bool,
    right: Option<Unit>,
    crowd: &'a Crowd,
    trail: Trail,
    fresh: Vec<u64>,
}

impl<'a> Builder<'a> {
    /// The head of the client section.
    fn section(&mut self, blocks: usize) -> Result<(), FormError> {
        if !self.anchored {
            return Err(FormError::Context {
                what: "the author's client",
            });
        }
        self.out.push(1);
        put_number(&mut self.out, blocks as u64);
        put_number(&mut self.out, self.home.client);
        put_number(&mut self.out, u64::from(self.home.clock));
        Ok(())
    }

    /// Notes where the author's pen rests after its blocks.
    fn inserted(&mut self) {
        self.trail.inserted = Some((self.home.client, self.home.clock, self.right));
        self.trail.named.push(self.home);
    }

    fn block(&mut self, byte: u8, last: bool) -> Result<(), FormError> {
        let code = byte & 7;
        let content = Content::ALL
            .into_iter()
            .find(|content| content.code() == code)
            .ok_or(FormError::Unknown {
                what: "block content",
                value: u64::from(code),
            })?;
        let (left_mode, right_mode, keyed) = (byte >> 3 & 3, byte >> 5 & 3, byte >> 7 == 1);
        let left = match left_mode {
            LEFT_NONE => None,
            LEFT_OWN_LAST => Some(before(self.home).ok_or(FormError::Range { what: "left" })?),
            LEFT_CODED | LEFT_SPLIT => Some(self.unit(self.home)?),
            _ => None,
        };
        let right = match (left, right_mode) {
            (Some(left), RIGHT_NONE) if left_mode == LEFT_SPLIT => {
                Some(after(left).ok_or(FormError::Range { what: "right" })?)
            }
            (_, RIGHT_NONE) => None,
            (_, RIGHT_SAME) if left_mode != LEFT_SPLIT => {
                Some(self.right.ok_or(FormError::Context {
                    what: "the last right origin",
                })?)
            }
            (_, RIGHT_CODED) if left_mode != LEFT_SPLIT => {
                Some(self.unit(left.unwrap_or(self.home))?)
            }
            _ => {
                return Err(FormError::Unknown {
                    what: "right origin's mode",
                    value: u64::from(right_mode),
                });
            }
        };
        let (mut parent, mut key) = (None, &[][..]);
        if left.is_none() && right.is_none() {
            parent = Some(
                match self
                    .r
                    .count(limits::PAYLOAD_BYTES_MAX, "root name")?
                    .checked_sub(1)
                {
                    Some(len) => Parent::Root(self.r.take(len, "root name")?),
                    None => Parent::Item(self.unit(self.home)?),
                },
            );
            if keyed {
                key = self.r.bytes(limits::PAYLOAD_BYTES_MAX, "key")?;
            }
        }
        let body = if last {
            self.r.rest()
        } else {
            self.r.bytes(limits::PAYLOAD_BYTES_MAX, "content")?
        };
        let units = units_of(content, body)?;
        Block {
            left,
            right,
            parent,
            keyed,
            key,
            content,
            body,
            units,
        }
        .encode(&mut self.out);
        self.home.clock = self.home.clock.checked_add(units).ok_or(FormError::Range {
            what: "clock after a block",
        })?;
        self.right = right;
        Ok(())
    }

    fn delete(&mut self, form: u8, deleted: Option<Span>) -> Result<(), FormError> {
        let lost = FormError::Context {
            what: "the last deletion",
        };
        let start = match form {
            DELETE_OWN_LAST if self.anchored => before(self.home),
            DELETE_BEFORE => {
                let span = deleted.ok_or(lost)?;
                before(Unit {
                    client: span.client,
                    clock: span.start,
                })
            }
            DELETE_AFTER => deleted.map(|span| Unit {
                client: span.client,
                clock: span.end,
            }),
            DELETE_ONE | DELETE_RANGE => Some(self.unit(deleted_base(deleted, self.home))?),
            value => {
                return Err(FormError::Unknown {
                    what: "delete form",
                    value: u64::from(value),
                });
            }
        };
        let start = start.ok_or(FormError::Range { what: "deletion" })?;
        let len = if form == DELETE_RANGE {
            clock_of(self.r.number("deleted length")?)?
        } else {
            1
        };
        self.out.push(0);
        self.deletion(start, len)
    }

    /// A delete set of one range.
    fn deletion(&mut self, start: Unit, len: u32) -> Result<(), FormError> {
        self.out.push(1);
        put_number(&mut self.out, start.client);
        self.out.push(1);
        self.range(start, len)
    }

    fn range(&mut self, start: Unit, len: u32) -> Result<(), FormError> {
        put_number(&mut self.out, u64::from(start.clock));
        put_number(&mut self.out, u64::from(len));
        let end = start.clock.checked_add(len).ok_or(FormError::Range {
            what: "end of a deletion",
        })?;
        self.trail.deleted = Some(Span {
            client: start.client,
            start: start.clock,
            end,
        });
        Ok(())
    }

    fn replace(&mut self, deleted: Option<Span>) -> Result<(), FormError> {
        let start = self.unit(deleted_base(deleted, self.home))?;
        let len = clock_of(self.r.number("deleted length")?)?;
        self.section(1)?;
        let byte = self.r.byte("block")?;
        self.block(byte, true)?;
        self.inserted();
        self.deletion(start, len)
    }

    fn general(&mut self) -> Result<(), FormError> {
        let blocks = self
            .r
            .count(limits::UPDATE_BLOCKS_MAX.min(self.r.left()), "blocks")?;
        if blocks > 0 {
            self.section(blocks)?;
            for _ in 0..blocks {
                let byte = self.r.byte("block")?;
                self.block(byte, false)?;
            }
            self.inserted();
        } else {
            self.out.push(0);
        }
        let clients = self.r.count(self.r.left(), "delete clients")?;
        put_number(&mut self.out, clients as u64);
        let mut ranges_left = limits::UPDATE_RANGES_MAX;
        for _ in 0..clients {
            let client = self.client()?;
            let ranges = self
                .r
                .count(ranges_left.min(self.r.left()), "delete ranges")?;
            ranges_left = ranges_left.saturating_sub(ranges);
            put_number(&mut self.out, client);
            put_number(&mut self.out, ranges as u64);
            let mut near = self.crowd.near(client);
            for _ in 0..ranges {
                let clock = i64::from(near)
                    .checked_add(self.r.signed("start of a deletion")?)
                    .and_then(|clock| u32::try_from(clock).ok())
                    .ok_or(FormError::Range { what: "deletion" })?;
                let len = clock_of(self.r.number("deleted length")?)?;
                self.range(Unit { client, clock }, len)?;
                near = clock.saturating_add(len);
            }
            self.trail.named.push(Unit {
                client,
                clock: near,
            });
        }
        Ok(())
    }

    /// Reads what `Writer::unit` wrote.
    fn unit(&mut self, base: Unit) -> Result<Unit, FormError> {
        let coded = self.r.number("unit")?;
        let step = unzigzag(coded >> 1);
        let (client, near) = if coded & 1 == 0 {
            (base.client, base.clock)
        } else {
            let client = self.client()?;
            (client, self.crowd.near(client))
        };
        let clock = i64::from(near)
            .checked_add(step)
            .and_then(|clock| u32::try_from(clock).ok())
            .ok_or(FormError::Range { what: "unit" })?;
        let unit = Unit { client, clock };
        if coded & 1 == 1 {
            self.trail.named.push(unit);
        }
        Ok(unit)
    }

    fn client(&mut self) -> Result<u64, FormError> {
        let Some(at) = self.r.number("client")?.checked_sub(1) else {
            let client = self.r.number("client")?;
            self.fresh.push(client);
            return Ok(client);
        };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        match self.crowd.clients.get(at) {
            Some(known) => Ok(known.id),
            None => at
                .checked_sub(self.crowd.clients.len())
                .and_then(|at| self.fresh.get(at))
                .copied()
                .ok_or(FormError::Context { what: "a client" }),
        }
    }
}
