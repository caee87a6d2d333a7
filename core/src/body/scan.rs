//! The structural scan of one update: F1-F12 over its blocks, in one pass, without recursion,
//! into reused memory. What it finds is what [`super::order`] and [`super::index`] take in.
//! The delete set follows in [`super::deletes`].

#![deny(clippy::arithmetic_side_effects)]

use super::{
    chains::Unit,
    content,
    index::{self, Container, Run, Seat},
    places::{self, ContainerKind, Content},
    read::Reader,
    rule::BodyRule,
    surrogate::SecondHalves,
    view::View,
};
use crate::limits;

const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const IS_ATTRIBUTE: u8 = 0x20;
const HAS_NO_MEANING: u8 = 0x10;
/// The header of units that have no place any more.
const COLLECTED: u8 = 0;

/// One block of a sequence: `len` units between two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<S> {
    pub(super) seat: S,
    pub(super) left: Option<Unit>,
    pub(super) right: Option<Unit>,
    pub(super) clock: u32,
    pub(super) len: u32,
}

/// A container that the update makes at a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) kind: ContainerKind,
    pub(super) depth: u16,
    pub(super) clock: u32,
}

/// Units that the delete set must cover: the values that an attribute had before its last, and
/// what the engine has dropped the content of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    pub(super) start: u32,
    pub(super) end: u32,
    tombstone: bool,
}

impl Gone {
    fn values(start: u32, end: u32) -> Self {
        Gone {
            start,
            end,
            tombstone: false,
        }
    }

    fn tombstone(start: u32, end: u32) -> Self {
        Gone {
            start,
            end,
            tombstone: true,
        }
    }

    /// The rule that is broken where they are not deleted.
    pub(super) fn rule(&self) -> BodyRule {
        let clock = self.start;
        if self.tombstone {
            BodyRule::Tombstone { clock }
        } else {
            BodyRule::AttributeValues { clock }
        }
    }
}

/// What a scan found. The vectors keep their memory between updates; each holds at most one entry
/// per block, range or character, all of which are bounded by the update's bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    /// The sequence blocks, by clock.
    pub(super) items: Vec<Item<Seat>>,
    /// The places of all blocks, by clock.
    pub(super) runs: Vec<Run<Seat>>,
    /// The containers it makes, by clock.
    pub(super) made: Vec<Made>,
    /// The second halves in its texts.
    pub(super) halves: SecondHalves,
    /// What the delete set must cover, by clock.
    pub(super) gone: Vec<Gone>,
    /// The author's clock after it.
    pub(super) end: u32,
    /// How many units it deletes.
    pub(super) deleted: u32,
}

/// Where a block stands.
#[derive(Clone, Copy)]
struct Spot {
    seat: Seat,
    attribute: bool,
}

