//! The delete set of an update (F13, with F2, F9 and F12): whose units, which, in order, all known to
//! the author. A delete of ids outside the declared past would be taken by one replica and refused
//! by another.

#![deny(clippy::arithmetic_side_effects)]

use super::{chains::Unit, read::Reader, rule::BodyRule, scan::Scan, view::View};
use crate::{id::ChainIdx, limits};
use std::cmp::Ordering;

impl Scan {
    /// Reads the delete set; answers of how many clients it deletes.
    pub(super) fn delete_set(
        &mut self,
        view: &View<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<u64, BodyRule> {
        let at = reader.at();
        let clients = reader.var()?;
        // A client takes four bytes at least: id, count, and one range of two numbers.
        if clients.saturating_mul(4) > reader.left() as u64 {
            return Err(BodyRule::DeleteClients { at });
        }
        let mut ranges_left = limits::UPDATE_RANGES_MAX as u64;
        let mut before: Option<u64> = None;
        let mut direction = Ordering::Equal;
        let mut covered = 0usize;
        for _ in 0..clients {
            let at = reader.at();
            let client = reader.client()?;
            // Yrs writes clients in rising order, Yjs in falling; either is strict.
            if let Some(before) = before {
                let step = client.cmp(&before);
                if step == Ordering::Equal || (direction != Ordering::Equal && step != direction) {
                    return Err(BodyRule::DeleteClients { at });
                }
                direction = step;
            }
            before = Some(client);
            self.delete_ranges(view, reader, client, &mut ranges_left, &mut covered)?;
        }
        match self.gone.get(covered) {
            Some(gone) => Err(gone.rule()),
            None => Ok(clients),
        }
    }

    /// One client's ranges: not empty, rising, with gaps between, and not past what was seen.
    /// `covered` counts the author's own units that they must delete (F2, F9).
    fn delete_ranges(
        &mut self,
        view: &View<'_>,
        reader: &mut Reader<'_>,
        client: u64,
        ranges_left: &mut u64,
        covered: &mut usize,
    ) -> Result<(), BodyRule> {
        let at = reader.at();
        let count = reader.var()?;
        if count == 0 {
            return Err(BodyRule::DeleteRanges { at });
        }
        let most = (*ranges_left).min(reader.left() as u64 / 2);
        if count > most {
            return Err(BodyRule::DeleteCount { count });
        }
        *ranges_left = ranges_left.saturating_sub(count);
        let mut before: Option<u32> = None;
        for _ in 0..count {
            let at = reader.at();
            let (start, len) = (reader.clock()?, reader.clock()?);
            let touches = before.is_some_and(|before| start <= before);
            let (false, Some(last)) = (touches, len.checked_sub(1)) else {
                return Err(BodyRule::DeleteRanges { at });
            };
            let last = start.saturating_add(last);
            let chain = view.unit(client, last, self.end)?.chain;
            let end = last.saturating_add(1);
            self.delete_borders(view, chain, start, end)?;
            if chain == view.author {
                while let Some(gone) = self.gone.get(*covered)
                    && start <= gone.start
                    && gone.end <= end
                {
                    *covered = covered.saturating_add(1);
                }
            }
            self.deleted = self.deleted.saturating_add(len);
            before = Some(end);
        }
        Ok(())
    }

    /// F12: neither border of a range parts a character.
    fn delete_borders(
        &self,
        view: &View<'_>,
        chain: ChainIdx,
        start: u32,
        end: u32,
    ) -> Result<(), BodyRule> {
        self.not_second_half(
            view,
            Unit {
                chain,
                clock: start,
            },
        )?;
        self.not_second_half(view, Unit { chain, clock: end })
    }
}
