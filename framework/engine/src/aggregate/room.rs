//! Limits: room for one more set.

use stook_plugin::{Reason, SetKey};
use stook_types::{MonoTime, Refusal};

use super::Aggregate;
use crate::agenda::Agenda;
use crate::memory::Footprint;
use crate::release::Released;
use crate::set::Slot;
use crate::spec::WhenFull;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::timeline::Entry;

/// Leave to open one more set. Unused, it is given back.
pub(super) struct Room<'a>(Option<&'a Aggregate>);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Refuse what wanted it.
    Refuse(Refusal),
    /// There will be some when a set has been released or taken by its sinks: offer it again then.
    Wait,
}

impl Room<'_> {
    pub(super) fn use_up(mut self) {
        self.0 = None;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(aggregate) = self.0 {
            aggregate.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Aggregate {
    /// What a set costs in memory beside its results, if it expects so many.
    pub(super) fn set_cost(key: &SetKey, expected: usize) -> usize {
        Footprint::SET + Footprint::key(key) + expected * Footprint::MEMBER
    }

    /// Leave to open one more set, if need be after releasing the longest idle one.
    pub(super) fn make_room(&self, now: MonoTime, out: &mut Vec<Released>) -> Result<Room<'_>, NoRoom> {
        let limit = self.spec.limits.sets;
        loop {
            let one_more = |open: usize| (open < limit).then_some(open + 1);
            if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
                return Ok(Room(Some(self)));
            }
            match self.spec.limits.when_full {
                WhenFull::Refuse => return Err(NoRoom::Refuse(Refusal::SetFull)),
                WhenFull::Backpressure => return Err(NoRoom::Wait),
                WhenFull::EmitOldest if self.evict_one(now, out) => {}
                // Every open set is in other hands right now: they are being released.
                WhenFull::EmitOldest => return Err(NoRoom::Wait),
            }
        }
    }

    /// Releases the longest idle open set. False if there is none.
    pub(crate) fn evict_one(&self, now: MonoTime, out: &mut Vec<Released>) -> bool {
        while let Some((agenda, Entry { number, set, .. })) = self.pop_longest_idle() {
            drop(agenda);
            if self.release_if_open(now, &set, number, Reason::Evicted, out) {
                return true;
            }
        }
        false
    }

    /// Since when the longest idle open set has been idle.
    pub(crate) fn idle_since(&self) -> Option<MonoTime> {
        let (mut agenda, longest) = self.pop_longest_idle()?;
        let since = longest.at;
        agenda.put_idle(longest);
        Some(since)
    }

    /// Takes the longest idle open set out of the agenda. One that comes up before its time is put back with it.
    fn pop_longest_idle(&self) -> Option<(MutexGuard<'_, Agenda>, Entry)> {
        loop {
            let mut agenda = self.agenda();
            let entry = agenda.pop_idle()?;
            let at = match &mut *entry.set.lock() {
                Slot::Open(open) if open.number == entry.number => {
                    open.filed.idle = entry.at.max(open.touched);
                    open.filed.idle
                }
                _ => continue,
            };
            if at == entry.at {
                return Some((agenda, entry));
            }
            agenda.put_idle(Entry { at, ..entry });
        }
    }
}