impl Scan {
    /// Reads a whole update.
    pub(super) fn read(&mut self, view: &View<'_>, bytes: &[u8]) -> Result<(), BodyRule> {
        self.clear(view.base);
        if bytes.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(BodyRule::Size {
                bytes: bytes.len() as u64,
            });
        }
        let mut reader = Reader::new(bytes);
        let sections = reader.var()?;
        match sections {
            0 => {}
            1 => self.section(view, &mut reader)?,
            count => return Err(BodyRule::Sections { count }),
        }
        let clients = self.delete_set(view, &mut reader)?;
        if sections == 0 && clients == 0 {
            return Err(BodyRule::Empty);
        }
        match reader.left() {
            0 => Ok(()),
            left => Err(BodyRule::Trailing {
                bytes: u32::try_from(left).unwrap_or(u32::MAX),
            }),
        }
    }

    fn clear(&mut self, base: u32) {
        self.items.clear();
        self.runs.clear();
        self.made.clear();
        self.halves.clear();
        self.gone.clear();
        self.end = base;
        self.deleted = 0;
    }

    /// F1: the blocks of one client, its author's, from the author's next clock on.
    fn section(&mut self, view: &View<'_>, reader: &mut Reader<'_>) -> Result<(), BodyRule> {
        let count = reader.var()?;
        let most = limits::UPDATE_BLOCKS_MAX.min(reader.left()) as u64;
        if count == 0 || count > most {
            return Err(BodyRule::Blocks { count });
        }
        let found = reader.client()?;
        if found != view.client {
            return Err(BodyRule::Author { found });
        }
        let found = reader.clock()?;
        if found != view.base {
            return Err(BodyRule::Clock {
                found,
                expected: view.base,
            });
        }
        for _ in 0..count {
            self.block(view, reader)?;
        }
        Ok(())
    }

    fn block(&mut self, view: &View<'_>, reader: &mut Reader<'_>) -> Result<(), BodyRule> {
        let (at, clock) = (reader.at(), self.end);
        let header = reader.byte()?;
        if header & HAS_NO_MEANING != 0 {
            return Err(BodyRule::HeaderBit { at });
        }
        if header == COLLECTED {
            return self.collected(reader);
        }
        let reference = header & 0x0f;
        if !matches!(reference, 1 | 4..=8) {
            return Err(BodyRule::Content { at, reference });
        }
        let left = self.neighbour(view, reader, header & HAS_LEFT != 0)?;
        let right = self.neighbour(view, reader, header & HAS_RIGHT != 0)?;
        self.whole_characters(view, left, right)?;
        let attribute = header & IS_ATTRIBUTE != 0;
        let spot = match (left, right) {
            (None, None) => self.parent(view, reader, attribute)?,
            (Some(unit), None) => self.beside(view, unit)?,
            (None, Some(unit)) => self.before(view, unit)?,
            (Some(left), Some(right)) => {
                let spot = self.beside(view, left)?;
                if spot.attribute {
                    return Err(BodyRule::AttributeRight { clock });
                }
                if self.before(view, right)?.seat != spot.seat {
                    return Err(BodyRule::Neighbours { clock });
                }
                spot
            }
        };
        if spot.attribute != attribute {
            return Err(BodyRule::AttributeBit { clock });
        }
        let (content, len) = content::read(reader, reference, clock, &mut self.halves)?;
        let end = match clock.checked_add(len) {
            Some(end) if end <= limits::CLOCK_MAX => end,
            _ => return Err(BodyRule::ClockRange),
        };
        let holder = self.container(view, spot.seat);
        let (kind, depth) = holder.ok_or(BodyRule::Place { clock })?;
        if !places::allows(kind, attribute, content) {
            return Err(BodyRule::Place { clock });
        }
        let own = match content {
            Content::Type(kind) => Some(self.make(kind, depth)?),
            Content::String | Content::Embed | Content::Format | Content::Any => None,
            Content::Tombstone => {
                self.gone.push(Gone::tombstone(clock, end));
                None
            }
        };
        if attribute && len > 1 && content == Content::Any {
            self.gone.push(Gone::values(clock, end));
        }
        if !attribute {
            self.items.push(Item {
                seat: spot.seat,
                left,
                right,
                clock,
                len,
            });
        }
        self.place(Run {
            start: clock,
            seat: spot.seat,
            attribute,
            own,
        });
        self.end = end;
        Ok(())
    }

    /// F2: units that stood in a container which this same update made and deleted. They have no
    /// place, so nobody can name them.
    fn collected(&mut self, reader: &mut Reader<'_>) -> Result<(), BodyRule> {
        let clock = self.end;
        let len = content::tombstone(reader, clock)?;
        let end = match clock.checked_add(len) {
            Some(end) if end <= limits::CLOCK_MAX => end,
            _ => return Err(BodyRule::ClockRange),
        };
        self.gone.push(Gone::tombstone(clock, end));
        self.place(Run {
            start: clock,
            seat: Seat::Held(index::ContainerIdx::NOWHERE),
            attribute: false,
            own: None,
        });
        self.end = end;
        Ok(())
    }

    /// F3: a neighbour's id.
    #[inline]
    fn neighbour(
        &self,
        view: &View<'_>,
        reader: &mut Reader<'_>,
        named: bool,
    ) -> Result<Option<Unit>, BodyRule> {
        if !named {
            return Ok(None);
        }
        let (client, clock) = (reader.client()?, reader.clock()?);
        view.unit(client, clock, self.end).map(Some)
    }

    /// F12: a left neighbour is the last unit of what stands left, a right one the first of what
    /// stands right; neither border may part a character.
    #[inline]
    fn whole_characters(
        &self,
        view: &View<'_>,
        left: Option<Unit>,
        right: Option<Unit>,
    ) -> Result<(), BodyRule> {
        if let Some(left) = left {
            let next = Unit {
                chain: left.chain,
                clock: left.clock.saturating_add(1),
            };
            self.not_second_half(view, next)?;
        }
        match right {
            Some(right) => self.not_second_half(view, right),
            None => Ok(()),
        }
    }

    /// Refuses a border just before a unit that is the second half of a character.
    #[inline]
    pub(super) fn not_second_half(&self, view: &View<'_>, unit: Unit) -> Result<(), BodyRule> {
        let half = if view.is_own(unit) {
            self.halves.holds(unit.clock)
        } else {
            view.chains.is_second_half(unit)
        };
        if half {
            return Err(BodyRule::Surrogate {
                client: view.client_of(unit),
                clock: unit.clock,
            });
        }
        Ok(())
    }

    /// F4: without neighbours a block names its parent: the root, or the unit of a container.
    fn parent(
        &mut self,
        view: &View<'_>,
        reader: &mut Reader<'_>,
        attribute: bool,
    ) -> Result<Spot, BodyRule> {
        let at = reader.at();
        // The engine takes any other number as "an id".
        let seat = match reader.var()? {
            1 if reader.str()? == view.root => Seat::Held(index::ContainerIdx::ROOT),
            1 => return Err(BodyRule::Root { at }),
            0 => {
                let (client, clock) = (reader.client()?, reader.clock()?);
                let unit = view.unit(client, clock, self.end)?;
                self.made_by(view, unit)
                    .ok_or(BodyRule::ParentKind { client, clock })?
            }
            _ => return Err(BodyRule::ParentForm { at }),
        };
        if attribute {
            reader.key()?;
        }
        Ok(Spot { seat, attribute })
    }

    /// F5: right of a unit: in the same container, and an attribute if that is one.
    #[inline]
    fn beside(&self, view: &View<'_>, unit: Unit) -> Result<Spot, BodyRule> {
        let spot = if view.is_own(unit) {
            index::holding(&self.runs, unit.clock).map(|run| Spot {
                seat: run.seat,
                attribute: run.attribute,
            })
        } else {
            view.index.locate(unit).map(|run| Spot {
                seat: Seat::Held(run.seat),
                attribute: run.attribute,
            })
        };
        spot.ok_or_else(|| BodyRule::Unknown {
            client: view.client_of(unit),
            clock: unit.clock,
        })
    }

    /// F5: left of a unit, which is no attribute: attributes have no right neighbour.
    #[inline]
    fn before(&self, view: &View<'_>, unit: Unit) -> Result<Spot, BodyRule> {
        let spot = self.beside(view, unit)?;
        if spot.attribute {
            return Err(BodyRule::AttributeRight { clock: self.end });
        }
        Ok(spot)
    }

    fn made_by(&self, view: &View<'_>, unit: Unit) -> Option<Seat> {
        if !view.is_own(unit) {
            return view.index.made_by(unit).map(Seat::Held);
        }
        let run = index::holding(&self.runs, unit.clock)?;
        run.own.filter(|_| run.start == unit.clock)
    }

    /// The kind and depth of a container.
    #[inline]
    fn container(&self, view: &View<'_>, seat: Seat) -> Option<(ContainerKind, u16)> {
        match seat {
            Seat::Held(at) => {
                let Container { kind, depth, .. } = view.index.container(at)?;
                Some((*kind, *depth))
            }
            Seat::Made(number) => {
                let made = self.made.get(usize::try_from(number).ok()?)?;
                Some((made.kind, made.depth))
            }
        }
    }

    /// F7: containers nest to a bound; deleting, printing and dropping them recurse in the engine.
    fn make(&mut self, kind: ContainerKind, parent_depth: u16) -> Result<Seat, BodyRule> {
        let clock = self.end;
        let depth = parent_depth.saturating_add(1);
        if usize::from(depth) > limits::DEPTH_MAX {
            return Err(BodyRule::Depth { clock });
        }
        let number = u32::try_from(self.made.len()).unwrap_or(u32::MAX);
        self.made.push(Made { kind, depth, clock });
        Ok(Seat::Made(number))
    }

    fn place(&mut self, run: Run<Seat>) {
        if !self.runs.last().is_some_and(|last| last.goes_on(&run)) {
            self.runs.push(run);
        }
    }
}
