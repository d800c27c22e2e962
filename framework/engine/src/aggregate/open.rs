//! How a set is opened: leave for it first, then its place in the map, then in the agenda.

use std::sync::Arc;

use stook_plugin::SetKey;
use stook_types::{CollectorId, MonoTime};

use super::add::Arriving;
use super::room::{NoRoom, Room};
use super::{Aggregate, expect};
use crate::agenda::Filed;
use crate::aggregator::Verdict;
use crate::memory::Held;
use crate::release::Released;
use crate::set::{OpenSet, Set, Slot};
use crate::sync::atomic::Ordering;

/// Leave to open a set, and whom the set will wait for. Got before a slot is locked, since it may release other sets.
pub(super) struct Opening<'a> {
    pub(super) room: Room<'a>,
    pub(super) expected: Arc<[CollectorId]>,
}

impl Aggregate {
    /// Leave to open a set.
    pub(super) fn opening(
        &self,
        now: MonoTime,
        arriving: &mut Arriving<'_>,
        out: &mut Vec<Released>,
    ) -> Result<Opening<'_>, Verdict> {
        let expected = arriving.expected.get_or_insert_with(|| self.expected()).clone();
        match self.make_room(now, out) {
            Ok(room) => Ok(Opening { room, expected }),
            Err(NoRoom::Refuse(reason)) => Err(Verdict::Refused(reason)),
            Err(NoRoom::Wait) => Err(Verdict::Parked),
        }
    }

    /// As [`opening`](Self::opening), for a duplicate: of a set that waits for its collector, and if it is an answer. Another
    /// set would have nothing to gain from an answer without content.
    pub(super) fn opening_by_duplicate(
        &self,
        now: MonoTime,
        arriving: &mut Arriving<'_>,
        out: &mut Vec<Released>,
    ) -> Result<Opening<'_>, Verdict> {
        let answers = arriving.last || !self.awaits_last;
        let expected = arriving.expected.get_or_insert_with(|| self.expected());
        if !answers || !expected.contains(&arriving.collector) {
            return Err(Verdict::Duplicate);
        }
        self.opening(now, arriving, out).map_err(|verdict| match verdict {
            Verdict::Parked => Verdict::Parked,
            _ => Verdict::Duplicate,
        })
    }

    /// Puts an open set of the first generation into the map, unless there is one of any generation.
    pub(super) fn insert(
        &self,
        now: MonoTime,
        key: &SetKey,
        expected: &[CollectorId],
        held: Held,
        room: Room<'_>,
    ) {
        let number = self.next_number();
        let members = expect::members(expected);
        let set = Set::new(key.clone(), OpenSet::new(number, 1, now, members, held));
        if self.sets.insert(&set) {
            room.use_up();
            self.opened(&set, number, expected);
        }
    }

    /// Puts an open set of this generation into the place of a released one. Gives its number, for [`opened`](Self::opened)
    /// when the slot is unlocked.
    pub(super) fn reopen(
        &self,
        now: MonoTime,
        slot: &mut Slot,
        generation: u64,
        expected: &[CollectorId],
        held: Held,
        room: Room<'_>,
    ) -> u64 {
        let number = self.next_number();
        *slot = Slot::Open(Box::new(OpenSet::new(number, generation, now, expect::members(expected), held)));
        room.use_up();
        number
    }

    /// What follows the opening of a set: its place in the agenda, and who learns that it waits for them. True if
    /// one of them is dead.
    pub(super) fn opened(&self, set: &Arc<Set>, number: u64, expected: &[CollectorId]) -> bool {
        let mut agenda = self.agenda();
        // Whoever has closed it since does not look for it in the agenda again.
        if let Slot::Open(open) = &mut *set.lock()
            && open.number == number
        {
            open.filed = Filed { due: self.deadline(open), idle: open.touched };
            agenda.opened(set, number, open.filed);
        }
        drop(agenda);
        self.await_members(set, number, expected)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}
