//! Taking a foreign editor's update apart. A change set carries one run of one client, as large as
//! the limits allow; a Yjs client sends one transaction, which may be larger, and when it connects
//! all that the other side lacks: what it wrote under several client ids, and every deletion it
//! knows of. Nothing is judged here: each piece is, as any other change set.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    ids::{IdRuns, ItemId},
    loose::{BLOCK_UNITS_MAX, Block},
    read::Reader,
    rule::BodyRule,
};
use crate::limits;
use std::collections::{BTreeMap, VecDeque};
use yrs::encoding::write::Write;

/// Bytes of a payload that are kept free for its frame and deletions: 18 for each range.
const RESERVED_BYTES: usize = limits::UPDATE_RANGES_MAX * 18 + 64;
/// Bytes for a payload's blocks.
const BLOCK_BYTES_MAX: usize = limits::PAYLOAD_BYTES_MAX - RESERVED_BYTES;
/// The payload of one change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Whose change set it is: the client that wrote its units, or that sends its deletions.
    pub client: u64,
    /// The update, lib0 v1.
    pub payload: Vec<u8>,
}

/// What a replica has already, as far as splitting needs to know.
pub struct Had<'a> {
    /// The clock of each client here; 0 where there is none.
    pub clock: &'a dyn Fn(u64) -> u32,
    /// The units that are deleted here. May be left empty where the update is one transaction's:
    /// then what was deleted before is deleted again, which does no harm.
    pub deleted: &'a IdRuns,
}

/// Takes an update apart into the payloads that bring what is new in it, in an order in which each
/// names only what is known or came in a piece before. `sender` is the client that sends it:
/// deletions of older units are laid to it. A piece has at most `blocks` blocks: fewer are asked
/// for where a larger piece was refused because its parts were written at different pasts.
///
/// Takes memory of up to a hundred times the update, which the caller bounds.
///
/// # Errors
/// Bytes that are no update. [`BodyRule::Clock`] where the update begins above what is known of a
/// client, and [`BodyRule::Unknown`] where it names what nobody has: the sender is to be asked for
/// all that is lacking.
pub fn split(
    update: &[u8],
    sender: u64,
    had: &Had<'_>,
    blocks: usize,
) -> Result<Vec<Piece>, BodyRule> {
    let mut reader = Reader::new(update);
    let mut queues = sections(&mut reader, had)?;
    let mut deleted = deletions(&mut reader, had)?;
    let mut clocks = BTreeMap::new();
    let mut pieces = Vec::new();
    let blocks = blocks.clamp(1, limits::UPDATE_BLOCKS_MAX);
    loop {
        let mut progress = false;
        // The sender's own last, so that what it deletes finds a piece to go with.
        let (own, others): (Vec<u64>, _) = queues.keys().partition(|client| **client == sender);
        for client in others.into_iter().chain(own) {
            while let Some(run) = next_run(client, &mut queues, &mut clocks, had, blocks) {
                progress = true;
                pieces.push((client, run));
            }
        }
        queues.retain(|_, queue| !queue.is_empty());
        if queues.is_empty() {
            break;
        }
        if !progress {
            let lacking = queues.iter().find_map(|(client, queue)| {
                let block = queue.front()?;
                lacking(block, *client, &clocks, had)
            });
            let (client, clock) = lacking.unwrap_or_default();
            return Err(BodyRule::Unknown { client, clock });
        }
    }
    Ok(written(pieces, sender, &mut deleted))
}

fn sections<'a>(
    reader: &mut Reader<'a>,
    had: &Had<'_>,
) -> Result<BTreeMap<u64, VecDeque<Block<'a>>>, BodyRule> {
    let mut queues: BTreeMap<u64, VecDeque<Block<'a>>> = BTreeMap::new();
    for _ in 0..reader.var()? {
        let count = reader.var()?;
        if count > reader.left() as u64 {
            return Err(BodyRule::Blocks { count });
        }
        let client = reader.client()?;
        let mut clock = reader.clock()?;
        let expected = (had.clock)(client);
        if count > 0 && clock > expected {
            return Err(BodyRule::Clock {
                found: clock,
                expected,
            });
        }
        let queue = queues.entry(client).or_default();
        if !queue.is_empty() {
            return Err(BodyRule::Sections { count: 2 });
        }
        for _ in 0..count {
            let block = Block::read(reader, clock)?;
            clock = match clock.checked_add(block.len) {
                Some(end) if end <= limits::CLOCK_MAX => end,
                _ => return Err(BodyRule::ClockRange),
            };
            if clock > expected {
                let known = expected.saturating_sub(block.clock);
                queue.extend(block.after(client, known));
            }
        }
    }
    Ok(queues)
}

/// What is deleted and was not before.
fn deletions(reader: &mut Reader<'_>, had: &Had<'_>) -> Result<IdRuns, BodyRule> {
    let mut deleted = IdRuns::default();
    for _ in 0..reader.var()? {
        let client = reader.client()?;
        for _ in 0..reader.var()? {
            let clock = reader.clock()?;
            let id = ItemId { client, clock };
            for (id, len) in had.deleted.gaps(id, reader.clock()?) {
                deleted.insert(id, len);
            }
        }
    }
    match u32::try_from(reader.left()) {
        Ok(0) => Ok(deleted),
        Ok(bytes) => Err(BodyRule::Trailing { bytes }),
        Err(_) => Err(BodyRule::Trailing { bytes: u32::MAX }),
    }
}

/// The longest run of a client's next blocks that names only what is known by now.
fn next_run<'a>(
    client: u64,
    queues: &mut BTreeMap<u64, VecDeque<Block<'a>>>,
    clocks: &mut BTreeMap<u64, u32>,
    had: &Had<'_>,
    most: usize,
) -> Option<Vec<Block<'a>>> {
    let queue = queues.get_mut(&client)?;
    let mut run = Vec::new();
    let mut bytes = 0usize;
    while let Some(block) = queue.front() {
        let room = BLOCK_BYTES_MAX.saturating_sub(bytes);
        if run.len() == most || lacking(block, client, clocks, had).is_some() {
            break;
        }
        if block.bytes() > room {
            if !run.is_empty() {
                break;
            }
            // One block alone is too large: its head goes now.
            let (head, rest) = block.cut(client, BLOCK_UNITS_MAX)?;
            queue.pop_front();
            queue.push_front(rest);
            queue.push_front(head);
            continue;
        }
        bytes = bytes.saturating_add(block.bytes());
        let block = queue.pop_front()?;
        clocks.insert(client, block.clock.saturating_add(block.len));
        run.push(block);
    }
    (!run.is_empty()).then_some(run)
}

/// The first id that a block of a client names and nobody has.
fn lacking(
    block: &Block<'_>,
    client: u64,
    clocks: &BTreeMap<u64, u32>,
    had: &Had<'_>,
) -> Option<(u64, u32)> {
    [block.left, block.right, block.parent]
        .into_iter()
        .flatten()
        .find(|(of, clock)| {
            // What it names of its own stands before it in the same queue.
            let known = match clocks.get(of) {
                _ if *of == client => block.clock,
                Some(known) => *known,
                None => (had.clock)(*of),
            };
            *clock >= known
        })
}

/// Lays each deletion to the piece that brings its unit, or to the sender, and writes all out.
fn written(runs: Vec<(u64, Vec<Block<'_>>)>, sender: u64, deleted: &mut IdRuns) -> Vec<Piece> {
    let mut pieces: Vec<(u64, Vec<Block<'_>>, IdRuns)> = Vec::with_capacity(runs.len());
    let mut rest = deleted.clone();
    for (client, run) in runs {
        let mut own = IdRuns::default();
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let clock = first.clock;
            let len = last.clock.saturating_add(last.len).saturating_sub(clock);
            for (id, len) in deleted.parts(ItemId { client, clock }, len) {
                own.insert(id, len);
            }
        }
        rest = without(&rest, &own);
        pieces.push((client, run, own));
    }
    let mut rest: Vec<(ItemId, u32)> = rest.iter().collect();
    if let Some((client, _, own)) = pieces.last_mut()
        && *client == sender
    {
        let room = limits::UPDATE_RANGES_MAX.saturating_sub(own.runs());
        for (id, len) in rest.drain(..room.min(rest.len())) {
            own.insert(id, len);
        }
    }
    for ranges in rest.chunks(limits::UPDATE_RANGES_MAX) {
        let mut alone = IdRuns::default();
        for (id, len) in ranges {
            alone.insert(*id, *len);
        }
        pieces.push((sender, Vec::new(), alone));
    }
    pieces
        .into_iter()
        .map(|(client, run, deleted)| Piece {
            client,
            payload: payload(client, &run, &deleted),
        })
        .collect()
}

fn without(set: &IdRuns, other: &IdRuns) -> IdRuns {
    let mut left = IdRuns::default();
    for (id, len) in set.iter() {
        for (id, len) in other.gaps(id, len) {
            left.insert(id, len);
        }
    }
    left
}

fn payload(client: u64, run: &[Block<'_>], deleted: &IdRuns) -> Vec<u8> {
    let mut out = Vec::new();
    match run.first() {
        None => out.push(0),
        Some(first) => {
            out.push(1);
            out.write_var(run.len() as u64);
            out.write_var(client);
            out.write_var(first.clock);
        }
    }
    for block in run {
        block.write(&mut out);
    }
    let mut clients: BTreeMap<u64, Vec<(u32, u32)>> = BTreeMap::new();
    for (id, len) in deleted.iter() {
        clients.entry(id.client).or_default().push((id.clock, len));
    }
    out.write_var(clients.len() as u64);
    for (client, ranges) in clients {
        out.write_var(client);
        out.write_var(ranges.len() as u64);
        for (clock, len) in ranges {
            out.write_var(clock);
            out.write_var(len);
        }
    }
    out
}
